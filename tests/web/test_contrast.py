"""Every pairing of text and ground in every accent, light and dark, meets WCAG 2.2 AA."""

import re
from itertools import product

import pytest

from web.render import STATIC

ACCENTS = ("green", "blue", "plum", "rust", "slate")
TEXT = 4.5
PART = 3.0  # borders of fields and other parts that are not text
PAIRS = [
    *[(ink, ground, TEXT) for ink in ("ink", "soft", "accent") for ground in ("paper", "sunk", "wash")],
    ("on-accent", "accent", TEXT), ("ink", "mark", TEXT),
    ("warn", "warn-wash", TEXT), ("warn", "paper", TEXT), ("warn", "sunk", TEXT),
    ("bad", "bad-wash", TEXT), ("bad", "paper", TEXT), ("paper", "bad", TEXT),
    ("edge", "paper", PART), ("edge", "sunk", PART), ("accent", "paper", PART),
    *[("on-tint", f"t{number}", TEXT) for number in range(8)],
]  # fmt: skip


def declared(sheet: str, selector: str) -> dict[str, str]:
    """The colours that one rule of a style sheet declares, by name."""
    rule = re.search(rf"^{re.escape(selector)} \{{(.*?)\}}", (STATIC / sheet).read_text(), re.MULTILINE | re.DOTALL)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", rule[1])) if rule else {}


def colours(theme: str, accent: str) -> dict[str, str]:
    selectors = (":root", f"[data-accent={accent}]")
    sheets = ("folkmoot.css",) if theme == "light" else ("folkmoot.css", "dark.css")
    return {
        name: value for sheet in sheets for selector in selectors for name, value in declared(sheet, selector).items()
    }


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_ratio_is_the_one_of_wcag() -> None:
    assert ratio("#000000", "#ffffff") == pytest.approx(21)
    assert ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize(("theme", "accent"), list(product(("light", "dark"), ACCENTS)))
def test_every_pairing_can_be_read(theme: str, accent: str) -> None:
    palette = colours(theme, accent)
    poor = {f"{ink} on {ground}": round(ratio(palette[ink], palette[ground]), 2)
            for ink, ground, least in PAIRS if ratio(palette[ink], palette[ground]) < least}  # fmt: skip
    assert poor == {}


def test_dark_gives_every_accent_a_colour_of_its_own() -> None:
    accents = [colours(theme, accent)["accent"] for theme, accent in product(("light", "dark"), ACCENTS)]
    assert len(set(accents)) == len(accents)
