"""What federation forgets, and what it keeps."""

import pytest

from federation import housekeeping, tombstones
from server.community import actors
from server.ids import new_id
from server.runtime import Runtime
from server.urls import Urls
from tests.conftest import MovedClock


async def count(runtime: Runtime, table: str) -> int:
    async with runtime.db.read() as conn:
        return int(await conn.fetchval("select count(*) from " + table))


@pytest.mark.parametrize(("days", "left"), [(34, 1), (36, 0)])
async def test_seen_activities_are_kept_35_days(
    runtime: Runtime, moved_clock: MovedClock, days: int, left: int
) -> None:
    async with runtime.db.transaction() as conn:
        await conn.execute(
            "insert into seen_activities (uri, actor_uri, outcome) values ('https://a/1', 'https://a', 'done')"
        )
    await moved_clock.advance(days=days)
    await housekeeping.tidy(runtime)
    assert await count(runtime, "seen_activities") == left


@pytest.mark.parametrize(("days", "left"), [(34, 1), (36, 0)])
async def test_what_was_deleted_before_it_came_is_remembered_35_days(
    runtime: Runtime, moved_clock: MovedClock, days: int, left: int
) -> None:
    async with runtime.db.transaction() as conn:
        await tombstones.add(conn, "https://elm.example/1", "https://elm.example/lena")
    await moved_clock.advance(days=days)
    await housekeeping.tidy(runtime)
    assert await count(runtime, "tombstones") == left


async def add_activity(runtime: Runtime, kind: str) -> int:
    activity_id = new_id()
    async with runtime.db.transaction() as conn:
        sender = await actors.by_uri(conn, Urls(runtime.settings.base_url).instance_actor)
        assert sender is not None
        await conn.execute(
            "insert into activities (id, uri, actor_id, type, body) values ($1, $2, $3, $4, '{}')",
            activity_id, f"http://moot.test/ap/activities/{activity_id}", sender.id, kind,
        )  # fmt: skip
        await conn.execute("insert into lanes (host) values ('elm.example') on conflict do nothing")
        await conn.execute(
            """insert into deliveries (id, host, inbox, activity_id, sender_id, ordering)
               values ($1, 'elm.example', 'https://elm.example/inbox', $1, $2, 'x')""",
            activity_id, sender.id,
        )  # fmt: skip
    return activity_id


async def test_deliveries_expire_after_30_days_with_a_note(
    runtime: Runtime, moved_clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "AT_ONCE", 2)
    for _ in range(5):
        await add_activity(runtime, "Create")
    await moved_clock.advance(days=29)
    await housekeeping.tidy(runtime)
    assert await count(runtime, "deliveries") == 5
    await moved_clock.advance(days=2)
    await housekeeping.tidy(runtime)
    assert (await count(runtime, "deliveries"), await count(runtime, "dropped_deliveries")) == (0, 5)
    await moved_clock.advance(days=91)
    await housekeeping.tidy(runtime)
    assert await count(runtime, "dropped_deliveries") == 0


@pytest.mark.parametrize(("kind", "sent", "left"), [("Like", True, 0), ("Like", False, 1), ("Follow", True, 1)])
async def test_spent_activities_are_forgotten_after_90_days(
    runtime: Runtime, moved_clock: MovedClock, kind: str, sent: bool, left: int
) -> None:
    await add_activity(runtime, kind)
    async with runtime.db.transaction() as conn:
        await conn.execute("update deliveries set expires_at = clock_now() + interval '1 year'")
        if sent:
            await conn.execute("delete from deliveries")
    await moved_clock.advance(days=91)
    await housekeeping.tidy(runtime)
    assert await count(runtime, "activities") == left


async def test_missing_keys_are_forgotten_when_they_may_be_asked_again(
    runtime: Runtime, moved_clock: MovedClock
) -> None:
    async with runtime.db.transaction() as conn:
        await conn.execute(
            """insert into missing_keys (key_id, reason, retry_at)
               values ('old', 'x', clock_now() - interval '1 minute'), ('new', 'x', clock_now() + interval '1 hour')"""
        )
    await housekeeping.tidy(runtime)
    assert await count(runtime, "missing_keys") == 1
