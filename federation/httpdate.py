"""Reads and writes the one date format of HTTP headers."""

import datetime as dt
import re

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    rf"(?:{'|'.join(_DAYS)}), (?P<day>\d{{1,2}}) (?P<month>{'|'.join(_MONTHS)}) (?P<year>\d{{4}})"
    r" (?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2}) GMT",
    re.ASCII,
)


def parse_http_date(text: str) -> dt.datetime | None:
    """`Wed, 20 Dec 2023 10:00:00 GMT` as a UTC time; None for anything else."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    month = _MONTHS.index(found["month"]) + 1
    year, day, hour, minute, second = (int(found[part]) for part in ("year", "day", "hour", "minute", "second"))
    try:
        return dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        return None


def http_date(when: dt.datetime) -> str:
    """The header's spelling of a UTC time, whatever language the machine is set to."""
    utc = when.astimezone(dt.UTC)
    return f"{_DAYS[utc.weekday()]}, {utc.day:02} {_MONTHS[utc.month - 1]} {utc:%Y %H:%M:%S} GMT"
