"""B19: nobody carries members or bans away on one side's word, and no actor changes what it is."""

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from federation import remote
from moderation import deeds, instances
from moderation.deeds import Ban
from server.community import actors, notifications
from server.community.groups import FOR_GOOD
from server.limits import Limit
from tests.browser_like import Browser
from tests.conftest import MovedClock
from tests.federation.peer import Document, Peer, peer
from tests.federation.street import GROUP, Street


@dataclasses.dataclass
class Garden:
    """The group `garden` of a forum, which Ana is in, and `orchard` on another server, to which it moves."""

    street: Street
    here: Peer
    there: Peer
    old: str
    new: str
    old_id: int

    def names_each_other(self) -> None:
        self.here.documents["/u/garden"]["movedTo"] = self.new
        self.there.documents["/u/orchard"]["alsoKnownAs"] = [self.old]

    async def move(self, *, to: str | None = None, actor: str | None = None, what: str | None = None) -> str:
        """Say that it moves; the outcome."""
        activity = self.here.activity("Move", actor or self.old, what or self.old, target=to or self.new)
        return await self.say(activity)

    async def say(self, activity: Document) -> str:
        answer = await self.street.moot.deliver(activity)
        await self.street.settle()
        if answer.status != 202:
            return answer.text
        async with self.street.runtime.db.read() as conn:
            return str(await conn.fetchval("select outcome from seen_activities where uri = $1", activity["id"]))

    async def states(self) -> dict[str, str]:
        """What Ana is in elsewhere."""
        async with self.street.runtime.db.read() as conn:
            rows = await conn.fetch(
                """select a.name, m.state from memberships m join actors a on a.id = m.target_id
                    where m.person_id = $1 and a.host is not null""",
                self.street.ana_id,
            )
        return {row["name"]: row["state"] for row in rows}

    async def told(self) -> list[str]:
        async with self.street.runtime.db.read() as conn:
            return [note.kind for note in await notifications.page(conn, self.street.ana_id)]


@pytest.fixture
async def garden(street: Street) -> AsyncIterator[Garden]:
    async with peer("127.0.0.7", "lemmy") as there:
        old, new = street.lemmy.actor("garden", "Group"), there.actor("orchard", "Group")
        group_id = await street.ask_to_join(street.lemmy, "garden")
        made = Garden(street, street.lemmy, there, old, new, group_id)
        accept = street.lemmy.activity("Accept", old, street.lemmy.of_type("Follow")[0])
        assert await made.say(accept) == "done"
        street.clear()
        yield made


async def test_members_go_along_when_both_sides_say_so(garden: Garden) -> None:
    garden.names_each_other()
    assert await garden.move() == "done"
    follow = garden.there.of_type("Follow")[0]
    assert (follow["actor"], follow["object"]) == ("http://moot.test/ap/people/ana", garden.new)
    assert garden.here.of_type("Undo(Follow)")[0]["object"]["object"] == garden.old
    assert await garden.say(garden.there.activity("Accept", garden.new, follow)) == "done"
    assert await garden.states() == {"orchard": "joined"}
    assert "moved_along" in await garden.told()


async def test_the_old_one_may_name_the_new_one_as_an_alias(garden: Garden) -> None:
    garden.here.documents["/u/garden"]["alsoKnownAs"] = ["https://other.test/u/x", garden.new]
    garden.there.documents["/u/orchard"]["alsoKnownAs"] = garden.old
    assert await garden.move() == "done"
    assert set(await garden.states()) == {"orchard"}


@pytest.mark.parametrize("forgotten", ["movedTo", "alsoKnownAs"])
async def test_one_sides_word_moves_nobody(garden: Garden, forgotten: str) -> None:
    garden.names_each_other()
    for document in (garden.here.documents["/u/garden"], garden.there.documents["/u/orchard"]):
        document.pop(forgotten, None)
    await garden.move()
    assert await garden.states() == {"garden": "joined"}
    assert garden.there.inbox == []


async def test_nobody_moves_another(garden: Garden) -> None:
    garden.names_each_other()
    mallory = garden.here.actor("mallory", "Group")
    assert "not_yours" in await garden.move(actor=mallory)
    assert await garden.states() == {"garden": "joined"}


async def test_a_group_does_not_become_a_person(garden: Garden) -> None:
    garden.names_each_other()
    garden.there.documents["/u/orchard"]["type"] = "Person"
    await garden.move()
    assert await garden.states() == {"garden": "joined"}


