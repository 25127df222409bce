"""Fedify, with its signature checks on, takes part in a group of ours; what is not signed as it should changes nothing.

By plain http, which needs no network of its own, so that it runs everywhere; test_fedify_tls.py has both roles and more
scenes. Our side are real processes; see tests/fedify_peer for the other side and what it can be told to do.
"""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.fedify_peer.peer import FedifyPeer, fedify_peer
from tests.peers.town import SCHEMES, Town, announced, create, forgeries, unsigned
from tests.real_moot import real_moot, seen, write

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
async def town(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with real_moot("127.0.0.31", cluster, tmp_path_factory.mktemp("town")) as moot:
        made = Town(moot)
        await made.open()
        yield made
        for role in ("web", "worker"):
            assert "Traceback" not in moot.said(role), moot.said(role)[-3000:]


@pytest.fixture(scope="module")
async def peer() -> AsyncIterator[FedifyPeer]:
    async with fedify_peer() as made:
        yield made


async def test_it_finds_our_group(town: Town, peer: FedifyPeer) -> None:
    # By its address: for `acct:` it would ask over https.
    found = (await peer.ask("webfinger", uri=town.group))["found"]
    assert found["subject"] == f"acct:elm_street@{town.moot.host}"
    assert town.group in [link.get("href") for link in found["links"]]
    group = (await peer.ask("lookup", uri=town.group))["object"]
    assert (group["type"], group["preferredUsername"], group["name"]) == ("Group", "elm_street", "Elm Street")


async def test_it_joins_posts_and_hears_the_group_and_our_reply(town: Town, peer: FedifyPeer) -> None:
    await town.joined_by(peer)
    note = await peer.ask("create", group=town.group, content="<p>Who has seen a grey cat?</p>")
    # Of software that we do not know: a boost for microblogs, then the whole activity for forums.
    await peer.wait(type="Announce", object=note["object"], seconds=30)
    whole = await announced(peer, "grey cat")
    assert whole["actor"] == town.group
    post_id = await town.moot.value("select id from posts where uri = $1", note["object"])
    page = await seen(town.ana, f"/t/{post_id}", "grey cat")
    await page.form("Send reply").submit(text="She sits on our sill.")
    reply = (await announced(peer, "on our sill"))["object"]
    assert (reply["type"], reply["object"]["inReplyTo"]) == ("Create", note["object"])
    # The peer can read it where it stands.
    fetched = (await peer.ask("lookup", uri=reply["object"]["id"]))["object"]
    assert "on our sill" in fetched["content"]


async def test_it_reads_the_proofs_on_what_we_send(town: Town, peer: FedifyPeer) -> None:
    """By JSON-LD, so that our contexts must say what our keys are; the one within the Announce as well."""
    await peer.ask("follow", target=town.group)
    words = "A proven thread"
    await write(town.ana, "/g/elm_street", words, "By its author, and by the group.")
    announce = await announced(peer, words)
    for activity in (announce, announce["object"]):
        assert (await peer.ask("proven", activity=activity))["proven"]
        altered = activity | {"to": [town.group]}
        assert not (await peer.ask("proven", activity=altered))["proven"]


async def test_its_edit_its_thank_and_its_delete_arrive(town: Town, peer: FedifyPeer) -> None:
    thread = await write(town.ana, "/g/elm_street", "The crossing", "Where should it be?")
    uri = f"{town.moot.base}{thread.replace('/t/', '/ap/posts/')}"
    await announced(peer, "Where should it be?")
    await town.sees_what_is_done_there(peer, thread, uri)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_both_ways_to_sign_are_read(town: Town, peer: FedifyPeer, scheme: str) -> None:
    activity = create(peer, town)
    answer = await peer.ask("raw", url=town.inbox, body=json.dumps(activity), spec=scheme)
    assert answer["status"] == 202, answer
    await town.moot.at_rest()
    posts = "select count(*) from posts where uri = $1 and state = 'published'"
    assert await town.moot.value(posts, activity["object"]["id"]) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_what_was_altered_or_signed_by_another_is_401_and_changes_nothing(
    town: Town, peer: FedifyPeer, scheme: str
) -> None:
    await town.moot.at_rest()
    before = await town.stored()
    for request in forgeries(peer, town, scheme):
        answer = await peer.ask("raw", url=town.inbox, spec=scheme, **request)
        assert answer["status"] == 401, (request, answer)
    assert await town.stored() == before


async def test_what_is_not_signed_is_401_and_changes_nothing(town: Town, peer: FedifyPeer) -> None:
    await town.moot.at_rest()
    before = await town.stored()
    assert await unsigned(create(peer, town), town.moot.browser()) == 401
    assert await town.stored() == before


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_whoever_asks_for_signed_fetches_gets_them(town: Town, scheme: str) -> None:
    """As Mastodon's secure mode does: nothing of it can be read without a signature, the signers' keys included."""
    async with fedify_peer("--secure", "--first-knock", scheme) as strict:
        async with (
            aiohttp.ClientSession() as stranger,
            stranger.get(strict.person(), headers={"accept": "application/activity+json"}) as response,
        ):
            assert response.status == 401
        await town.joined_by(strict)
        note = await strict.ask("create", group=town.group, content=f"<p>Signed and sealed, {scheme}.</p>")
        await strict.wait(type="Announce", object=note["object"], seconds=30)
        asked = [one for one in await strict.entries("request") if one["path"] == "/users/alice" and one["scheme"]]
        assert asked
        assert {one["status"] for one in asked} == {200}
