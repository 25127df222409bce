"""Background work as rows: enqueued in the transaction that caused it, deleted in the one that has its effect.

A job runs inside a transaction that first takes its row with `delete ... for update skip locked`. So its effect and its
end commit together: a crash brings the row back, and nothing is done twice. What needs the network runs as an *errand*:
its row is leased for a while instead, and deleted when the errand has returned, so an errand must be idempotent.
Jobs with the same `ordering` run one after the other, oldest first. So what a job enqueues under its own ordering comes
next: it runs at once, in the same transaction, without ever having been a row (`Following`).
"""

import asyncio
import datetime as dt
import random
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import asyncpg

from server.db import Command, Conn, Database, Query, Row
from server.ids import new_id

CHANNEL = "folkmoot_jobs"
MAX_TRIES = 12
LEASE = dt.timedelta(minutes=5)


class Job(Row, frozen=True):
    id: int
    name: str
    args: dict[str, object]
    ordering: str | None
    tries: int


ADD = Command("insert into jobs (id, name, args, ordering, due_at) values ($1, $2, $3, $4, coalesce($5, clock_now()))")

# `ordering`: a job waits while an older one of its key exists, also one that another worker holds right now.
TAKE = Query(
    Job,
    """
    delete from jobs where id = (
        select id from jobs j
         where due_at <= clock_now() and parked_at is null and name = any($1)
           and (ordering is null or not exists (
                select 1 from jobs older
                 where older.ordering = j.ordering and older.id < j.id and older.parked_at is null))
         order by due_at, id limit 1 for update skip locked)
    returning id, name, args, ordering, tries""",
)
LEASE_ONE = Query(
    Job,
    """
    update jobs set due_at = clock_now() + $2 where id = (
        select id from jobs j
         where due_at <= clock_now() and parked_at is null and name = any($1)
           and (ordering is null or not exists (
                select 1 from jobs older
                 where older.ordering = j.ordering and older.id < j.id and older.parked_at is null))
         order by due_at, id limit 1 for update skip locked)
    returning id, name, args, ordering, tries""",
)
FINISH = Command("delete from jobs where id = $1")
FAIL = Command(
    """update jobs set tries = tries + 1, error = $2, due_at = clock_now() + $3,
              parked_at = case when tries + 1 >= $4 then clock_now() end
        where id = $1"""
)
NOTIFY = Command("select pg_notify($1, '')")


class Following:
    """Jobs that follow a running one within its transaction; `begun` once the first of them runs."""

    def __init__(self, ordering: str | None, names: Collection[str]) -> None:
        self._ordering = ordering
        self._names = names
        self._jobs: list[Job] = []
        self.begun = False

    def take(self, name: str, args: dict[str, object], ordering: str | None, due_at: dt.datetime | None) -> bool:
        """Whether this job is one to run at once, and now is."""
        if ordering is None or ordering != self._ordering or name not in self._names or due_at is not None:
            return False
        self._jobs.append(Job(new_id(), name, args, ordering, 0))
        return True

    def __iter__(self) -> Iterator[Job]:
        """Those taken so far and, while they run, those that they enqueue."""
        for job in self._jobs:
            self.begun = True
            yield job


_following: ContextVar[Following | None] = ContextVar("following", default=None)


@contextmanager
def followed(following: Following) -> Iterator[None]:
    """What is enqueued here goes to `following` first."""
    token = _following.set(following)
    try:
        yield
    finally:
        _following.reset(token)


async def enqueue(
    conn: Conn, name: str, args: dict[str, object], *, ordering: str | None = None, due_at: dt.datetime | None = None
) -> None:
    """Add a job, one of worker.EFFECTS or ERRANDS, to the caller's transaction; `args` are its keyword arguments."""
    following = _following.get()
    if following is not None and following.take(name, args, ordering, due_at):
        return
    await ADD.run(conn, new_id(), name, args, ordering, due_at)


def backoff(tries: int) -> dt.timedelta:
    """How long to wait after `tries` failures: from 2 seconds, doubling, at most 6 hours, with jitter."""
    return dt.timedelta(seconds=min(2.0 * 2**tries, 6 * 3600) * random.uniform(0.8, 1.4))


async def record_failure(conn: Conn, job: Job, error: BaseException) -> None:
    """Keep the job for a later try, or park it for a person to look at after MAX_TRIES."""
    await FAIL.run(conn, job.id, f"{type(error).__name__}: {error}"[:2000], backoff(job.tries), MAX_TRIES)


class Waker:
    """Tells workers, at most 20 times a second, that there is work.

    A NOTIFY inside the transaction would take a lock on which all commits queue up; a debounced one after commit
    does not, and when it is lost the workers' own poll finds the row.
    """

    def __init__(self, db: Database, *, pause: float = 0.05) -> None:
        self._db = db
        self._pause = pause
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def wake(self) -> None:
        """Call after a commit that may have left work; costs nothing."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                async with self._db.read() as conn:
                    await NOTIFY.value(conn, CHANNEL)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                # The workers' poll will find the rows when the database is back.
                return
            await asyncio.sleep(self._pause)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
