"""`make bench`: measures a neighbourhood of full size, prints one table, and exits with 1 where a budget is broken.

CPU counts web, worker and PostgreSQL, and neither the client nor the instances elsewhere. BENCH_JSON names a file for
the same as JSON; BENCH_DIR a folder for the data, which is made once.
"""

import argparse
import asyncio
import datetime as dt
import functools
import multiprocessing
import os
import platform
import sys
import typing
from collections.abc import Coroutine
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import asyncpg

from federation.documents import ACTIVITY
from tests.bench import neighbourhood, place, requests, table
from tests.bench.deliveries import Delivering
from tests.bench.elsewhere import Elsewhere
from tests.bench.measuring import FRESH_SESSIONS, HOLD_LANES, Measuring
from tests.bench.meter import Meter
from tests.bench.table import Row

# Its first argument is the row's name.
Step: typing.TypeAlias = "functools.partial[Coroutine[typing.Any, typing.Any, Row]]"
PAGE_SQL = 4


def steps(m: Measuring, private_pem: str, scale: float) -> list[Step]:
    known = m.known
    delivering = Delivering(m)
    part = functools.partial
    group = f"/ap/groups/{known.group}"
    webfinger = f"/.well-known/webfinger?resource=acct:{known.group}@{neighbourhood.BASE_URL.partition('://')[2]}"

    def n(count: int) -> int:
        return max(int(count * scale), 20)

    return [
        part(m.reading, "home page, 30 threads", part(requests.pages, "/", known), n(400),
             cpu_ms=6, statements=PAGE_SQL),
        part(m.reading, "group page", part(requests.group_pages, known), n(400), cpu_ms=6, statements=PAGE_SQL),
        part(m.reading, "thread with 200 replies", part(requests.pages, f"/t/{known.long_thread}", known), n(200),
             cpu_ms=15, statements=PAGE_SQL, wire_kb=120),
        part(m.reading, "front page, for strangers", lambda count: [requests.get("/")] * count, n(400)),
        part(m.first_visit, "first visit, with CSS and script", wire_kb=60),
        part(m.reading, "group actor", lambda count: [requests.get(group, accept=ACTIVITY)] * count, n(1500), cpu_ms=1),
        part(m.reading, "WebFinger", lambda count: [requests.get(webfinger, accept="*/*")] * count, n(1500)),
        part(m.writing, "reply through the form, 20 delivery rows", part(requests.local_replies, known), n(300), 303),
        part(m.writing, "reply from elsewhere, 20 delivery rows",
             part(requests.remote_replies, known, private_pem), n(400), 202, cpu_ms=8),
        part(m.accepting, "replies from elsewhere, accepted on one core",
             part(requests.remote_replies, known, private_pem), n(600), per_second=150),
        part(m.delivering, "one delivery, 20 instances at once", n(3000), per_second=400, cpu_ms=2.5),
        part(delivering.wide_street, "one delivery, 2,000 instances, a fifth of them sick", per_second=200, cpu_ms=2.2),
        part(delivering.claims, "a claim while 1,000,000 rows wait", p99_ms=100),
        part(delivering.long_run, "worker while it delivers 100,000 times", growth=10),
    ]  # fmt: skip


async def measure(dsn: str, folder: Path, only: str, scale: float) -> list[Row]:
    copied = await place.database(dsn, folder)
    admin = await asyncpg.connect(dsn)
    conn = await asyncpg.connect(copied, server_settings={"pg_stat_statements.track": "none"})
    await conn.execute(HOLD_LANES)
    await conn.execute(FRESH_SESSIONS)
    known = await neighbourhood.known(conn)
    private_pem = await conn.fetchval("select private_pem from own_keys where kind = 'rsa' limit 1")
    rows = []
    spawn = multiprocessing.get_context("spawn")
    async with place.processes(copied, folder) as processes:
        meter = Meter(processes, folder / "postgres", admin)
        with Elsewhere(), ProcessPoolExecutor(1, mp_context=spawn) as client:
            measuring = Measuring(processes.port, meter, client, known, conn)
            rows.append(await measuring.resting("a second of rest", 10.0))
            for step in steps(measuring, private_pem, scale):
                if only in (name := step.args[0]):
                    rows.append(await step())
                    print(f"  {name}: {rows[-1].cpu_ms or 0:.2f} ms", flush=True)
            rows.append(measuring.memory("web and worker, light scorer loaded", memory_mb=400))
    await conn.close()
    await admin.close()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--scale", type=float, default=1.0, help="fewer or more requests a row")
    chosen = parser.parse_args()
    folder = Path(os.environ.get("BENCH_DIR") or "build/bench").absolute()
    with place.cluster(folder) as dsn:
        rows = asyncio.run(measure(dsn, folder, chosen.only, chosen.scale))
    print(f"\n{dt.date.today():%Y-%m-%d}, {machine()}\n")  # noqa: DTZ011  the reader's own day
    print(table.text(rows))
    if target := os.environ.get("BENCH_JSON"):
        table.write_json(rows, Path(target))
    broken = [row.name for row in rows if row.broken]
    if broken:
        print(f"\nBudgets are broken: {'; '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def machine() -> str:
    """Processor and number of cores, as a reader would want to compare."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    # Whoever else computes meanwhile makes every millisecond longer, CPU time too: caches and cores are shared.
    busy = f"load {os.getloadavg()[0]:.1f}"
    return f"{os.cpu_count()} cores of {model} ({busy}), Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
