"""A text's language is detected where that can be told, else the group's is taken."""

import pytest

from server.language import detect


@pytest.mark.parametrize(
    ("plain", "found"),
    [
        ("Wann wird in dieser Woche eigentlich der Müll abgeholt?", "de"),
        ("Who knows when the bins are emptied this week?", "en"),
        ("Quand est-ce que les poubelles sont ramassées cette semaine ?", "fr"),
        ("ok", "nl"),
        ("", "nl"),
    ],
)
def test_language(plain: str, found: str) -> None:
    assert detect(plain, "nl") == found
