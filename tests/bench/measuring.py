"""Runs one row: warms up, fires, waits for the work that follows, and divides what was used."""

import asyncio
import functools
import os
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import asyncpg

from tests.bench import load
from tests.bench.load import Outcome
from tests.bench.meter import Meter, Reading
from tests.bench.neighbourhood import Known
from tests.bench.requests import get
from tests.bench.table import Row

MANY = 16
SETTLE_SECONDS = 300
JOBS_LEFT = "select count(*) from jobs where parked_at is null and due_at <= clock_now()"
DELIVERIES_LEFT = "select count(*) from deliveries"
# Instances elsewhere are asleep, as far as our lanes know, until deliveries are measured.
HOLD_LANES = "update lanes set due_at = clock_now() + interval '1 day'"
FREE_LANES = "update lanes set due_at = null"
KEEP_DELIVERIES = "delete from deliveries where id not in (select id from deliveries order by id limit $1)"
FRESH_SESSIONS = "update sessions set seen_at = clock_now()"


class Measuring:
    """`conn` reads the measured database without being counted."""

    def __init__(
        self, port: int, meter: Meter, client: Executor, known: Known, conn: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        self.port = port
        self.meter = meter
        self.client = client
        self.known = known
        self.conn = conn
        # Statements a second that nobody asked for: what polls and beats belongs to no page.
        self.background = 0.0

    async def fire(self, requests: Sequence[bytes], connections: int, expected: int) -> Outcome:
        call = functools.partial(load.fire, self.port, requests, connections)
        outcome = await asyncio.get_running_loop().run_in_executor(self.client, call)
        if set(outcome.statuses) != {expected}:
            raise RuntimeError(f"answers were {dict(outcome.statuses)}, not {expected}: {requests[0][:80]!r}")
        return outcome

    async def reading(self, name: str, make: Callable[[int], list[bytes]], count: int, **budgets: float) -> Row:
        """A row of requests that leave no work behind."""
        await self.fire(make(100), MANY, 200)
        before = await self.meter.read()
        one = await self.fire(make(count), 1, 200)
        used = (await self.meter.read()).since(before)
        used = used._replace(statements=used.statements - self.background * one.took)
        many = await self.fire(make(count), MANY, 200)
        return _row(name, used, count, one, many, many.per_second, budgets)

    async def writing(
        self, name: str, make: Callable[[int], list[bytes]], count: int, expected: int, **budgets: float
    ) -> Row:
        """A row of requests with the jobs that they cause, down to the delivery rows."""
        await self.fire(make(60), MANY, expected)
        await self.settled(JOBS_LEFT)
        before = await self.meter.read()
        one = await self.fire(make(count), 1, expected)
        await self.settled(JOBS_LEFT)
        used = (await self.meter.read()).since(before)
        began = time.perf_counter()
        many = await self.fire(make(count), MANY, expected)
        await self.settled(JOBS_LEFT)
        return _row(name, used, count, one, many, count / (time.perf_counter() - began), budgets)

    async def delivering(self, name: str, count: int, *, per_second: float, **budgets: float) -> Row:
        """What it costs to send the rows that are waiting."""
        await self.conn.execute(KEEP_DELIVERIES, count + 200)
        await self._deliver(count)
        waiting = await self.conn.fetchval(DELIVERIES_LEFT)
        before = await self.meter.read()
        began = time.perf_counter()
        await self._deliver(0)
        took = time.perf_counter() - began
        used = (await self.meter.read()).since(before)
        row = self.shares(name, used, waiting, budgets)
        row.per_second_16, row.floors = waiting / took, {"per_second_16": per_second}
        return row

    async def _deliver(self, until: int) -> None:
        """Let deliveries go until so many are left."""
        await self.conn.execute(FREE_LANES)
        await self.wake()
        await self.settled(DELIVERIES_LEFT, until)
        await self.conn.execute(HOLD_LANES)

    async def wake(self) -> None:
        """Tell the worker that there is work."""
        await self.conn.execute("select pg_notify('folkmoot_jobs', '')")

    async def settled(self, left: str, at_most: int = 0, *args: object) -> None:
        """Wait until the query `left` counts no more than `at_most`."""
        give_up = time.monotonic() + SETTLE_SECONDS
        while await self.conn.fetchval(left, *args) > at_most:
            if time.monotonic() > give_up:
                raise RuntimeError("the work does not come to its end")
            await asyncio.sleep(0.05)

    async def accepting(self, name: str, make: Callable[[int], list[bytes]], count: int, *, per_second: float) -> Row:
        """How many writes a second are accepted where web, worker and PostgreSQL share one core."""
        await self.fire(make(60), MANY, 202)
        await self.settled(JOBS_LEFT)
        with self.meter.on_one_core(self.client_pid()):
            many = await self.fire(make(count), MANY, 202)
        await self.settled(JOBS_LEFT)
        return Row(name, per_second_16=many.per_second, floors={"per_second_16": per_second})

    def client_pid(self) -> int:
        """The process that fires."""
        return self.client.submit(os.getpid).result()

    async def first_visit(self, name: str, **budgets: float) -> Row:
        """Bytes of a stranger's first page with its style sheets and scripts, as they go over the wire."""
        page = await asyncio.to_thread(_body, self.port)
        files = sorted(set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page)))
        outcome = await self.fire([get("/"), *(get(file) for file in files)], 1, 200)
        return Row(name, wire_kb=outcome.received / 1024, budgets=budgets)

    async def resting(self, name: str, seconds: float) -> Row:
        """What web and worker use in a second in which nobody asks anything."""
        before = await self.meter.read()
        await asyncio.sleep(seconds)
        row = self.shares(name, (await self.meter.read()).since(before), seconds, {})
        self.background = row.statements or 0.0
        return row

    @staticmethod
    def shares(name: str, used: Reading, count: float, budgets: dict[str, float]) -> Row:
        """A row with what each of `count` has used."""
        return Row(
            name,
            cpu_ms=used.cpu / count,
            web_ms=used.web / count,
            worker_ms=used.worker / count,
            postgres_ms=used.postgres / count,
            # A poll of the worker more or less is no statement of a page.
            statements=round(used.statements / count, 1),
            budgets=budgets,
        )

    def memory(self, name: str, **budgets: float) -> Row:
        return Row(name, memory_mb=sum(self.meter.memory()), budgets=budgets)


def _body(port: int) -> str:
    return load.body(port, get("/").replace(b"gzip, deflate, br", b"identity")).decode()


def _row(
    name: str, used: Reading, count: int, one: Outcome, many: Outcome, per_second: float, budgets: dict[str, float]
) -> Row:
    row = Measuring.shares(name, used, count, budgets)
    row.per_second_1, row.per_second_16 = one.per_second, per_second
    row.p50_ms, row.p99_ms = one.percentile(0.5), one.percentile(0.99)
    row.wire_kb = one.received / len(one.seconds) / 1024
    return row
