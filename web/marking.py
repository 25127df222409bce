"""Matched words in <mark>, within HTML that is safe already."""

import html
import re
from collections.abc import Sequence

from markupsafe import Markup

# A tag as the sanitiser writes it: quoted values may hold < and >, text may not.
_TAG = re.compile(r"(<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>)")
# Where these end or begin, a reader sees a new line, so no word goes on.
_BLOCK = re.compile(r"</?(?:p|br|li|ul|ol|blockquote|pre|h[1-6]|hr|table|tr|td|th)\b", re.IGNORECASE)
# A letter or digit of a script that parts words by spaces; in the others each character is a word.
_SPACED = re.compile("[^\\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def mark(safe: str, matched: Sequence[str]) -> Markup:
    """`safe` HTML with each of the `matched` words or phrases marked where it stands as a whole word.

    Tags stay as they are; of a phrase that runs through several, each piece is marked by itself.
    """
    pieces = _TAG.split(safe)
    texts = [html.unescape(piece) for piece in pieces[::2]]
    # What a reader sees, in one stretch: a tag inside a word parts nothing, the end of a block does.
    breaks = ["\n" if _BLOCK.match(tag) else "" for tag in pieces[1::2]] + [""]
    visible = "".join(text + after for text, after in zip(texts, breaks, strict=True))
    spots = _spots(visible, matched)
    marked: list[str] = []
    start = 0
    for text, after, tag in zip(texts, breaks, [*pieces[1::2], ""], strict=True):
        marked += [_marked(text, start, spots), tag]
        start += len(text) + len(after)
    return Markup("".join(marked))  # noqa: S704  tags were safe before, and every text is escaped here


def mark_text(text: str, matched: Sequence[str]) -> Markup:
    """Plain `text`, such as a title, with its matched words marked."""
    return mark(html.escape(text), matched)


def _spots(visible: str, matched: Sequence[str]) -> list[tuple[int, int]]:
    """Where matched words stand, without overlap, in order."""
    patterns = [_pattern(words) for match in matched if (words := match.split())]
    if not patterns:
        return []
    # Longest first, so that a phrase is marked as a whole and not only its first word.
    either = "|".join(sorted(patterns, key=len, reverse=True))
    return [found.span() for found in re.finditer(either, visible)]


def _pattern(words: Sequence[str]) -> str:
    first, last = words[0][0], words[-1][-1]
    before = r"(?<!\w)" if _SPACED.match(first) else ""
    after = r"(?!\w)" if _SPACED.match(last) else ""
    return before + r"\s+".join(map(re.escape, words)) + after


def _marked(text: str, start: int, spots: Sequence[tuple[int, int]]) -> str:
    """One stretch of text, which begins at `start` of what is visible, escaped again and with its marks."""
    parts: list[str] = []
    done = 0
    for begin, end in spots:
        first, last = max(begin - start, 0), min(end - start, len(text))
        if first >= last:
            continue
        parts += [html.escape(text[done:first]), "<mark>", html.escape(text[first:last]), "</mark>"]
        done = last
    return "".join([*parts, html.escape(text[done:])])
