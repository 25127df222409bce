"""Folding and disguises: what a reader takes for a word, and what only looks like a trick."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.reading import fold, read, read_disguised, unmask


@given(st.text(max_size=200))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=200))
def test_words_lie_in_the_text_one_after_the_other(text: str) -> None:
    for words in (read(text), read_disguised(text)):
        assert all(0 <= word.start < word.end <= len(text) for word in words)
        assert all(one.start <= two.start for one, two in itertools.pairwise(words))


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ÄRGER Straße", "arger strasse"),
        ("a\u0308rger", "arger"),
        ("fr\u200bee\u00ad", "free"),
        ("ＦＲＥＥ 𝓶𝓸𝓷𝓮𝔂", "free money"),
        ("fuсk", "fuck"),  # the c is Cyrillic
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "disguised"),
    [
        ("fr€e m0ney!", ["free", "money"]),
        ("1d10t a$$", ["idiot", "ass"]),
        ("meet at 455 on the A55, BS3 4SS", []),
        ("it costs 50€ or $5", []),
        ("Grüße aus Köln", []),
    ],
)
def test_disguised_words(text: str, disguised: list[str]) -> None:
    assert [word.loose for word in read_disguised(text) if word.disguised] == disguised


def test_spaced_out_letters_are_put_together() -> None:
    assert [word.plain for word in read_disguised("f r e e   m.o.n.e.y now")] == ["free", "money", "now"]
    assert [word.plain for word in read_disguised("plan a b")] == ["plan", "a", "b"]


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        ("fr€e m0ney!", "free money!"),
        ("you fuсking 1d10t", "you fucking idiot"),
        ("русский язык", "русский язык"),
        ("Straße 455", "Straße 455"),
        ("i\u200bd\u2060iot", "idiot"),
        ("you i d i o t   g.o   a.w.4.y now", "you idiot   g.o   away now"),
    ],
)
def test_unmask_writes_honest_spelling(text: str, copy: str) -> None:
    assert unmask(text) == copy


def test_no_character_multiplies_the_text() -> None:
    hostile = "\ufdfa" * 65_536
    assert len(fold(hostile)) == 65_536
    assert max(len(fold(chr(code))) for code in range(0x10000)) <= 8
    assert unmask(hostile) == ""
