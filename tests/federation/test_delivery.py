"""Deliveries to real inboxes on loopback: what each answer means, order, and outages."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import pytest
from aiohttp import web

from federation import delivery, lanes
from moderation import instances
from server.runtime import Runtime
from server.urls import Urls
from tests.conftest import MovedClock
from tests.federation import sinks
from tests.federation.sender import Sender
from tests.federation.sinks import Sink


async def test_a_row_is_signed_sent_and_gone(sender: Sender, oak: Sink) -> None:
    uri = await sender.say(oak)
    assert await sender.drain() == {"done": 1}
    assert (oak.received, oak.signers) == ([uri], [sender.uri])
    assert await sender.waiting() == 0


async def test_A20_each_attempt_is_signed_anew(sender: Sender, oak: Sink, moved_clock: MovedClock) -> None:
    oak.mode = sinks.status(500)
    uri = await sender.say(oak)
    assert await sender.drain() == {"parked": 1}
    await moved_clock.advance(days=2)
    oak.mode = sinks.ok
    # The sink refuses a date that is more than an hour old (A20).
    assert await sender.drain() == {"done": 1}
    assert oak.received == [uri]


@pytest.mark.parametrize("code", [403, 404, 410, 413, 422])
async def test_a_final_refusal_drops_the_row_with_a_note(sender: Sender, oak: Sink, code: int) -> None:
    oak.mode = sinks.status(code)
    await sender.say(oak)
    assert await sender.drain() == {"dropped": 1}
    assert (await sender.waiting(), await sender.drop_notes()) == (0, [f"status_{code}"])


@pytest.mark.parametrize(("code", "asked"), [(410, [{"inbox": "http://{host}/inbox"}]), (404, [])])
async def test_only_gone_asks_whether_the_actor_is_gone(
    sender: Sender, oak: Sink, code: int, asked: list[dict[str, str]]
) -> None:
    oak.mode = sinks.status(code)
    await sender.say(oak)
    await sender.drain()
    async with sender.runtime.db.read() as conn:
        found = [row["args"] for row in await conn.fetch("select args from jobs where name = 'confirm_gone'")]
    assert found == [{"inbox": args["inbox"].format(host=oak.host)} for args in asked]


@pytest.mark.parametrize("code", [301, 405, 500, 502])
async def test_another_refusal_parks_that_row_alone(
    sender: Sender, oak: Sink, moved_clock: MovedClock, code: int
) -> None:
    poison = await sender.say(oak, about="post:1")
    oak.mode = sinks.for_one(poison, sinks.status(code, Location=oak.inbox))
    later_of_same = await sender.say(oak, about="post:1")
    other = await sender.say(oak, about="post:2")
    assert await sender.drain() == {"parked": 1, "done": 1}
    assert oak.received == [other]
    # What comes later for the same object waits too, and does not make the lane look busy.
    again = await sender.say(oak, about="post:1")
    assert await sender.drain() == {}
    assert oak.knocks == [poison, other]
    oak.mode = sinks.ok
    await moved_clock.advance(minutes=5)
    assert await sender.drain() == {"done": 3}
    assert oak.received == [other, poison, later_of_same, again]


async def test_a_poison_activity_never_blocks_the_others_and_ends_with_a_note(
    sender: Sender, oak: Sink, moved_clock: MovedClock
) -> None:
    poison = await sender.say(oak, about="post:1")
    oak.mode = sinks.for_one(poison, sinks.status(500))
    for day in range(31):
        sent = await sender.say(oak, about=f"post:day{day}")
        await sender.drain()
        assert oak.received[-1] == sent
        await moved_clock.advance(days=1)
    async with sender.runtime.db.transaction() as conn:
        assert await delivery.give_up_expired(conn, 10) == 1
    assert (await sender.waiting(), await sender.drop_notes()) == (0, ["expired: status_500"])
    assert 20 < oak.knocks.count(poison) < 130


async def test_a_row_that_breaks_the_connection_does_not_block_the_others(
    sender: Sender, oak: Sink, moved_clock: MovedClock
) -> None:
    poison = await sender.say(oak, about="post:1")
    oak.mode = sinks.for_one(poison, sinks.reset)
    others = [await sender.say(oak, about=f"post:{n}") for n in range(2, 5)]
    assert await sender.drain() == {"rested": 1}
    await moved_clock.advance(seconds=90)
    assert await sender.drain() == {"done": 3}
    assert oak.received == others


async def test_order_is_kept_for_each_object(sender: Sender, oak: Sink) -> None:
    said = [(f"post:{n % 7}", await sender.say(oak, about=f"post:{n % 7}")) for n in range(60)]
    assert await sender.drain() == {"done": 60}
    for about in {about for about, _ in said}:
        mine = [uri for key, uri in said if key == about]
        assert [uri for uri in oak.received if uri in mine] == mine


async def test_five_rows_that_fail_in_a_row_rest_the_lane(sender: Sender, oak: Sink, moved_clock: MovedClock) -> None:
    said = [await sender.say(oak, about=f"post:{n}") for n in range(20)]
    oak.mode = sinks.status(502)
    assert await sender.drain() == {"parked": 5}
    assert await sender.drain() == {}
    oak.mode = sinks.ok
    await moved_clock.advance(minutes=5)
    assert await sender.drain() == {"done": 20}
    assert sorted(oak.received) == sorted(said)


@pytest.mark.parametrize(
    ("code", "retry_after", "too_soon", "then"),
    [
        (429, "600", 590, 20),
        (503, "600", 590, 20),
        (429, "", 40, 60),
        (503, "soon", 40, 60),
        (429, "0", 0, 2),
        (429, "999999999", 5 * 3600, 3700),
        (503, "Fri, 01 Jan 2100 00:00:00 GMT", 5 * 3600, 3700),
    ],
)
async def test_an_instance_that_asks_for_rest_gets_it_within_reason(
    sender: Sender, oak: Sink, moved_clock: MovedClock, code: int, retry_after: str, too_soon: float, then: float
) -> None:
    oak.mode = sinks.status(code, Retry_After=retry_after)
    said = [await sender.say(oak, about=f"post:{n}") for n in range(3)]
    assert await sender.drain() == {"rested": 1}
    oak.mode = sinks.ok
    await moved_clock.advance(seconds=too_soon)
    assert await sender.drain() == {}
    await moved_clock.advance(seconds=then)
    await sender.drain()
    await moved_clock.advance(minutes=2)
    await sender.drain()
    assert sorted(oak.received) == sorted(said)


@pytest.mark.parametrize("refusal", [400, 401])
async def test_the_second_knock_is_in_the_other_scheme_and_remembered(sender: Sender, oak: Sink, refusal: int) -> None:
    async def only_rfc9421(sink: Sink, *_: object) -> web.StreamResponse:
        return web.Response(status=202 if sink.schemes[-1] == "rfc9421" else refusal)

    oak.mode = only_rfc9421
    await sender.say(oak)
    assert await sender.drain() == {"done": 1}
    await sender.say(oak)
    assert await sender.drain() == {"done": 1}
    assert oak.schemes == ["cavage", "rfc9421", "rfc9421"]
    oak.mode = sinks.only("cavage")
    await sender.say(oak)
    await sender.drain()
    assert oak.schemes[3:] == ["rfc9421", "cavage"]


async def test_refused_in_both_schemes_is_dropped(sender: Sender, oak: Sink) -> None:
    oak.mode = sinks.status(401)
    await sender.say(oak)
    assert await sender.drain() == {"dropped": 1}
    assert oak.schemes == ["cavage", "rfc9421"]
    assert await sender.drop_notes() == ["status_401"]


async def test_twenty_days_down_then_up(sender: Sender, oak: Sink, moved_clock: MovedClock) -> None:
    await oak.stop()
    said = []
    for day in range(20):
        said.append(await sender.say(oak, about=f"post:{day % 3}"))
        await sender.drain()
        await moved_clock.advance(days=1)
    assert await sender.waiting() == 20
    async with sinks.sink("127.0.0.2", oak.port) as again:
        again.keys = oak.keys
        # A sleeping instance is tried about once a day, and then gets everything.
        await moved_clock.advance(hours=30)
        assert (await sender.drain())["done"] == 20
        for n in range(3):
            mine = said[n::3]
            assert [uri for uri in again.received if uri in mine] == mine


async def test_a_lost_answer_is_repeated_under_the_same_id(sender: Sender, oak: Sink, moved_clock: MovedClock) -> None:
    oak.mode = sinks.take_and_reset
    uri = await sender.say(oak)
    assert await sender.drain() == {"rested": 1}
    oak.mode = sinks.ok
    await moved_clock.advance(minutes=5)
    assert await sender.drain() == {"done": 1}
    assert oak.received == [uri, uri]


async def test_nothing_goes_to_a_blocked_instance(sender: Sender, oak: Sink, elm: Sink) -> None:
    uri = await sender.say(oak, elm)
    async with sender.runtime.db.transaction() as conn:
        urls = Urls(sender.runtime.settings.base_url)
        await instances.set_policy(conn, urls, oak.host, "blocked", "spam", None)
    assert await sender.drain() == {"dropped": 1, "done": 1}
    assert (oak.knocks, elm.received) == ([], [uri])
    assert await sender.drop_notes() == ["blocked"]


async def test_C17_a_bad_inbox_does_not_keep_the_others_from_theirs(sender: Sender, oak: Sink, elm: Sink) -> None:
    await sender.say(oak, inbox="http://user@[broken/inbox")
    forbidden = await sender.say(oak, inbox="http://10.0.0.1/inbox")
    uri = await sender.say(oak, elm, about="post:2")
    assert await sender.drain() == {"dropped": 1, "parked": 1, "done": 2}
    assert (oak.received, elm.received) == ([uri], [uri])
    assert forbidden not in oak.knocks


async def test_a_sender_without_keys_waits_for_them(runtime: Runtime, sender: Sender, oak: Sink) -> None:
    uri = await sender.say(oak)
    async with runtime.db.transaction() as conn:
        await conn.execute("create table kept as select * from own_keys")
        await conn.execute("delete from own_keys")
    assert await sender.drain() == {}
    async with runtime.db.transaction() as conn:
        await conn.execute("insert into own_keys select * from kept")
        await lanes.FREE_ROWS.run(conn, [oak.host])
    assert await sender.drain() == {"done": 1}
    assert oak.received == [uri]


async def test_the_same_delivery_is_enqueued_once(runtime: Runtime, sender: Sender, oak: Sink) -> None:
    uri = await sender.say(oak)
    async with runtime.db.transaction() as conn:
        activity_id = await conn.fetchval("select id from activities where uri = $1", uri)
        assert await delivery.enqueue(conn, activity_id, sender.actor_id, [(oak.host, oak.inbox)], "post:1") == 0
        assert await delivery.enqueue(conn, activity_id, sender.actor_id, [], "post:1") == 0
    assert await sender.drain() == {"done": 1}
