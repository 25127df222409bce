"""Fedify, with its signature checks on, takes part in a group of ours; what is not signed as it should changes nothing.

Our side are real processes; see tests/fedify_peer for the other side and what it can be told to do.
"""

import base64
import hashlib
import json
import typing
import uuid
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.federation.peer import PUBLIC, Document
from tests.fedify_peer.peer import FedifyPeer, fedify_peer
from tests.real_moot import RealMoot, gone, real_moot, seen, until, write

pytestmark = pytest.mark.peer

CAVAGE = "draft-cavage-http-signatures-12"
SCHEMES = (CAVAGE, "rfc9421")
NOBODYS = f"sig1=:{base64.b64encode(bytes(256)).decode()}:"


class Town:
    """Elm Street on our moot with the moderator Mia and the resident Ana."""

    def __init__(self, moot: RealMoot) -> None:
        self.moot = moot
        self.group = f"{moot.base}/ap/groups/elm_street"
        self.inbox = f"{moot.base}/ap/inbox"

    async def open(self) -> None:
        mia = await self.moot.add_resident("mia")
        await self.moot.add_resident("ana")
        await self.moot.add_group("elm_street", "Elm Street", mia)
        await self.moot.start_both()
        await self.moot.at_rest()
        self.mia = await self.moot.signed_in("mia")
        self.ana = await self.moot.signed_in("ana")

    async def joined_by(self, peer: FedifyPeer) -> None:
        followed = await peer.ask("follow", target=self.group)
        accepted = await peer.wait(type="Accept", seconds=30)
        assert followed["id"] in json.dumps(accepted["json"])

    async def stored(self) -> list[int]:
        """How much of what others may change is there."""
        tables = ("posts", "memberships", "votes", "seen_activities", "revisions", "jobs")
        return [int(await self.moot.value(f"select count(*) from {table}")) for table in tables]


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


async def announced(peer: FedifyPeer, words: str) -> Document:
    """The Announce of a whole activity with these words that the peer has verified."""

    async def look() -> Document | None:
        for entry in await peer.entries("received"):
            if entry["type"] == "Announce" and words in json.dumps(entry["json"]):
                return typing.cast(Document, entry["json"])
        return None

    return await until(look, f"an Announce with {words!r}")


def create(peer: FedifyPeer, town: Town, person: str = "alice") -> Document:
    """An activity of this person that nobody has signed yet."""
    author = peer.person(person)
    note = {
        "id": f"{peer.origin}/notes/{uuid.uuid4()}", "type": "Note", "attributedTo": author, "to": [PUBLIC],
        "cc": [town.group], "content": f"<p>Written by {person}, {uuid.uuid4()}</p>",
    }  # fmt: skip
    return {
        "@context": "https://www.w3.org/ns/activitystreams", "id": f"{peer.origin}/activities/{uuid.uuid4()}",
        "type": "Create", "actor": author, "object": note, "to": [PUBLIC], "cc": [town.group],
    }  # fmt: skip


def fitting_digest(scheme: str, body: str) -> dict[str, str]:
    """The header that fits this body, for a request that was signed with another one."""
    value = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    return {"digest": f"SHA-256={value}"} if scheme == CAVAGE else {"content-digest": f"sha-256=:{value}:"}


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


async def test_its_edit_its_thank_and_its_delete_arrive(town: Town, peer: FedifyPeer) -> None:
    thread = await write(town.ana, "/g/elm_street", "The crossing", "Where should it be?")
    uri = f"{town.moot.base}{thread.replace('/t/', '/ap/posts/')}"
    await announced(peer, "Where should it be?")
    liked = await peer.ask("like", to=town.group, object=uri)
    await seen(town.ana, thread, "1 thanks")
    await peer.ask("undo", to=town.group, activity=liked["sent"])
    await gone(town.ana, thread, "1 thanks")
    note = await peer.ask("create", group=town.group, content="<p>At the bridge.</p>", inReplyTo=uri)
    await seen(town.ana, thread, "At the bridge.")
    await peer.ask("update", to=town.group, object=note["object"], content="<p>At the mill.</p>")
    await seen(town.ana, thread, "At the mill.")
    await peer.ask("delete", to=town.group, object=note["object"])
    await gone(town.ana, thread, "At the mill.")


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
    body = json.dumps(create(peer, town))
    by_bob = json.dumps(create(peer, town, "bob"))
    false = body.replace("Written", "Altered")
    wrong: list[dict[str, object]] = [
        {"body": body, "alteredBody": false},
        {"body": body, "alteredBody": false, "alter": fitting_digest(scheme, false)},
        {
            "body": body,
            "alter": {"date": "Mon, 05 Jan 2026 10:00:00 GMT"} if scheme == CAVAGE else {"signature": NOBODYS},
        },
        # Signed well, but by somebody else of the same server.
        {"body": by_bob},
    ]
    for request in wrong:
        answer = await peer.ask("raw", url=town.inbox, spec=scheme, **request)
        assert answer["status"] == 401, (request, answer)
    assert await town.stored() == before


async def test_what_is_not_signed_is_401_and_changes_nothing(town: Town, peer: FedifyPeer) -> None:
    await town.moot.at_rest()
    before = await town.stored()
    headers = {"content-type": "application/activity+json"}
    async with (
        aiohttp.ClientSession() as stranger,
        stranger.post(town.inbox, json=create(peer, town), headers=headers) as response,
    ):
        assert response.status == 401
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
