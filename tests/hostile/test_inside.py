"""C6: whatever address others name, in whichever document, nothing of ours goes to a place that is closed to us."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from federation import remote, software
from server.errors import Invalid
from tests.federation.loopback import FORBIDDEN, Server, reply
from tests.federation.peer import PUBLIC
from tests.federation.street import GROUP, addressed
from tests.hostile import forging
from tests.hostile.conftest import Liar, World

SPELLED = (
    "http://127.0.0.1:{}",
    "http://inside.test:{}",
    "http://localhost:{}",
    "http://[::ffff:127.0.0.1]:{}",
    "http://0:{}",
)


@pytest.fixture
async def inside() -> AsyncIterator[Server]:
    """What listens on our own machine, for ourselves alone."""
    server = Server(FORBIDDEN)
    server.default = lambda _path: reply(b"{}")
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize("spelled", SPELLED)
async def test_C6_no_document_sends_us_inside(world: World, liar: Liar, inside: Server, spelled: str) -> None:
    """As key, parent, announced thing, inbox, collection, NodeInfo, WebFinger: named directly, or by a redirect."""
    street = world.street
    target = spelled.format(inside.port)
    world.evil.answers["/bounce"] = lambda: web.Response(status=302, headers={"location": f"{target}/x"})
    named = [f"{target}/x", f"{world.evil.base}/bounce"]
    for address in named:
        body = json.dumps(addressed(street, world.evil, world.evil.actor("mallory"), "<p>Hello.</p>")).encode()
        assert (await forging.ask(world.app, forging.cavage(body, address), body)).status == 401
        await liar.announce(address)
        await liar.announce([liar.claim("Create", address, address), liar.claim("Delete", address, address)])
        reply_to = addressed(street, street.mastodon, street.max, "<p>Indeed.</p>", inReplyTo=address)
        assert (await street.moot.deliver(reply_to)).status == 202
        await street.settle()
        with pytest.raises(Invalid):
            await remote.look_up(street.runtime, address)
    hostile = {
        "inbox": f"{target}/inbox", "endpoints": {"sharedInbox": f"{target}/inbox"}, "outbox": f"{target}/outbox",
        "followers": f"{target}/followers", "featured": f"{target}/featured", "attributedTo": f"{target}/mods",
        "icon": {"type": "Image", "url": f"{target}/icon.png"}, "movedTo": f"{target}/moved",
    }  # fmt: skip
    for name, value in hostile.items():
        # Each alone, since one that is refused as a whole would hide the others.
        uri = world.evil.actor(f"with_{name.lower()}")
        world.evil.documents[uri.removeprefix(world.evil.base)][name] = value
        answer = await street.moot.deliver(world.evil.activity("Follow", uri, GROUP))
        assert answer.status in (202, 400), name
        await street.settle()
    uri = world.evil.actor("finger")
    link = {"rel": "self", "type": "application/activity+json", "href": f"{target}/u/finger"}
    world.evil.answers["/.well-known/webfinger"] = lambda: web.json_response({"subject": uri, "links": [link]})
    with pytest.raises(Invalid):
        await remote.look_up(street.runtime, f"@finger@{world.evil.host}")
    schema = "http://nodeinfo.diaspora.software/ns/schema/2.0"
    for href in (f"{target}/nodeinfo", f"{world.evil.base}/bounce"):
        links = {"links": [{"rel": schema, "href": href}]}
        world.evil.answers["/.well-known/nodeinfo"] = lambda links=links: web.json_response(links)  # type: ignore[misc]
        async with street.runtime.db.transaction() as conn:
            await conn.execute("update lanes set software_checked_at = null")
        await software.refresh_software(street.runtime, host=world.evil.host)
    await street.write("The crossing", "For all followers")
    assert inside.connections == 0
    # All the while, those who name nothing of the kind are served.
    assert street.mastodon.of_type("Announce(id)") != []
    assert PUBLIC in json.dumps(street.lemmy.inbox)
