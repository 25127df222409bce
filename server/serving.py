"""The web process: granian in front of the application, which lives on the top floor and is named as text only."""

import gc
import importlib
import os
import typing

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

from server import logs
from server.process import DRAIN_SECONDS, database_for, end_with_parent, end_with_spawner, raise_file_limit
from server.settings import load
from server.starting import check_port, migrate_first

APPLICATION = "web.app:create_app"
# A client that sends its headers more slowly than this holds a connection for nothing.
HEADER_MILLISECONDS = 10_000
HEADER_BYTES = 64 * 1024
# Connections at once in one process, idle and slow ones too; what comes beyond waits in the kernel's queue. So many
# that a few hundred which never finish their request keep nobody out until their time is over.
BACKPRESSURE = 2048


def run(*, supervised: bool) -> None:
    """Serve until told to stop. Alone, it also brings the database up to date first; under `run` that is done."""
    settings = load()
    if supervised:
        end_with_parent()
    raise_file_limit()
    check_port(settings)
    with database_for(settings) as dsn:
        os.environ["FOLKMOOT_DATABASE_URL"] = dsn
        if not supervised:
            migrate_first()
        Granian(
            "server.serving:create_app",
            factory=True,
            address=settings.bind_host,
            port=settings.bind_port,
            interface=Interfaces.ASGI,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS, max_buffer_size=HEADER_BYTES),
            websockets=False,
            workers=settings.processes,
            backpressure=BACKPRESSURE,
            respawn_failed_workers=True,
            workers_kill_timeout=DRAIN_SECONDS,
            log_level=LogLevels.warning,
            log_dictconfig={
                "formatters": {"ours": {"()": "server.logs.formatter"}},
                "handlers": {"console": _TO_STDERR, "access": _TO_STDERR},
            },
        ).serve()


_TO_STDERR = {"class": "logging.StreamHandler", "formatter": "ours", "stream": "ext://sys.stderr"}


def create_app() -> typing.Any:
    """Called in each of granian's workers."""
    end_with_spawner()
    logs.configure()
    module, _, name = APPLICATION.partition(":")
    app = getattr(importlib.import_module(module), name)()
    # What is loaded once stays: to look through all of it for garbage cost a long page some 50 ms now and then.
    gc.collect()
    gc.freeze()
    return app
