"""Who follows whom, compared with other servers by a digest (FEP-8fcf), both ways."""

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import pytest

from federation import followers, synchronization
from federation.answers import NOT_SHARED
from federation.followers import HEADER, digest_of, header, read_header
from federation.publickeys import PublicKey
from federation.signatures import VerifiedRequest, Verifier
from moderation import instances
from server import clock
from server.community import memberships
from server.limits import Limit
from tests.conftest import BASE_URL
from tests.federation.peer import PUBLIC, Peer, signed
from tests.federation.street import GROUP, Street
from tests.web.counting import counted

LIST = f"{GROUP}/followers_synchronization"


async def nobody_is_blocked(_host: str) -> bool:
    return False


class GroupKey:
    """The key that our group shows to everybody."""

    def __init__(self, key: PublicKey) -> None:
        self._key = key

    async def find(self, _key_id: str) -> PublicKey | None:
        return self._key

    async def refetch(self, _key_id: str) -> PublicKey | None:
        return self._key


async def verified_there(street: Street, there: Peer) -> list[VerifiedRequest]:
    """What came to a server, as its own verifier reads it."""
    shown = json.loads((await street.moot.get(GROUP)).body)["publicKey"]
    key = GroupKey(PublicKey.from_pem(shown["id"], shown["owner"], shown["publicKeyPem"]))
    verifier = Verifier(there.base, key, clock.now, nobody_is_blocked, plain_http=True)
    return [await verifier.verify(request) for request in there.posted]


# What we say


async def test_what_is_for_all_followers_says_who_of_theirs_they_are(street: Street) -> None:
    street.mastodon.posted.clear()
    await street.write("The crossing", "Where?")
    (request,) = await verified_there(street, street.mastodon)
    # Its signature covers the claim, else anybody on the way could change it.
    assert request.followers == header(GROUP, hashlib.sha256(street.max.encode()).hexdigest())


