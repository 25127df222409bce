"""B: whoever is proven to have sent something may still do only what is theirs to do."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import json

import pytest
from aiohttp import web

from federation import remote
from federation.inbox import RECEIVERS
from server.community import actors, groups, memberships
from server.errors import Invalid
from tests.federation.peer import ACTIVITY, PUBLIC, Document, Peer
from tests.federation.street import GROUP, Street, addressed
from tests.hostile.conftest import Liar, World

ROLES = ("a neighbour on the same server", "somebody elsewhere", "a group elsewhere")
# Whatever we take at all, except what everybody may do to what is another's: so a new kind is tried too.
ANYBODYS = {"Like", "Dislike", "EmojiReact", "Follow", "Flag"}
DEEDS = sorted(set(RECEIVERS) - ANYBODYS)
FORMS = ("its id", "as its owner's", "as one's own", "within its activity")


async def _lenas(street: Street) -> Document:
    create = addressed(street, street.lemmy, street.lena, "<p>The crossing is dark.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "published"
    return create


async def _somebody(world: World, role: str) -> tuple[Peer, str]:
    if role == "a group elsewhere":
        there = world.group
        uri = there.actor("others", "Group")
        await remote.fetch_actor(world.street.runtime, uri)
        return there, uri
    there = world.street.lemmy if role.endswith("same server") else world.evil
    return there, await world.known(there, "mallory")


def _formed(form: str, create: Document, mallory: str) -> object:
    note = create["object"]
    forms: dict[str, object] = {
        "its id": note["id"],
        "as its owner's": note | {"content": "<p>Forged.</p>"},
        "as one's own": note | {"content": "<p>Forged.</p>", "attributedTo": mallory},
        "within its activity": create,
    }
    return forms[form]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("role", ROLES)
async def test_B1_B2_nobody_touches_what_is_anothers(world: World, role: str, form: str) -> None:
    """Every deed by everybody whom a post does not belong to: the owner is who stands in our row."""
    street = world.street
    create = await _lenas(street)
    ours = await street.write("The crossing", "Where?")
    there, mallory = await _somebody(world, role)
    for deed in DEEDS:
        what = _formed(form, create, mallory)
        activity = there.activity(deed, mallory, what, to=[PUBLIC], cc=[GROUP])
        # What only names something may be read where it lies, and is found to be known. To have deleted something of
        # an unknown name on one's own server bars that name, for oneself alone.
        async with world.assert_no_effect(but={"seen_activities", "tombstones"}, asks=3):
            assert (await street.moot.deliver(activity)).status in (202, 400, 403), deed
    async with world.assert_no_effect(but={"seen_activities"}, asks=3):
        for deed in ("Update", "Delete", "Undo", "Announce"):
            activity = there.activity(deed, mallory, ours.uri, to=[PUBLIC], cc=[GROUP])
            assert (await street.moot.deliver(activity)).status in (202, 400, 403), deed


async def test_B3_no_document_of_another_address_changes_an_actor(world: World) -> None:
    """Neither by an Update whose object is somebody else, nor by a fetch that brings somebody else."""
    street = world.street
    alice = await world.known(world.victim, "alice")
    mallory = await world.known(world.evil, "mallory")
    forged = world.victim.documents["/u/alice"] | {
        "name": "Forged", "publicKey": world.evil.documents["/u/mallory"]["publicKey"] | {"owner": alice},
        "inbox": f"{world.evil.base}/inbox",
    }  # fmt: skip
    async with world.assert_no_effect(but={"seen_activities"}):
        answer = await street.moot.deliver(world.evil.activity("Update", mallory, forged))
    assert answer.status == 400
    world.evil.documents["/u/mallory"] = forged
    async with world.assert_no_effect(but={"seen_activities", "remote_actors"}, asks=2):
        # The errand asks mallory's address, is sent to alice's, and finds there what alice's own server says.
        answer = await street.moot.deliver(world.evil.activity("Update", mallory, mallory))
    assert answer.status == 202
    async with street.runtime.db.read() as conn:
        inboxes = await conn.fetchval(
            "select inbox from remote_actors r join actors a on id = actor_id where uri = $1", alice
        )
    assert inboxes == f"{world.victim.base}/inbox"


@pytest.mark.parametrize("same_host", [True, False])
async def test_B4_nobody_creates_what_another_is_said_to_have_written(world: World, same_host: bool) -> None:
    street = world.street
    alice = await world.known(world.victim, "alice")
    there = world.victim if same_host else world.evil
    mallory = await world.known(there, "mallory")
    create = addressed(street, there, mallory, "<p>Hello.</p>", attributedTo=alice)
    async with world.assert_no_effect():
        assert (await street.moot.deliver(create)).status == 400


async def test_B8_whoever_comes_first_with_anothers_address_does_not_get_it(world: World) -> None:
    street = world.street
    alice = await world.known(world.victim, "alice")
    mallory = await world.known(world.evil, "mallory")
    create = addressed(street, world.victim, alice, "<p>Hello.</p>")
    squatted = create["object"] | {"attributedTo": mallory, "content": "<p>Forged.</p>"}
    async with world.assert_no_effect(but={"seen_activities"}):
        assert (await street.moot.deliver(world.evil.activity("Create", mallory, squatted))).status == 400
        # And nobody's real activity is kept out by somebody else who used its id.
        theirs = world.evil.activity("Like", mallory, GROUP, id=create["id"])
        assert (await street.moot.deliver(theirs)).status == 400
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).html == "<p>Hello.</p>"


OTHER_TYPES = ("text/plain", "application/json", "image/png", "text/html", "application/octet-stream", "")


@pytest.mark.parametrize("content_type", OTHER_TYPES)
async def test_B10_json_that_somebody_uploaded_is_nobodys_word(world: World, liar: Liar, content_type: str) -> None:
    alice = await world.known(world.victim, "alice")
    uploaded = world.victim.note(alice, "<p>Forged.</p>", cc=[liar.uri], name="Forged", type="Page")
    path = uploaded["id"].removeprefix(world.victim.base)
    world.victim.answers[path] = lambda: web.Response(
        body=json.dumps(uploaded).encode(), headers={"content-type": content_type}
    )
    async with world.assert_no_effect(but={"seen_activities"}, asks=1):
        await liar.announce(uploaded["id"])


async def test_B9_B12_what_lies_elsewhere_than_its_id_says_is_not_kept(world: World, liar: Liar) -> None:
    alice = await world.known(world.victim, "alice")
    note = world.victim.note(alice, "<p>Hello.</p>", cc=[liar.uri], name="Hello", type="Page")
    forged = note | {"content": "<p>Forged.</p>", "id": f"{world.victim.base}/notes/none"}
    world.evil.documents["/x"] = forged
    there = f"{world.victim.base}/open-redirect"
    world.evil.answers["/bounce"] = lambda: web.Response(status=302, headers={"location": there})
    world.victim.answers["/open-redirect"] = lambda: web.Response(
        status=302, headers={"location": f"{world.evil.base}/x"}
    )
    for uri in (f"{world.evil.base}/x", f"{world.evil.base}/bounce", there):
        async with world.assert_no_effect(but={"seen_activities"}, asks=4):
            await liar.announce(uri)


URLS: tuple[object, ...] = (
    "javascript:alert(1)", "data:text/html,x", "https://bank.example/login", "//bank.example/", "http://moot.test/login",
    ["javascript:alert(1)", "https://bank.example/"], {"type": "Link", "href": "https://bank.example/"}, 1, {}, [[]],
)  # fmt: skip


@pytest.mark.parametrize("url", URLS)
async def test_B13_a_page_elsewhere_is_not_shown_as_the_authors(world: World, url: object) -> None:
    street = world.street
    world.evil.actor("mallory", url=url)
    mallory = f"{world.evil.base}/u/mallory"
    create = addressed(street, world.evil, mallory, "<p>Hello.</p>", url=url)
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    async with street.runtime.db.read() as conn:
        row = await conn.fetchrow(
            "select p.url as post, a.url as author from posts p join actors a on a.id = p.author_id where p.uri = $1",
            create["object"]["id"],
        )
    assert row is not None
    assert (row["post"], row["author"]) == (None, None)


@pytest.mark.parametrize("kind", ["Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"])
@pytest.mark.parametrize("items", ["items", "orderedItems", "object"])
async def test_B14_a_list_of_activities_is_no_activity(world: World, kind: str, items: str) -> None:
    street = world.street
    alice = await world.known(world.victim, "alice")
    mallory = await world.known(world.evil, "mallory")
    foreign = [
        addressed(street, world.victim, alice, "<p>Hello.</p>"), world.victim.activity("Follow", alice, GROUP),
        street.lemmy.activity("Delete", street.lena, street.lena),
    ]  # fmt: skip
    wrapped = {"id": world.evil.id(), "type": kind, "actor": mallory, "object": [], items: foreign}
    async with world.assert_no_effect():
        answer = await street.moot.deliver(wrapped)
    assert (answer.status, answer.text) == (400, '{"error":"collection"}')


async def test_B15_a_hundred_forged_deeds_of_a_group_change_nothing_outside_it(world: World, liar: Liar) -> None:
    street = world.street
    create = await _lenas(street)
    ours = await street.write("The crossing", "Where?")
    assert (await street.moot.deliver(street.lemmy.activity("Like", street.lena, ours.uri))).status == 202
    await street.settle()
    bystanders = [world.bystander.actor(f"u{number}") for number in range(20)]
    for who in bystanders:
        await remote.fetch_actor(street.runtime, who)
    claims: list[object] = [liar.claim("Like", who, ours.uri) for who in bystanders]
    claims += [liar.claim("Dislike", who, create["object"]["id"]) for who in bystanders]
    claims += [liar.claim("Undo", street.lena, liar.claim("Like", street.lena, ours.uri))]
    claims += [liar.claim("Delete", street.lena, create["object"]["id"]), liar.claim("Delete", ANA, ours.uri)]
    claims += [liar.claim("Update", street.lena, create["object"] | {"content": "<p>Forged.</p>"})]
    async with world.assert_no_effect(but={"seen_activities"}, asks=8):
        for at in range(0, len(claims), 50):
            await liar.announce(claims[at : at + 50])


ANA = "http://moot.test/ap/people/ana"


async def test_B16_only_what_was_asked_is_answered_and_only_by_whom(world: World, liar: Liar) -> None:
    street = world.street
    follow = liar.there.of_type("Follow")[0]
    mallory = await world.known(world.evil, "mallory")
    neighbour = await world.known(liar.there, "mallory")
    invented = {"type": "Follow", "id": f"{street.urls.base}/ap/activities/1", "actor": ANA, "object": mallory}
    async with world.assert_no_effect(but={"seen_activities"}):
        for kind in ("Accept", "Reject"):
            for there, who in ((world.evil, mallory), (liar.there, neighbour)):
                for what in (follow, follow["id"], invented, invented["id"], ANA, {"type": "Follow"}):
                    assert (await street.moot.deliver(there.activity(kind, who, what))).status in (202, 400)
        # Twice from the group itself is once.
        assert (await street.moot.deliver(liar.there.activity("Accept", liar.uri, follow))).status == 202
    async with street.runtime.db.transaction() as conn:
        group = await groups.BY_ID.one(conn, liar.group_id, street.ana_id)
        assert group is not None
        await memberships.leave(conn, await actors.by_id(conn, street.ana_id), group)
    await street.settle()
    async with world.assert_no_effect(but={"seen_activities"}):
        assert (await street.moot.deliver(liar.there.activity("Accept", liar.uri, follow))).status == 202
    async with street.runtime.db.read() as conn:
        assert await memberships.one(conn, street.ana_id, liar.group_id) is None


def _jrd(subject: str, href: str) -> web.Response:
    link = {"rel": "self", "type": ACTIVITY, "href": href}
    return web.json_response({"subject": subject, "links": [link]})


async def test_B22_a_handle_is_at_home_where_its_actor_is(world: World) -> None:
    """Evil's WebFinger names the victim's actor, or leads to the victim's WebFinger, or says that it is the victim."""
    alice = world.victim.actor("alice")
    mallory = world.evil.actor("alice")
    finger = "/.well-known/webfinger"
    victims = f"{world.victim.base}{finger}?resource=acct:alice@{world.victim.host}"
    said = {
        "another's actor": lambda: _jrd(f"acct:alice@{world.evil.host}", alice),
        "another's WebFinger": lambda: web.Response(status=302, headers={"location": victims}),
    }
    for answer in said.values():
        world.evil.answers[finger] = answer
        async with world.assert_no_effect(asks=2):
            with pytest.raises(Invalid):
                await remote.look_up(world.street.runtime, f"@alice@{world.evil.host}")
    world.evil.answers[finger] = lambda: _jrd(f"acct:alice@{world.victim.host}", mallory)
    found = await remote.look_up(world.street.runtime, f"@alice@{world.evil.host}")
    assert (found.uri, found.handle) == (mallory, f"alice@{world.evil.host}")
    real = await remote.look_up(world.street.runtime, f"@alice@{world.victim.host}")
    assert (real.uri, real.handle) == (alice, f"alice@{world.victim.host}")


