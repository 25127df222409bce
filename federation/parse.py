"""Reads what other servers send into a few closed shapes: tolerant of extras, strict where a check depends on it.

Everything here is pure and total: a document is understood, or refused with `Unacceptable` and a named reason.
"""

import builtins
import datetime as dt
import html
import re
from collections.abc import Iterator, Sequence

import msgspec

from federation import shown
from federation.attachments import links_in, pictures_in
from federation.instants import parse_instant
from federation.questions import parse_question
from server import clock, text
from server.community import media
from server.community.media import Picture
from server.community.polls import NewPoll
from server.errors import MootError
from server.urls import authority

PUBLIC = {"https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"}
POST_TYPES = {"Note", "Article", "Page", "Question", "Event", "Video"}
ACTOR_TYPES = {
    "Person": "person",
    "Service": "person",
    "Application": "application",
    "Organization": "person",
    "Group": "group",
}
MAX_URI = 2048
# In UTF-8. An index of the database takes 2,704 bytes, and the longest holds two ids; real ones have about a hundred.
MAX_ID_BYTES = 1300
MAX_RECIPIENTS = 100
MAX_TAGS = 50

_LEADING_MENTIONS = re.compile(r"^(?:\s*@[\w.\-]+(?:@[\w.\-:]+)?)+\s*")


class Unacceptable(MootError):
    """A document that cannot be taken; `reason` is a stable word for the answer, the log and tests."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Activity(msgspec.Struct, frozen=True):
    """The frame of an activity; `object` is still as it came."""

    id: str
    type: str
    actor: str
    object: builtins.object
    document: dict[str, builtins.object]

    @property
    def object_uri(self) -> str | None:
        return uri_of(self.object)

    @property
    def inner(self) -> dict[str, builtins.object] | None:
        """The object where it came embedded."""
        return self.object if isinstance(self.object, dict) else None


class RemoteActor(msgspec.Struct, frozen=True):
    """An actor's own document. `kind` is ours: person, group or application."""

    uri: str
    kind: str
    name: str
    host: str
    title: str
    about_html: str
    url: str | None
    inbox: str
    shared_inbox: str | None
    followers: str | None
    outbox: str | None
    featured: str | None
    moderators: str | None
    asks_first: bool
    moderators_only: bool


class RemotePost(msgspec.Struct, frozen=True):
    """A thread or reply. `named` lists all actors and collections that the post is addressed to or mentions.

    `context` and `replies` are where its own host may list the whole thread, and what answers it.
    """

    uri: str
    type: str
    author: str
    title: str | None
    html: str
    source: str
    link: str | None
    url: str | None
    in_reply_to: str | None
    public: bool
    named: tuple[str, ...]
    published: dt.datetime | None
    language: str
    is_vote: bool
    context: str | None
    replies: str | None
    poll: NewPoll | None = None
    pictures: tuple[Picture, ...] = ()


def uri_of(value: object) -> str | None:
    """The id that a reference stands for: itself, or the `id` of an embedded object; None for anything else."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and is_id(value) else None


def is_uri(value: str) -> bool:
    """An address that somebody may be sent to."""
    return len(value) <= MAX_URI and authority(value) is not None


def is_id(value: str) -> bool:
    """An address by which something is known here."""
    return len(value.encode("utf-8", "surrogatepass")) <= MAX_ID_BYTES and is_uri(value)


def _many(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _string(document: dict[str, object], name: str, limit: int) -> str:
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        # Bridges send language maps and lists here: their first text stands for all.
        value = next((part for part in _texts(value)), "")
    return value[:limit]


def _texts(value: object) -> Iterator[str]:
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    yield from (part for part in values if isinstance(part, str))


def type_of(document: dict[str, object]) -> str:
    """The one type; of several, the first that we know (FEP-2931 style arrays of Smithereen, Friendica)."""
    kinds = [kind for kind in _many(document.get("type")) if isinstance(kind, str)]
    return next((kind for kind in kinds if kind in POST_TYPES or kind in ACTOR_TYPES), kinds[0] if kinds else "")


def parse_activity(document: dict[str, object]) -> Activity:
    """The frame of an activity. An array where one actor or one id belongs is refused, never guessed (B5)."""
    kind = type_of(document)
    if not kind:
        raise Unacceptable("no_type")
    if kind in ("Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"):
        # Activities of others, wrapped in a list, would share the sender's signature.
        raise Unacceptable("collection")
    identifier = document.get("id")
    if not isinstance(identifier, str) or not is_id(identifier):
        raise Unacceptable("no_id")
    actor = uri_of(document.get("actor"))
    if actor is None:
        raise Unacceptable("no_actor")
    if "object" not in document:
        raise Unacceptable("no_object")
    return Activity(identifier, kind, actor, document["object"], document)


def parse_actor(document: dict[str, object]) -> RemoteActor:
    """An actor's document as its own server serves it."""
    uri = document.get("id")
    kind = ACTOR_TYPES.get(type_of(document))
    if not isinstance(uri, str) or not is_id(uri):
        raise Unacceptable("no_id")
    if kind is None:
        raise Unacceptable("not_an_actor")
    host = authority(uri)
    inbox = uri_of(document.get("inbox"))
    if inbox is None or host is None:
        raise Unacceptable("no_inbox")
    # An inbox elsewhere would make us send what is meant for one server to another.
    if authority(inbox) != host:
        raise Unacceptable("inbox_on_other_host")
    name = text.one_line(_string(document, "preferredUsername", 256), 64)
    if not name or "/" in name or "@" in name:
        raise Unacceptable("no_name")
    endpoints = document.get("endpoints")
    shared = uri_of(endpoints.get("sharedInbox")) if isinstance(endpoints, dict) else None
    return RemoteActor(
        uri=uri,
        kind=kind,
        name=name,
        host=host,
        title=text.one_line(_string(document, "name", 1000), text.MAX_TITLE),
        about_html=_string(document, "summary", 20_000),
        url=_page(document.get("url"), host),
        inbox=inbox,
        shared_inbox=shared if shared and authority(shared) == host else None,
        followers=_same_host(document.get("followers"), host),
        outbox=_same_host(document.get("outbox"), host),
        featured=_same_host(document.get("featured"), host),
        moderators=_same_host(document.get("attributedTo"), host) if kind == "group" else None,
        asks_first=document.get("manuallyApprovesFollowers") is True,
        moderators_only=document.get("postingRestrictedToMods") is True,
    )


