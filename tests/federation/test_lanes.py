"""A lane's failures, rest, sleep and waking, without the network."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import pytest

from federation import housekeeping, lanes
from federation.lanes import Report
from server.community import actors
from server.ids import new_id
from server.runtime import Runtime
from server.urls import Urls
from tests.conftest import MovedClock

HOST = "elm.example"


async def add_work(runtime: Runtime, *hosts: str) -> None:
    """A due delivery for each host."""
    async with runtime.db.transaction() as conn:
        sender = await actors.by_uri(conn, Urls(runtime.settings.base_url).instance_actor)
        assert sender is not None
        for host in hosts:
            activity_id = new_id()
            await conn.execute(
                "insert into activities (id, uri, actor_id, type, body) values ($1, $2, $3, 'Create', '{}')",
                activity_id, f"http://moot.test/ap/activities/{activity_id}", sender.id,
            )  # fmt: skip
            await conn.execute("insert into lanes (host) values ($1) on conflict do nothing", host)
            await conn.execute(
                """insert into deliveries (id, host, inbox, activity_id, sender_id, ordering)
                   values ($1, $2, $3, $4, $5, '1')""",
                new_id(), host, f"https://{host}/inbox", activity_id, sender.id,
            )  # fmt: skip


async def turn(
    runtime: Runtime, *, error: str | None = None, well: bool = False, retry_after: float | None = None
) -> bool:
    """Take the lane, if it may be taken, and give it back with this report."""
    async with runtime.db.transaction() as conn:
        taken = await lanes.take(conn, 10)
    reports = [
        Report(lane, lane.scheme, well=well, succeeded=well, error=error, retry_after=retry_after) for lane in taken
    ]
    async with runtime.db.transaction() as conn:
        await lanes.give_back(conn, reports)
    return bool(taken)


async def state(runtime: Runtime) -> dict[str, object]:
    async with runtime.db.read() as conn:
        row = await conn.fetchrow(
            "select failures, sleeping, failing_since is not null as failing, due_at is not null as resting from lanes"
        )
        assert row is not None
        return dict(row)


async def fail_for_days(runtime: Runtime, clock: MovedClock, days: int) -> None:
    for _ in range(days):
        assert await turn(runtime, error="no_connection")
        await clock.advance(hours=30)


@pytest.fixture
async def lane(runtime: Runtime) -> None:
    await add_work(runtime, HOST)


@pytest.mark.parametrize(("failures", "least", "most"), [(0, 48, 84), (1, 96, 168), (30, 4.8 * 3600, 8.4 * 3600)])
def test_backoff_doubles_up_to_six_hours_with_jitter(failures: int, least: float, most: float) -> None:
    waits = {lanes.backoff(failures) for _ in range(50)}
    assert all(least <= wait <= most for wait in waits)
    assert len(waits) > 40


async def test_a_failing_lane_rests_longer_each_time(runtime: Runtime, lane: None, moved_clock: MovedClock) -> None:
    assert await turn(runtime, error="timeout")
    assert not await turn(runtime, error="timeout")
    await moved_clock.advance(seconds=85)
    assert await turn(runtime, error="timeout")
    await moved_clock.advance(seconds=85)
    assert not await turn(runtime)
    assert (await state(runtime))["failures"] == 2


async def test_an_answer_ends_the_failing(runtime: Runtime, lane: None, moved_clock: MovedClock) -> None:
    await turn(runtime, error="timeout")
    await moved_clock.advance(minutes=5)
    await turn(runtime, well=True)
    assert await state(runtime) == {"failures": 0, "sleeping": False, "failing": False, "resting": False}


async def test_a_failure_after_an_answer_counts_from_one(runtime: Runtime, lane: None, moved_clock: MovedClock) -> None:
    await fail_for_days(runtime, moved_clock, 3)
    await turn(runtime, well=True, error="timeout")
    assert await state(runtime) == {"failures": 1, "sleeping": False, "failing": True, "resting": True}


async def test_a_dead_instance_sleeps_and_keeps_its_rows(runtime: Runtime, lane: None, moved_clock: MovedClock) -> None:
    await fail_for_days(runtime, moved_clock, 8)
    assert (await state(runtime))["sleeping"] is True
    assert await turn(runtime, error="no_connection")
    await moved_clock.advance(hours=18)
    # Awake, it would have been tried every six hours or so.
    assert not await turn(runtime)
    await moved_clock.advance(hours=12)
    assert await turn(runtime, well=True)
    assert (await state(runtime))["sleeping"] is False


async def test_a_sign_of_life_wakes_the_lane_and_its_rows(
    runtime: Runtime, lane: None, moved_clock: MovedClock
) -> None:
    await fail_for_days(runtime, moved_clock, 3)
    await turn(runtime, error="no_connection")
    assert not await turn(runtime)
    async with runtime.db.transaction() as conn:
        await conn.execute("update deliveries set parked = true, due_at = clock_now() + interval '5 hours'")
        assert await lanes.sign_of_life(conn, HOST)
    assert await turn(runtime, well=True)


async def test_a_talkative_instance_that_never_answers_is_not_asked_all_day(
    runtime: Runtime, lane: None, moved_clock: MovedClock
) -> None:
    await turn(runtime, error="timeout")
    async with runtime.db.transaction() as conn:
        assert not await lanes.sign_of_life(conn, HOST)
    assert not await turn(runtime)


async def test_a_named_limit_is_kept_whatever_signs_there_are(runtime: Runtime, lane: None) -> None:
    await turn(runtime, error="status_429", retry_after=3600)
    async with runtime.db.transaction() as conn:
        assert not await lanes.sign_of_life(conn, HOST)


async def test_a_well_lane_is_not_written_by_a_sign_of_life(runtime: Runtime, lane: None) -> None:
    async with runtime.db.transaction() as conn:
        assert not await lanes.sign_of_life(conn, HOST)
        assert not await lanes.sign_of_life(conn, "unknown.example")


async def test_a_lane_that_was_taken_over_is_not_given_back(
    runtime: Runtime, lane: None, moved_clock: MovedClock
) -> None:
    async with runtime.db.transaction() as conn:
        (old,) = await lanes.take(conn, 1)
    await moved_clock.advance(minutes=2)
    async with runtime.db.transaction() as conn:
        assert len(await lanes.take(conn, 1)) == 1
    async with runtime.db.transaction() as conn:
        await lanes.give_back(conn, [Report(old, "rfc9421", error="timeout")])
    assert (await state(runtime))["failures"] == 0
    assert not await turn(runtime)


async def test_who_was_served_longest_ago_comes_first(runtime: Runtime) -> None:
    await add_work(runtime, "a.example", "b.example", "c.example")
    served = []
    for _ in range(6):
        async with runtime.db.transaction() as conn:
            (lane,) = await lanes.take(conn, 1)
        served.append(lane.host)
        async with runtime.db.transaction() as conn:
            await lanes.give_back(conn, [Report(lane, lane.scheme, well=True)])
    assert sorted(served[:3]) == ["a.example", "b.example", "c.example"]
    assert served[3:] == served[:3]


async def test_C15_lanes_of_nobody_are_forgotten(runtime: Runtime, moved_clock: MovedClock) -> None:
    await add_work(runtime, "busy.example")
    async with runtime.db.transaction() as conn:
        await conn.execute("insert into lanes (host) select 'made-up-' || n from generate_series(1, 10000) n")
        await conn.execute("insert into lanes (host) values ('member.example')")
        urls = Urls(runtime.settings.base_url)
        group_id = await actors.create_local(conn, urls, "group", "oak_street", "Oak Street")
        member = await actors.save_remote(
            conn, kind="person", name="ana", host="member.example", uri="https://member.example/ana", url=None,
            title="Ana", about_html="",
        )  # fmt: skip
        assert member is not None
        await conn.execute(
            "insert into memberships (person_id, target_id, state) values ($1, $2, 'joined')", member.id, group_id
        )
    await moved_clock.advance(days=8)
    await housekeeping.tidy(runtime)
    async with runtime.db.read() as conn:
        left = [row["host"] for row in await conn.fetch("select host from lanes order by host")]
    assert left == ["busy.example", "member.example"]
