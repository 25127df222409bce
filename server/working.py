"""The worker process: runs background work until it is told to stop."""

import asyncio
import os
import signal

import uvloop

from server import logs
from server.process import database_for, end_with_parent, raise_file_limit
from server.runtime import Runtime
from server.settings import Settings, load
from server.starting import migrate_first
from server.worker import work

POOL_SIZE = 12


def run(*, supervised: bool) -> None:
    """Work until told to stop. Alone, it also brings the database up to date first; under `run` that is done."""
    settings = load()
    if supervised:
        end_with_parent()
    raise_file_limit()
    logs.configure()
    with database_for(settings) as dsn:
        os.environ["FOLKMOOT_DATABASE_URL"] = dsn
        if not supervised:
            migrate_first()
        uvloop.run(_work(settings, dsn))


async def _work(settings: Settings, dsn: str) -> None:
    runtime = await Runtime.open(settings, dsn, pool_size=POOL_SIZE)
    working = asyncio.ensure_future(work(runtime))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # What is cut off here was not committed, or its row is still leased: the next worker does it again.
        loop.add_signal_handler(number, working.cancel)
    try:
        await working
    except asyncio.CancelledError:
        return
    finally:
        await runtime.close()
