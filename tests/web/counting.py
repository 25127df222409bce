"""Counts the statements that the database was sent, transactions included."""

import contextlib
from collections.abc import AsyncIterator

from server.runtime import Runtime


@contextlib.asynccontextmanager
async def counted(runtime: Runtime) -> AsyncIterator[list[str]]:
    """Collects every statement that the pool's connections execute inside the block."""
    seen: list[str] = []

    def log(record: object) -> None:
        # The waker speaks a moment after a write, on its own: that is no part of the page that is counted.
        if "pg_notify" not in record.query:  # type: ignore[attr-defined]
            seen.append(record.query)  # type: ignore[attr-defined]

    holders = [holder for holder in runtime.db.pool._holders if holder._con is not None]  # type: ignore[attr-defined]
    logging = [holder._con for holder in holders]
    for conn in logging:
        conn.add_query_logger(log)
    try:
        yield seen
    finally:
        for conn in logging:
            conn.remove_query_logger(log)
