"""Reads what the processes have used: CPU of web, worker and PostgreSQL, statements, memory."""

import contextlib
import os
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg
import psutil

from tests.bench.place import Processes


class Reading(typing.NamedTuple):
    """Totals since the start: milliseconds of CPU by part, and executed statements."""

    web: float
    worker: float
    postgres: float
    statements: float

    @property
    def cpu(self) -> float:
        return self.web + self.worker + self.postgres

    def since(self, earlier: "Reading") -> "Reading":
        return Reading(
            self.web - earlier.web,
            self.worker - earlier.worker,
            self.postgres - earlier.postgres,
            self.statements - earlier.statements,
        )


class Meter:
    """Reads through a connection to another database, so that its own queries do not count."""

    def __init__(self, processes: Processes, cluster: Path, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.web = psutil.Process(processes.web.pid)
        self.worker = psutil.Process(processes.worker.pid)
        self._postgres = psutil.Process(int((cluster / "postmaster.pid").read_text().split()[0]))
        self._conn = conn

    async def read(self) -> Reading:
        statements = await self._conn.fetchval(
            """select coalesce(sum(calls), 0)::int8 from pg_stat_statements s join pg_database d on d.oid = s.dbid
                where d.datname = 'bench'"""
        )
        return Reading(_cpu(self.web), _cpu(self.worker), _cpu(self._postgres), statements)

    @contextlib.contextmanager
    def on_one_core(self, client: int) -> Iterator[None]:
        """All that counts on the first core, the process `client` on the others."""
        cores = sorted(os.sched_getaffinity(0))
        measured = [process.pid for root in (self.web, self.worker, self._postgres) for process in _family(root)]
        _pin(measured, cores[:1])
        _pin([client], cores[1:] or cores)
        try:
            yield
        finally:
            _pin([*measured, client], cores)

    def memory(self) -> tuple[float, float]:
        """Resident memory of web and worker, in megabytes."""
        return _memory(self.web), _memory(self.worker)


def _pin(pids: Sequence[int], cores: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(pid, cores)


def _family(root: psutil.Process) -> Iterator[psutil.Process]:
    yield root
    yield from root.children(recursive=True)


def _cpu(root: psutil.Process) -> float:
    """Milliseconds of a process and its children, also of those that have ended."""
    total = 0.0
    for process in _family(root):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total * 1000


def _memory(root: psutil.Process) -> float:
    total: int = sum(process.memory_info().rss for process in _family(root))
    return total / 2**20
