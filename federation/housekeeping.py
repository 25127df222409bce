"""Forgets what federation need not keep: expired deliveries (with a note), old records, strangers, lanes of nobody."""

import asyncio

from federation import delivery, keys, lanes, senders, tombstones
from federation.activities import farewell
from moderation import defederation, subscriptions
from server import jobs
from server.db import Command, Conn, Query, Row
from server.runtime import Runtime
from server.worker import Wake

EVERY_SECONDS = 600.0
AT_ONCE = 1000
LOOK_UPS_AT_ONCE = 50


class _Host(Row, frozen=True):
    host: str


FORGET_SEEN = Command("delete from seen_activities where received_at < clock_now() - interval '35 days'")
FORGET_NOTES = Command("delete from dropped_deliveries where dropped_at < clock_now() - interval '90 days'")
# What is about a post stays as long as the post, since its id is a promise, and a Follow until its Undo names it.
FORGET_ACTIVITIES = Command(
    """delete from activities a
        where post_id is null and created_at < clock_now() - interval '90 days' and type <> 'Follow'
          and not exists (select 1 from deliveries d where d.activity_id = a.id)"""
)
OUTDATED_SOFTWARE = Query(
    _Host,
    """select host from lanes
        where failures = 0 and (software_checked_at is null or software_checked_at < clock_now() - interval '7 days')
        order by software_checked_at nulls first limit $1""",
)


async def run(runtime: Runtime, _wake: Wake) -> None:
    """Loop: every ten minutes."""
    await tidy(runtime)
    await asyncio.sleep(EVERY_SECONDS)


async def tidy(runtime: Runtime) -> None:
    """Each kind in its own transaction, so that one that fails holds up no other."""
    while await _expire(runtime) or await _forget_strangers(runtime):
        pass
    for forget in (
        FORGET_SEEN, FORGET_NOTES, FORGET_ACTIVITIES, keys.FORGET_GONE, senders.FORGET_MISSING, tombstones.FORGET_OLD,
        farewell.FORGET, lanes.FORGET, lanes.MEND,
    ):  # fmt: skip
        async with runtime.db.transaction() as conn:
            await forget.run(conn)
    async with runtime.db.transaction() as conn:
        await _refresh_software(conn)
    async with runtime.db.transaction() as conn:
        # Somebody may have joined in the very moment in which their server was blocked.
        await defederation.settle(conn)
    async with runtime.db.transaction() as conn:
        await subscriptions.fetch_due(conn)
    runtime.waker.wake()


async def _expire(runtime: Runtime) -> bool:
    """Give up deliveries that nobody took for 30 days, some at a time; whether there may be more."""
    async with runtime.db.transaction() as conn:
        return await delivery.give_up_expired(conn, AT_ONCE) == AT_ONCE


async def _forget_strangers(runtime: Runtime) -> bool:
    async with runtime.db.transaction() as conn:
        return await senders.forget_strangers(conn)


async def _refresh_software(conn: Conn) -> None:
    """Ask instances again what they run, a few at a time."""
    for lane in await OUTDATED_SOFTWARE.all(conn, LOOK_UPS_AT_ONCE):
        await jobs.enqueue(conn, "refresh_software", {"host": lane.host})
