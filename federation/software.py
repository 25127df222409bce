"""What software an instance runs (NodeInfo), and what that means for the form in which it reads us."""

import datetime as dt
import re
import string

import msgspec
import structlog

from federation import lanes
from federation.client import Outgoing
from federation.decoding import BadDocument, decode_document
from federation.egress import FetchFailed
from moderation import instances
from server import clock
from server.db import Conn
from server.runtime import Runtime
from server.urls import authority

log = structlog.get_logger(__name__)

REFRESH_AFTER = dt.timedelta(days=7)
ASK_AGAIN_AFTER = dt.timedelta(hours=1)
MAX_NAME = 60

# Forums read a group's Announce of whole activities.
FORUMS = frozenset({
    "lemmy", "piefed", "mbin", "kbin", "nodebb", "discourse", "peertube", "friendica", "hubzilla", "smithereen",
    "folkmoot",
})  # fmt: skip
# Microblogs show an Announce as a boost, so that they get it for new threads only, as the thread's id.
MICROBLOGS = frozenset({
    "mastodon", "glitch", "hometown", "fedibird", "misskey", "sharkey", "firefish", "calckey", "foundkey", "iceshrimp",
    "iceshrimp.net", "cherrypick", "akkoma", "pleroma", "gotosocial", "pixelfed", "takahe", "mitra", "snac", "hollo",
    "ghost", "wafrn", "gnusocial",
})  # fmt: skip
# These hide a text that has a `summary` behind a warning, as their code says: all but Mastodon's own family.
WARNERS = frozenset({
    "misskey", "sharkey", "firefish", "calckey", "foundkey", "iceshrimp", "iceshrimp.net", "cherrypick", "gotosocial",
    "akkoma", "pleroma", "takahe", "hollo", "wafrn", "snac",
})  # fmt: skip
# A Question is refused (Lemmy), passed over (Discourse), or shown without its options (NodeBB) or its title (Mbin).
WITHOUT_POLLS = frozenset({"lemmy", "discourse", "mbin", "kbin", "nodebb"})
# These compare whom they count among our followers, when asked to (FEP-8fcf). A verifier that has never met the header
# might stumble over it, so nobody else gets it.
COMPARING = frozenset({"mastodon", "glitch", "hometown", "fedibird", "tootik", "folkmoot"})
# They take the first attachment for the thread's link, and read none of a reply; both show pictures in Markdown.
PICTURES_IN_TEXT = frozenset({"lemmy", "piefed"})

_SCHEMAS = tuple(f"http://nodeinfo.diaspora.software/ns/schema/{version}" for version in ("2.1", "2.0"))
_KEY_ID = re.compile(r'keyid="([^"\s]{1,2048})"', re.IGNORECASE)
_PRINTABLE = frozenset(string.printable) - frozenset(string.whitespace) | {" "}


def is_forum(name: str | None) -> bool:
    """Whether this software is known to read announced activities; False where we do not know."""
    return name in FORUMS


def is_microblog(name: str | None) -> bool:
    """Whether this software is known to show an Announce as a boost; False where we do not know."""
    return name in MICROBLOGS


def turns_summary_into_warning(name: str | None) -> bool:
    """Whether a `summary` would hide our thread's text behind a content warning there."""
    return name in WARNERS


def reads_polls(name: str | None) -> bool:
    """Whether this software is thought to show a Question as a poll; True where we do not know."""
    return name not in WITHOUT_POLLS


def compares_followers(name: str | None) -> bool:
    """Whether this software is known to read `Collection-Synchronization`; False where we do not know."""
    return name in COMPARING


def reads_pictures_in_text(name: str | None) -> bool:
    """Whether this software shows pictures in a text's Markdown better than attached ones."""
    return name in PICTURES_IN_TEXT


async def software_of(conn: Conn, host: str) -> str | None:
    """The software's name in lower case, as last looked up; None where we do not know."""
    known = await lanes.software(conn, host)
    return known.name if known else None


async def reader_software(conn: Conn, signature: str) -> str | None:
    """The software of whoever signs a GET, by the key that its `Signature` or `Signature-Input` header names.

    Nobody verifies that here: it chooses between two spellings of what is public anyway.
    """
    named = _KEY_ID.search(signature)
    host = authority(named[1]) if named else None
    return await software_of(conn, host) if host else None


async def refresh_software(runtime: Runtime, *, host: str) -> None:
    """Errand: look up what an instance runs, unless we asked lately; no answer leaves what we knew."""
    async with runtime.db.read() as conn:
        known = await lanes.software(conn, host)
    if known is not None and known.checked_at > clock.now() - (REFRESH_AFTER if known.name else ASK_AGAIN_AFTER):
        return
    try:
        await _check_not_blocked(runtime, host)
        answer = await _ask(await runtime.use(Outgoing), host)
    except (FetchFailed, BadDocument, msgspec.ValidationError) as failed:
        log.info("software unknown", host=host, reason=str(failed)[:200])
        answer = (known.name, known.version) if known else (None, None)
    async with runtime.db.transaction() as conn:
        await lanes.remember_software(conn, host, *answer)


async def _check_not_blocked(runtime: Runtime, host: str) -> None:
    async with runtime.db.read() as conn:
        if await instances.is_blocked(conn, host):
            raise FetchFailed("blocked_instance", host)


class _Link(msgspec.Struct):
    rel: str = ""
    href: str = ""


class _Links(msgspec.Struct):
    links: list[_Link]


class _Software(msgspec.Struct):
    name: str
    version: str = ""


class _NodeInfo(msgspec.Struct):
    software: _Software


async def _ask(outgoing: Outgoing, host: str) -> tuple[str | None, str | None]:
    """Name and version from the instance's NodeInfo 2.1 or 2.0; raises FetchFailed, BadDocument or ValidationError."""
    base = f"{outgoing.scheme_for(host)}://{host}"
    known_places = await outgoing.get_json(f"{base}/.well-known/nodeinfo")
    links = msgspec.convert(decode_document(known_places.body), _Links).links
    hrefs = {link.rel: link.href for link in links if authority(link.href) == host}
    # Only at the same host: nobody says for another instance what that runs.
    href = next((hrefs[schema] for schema in _SCHEMAS if schema in hrefs), None)
    if href is None:
        raise FetchFailed("no_nodeinfo", host)
    answer = await outgoing.get_json(href)
    if authority(answer.url) != host:
        raise FetchFailed("nodeinfo_elsewhere", answer.url[:200])
    found = msgspec.convert(decode_document(answer.body), _NodeInfo).software
    return _clean(found.name).lower() or None, _clean(found.version)


def _clean(text: str) -> str:
    return "".join(letter for letter in text[:MAX_NAME] if letter in _PRINTABLE).strip()
