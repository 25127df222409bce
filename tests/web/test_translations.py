"""The catalogues fit their sources: the same placeholders, no HTML of their own, nothing half done."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from tests.web.messages import template_of_all
from web import render

LOCALE = Path(render.__file__).parent / "locale"
OTHERS = [language for language in render.LANGUAGES if language != "en"]


def messages(language: str) -> list[Message]:
    with (LOCALE / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return [message for message in read_po(file, locale=language) if message.id]


def placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[sd]", text))


def as_tuple(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_placeholders_of_their_source(language: str) -> None:
    found = messages(language)
    assert found
    for message in found:
        sources, texts = as_tuple(message.id), as_tuple(message.string)
        assert len(sources) == len(texts), sources
        for source, text in zip(sources, texts, strict=True):
            assert text, source
            assert placeholders(source) == placeholders(text), source
            assert "<" not in text, source
            assert not message.fuzzy, source


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_is_compiled_when_it_is_needed(language: str) -> None:
    assert render.translations(language).gettext("Log out") != "Log out"
    assert render.translations("xx").gettext("Log out") == "Log out"


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_every_text_and_no_other(language: str) -> None:
    """`make messages` brings it up to date."""
    wanted = {as_tuple(message.id) for message in template_of_all() if message.id}
    assert {as_tuple(message.id) for message in messages(language)} == wanted


def test_texts_are_found_where_they_stand() -> None:
    found = {as_tuple(message.id)[0] for message in template_of_all() if message.id}
    assert "Please log in first." in found  # Refused
    assert "A group needs a title." in found  # Invalid
    assert "You are logged out." in found  # Message
    assert "Without a title" in found  # say
    assert "Skip to the content" in found  # a template
