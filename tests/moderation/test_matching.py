"""Each kind of check on posts that it must meet, and on their innocent neighbours."""

import datetime as dt
from collections.abc import Sequence

import pytest

from moderation import matching
from moderation.criteria import (
    Criteria,
    DomainsCriteria,
    LinksCriteria,
    NewcomerCriteria,
    RepeatedCriteria,
    ScoreCriteria,
    WordsCriteria,
)
from moderation.matching import Draft, Finding, History, run_check
from moderation.reading import Word, read, read_disguised
from moderation.scorer import Scores
from server.text import render_markdown

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ESTABLISHED = History(now=NOW, posts=40, account_days=400)


def draft(source: str, *, title: str = "", remote: bool = False, link: str | None = None) -> Draft:
    return Draft(title=title, source=source, html=render_markdown(source), link=link, remote_author=remote)


def find(
    criteria: Criteria, post: Draft, history: History = ESTABLISHED, scores: Scores | None = None
) -> Finding | None:
    return run_check(criteria, post, history, scores)


WORDS = WordsCriteria(("free money", "idiot", "ass", "Ärger", "bail", "Dummkopf", "漢字", "C++"))


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("Get FREE money today", ("FREE money",)),
        ("Get fr€e m0ney today", ("fr€e m0ney",)),
        ("f r e e   m o n e y", ("f r e e   m o n e y",)),
        ("free-money and free_money", ("free-money", "free_money")),
        ("fr\u200bee mo\u00adney", ("fr\u200bee mo\u00adney",)),
        ("frее mоney", ("frее mоney",)),  # with Cyrillic letters
        ("You 1d10t!", ("1d10t",)),
        ("you idiot's friend", ("idiot",)),
        ("so ein Dummkopf. arger!", ("Dummkopf", "arger")),
        ("ÄRGER im Haus", ("ÄRGER",)),
        ("A\u0308rger", ("A\u0308rger",)),
        ("fr**e**e money", ("free money",)),
        ("我写漢字了", ("漢字",)),
        ("I write C++ code", ("C++",)),
        ("[here](https://idiot.example/x)", ("https://idiot.example/x",)),
    ],
)
def test_words_meet_disguises_and_show_them_as_written(text: str, matched: tuple[str, ...]) -> None:
    found = find(WORDS, draft(text))
    assert found is not None
    assert found.matched == matched
    assert found.kind == "words"


@pytest.mark.parametrize(
    "text",
    [
        "The class met in Scunthorpe for an assessment of the grass",
        "455 Oak Street, on the A55, postcode SW1A 4SS",
        "The ball is in the hall",
        "Dummkopfsalat, Ärgernis und idiotisch",
        "free, and then some money",
        "money free",
        "漢 字",
        "",
    ],
)
def test_words_leave_innocent_text_alone(text: str) -> None:
    # Two characters of an unspaced script are a phrase also across a space, as other phrases are.
    expected = ("漢 字",) if text == "漢 字" else None
    found = find(WORDS, draft(text))
    assert (found.matched if found else None) == expected


def test_words_are_looked_for_in_the_title_too() -> None:
    assert find(WORDS, draft("Hello", title="Free money"))


DOMAINS = DomainsCriteria(("spam.example", "bücher.example", "shop.co.uk"))


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("see https://spam.example/offer", ("spam.example",)),
        ("see www.deep.SPAM.example.", ("www.deep.spam.example",)),
        ("[nice](https://a.spam.example/)", ("a.spam.example",)),
        ("spam[.]example and spam。example", ("spam.example",)),
        ("[x](https://sp%61m.example/)", ("spam.example",)),
        ("https://xn--bcher-kva.example/", ("xn--bcher-kva.example",)),
        ("geht zu BÜCHER.example", ("bücher.example",)),
        ("write to me@spam.example", ("spam.example",)),
        ("wait...spam.example...go", ("spam.example",)),
        ("spam\u200b.example", ("spam.example",)),
    ],
)
def test_domains_meet_every_spelling(text: str, matched: tuple[str, ...]) -> None:
    found = find(DOMAINS, draft(text))
    assert found is not None
    assert matched[0] in found.matched


@pytest.mark.parametrize(
    "text",
    ["notspam.example", "spam.example.org", "spam example", "co.uk", "bucher.example", "https://other.co.uk/x"],
)
def test_domains_leave_neighbours_alone(text: str) -> None:
    assert find(DOMAINS, draft(text)) is None


def test_domains_look_at_the_address_that_a_thread_is_about() -> None:
    assert find(DOMAINS, draft("nice", link="https://spam.example/"))


