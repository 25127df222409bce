"""Whether work grows with the square of what it is given, seen in CPU time, and never in time on the wall."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Eight times as much takes about eight times as long; with the square of it, it would take 64 times as long.
FACTOR, MOST = 8, 24
# What all of the longest text costs less than is no weapon, whatever it grows with.
NO_WEAPON = 0.15


def _cost(work: Callable[[T], object], given: T) -> float:
    """CPU seconds."""
    began = time.process_time()
    work(given)
    return time.process_time() - began


def is_linear(work: Callable[[T], object], small: T, large: T, *, no_weapon: float = NO_WEAPON) -> bool:
    """`large` is FACTOR times as much as `small`. Tried thrice, before a busy machine is taken for a slow reader."""
    for _ in range(3):
        cost = _cost(work, large)
        if cost <= no_weapon or cost <= MOST * _cost(work, small) + no_weapon:
            return True
    return False
