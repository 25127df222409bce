"""Reads the poll in a `Question`: its options, its end, and how often each was chosen."""

import datetime as dt
from collections.abc import Iterator

from federation.instants import parse_instant
from server import clock
from server.community.polls import MOST_OPTIONS, MOST_VOTES, NewPoll, clean_option

Document = dict[str, object]


def parse_question(document: Document) -> NewPoll | None:
    """The poll, or None where there are no options to choose from; ValueError for totals that cannot be (B17)."""
    several = document.get("anyOf")
    items = several if isinstance(several, list) else document.get("oneOf")
    if not isinstance(items, list):
        return None
    options: dict[str, int] = {}
    for name, count in _options(items):
        # Of two that read the same the first counts: a vote names its option by its words.
        options.setdefault(name, count)
    if len(options) < 2:
        return None
    counts = tuple(options.values())
    multiple = items is several
    return NewPoll(
        options=tuple(options),
        multiple=multiple,
        closes_at=_end(document),
        counts=counts,
        voters=_count(document["votersCount"]) if document.get("votersCount") is not None
        # Whoever does not say how many voted may mean anything between the two.
        else max(counts) if multiple else min(sum(counts), MOST_VOTES),
    )  # fmt: skip


def _options(items: list[object]) -> Iterator[tuple[str, int]]:
    """At most 20: more are neither read nor shown (D8)."""
    for item in items[:MOST_OPTIONS]:
        if not isinstance(item, dict):
            continue
        name = item.get("name") or item.get("content")
        replies = item.get("replies")
        total = replies.get("totalItems") if isinstance(replies, dict) else None
        if isinstance(name, str) and (cleaned := clean_option(name[:2000])):
            yield cleaned, _count(total) if total is not None else 0


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_VOTES:
        raise ValueError
    return value


def _end(document: Document) -> dt.datetime | None:
    """When it ends or has ended; some only say that it has."""
    closed = document.get("closed")
    if closed is True:
        return clock.now()
    return parse_instant(closed) or parse_instant(document.get("endTime"))
