"""Many instances at once: whose turn it is, who hangs, who is blocked meanwhile, and two drains."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from federation import attempts, delivery, lanes
from moderation import instances
from server.urls import Urls
from server.worker import Wake
from tests.conftest import MovedClock
from tests.federation import sinks
from tests.federation.sender import Sender
from tests.federation.sinks import Sink


async def test_two_drains_at_once_send_each_row_once_and_one_at_a_time(sender: Sender, oak: Sink, elm: Sink) -> None:
    said = [await sender.say(oak, elm, about=f"post:{n}") for n in range(40)]
    first, second = await asyncio.gather(sender.drain(), sender.drain())
    assert first.get("done", 0) + second.get("done", 0) == 80
    assert (sorted(oak.knocks), sorted(elm.knocks)) == (sorted(said), sorted(said))
    assert (oak.most_at_once, elm.most_at_once) == (1, 1)


async def test_nobody_waits_for_an_instance_that_hangs(sender: Sender, oak: Sink, elm: Sink) -> None:
    oak.mode = sinks.hang
    await sender.say(oak)
    draining = asyncio.create_task(sender.drain())
    await oak.knocked.wait()
    # Said while the other lane hangs: another drain, or the same one, takes it at once.
    uri = await sender.say(elm)
    await sender.drain()
    assert elm.received == [uri]
    assert not draining.done()
    oak.let_go.set()
    assert (await draining)["done"] >= 1


async def test_instances_that_hang_give_their_places_to_others(
    sender: Sender, elm: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PLACES", 2)
    monkeypatch.setattr(delivery, "SLOW_SECONDS", 0.05)
    async with AsyncExitStack() as street:
        hanging = [await street.enter_async_context(sinks.sink(f"127.0.1.{number}")) for number in range(1, 6)]
        for sink in hanging:
            sink.mode = sinks.hang
        await sender.say(*hanging)
        draining = asyncio.create_task(sender.drain())
        # More hang than there are places.
        for sink in hanging:
            await sink.knocked.wait()
        uri = await sender.say(elm)
        await elm.knocked.wait()
        assert not draining.done()
        for sink in hanging:
            sink.let_go.set()
        await draining
    assert elm.received == [uri]


async def test_there_is_an_end_to_what_hangs_at_once(
    sender: Sender, oak: Sink, elm: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SLOW_SECONDS", -1.0)
    monkeypatch.setattr(delivery, "OPEN_TURNS", 1)
    oak.mode = elm.mode = sinks.hang
    await sender.say(oak, elm)
    courier = delivery.Courier(sender.runtime)
    assert await courier._start_turns() == 1
    assert await courier._start_turns() == 0
    monkeypatch.setattr(delivery, "OPEN_TURNS", 2)
    assert await courier._start_turns() == 1
    await courier._stop()


async def test_the_running_loop_starts_other_lanes_while_one_hangs(sender: Sender, oak: Sink, elm: Sink) -> None:
    oak.mode = sinks.hang
    await sender.say(oak)
    wake = Wake()
    loop = asyncio.create_task(delivery.run(sender.runtime, wake))
    try:
        await oak.knocked.wait()
        await sender.say(elm)
        wake.set()
        await asyncio.wait_for(elm.knocked.wait(), 5)
        assert oak.received == []
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
    # Stopping gave the lane back, with its row still to be sent.
    oak.mode = sinks.ok
    assert (await sender.drain())["done"] >= 1


async def test_the_lease_of_a_killed_drain_ends(sender: Sender, oak: Sink, moved_clock: MovedClock) -> None:
    uri = await sender.say(oak)
    async with sender.runtime.db.transaction() as conn:
        assert [lane.host for lane in await lanes.take(conn, 10)] == [oak.host]
    assert await sender.drain() == {}
    await moved_clock.advance(seconds=lanes.LEASE.total_seconds() + 1)
    assert await sender.drain() == {"done": 1}
    assert oak.received == [uri]


@pytest.mark.parametrize("by", ["the place", "the group"])
async def test_a_block_stops_a_turn_that_has_begun(
    sender: Sender, oak: Sink, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    group_id = sender.actor_id if by == "the group" else None
    monkeypatch.setattr(delivery, "BLOCKS_KNOWN_SECONDS", -1.0)

    async def block_then_take(sink: Sink, *_: object) -> web.StreamResponse:
        async with sender.runtime.db.transaction() as conn:
            urls = Urls(sender.runtime.settings.base_url)
            await instances.set_policy(conn, urls, sink.host, "blocked", "spam", None, group_id)
        return web.Response(status=202)

    oak.mode = block_then_take
    said = [await sender.say(oak, about=f"post:{n}") for n in range(3)]
    assert await sender.drain() == {"done": 1, "dropped": 2}
    assert oak.knocks == said[:1]


async def test_a_fault_of_ours_rests_its_lane_and_no_other(
    sender: Sender, oak: Sink, elm: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def faulty(
        _client: object, _signer: object, scheme: str, inbox: str, _body: bytes, _more: object
    ) -> attempts.Attempt:
        if inbox == oak.inbox:
            raise ZeroDivisionError
        return attempts.Attempt(attempts.Verdict.DONE, "", scheme)

    monkeypatch.setattr(delivery, "attempt", faulty)
    await sender.say(oak, elm)
    assert await sender.drain() == {"done": 1}
    async with sender.runtime.db.read() as conn:
        assert await conn.fetchval("select last_error from lanes where host = $1", oak.host) == "ZeroDivisionError"
    assert await sender.waiting() == 1
