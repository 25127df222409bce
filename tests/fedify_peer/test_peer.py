"""The peer itself: a test tool that believed everything would prove nothing."""

import json

import aiohttp
import pytest

from tests.fedify_peer.peer import PeerError, fedify_peer

pytestmark = pytest.mark.peer


async def test_the_peer_believes_its_own_signature_and_no_altered_one() -> None:
    async with fedify_peer() as peer:
        sent = await peer.ask("follow", target=peer.person("bob"))
        received = await peer.wait(type="Follow")
        assert received["id"] == sent["id"]

        inbox = f"{peer.origin}/inbox"
        async with (
            aiohttp.ClientSession() as stranger,
            stranger.post(inbox, json=sent["sent"], headers={"content-type": "application/activity+json"}) as response,
        ):
            assert response.status == 401
        body = json.dumps(sent["sent"] | {"id": f"{peer.origin}/activities/another"})
        altered = await peer.ask("raw", url=inbox, body=body, alteredBody=body.replace("/users/bob", "/users/eve"))
        assert altered["status"] == 401
        assert len(await peer.entries("received")) == 1


async def test_a_wait_in_vain_is_an_error() -> None:
    async with fedify_peer() as peer:
        with pytest.raises(PeerError, match="no Announce came"):
            await peer.wait(type="Announce", seconds=0.1)
