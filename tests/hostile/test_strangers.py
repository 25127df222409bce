"""B27: whoever has nothing to do with anybody here may knock as long as they like, and leaves nothing behind."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import pytest
from prometheus_client import REGISTRY

from federation import housekeeping, inbox
from server.limits import Booked, Limit
from server.runtime import Runtime
from tests.conftest import MovedClock
from tests.federation.peer import PUBLIC, Document, Peer
from tests.federation.street import GROUP, Street, addressed
from tests.hostile.conftest import World

REASON = "nobody_here_reads_it"


def ignored(reason: str) -> float:
    """How many activities this process has let go for this reason, as /metrics says it."""
    return REGISTRY.get_sample_value("folkmoot_inbox_ignored_total", {"reason": reason}) or 0.0


def advertisement(there: Peer, who: str, number: int, **more: object) -> Document:
    note = there.note(who, f"<p>Buy {number}!</p>", cc=[f"{who}/followers"], **more)
    return there.activity("Create", who, note, to=[PUBLIC])


@pytest.fixture
async def untiring(runtime: Runtime) -> None:
    """Strangers may send as much as they like: what they leave is to be seen apart from how much they may send."""
    traffic = await runtime.use(inbox.Traffic)
    traffic.strangers = Booked(runtime.db, Limit(100_000, 60), 1_000)


@pytest.mark.usefixtures("untiring")
async def test_B27_what_nobody_here_asked_for_is_only_counted(world: World, moved_clock: MovedClock) -> None:
    street = world.street
    strangers = [world.evil.actor(f"u{number}") for number in range(25)]
    keys, counted = await world.watch.count("remote_keys"), ignored(REASON)
    async with world.assert_no_effect(asks=25):
        for number in range(500):
            more = {"inReplyTo": f"{world.victim.base}/notes/{number}"} if number % 3 == 0 else {}
            create = advertisement(world.evil, strangers[number % 25], number, **more)
            assert (await street.moot.deliver(create)).status == 202
    assert ignored(REASON) - counted == 500
    # That their signatures need not be looked up again is all that is left, and that for a day.
    assert await world.watch.count("remote_keys") == keys + 25
    await moved_clock.advance(hours=25)
    await housekeeping.tidy(street.runtime)
    assert await world.watch.count("remote_keys") == keys


KINDS = ("Accept", "Add", "Announce", "Block", "Delete", "Dislike", "Flag", "Like", "Lock", "Move", "Undo", "Update")


@pytest.mark.parametrize("what", ["a note of theirs", "somebody else's note", "themselves"])
@pytest.mark.parametrize("kind", KINDS)
async def test_B27_no_kind_of_activity_brings_a_stranger_in(world: World, kind: str, what: str) -> None:
    """Only that something is deleted or undone is remembered, should it come later."""
    mallory = world.evil.actor("mallory")
    things: dict[str, object] = {
        "a note of theirs": f"{world.evil.base}/notes/1", "somebody else's note": f"{world.victim.base}/notes/1",
        "themselves": world.evil.documents["/u/mallory"],
    }  # fmt: skip
    async with world.assert_no_effect(but={"tombstones"} if kind in ("Delete", "Undo") else (), asks=1):
        answer = await world.street.moot.deliver(world.evil.activity(kind, mallory, things[what], to=[PUBLIC]))
        assert answer.status in (202, 400)


@pytest.mark.usefixtures("untiring")
@pytest.mark.parametrize("kind", ["Delete", "Undo"])
async def test_B27_a_stranger_bars_so_much_from_coming(
    world: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was deleted or undone before it came is remembered for weeks."""
    monkeypatch.setattr(inbox, "BARRED_BY_STRANGER", Limit(5, 3600))
    mallory = world.evil.actor("mallory")
    before = await world.watch.count("tombstones")
    for number in range(20):
        what = f"{world.evil.base}/notes/{number}"
        assert (await world.street.moot.deliver(world.evil.activity(kind, mallory, what))).status == 202
    # Twice that where an hour ends in between.
    assert await world.watch.count("tombstones") - before in (5, 10)


async def test_B27_nothing_is_fetched_for_a_stranger_who_names_it(world: World) -> None:
    mallory = world.evil.actor("mallory")
    note = world.victim.note(world.victim.actor("alice"), "<p>Look!</p>")
    async with world.assert_no_effect(asks=1):
        assert (await world.street.moot.deliver(world.evil.activity("Create", mallory, note["id"]))).status == 202
    assert world.victim.fetched == []


async def taken(street: Street, there: Peer, who: str, times: int) -> int:
    """Of so many advertisements, how many are not refused for being too many."""
    answers = [(await street.moot.deliver(advertisement(there, who, number))).status for number in range(times)]
    assert set(answers) <= {202, 429}
    return answers.count(202)


async def test_B27_a_stranger_may_send_a_tenth_of_what_others_may(world: World) -> None:
    street = world.street
    mallory = world.evil.actor("mallory")
    # Sixty, or twice that where a minute ends in between.
    assert await taken(street, world.evil, mallory, 150) in (60, 120)
    assert await taken(street, street.mastodon, street.max, 150) == 150


async def test_whoever_takes_part_is_a_stranger_no_longer(world: World) -> None:
    street = world.street
    nora = world.bystander.actor("nora")
    assert await taken(street, world.bystander, nora, 10) == 10
    assert (await street.moot.deliver(world.bystander.activity("Follow", nora, GROUP))).status == 202
    await street.settle()
    assert await taken(street, world.bystander, nora, 150) == 150


async def test_what_is_ignored_of_an_instance_that_takes_part_is_recorded(street: Street) -> None:
    create = advertisement(street.mastodon, street.max, 1)
    for _ in range(2):
        assert (await street.moot.deliver(create)).status == 202
    async with street.runtime.db.read() as conn:
        rows = await conn.fetch("select outcome from seen_activities where uri = $1", create["id"])
    assert [row["outcome"] for row in rows] == [REASON]


async def test_a_stranger_comes_in_with_what_they_write_for_a_group(world: World, moved_clock: MovedClock) -> None:
    street = world.street
    nora = world.bystander.actor("nora")
    assert (await street.moot.deliver(advertisement(world.bystander, nora, 1))).status == 202
    create = addressed(street, world.bystander, nora, "<p>The crossing is dark.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "published"
    # Her account has gone, and her key with it: her farewell is proven by the one that we kept.
    world.bystander.documents.clear()
    await moved_clock.advance(days=2)
    await housekeeping.tidy(street.runtime)
    assert (await street.moot.deliver(world.bystander.activity("Delete", nora, nora))).status == 202
    assert (await street.post(create["object"]["id"])).state == "deleted"