async def test_B24_whom_we_suspended_does_nothing_here(world: World, liar: Liar) -> None:
    """By themselves, through a group, or in what others say to them."""
    street = world.street
    create = await _lenas(street)
    ours = await street.write("The crossing", "Where?")
    async with street.runtime.db.transaction() as conn:
        lena = await actors.by_uri(conn, street.lena)
        assert lena is not None
        await actors.SUSPEND.run(conn, lena.id)
    unknown = street.lemmy.note(street.lena, "<p>Again.</p>", cc=[GROUP])
    reply = street.lemmy.note(street.lena, "<p>Again.</p>", cc=[GROUP], inReplyTo=ours.uri)
    deeds = [
        street.lemmy.activity("Create", street.lena, unknown, to=[PUBLIC], cc=[GROUP]),
        street.lemmy.activity("Create", street.lena, reply, to=[PUBLIC], cc=[GROUP]),
        street.lemmy.activity("Update", street.lena, create["object"] | {"content": "<p>Again.</p>"}),
        street.lemmy.activity("Update", street.lena, street.lena), street.lemmy.activity("Follow", street.lena, ANA),
        street.lemmy.activity("Like", street.lena, ours.uri), street.lemmy.activity("Flag", street.lena, ours.uri),
    ]  # fmt: skip
    async with world.assert_no_effect():
        for deed in deeds:
            answer = await street.moot.deliver(deed)
            assert (answer.status, answer.text) == (403, '{"error":"suspended"}'), deed["type"]
    async with world.assert_no_effect(but={"seen_activities"}, asks=4):
        await liar.announce([liar.claim("Create", street.lena, unknown), liar.claim("Like", street.lena, ours.uri)])


