"""Runs the background work: jobs as they fall due, and loops that go on for ever.

Names stand for dotted targets, so that this floor imports none above it. A job marked `effect` is called as
`target(conn, runtime, **args)` inside the transaction that ends it; an `errand`, which may use the network, as
`target(runtime, **args)`. A loop is `target(runtime, wake)` and runs until it is cancelled.
"""

import asyncio
import contextlib
import functools
import importlib
import os
import socket
import typing
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import structlog

from server import jobs
from server.db import Command
from server.runtime import Runtime

log = structlog.get_logger(__name__)

EFFECTS: dict[str, str] = {
    "screen_revision": "moderation.screening:screen_revision",
    "report_closed": "moderation.reports:tell_reporters",
    "remove_banned_posts": "moderation.deeds:remove_posts",
    "post_ended": "moderation.cases:close_ended",
    "close_poll": "server.community.polls:close_poll",
    "probe_queue": "server.checkup:probe_queue",
    "make_keys": "federation.keys:store_keys",
    "begin_backfill": "federation.backfill:begin",
    "spread_post": "federation.spread:spread_post",
    "spread_vote": "federation.spread:spread_vote",
    "spread_membership": "federation.spread:spread_membership",
    "spread_actor": "federation.spread:spread_actor",
    "spread_decision": "federation.spread:spread_decision",
    "spread_deed": "federation.spread:spread_deed",
    "spread_report": "federation.spread:spread_report",
    "erase_person": "server.community.farewell:erase_person",
    "spread_farewell": "federation.activities.farewell:spread",
    "take_attested_votes": "federation.attested:take",
    "move_member": "federation.activities.move:move_member",
    "spread_poll": "federation.spread:spread_poll",
    "spread_poll_vote": "federation.spread:spread_poll_vote",
}
ERRANDS: dict[str, str] = {
    "delete_files": "server.community.media:delete_files",
    "send_mail": "server.mail:send_mail",
    "score_revision": "moderation.screening:score_revision",
    "fetch_parent": "federation.announced:fetch_parent",
    "fetch_announced": "federation.announced:fetch_announced",
    "fetch_replies": "federation.replies:fetch_replies",
    "backfill_group": "federation.backfill:go_on",
    "refresh_actor": "federation.remote:refresh_actor",
    "refresh_moderators": "federation.moderators:refresh_moderators",
    "refresh_software": "federation.software:refresh_software",
    "answer_follow": "federation.activities.follow:answer_follow",
    "fetch_policy_list": "federation.policy_lists:fetch_policy_list",
    "confirm_gone": "federation.remote:confirm_gone",
    "follow_move": "federation.activities.move:follow_move",
    "settle_poll": "federation.announced:settle_poll",
    "synchronize_followers": "federation.synchronization:synchronize_followers",
}
LOOPS: dict[str, str] = {
    "deliver": "federation.delivery:run",
    "housekeep": "server.housekeeping:run",
    "forget": "federation.housekeeping:run",
}

CONCURRENCY = 4
POLL_SECONDS = 2.0
# Long enough to gather, short enough that nobody notices.
STIR_SECONDS = 0.05
HEARTBEAT_SECONDS = 5.0

SEEN = Command("insert into workers (id) values ($1) on conflict (id) do update set seen_at = clock_now()")
GONE = Command("delete from workers where id = $1 or seen_at < clock_now() - interval '1 day'")


def resolve(target: str) -> Callable[..., Awaitable[typing.Any]]:
    """The coroutine function that `module:name` stands for."""
    module, _, name = target.partition(":")
    return typing.cast(Callable[..., Awaitable[typing.Any]], getattr(importlib.import_module(module), name))


