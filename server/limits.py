"""Rate limits that all processes share: hits per key and window, counted in PostgreSQL."""

import asyncio
import datetime as dt

import msgspec

from server import clock
from server.db import Command, Conn, Database
from server.errors import TooMany


class Limit(msgspec.Struct, frozen=True):
    """At most `hits` within each window of `seconds`."""

    hits: int
    seconds: int


SIGN_IN = Limit(10, 900)
SIGN_UP = Limit(5, 3600)
WRITE = Limit(30, 300)
# Each picture costs a third of a second of the processor.
PICTURES = Limit(40, 3600)
REPORT = Limit(10, 3600)
LOOK_UP = Limit(20, 300)
MAIL_AGAIN = Limit(3, 3600)

HIT = Command(
    """insert into rate_limits (key, window_start, hits) values ($1, $2, $3)
       on conflict (key, window_start) do update set hits = rate_limits.hits + excluded.hits
       returning hits"""
)
FORGET = Command("delete from rate_limits where window_start < clock_now() - interval '1 day'")


async def count(conn: Conn, key: str, limit: Limit, *, hits: int = 1) -> None:
    """Count one hit for `key`, or several at once; raises TooMany beyond the limit.

    Call it in a transaction of its own: a refusal that comes later must not take the hit back.
    """
    now = clock.now().timestamp()
    start = _window(now, limit)
    counted = await HIT.value(conn, key[:200], dt.datetime.fromtimestamp(start, dt.UTC), hits)
    if counted - hits >= limit.hits:
        raise TooMany(max(1, int(start + limit.seconds - now)))


def _window(now: float, limit: Limit) -> int:
    """When the window that `now` lies in began."""
    return int(now // limit.seconds) * limit.seconds


class Booked:
    """Counts busy keys several hits at a time: a process books a few in the table, then uses them up in memory."""

    def __init__(self, db: Database, limit: Limit, at_once: int) -> None:
        self._db = db
        self._limit = limit
        self._at_once = at_once
        self._window = 0
        self._left: dict[str, int] = {}
        self._booking: dict[str, asyncio.Lock] = {}

    async def count(self, key: str) -> bool:
        """As the function of this name, in a transaction of its own. True where it had to book anew."""
        window = _window(clock.now().timestamp(), self._limit)
        if window != self._window:
            self._window, self._left, self._booking = window, {}, {}
        if self._take(key):
            return False
        # Those who come at once wait for one booking: if each of them booked, a few would use up the whole window.
        async with self._booking.setdefault(key, asyncio.Lock()):
            if self._take(key):
                return False
            async with self._db.statement() as conn:
                await count(conn, key, self._limit, hits=self._at_once)
            self._left[key] = self._at_once - 1
            return True

    def _take(self, key: str) -> bool:
        """Use up one hit that is booked already, if there is any."""
        left = self._left.get(key, 0)
        if left:
            self._left[key] = left - 1
        return left > 0


class Remembered:
    """Counts in this process alone, for what must cost no statement; forgets everything when a window ends."""

    MOST_KEYS = 10_000

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._window = 0
        self._hits: dict[str, int] = {}

    def is_spent(self, key: str) -> bool:
        """Whether the limit was reached within this window."""
        window = _window(clock.now().timestamp(), self._limit)
        if window != self._window:
            self._window, self._hits = window, {}
        return self._hits.get(key, 0) >= self._limit.hits

    def hit(self, key: str) -> None:
        if key in self._hits or len(self._hits) < self.MOST_KEYS:
            self._hits[key] = self._hits.get(key, 0) + 1
