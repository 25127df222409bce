"""Elm Street on a moot of real processes, and what a Fedify peer and its hostile double send there."""

import base64
import hashlib
import json
import typing
import uuid

from tests.browser_like import Browser
from tests.federation.peer import PUBLIC, Document
from tests.fedify_peer.peer import FedifyPeer
from tests.real_moot import RealMoot, gone, seen, until

CAVAGE = "draft-cavage-http-signatures-12"
SCHEMES = (CAVAGE, "rfc9421")
NOBODYS = f"sig1=:{base64.b64encode(bytes(256)).decode()}:"


class Town:
    """Elm Street on our moot with the moderator Mia and the resident Ana; `secure`: for those alone who sign."""

    def __init__(self, moot: RealMoot, *, secure: bool = False) -> None:
        self.moot = moot
        self.secure = secure
        moot.environ["FOLKMOOT_SECURE_MODE"] = str(secure).lower()
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

    async def sees_what_is_done_there(self, peer: FedifyPeer, thread: str, uri: str) -> None:
        """A thank and its end, a reply, its edit and its end: each done by the peer, and seen on our page."""
        liked = await peer.ask("like", to=self.group, object=uri)
        await seen(self.ana, thread, "1 thanks")
        await peer.ask("undo", to=self.group, activity=liked["sent"])
        await gone(self.ana, thread, "1 thanks")
        note = await peer.ask("create", group=self.group, content="<p>At the bridge.</p>", inReplyTo=uri)
        await seen(self.ana, thread, "At the bridge.")
        await peer.ask("update", to=self.group, object=note["object"], content="<p>At the mill.</p>")
        await seen(self.ana, thread, "At the mill.")
        await peer.ask("delete", to=self.group, object=note["object"])
        await gone(self.ana, thread, "At the mill.")

    async def stored(self) -> list[int]:
        """How much of what others may change is there."""
        tables = ("posts", "memberships", "votes", "seen_activities", "revisions", "jobs")
        return [int(await self.moot.value(f"select count(*) from {table}")) for table in tables]


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


def forgeries(peer: FedifyPeer, town: Town, scheme: str) -> list[dict[str, object]]:
    """Arguments of the command `raw`, for requests that are not what they were signed as."""
    body = json.dumps(create(peer, town))
    false = body.replace("Written", "Altered")
    return [
        {"body": body, "alteredBody": false},
        {"body": body, "alteredBody": false, "alter": _fitting_digest(scheme, false)},
        {
            "body": body,
            "alter": {"date": "Mon, 05 Jan 2026 10:00:00 GMT"} if scheme == CAVAGE else {"signature": NOBODYS},
        },
        # Signed well, but by somebody else of the same server.
        {"body": json.dumps(create(peer, town, "bob"))},
    ]


async def unsigned(activity: Document, send: Browser) -> int:
    """The status of an answer to this activity when nobody signs it."""
    headers = {"content-type": "application/activity+json"}
    return (await send.send("POST", "/ap/inbox", json.dumps(activity).encode(), headers)).status


def _fitting_digest(scheme: str, body: str) -> dict[str, str]:
    """The header that fits this body, for a request that was signed with another one."""
    value = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    return {"digest": f"SHA-256={value}"} if scheme == CAVAGE else {"content-digest": f"sha-256=:{value}:"}
