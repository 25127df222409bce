"""A pytest plugin: runs the tests against Folkmoot with one of its defences taken away (`--weakened A3`).

Each variant is a fault that some server in the wild really had (the rows of the threat table). test_teeth.py expects
the tests of that row to fail.
"""

import socket
import typing
from collections.abc import Callable

import aiohttp
import msgspec
import pytest

from federation import decoding, digests, documents, endpoints, http, inbox, parse, senders, signatures
from federation.decoding import decode_document
from federation.incoming import BadSignature, IncomingRequest
from federation.parse import Activity
from federation.publickeys import PublicKey
from federation.received import Received
from federation.signatures import VerifiedRequest
from server.community import actors, posts
from server.db import Conn
from server.ids import parse_id
from server.runtime import Runtime
from server.urls import authority
from web.pages import media as media_page


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--weakened", choices=sorted(VARIANTS), required=True, help="the defence to take away")


def pytest_configure(config: pytest.Config) -> None:
    patch = pytest.MonkeyPatch()
    VARIANTS[config.getoption("--weakened")](patch)


def refuse_and_go_on(patch: pytest.MonkeyPatch) -> None:
    """A3: the answer is 401, and the activity is processed all the same (Misskey, CVE-2026-28432)."""
    real = senders.verify

    async def verify(runtime: Runtime, request: IncomingRequest) -> VerifiedRequest:
        try:
            return await real(runtime, request)
        except BadSignature:
            activity = parse.parse_activity(decode_document(request.body))
            async with runtime.db.read() as conn:
                claimed = await actors.by_uri(conn, activity.actor)
            if claimed is not None:
                await inbox._effect(runtime, claimed.host or "", claimed, activity, request.body)
            raise

    patch.setattr(senders, "verify", verify)


def check_one_digest(patch: pytest.MonkeyPatch) -> None:
    """A5: `Digest` is compared with the body, whichever of the two headers was signed (bovine 0.5.19)."""

    def check(request: IncomingRequest, covered: tuple[str, ...]) -> None:
        value = request.one("digest")
        if value is not None and value != digests.legacy_digest(request.body):
            raise BadSignature("digest_mismatch")

    patch.setattr(signatures, "check_digests", check)


def believe_keys(patch: pytest.MonkeyPatch) -> None:
    """A9: a key belongs to whom its own document names (Fedify, GHSA-q9f8-5hc7-898f)."""

    async def ask(self: senders.Senders, key_id: str) -> tuple[PublicKey, dict[str, object]]:
        found = await self._outgoing.fetch_activity_json(key_id)
        listed: typing.Any = found.document.get("publicKey", found.document)
        return PublicKey.from_pem(key_id, listed["owner"], listed["publicKeyPem"]), found.document

    patch.setattr(senders.Senders, "_ask", ask)
    patch.setattr(signatures, "_signed_by", lambda key, claimed, base: key.verify(claimed.signature, base))


def believe_the_host(patch: pytest.MonkeyPatch) -> None:
    """A10: whoever signs speaks for everybody on their server (Fedify, CVE-2025-54888)."""

    def host_of(verified: VerifiedRequest, activity: Activity) -> str:
        if authority(verified.signer_uri) != authority(activity.actor):
            raise BadSignature("signer_is_not_actor")
        return authority(activity.actor) or ""

    patch.setattr(inbox, "_host_of", host_of)


def own_by_host(patch: pytest.MonkeyPatch) -> None:
    """B2: a post belongs to its author's server (Nextcloud #2225)."""
    real = inbox.RECEIVERS["Delete"]

    async def receive(conn: Conn, got: Received) -> None:
        post = await posts.by_uri(conn, got.activity.object_uri or "")
        author = await actors.by_id(conn, post.author_id) if post is not None else got.sender
        if author.host == got.sender.host:
            got = Received(author, got.activity, got.raw, got.urls, got.via, got.buried)
        await real(conn, got)

    patch.setitem(inbox.RECEIVERS, "Delete", receive)


def take_the_first(patch: pytest.MonkeyPatch) -> None:
    """B5: of several authors the check reads the first one (NodeBB 7a071a31a7)."""
    real = parse.author_of

    def author_of(document: dict[str, object]) -> str:
        value = document.get("attributedTo")
        return real(document | {"attributedTo": value[0]} if isinstance(value, list) and value else document)

    patch.setattr(parse, "author_of", author_of)


def trust_the_resolver(patch: pytest.MonkeyPatch) -> None:
    """C1: addresses are judged when a name is looked up, so that a literal one is never judged."""

    def factory(policy: object, tls: bool) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
        return lambda address: socket.socket(address[0], address[1], address[2])

    patch.setattr(http, "_socket_factory", factory)


def take_any_text(patch: pytest.MonkeyPatch) -> None:
    """D3: what no database stores is found out by the database."""
    patch.setattr(decoding, "_strings", lambda document: iter(()))


def serve_what_is_held(patch: pytest.MonkeyPatch) -> None:
    """H6: the page of a held post is closed, its JSON is open (hackerspub 68b9f38f)."""

    async def row(request: typing.Any, conn: Conn) -> documents.PostRow | None:
        post_id = parse_id(request.path_params["id"])
        found = await documents.BY_ID.one(conn, post_id) if post_id is not None else None
        return msgspec.structs.replace(found, state="published") if found is not None else None

    patch.setattr(endpoints, "_post_row", row)


class _CommittedAtOnce:
    """The query that marks an activity as seen, and then ends the transaction in which its effect should have been."""

    def __init__(self, real: typing.Any) -> None:
        self.real = real

    async def one(self, conn: Conn, *args: object) -> object:
        seen = await self.real.one(conn, *args)
        await conn.execute("commit")
        await conn.execute("begin")
        return seen


def see_first(patch: pytest.MonkeyPatch) -> None:
    """An activity counts as seen before it has had its effect: whatever fails then is lost for ever."""
    patch.setattr(inbox, "SEE", _CommittedAtOnce(inbox.SEE))


def show_every_picture(patch: pytest.MonkeyPatch) -> None:
    """H2: the post is closed, its picture is open to whoever has its address."""

    async def check(*_: object) -> None:
        return

    patch.setattr(media_page, "_check_may_see", check)


def serve_uploads_as_pages(patch: pytest.MonkeyPatch) -> None:
    """E10: whatever was uploaded is served like a page of ours (Akkoma 3.12)."""
    patch.setattr(media_page, "HEADERS", {})


VARIANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "A3": refuse_and_go_on,
    "A5": check_one_digest,
    "A9": believe_keys,
    "A10": believe_the_host,
    "B2": own_by_host,
    "B5": take_the_first,
    "C1": trust_the_resolver,
    "D3": take_any_text,
    "E10": serve_uploads_as_pages,
    "H2": show_every_picture,
    "H6": serve_what_is_held,
    "seen-first": see_first,
}
