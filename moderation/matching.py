"""Runs one check on one post: pure, in time linear in the post's length, without patterns that a person wrote."""

import dataclasses
import datetime as dt
import functools
import html
import re
import typing
from collections.abc import Iterator, Sequence

import msgspec
import nh3

from moderation import domains, repetition
from moderation.criteria import (
    Criteria,
    DomainsCriteria,
    LinksCriteria,
    NewcomerCriteria,
    RepeatedCriteria,
    ScoreCriteria,
    WordsCriteria,
    phrase,
)
from moderation.reading import Word, fold, loosen, read, read_disguised
from moderation.repetition import Fingerprint
from moderation.scorer import Scores
from server import text

MAX_MATCHES = 20
MAX_MATCHED = 100

_ANCHOR = re.compile(r'<a href="([^"]*)">|<a>|</a>')
_ADDRESS = re.compile(r"https?://[^\s<>\"'()\[\]]+", re.IGNORECASE)
_HANDLE = re.compile(r"[@#][\w.-]+(?:@[\w.-]+)?")


@dataclasses.dataclass(frozen=True)
class Draft:
    """A post as it was sent in: Markdown as `source`, sanitised `html`, the address that a thread is about.

    `options` are those of a poll, `pictures` what is said of each, `addresses` where those from elsewhere lie.
    """

    title: str
    source: str
    html: str
    link: str | None = None
    options: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    remote_author: bool = False

    @functools.cached_property
    def visible(self) -> str:
        """Title, text, options and what is said of pictures, as readers see or hear them."""
        words = text.plain(self.html) if self.html else self.source
        return "\n".join([self.title, words, *self.options, *self.pictures]).strip()

    @functools.cached_property
    def links(self) -> tuple[str, ...]:
        """The different addresses that the post leads to; mentions and hashtags are no links of the author's."""
        found = dict.fromkeys([self.link] if self.link else [])
        if self.html:
            found |= dict.fromkeys(href for href, label in _anchors(self.html) if not _HANDLE.fullmatch(label))
        else:
            found |= dict.fromkeys(match.rstrip(".,;:!?") for match in _ADDRESS.findall(self.source))
        return tuple(found)

    @functools.cached_property
    def targets(self) -> tuple[str, ...]:
        """Every address behind the text, those of mentions, hashtags and pictures elsewhere too."""
        hrefs = [*(href for href, _ in _anchors(self.html)), *self.addresses]
        return tuple(dict.fromkeys(hrefs if self.link is None else [self.link, *hrefs]))

    @functools.cached_property
    def words(self) -> list[Word]:
        return read(self.visible)

    @functools.cached_property
    def disguised_words(self) -> list[Word]:
        return read_disguised(self.visible)

    @functools.cached_property
    def fingerprint(self) -> Fingerprint:
        return repetition.fingerprint(self.words)


class History(msgspec.Struct, frozen=True):
    """What the author did here before this post, at the time `now`.

    `posts` counts published posts; `account_days` is None for people from elsewhere; `recent` holds the fingerprints
    of earlier posts in any group here, and when they were sent.
    """

    now: dt.datetime
    posts: int = 0
    account_days: int | None = None
    recent: Sequence[tuple[Fingerprint, dt.datetime]] = ()


class Finding(msgspec.Struct, frozen=True):
    """Why a check struck; `matched` as written in the post, so that it can be marked there."""

    kind: str
    matched: tuple[str, ...] = ()
    score: float | None = None
    label: str | None = None


def run_check(criteria: Criteria, draft: Draft, history: History, scores: Scores | None) -> Finding | None:
    """What the check finds, or None. Without `scores` a score check finds nothing: the caller says "not scored"."""
    match criteria:
        case WordsCriteria():
            return _found("words", _matched_words(criteria, draft))
        case DomainsCriteria():
            return _found("domains", _matched_domains(criteria, draft))
        case NewcomerCriteria():
            return Finding("newcomer") if _is_newcomer(criteria, draft, history) else None
        case LinksCriteria(most=most):
            return Finding("links", _shown(draft.links)) if len(draft.links) > most else None
        case RepeatedCriteria():
            return Finding("repeated") if _is_repeated(criteria, draft, history) else None
        case ScoreCriteria():
            return _scored(criteria, draft, scores)