@pytest.mark.parametrize(
    ("posts", "days", "remote", "new"),
    [(0, 400, False, True), (2, 400, False, True), (3, 400, False, False), (9, 6, False, True), (9, 7, False, False),
     (9, None, True, False), (2, None, True, True), (9, 0, True, False)],
)  # fmt: skip
def test_newcomer(posts: int, days: int | None, remote: bool, new: bool) -> None:
    history = History(now=NOW, posts=posts, account_days=days)
    assert bool(find(NewcomerCriteria(posts=3, days=7), draft("hello", remote=remote), history)) is new


def test_links_are_counted_once_each_and_mentions_not() -> None:
    two = "https://a.example/1 https://a.example/1 [b](https://b.example/)"
    assert draft(two).links == ("https://a.example/1", "https://b.example/")
    assert find(LinksCriteria(most=2), draft(two)) is None
    found = find(LinksCriteria(most=1), draft(two))
    assert found is not None
    assert found.matched == ("https://a.example/1", "https://b.example/")
    mention = (
        '<p><a href="https://far.example/@ana">@<span>ana</span></a> <a href="https://far.example/tags/x">#x</a></p>'
    )
    assert Draft(title="", source="", html=mention, remote_author=True).links == ()
    assert Draft(title="", source="at https://c.example/x.", html="").links == ("https://c.example/x",)


SALE = "Cheap sofas this week only, call me on the old number or write to the market stall"


@pytest.mark.parametrize(
    ("earlier", "hours_ago", "met"),
    [
        ([SALE, SALE], 1, True),
        ([SALE.replace("week", "month"), SALE.upper()], 1, True),
        ([SALE], 1, False),
        ([SALE, SALE], 25, False),
        ([SALE, "Has anybody seen our grey cat near the old mill? She answers to Minka"], 1, False),
    ],
)
def test_repeated(earlier: Sequence[str], hours_ago: int, met: bool) -> None:
    at = NOW - dt.timedelta(hours=hours_ago)
    history = History(now=NOW, posts=9, recent=[(draft(text).fingerprint, at) for text in earlier])
    assert bool(find(RepeatedCriteria(times=3, hours=24), draft(SALE), history)) is met


def test_short_thanks_are_never_repeated() -> None:
    thanks = draft("Thank you!")
    history = History(now=NOW, recent=[(thanks.fingerprint, NOW)] * 9)
    assert thanks.fingerprint == ()
    assert find(RepeatedCriteria(times=2, hours=1), thanks, history) is None


def test_score_finds_at_its_threshold_and_shows_the_words_as_written() -> None:
    criteria = ScoreCriteria(label="toxicity", least=0.8)
    post = draft("You LO5ER and St\u200bupid man")
    scores = Scores({"toxicity": 0.8}, (("loser", 2.0), ("stupid", 1.0)))
    found = find(criteria, post, scores=scores)
    assert found == Finding("score", ("LO5ER", "St\u200bupid"), score=0.8, label="toxicity")
    assert find(criteria, post, scores=Scores({"toxicity": 0.79})) is None
    assert find(criteria, post, scores=Scores({"insult": 0.99})) is None
    assert find(criteria, post, scores=None) is None


class CountedWord(str):
    """Counts how often the matcher looks a word up."""

    looked_up = 0

    def __hash__(self) -> int:
        CountedWord.looked_up += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)


@pytest.mark.parametrize("text", ["a " * 32_768, "a b " * 16_384, "ab " * 21_845])
def test_work_is_linear_in_the_text(text: str) -> None:
    tree = matching._tree(tuple(" ".join(["a"] * n + ["b"]) for n in range(1, 20)))
    words = read(text)
    counted = [Word(word.start, word.end, word.plain, CountedWord(word.loose), disguised=False) for word in words]
    CountedWord.looked_up = 0
    list(matching.places_of(tree, counted))
    assert len(words) <= CountedWord.looked_up <= 21 * len(words)


@pytest.mark.parametrize(
    "text",
    ["a" * 65_536, "a." * 32_768, "<a href=" * 8_192, "@" * 65_536, "[](" * 20_000, "xn--" * 16_384, "ﷺ" * 65_536],
)
def test_hostile_text_gives_few_words_and_matches(text: str) -> None:
    post = Draft(title="", source=text, html=f"<p>{text}</p>")
    assert len(read_disguised(text)) <= len(text)
    for criteria in (WORDS, DOMAINS, LinksCriteria(0), RepeatedCriteria(2, 1)):
        found = find(criteria, post)
        assert found is None or len(found.matched) <= matching.MAX_MATCHES
    assert len(post.fingerprint) <= 64