def _same_host(value: object, host: str) -> str | None:
    uri = uri_of(value)
    return uri if uri and authority(uri) == host else None


def _page(value: object, host: str) -> str | None:
    """The address of a page for people, if it is on the same host: another one could pretend to be somebody's."""
    for candidate in _many(value):
        href = candidate.get("href") if isinstance(candidate, dict) else candidate
        if isinstance(href, str) and is_uri(href) and authority(href) == host:
            return href
    return None


def author_of(document: dict[str, object]) -> str:
    """The one author. PeerTube lists the person beside the channel: the person wrote it."""
    value = document.get("attributedTo")
    if value is None:
        value = document.get("actor")
    if isinstance(value, list):
        people = [part for part in value if not isinstance(part, dict) or type_of(part) != "Group"]
        if len(people) != 1:
            raise Unacceptable("several_authors")
        value = people[0]
    author = uri_of(value)
    if author is None:
        raise Unacceptable("no_author")
    return author


def parse_post(document: dict[str, object]) -> RemotePost:
    """A thread or reply of another server."""
    kind = type_of(document)
    if kind not in POST_TYPES:
        raise Unacceptable("not_a_post")
    uri = document.get("id")
    if not isinstance(uri, str) or not is_id(uri):
        raise Unacceptable("no_id")
    author = author_of(document)
    # Whoever signs speaks for their own host only; anything else is fetched from where its id says.
    if authority(author) != authority(uri):
        raise Unacceptable("author_on_other_host")
    replies_to = _many(document.get("inReplyTo"))
    if len(replies_to) > 1:
        raise Unacceptable("several_parents")
    in_reply_to = uri_of(replies_to[0]) if replies_to else None
    content = _content(document)
    name = text.one_line(_plain_name(document), text.MAX_TITLE)
    addressed = recipients(document)
    is_vote = kind == "Note" and bool(name) and in_reply_to is not None and not content
    clean = text.sanitise(content)
    if in_reply_to is not None and not is_vote:
        clean = text.SafeHtml(strip_leading_mentions(clean))
    if not is_vote:
        clean = text.SafeHtml(shown.beside(document, kind) + clean)
    link, pictures = _link(document, uri), _pictures(document)
    if not (text.plain(clean) or name or link or pictures):
        raise Unacceptable("nothing_said")
    return RemotePost(
        uri=uri,
        type=kind,
        author=author,
        title=(name if is_vote else None) if in_reply_to is not None else (name or title_from(clean, pictures)),
        html=clean,
        source=_markdown_source(document),
        link=link,
        url=_page(document.get("url"), authority(uri) or ""),
        in_reply_to=in_reply_to,
        public=any(recipient in PUBLIC for recipient in addressed),
        named=tuple(dict.fromkeys([*addressed, *_mentions(document)])),
        published=parse_time(document.get("published")),
        language=_language(document),
        is_vote=is_vote,
        context=_same_host(document.get("context"), authority(uri) or ""),
        replies=_same_host(document.get("replies"), authority(uri) or ""),
        poll=_poll(document) if kind == "Question" and in_reply_to is None else None,
        pictures=pictures,
    )


