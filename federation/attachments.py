"""What hangs on a post beside its text, both ways: the page that it is about, and its pictures."""

import re
from collections.abc import Iterator, Sequence

from server import text
from server.community import media
from server.community.media import Picture
from server.urls import Urls

Document = dict[str, object]
MAX_ATTACHMENTS = 16
# What Markdown would take for more than a letter.
_MARKS = re.compile(r"([\\`*_\[\]<>#!|~])")


def escape_markdown(words: str) -> str:
    return _MARKS.sub(r"\\\1", words)


def attached(urls: Urls, link: str | None, pictures: Sequence[Picture]) -> list[Document]:
    """The link first: Lemmy takes the first attachment as the thread's link, and Mastodon makes its card from it."""
    links: list[Document] = [{"type": "Link", "href": link, "mediaType": "text/html"}] if link else []
    return links + [_image(urls, picture) for picture in pictures if picture.id]


def _image(urls: Urls, picture: Picture) -> Document:
    image: Document = {
        "type": "Image",
        "mediaType": media.TYPE,
        "url": urls.absolute(media.path_of(picture.id)),
        "width": picture.width,
        "height": picture.height,
    }
    return image | {"name": picture.words} if picture.words else image


def in_text(urls: Urls, document: Document, pictures: Sequence[Picture]) -> Document:
    """The pictures at the end of the Markdown, for forums that make a thread's link of an attached one.

    `image` is the small picture that they show in lists.
    """
    given = document.get("source")
    source = str(given["content"]) if isinstance(given, dict) else ""
    ours = [picture for picture in pictures if picture.id]
    lines = [f"![{escape_markdown(one.words)}]({urls.absolute(media.path_of(one.id))})" for one in ours]
    content = "\n\n".join([part for part in [source, *lines] if part])
    part: Document = {"source": {"content": content, "mediaType": "text/markdown"}}
    if "inReplyTo" not in document and ours:
        part["image"] = {"type": "Image", "url": urls.absolute(media.path_of(ours[0].id))}
    return part


def pictures_in(document: Document) -> Iterator[Picture]:
    """Where the pictures of somebody else's post are said to lie, and what is said of them. They are never loaded."""
    for found in _attachments(document):
        kind = found.get("mediaType")
        shown = isinstance(kind, str) and kind.startswith("image/")
        if found.get("type") == "Image" or (found.get("type") == "Document" and shown):
            words = found.get("name") or found.get("summary")
            said = text.one_line(words[: 2 * media.MAX_WORDS], media.MAX_WORDS) if isinstance(words, str) else ""
            yield Picture(words=said, url=_address(found))


def links_in(document: Document) -> Iterator[str]:
    """The pages that a link post is about: Lemmy and PieFed put theirs first among the attachments."""
    for found in _attachments(document):
        if found.get("type") in ("Link", "Page"):
            yield _address(found)


def _attachments(document: Document) -> Iterator[Document]:
    """As many as are read (D8)."""
    many = document.get("attachment")
    for found in (many if isinstance(many, list) else [many])[:MAX_ATTACHMENTS]:
        if isinstance(found, dict):
            yield found


def _address(attachment: Document) -> str:
    """Where it is said to lie; Pleroma lists the places of one thing, of which the first counts."""
    value = attachment.get("href") or attachment.get("url")
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("href")
    return value if isinstance(value, str) else ""
