"""`folkmoot check`: real round trips, each told in one line with what to do where it fails."""

import asyncio
import importlib
import time
import typing
from collections.abc import Awaitable, Callable

import aiosmtplib
import asyncpg

from server import health, jobs, mail, site
from server.db import Command, Conn
from server.errors import MootError
from server.ids import new_id
from server.runtime import Runtime
from server.settings import Settings
from server.storage import Storage

QUEUE_SECONDS = 30.0
# On floors above, so named as text.
SCORING = "moderation.scoring:Scoring"
WEBFINGER = "federation.checkup:find_ourselves"

JOB_LEFT = Command("select exists (select 1 from jobs where id = $1)")


class Failed(MootError):
    """What was tried did not work; the message says why and what to do."""


async def check(settings: Settings, dsn: str, say: Callable[[str], object]) -> int:
    """Try everything and `say` each result; returns how many tries failed."""
    try:
        runtime = await Runtime.open(settings, dsn, pool_size=2)
    except (OSError, asyncpg.PostgresError) as error:
        say(f"FAILED  database   {_line(error)}")
        return 1
    tries: dict[str, Callable[[Runtime], Awaitable[str]]] = {
        "database": check_database,
        "queue": check_queue,
        "webfinger": check_webfinger,
        "mail": check_mail,
        "scorer": check_scorer,
        "pictures": check_pictures,
    }
    failed = 0
    try:
        for name, attempt in tries.items():
            try:
                say(f"ok      {name:10} {await attempt(runtime)}")
            except (MootError, OSError, TimeoutError, asyncpg.PostgresError) as error:
                failed += 1
                say(f"FAILED  {name:10} {_line(error)}")
    finally:
        await runtime.close()
    return failed


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


async def check_database(runtime: Runtime) -> str:
    start = time.perf_counter()
    async with runtime.db.read() as conn:
        here = await site.current(conn)
        version = conn.get_server_version()
    if here.base_url != runtime.settings.base_url:
        raise Failed(f"it belongs to {here.base_url}, FOLKMOOT_BASE_URL says {runtime.settings.base_url}")
    return f"PostgreSQL {version.major}, answered in {(time.perf_counter() - start) * 1000:.0f} ms"


async def check_queue(runtime: Runtime) -> str:
    """Put a job in and see a worker take it out."""
    async with runtime.db.read() as conn:
        state = await health.state(conn)
    if not state.worker_alive:
        raise Failed("no worker runs: start `folkmoot run` or `folkmoot worker`")
    job_id = new_id()
    start = time.perf_counter()
    async with runtime.db.transaction() as conn:
        await jobs.ADD.run(conn, job_id, "probe_queue", {}, None, None)
    runtime.waker.wake()
    while time.perf_counter() - start < QUEUE_SECONDS:
        async with runtime.db.read() as conn:
            if not await JOB_LEFT.value(conn, job_id):
                parked = f"; {state.jobs_parked} jobs failed for good" if state.jobs_parked else ""
                return f"a worker took a job after {(time.perf_counter() - start) * 1000:.0f} ms{parked}"
        await asyncio.sleep(0.02)
    async with runtime.db.transaction() as conn:
        await jobs.FINISH.run(conn, job_id)
    raise Failed(f"no worker took a job within {QUEUE_SECONDS:.0f} s; {state.jobs_waiting} jobs wait")


async def probe_queue(_conn: Conn, _runtime: Runtime) -> None:
    """The job that `check_queue` enqueues: to be taken is all that it is for."""


async def check_webfinger(runtime: Runtime) -> str:
    """Ask ourselves over HTTP, at the address that other servers use; the client for it lives on a floor above."""
    return str(await _resolve(WEBFINGER)(runtime))


async def check_mail(runtime: Runtime) -> str:
    if not runtime.settings.smtp_url:
        if runtime.settings.loopback:
            return "no mail server is set; in the demo mails are shown on a page"
        return "no mail server is set (FOLKMOOT_SMTP_URL): no mail leaves, an admin confirms new accounts"
    try:
        await mail.probe(runtime.settings)
    except aiosmtplib.SMTPException as error:
        raise Failed(f"FOLKMOOT_SMTP_URL: {_line(error)}") from error
    return "the mail server greets us"


async def check_scorer(runtime: Runtime) -> str:
    """Score a sentence with the configured scorer, which lives on the floor above."""
    scoring = await runtime.use(_resolve(SCORING))
    if runtime.settings.scorer == "none":
        return "none is set (FOLKMOOT_SCORER): groups have their plain checks only"
    start = time.perf_counter()
    reading = await scoring.read("Good morning, neighbours.", "en")
    if reading.scores is None:
        raise Failed(reading.not_scored)
    return f"{reading.scorer} scored a sentence in {(time.perf_counter() - start) * 1000:.0f} ms"


async def check_pictures(runtime: Runtime) -> str:
    """Write a file where pictures are kept, read it and delete it."""
    storage = await runtime.use(Storage)
    name, start = f"probe-{new_id()}", time.perf_counter()
    await storage.put(name, b"probe")
    found = await storage.get(name)
    await storage.delete(name)
    if found != b"probe":
        raise Failed("FOLKMOOT_MEDIA_URL: another file came back than was put in")
    return f"a file was written, read and deleted in {(time.perf_counter() - start) * 1000:.0f} ms"


def _resolve(target: str) -> typing.Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
