"""C15, C17: nobody whom we deliver to can keep the others from theirs, or make us remember them for ever."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from federation import housekeeping
from tests.conftest import MovedClock
from tests.federation.peer import Peer, peer
from tests.federation.street import GROUP
from tests.hostile.conftest import World

POISON = (
    "http://[broken/inbox", "http://evil.test:99999/inbox", "javascript:alert(1)", "", "http://inside.test:8000/inbox",
    "http://127.0.0.1:8000/inbox", "http://169.254.169.254/latest", "https://\u202eevil.test/inbox",
    "http://evil.test\r\nX-Injected: 1/inbox", "http://nowhere.test/inbox",
)  # fmt: skip


@pytest.fixture
async def forty_nine() -> AsyncIterator[list[Peer]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(peer("127.0.0.9", "mastodon")) for _ in range(49)]


async def test_C17_one_poisoned_follower_among_fifty_keeps_nothing_from_the_others(
    world: World, forty_nine: list[Peer], moved_clock: MovedClock
) -> None:
    street = world.street
    poisoned = world.evil.actor("mallory")
    follows = [world.evil.activity("Follow", poisoned, GROUP)]
    follows += [there.activity("Follow", there.actor("reader"), GROUP) for there in forty_nine]
    for follow in follows:
        assert (await street.moot.deliver(follow)).status == 202
    await street.settle()
    for number, inbox in enumerate(POISON, 1):
        async with street.runtime.db.transaction() as conn:
            # What an inbox is was checked when it came; a row may be older than the check.
            await conn.execute(
                """update remote_actors set inbox = $1, shared_inbox = $1
                    where actor_id = (select id from actors where uri = $2)""",
                inbox, poisoned,
            )  # fmt: skip
        await street.write(f"Number {number}", "For everybody")
        assert [len(there.of_type("Announce(id)")) for there in forty_nine] == [number] * 49, inbox
    assert world.evil.of_type("Announce(id)") == []
    async with street.runtime.db.read() as conn:
        waiting = [row["inbox"] for row in await conn.fetch("select inbox from deliveries")]
    assert set(waiting) <= set(POISON)
    # And in the end nobody remembers them.
    await moved_clock.advance(days=31)
    await housekeeping.tidy(street.runtime)
    assert await world.watch.count("deliveries") == 0


async def test_C15_hosts_that_only_knock_leave_no_lane(world: World) -> None:
    """State is kept for whom we deliver to: ten thousand invented hosts are none of them."""
    strangers = [world.bystander.actor(f"u{number}") for number in range(20)]
    before = await world.watch.count("lanes")
    for who in strangers:
        like = world.bystander.activity("Like", who, f"{world.victim.base}/notes/1")
        assert (await world.street.moot.deliver(like)).status == 202
    await world.street.settle()
    assert await world.watch.count("lanes") == before
