"""Time-ordered 64-bit ids made here: 44 bits of milliseconds, 20 of chance; a restored backup repeats none."""

import datetime as dt
import secrets
import threading

from server import clock

_RANDOM_BITS = 20
_lock = threading.Lock()
_last = 0


def new_id() -> int:
    """A new id, greater than every earlier one of this process."""
    global _last
    milliseconds = int(clock.now().timestamp() * 1000)
    candidate = milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    with _lock:
        # Two ids of one millisecond keep the order in which they were asked for.
        _last = candidate if candidate > _last else _last + 1 + secrets.randbits(8)
        return _last


def id_at(moment: dt.datetime) -> int:
    """An id as it might have been made at `moment`, which other servers often tell in whole seconds alone."""
    milliseconds = int(moment.timestamp() * 1000)
    if milliseconds % 1000 == 0:
        # Somewhere within that second: many posts may share it.
        milliseconds += secrets.randbelow(1000)
    return milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)


def parse_id(text: str) -> int | None:
    """The id that `text` shows, or None where it shows none (so that a wrong address is a plain 404)."""
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    value = int(text)
    return value if value < 1 << 63 else None


def token() -> str:
    """An unguessable token for a link or a cookie: 256 bits, URL-safe."""
    return secrets.token_urlsafe(32)
