"""Reads a text as a person sees it: folds case, accents and disguises away, so that "fr€e m0ney" reads free money."""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

import msgspec

# Letters that a reader takes for a Latin one: Cyrillic, Greek, Armenian, Latin without a dot or with a stroke, small
# capitals. Only folded letters need to stand here, because folding comes first.
_ALIKE = str.maketrans(
    "авекмнорстухіјѕһԁԛԝӏαεικνορτυχօոսհıɑɡøđħłɩᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
    "abekmhopctyxijshdqwlaeikvoptuxonuhiagodhliabcdeghijklmnoprstuvwyz",
)
# What stands for a letter in disguised words.
_STAND_INS = "013456789@$€!|+¢£¥"
_READABLE = str.maketrans(_STAND_INS, "oieasbtbgaseiltcly")
# The same for comparing: `l` and `i` are one here, since `1`, `!` and `|` stand for both.
_LOOSE = str.maketrans(_STAND_INS + "l", "oieasbtbgaseiitciyi")
_SYMBOLS = frozenset("@$€!|+¢£¥")
# At the end of a word these are punctuation. A plus is not: "C++".
_CLOSING = "!|"

# Marks put on Latin, Greek and Cyrillic letters. Vowel signs of other scripts are marks too, but part of the word.
_ACCENTS = (
    ("\u0300", "\u036f"),
    ("\u1ab0", "\u1aff"),
    ("\u1dc0", "\u1dff"),
    ("\u20d0", "\u20ff"),
    ("\ufe20", "\ufe2f"),
)
# One character each, and up to eighteen once taken apart: a text of them would cost many times its length.
_LIGATURES = frozenset("\ufdfa\ufdfb")
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0")
# Scripts written without spaces: each character is a word by itself, a longer word is a phrase of them.
_UNSPACED = (
    ("\u0e00", "\u0eff"),
    ("\u1000", "\u109f"),
    ("\u1780", "\u17ff"),
    ("\u3040", "\u30ff"),
    ("\u3400", "\u9fff"),
)
_UNSPACED_BEYOND = "\U00020000"

_SEPARATOR, _LETTER, _DIGIT, _MARK, _ALONE, _SYMBOL = range(6)
# Three or more single letters or digits with one sign between: "f r e e", "f.r.e.e".
_SPACED_OUT = re.compile(r"(?<!\w)(?:\w[ ._*-]){2,}\w(?!\w)")
_CHUNK = re.compile(r"[^\s.,;:?]+")


class Word(msgspec.Struct, frozen=True):
    """One word of a text, at text[start:end]. `loose` is for comparing where a word is disguised."""

    start: int
    end: int
    plain: str
    loose: str
    disguised: bool


def fold(text: str) -> str:
    """`text` without case, accents, invisible characters and look-alike letters; folding twice changes nothing."""
    return "".join(map(_fold, text))


def loosen(folded: str) -> str:
    """The loose form of a folded word."""
    return folded.translate(_LOOSE)


def read(text: str) -> list[Word]:
    """The words of `text` as they stand."""
    return [_word(part) for part in _parts(_folded(text), symbols=False)]


def read_disguised(text: str) -> list[Word]:
    """The words of `text` with signs and digits taken for letters, and spaced-out letters put together."""
    return [_disguised_word(part) for part in _close_up(_parts(_folded(text), symbols=True))]


def unmask(text: str) -> str:
    """A copy for scorers, that know honest spelling only: not for showing, since it changes what was written."""
    composed = unicodedata.normalize("NFKC", "".join(c for c in text if c not in _LIGATURES))
    visible = "".join(c for c in composed if not _hidden(c))
    closed = _SPACED_OUT.sub(lambda match: match[0][::2], visible)
    return _CHUNK.sub(lambda match: _unmask_chunk(match[0]), closed)


