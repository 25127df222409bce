"""Finds the ActivityPub document behind a page for people, by the page's own `<link rel="alternate">`."""

from html.parser import HTMLParser
from urllib.parse import urljoin

from federation.egress import RefusedUrl, parse_url
from federation.media_types import is_activity_json

MAX_PAGE = 1 << 20
MAX_HEAD = 256 << 10


class _Links(HTMLParser):
    """Collects what the head of a page links to as the same thing in ActivityPub."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "link" and "alternate" in (said.get("rel") or "").lower().split():
            href = said.get("href")
            if href and is_activity_json(said.get("type") or ""):
                self.found.append(href)


def alternate_of(page: bytes, url: str) -> str | None:
    """The document that a page at `url` names, if it lies at the same origin: a page speaks for its own host (B11)."""
    links = _Links()
    links.feed(page[:MAX_HEAD].decode("utf-8", "replace"))
    for href in links.found[:5]:
        try:
            target = parse_url(urljoin(url, href))
            if target.origin() == parse_url(url).origin():
                return str(target)
        except (RefusedUrl, ValueError):
            continue
    return None