def _poll(document: dict[str, object]) -> NewPoll | None:
    try:
        return parse_question(document)
    except ValueError:
        raise Unacceptable("poll_counts") from None


def _content(document: dict[str, object]) -> str:
    content = _string(document, "content", text.MAX_SOURCE)
    if not content and isinstance(languages := document.get("contentMap"), dict):
        content = next((value for value in languages.values() if isinstance(value, str)), "")[: text.MAX_SOURCE]
    # Mobilizon and PeerTube may send their text as Markdown or plain text and say so.
    if document.get("mediaType") in ("text/markdown", "text/plain"):
        return text.render_markdown(content)
    return content


def _plain_name(document: dict[str, object]) -> str:
    name = _string(document, "name", 2000)
    if not name and isinstance(names := document.get("nameMap"), dict):
        name = next((value for value in names.values() if isinstance(value, str)), "")
    return html.unescape(name)


def recipients(document: dict[str, object]) -> list[str]:
    """All addressees, at most 100 (C13): more are neither read nor fetched."""
    found: list[str] = []
    for field in ("audience", "to", "cc", "context", "target"):
        for value in _many(document.get(field))[:MAX_RECIPIENTS]:
            uri = value if isinstance(value, str) else uri_of(value)
            if uri is not None and len(uri) <= MAX_URI:
                found.append(uri)
    return found[:MAX_RECIPIENTS]


def _mentions(document: dict[str, object]) -> list[str]:
    tags = _many(document.get("tag"))[:MAX_TAGS]
    mentions = [tag.get("href") for tag in tags if isinstance(tag, dict) and tag.get("type") == "Mention"]
    return [mention for mention in mentions if isinstance(mention, str) and is_uri(mention)]


def _link(document: dict[str, object], uri: str) -> str | None:
    """The page that a post is about: attached, or in the `url` of a `Page`."""
    if (href := next(filter(is_uri, links_in(document)), None)) is not None:
        return href
    if document.get("type") == "Video":
        # PeerTube's page plays it; its other addresses are bare files.
        return _page(document.get("url"), authority(uri) or "")
    if document.get("type") == "Page" and isinstance(url := document.get("url"), str):
        return url if is_uri(url) and authority(url) != authority(uri) else None
    return None


def _pictures(document: dict[str, object]) -> tuple[Picture, ...]:
    return tuple(picture for picture in pictures_in(document) if is_uri(picture.url))[: media.MOST]


def _markdown_source(document: dict[str, object]) -> str:
    source = document.get("source")
    if isinstance(source, dict) and source.get("mediaType") == "text/markdown":
        content = source.get("content")
        return content[: text.MAX_SOURCE] if isinstance(content, str) else ""
    return ""


def _language(document: dict[str, object]) -> str:
    declared = document.get("language")
    if isinstance(declared, dict):  # Lemmy: {"identifier": "de", "name": "Deutsch"}
        declared = declared.get("identifier")
    if not isinstance(declared, str) and isinstance(document.get("contentMap"), dict):
        declared = next(iter(document["contentMap"]), None)  # type: ignore[call-overload]
    return declared.split("-")[0].lower()[:20] if isinstance(declared, str) and declared.isascii() else ""


def parse_time(value: object) -> dt.datetime | None:
    """An instant, or None for one that is none; a time to come counts as now, so that nothing is pinned by it (D6)."""
    moment = parse_instant(value)
    return min(moment, clock.now()) if moment is not None else None


def title_from(clean: str, pictures: Sequence[Picture] = ()) -> str:
    """A title for a text without one: its first line without the mentions before it (Mastodon posts to a group).

    A photograph alone is called what it shows.
    """
    words = _LEADING_MENTIONS.sub("", text.plain(clean)).strip() or next((one.words for one in pictures), "")
    first_line = next((line for line in words.splitlines() if line.strip()), "")
    line = text.one_line(first_line, 10_000)
    if len(line) <= text.MAX_TITLE:
        return line
    return line[: text.MAX_TITLE - 1].rsplit(" ", 1)[0][: text.MAX_TITLE - 1] + "…"


_MENTION_HTML = re.compile(
    r"^((?:<p>)?)\s*(?:(?:<span[^>]*>)?<a [^>]*>@(?:<span>)?[^<]{1,200}(?:</span>)?</a>(?:</span>)?(?:\s|&nbsp;|,|:)*)+"
)


def strip_leading_mentions(clean: str) -> str:
    """Mastodon begins a reply with the names of those it answers; in a tree that is said already."""
    return _MENTION_HTML.sub(r"\1", clean, count=1)
