"""One clock for Python and SQL; tests move both, the product only reads them."""

import datetime as dt

UTC = dt.UTC
_offset = dt.timedelta()


def now() -> dt.datetime:
    """The present, in UTC."""
    return dt.datetime.now(UTC) + _offset


def offset() -> dt.timedelta:
    """How far the clock was moved: also `folkmoot.clock_offset` of every database connection."""
    return _offset


def move_to_offset(value: dt.timedelta) -> None:
    """Move Python's clock; only tests call this, together with the database setting that `clock_now()` reads."""
    global _offset
    _offset = value
