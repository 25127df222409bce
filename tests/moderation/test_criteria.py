"""Forms for checks: what is taken, what is refused at which field, and how a check is told in words."""

from collections.abc import Mapping

import msgspec
import pytest

from moderation.criteria import (
    KINDS,
    Criteria,
    DomainsCriteria,
    LinksCriteria,
    NewcomerCriteria,
    RepeatedCriteria,
    ScoreCriteria,
    WordsCriteria,
    describe,
    parse_criteria,
)
from server.errors import Invalid

TAKEN: list[tuple[str, Mapping[str, object], Criteria]] = [
    ("words", {"words": "free money\r\n\r\n  Depp \nDepp"}, WordsCriteria(("free money", "Depp"))),
    ("words", {"words": ["a$$", "C++"]}, WordsCriteria(("a$$", "C++"))),
    (
        "domains",
        {"domains": "https://www.Spam.example/x?y\nbücher.example\nxn--bcher-kva.example\nshop.co.uk"},
        DomainsCriteria(("spam.example", "bücher.example", "shop.co.uk")),
    ),
    ("domains", {"domains": "ana.github.io\nwww.co.uk"}, DomainsCriteria(("ana.github.io", "www.co.uk"))),
    ("newcomer", {"posts": "3", "days": ""}, NewcomerCriteria(3, 0)),
    ("newcomer", {"posts": 0, "days": 7}, NewcomerCriteria(0, 7)),
    ("newcomer", {"posts": "1", "days": "2"}, NewcomerCriteria(1, 2)),
    ("links", {"most": "0"}, LinksCriteria(0)),
    ("links", {"most": "2"}, LinksCriteria(2)),
    ("repeated", {"times": "3", "hours": "24"}, RepeatedCriteria(3, 24)),
    ("score", {"label": "toxicity", "least": "0,8"}, ScoreCriteria("toxicity", 0.8)),
]


@pytest.mark.parametrize(("kind", "form", "criteria"), TAKEN)
def test_forms_become_criteria_that_survive_storage(kind: str, form: Mapping[str, object], criteria: Criteria) -> None:
    assert parse_criteria(kind, form, labels=("toxicity",)) == criteria
    stored = msgspec.json.decode(msgspec.json.encode(criteria))
    assert stored["kind"] == kind
    assert msgspec.convert(stored, Criteria) == criteria


@pytest.mark.parametrize(
    ("kind", "form", "field", "why"),
    [
        ("words", {"words": " \n "}, "words", "at least one"),
        ("words", {}, "words", "at least one"),
        ("words", {"words": "!!!"}, "words", "no letter or digit"),
        ("words", {"words": "x" * 101}, "words", "too long"),
        ("words", {"words": "ab " * 21}, "words", "too many words"),
        ("words", {"words": "\n".join(f"word{n}" for n in range(501))}, "words", "501 entries"),
        ("domains", {"domains": "spam"}, "domains", "not the name of a site"),
        ("domains", {"domains": "sp am.example"}, "domains", "not the name of a site"),
        ("domains", {"domains": "co.uk"}, "domains", "every site under co.uk"),
        ("domains", {"domains": "*.com"}, "domains", "not the name of a site"),
        ("domains", {"domains": "github.io"}, "domains", "every site"),
        ("newcomer", {"posts": "", "days": ""}, "posts", "number of posts or of days"),
        ("newcomer", {"posts": "-1"}, "posts", "from 0 to 100"),
        ("newcomer", {"days": "366"}, "days", "from 0 to 365"),
        ("links", {"most": ""}, "most", "from 0 to 100"),
        ("links", {"most": "two"}, "most", "from 0 to 100"),
        ("links", {"most": "9" * 5000}, "most", "from 0 to 100"),
        ("repeated", {"times": "1", "hours": "1"}, "times", "from 2 to 20"),
        ("repeated", {"times": "2", "hours": "0"}, "hours", "from 1 to 720"),
        ("score", {"label": "beauty", "least": "0.5"}, "label", "toxicity, insult"),
        ("score", {"label": "toxicity", "least": "0"}, "least", "above 0"),
        ("score", {"label": "toxicity", "least": "nan"}, "least", "above 0"),
        ("score", {"label": "toxicity", "least": "80 %"}, "least", "above 0"),
        ("regex", {"words": "(a+)+"}, "kind", "no such kind"),
    ],
)
def test_bad_settings_are_refused_at_their_field(kind: str, form: Mapping[str, object], field: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        parse_criteria(kind, form, labels=("toxicity", "insult"))
    assert list(refused.value.fields) == [field]


def test_every_kind_is_told_in_one_sentence() -> None:
    assert {kind for kind, _, _ in TAKEN} == set(KINDS)
    for _, _, criteria in TAKEN:
        sentence = str(describe(criteria))
        assert sentence.endswith(".")
        assert "%" not in sentence
    many = describe(WordsCriteria(tuple(f"word{n}" for n in range(20))))
    assert str(many).endswith("word7, ….")
