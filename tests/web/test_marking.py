"""Marks stand around matched words only, and nothing that was escaped comes to life."""

import pytest

from server import text
from web.marking import mark, mark_text

SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("safe", "matched", "expected"),
    [
        ("<p>My casino!</p>", ["casino"], "<p>My <mark>casino</mark>!</p>"),
        ("<p>My casinos</p>", ["casino"], "<p>My casinos</p>"),
        ("<p>c4sin0 and Casino</p>", ["c4sin0"], "<p><mark>c4sin0</mark> and Casino</p>"),
        ("<p>free<br>money</p>", ["free\nmoney"], "<p><mark>free</mark><br><mark>money</mark></p>"),
        ("<p>free <b>mo</b>ney</p>", ["free money"], "<p><mark>free </mark><b><mark>mo</mark></b><mark>ney</mark></p>"),
        ("<p>one</p><p>two</p>", ["onetwo"], "<p>one</p><p>two</p>"),
        ("<p>fish &amp; chips</p>", ["fish & chips"], "<p><mark>fish &amp; chips</mark></p>"),
        ("<p>a &lt;b&gt; c</p>", ["b"], "<p>a &lt;<mark>b</mark>&gt; c</p>"),
        ("<p>amp &amp; lt</p>", ["amp"], "<p><mark>amp</mark> &amp; lt</p>"),
        ('<a href="https://casino.example/?a>b" rel="x">casino</a>', ["casino"],
         '<a href="https://casino.example/?a>b" rel="x"><mark>casino</mark></a>'),
        ("<p>$$$ now</p>", ["$$$"], "<p><mark>$$$</mark> now</p>"),
        ("<p>買賭場了</p>", ["賭場"], "<p>買<mark>賭場</mark>了</p>"),
        ("<p>free money, free</p>", ["free", "free money"], "<p><mark>free money</mark>, <mark>free</mark></p>"),
        ("<p>nothing</p>", ["", " ", "p"], "<p>nothing</p>"),
        ("", ["x"], ""),
    ],
)  # fmt: skip
def test_matched_words_are_marked_where_they_stand(safe: str, matched: list[str], expected: str) -> None:
    assert mark(safe, matched) == expected


def test_without_matches_the_html_stays_what_readers_see() -> None:
    safe = text.render_markdown("A *note* & <b>more</b>\n\n- “one”\n- [two](https://a.example/?x=1&y='2')")
    assert text.plain(mark(safe, [])) == text.plain(safe)
    assert mark(safe, []).count("<") == safe.count("<")


@pytest.mark.parametrize("matched", [[SCRIPT], ["script"], ["<mark>"], ["alert(1)"], ["&lt;"], ['" onclick="']])
def test_nothing_in_a_text_becomes_a_tag(matched: list[str]) -> None:
    safe = text.sanitise(text.escape(f'{SCRIPT} <mark> &lt; " onclick="'))
    assert text.sanitise(mark(safe, matched).replace("<mark>", "").replace("</mark>", "")) == safe
    assert "<script" not in mark(safe, matched)


def test_plain_words_are_escaped() -> None:
    assert mark_text(f"{SCRIPT} casino", ["casino"]) == "&lt;script&gt;alert(1)&lt;/script&gt; <mark>casino</mark>"