async def test_in_the_other_scheme_as_well(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update lanes set scheme = 'rfc9421'")
    street.mastodon.posted.clear()
    await street.write("The crossing", "Where?")
    (request,) = await verified_there(street, street.mastodon)
    assert request.followers == header(GROUP, digest_of([street.max]))


async def test_what_is_for_one_person_says_nothing_of_the_others(street: Street) -> None:
    street.mastodon.posted.clear()
    otto = street.mastodon.actor("otto")
    assert (await street.moot.deliver(street.mastodon.activity("Follow", otto, GROUP))).status == 202
    await street.settle()
    assert street.mastodon.inbox[-1]["type"] == "Accept"
    assert [request.followers for request in await verified_there(street, street.mastodon)] == [None]


async def test_software_that_would_not_compare_is_spared_the_header(street: Street) -> None:
    street.lemmy.posted.clear()
    await street.write("The crossing", "Where?")
    assert [request.one(HEADER.lower()) for request in street.lemmy.posted] == [None]


async def test_many_deliveries_ask_once_who_follows(street: Street) -> None:
    await street.write("The crossing", "Where?")
    async with counted(street.runtime) as seen:
        await street.write("The ladder", "Who has one?")
    assert street.mastodon.types() == ["Accept", "Announce(id)", "Announce(id)"]
    assert [one for one in seen if "bit_xor" in one] == []


def test_the_digest_of_many_is_that_of_each_of_them_in_any_order() -> None:
    # Worked out by hand from the definition: XOR of the SHA-256 of each id.
    first, second = (hashlib.sha256(uri).digest() for uri in (b"https://a.example/1", b"https://a.example/2"))
    expected = bytes(a ^ b for a, b in zip(first, second, strict=True)).hex()
    assert digest_of(["https://a.example/1", "https://a.example/2"]) == expected
    assert digest_of(["https://a.example/2", "https://a.example/1"]) == expected
    assert digest_of([]) == followers.NOBODY == "0" * 64


async def test_the_database_counts_as_we_do(street: Street) -> None:
    others = [street.mastodon.actor(name) for name in ("olga", "paul")]
    for other in others:
        assert (await street.moot.deliver(street.mastodon.activity("Follow", other, GROUP))).status == 202
    await street.settle()
    async with street.runtime.db.read() as conn:
        found = await followers.Digests().of(conn, [street.group_id])
    assert found[street.group_id].digests == {
        street.lemmy.host: digest_of([street.lena]),
        street.mastodon.host: digest_of([street.max, *others]),
    }


async def test_the_list_is_for_the_server_that_signs_and_names_its_own_people(street: Street) -> None:
    # Whoever lives there may ask; mostly it is the server's own actor.
    for there, follower in ((street.mastodon, street.max), (street.lemmy, street.lena)):
        answer = await street.moot.read_as(there.actor("server", "Application"), LIST)
        assert json.loads(answer.body)["orderedItems"] == [follower]
        assert answer.header("cache-control") == NOT_SHARED


async def test_strangers_learn_nothing_from_the_list(street: Street) -> None:
    assert (await street.moot.get(LIST)).status == 401
    assert (await street.moot.get("/ap/groups/no_such_group/followers_synchronization")).status == 401
    assert (await street.moot.read_as(street.max, "/ap/groups/no_such_group/followers_synchronization")).status == 404
    async with street.runtime.db.transaction() as conn:
        await instances.set_policy(conn, street.urls, street.mastodon.host, "blocked", "", street.mia_id)
    assert (await street.moot.read_as(street.max, LIST)).status == 403


# What others say


@dataclasses.dataclass
class Choir:
    """The group `choir` of the server `there`, which Ana has joined; `listed` is whom that server counts of ours."""

    street: Street
    there: Peer
    uri: str
    group_id: int

    def count(self, *uris: str) -> None:
        self.there.documents["/u/choir/sync"] = {
            "id": f"{self.uri}/sync", "type": "OrderedCollection", "orderedItems": list(uris),
        }  # fmt: skip

    def claim(self, *uris: str, collection: str | None = None, url: str | None = None) -> str:
        return (
            f'collectionId="{collection or self.uri + "/followers"}", url="{url or self.uri + "/sync"}", '
            f'digest="{digest_of(uris)}"'
        )

    async def say(self, claim: str) -> None:
        """The group announces something, and claims something beside it."""
        activity = self.there.activity("Announce", self.uri, self.there.id("notes"), to=[PUBLIC])
        assert (await self.street.moot.deliver(activity, more={HEADER: claim})).status == 202
        await self.street.settle()

    async def state(self) -> str | None:
        async with self.street.runtime.db.read() as conn:
            found = await memberships.one(conn, self.street.ana_id, self.group_id)
        return found.state if found else None

    def asked(self) -> int:
        """How often its list was read."""
        return self.there.fetched.count("/u/choir/sync")

    def left(self) -> list[object]:
        return [undo["object"]["actor"] for undo in self.there.of_type("Undo(Follow)")]


ANA, MIA = "http://moot.test/ap/people/ana", "http://moot.test/ap/people/mia"


@pytest.fixture
async def asking(street: Street) -> Choir:
    there = street.lemmy
    uri = there.actor("choir", "Group")
    return Choir(street, there, uri, await street.ask_to_join(there, "choir"))


@pytest.fixture
async def choir(asking: Choir) -> Choir:
    follow = asking.there.of_type("Follow")[0]
    assert (await asking.street.moot.deliver(asking.there.activity("Accept", asking.uri, follow))).status == 202
    await asking.street.settle()
    assert await asking.state() == "joined"
    return asking


async def test_where_both_count_the_same_nobody_is_asked(choir: Choir) -> None:
    await choir.say(choir.claim(ANA))
    assert (choir.asked(), await choir.state()) == (0, "joined")


async def test_whom_the_group_does_not_list_any_more_is_no_member_and_is_told(choir: Choir) -> None:
    choir.count()
    await choir.say(choir.claim())
    assert await choir.state() == "refused"
    async with choir.street.runtime.db.read() as conn:
        told = await conn.fetch("select kind from notifications where group_id = $1 order by id", choir.group_id)
    assert [row["kind"] for row in told] == ["joined_group", "put_out"]


async def test_whom_the_group_lists_has_been_let_in_though_the_answer_was_lost(asking: Choir) -> None:
    assert await asking.state() == "asked"
    asking.count(ANA)
    await asking.say(asking.claim(ANA))
    assert await asking.state() == "joined"


async def test_who_is_listed_without_belonging_there_leaves(choir: Choir) -> None:
    choir.count(ANA, MIA, "http://moot.test/ap/people/nobody")
    await choir.say(choir.claim(ANA, MIA, "http://moot.test/ap/people/nobody"))
    assert choir.left() == [MIA]
    assert await choir.state() == "joined"


async def band_of(choir: Choir) -> Choir:
    """Another group of the same server."""
    uri = choir.there.actor("band", "Group", followers=f"{choir.uri}/followers")
    return Choir(choir.street, choir.there, uri, await choir.street.ask_to_join(choir.there, "band"))


async def test_however_many_list_whom_they_like_one_server_makes_us_leave_so_often(
    choir: Choir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synchronization, "UNDONE_PER_HOST", Limit(1, 3600))
    choir.count(ANA, MIA)
    for group in (choir, await band_of(choir)):
        await group.say(choir.claim(ANA, MIA))
    assert (choir.asked(), choir.left()) == (2, [MIA])


async def test_one_servers_lists_are_read_so_often(choir: Choir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synchronization, "LISTS_PER_HOST", Limit(1, 600))
    choir.count(ANA, MIA)
    for group in (choir, await band_of(choir)):
        await group.say(choir.claim(ANA, MIA))
    assert choir.asked() == 1


async def test_nobody_is_put_out_for_a_list_that_does_not_fit_its_digest(choir: Choir) -> None:
    # Somebody joined between the claim and the list, or the list was cut.
    choir.count()
    await choir.say(choir.claim(MIA))
    assert (choir.asked(), await choir.state()) == (1, "joined")


async def test_nobody_is_put_out_for_a_list_that_cannot_be_read(choir: Choir) -> None:
    await choir.say(choir.claim())
    assert (choir.asked(), await choir.state()) == (1, "joined")


async def test_a_sender_is_compared_once_in_a_while(choir: Choir, monkeypatch: pytest.MonkeyPatch) -> None:
    choir.count(ANA)
    for _ in range(3):
        await choir.say(choir.claim(MIA))
    assert choir.asked() == 1
    monkeypatch.setattr(synchronization, "COMPARE_AGAIN_SECONDS", -1.0)
    (await choir.street.runtime.use(synchronization.Compared))._until.clear()
    for _ in range(2):
        await choir.say(choir.claim(MIA))
    assert choir.asked() == 3


async def test_a_claim_that_was_not_signed_is_nobodys(choir: Choir) -> None:
    choir.count()
    activity = choir.there.activity("Announce", choir.uri, choir.there.id("notes"), to=[PUBLIC])
    body = json.dumps(activity).encode()
    headers = signed(f"{BASE_URL}/ap/inbox", body, f"{choir.uri}#main-key") | {HEADER.lower(): choir.claim()}
    assert (await choir.street.moot.post(body, headers)).status == 202
    await choir.street.settle()
    assert (choir.asked(), await choir.state()) == (0, "joined")


@pytest.mark.parametrize("what", ["another collection", "another host", "no digest", "nonsense"])
async def test_whoever_claims_what_is_not_theirs_to_say_is_not_heard(choir: Choir, what: str) -> None:
    choir.count()
    claims = {
        "another collection": choir.claim(collection=f"{choir.there.base}/u/garden/followers"),
        "another host": choir.claim(url=f"{choir.street.mastodon.base}/u/choir/sync"),
        "no digest": choir.claim().replace("digest", "sum"),
        "nonsense": "x" * 3000,
    }
    await choir.say(claims[what])
    assert (choir.asked(), await choir.state()) == (0, "joined")
    assert choir.street.mastodon.fetched.count("/u/choir/sync") == 0


def test_the_header_in_the_documentation_is_ours() -> None:
    page = (Path(__file__).parents[2] / "FEDERATION.md").read_text()
    (shown,) = re.findall(r"```text synchronization\n(.*)\n```", page)
    claim = read_header(shown)
    assert claim is not None
    assert shown == header("https://moot.example/ap/groups/elm_street", claim.digest)


def test_a_header_is_read_whatever_the_order_of_its_parts() -> None:
    digest = "AB" * 32
    claim = read_header(f'digest="{digest}", url="https://a.example/s", collectionId="https://a.example/f"')
    assert claim == ("https://a.example/f", "https://a.example/s", digest.lower())
    assert read_header('digest="12", url="https://a.example/s", collectionId="https://a.example/f"') is None
    assert read_header("") is None
