"""The database crashes under load (X5), and processes are asked to end while they work (X19)."""

import asyncio

import pytest

from server.postgres import LOG
from server.postgres_programs import account_for, find_programs
from tests.faults.conftest import RESIDENTS, Neighbourhood
from tests.real_moot import DRAIN_SECONDS, until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

UNLIMITED = """
    create or replace function always_the_first() returns trigger language plpgsql as
        'begin new.hits := 1; return new; end';
    create or replace trigger unlimited before insert or update on rate_limits
        for each row execute function always_the_first();"""


def crash_and_restart(neighbourhood: Neighbourhood) -> None:
    """PostgreSQL drops what it was doing without a word, as in a crash, and recovers."""
    embedded = neighbourhood.embedded
    programs = find_programs(account_for(embedded.cluster))
    where = embedded._where(programs, embedded.cluster)
    done = programs.run("pg_ctl", "restart", "-D", where, "-w", "-m", "immediate", "-l", LOG, cwd=embedded.cluster)
    assert done.returncode == 0, done.stdout


class Writers:
    """Residents who write post after post until told to stop. An answer that is neither success nor "later" fails."""

    def __init__(self, neighbourhood: Neighbourhood) -> None:
        self.neighbourhood = neighbourhood
        self.stopping = False

    async def write(self, name: str) -> None:
        while not self.stopping:
            await self.neighbourhood.write(name)

    async def start(self, group: asyncio.TaskGroup) -> None:
        # The limit on writing, which has tests of its own, would soon end the load.
        async with self.neighbourhood.moot.runtime.db.transaction() as conn:
            await conn.execute(UNLIMITED)
        for name in RESIDENTS:
            group.create_task(self.write(name))

    async def more(self, count: int) -> None:
        """Wait until so many more posts were acknowledged."""
        wanted = len(self.neighbourhood.acknowledged) + count

        async def enough() -> bool:
            return len(self.neighbourhood.acknowledged) >= wanted

        await until(enough, f"{count} more posts", 60)


async def test_posts_survive_a_crash_of_the_database(neighbourhood: Neighbourhood) -> None:
    writers = Writers(neighbourhood)
    async with asyncio.TaskGroup() as group:
        await writers.start(group)
        await writers.more(8)
        await asyncio.to_thread(crash_and_restart, neighbourhood)
        await writers.more(8)
        writers.stopping = True
    assert len(neighbourhood.acknowledged) >= 16
    await neighbourhood.verify()


async def test_a_worker_that_is_asked_to_end_leaves_nothing_half_done(neighbourhood: Neighbourhood) -> None:
    writers = Writers(neighbourhood)
    async with asyncio.TaskGroup() as group:
        await writers.start(group)
        await writers.more(4)
        code = await neighbourhood.moot.stop("worker")
        neighbourhood.moot.start("worker")
        await writers.more(4)
        writers.stopping = True
    assert code == 0
    await neighbourhood.verify()


async def test_a_request_that_has_begun_is_answered_before_the_end(neighbourhood: Neighbourhood) -> None:
    moot, ana = neighbourhood.moot, neighbourhood.browsers["ana"]
    form = (await moot.insist(lambda: ana.get("/g/elm_street/write"))).form("Send")
    typed = form.values | {"title": "In the last minute", "text": "Sent while the server was asked to end."}

    async def waits_for_us() -> bool:
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        return bool(await moot.value(waiting))

    async with moot.runtime.db.transaction() as conn:
        await conn.execute("lock table posts in exclusive mode")
        sending = asyncio.create_task(ana.post(form.action, typed, follow=False))
        await until(waits_for_us, "the request has begun")
        moot.processes["web"].terminate()
    answer = await sending
    assert answer.status == 303
    neighbourhood.acknowledged.append((answer.header("location") or "").removeprefix("/t/"))
    assert await moot.ended("web", DRAIN_SECONDS) == 0
    moot.start("web")
    await moot.ready()
    await neighbourhood.verify()
