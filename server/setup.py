"""Makes a database ready to serve: schema, the site's row, the instance's own actor."""

import asyncpg

from server import site
from server.community import actors
from server.db import prepare
from server.migrate import migrate
from server.settings import Settings
from server.urls import Urls


async def prepare_database(settings: Settings, dsn: str) -> list[str]:
    """Migrate and settle; returns the migrations that were applied. Safe to run by several processes at once."""
    conn = await asyncpg.connect(dsn)
    try:
        await prepare(conn)
        applied = await migrate(conn)
        async with conn.transaction():
            await site.settle(conn, settings)
            await actors.ensure_instance_actor(conn, Urls(settings.base_url))
        return applied
    finally:
        await conn.close()
