"""B18: what only a group's moderators do is believed of nobody else. B24, B25: the banned come in by no door."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import pytest

from federation import remote
from moderation import deeds
from moderation.deeds import Ban
from server.community import access, actors, posts
from server.errors import Refused
from tests.conftest import MovedClock
from tests.federation.allotment import Allotment
from tests.federation.peer import PUBLIC, Document
from tests.federation.street import GROUP, Street, addressed
from tests.hostile.conftest import Liar, World

ELSEWHERE = ("a member", "a stranger", "of another group", "once", "our own resident", "another group")


@pytest.fixture
async def allotment(world: World) -> Allotment:
    return await Allotment.joined(world.street, world.group)


async def _somebody(world: World, allotment: Allotment, who: str) -> str:
    """Somebody known here who does not moderate the allotment."""
    if who == "a member":
        return await world.known(world.group, "mallory")
    if who == "once":
        paul = await world.known(world.group, "paul")
        target = f"{allotment.uri}/moderators"
        await allotment.announce(allotment.deed("Add", paul, target=target))
        await allotment.announce(allotment.deed("Remove", paul, target=target))
        return paul
    if who == "our own resident":
        return world.street.urls.actor("person", "ana")
    return await world.known(world.evil, "mallory")


@pytest.mark.parametrize("who", [who for who in ELSEWHERE if who != "another group"])
async def test_B18_what_a_group_announces_counts_only_by_its_moderators(
    world: World, allotment: Allotment, who: str
) -> None:
    page = await allotment.thread()
    somebody = await _somebody(world, allotment, who)
    if who == "of another group":
        async with world.street.runtime.db.transaction() as conn:
            other = await _group_of(world, somebody)
            await conn.execute("insert into moderator_lists (group_id, uris) values ($1, $2)", other, [somebody])
    for deed in allotment.each(page["id"], somebody):
        announce = allotment.there.activity("Announce", allotment.uri, deed, to=[PUBLIC])
        async with world.assert_no_effect(but={"seen_activities"}):
            assert (await world.street.moot.deliver(announce)).status == 202, deed["type"]


async def _group_of(world: World, moderator: str) -> int:
    """Another group, which this somebody moderates."""
    uri = world.group.actor("others", "Group", attributedTo=f"{world.group.base}/u/others/moderators")
    async with world.street.runtime.db.read() as conn:
        known = await actors.by_uri(conn, moderator)
    assert known is not None
    group = await remote.fetch_actor(world.street.runtime, uri)
    await world.street.settle()
    return group.id


@pytest.mark.parametrize("who", ["a member", "a stranger", "once"])
async def test_B18_what_is_sent_directly_counts_only_by_moderators(
    world: World, allotment: Allotment, who: str
) -> None:
    page = await allotment.thread()
    somebody = await _somebody(world, allotment, who)
    there = world.evil if who == "a stranger" else world.group
    for deed in allotment.each(page["id"], somebody):
        deed["id"] = there.id()
        if deed["type"] == "Undo":
            deed["object"] |= {"id": there.id(), "actor": allotment.mona}
        async with world.assert_no_effect(but={"seen_activities"}):
            answer = await world.street.moot.deliver(deed)
        assert answer.status == 202, deed["type"]
        async with world.street.runtime.db.read() as conn:
            outcome = await conn.fetchval("select outcome from seen_activities where uri = $1", deed["id"])
        assert outcome == (None if who == "a stranger" else "not_a_moderator"), deed["type"]


async def test_B18_another_group_does_nothing_in_this_one(world: World, allotment: Allotment, liar: Liar) -> None:
    """Neither in its own name, nor in that of a true moderator, nor by calling the other's collections its own."""
    page = await allotment.thread()
    street = world.street
    address = "/u/liars"
    liar.there.documents[address] |= {
        "featured": f"{allotment.uri}/featured", "attributedTo": f"{allotment.uri}/moderators",
    }  # fmt: skip
    assert (await street.moot.deliver(liar.there.activity("Update", liar.uri, liar.uri))).status == 202
    await street.settle()
    for by in (liar.uri, allotment.mona):
        for deed in allotment.each(page["id"], by):
            announce = liar.there.activity("Announce", liar.uri, deed, to=[PUBLIC])
            async with world.assert_no_effect(but={"seen_activities"}):
                assert (await street.moot.deliver(announce)).status == 202, deed["type"]
    for deed in allotment.each(page["id"], liar.uri):
        direct = deed | {"id": liar.there.id()}
        async with world.assert_no_effect(but={"seen_activities"}):
            assert (await street.moot.deliver(direct)).status == 202, deed["type"]


