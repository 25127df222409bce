"""Block lists as people pass them around: what is read, what is named as unreadable, what is written."""

import datetime as dt

import pytest

from moderation import blocklists
from moderation.blocklists import Listed, parse
from moderation.instances import Policy
from server.errors import Invalid
from server.urls import Urls

URLS = Urls("https://moot.example")
MASTODON = """#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate
bad.example,suspend,true,true,"Harassment, and worse",false
Bücher.example,silence,false,false,,false
quiet.example,noop,true,false,Media only,false
quoted.example,suspend,true,true,"a ""quote"" and
a second line",false
"""


def policies(words: str, default: str = "blocked") -> dict[str, str]:
    return {listed.host: listed.policy for listed in parse(URLS, words, default).listed.values()}


def test_mastodons_own_export_is_read() -> None:
    found = parse(URLS, "\ufeff" + MASTODON)
    assert list(found.listed.values()) == [
        Listed("bad.example", "blocked", "Harassment, and worse"),
        Listed("xn--bcher-kva.example", "limited", ""),
        Listed("quoted.example", "blocked", 'a "quote" and a second line'),
    ]
    assert (found.problems, found.idle) == ([], 1)


def test_columns_may_stand_in_any_order() -> None:
    words = "severity,public_comment,domain\nsuspend,spam,bad.example\n"
    assert parse(URLS, words).problems, "without a domain first it is no head"
    words = "domain,public_comment,severity\nbad.example,spam,silence\n"
    assert parse(URLS, words).listed == {"bad.example": Listed("bad.example", "limited", "spam")}


def test_a_plain_list_with_comments_is_read() -> None:
    words = """# A list of ours, "kept" by hand, since 2023
// another way to comment

bad.example
worse.example   # harassment
https://WORST.example:443/about
*.wild.example
said.example,suspend,hate speech
soft.example,silence
mastodon.example,suspend,true,false,no head above it,false
"""
    found = parse(URLS, words)
    assert found.problems == []
    assert found.listed == {
        "bad.example": Listed("bad.example", "blocked"),
        "worse.example": Listed("worse.example", "blocked", "harassment"),
        "worst.example": Listed("worst.example", "blocked"),
        "wild.example": Listed("wild.example", "blocked"),
        "said.example": Listed("said.example", "blocked", "hate speech"),
        "soft.example": Listed("soft.example", "limited"),
        "mastodon.example": Listed("mastodon.example", "blocked", "no head above it"),
    }


def test_what_a_bare_name_means_is_for_the_reader_to_say() -> None:
    assert policies("#domain\ngood.example\n", "open") == {"good.example": "open"}
    assert policies("good.example,suspend\n", "open") == {"good.example": "blocked"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("b*d.e*****e,suspend", "hidden by *"),
        ("*.*.example", "hidden by *"),
        ("not a host", "name of a server"),
        ("bad.example,shun", "“shun”"),
        ("co.uk,suspend", "every server"),
        ("*.com", "every server"),
        ("com", "every server"),
        ("moot.example,suspend", "our own server"),
        ("MOOT.example.", "our own server"),
        ("user@bad.example", "name of a server"),
        ("bad.example,suspend,\x00", "cannot be stored"),
        ('"bad.example,suspend', "name of a server"),
    ],
)
def test_what_cannot_be_done_is_named_with_its_line(line: str, why: str) -> None:
    found = parse(URLS, f"one.example\n{line}\ntwo.example\n")
    assert list(found.listed) == ["one.example", "two.example"]
    ((number, why_not),) = [(problem.number, problem.why) for problem in found.problems]
    assert number == 2
    assert why in why_not


def test_of_two_lines_for_one_server_the_stricter_counts() -> None:
    assert policies("a.example,silence\nA.example.,suspend\na.example,noop\n") == {"a.example": "blocked"}


def test_a_stray_quote_swallows_no_more_than_its_line() -> None:
    words = 'a.example,suspend,"open\n' + "".join(f"s{n}.example,suspend\n" for n in range(50))
    found = parse(URLS, words)
    assert len(found.listed) == 51


def test_a_list_without_end_is_refused() -> None:
    assert len(parse(URLS, "".join(f"s{n}.example\n" for n in range(10_000))).listed) == 10_000
    for words in ("a.example\n" * 10_001, "x" * 600_001):
        with pytest.raises(Invalid) as wrong:
            parse(URLS, words)
        assert list(wrong.value.fields) == ["list"]


def test_what_we_write_others_and_we_ourselves_can_read() -> None:
    at = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)
    rows = [
        Policy("bad.example", "blocked", 'Spam, "lots"', None, at, None, None),
        Policy("formula.example", "limited", '=HYPERLINK("x")', None, at, None, None),
        Policy("good.example", "open", "", None, at, None, None),
    ]
    written = blocklists.write_blocks(rows)
    assert written.splitlines()[0] == "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate"
    assert written.splitlines()[1] == 'bad.example,suspend,true,true,"Spam, ""lots""",false'
    assert parse(URLS, written).listed == {
        "bad.example": Listed("bad.example", "blocked", 'Spam, "lots"'),
        "formula.example": Listed("formula.example", "limited", '\'=HYPERLINK("x")'),
    }
    assert policies(blocklists.write_allowed(rows), "open") == {"good.example": "open"}
