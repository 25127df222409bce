"""Brings the schema up to date: numbered files in migrations/, forward only, each with its checksum."""

import asyncio
import hashlib
import time
from pathlib import Path

from server.db import Command, Conn, Query, Row
from server.errors import ConfigurationError

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
LOCK = 0x466F6C6B
OLDEST = 15

_TABLE = """create table if not exists schema_migrations (
    name text primary key, sha256 bytea not null, applied_at timestamptz not null default now(), ms int not null)"""


class Applied(Row, frozen=True):
    name: str
    sha256: bytes


APPLIED = Query(Applied, "select name, sha256 from schema_migrations")
RECORD = Command("insert into schema_migrations (name, sha256, ms) values ($1, $2, $3)")
TRY_LOCK = Command("select pg_try_advisory_lock($1)")
UNLOCK = Command("select pg_advisory_unlock($1)")


async def migrate(conn: Conn, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing and return its names. Raises ConfigurationError where code and database do not fit."""
    if conn.get_server_version().major < OLDEST:
        raise ConfigurationError(
            f"PostgreSQL {OLDEST} or newer is needed; this one is {conn.get_server_version().major}"
        )
    # Polled, never waited for: a session that waits in pg_advisory_lock holds a snapshot for which
    # `create index concurrently` of another starting server would wait in turn.
    while not await TRY_LOCK.value(conn, LOCK):  # noqa: ASYNC110  # the lock is the database's, not this loop's
        await asyncio.sleep(0.2)
    try:
        await conn.execute(_TABLE)
        return await _apply_missing(conn, sorted(folder.glob("[0-9]*.sql")))
    finally:
        await UNLOCK.run(conn, LOCK)


async def _apply_missing(conn: Conn, files: list[Path]) -> list[str]:
    done = {row.name: row.sha256 for row in await APPLIED.all(conn)}
    if unknown := done.keys() - {file.name for file in files}:
        raise ConfigurationError(f"the database is newer than this Folkmoot: it has {', '.join(sorted(unknown))}")
    applied = []
    for file in files:
        digest = hashlib.sha256(file.read_bytes()).digest()
        if file.name not in done:
            await _apply(conn, file, digest)
            applied.append(file.name)
        elif done[file.name] != digest:
            raise ConfigurationError(f"migration {file.name} was changed after it was applied")
    return applied


async def _apply(conn: Conn, file: Path, digest: bytes) -> None:
    start = time.perf_counter()
    async with conn.transaction():
        # A lock that cannot be had soon must fail the migration, not stop the running servers behind it.
        await conn.execute("set local lock_timeout = '10s'; set local statement_timeout = '15min'")
        await conn.execute(file.read_text())
        await RECORD.run(conn, file.name, digest, int((time.perf_counter() - start) * 1000))
