"""Fedify and a moot of ours at https addresses with real names, each checking the other's certificate and signatures.

Both roles: our group with a member there, and a group there with a member here. All of it twice: of a moot that anybody
may read, and of one in secure mode.
"""

import json
import typing
from collections.abc import AsyncIterator

import pytest

from tests.federation.peer import ACTIVITY, PUBLIC, Document
from tests.fedify_peer.peer import FedifyPeer, fedify_peer
from tests.peers.named_moot import named_moot
from tests.peers.network import Place, network
from tests.peers.town import SCHEMES, Town, announced, create, forgeries, unsigned
from tests.real_moot import WireBrowser, gone, seen, shows_button, thread_at, until, write

pytestmark = [pytest.mark.peer, pytest.mark.namespace]

AWAY = "/g/square@peer.test"
# One for each scheme: who comes back with another key within a minute is not believed.
STRICT = dict(zip(SCHEMES, ("strict.test", "stricter.test"), strict=True))


@pytest.fixture(scope="module")
async def places() -> AsyncIterator[dict[str, Place]]:
    async with network("group.test", "peer.test", *STRICT.values()) as made:
        yield made


@pytest.fixture(scope="module", params=["open", "secure"])
async def town(
    request: pytest.FixtureRequest,
    places: dict[str, Place],
    cluster: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Town]:
    async with named_moot(places["group.test"], cluster, tmp_path_factory.mktemp("town")) as moot:
        made = Town(moot, secure=request.param == "secure")
        await made.open()
        yield made
        for role in ("web", "worker"):
            assert "Traceback" not in moot.said(role), moot.said(role)[-3000:]


@pytest.fixture(scope="module")
async def peer(places: dict[str, Place], town: Town) -> AsyncIterator[FedifyPeer]:
    """Alice there has joined Elm Street, and Ana here the Square."""
    async with fedify_peer(place=places["peer.test"]) as made:
        await town.joined_by(made)
        await _ana_joins_the_square(town, made)
        yield made


async def _ana_joins_the_square(town: Town, peer: FedifyPeer) -> None:
    page = await town.ana.get("/lookup")
    found = await page.form("Find it").submit(address="!square@peer.test")
    await found.form("Join this group").submit()
    follow = await peer.wait(type="Follow", object=peer.person("square"), seconds=30)
    await peer.ask("accept", as_="square", to=f"{town.moot.base}/ap/people/ana", activity=follow["json"])
    await shows_button(town.ana, AWAY, "Leave")


async def received(peer: FedifyPeer, kind: str, words: str) -> Document:
    """An activity of this type, not announced by anybody, with these words in it."""

    async def look() -> Document | None:
        for entry in await peer.entries("received"):
            if entry["type"] == kind and words in json.dumps(entry["json"]):
                return typing.cast(Document, entry["json"])
        return None

    return await until(look, f"{kind} with {words!r}")


async def announced_as(peer: FedifyPeer, kind: str, uri: str) -> Document:
    """What our group announced of this kind about this post."""

    async def look() -> Document | None:
        for entry in await peer.entries("received"):
            inner = entry["json"].get("object")
            whole = entry["type"] == "Announce" and isinstance(inner, dict) and inner["type"] == kind
            if whole and uri in json.dumps(inner):
                return typing.cast(Document, inner)
        return None

    return await until(look, f"Announce({kind}) of {uri}")


def ap(town: Town, page: str) -> str:
    """The id of the post that is shown on a page of ours."""
    return f"{town.moot.base}{page.partition('#')[0].replace('/t/', '/ap/posts/')}"


async def unsigned_get(town: Town, uri: str) -> int:
    """The status of an answer to who asks for this document of ours and does not say who they are."""
    stranger = town.moot.browser()
    return (await stranger.send("GET", uri.removeprefix(town.moot.base), headers={"accept": ACTIVITY})).status


async def page_of(town: Town, uri: str) -> str:
    async def look() -> int | None:
        found: int | None = await town.moot.value("select id from posts where uri = $1 and state = 'published'", uri)
        return found

    return f"/t/{await until(look, f'{uri} is published')}"


async def test_each_finds_the_other_by_its_handle(town: Town, peer: FedifyPeer) -> None:
    # In secure mode all that Fedify reads below it reads because it says who it is.
    assert await unsigned_get(town, town.group) == (401 if town.secure else 200)
    for handle in ("@elm_street@group.test", "acct:elm_street@group.test", town.group):
        group = (await peer.ask("lookup", uri=handle))["object"]
        assert (group["id"], group["type"], group["name"]) == (town.group, "Group", "Elm Street")
    jrd = (await peer.ask("webfinger", uri="acct:ana@group.test"))["found"]
    assert jrd["subject"] == "acct:ana@group.test"
    nodeinfo = (await peer.ask("nodeinfo", uri="https://group.test"))["found"]
    assert nodeinfo["software"]["name"] == "folkmoot"
    for handle in ("!square@peer.test", "@square@peer.test", "https://peer.test/users/square"):
        page = await town.ana.get("/lookup")
        assert "square" in (await page.form("Find it").submit(address=handle)).words
    # It learnt our name from our group's address, and spoke with us over TLS alone.
    assert await town.moot.value("select count(*) from actors where uri like 'http://%'") == 0


