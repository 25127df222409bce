"""Rows about delivering at length: to a street with sick houses, past a million rows that wait, and for a long time."""

import contextlib
import time
from collections.abc import AsyncIterator

import psutil

from federation import delivery, lanes
from tests.bench import elsewhere, neighbourhood
from tests.bench.measuring import DELIVERIES_LEFT, Measuring
from tests.bench.table import Row

WAITING = 1_000_000
POISONED = 20_000  # rows of one lane that wait alone, before those that are due
CLAIMS = 50
LONG_RUN = 100_000
CLEAR = "delete from deliveries"
# As after their first message: none of them has failed yet.
LANES = """
    insert into lanes (host, software, software_checked_at) select host, 'lemmy', clock_now()
      from unnest($1::text[]) as h (host)
    on conflict (host) do update set due_at = null, failures = 0, leased_until = '-infinity', scheme = 'cavage'"""
# As long as an announced reply, said by any of our groups.
ANNOUNCE = """
    insert into activities (id, uri, actor_id, type, body, public)
    select 0, 'http://moot.bench/ap/activities/0', actor_id, 'Announce',
           json_build_object('id', 'http://moot.bench/ap/activities/0', 'content', repeat('neighbours ', 250)), false
      from groups order by actor_id limit 1
    on conflict (id) do update set public = false returning id, actor_id"""
TO_EACH = """
    insert into deliveries (id, host, inbox, activity_id, sender_id, ordering)
    select n, host, 'http://' || host || '/inbox', $2, $3, 'post:1'
      from unnest($1::text[]) with ordinality as h (host, n)"""
LEFT_OF = "select count(*) from deliveries where host = any($1::text[])"
# Every tenth lane is gated, every tenth has only rows that wait, and every tenth has those before its due ones.
MANY_WAIT = """
    insert into deliveries (id, host, inbox, activity_id, sender_id, ordering, due_at, parked)
    select row_number() over (), host, 'http://' || host || '/inbox', n, 1, 'post:' || n,
           case when waits then clock_now() + interval '1 hour' else clock_now() end, waits
      from unnest($1::text[]) with ordinality as h (host, place)
     cross join lateral generate_series(1, $2 + case when place = 3 then $3 else 0 end) as n
     cross join lateral (select place % 10 = 2 or (place % 10 = 3 and n <= $2 * 0.9)
                                or (place = 3 and n <= $3) as waits) w
     order by n"""
GATES = "update lanes set due_at = clock_now() + interval '1 day' where host = any($1::text[])"
OTHERS = "update lanes set due_at = clock_now() + interval '1 day' where host <> all($1::text[])"
COPIES = """
    with copied as (
        insert into activities (id, uri, actor_id, type, body, public)
        select n, a.uri || '#' || n, a.actor_id, a.type, a.body, false
          from activities a, generate_series(1, $2) as n where a.id = $1
        returning id, actor_id)
    insert into deliveries (id, host, inbox, activity_id, sender_id, ordering)
    select row_number() over (order by c.id), host, 'http://' || host || '/inbox', c.id, c.actor_id, 'post:' || c.id
      from copied c, unnest($3::text[]) as h (host)"""


class Delivering:
    """Measures the worker's loop by the rows that it works off."""

    def __init__(self, measuring: Measuring) -> None:
        self.m = measuring
        self.conn = measuring.conn
        self.street = [elsewhere.house(number) for number in range(elsewhere.WIDE_STREET)]

    async def wide_street(self, name: str, *, per_second: float, **budgets: float) -> Row:
        """One activity to 2,000 instances, of which every tenth answers 503 and every tenth never answers."""
        well = [self.street[number] for number in range(len(self.street)) if not elsewhere.sick(number)]
        await self.conn.execute(CLEAR)
        await self.conn.execute(LANES, self.street)
        await self.conn.execute(TO_EACH, self.street, *await self._announce())
        before, began = await self.m.meter.read(), time.perf_counter()
        await self.m.wake()
        await self.m.settled(LEFT_OF, 0, well)
        took = time.perf_counter() - began
        used = (await self.m.meter.read()).since(before)
        row = self.m.shares(name, used, len(well), budgets)
        row.per_second_16, row.floors = len(well) / took, {"per_second_16": per_second}
        await self.conn.execute(CLEAR)
        await self.conn.execute(OTHERS, [])
        return row

    async def _announce(self) -> tuple[int, int]:
        """An activity to be sent, and who says it."""
        made = await self.conn.fetchrow(ANNOUNCE)
        assert made is not None
        return made["id"], made["actor_id"]

    async def claims(self, name: str, **budgets: float) -> Row:
        """Seconds for which a drain waits for its lanes and rows, when a million others wait."""
        async with self._nobody_works():
            await self.conn.execute(LANES, self.street)
            await self.conn.execute(GATES, self.street[::10])
            await self.conn.execute(MANY_WAIT, self.street, WAITING // len(self.street), POISONED)
            await self.conn.execute("analyze deliveries")
            seconds = sorted([await self._claim() for _ in range(CLAIMS)])
            await self.conn.execute(CLEAR)
            await self.conn.execute(OTHERS, [])
            await self.conn.execute("vacuum deliveries")
        return Row(name, p50_ms=seconds[CLAIMS // 2] * 1000, p99_ms=seconds[-1] * 1000, budgets=budgets)

    async def _claim(self) -> float:
        transaction = self.conn.transaction()
        await transaction.start()
        began = time.perf_counter()
        taken = await lanes.take(self.conn, delivery.PLACES)
        rows = await delivery.BATCH.all(self.conn, [lane.host for lane in taken], delivery.ROWS_PER_TURN)
        took = time.perf_counter() - began
        await transaction.rollback()
        if len(taken) != delivery.PLACES or not rows:
            raise RuntimeError(f"a claim found {len(taken)} lanes and {len(rows)} rows")
        return took

    @contextlib.asynccontextmanager
    async def _nobody_works(self) -> AsyncIterator[None]:
        worker = psutil.Process(self.m.meter.worker.pid)
        worker.suspend()
        try:
            yield
        finally:
            worker.resume()

    async def long_run(self, name: str, **budgets: float) -> Row:
        """Whether the worker grows while it delivers, once it has all that it keeps: from the first tenth on."""
        hosts = [neighbourhood.host(number) for number in range(neighbourhood.HOSTS)]
        await self.conn.execute(CLEAR)
        await self.conn.execute(LANES, hosts)
        activity_id, _ = await self._announce()
        await self.conn.execute(COPIES, activity_id, LONG_RUN // len(hosts) + 1, hosts)
        began = time.perf_counter()
        await self.m.wake()
        await self.m.settled(DELIVERIES_LEFT, LONG_RUN * 9 // 10)
        _, at_first = self.m.meter.memory()
        await self.m.settled(DELIVERIES_LEFT)
        took = time.perf_counter() - began
        _, at_last = self.m.meter.memory()
        growth = abs(at_last / at_first - 1) * 100
        return Row(name, per_second_16=LONG_RUN / took, memory_mb=at_last, growth=growth, budgets=budgets)
