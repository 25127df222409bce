"""Bounds what one event may make us ask of others."""

import time
from collections.abc import Callable

from federation.egress import FetchFailed


class BudgetSpent(FetchFailed):
    """One event has caused as many requests as it may."""


class FetchBudget:
    """Requests (redirects count), depth of references and seconds for one event; make one for each event."""

    def __init__(
        self, fetches: int = 20, depth: int = 8, seconds: float = 10, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._counter = _Counter(fetches)
        self._monotonic = monotonic
        self._ends = monotonic() + seconds
        self._depth = depth

    def deeper(self) -> "FetchBudget":
        """The same budget, seen from one reference further; raises BudgetSpent where that is too far."""
        if self._depth <= 0:
            raise BudgetSpent("too_deep")
        child = FetchBudget(monotonic=self._monotonic)
        child._counter, child._ends, child._depth = self._counter, self._ends, self._depth - 1
        return child

    def take(self) -> None:
        """Count one request; raises BudgetSpent when there is none left."""
        if self._counter.left <= 0:
            raise BudgetSpent("too_many_fetches")
        if self.seconds_left() <= 0:
            raise BudgetSpent("out_of_time")
        self._counter.left -= 1

    def seconds_left(self) -> float:
        return max(self._ends - self._monotonic(), 0)


class _Counter:
    """Shared by all depths of one budget."""

    def __init__(self, left: int) -> None:
        self.left = left
