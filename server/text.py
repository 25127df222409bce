"""The one sanitiser: Markdown or foreign HTML in, safe HTML out, rendered once on writing."""

import html
import re
import typing
import unicodedata

import nh3
from markdown_it import MarkdownIt

from server.errors import Invalid
from server.messages import Message

SafeHtml = typing.NewType("SafeHtml", str)

MAX_SOURCE = 65_536
# What the database takes of a post. Made safe, a text grows: `&` to five characters, a link by its `rel`.
MAX_HTML = 262_144
MAX_ABOUT_HTML = 65_536
MAX_TITLE = 200
MAX_EXCERPT = 280

# No `img`: an image on a foreign host would tell it who reads here. No `class`, no `style`, no relative links.
TAGS = {
    "p", "br", "a", "em", "strong", "b", "i", "u", "s", "del", "code", "pre", "blockquote",
    "ul", "ol", "li", "h2", "h3", "h4", "h5", "h6", "hr", "table", "thead", "tbody", "tr", "th", "td", "sub", "sup",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}

_markdown = MarkdownIt("commonmark", {"html": False, "linkify": True, "breaks": True}).enable(
    ["linkify", "table", "strikethrough"]
).disable(["image"])  # fmt: skip
# To find bare addresses takes time with the square of their number, 16 s for 64 KB of `<http://`; nobody writes so many
# by hand (C18).
_MAX_ADDRESSES = 200
_without_addresses = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(
    ["table", "strikethrough"]
).disable(["image"])  # fmt: skip

_BLANK = re.compile(r"\s+")
_BLOCK_END = re.compile(r"</(?:p|h[1-6]|li|blockquote|pre|tr|div)>|<br\s*/?>", re.IGNORECASE)
# Characters that turn text around or hide it; harmless in no name and no post.
_INVISIBLE = {"Cf", "Co", "Cs"}
_KEEP = {"\u200d", "\u200c", "\ufe0f", "\u00ad"}


def render_markdown(source: str) -> SafeHtml:
    """Markdown as a resident writes it, to HTML. Headings begin at level 3, below the page's own."""
    source = source[:MAX_SOURCE]
    markdown = _markdown if source.count("//") <= _MAX_ADDRESSES else _without_addresses
    return _sanitise(_lower_headings(markdown.render(source)), MAX_HTML)


def sanitise(foreign: str, at_most: int = MAX_HTML) -> SafeHtml:
    """HTML from anywhere, reduced to what a post may contain; of one that comes out too long only the beginning."""
    return _sanitise(foreign[:MAX_SOURCE], at_most)


def _sanitise(foreign: str, at_most: int) -> SafeHtml:
    clean = _clean(foreign[:at_most])
    while len(clean) > at_most:
        # Cut before it is made safe, never after: half a tag would be no safe HTML.
        foreign = foreign[: len(foreign) // 2]
        clean = _clean(foreign)
    return clean


def _clean(foreign: str) -> SafeHtml:
    return SafeHtml(
        nh3.clean(
            foreign,
            tags=TAGS,
            attributes=_ATTRIBUTES,
            url_schemes=_SCHEMES,
            link_rel="nofollow noopener noreferrer ugc",
            clean_content_tags={"script", "style"},
            strip_comments=True,
            url_relative="deny",
        )
    )


def _lower_headings(rendered: str) -> str:
    return re.sub(r"(</?h)([1-6])(?=>)", lambda m: f"{m[1]}{min(int(m[2]) + 2, 6)}", rendered)


def plain(rendered: str) -> str:
    """The words of some HTML, blocks parted by line breaks; for excerpts, scorers and language detection."""
    spaced = _BLOCK_END.sub("\n", rendered)
    return html.unescape(nh3.clean(spaced, tags=set(), clean_content_tags={"script", "style"})).strip()


def excerpt(rendered: str, limit: int = MAX_EXCERPT) -> str:
    """The first words of a post, cut at a word's end."""
    words = _BLANK.sub(" ", plain(rendered)).strip()
    if len(words) <= limit:
        return words
    return words[:limit].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


def one_line(text: str, limit: int) -> str:
    """A name or a title: one line, without characters that hide or turn text, at most `limit` long."""
    kept = "".join(c for c in text if c in _KEEP or unicodedata.category(c) not in _INVISIBLE)
    return _BLANK.sub(" ", kept).strip()[:limit].strip()


def escape(words: str) -> SafeHtml:
    """Plain words as HTML."""
    return SafeHtml(html.escape(words))


def storable(text: str) -> bool:
    """Whether PostgreSQL can keep `text`: no NUL and no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def check_text(field: str, text: str, *, at_least: int = 0, at_most: int) -> str:
    """`text` with plain line ends and no blank edges; raises Invalid for `field` where it does not fit."""
    if not storable(text):
        raise Invalid({field: "This text has characters that cannot be stored."})
    trimmed = text.replace("\r\n", "\n").strip()
    if len(trimmed) < at_least:
        problem = Message("Please write something here.")
        if at_least > 1:
            problem = Message("Please write at least %(least)d characters.", {"least": at_least})
        raise Invalid({field: problem})
    if len(trimmed) > at_most:
        values = {"length": len(trimmed), "most": at_most}
        raise Invalid({field: Message("This is too long: %(length)d characters, at most %(most)d fit.", values)})
    return trimmed