async def test_our_group_is_read_there(town: Town, peer: FedifyPeer) -> None:
    thread = await write(town.ana, "/g/elm_street", "The crossing", "Where should it be?")
    uri = ap(town, thread)
    # Of software that we do not know: a boost for microblogs, then the whole activity for forums.
    await peer.wait(type="Announce", object=uri, seconds=30)
    whole = await announced_as(peer, "Create", uri)
    assert (whole["actor"], whole["object"]["name"]) == (f"{town.moot.base}/ap/people/ana", "The crossing")
    assert (await peer.ask("lookup", uri=uri))["object"]["name"] == "The crossing"
    assert await unsigned_get(town, uri) == (401 if town.secure else 200)

    await peer.ask("create", group="@elm_street@group.test", content="<p>At the bridge.</p>", inReplyTo=uri)
    page = await seen(town.ana, thread, "At the bridge.")
    assert "alice from peer.test" in page.words
    await announced(peer, "At the bridge.")
    await (await town.ana.get(thread)).form("Send reply").submit(text="At the bridge it is.")
    reply = await announced(peer, "At the bridge it is.")
    assert (await peer.ask("lookup", uri=reply["object"]["object"]["id"]))["object"]["inReplyTo"] == uri

    form = (await (await town.ana.get(thread)).follow("Edit")).form("Save")
    await form.submit(text="Where exactly should it be?")
    assert (await announced_as(peer, "Update", uri))["object"]["id"] == uri
    await (await (await town.ana.get(thread)).follow("Delete")).form("Delete").submit()
    await announced_as(peer, "Delete", uri)
    await received(peer, "Delete", uri)
    assert (await peer.ask("raw", url=uri, method="GET"))["status"] == 410


async def test_what_is_done_there_is_seen_here(town: Town, peer: FedifyPeer) -> None:
    thread = await write(town.ana, "/g/elm_street", "Lost glove", "A red one.")
    await town.sees_what_is_done_there(peer, thread, ap(town, thread))


async def test_a_thread_from_there_is_thanked_removed_and_put_back(town: Town, peer: FedifyPeer) -> None:
    note = await peer.ask("create", group=town.group, content="<p>My uncle's shop</p><p>Buy there.</p>")
    thread = await page_of(town, note["object"])
    # She was never heard of there, so that her key is asked for now.
    await (await town.mia.get(thread)).form("Thank").submit()
    await received(peer, "Like", note["object"])
    boost = await peer.wait(type="Announce", object=note["object"], seconds=30)
    page = await (await town.mia.get(thread)).follow("Remove (moderator)")
    rule = page.soup.select("select[name=rule] option")[1]["value"]
    removed = await page.form("Remove").submit(rule=str(rule), reason="This is an advertisement.")
    removal = await announced_as(peer, "Delete", note["object"])
    assert removal["actor"] == f"{town.moot.base}/ap/people/mia"
    assert "This is an advertisement." in removal["summary"]
    assert (await received(peer, "Undo", note["object"]))["object"]["id"] == boost["id"]
    # Its author is told by which rule, in a Note to her alone.
    notice = await received(peer, "Create", "This is an advertisement.")
    assert (notice["actor"], notice["to"]) == (town.group, [peer.person("alice")])
    await removed.form("Put it back").submit()
    assert (await announced_as(peer, "Undo", note["object"]))["object"]["type"] == "Delete"


async def test_a_report_from_there_waits_in_the_queue(town: Town, peer: FedifyPeer) -> None:
    thread = await write(town.ana, "/g/elm_street", "Miracle pills", "Very cheap.")
    uri = ap(town, thread)
    await announced_as(peer, "Create", uri)
    reported = [f"{town.moot.base}/ap/people/ana", uri]
    await peer.ask("flag", to=town.group, objects=reported, content="This is an advertisement")
    case = (await seen(town.mia, "/queue", "Miracle pills")).soup.select_one("main a[href^='/queue/']")
    assert case is not None
    assert "This is an advertisement" in (await town.mia.get(str(case["href"]))).words
    assert "Very cheap." in (await town.ana.get(thread)).words