@pytest.mark.parametrize("known", [True, False])
async def test_an_actor_stays_what_it_is(garden: Garden, known: bool) -> None:
    """Also when its own document says otherwise later."""
    if known:
        await remote.fetch_actor(garden.street.runtime, garden.new)
    garden.here.documents["/u/garden"]["type"] = "Person"
    update = garden.here.activity("Update", garden.old, garden.here.documents["/u/garden"])
    assert await garden.say(update) == "done"
    async with garden.street.runtime.db.read() as conn:
        assert (await actors.by_id(conn, garden.old_id)).kind == "group"


async def test_a_second_move_within_a_month_moves_nobody(garden: Garden, moved_clock: MovedClock) -> None:
    garden.names_each_other()
    assert await garden.move() == "done"
    meadow = garden.there.actor("meadow", "Group", alsoKnownAs=[garden.new])
    garden.there.documents["/u/orchard"]["movedTo"] = meadow
    onward = garden.there.activity("Move", garden.new, garden.new, target=meadow)
    assert await garden.say(onward) == "done"
    assert set(await garden.states()) == {"orchard"}
    await moved_clock.advance(days=31)
    assert await garden.say(onward | {"id": garden.there.id()}) == "done"
    assert set(await garden.states()) == {"meadow"}


async def test_a_group_that_asks_first_takes_nobody_unasked(garden: Garden) -> None:
    garden.names_each_other()
    garden.there.documents["/u/orchard"]["manuallyApprovesFollowers"] = True
    assert await garden.move() == "done"
    assert await garden.states() == {"garden": "joined"}
    assert garden.there.inbox == []
    assert (await garden.told())[0] == "moved_away"


async def test_nobody_moves_to_whom_we_block(garden: Garden) -> None:
    garden.names_each_other()
    async with garden.street.runtime.db.transaction() as conn:
        await instances.set_policy(conn, garden.street.urls, garden.there.host, instances.BLOCKED, "", None)
    await garden.move()
    assert await garden.states() == {"garden": "joined"}
    assert garden.there.fetched == []


async def test_whom_we_suspended_takes_nobody_in(garden: Garden) -> None:
    garden.names_each_other()
    new = await remote.fetch_actor(garden.street.runtime, garden.new)
    async with garden.street.runtime.db.transaction() as conn:
        await actors.SUSPEND.run(conn, new.id)
    await garden.move()
    assert await garden.states() == {"garden": "joined"}


async def test_whom_the_new_group_had_put_out_is_not_sent_back(garden: Garden) -> None:
    garden.names_each_other()
    new = await remote.fetch_actor(garden.street.runtime, garden.new)
    async with garden.street.runtime.db.transaction() as conn:
        await conn.execute("insert into memberships values ($1, $2, 'refused')", garden.street.ana_id, new.id)
    assert await garden.move() == "done"
    assert await garden.states() == {"garden": "joined", "orchard": "refused"}


@pytest.mark.parametrize("target", [None, 7, "self", "ours"])
async def test_a_move_to_nowhere_has_no_effect(garden: Garden, target: object) -> None:
    spelled = {"self": garden.old, "ours": "http://MOOT.test:80/ap/groups/elm_street"}
    to = spelled.get(target, target) if isinstance(target, str) else target
    said = await garden.say(garden.here.activity("Move", garden.old, garden.old, target=to))
    assert said == "moves_nowhere" if isinstance(target, str) else "no_object" in said
    assert await garden.states() == {"garden": "joined"}


# A person moves


@dataclasses.dataclass
class Mover:
    """Lena of the forum, whom Mia has banned from Elm Street, and `lena_new` on another server."""

    street: Street
    here: Peer
    there: Peer
    old: str
    new: str

    async def move(self, *, target: str | None = None) -> None:
        move = self.here.activity("Move", self.old, self.old, target=target or self.new)
        assert (await self.street.moot.deliver(move)).status == 202
        await self.street.settle()

    def names_each_other(self) -> None:
        self.here.documents["/u/lena"]["movedTo"] = self.new
        self.there.documents["/u/lena_new"]["alsoKnownAs"] = [self.old]

    async def banned_until(self, uri: str) -> dt.datetime | None:
        async with self.street.runtime.db.read() as conn:
            until: dt.datetime | None = await conn.fetchval(
                """select banned_until from memberships m join actors a on a.id = m.person_id
                    where a.uri = $1 and m.target_id = $2""",
                uri, self.street.group_id,
            )  # fmt: skip
        return until

    async def reply(self, uri: str) -> int:
        thread = await self.street.write("The crossing", "Where?")
        note = self.there.note(uri, "<p>Here.</p>", inReplyTo=thread.uri, cc=[GROUP])
        return (await self.street.moot.deliver(self.there.activity("Create", uri, note))).status