def _found(kind: str, matched: tuple[str, ...]) -> Finding | None:
    return Finding(kind, matched) if matched else None


def _shown(matches: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match[:MAX_MATCHED] for match in matches))[:MAX_MATCHES]


# The next words of phrases by their loose form; the phrases that end here stand under "".
_Branch: typing.TypeAlias = "dict[str, _Branch | list[tuple[Word, ...]]]"


@functools.lru_cache(maxsize=256)
def _tree(entries: tuple[str, ...]) -> "_Branch":
    root: _Branch = {}
    for words in map(phrase, entries):
        branch = root
        for word in words:
            branch = typing.cast("_Branch", branch.setdefault(word.loose, {}))
        typing.cast("list[tuple[Word, ...]]", branch.setdefault("", [])).append(words)
    return root


def _matched_words(criteria: WordsCriteria, draft: Draft) -> tuple[str, ...]:
    tree = _tree(criteria.words)
    places = dict.fromkeys([*places_of(tree, draft.words), *places_of(tree, draft.disguised_words)])
    written = [draft.visible[start:end] for start, end in places]
    return _shown(written) or _shown([target for target in draft.targets if any(places_of(tree, read(target)))])


def places_of(tree: "_Branch", words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Where phrases of `tree` stand; each word is the start of at most MAX_PHRASE steps."""
    for start, first in enumerate(words):
        branch: typing.Any = tree
        for end in range(start, len(words)):
            branch = branch.get(words[end].loose)
            if branch is None:
                break
            if any(_equal(entry, words[start : end + 1]) for entry in branch.get("", ())):
                yield first.start, words[end].end


def _equal(entry: Sequence[Word], words: Sequence[Word]) -> bool:
    """The loose forms are equal already; only a disguised word may differ in its plain form ("ball" is not "bail")."""
    return all(a.plain == b.plain or a.disguised or b.disguised for a, b in zip(entry, words, strict=True))


def _matched_domains(criteria: DomainsCriteria, draft: Draft) -> tuple[str, ...]:
    listed = frozenset(criteria.domains)
    places = (draft.visible, *draft.targets)
    return _shown([written for place in places for written, names in domains.named_in(place) if listed & {*names}])


def _is_newcomer(criteria: NewcomerCriteria, draft: Draft, history: History) -> bool:
    if history.posts < criteria.posts:
        return True
    # When an account elsewhere was made is only that server's word, so it counts for nothing.
    return not draft.remote_author and history.account_days is not None and history.account_days < criteria.days


def _is_repeated(criteria: RepeatedCriteria, draft: Draft, history: History) -> bool:
    since = history.now - dt.timedelta(hours=criteria.hours)
    earlier = [known for known, at in history.recent if at >= since]
    return 1 + sum(repetition.alike(draft.fingerprint, known) for known in earlier) >= criteria.times


def _scored(criteria: ScoreCriteria, draft: Draft, scores: Scores | None) -> Finding | None:
    value = scores.values.get(criteria.label) if scores else None
    if scores is None or value is None or value < criteria.least:
        return None
    carried = {fold(word) for word, _ in scores.words}
    loose = {loosen(word) for word in carried}
    places = [(word.start, word.end) for word in draft.words if word.plain in carried]
    places += [(word.start, word.end) for word in draft.disguised_words if word.disguised and word.loose in loose]
    written = [draft.visible[start:end] for start, end in sorted(places)]
    return Finding("score", _shown(written), score=value, label=criteria.label)


def _anchors(rendered: str) -> Iterator[tuple[str, str]]:
    """Each link's address and label. Rust parses the HTML; what is left of it has a form that one pattern reads."""
    kept = nh3.clean(rendered, tags={"a"}, attributes={"a": {"href"}}, link_rel=None)
    pieces = _ANCHOR.split(kept)
    for href, label in zip(pieces[1::2], pieces[2::2], strict=True):
        if href:
            yield html.unescape(href), html.unescape(label).strip()