class Wake:
    """Wakes one of those who wait here; a wake that nobody waited for is remembered for the next one.

    Who was woken works until nothing is due, so one is enough: with each wake for all, most looked in vain.
    """

    def __init__(self) -> None:
        self._wakes: asyncio.Queue[None] = asyncio.Queue(1)

    def set(self) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._wakes.put_nowait(None)

    async def wait(self, seconds: float | None = None) -> None:
        """Return at the next wake, or after `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wakes.get(), seconds)


class Stirring:
    """Wakes errands and loops here after jobs that may have left them work; together for jobs that end together."""

    def __init__(self, wakes: Sequence[Wake]) -> None:
        self._wakes = wakes
        self._timer: asyncio.TimerHandle | None = None

    def stir(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(STIR_SECONDS, self._wake)

    def _wake(self) -> None:
        self._timer = None
        for wake in self._wakes:
            wake.set()


async def run_effect(runtime: Runtime, *, followed: bool = True) -> bool:
    """Take one due effect and run it, with what follows it unless that is forbidden; False where none is due."""
    job: jobs.Job | None = None
    following = jobs.Following(None, ())
    try:
        async with runtime.db.transaction() as conn:
            job = await jobs.TAKE.one(conn, list(EFFECTS))
            if job is None:
                return False
            following = jobs.Following(job.ordering, EFFECTS if followed else ())
            with jobs.followed(following):
                await resolve(EFFECTS[job.name])(conn, runtime, **job.args)
                for next_job in following:
                    await resolve(EFFECTS[next_job.name])(conn, runtime, **next_job.args)
    except Exception as error:
        if job is None:
            raise
        if following.begun:
            # What follows must not take back what came before it: now they run apart, each with its own tries.
            return await run_effect(runtime, followed=False)
        await _failed(runtime, job, error)
    return True


async def run_errand(runtime: Runtime) -> bool:
    """Lease one due errand, run it, then delete its row; False where none is due."""
    async with runtime.db.statement() as conn:
        job = await jobs.LEASE_ONE.one(conn, list(ERRANDS), jobs.LEASE)
    if job is None:
        return False
    try:
        await resolve(ERRANDS[job.name])(runtime, **job.args)
    except Exception as error:  # noqa: BLE001  # a job may fail in any way; it is kept, and the worker goes on
        await _failed(runtime, job, error)
    else:
        async with runtime.db.statement() as conn:
            await jobs.FINISH.run(conn, job.id)
    return True


async def _failed(runtime: Runtime, job: jobs.Job, error: Exception) -> None:
    log.warning("job failed", job=job.name, id=job.id, tries=job.tries + 1, error=repr(error)[:500])
    async with runtime.db.transaction() as conn:
        await jobs.record_failure(conn, job, error)


async def run_until_idle(runtime: Runtime) -> int:
    """Run all jobs that are due, and what they enqueue; returns how many. For tests and commands."""
    count = 0
    while await run_effect(runtime) or await run_errand(runtime):
        count += 1
    return count


async def work(runtime: Runtime, *, loops: bool = True) -> None:
    """Work until cancelled."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    effects, errands = Wake(), Wake()
    looping = {target: Wake() for target in LOOPS.values()} if loops else {}
    wakes = [effects, errands, *looping.values()]
    stirring = Stirring(wakes[1:])
    async with asyncio.TaskGroup() as group:
        group.create_task(_listen(runtime, wakes))
        group.create_task(_poll(wakes))
        group.create_task(_heartbeat(runtime, name))
        for _ in range(CONCURRENCY):
            group.create_task(_keep_running(runtime, run_effect, effects, stirring.stir))
        for _ in range(CONCURRENCY // 2):
            group.create_task(_keep_running(runtime, run_errand, errands, effects.set))
        for target, wake in looping.items():
            group.create_task(_keep_looping(runtime, target, wake))


async def _poll(wakes: Sequence[Wake]) -> None:
    """Let one of each look now and then: for what falls due by time, and should a notification have been lost."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        for wake in wakes:
            wake.set()


async def _keep_running(
    runtime: Runtime, step: Callable[[Runtime], Awaitable[bool]], wake: Wake, done: Callable[[], None]
) -> None:
    while True:
        try:
            while await step(runtime):
                done()
            await wake.wait()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            # The database is away; the rows wait in it and so do we.
            log.warning("database unreachable", error=repr(error)[:300])
            await wake.wait(POLL_SECONDS)


async def _keep_looping(runtime: Runtime, target: str, wake: Wake) -> None:
    loop = resolve(target)
    while True:
        try:
            await loop(runtime, wake)
        except Exception as error:  # noqa: BLE001  # a loop that fails is started again, whatever it was
            log.warning("loop failed, starting it again", loop=target, error=repr(error)[:500])
        await wake.wait(POLL_SECONDS)


async def _listen(runtime: Runtime, wakes: list[Wake]) -> None:
    """Pass notifications on; hold one connection for it, and a new one when that breaks."""

    def on_notify(*_: object) -> None:
        for wake in wakes:
            wake.set()

    while True:
        try:
            async with runtime.db.pool.acquire() as conn:
                broken = asyncio.Event()
                conn.add_termination_listener(functools.partial(_set, broken))
                await conn.add_listener(jobs.CHANNEL, on_notify)
                try:
                    await broken.wait()
                finally:
                    # The pool warns of a connection that comes back while it still listens.
                    await conn.remove_listener(jobs.CHANNEL, on_notify)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("not listening", error=repr(error)[:300])
        await asyncio.sleep(POLL_SECONDS)


def _set(event: asyncio.Event, *_: object) -> None:
    event.set()


async def _heartbeat(runtime: Runtime, name: str) -> None:
    """Keep our row in `workers` young; a row that grows old tells /readyz that nobody works."""
    try:
        while True:
            try:
                async with runtime.db.statement() as conn:
                    await SEEN.run(conn, name)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("no heartbeat", error=repr(error)[:300])
            await asyncio.sleep(HEARTBEAT_SECONDS)
    finally:
        # Where the database is away already, the row grows old by itself.
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            async with runtime.db.transaction() as conn:
                await GONE.run(conn, name)
