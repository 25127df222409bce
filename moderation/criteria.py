"""What a check looks for: one frozen struct a kind, read from forms and told in plain words."""

import math
import typing
from collections.abc import Mapping, Sequence

import msgspec

from moderation import domains
from moderation.reading import Word, read_disguised
from server.errors import Invalid
from server.messages import Message

MAX_ENTRIES = 500
MAX_ENTRY = 100
MAX_PHRASE = 20
KINDS = ("words", "domains", "newcomer", "links", "repeated", "score")


class WordsCriteria(msgspec.Struct, frozen=True, tag="words", tag_field="kind"):
    """Words and phrases, met as whole words, whatever their case, accents or disguise."""

    words: tuple[str, ...]


class DomainsCriteria(msgspec.Struct, frozen=True, tag="domains", tag_field="kind"):
    """Sites, canonically spelled; each stands for all its subdomains."""

    domains: tuple[str, ...]


class NewcomerCriteria(msgspec.Struct, frozen=True, tag="newcomer", tag_field="kind"):
    """The author's first `posts` posts here, or an account here younger than `days`; zero switches one off."""

    posts: int
    days: int


class LinksCriteria(msgspec.Struct, frozen=True, tag="links", tag_field="kind"):
    """More than `most` different links."""

    most: int


class RepeatedCriteria(msgspec.Struct, frozen=True, tag="repeated", tag_field="kind"):
    """Nearly the same text `times` times, this post included, within `hours`."""

    times: int
    hours: int


class ScoreCriteria(msgspec.Struct, frozen=True, tag="score", tag_field="kind"):
    """The scorer gives `label` the value `least` or more, of 0 to 1."""

    label: str
    least: float


Criteria: typing.TypeAlias = (
    WordsCriteria | DomainsCriteria | NewcomerCriteria | LinksCriteria | RepeatedCriteria | ScoreCriteria
)


def describe(criteria: Criteria) -> Message:
    """One plain sentence that says when this check strikes."""
    match criteria:
        case WordsCriteria(words=words):
            return Message("The post contains one of these words or phrases: %(words)s.", {"words": _some(words)})
        case DomainsCriteria(domains=names):
            return Message("The post names or links to one of these sites: %(sites)s.", {"sites": _some(names)})
        case NewcomerCriteria(posts=posts, days=0):
            return Message("Posts that the author has published here before: fewer than %(posts)d.", {"posts": posts})
        case NewcomerCriteria(posts=0, days=days):
            return Message("Age of the author's account in days: less than %(days)d.", {"days": days})
        case NewcomerCriteria(posts=posts, days=days):
            return Message(
                "The author is new: fewer posts here than %(posts)d, or fewer days since joining than %(days)d.",
                {"posts": posts, "days": days},
            )
        case LinksCriteria(most=0):
            return Message("The post contains a link.")
        case LinksCriteria(most=most):
            return Message("Different links in the post: more than %(most)d.", {"most": most})
        case RepeatedCriteria(times=times, hours=hours):
            return Message(
                "The author writes nearly the same text %(times)d times or more within %(hours)d h.",
                {"times": times, "hours": hours},
            )
        case ScoreCriteria(label=label, least=least):
            values = {"label": label, "least": f"{least * 100:g}"}
            return Message("The score for %(label)s is %(least)s of 100 or more.", values)


def parse_criteria(kind: str, form: Mapping[str, object], *, labels: Sequence[str] = ()) -> Criteria:
    """Criteria from a form's fields, named as the struct's. Lists come as lists, or as text with one entry a line.

    `labels` are those of the scorer in use; raises Invalid by field.
    """
    match kind:
        case "words":
            return WordsCriteria(_entries(form, "words", _word_entry))
        case "domains":
            return DomainsCriteria(_entries(form, "domains", _domain_entry))
        case "newcomer":
            return _newcomer(_number(form, "posts", 0, 100, empty=0), _number(form, "days", 0, 365, empty=0))
        case "links":
            return LinksCriteria(_number(form, "most", 0, 100))
        case "repeated":
            return RepeatedCriteria(_number(form, "times", 2, 20), _number(form, "hours", 1, 720))
        case "score":
            return ScoreCriteria(_label(form, labels), _threshold(form))
    values = {"kinds": ", ".join(KINDS)}
    raise Invalid({"kind": Message("There is no such kind of check. Choose one of: %(kinds)s.", values)})


