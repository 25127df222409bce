"""Where it is measured: a durable PostgreSQL of its own and the product's real web and worker processes."""

import asyncio
import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg

from server import setup
from server.migrate import FOLDER as MIGRATIONS
from server.postgres import Embedded
from server.settings import load
from server.starting import command
from tests.bench import neighbourhood

TEMPLATE = "bench_template"
DATABASE = "bench"
STAMP = "bench-data"
START_SECONDS = 60


def environment(dsn: str, data_dir: Path, port: int) -> dict[str, str]:
    return {
        "FOLKMOOT_BASE_URL": neighbourhood.BASE_URL,
        "FOLKMOOT_BIND": f"127.0.0.1:{port}",
        "FOLKMOOT_DATABASE_URL": dsn,
        "FOLKMOOT_DATA_DIR": str(data_dir),
        "FOLKMOOT_PROCESSES": "1",
        "FOLKMOOT_ALLOWED_NETWORKS": "127.66.0.0/15",
    }


def dsn_of(dsn: str, database: str) -> str:
    head, _, query = dsn.partition("?")
    return f"{head.rpartition('/')[0]}/{database}?{query}"


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The DSN of the bench's PostgreSQL: settings as in production, and it counts statements."""
    embedded = Embedded(folder)
    if not embedded.cluster.exists():
        asyncio.run(_count_statements(embedded.start()))
        embedded.release()
    with embedded as dsn:
        yield dsn


async def _count_statements(dsn: str) -> None:
    conn = await asyncpg.connect(dsn)
    # BEGIN and COMMIT are no statements of ours to save: only queries count.
    for name, value in (
        ("shared_preload_libraries", "pg_stat_statements"),
        ("pg_stat_statements.track_utility", "off"),
    ):
        await conn.execute(f"alter system set {name} = '{value}'")
    await conn.close()


async def database(dsn: str, folder: Path) -> str:
    """A fresh copy of the neighbourhood, made first where it is missing or would be made otherwise; returns its DSN."""
    wanted = neighbourhood.fingerprint() + "".join(file.name for file in sorted(MIGRATIONS.glob("*.sql")))
    stamp = folder / STAMP
    admin = await asyncpg.connect(dsn)
    try:
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            print("Making the neighbourhood (once)", flush=True)
            await admin.execute(f"drop database if exists {TEMPLATE} with (force)")
            await admin.execute(f"create database {TEMPLATE}")
            await _make(dsn_of(dsn, TEMPLATE), folder)
            stamp.write_text(wanted)
        await admin.execute(f"drop database if exists {DATABASE} with (force)")
        await admin.execute(f"create database {DATABASE} template {TEMPLATE} strategy file_copy")
        await admin.execute("create extension if not exists pg_stat_statements")
        await admin.execute("checkpoint")
    finally:
        await admin.close()
    return dsn_of(dsn, DATABASE)


async def _make(dsn: str, folder: Path) -> None:
    await setup.prepare_database(load(environment(dsn, folder, 8000)), dsn)
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute("create extension if not exists pg_stat_statements")
        await neighbourhood.fill(conn)
    finally:
        await conn.close()


class Processes:
    """Web and worker, as `run` starts them."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.port = _free_port()
        variables = {name: value for name, value in os.environ.items() if not name.startswith("FOLKMOOT_")}
        self._environment = variables | environment(dsn, folder, self.port)
        self.web = self._start("web")
        self.worker = self._start("worker")

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command(name, "--supervised"), stdin=subprocess.PIPE, env=self._environment)

    async def ready(self) -> None:
        """Wait until /readyz says that web, database and worker are there."""
        give_up = time.monotonic() + START_SECONDS
        while not await asyncio.to_thread(self._answers):
            if time.monotonic() > give_up or self.web.poll() is not None or self.worker.poll() is not None:
                raise RuntimeError("web or worker does not start")
            await asyncio.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        for process in (self.web, self.worker):
            process.terminate()
        for process in (self.web, self.worker):
            process.wait(30)


@contextlib.asynccontextmanager
async def processes(dsn: str, folder: Path) -> AsyncIterator[Processes]:
    made = Processes(dsn, folder)
    try:
        await made.ready()
        yield made
    finally:
        made.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