def _unmask_chunk(chunk: str) -> str:
    if chunk.isascii() and chunk.isalpha():
        return chunk
    # Look-alikes are replaced only beside true Latin letters: a Russian word is not a disguise.
    if any(c.isascii() and c.isalpha() for c in chunk):
        chunk = "".join(_fold(c) if _looks_latin(c) else c for c in chunk)
    core = chunk.rstrip(_CLOSING)
    return core.translate(_READABLE) + chunk[len(core) :] if _is_disguise(fold(core)) else chunk


@functools.lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    """What one character stands for: none, one or a few characters that fold to themselves."""
    if char in _LIGATURES:
        return char
    before, folded = "", char
    while before != folded:
        before = folded
        decomposed = unicodedata.normalize("NFKD", folded.casefold())
        folded = "".join(c for c in decomposed if not _hidden(c)).translate(_ALIKE)
    return folded


def _hidden(char: str) -> bool:
    if char.isascii():
        return False
    if unicodedata.category(char) == "Cf" or char in _INVISIBLE_LETTERS or "\ufe00" <= char <= "\ufe0f":
        return True
    return any(first <= char <= last for first, last in _ACCENTS)


def _looks_latin(char: str) -> bool:
    return not char.isascii() and ord(char.lower()[0]) in _ALIKE


@functools.lru_cache(maxsize=4096)
def _kind(char: str) -> int:
    if char in _SYMBOLS:
        return _SYMBOL
    category = unicodedata.category(char)
    if category[0] == "M":
        return _MARK
    if category[0] == "N":
        return _DIGIT
    if category[0] != "L":
        return _SEPARATOR
    if char >= _UNSPACED_BEYOND or any(first <= char <= last for first, last in _UNSPACED):
        return _ALONE
    return _LETTER


# A part is a stretch of folded characters, and where it begins and ends in the text.
_Part = tuple[str, int, int]


def _folded(text: str) -> Iterator[tuple[str, int]]:
    for index, char in enumerate(text):
        for folded in _fold(char):
            yield folded, index


def _parts(folded: Iterable[tuple[str, int]], *, symbols: bool) -> Iterator[_Part]:
    """Stretches of letters, digits and marks, with `symbols` also of signs; characters of unspaced scripts alone."""
    stretch: list[str] = []
    start = end = 0
    alone = False
    for char, index in folded:
        kind = _kind(char)
        joins = kind in (_LETTER, _DIGIT) or (symbols and kind == _SYMBOL)
        if stretch and not (kind == _MARK or (joins and not alone)):
            yield "".join(stretch), start, end
            stretch = []
        if stretch or joins or kind == _ALONE:
            if not stretch:
                start, alone = index, kind == _ALONE
            stretch.append(char)
            end = index + 1
    if stretch:
        yield "".join(stretch), start, end


def _close_up(parts: Iterable[_Part]) -> Iterator[_Part]:
    """Puts "f r e e" together: three or more single letters, each one character apart from the next."""
    run: list[_Part] = []
    for part in parts:
        single = len(part[0]) == 1 and _kind(part[0]) != _ALONE
        if run and not (single and part[1] - run[-1][2] == 1):
            yield from _closed(run)
            run = []
        if single:
            run.append(part)
        else:
            yield part
    yield from _closed(run)


def _closed(run: list[_Part]) -> list[_Part]:
    if len(run) < 3:
        return run
    return [("".join(part[0] for part in run), run[0][1], run[-1][2])]


def _word(part: _Part) -> Word:
    plain, start, end = part
    return Word(start, end, plain, loosen(plain), disguised=False)


def _disguised_word(part: _Part) -> Word:
    plain, start, end = part
    trimmed = plain.rstrip(_CLOSING) or plain
    end -= len(plain) - len(trimmed)
    return Word(start, end, trimmed, loosen(trimmed), _is_disguise(trimmed))


def _is_disguise(folded: str) -> bool:
    """Whether digits and signs stand for letters; in house numbers, roads (A55) and postcodes (4SS) they do not."""
    kinds = [_kind(char) for char in folded]
    letters = kinds.count(_LETTER)
    if _SYMBOL in kinds:
        return letters >= 1 and len(folded) >= 3
    return _DIGIT in kinds and letters >= 2 and len(folded) >= 4