async def page_in_the_square(town: Town, peer: FedifyPeer, title: str, text: str) -> tuple[str, str]:
    """Alice writes in the Square and the Square announces it: its id, and where Ana reads it."""
    ana = f"{town.moot.base}/ap/people/ana"
    square = peer.person("square")
    content = f"<p>{text}</p>"
    written = await peer.ask("create", group=square, kind="Page", name=title, content=content)
    await peer.ask("announce", as_="square", to=ana, activity=written["sent"])
    return written["object"], await thread_at(town.ana, AWAY, title)


async def test_a_group_there_is_read_here(town: Town, peer: FedifyPeer) -> None:
    ana = f"{town.moot.base}/ap/people/ana"
    uri, thread = await page_in_the_square(town, peer, "The plan", "It is out.")
    assert "It is out." in (await town.ana.get(thread)).words
    changed = await peer.ask("update", to=peer.person("square"), object=uri, content="<p>It is online.</p>")
    await peer.ask("announce", as_="square", to=ana, activity=changed["sent"])
    await seen(town.ana, thread, "It is online.")
    ended = await peer.ask("delete", to=peer.person("square"), object=uri)
    await peer.ask("announce", as_="square", to=ana, activity=ended["sent"])
    await gone(town.ana, thread, "It is online.")


async def test_a_post_of_ours_goes_to_a_group_there(town: Town, peer: FedifyPeer) -> None:
    uri, thread = await page_in_the_square(town, peer, "A ladder", "Who lends me one?")
    replied = await (await town.ana.get(thread)).form("Send reply").submit(text="I have one of four metres.")
    reply = await received(peer, "Create", "four metres")
    assert reply["object"]["inReplyTo"] == uri
    await seen(town.ana, thread, "waiting for peer.test")
    await peer.ask("announce", as_="square", to=f"{town.moot.base}/ap/people/ana", activity=reply)
    await gone(town.ana, thread, "waiting for peer.test")
    await (await town.ana.get(thread)).form("Thank").submit()
    await received(peer, "Like", uri)
    form = (await (await town.ana.get(replied.path)).follow("Edit")).form("Save")
    await form.submit(text="I have one of five metres.")
    await received(peer, "Update", "five metres")
    await (await (await town.ana.get(replied.path)).follow("Delete")).form("Delete").submit()
    await received(peer, "Delete", reply["object"]["id"])


async def test_a_removal_and_a_report_in_a_group_there(town: Town, peer: FedifyPeer) -> None:
    uri, thread = await page_in_the_square(town, peer, "Cheap watches", "Call me.")
    page = await (await town.ana.get(thread)).follow("Report")
    await page.form("Send report").submit(comment="They are fakes.")
    flag = await received(peer, "Flag", uri)
    # Who reported stays here.
    assert (flag["actor"], "They are fakes." in json.dumps(flag)) == (f"{town.moot.base}/ap/instance", True)
    removal = {
        "@context": "https://www.w3.org/ns/activitystreams", "id": f"{peer.origin}/activities/removal",
        "type": "Delete", "actor": peer.person("bob"), "object": uri, "to": PUBLIC, "summary": "Rule 3",
    }  # fmt: skip
    await peer.ask("announce", as_="square", to=f"{town.moot.base}/ap/people/ana", activity=removal)
    await gone(town.ana, thread, "Call me.")


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_what_was_altered_or_signed_by_another_is_401_and_changes_nothing(
    town: Town, peer: FedifyPeer, scheme: str
) -> None:
    await town.moot.at_rest()
    before = await town.stored()
    for request in forgeries(peer, town, scheme):
        answer = await peer.ask("raw", url=town.inbox, spec=scheme, **request)
        assert answer["status"] == 401, (request, answer)
    assert await unsigned(create(peer, town), town.moot.browser()) == 401
    assert await town.stored() == before


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_whoever_asks_for_signed_fetches_gets_them(town: Town, places: dict[str, Place], scheme: str) -> None:
    """As Mastodon's secure mode does: nothing of it can be read without a signature, the signers' keys included."""
    place = places[STRICT[scheme]]
    async with fedify_peer("--secure", "--first-knock", scheme, place=place) as strict:
        stranger = WireBrowser(place.origin, place.socket)
        stranger.headers["accept"] = "application/activity+json"
        assert (await stranger.get("/users/alice")).status == 401
        await town.joined_by(strict)
        note = await strict.ask("create", group=town.group, content=f"<p>Signed and sealed, {scheme}.</p>")
        await strict.wait(type="Announce", object=note["object"], seconds=30)
        asked = [one for one in await strict.entries("request") if one["path"] == "/users/alice" and one["scheme"]]
        assert asked
        assert {one["status"] for one in asked} == {200}
