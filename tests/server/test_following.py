"""What a job enqueues under its own ordering runs with it; where that fails, the first is not taken back."""

import pytest

from server import jobs, worker
from server.db import Conn
from server.runtime import Runtime

ran: list[str] = []


async def first(conn: Conn, _runtime: Runtime, *, ordering: str | None) -> None:
    ran.append("first")
    await conn.execute("insert into mails (id, recipient, subject, body) values (1, 'a@b.example', 'first', '')")
    await jobs.enqueue(conn, "second", {}, ordering=ordering)


async def second(conn: Conn, _runtime: Runtime) -> None:
    ran.append("second")
    await conn.execute("insert into mails (id, recipient, subject, body) values (2, 'a@b.example', 'second', '')")


async def broken(_conn: Conn, _runtime: Runtime) -> None:
    ran.append("broken")
    raise RuntimeError("no")


@pytest.fixture(autouse=True)
def effects(monkeypatch: pytest.MonkeyPatch) -> None:
    ran.clear()
    monkeypatch.setattr(worker, "EFFECTS", {"first": f"{__name__}:first", "second": f"{__name__}:second"})
    monkeypatch.setattr(worker, "resolve", lambda target: globals()[target.rpartition(":")[2]])


async def enqueue_first(runtime: Runtime, ordering: str | None) -> None:
    async with runtime.db.transaction() as conn:
        await jobs.enqueue(conn, "first", {"ordering": ordering}, ordering="post:1")


async def left(runtime: Runtime) -> tuple[list[str], list[str]]:
    """The mails that were written, and the jobs that wait."""
    async with runtime.db.read() as conn:
        mails = await conn.fetch("select subject from mails order by id")
        waiting = await conn.fetch("select name from jobs where name in ('first', 'second') order by id")
    return [row["subject"] for row in mails], [row["name"] for row in waiting]


async def test_what_follows_runs_in_the_same_transaction(runtime: Runtime) -> None:
    await enqueue_first(runtime, "post:1")
    assert await worker.run_effect(runtime)
    assert (ran, await left(runtime)) == (["first", "second"], (["first", "second"], []))


async def test_another_ordering_waits_as_a_row(runtime: Runtime) -> None:
    await enqueue_first(runtime, "post:2")
    assert await worker.run_effect(runtime)
    assert (ran, await left(runtime)) == (["first"], (["first"], ["second"]))


async def test_a_follower_that_fails_does_not_take_the_first_back(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(worker.EFFECTS, "second", f"{__name__}:broken")
    await enqueue_first(runtime, "post:1")
    assert await worker.run_effect(runtime)
    assert (ran, await left(runtime)) == (["first", "broken", "first"], (["first"], ["second"]))
