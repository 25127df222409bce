"""Rules of presentation: relative times, initials, tints, the tree of replies, what changed between two texts."""

import datetime as dt
import difflib
import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date, format_skeleton, format_time, format_timedelta

from server import urls
from web.views.parts import Answered, PersonView, PostView, TimeView
from web.views.residents import DiffPart

TINTS = 8
# Deeper replies line up at this depth and name whom they answer, so that a phone can still show them.
MAX_DEPTH = 8
MAX_COMPARISONS = 4_000_000
_DAY = dt.timedelta(days=1)
_WORD = re.compile(r"\S+\s*|\s+")
_FOLD = re.compile(r"[\s_.\-]+")


def time_view(moment: dt.datetime, now: dt.datetime, language: str, timezone: str) -> TimeView:
    """`moment` and `now` are aware; within a week the text is relative, later it is a date in the reader's zone."""
    local, iso, exact = _fixed(moment, language, timezone)
    return TimeView(iso, _relative(moment, local, now, language), exact)


# A page of 200 replies shows 200 moments, and its next reader in the same zone shows the same ones.
@functools.lru_cache(maxsize=8192)
def _fixed(moment: dt.datetime, language: str, timezone: str) -> tuple[dt.datetime, str, str]:
    """What does not change as time goes by: the reader's local time, for machines, and in full."""
    local = moment.astimezone(zone(timezone))
    exact = f"{_full_date(local.date(), language)}, {_clock(local.hour, local.minute, language)}"
    return local, moment.astimezone(dt.UTC).isoformat(timespec="seconds"), exact


def _relative(moment: dt.datetime, local: dt.datetime, now: dt.datetime, language: str) -> str:
    distance = now - moment
    if abs(distance) < 7 * _DAY:
        seconds = int(distance.total_seconds())
        return _ago(_rounded(seconds), language)
    same_year = local.year == now.astimezone(local.tzinfo).year
    return _day(local.date(), language) if same_year else _day_and_year(local.date(), language)


def _rounded(seconds: int) -> int:
    """Whole minutes, hours or days, so that few different texts exist and each is made once."""
    for unit in (86_400, 3_600, 60):
        if abs(seconds) >= unit:
            return int(seconds / unit) * unit
    return 60 if seconds >= 0 else -60


@functools.lru_cache(maxsize=1024)
def _ago(seconds: int, language: str) -> str:
    past = dt.timedelta(seconds=-seconds)
    return format_timedelta(past, granularity="minute", threshold=1, add_direction=True, locale=language)


@functools.lru_cache(maxsize=1024)
def _full_date(day: dt.date, language: str) -> str:
    return format_date(day, "full", locale=language)


@functools.lru_cache(maxsize=1024)
def _day(day: dt.date, language: str) -> str:
    return format_skeleton("MMMMd", dt.datetime.combine(day, dt.time()), locale=language)


@functools.lru_cache(maxsize=1024)
def _day_and_year(day: dt.date, language: str) -> str:
    return format_date(day, "long", locale=language)


@functools.lru_cache(maxsize=4096)
def _clock(hour: int, minute: int, language: str) -> str:
    return format_time(dt.time(hour, minute), "short", locale=language)


def month_label(day: dt.date, language: str) -> str:
    """Such as "November 2026"."""
    return format_skeleton("yMMMM", dt.datetime.combine(day, dt.time()), locale=language)


@functools.lru_cache(maxsize=256)
def zone(name: str) -> dt.tzinfo:
    """A time zone by its name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return dt.UTC


def initials(name: str) -> str:
    """One or two letters for a person or group; a name without letters gives its first character."""
    words = [word for word in _FOLD.split(name) if word and unicodedata.category(word[0])[0] in "LN"]
    if not words:
        return name.strip()[:1] or "?"
    return words[0][0] if len(words) == 1 else words[0][0] + words[-1][0]


def tint(actor_id: int) -> int:
    """One of the eight tints, the same for an actor for ever. Ids are time-ordered, so their low bits are mixed."""
    return (actor_id * 0x9E3779B97F4A7C15 >> 32) % TINTS


@functools.lru_cache(maxsize=4096)
def person_view(actor_id: int, name: str, host: str | None, title: str) -> PersonView:
    """`title` is the name that the person chose to show; an empty one falls back to the account's name."""
    shown = title or name
    handle = f"@{name}" if host is None else f"@{name}@{host}"
    return PersonView(shown, handle, initials(shown), tint(actor_id), urls.person_page(name, host), host)


def reply_tree(replies: Sequence[PostView], parents: Sequence[str]) -> tuple[PostView, ...]:
    """Replies nested below one another; `replies` come parents first, `parents` holds each one's parent id.

    What answers the thread itself, or a post that is not on this page, stands at depth 1. Below MAX_DEPTH replies
    line up and say whom they answer.
    """
    depths: dict[str, int] = {}
    above: dict[str, str] = {}
    named: dict[str, PostView] = {}
    for reply, parent in zip(replies, parents, strict=True):
        too_deep = depths.get(parent, 0) >= MAX_DEPTH
        above[reply.id] = above[parent] if too_deep else parent if parent in named else ""
        depths[reply.id] = depths[parent] if too_deep else depths.get(parent, 0) + 1
        named[reply.id] = reply
    below: dict[str, list[PostView]] = {"": []}
    for reply, parent in zip(reversed(replies), reversed(parents), strict=True):
        children = tuple(reversed(below.pop(reply.id, ())))
        answered = named.get(parent) if above[reply.id] != parent else None
        nested = msgspec.structs.replace(
            reply,
            depth=depths[reply.id],
            children=children,
            descendants=sum(child.descendants + 1 for child in children),
            answers=answered and Answered(answered.author.name, answered.permalink),
        )
        below.setdefault(above[reply.id], []).append(nested)
    return tuple(reversed(below[""]))


def changes(before: str, after: str) -> tuple[DiffPart, ...]:
    """What changed between two texts, word by word."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    # Comparing costs words times words: an author could make a page of history expensive for everybody.
    if len(old) * len(new) > MAX_COMPARISONS:
        return (DiffPart("gone", before), DiffPart("added", after))
    return tuple(DiffPart(kind, "".join(run)) for kind, run in _runs(old, new))


def lines_changed(before: Sequence[str], after: Sequence[str]) -> tuple[DiffPart, ...]:
    """What changed between two short lists, each line as a whole."""
    return tuple(DiffPart(kind, line) for kind, run in _runs(before, after) for line in run)


def _runs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[Literal["same", "added", "gone"], Sequence[str]]]:
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield "same", new[c:d]
            continue
        if b > a:
            yield "gone", old[a:b]
        if d > c:
            yield "added", new[c:d]