@pytest.fixture
async def mover(street: Street) -> AsyncIterator[Mover]:
    async with peer("127.0.0.7", "mastodon") as there:
        async with street.runtime.db.transaction() as conn:
            lena = await actors.by_uri(conn, street.lena)
            assert lena is not None
            ban = Ban(days=30, rule_id=street.rule_id, reason="Third time.")
            await deeds.ban(conn, street.mia, await street.group(street.mia_id), lena, ban)
        await street.settle()
        yield Mover(street, street.lemmy, there, street.lena, there.actor("lena_new"))


async def test_a_ban_goes_along_and_stands_in_the_record(mover: Mover, app: Starlette) -> None:
    mover.names_each_other()
    assert await mover.reply(mover.new) == 202
    await mover.move()
    assert await mover.banned_until(mover.new) == await mover.banned_until(mover.old)
    assert await mover.reply(mover.new) == 403
    record = await Browser(app).get("/g/elm_street/record")
    assert f"Third time. (lena@{mover.here.host} → lena_new@{mover.there.host})" in record.words
    async with mover.street.runtime.db.read() as conn:
        told = await notifications.page(conn, mover.street.mia_id)
    assert (told[0].kind, told[0].actor_name) == ("ban_moved", "lena_new")
    page = await Browser(app).get(f"/@lena@{mover.here.host}")
    assert f"This person has moved to another account: Lena_new from {mover.there.host}" in page.words


async def test_other_servers_hear_of_it(mover: Mover) -> None:
    mover.names_each_other()
    lars = mover.here.actor("lars")
    assert (await mover.street.moot.deliver(mover.here.activity("Follow", lars, GROUP))).status == 202
    mover.street.clear()
    await mover.move()
    (block,) = [one["object"] for one in mover.here.of_type("Announce(Block)")]
    assert (block["object"], block["actor"]) == (mover.new, "http://moot.test/ap/people/mia")


@pytest.mark.parametrize("forgotten", ["movedTo", "alsoKnownAs"])
async def test_nobody_inherits_a_ban_on_one_sides_word(mover: Mover, forgotten: str) -> None:
    mover.names_each_other()
    for document in (mover.here.documents["/u/lena"], mover.there.documents["/u/lena_new"]):
        document.pop(forgotten, None)
    await mover.move()
    assert await mover.banned_until(mover.new) is None


async def test_moving_twice_shakes_no_ban_off(mover: Mover) -> None:
    mover.names_each_other()
    await mover.move()
    third = mover.there.actor("lena_third", alsoKnownAs=[mover.old])
    mover.here.documents["/u/lena"]["movedTo"] = third
    await mover.move(target=third)
    assert await mover.banned_until(third) == await mover.banned_until(mover.old)


async def test_nobody_fills_the_record_by_moving_on_and_on(mover: Mover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "BANS_CARRIED", Limit(3, 24 * 3600))
    for number in range(6):
        following = mover.there.actor(f"lena_{number}", alsoKnownAs=[mover.old])
        mover.here.documents["/u/lena"]["movedTo"] = following
        await mover.move(target=following)
    async with mover.street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from deeds") == 1 + 3
        assert await conn.fetchval("select count(*) from notifications where kind = 'ban_moved'") == 3


async def test_a_ban_that_was_lifted_stays_behind(mover: Mover) -> None:
    mover.names_each_other()
    street = mover.street
    async with street.runtime.db.transaction() as conn:
        lena = await actors.by_uri(conn, mover.old)
        assert lena is not None
        await deeds.lift_ban(conn, street.mia, await street.group(street.mia_id), lena)
    await mover.move()
    assert await mover.banned_until(mover.new) is None


async def test_a_longer_ban_is_not_shortened(mover: Mover) -> None:
    mover.names_each_other()
    street = mover.street
    new = await remote.fetch_actor(street.runtime, mover.new)
    async with street.runtime.db.transaction() as conn:
        ban = Ban(days=None, rule_id=street.rule_id, reason="For good.")
        await deeds.ban(conn, street.mia, await street.group(street.mia_id), new, ban)
    await mover.move()
    assert await mover.banned_until(mover.new) == FOR_GOOD


async def test_a_move_of_somebody_who_never_took_part_is_nothing(garden: Garden) -> None:
    stranger = garden.here.actor("stranger")
    moved = garden.here.activity("Move", stranger, stranger, target=garden.there.actor("elsewhere"))
    assert await garden.say(moved) == "nobody_here_reads_it"
    assert "/u/elsewhere" not in garden.there.fetched