def phrase(entry: str) -> tuple[Word, ...]:
    """The words of one entry of a word list, as matching compares them."""
    return tuple(read_disguised(entry))


def _some(entries: Sequence[str]) -> str:
    shown = ", ".join(entries[:8])
    return shown if len(entries) <= 8 else f"{shown}, …"


class _BadEntry(Exception):
    """One line of a list that cannot be looked for, and why."""

    def __init__(self, problem: Message) -> None:
        super().__init__(problem)
        self.problem = problem


def _entries(form: Mapping[str, object], field: str, read: typing.Callable[[str], str]) -> tuple[str, ...]:
    value = form.get(field, "")
    given = value if isinstance(value, list | tuple) else str(value).splitlines()
    entries: dict[str, None] = {}
    for line in (" ".join(str(entry).split()) for entry in given):
        if not line:
            continue
        if len(line) > MAX_ENTRY:
            values = {"entry": line[:20], "most": MAX_ENTRY}
            problem = Message("“%(entry)s…” is too long: at most %(most)d characters fit in a line.", values)
            raise Invalid({field: problem})
        try:
            entries[read(line)] = None
        except _BadEntry as bad:
            raise Invalid({field: bad.problem}) from None
    if not entries:
        raise Invalid({field: "Please write at least one entry, each on a line of its own."})
    if len(entries) > MAX_ENTRIES:
        values = {"count": len(entries), "most": MAX_ENTRIES}
        raise Invalid({field: Message("These are %(count)d entries; at most %(most)d fit.", values)})
    return tuple(entries)


def _word_entry(line: str) -> str:
    words = phrase(line)
    # A sign alone, or nothing visible, would be met everywhere or nowhere.
    if not any(char.isalnum() for word in words for char in word.plain):
        raise _BadEntry(Message("“%(entry)s” has no letter or digit to look for.", {"entry": line}))
    if len(words) > MAX_PHRASE:
        values = {"entry": line[:20], "most": MAX_PHRASE}
        raise _BadEntry(Message("“%(entry)s…” has too many words: at most %(most)d.", values))
    return line


def _domain_entry(line: str) -> str:
    bare = line.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1].split(":", 1)[0]
    host = domains.canonical(bare)
    if host is None:
        raise _BadEntry(Message("“%(entry)s” is not the name of a site, such as shop.example.", {"entry": line}))
    # The list says where registrations begin: co.uk would strike half of a country.
    if domains.is_public_suffix(host):
        values = {"entry": line, "host": host}
        raise _BadEntry(Message("“%(entry)s” would strike every site under %(host)s. Please name one site.", values))
    shorter = host.removeprefix("www.")
    return host if domains.is_public_suffix(shorter) else shorter


def _newcomer(posts: int, days: int) -> NewcomerCriteria:
    if not posts and not days:
        raise Invalid({"posts": "Please give a number of posts or of days."})
    return NewcomerCriteria(posts, days)


def _number(form: Mapping[str, object], field: str, least: int, most: int, *, empty: int | None = None) -> int:
    text = str(form.get(field, "")).strip()
    if not text and empty is not None:
        return empty
    if not (text.isascii() and text.isdigit() and len(text) <= 6) or not least <= int(text) <= most:
        values = {"least": least, "most": most}
        raise Invalid({field: Message("Please give a whole number from %(least)d to %(most)d.", values)})
    return int(text)


def _label(form: Mapping[str, object], labels: Sequence[str]) -> str:
    label = str(form.get("label", "")).strip()
    if not label or len(label) > 60 or (labels and label not in labels):
        choice = Message("Please name the label that is scored.")
        if labels:
            choice = Message("Choose one of: %(labels)s.", {"labels": ", ".join(labels)})
        raise Invalid({"label": choice})
    return label


def _threshold(form: Mapping[str, object]) -> float:
    # Half of Europe writes 0,8.
    text = str(form.get("least", "")).strip().replace(",", ".")
    try:
        least = float(text)
    except ValueError:
        least = math.nan
    if not 0 < least <= 1:
        raise Invalid({"least": "Please give a number above 0 and up to 1, such as 0.8."})
    return least