async def test_B18_a_groups_deeds_stay_within_it(world: World, allotment: Allotment) -> None:
    """Its true moderator, about a thread of ours and a group of ours."""
    thread = await world.street.write("The crossing", "Where?")
    hello = allotment.there.activity("Like", allotment.mona, f"{allotment.there.base}/notes/0")
    assert (await world.street.moot.deliver(hello)).status == 202
    lock = allotment.deed("Lock", thread.uri)
    pin = allotment.deed("Add", thread.uri, target=f"{allotment.uri}/featured")
    ban = allotment.deed("Block", world.street.urls.actor("person", "ana"), target=GROUP, removeData=True)
    queen = allotment.deed("Add", allotment.mona, target=f"{GROUP}/moderators")
    stuck = allotment.deed("Add", thread.uri, target=f"{GROUP}/featured")
    for deed in (lock, pin, ban, queen, stuck, allotment.deed("Undo", lock), allotment.deed("Undo", ban)):
        announce = allotment.there.activity("Announce", allotment.uri, deed, to=[PUBLIC])
        for activity in (announce, deed | {"id": allotment.there.id()}):
            async with world.assert_no_effect(but={"seen_activities"}):
                assert (await world.street.moot.deliver(activity)).status == 202, deed


@pytest.mark.parametrize("member", [True, False])
async def test_B18_nobody_elsewhere_moderates_a_group_of_ours(world: World, member: bool) -> None:
    street = world.street
    thread = await street.write("The crossing", "Where?")
    there, who = (street.lemmy, street.lena) if member else (world.evil, await world.known(world.evil, "mallory"))
    ana = street.urls.actor("person", "ana")
    lock = there.activity("Lock", who, thread.uri)
    block = there.activity("Block", who, ana, target=GROUP, removeData=True)
    for deed in (
        lock, there.activity("Undo", who, lock | {"actor": street.urls.actor("person", "mia")}), block,
        there.activity("Undo", who, block), there.activity("Add", who, who, target=f"{GROUP}/moderators"),
        there.activity("Remove", who, street.urls.actor("person", "mia"), target=f"{GROUP}/moderators"),
        there.activity("Add", who, thread.uri, target=f"{GROUP}/featured"),
        there.activity("Remove", who, thread.uri, target=f"{GROUP}/featured"),
    ):  # fmt: skip
        async with world.assert_no_effect(but={"seen_activities"}):
            assert (await street.moot.deliver(deed)).status == 202, deed["type"]


async def test_B18_the_list_is_asked_for_no_more_often_than_it_ages(
    world: World, allotment: Allotment, moved_clock: MovedClock
) -> None:
    """A crowd of false moderators makes us ask once, and the list that is read then ends a former one's power."""
    page = await allotment.thread()
    crowd = [f"{world.evil.base}/u/false{number}" for number in range(5)]
    allotment.list_moderators()
    await moved_clock.advance(minutes=30)
    asked = len(world.watch.asked)
    for somebody in (*crowd, allotment.mona):
        await allotment.announce(allotment.deed("Lock", page["id"], somebody))
    assert world.watch.asked[asked:] == [f"{allotment.uri}/moderators"]
    assert not (await world.street.post(page["id"])).locked


async def test_B18_a_list_on_another_host_is_nobodys(world: World) -> None:
    """Whose document names a list elsewhere has none."""
    uri = world.group.actor("shady", "Group", attributedTo=f"{world.evil.base}/u/shady/moderators")
    await remote.fetch_actor(world.street.runtime, uri)
    await world.street.settle()
    async with world.street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from moderator_lists") == 0


