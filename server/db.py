"""PostgreSQL: typed queries, and transactions in which returning commits and raising rolls back."""

import contextlib
import typing
from collections.abc import AsyncIterator, Sequence

import asyncpg
import msgspec

from server import clock

if typing.TYPE_CHECKING:
    Conn: typing.TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
else:
    Conn = asyncpg.Connection

QUERIES: list["Query[typing.Any] | Command"] = []


class Row(msgspec.Struct, frozen=True):
    """The shape of a query's rows; a test compares field names and types with the migrated schema."""


R = typing.TypeVar("R", bound=Row)


class Query(typing.Generic[R]):
    """One SQL text that returns rows of one type, columns in the order of its fields."""

    def __init__(self, row: type[R], sql: str) -> None:
        self.row = row
        self.sql = sql
        QUERIES.append(self)

    async def all(self, conn: Conn, *args: object) -> list[R]:
        return [self.row(*record) for record in await conn.fetch(self.sql, *args)]

    async def one(self, conn: Conn, *args: object) -> R | None:
        record = await conn.fetchrow(self.sql, *args)
        return None if record is None else self.row(*record)


class Command:
    """One SQL text that changes rows, or asks for a single value."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        QUERIES.append(self)

    async def run(self, conn: Conn, *args: object) -> int:
        """Execute; returns how many rows were touched."""
        status: str = await conn.execute(self.sql, *args)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def many(self, conn: Conn, rows: Sequence[Sequence[object]]) -> None:
        await conn.executemany(self.sql, rows)

    async def value(self, conn: Conn, *args: object) -> typing.Any:
        """The first column of the first row, or None."""
        return await conn.fetchval(self.sql, *args)


class _Connection(asyncpg.Connection):
    """A connection of our pool: nothing here changes session state, so nothing is reset on release."""

    # asyncpg resets a connection with a statement of its own at every release; that would double the statements a page.
    def get_reset_query(self) -> str:
        return ""


async def prepare(conn: Conn) -> None:
    """Teach a new connection our types: jsonb is plain Python data."""
    await conn.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )
    # asyncpg asks the database about arrays of numbers when it first meets one: here, and not within somebody's page.
    await conn.fetchval("select $1::int8[]", [])


class Database:
    """A pool of connections. GET handlers `read` without a transaction; all else goes through `transaction`.

    `statement` is for what is one statement and so a transaction by itself: it spares two of three round trips.
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.pool = pool

    @classmethod
    async def connect(cls, dsn: str, *, size: int = 8) -> "Database":
        settings = {
            "application_name": "folkmoot",
            "idle_in_transaction_session_timeout": "60s",
            "statement_timeout": "30s",
        }
        if clock.offset():
            settings["folkmoot.clock_offset"] = f"{clock.offset().total_seconds()} seconds"
        pool = await asyncpg.create_pool(
            dsn, min_size=1, max_size=size, connection_class=_Connection, init=prepare, server_settings=settings
        )
        return cls(pool)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Conn]:
        async with self.pool.acquire() as conn:
            yield conn

    statement = read

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Conn]:
        async with self.pool.acquire() as conn, conn.transaction():
            yield conn

    async def reconnect(self, dsn: str, *, size: int = 8) -> None:
        """Replace the pool, so that settings of the database made since are read; tests that move the clock need it."""
        old, self.pool = self.pool, (await self.connect(dsn, size=size)).pool
        await old.close()

    async def close(self) -> None:
        await self.pool.close()