@pytest.mark.parametrize("spelled", ["127.0.0.5", "{host}"])
async def test_B25_whom_we_block_comes_in_on_no_path(world: World, liar: Liar, spelled: str) -> None:
    """By themselves, through a group, as the author of a parent, in a mention, with a vote or a report."""
    street = world.street
    ours = await street.write("The crossing", "Where?")
    theirs = street.lemmy.note(street.lena, "<p>Casino</p>", cc=[GROUP])
    async with street.runtime.db.transaction() as conn:
        await conn.execute(
            "insert into instance_policies (host, policy) values ($1, 'blocked')",
            spelled.format(host=street.lemmy.host),
        )
    async with world.assert_no_effect():
        for kind, what in (("Create", theirs), ("Like", ours.uri), ("Flag", ours.uri), ("Follow", ANA)):
            answer = await street.moot.deliver(street.lemmy.activity(kind, street.lena, what, to=[PUBLIC], cc=[GROUP]))
            assert (answer.status, answer.text) == (403, '{"error":"blocked"}')
    async with world.assert_no_effect(but={"seen_activities"}):
        await liar.announce([liar.claim("Create", street.lena, theirs), liar.claim("Like", street.lena, ours.uri)])
    # A neighbour's answer to what we do not read waits for ever, and nobody is asked for it.
    answered = addressed(street, street.mastodon, street.max, "<p>Look!</p>", inReplyTo=theirs["id"])
    street.lemmy.fetched.clear()
    assert (await street.moot.deliver(answered)).status == 202
    await street.settle()
    assert (await street.post(answered["object"]["id"])).state == "submitted"
    assert street.lemmy.fetched == []