async def _banned(street: Street) -> Document:
    """Lena wrote a thread, thanked Ana, and was banned."""
    thread = await street.write("The crossing", "Where?")
    like = street.lemmy.activity("Like", street.lena, thread.uri)
    assert (await street.moot.deliver(like)).status == 202
    create = addressed(street, street.lemmy, street.lena, "<p>Mine.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(thread.uri)).thank_count == 1
    group = await street.group(street.mia_id)
    async with street.runtime.db.transaction() as conn:
        lena = await actors.by_uri(conn, street.lena)
        assert lena is not None
        await deeds.ban(conn, street.mia, group, lena, Ban(7, street.rule_id, "Enough."))
    await street.settle()
    assert (await street.post(thread.uri)).thank_count == 0
    return {"thread": thread.uri, "create": create, "like": like}


async def test_B25_the_banned_come_in_by_no_door(world: World) -> None:
    street = world.street
    had = await _banned(street)
    own = had["create"]["object"]
    there, lena = street.lemmy, street.lena
    await street.moot.deliver(there.activity("Undo", lena, {"type": "Follow", "actor": lena, "object": GROUP}))
    await street.settle()
    for activity in (
        addressed(street, there, lena, "<p>Again.</p>"),
        addressed(street, there, lena, "<p>Again.</p>", inReplyTo=had["thread"]),
        addressed(street, there, lena, "<p>Again.</p>", inReplyTo=own["id"]),
        there.activity("Update", lena, own | {"content": "<p>You fools.</p>"}),
        there.activity("Like", lena, had["thread"]), there.activity("Dislike", lena, had["thread"]),
        there.activity("EmojiReact", lena, had["thread"], content="x"),
        there.activity("Flag", lena, had["thread"], content="x"), there.activity("Follow", lena, GROUP),
    ):  # fmt: skip
        async with world.assert_no_effect():
            answer = await street.moot.deliver(activity)
        assert (activity["type"], answer.status, "banned" in answer.text) == (activity["type"], 403, True)


async def test_B25_no_group_carries_the_banned_in(world: World, liar: Liar) -> None:
    """Announced by another group, or found above a reply: the door is the same."""
    street = world.street
    had = await _banned(street)
    note = street.lemmy.note(street.lena, "<p>Again.</p>", cc=[GROUP], inReplyTo=had["thread"])
    create = street.lemmy.activity("Create", street.lena, note)
    async with world.assert_no_effect(but={"seen_activities"}, asks=3):
        await liar.announce(create)
        await liar.announce(street.lemmy.activity("Like", street.lena, had["thread"]))
    below = addressed(street, street.mastodon, street.max, "<p>Indeed.</p>", inReplyTo=note["id"])
    assert (await street.moot.deliver(below)).status == 202
    await street.settle()
    async with street.runtime.db.read() as conn:
        assert await posts.by_uri(conn, note["id"]) is None


async def test_B24_the_banned_may_still_take_back_what_is_theirs(world: World) -> None:
    street = world.street
    had = await _banned(street)
    undo = street.lemmy.activity("Undo", street.lena, had["like"])
    assert (await street.moot.deliver(undo)).status == 202
    delete = street.lemmy.activity("Delete", street.lena, had["create"]["object"]["id"])
    assert (await street.moot.deliver(delete)).status == 202
    await street.settle()
    assert (await street.post(had["create"]["object"]["id"])).state == "deleted"
    assert (await street.post(had["thread"])).thank_count == 0


async def test_I5_bans_leave_no_vote_counted(world: World) -> None:
    street = world.street
    threads = [await street.write(f"Thread {number}", "Where?") for number in range(3)]
    crowd = [world.evil.actor(f"bot{number}") for number in range(10)]
    for bot in crowd:
        for thread in threads:
            assert (await street.moot.deliver(world.evil.activity("Like", bot, thread.uri))).status == 202
    group = await street.group(street.mia_id)
    for bot in crowd:
        async with street.runtime.db.transaction() as conn:
            known = await actors.by_uri(conn, bot)
            assert known is not None
            await deeds.ban(conn, street.mia, group, known, Ban(None, street.rule_id, "A bot."))
    assert [(await street.post(thread.uri)).thank_count for thread in threads] == [0, 0, 0]


async def test_I6_fifty_reports_hide_nothing(world: World) -> None:
    street = world.street
    thread = await street.write("The crossing", "Where?")
    for number in range(50):
        flag = world.evil.activity("Flag", world.evil.actor(f"mob{number}"), thread.uri, content="Away with it")
        assert (await street.moot.deliver(flag)).status == 202
    await street.settle()
    assert (await street.post(thread.uri)).state == "published"
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from cases where state = 'open'") == 1
        assert await conn.fetchval("select count(*) from reports") == 50


async def test_a_ban_ends_by_itself(world: World, moved_clock: MovedClock) -> None:
    street = world.street
    await _banned(street)
    async with street.runtime.db.read() as conn:
        lena = await actors.by_uri(conn, street.lena)
    assert lena is not None
    with pytest.raises(Refused):
        access.check_may_post(await street.group(lena.id), None)
    await moved_clock.advance(days=8)
    access.check_may_post(await street.group(lena.id), None)
