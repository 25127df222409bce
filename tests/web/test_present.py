"""Times, initials, tints, trees and differences as people read them."""

import datetime as dt

import msgspec
import pytest
from markupsafe import Markup

from tests.web.samples import ANA, NOW, OTTO, ago
from web import present
from web.views.parts import PostView
from web.views.residents import DiffPart


@pytest.mark.parametrize(
    ("minutes", "english", "german"),
    [
        (0, "1 minute ago", "vor 1 Minute"),
        (10, "10 minutes ago", "vor 10 Minuten"),
        (119, "1 hour ago", "vor 1 Stunde"),
        (60 * 24 * 3, "3 days ago", "vor 3 Tagen"),
        (-90, "in 1 hour", "in 1 Stunde"),
        (60 * 24 * 12, "November 8", "8. November"),
        (60 * 24 * 400, "October 16, 2025", "16. Oktober 2025"),
    ],
)
def test_a_time_is_relative_for_a_week_and_a_date_after_that(minutes: int, english: str, german: str) -> None:
    assert ago(minutes).text == english
    assert ago(minutes, "de").text == german


def test_the_exact_time_is_the_readers_own_clock() -> None:
    shown = present.time_view(NOW, NOW, "de", "Europe/Berlin")
    assert shown.exact == "Freitag, 20. November 2026, 19:00"
    assert shown.iso == "2026-11-20T18:00:00+00:00"


def test_an_unknown_zone_is_utc() -> None:
    assert present.zone("Nowhere/At_All") is dt.UTC
    assert present.zone("../../etc/passwd") is dt.UTC


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ana Brandt", "AB"),
        ("otto", "o"),
        ("elm_street", "es"),
        ("Ana Maria von Rhein", "AR"),
        ("😀 Tom", "T"),
        ("…", "…"),
        ("", "?"),
        ("李 明", "李明"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert present.initials(name) == letters


def test_tints_of_neighbouring_ids_differ() -> None:
    tints = {present.tint(180_000_000_000_000_000 + at) for at in range(64)}
    assert tints == set(range(8))


def test_a_person_from_elsewhere_keeps_their_host() -> None:
    person = present.person_view(7, "tom", "lemmy.example", "")
    assert (person.name, person.handle, person.url) == ("tom", "@tom@lemmy.example", "/@tom@lemmy.example")


def post(number: int) -> PostView:
    return PostView(str(number), OTTO if number % 2 else ANA, Markup(""), ago(1), f"#p{number}")


def shape(posts: tuple[PostView, ...]) -> list[object]:
    return [(post.id, shape(post.children)) if post.children else post.id for post in posts]


def test_replies_are_nested_below_what_they_answer() -> None:
    tree = present.reply_tree([post(n) for n in (1, 2, 3, 4, 5)], ["0", "1", "2", "1", "0"])
    assert shape(tree) == [("1", [("2", ["3"]), "4"]), "5"]
    assert (tree[0].descendants, tree[0].depth, tree[0].children[0].children[0].depth) == (3, 1, 3)


def test_a_page_that_begins_inside_a_branch_keeps_its_order() -> None:
    tree = present.reply_tree([post(n) for n in (7, 8, 9)], ["6", "7", "0"])
    assert shape(tree) == [("7", ["8"]), "9"]


def test_what_is_too_deep_lines_up_and_says_whom_it_answers() -> None:
    chain = [post(n) for n in range(1, 301)]
    tree = present.reply_tree(chain, [str(n) for n in range(300)])
    deepest = tree[0]
    for _ in range(present.MAX_DEPTH - 2):
        assert deepest.answers is None
        deepest = deepest.children[0]
    assert [reply.id for reply in deepest.children] == [str(n) for n in range(present.MAX_DEPTH, 301)]
    answered = deepest.children[1].answers
    assert answered is not None
    assert answered.permalink == f"#p{present.MAX_DEPTH}"
    assert tree[0].descendants == 299


def test_changes_word_by_word() -> None:
    assert present.changes("cut seven seconds", "cut eight seconds") == (
        DiffPart("same", "cut "), DiffPart("gone", "seven "), DiffPart("added", "eight "), DiffPart("same", "seconds"),
    )  # fmt: skip


def test_changes_of_whole_lines() -> None:
    assert present.lines_changed(["A cat", "A dog"], ["A grey cat", "A dog"]) == (
        DiffPart("gone", "A cat"), DiffPart("added", "A grey cat"), DiffPart("same", "A dog"),
    )  # fmt: skip
    assert present.lines_changed([], []) == ()


def test_a_text_made_to_be_slow_is_shown_whole() -> None:
    before, after = "a " * 30_000, "b a " * 15_000
    assert [part.kind for part in present.changes(before, after)] == ["gone", "added"]


def test_views_are_values() -> None:
    with pytest.raises(AttributeError):
        ANA.name = "Somebody else"  # type: ignore[misc]
    assert msgspec.structs.replace(ANA, tint=3) != ANA or ANA.tint == 3
