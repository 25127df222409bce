"""Integrity proofs (FEP-8b32) on the way: ours on everything that leaves, others' in place of asking their servers."""

import datetime as dt
import json

import pytest
from bovine.crypto.multibase import encode_public_key_to_multibase
from bovine.crypto.types import CryptographicSecret

from federation import keys, proofs
from federation.publickeys import PublicKey, load_multikey
from moderation import instances
from server import clock
from server.community import actors, votes
from tests.federation.peer import ACTIVITY, PUBLIC, Document, Peer
from tests.federation.signed import ED25519
from tests.federation.street import Street, addressed


async def check(street: Street, activity: Document) -> None:
    """It is proven by the key that its actor's own document lists."""
    actor = json.loads((await street.moot.get(activity["actor"])).body)
    listed = {method["id"]: method for method in actor["assertionMethod"]}
    method = listed[activity["proof"]["verificationMethod"]]
    assert method["controller"] == activity["actor"]
    key = PublicKey(method["id"], activity["actor"], load_multikey(method["publicKeyMultibase"]))
    proofs.verify_proof(activity, key, clock.now())


async def test_everything_that_leaves_is_proven_by_its_actor(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    await street.write(None, "At the bridge", parent=thread)
    reply = addressed(street, street.lemmy, street.lena, "<p>No</p>", inReplyTo=thread.uri)
    assert (await street.moot.deliver(reply)).status == 202
    await street.settle()
    async with street.runtime.db.transaction() as conn:
        await votes.thank(conn, await actors.by_id(conn, street.mia_id), thread)
    await street.settle()
    sent = [*street.lemmy.inbox, *street.mastodon.inbox]
    assert {activity["type"] for activity in sent} == {"Accept", "Announce"}
    for activity in sent:
        await check(street, activity)
        inner = activity["object"]
        if isinstance(inner, dict) and inner.get("actor", "").startswith("http://moot.test/"):
            # As it stands in the Announce, so that its readers need not ask us.
            await check(street, inner)
    assert len({activity["id"] for activity in sent}) >= 6


async def test_what_leaves_is_proven_once_for_all_who_get_it(street: Street) -> None:
    await street.write("The crossing", "Where?")
    to_lemmy, to_mastodon = street.lemmy.inbox[-1], street.mastodon.inbox[-1]
    for activity in (to_lemmy, to_mastodon):
        assert json.loads((await street.moot.get(activity["id"])).body) == activity


async def test_without_keys_there_is_no_proof_and_nobody_waits(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        plain: dict[str, object] = {"type": "Flag", "actor": "http://moot.test/ap/people/nobody"}
        assert await keys.prove(conn, 1, plain) == plain


async def test_what_others_proved_is_passed_on_with_its_proof(street: Street) -> None:
    create = addressed(street, street.lemmy, _prover(street.lemmy), "<p>Who has a ladder?</p>")
    proven = _proven(create)
    assert (await street.moot.deliver(proven)).status == 202
    await street.settle()
    assert street.lemmy.of_type("Announce(Create)")[-1]["object"] == proven


def _prover(there: Peer, name: str = "petra") -> str:
    """An actor whose document lists an Ed25519 key."""
    uri = there.actor(name)
    method = {
        "id": f"{uri}#ed25519-key",
        "type": "Multikey",
        "controller": uri,
        "publicKeyMultibase": encode_public_key_to_multibase(ED25519.public_key()),
    }
    there.documents[f"/u/{name}"]["assertionMethod"] = [method]
    return uri


def _proven(activity: Document, made: dt.datetime | None = None, signer: str | None = None) -> Document:
    secret = CryptographicSecret(f"{signer or activity['actor']}#ed25519-key", ED25519)
    return proofs.add_proof(activity, secret, made or clock.now())


class Garden:
    """The group `garden` on the server `here`, which Ana has joined; Petra there writes in it, with proofs."""

    def __init__(self, street: Street, here: Peer, uri: str, petra: str) -> None:
        self.street, self.here, self.uri, self.petra = street, here, uri, petra

    def create(self, **more: object) -> Document:
        """Petra's thread, of which her server itself says nothing."""
        page = self.here.note(self.petra, "<p>Who swaps seeds?</p>", type="Page", name="Seeds", cc=[self.uri], **more)
        del self.here.documents[page["id"].removeprefix(self.here.base)]
        return self.here.activity("Create", self.petra, page)

    async def announce(self, what: object) -> None:
        activity = self.here.activity("Announce", self.uri, what, to=[PUBLIC])
        assert (await self.street.moot.deliver(activity)).status == 202
        await self.street.settle()

    async def state(self, uri: str) -> str | None:
        async with self.street.runtime.db.read() as conn:
            return await conn.fetchval("select state from posts where uri = $1", uri)  # type: ignore[no-any-return]


@pytest.fixture
async def garden(street: Street) -> Garden:
    here = street.mastodon
    uri = here.actor("garden", "Group")
    await street.ask_to_join(here, "garden")
    accept = here.activity("Accept", uri, here.of_type("Follow")[0])
    assert (await street.moot.deliver(accept)).status == 202
    # Its past is read once somebody has joined it; only what comes after that counts here.
    await street.settle()
    here.fetched.clear()
    return Garden(street, here, uri, _prover(here))


async def test_a_proven_create_is_not_fetched(garden: Garden) -> None:
    first, second = garden.create(), garden.create()
    await garden.announce(_proven(first))
    assert await garden.state(first["object"]["id"]) == "published"
    # Her document alone, for her key.
    assert garden.here.fetched == ["/u/petra"]
    await garden.announce(_proven(second))
    assert await garden.state(second["object"]["id"]) == "published"
    assert garden.here.fetched == ["/u/petra"]


async def test_the_signature_that_fedify_adds_behind_the_proof_does_not_matter(garden: Garden) -> None:
    create = garden.create()
    await garden.announce(_proven(create) | {"signature": {"type": "RsaSignature2017", "signatureValue": "x"}})
    assert await garden.state(create["object"]["id"]) == "published"


async def test_an_unproven_create_is_fetched(garden: Garden) -> None:
    create = garden.create()
    await garden.announce(create)
    assert await garden.state(create["object"]["id"]) is None
    assert len(garden.here.fetched) == 1


@pytest.mark.parametrize("wrong", ["text", "signer", "value", "old", "undated", "suite", "context"])
async def test_a_proof_that_does_not_hold_spares_nothing(garden: Garden, wrong: str) -> None:
    create = garden.create()
    proven = _proven(create)
    if wrong == "text":
        proven["object"]["content"] = "<p>Buy seeds at evil.example</p>"
    elif wrong == "signer":
        proven = _proven(create, signer=_prover(garden.here, "mallory"))
    elif wrong == "value":
        proven["proof"]["proofValue"] = _proven(garden.create())["proof"]["proofValue"]
    elif wrong == "old":
        proven = _proven(create, clock.now() - dt.timedelta(hours=25))
    elif wrong == "undated":
        del proven["proof"]["created"]
    elif wrong == "suite":
        proven["proof"]["cryptosuite"] = "eddsa-rdfc-2022"
    else:
        proven["@context"] = "https://evil.test/context"
    await garden.announce(proven)
    assert await garden.state(create["object"]["id"]) is None
    assert create["object"]["id"].removeprefix(garden.here.base) in garden.here.fetched


async def test_a_proof_speaks_for_its_maker_alone(garden: Garden) -> None:
    """Petra proves a Create of a page that is said to be Max's, or that lies on another host."""
    theirs = garden.create()
    theirs["object"]["attributedTo"] = garden.street.max
    await garden.announce(_proven(theirs))
    assert await garden.state(theirs["object"]["id"]) is None
    elsewhere = garden.create()
    elsewhere["object"]["id"] = f"{garden.street.lemmy.base}/post/1"
    await garden.announce(_proven(elsewhere))
    assert await garden.state(elsewhere["object"]["id"]) is None
    foreign = garden.create() | {"id": f"{garden.street.lemmy.base}/activities/1"}
    await garden.announce(_proven(foreign))
    assert await garden.state(foreign["object"]["id"]) is None


async def test_a_key_that_its_owner_does_not_list_proves_nothing(garden: Garden) -> None:
    garden.here.documents["/u/petra"]["assertionMethod"] = []
    create = garden.create()
    await garden.announce(_proven(create))
    assert await garden.state(create["object"]["id"]) is None


async def test_a_proof_brings_nobody_in_whom_we_block_or_suspended(garden: Garden) -> None:
    first, second = garden.create(), garden.create()
    await garden.announce(_proven(first))
    async with garden.street.runtime.db.transaction() as conn:
        petra = await actors.by_uri(conn, garden.petra)
        assert petra is not None
        await actors.SUSPEND.run(conn, petra.id)
    await garden.announce(_proven(second))
    assert await garden.state(second["object"]["id"]) is None
    other = garden.street.lemmy
    theirs = other.activity(
        "Create", _prover(other, "lotte"), other.note(f"{other.base}/u/lotte", "<p>x</p>", cc=[garden.uri])
    )
    async with garden.street.runtime.db.transaction() as conn:
        await instances.set_policy(conn, garden.street.urls, other.host, instances.BLOCKED, "", None)
    other.fetched.clear()
    await garden.announce(_proven(theirs))
    assert await garden.state(theirs["object"]["id"]) is None
    assert other.fetched == []


async def test_an_author_who_proves_a_deletion_is_believed(garden: Garden) -> None:
    create = garden.create()
    await garden.announce(_proven(create))
    uri = create["object"]["id"]
    # Her server still shows it: without the proof this would be a removal, which the group can take back.
    garden.here.documents[uri.removeprefix(garden.here.base)] = create["object"]
    await garden.announce(_proven(garden.here.activity("Delete", garden.petra, uri)))
    assert await garden.state(uri) == "deleted"


async def test_somebody_else_who_proves_a_deletion_only_removes(garden: Garden) -> None:
    create = garden.create()
    await garden.announce(_proven(create))
    moderator = _prover(garden.here, "mona")
    await garden.announce(_proven(garden.here.activity("Delete", moderator, create["object"]["id"])))
    assert await garden.state(create["object"]["id"]) == "removed"


async def test_what_was_deleted_does_not_come_back_by_an_old_proof(garden: Garden) -> None:
    create = _proven(garden.create())
    await garden.announce(create)
    delete = garden.here.activity("Delete", garden.petra, create["object"]["id"])
    assert (await garden.street.moot.deliver(delete)).status == 202
    await garden.announce(create)
    assert await garden.state(create["object"]["id"]) == "deleted"


async def test_a_proof_replaces_no_http_signature(street: Street) -> None:
    """A16: what is not signed on the way is not taken, whatever it carries."""
    create = _proven(addressed(street, street.lemmy, _prover(street.lemmy), "<p>Text</p>"))
    answer = await street.moot.post(json.dumps(create).encode(), {"content-type": ACTIVITY})
    assert (answer.status, json.loads(answer.body)) == (401, {"error": "unsigned"})
    other = await street.moot.deliver(create, key=f"{street.lena}#main-key")
    assert json.loads(other.body) == {"error": "signer_is_not_actor"}
    assert await street.count_posts() == 0


async def test_a_linked_data_signature_is_nothing_to_us(street: Street) -> None:
    """A16: neither in place of an HTTP signature nor against fetching what is announced."""
    create = addressed(street, street.lemmy, street.lena, "<p>Text</p>")
    signature = {"type": "RsaSignature2017", "creator": f"{street.lena}#main-key", "signatureValue": "x"}
    body = json.dumps(create | {"signature": signature}).encode()
    answer = await street.moot.post(body, {"content-type": ACTIVITY})
    assert answer.status == 401
