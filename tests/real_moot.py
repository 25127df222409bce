"""One Folkmoot of real processes over a database of its own, and a browser that reaches it over a socket."""

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import time
import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from argon2 import PasswordHasher
from starlette.types import Message

from moderation import checks, rules
from moderation.criteria import WordsCriteria
from moderation.rules import RuleForm
from server import setup
from server.community import accounts, groups, memberships, passwords, sessions
from server.community.groups import GroupForm
from server.runtime import Runtime
from server.urls import Urls
from tests.browser_like import Answer, Browser
from tests.conftest import settings_for

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "a long sentence"
PATIENCE = 30.0
DRAIN_SECONDS = 20.0
IMPATIENCE = aiohttp.ClientTimeout(total=20)
_NUMBERS = itertools.count(1)

T = typing.TypeVar("T")


async def until(look: Callable[[], Awaitable[T | None]], what: str, seconds: float = PATIENCE) -> T:
    """What `look` returns, once that is neither None nor False.

    Processes of others send us no event when their state changes, so this one place looks again and again.
    """
    give_up = time.monotonic() + seconds
    while not (found := await look()):
        assert time.monotonic() < give_up, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(0.05)
    return found


class WireBrowser(Browser):
    """Speaks HTTP with a web process. A connection that breaks raises aiohttp.ClientError.

    `socket` is where a process listens that no address of ours reaches (tests/peers/network.py).
    """

    def __init__(self, base: str, socket: Path | None = None) -> None:
        super().__init__(_no_application, base=base)
        self.socket = socket

    async def _once(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        sent = self.headers | headers
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = self.base + path.partition("#")[0].removeprefix(self.base)
        connector = None
        if self.socket is not None:
            connector, url = aiohttp.UnixConnector(str(self.socket)), url.replace("https://", "http://", 1)
        async with (
            aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=IMPATIENCE
            ) as session,
            session.request(method, url, data=body, headers=sent, allow_redirects=False) as response,
        ):
            raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers.items()]
            whole = await response.read()
        start: Message = {"type": "http.response.start", "status": response.status, "headers": raw}
        return self._answer(path.removeprefix(self.base), [start, {"type": "http.response.body", "body": whole}])


async def _no_application(*_: object) -> None:
    raise AssertionError("this browser speaks over a socket")


class RealMoot:
    """`program` is what runs as `web` or `worker`; its own words go to a file in `folder`."""

    def __init__(self, address: str, dsn: str, folder: Path, program: typing.Sequence[str] = ("-m", "server")) -> None:
        port = free_port(address)
        self.host = f"{address}:{port}"
        self.base = f"http://{self.host}"
        self.folder = folder
        self.command = [sys.executable, "-P", *program]
        self.settings = settings_for(dsn, folder, BASE_URL=self.base, BIND=self.host)
        self.urls = Urls(self.base)
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("FOLKMOOT_")} | {
            "FOLKMOOT_BASE_URL": self.base,
            "FOLKMOOT_BIND": self.host,
            "FOLKMOOT_DATABASE_URL": dsn,
            "FOLKMOOT_DATA_DIR": str(folder),
            "FOLKMOOT_REGISTRATION": "open",
            "FOLKMOOT_ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.runtime: Runtime

    async def open(self) -> None:
        """Bring the database up to date, and open our own view of it."""
        await setup.prepare_database(self.settings, self.settings.database_url)
        self.runtime = await Runtime.open(self.settings, self.settings.database_url, pool_size=4)

    async def close(self) -> None:
        for role in list(self.processes):
            await self.kill(role)
        await self.runtime.close()

    def start(self, role: str) -> None:
        """Start `web` or `worker`, which ends when we do."""
        with (self.folder / f"{role}.log").open("ab") as log:
            self.processes[role] = subprocess.Popen(
                [*self.command, role, "--supervised"],
                cwd=ROOT, env=self.environ, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    async def start_both(self) -> None:
        """Start web and worker, and wait until both work."""
        self.start("web")
        self.start("worker")
        await self.ready()

    async def ready(self) -> None:
        browser = self.browser()
        await self.insist(lambda: browser.get("/readyz"), 60)

    async def insist(self, act: Callable[[], Awaitable[Answer]], seconds: float = PATIENCE) -> Answer:
        """Do it again while the connection breaks or the server says "later", as people and other servers do.

        A web process that ended meanwhile is started again, as `folkmoot run` or a container would.
        """

        async def once() -> Answer | None:
            if "web" in self.processes and self.processes["web"].poll() is not None:
                await self.ended("web")
                self.start("web")
            try:
                answer = await act()
            except (aiohttp.ClientError, OSError):
                return None
            return None if answer.status == 503 else answer

        return await until(once, "an answer", seconds)

    async def ended(self, role: str, seconds: float = PATIENCE) -> int:
        """Wait for the end of a process; its exit code."""
        process = self.processes.pop(role)
        code = await asyncio.to_thread(process.wait, seconds)
        assert process.stdin is not None
        process.stdin.close()
        return code

    async def kill(self, role: str) -> None:
        self.processes[role].kill()
        await self.ended(role)

    async def stop(self, role: str) -> int:
        """Ask it to end, and wait; its exit code."""
        self.processes[role].terminate()
        return await self.ended(role, DRAIN_SECONDS)

    def said(self, role: str) -> str:
        return (self.folder / f"{role}.log").read_text(errors="replace")

    def browser(self) -> WireBrowser:
        return WireBrowser(self.base)

    async def add_resident(self, name: str) -> int:
        with pytest.MonkeyPatch.context() as patch:
            # A real hash takes a quarter of a second on purpose.
            patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
            async with self.runtime.db.transaction() as conn:
                return await accounts.create(conn, self.urls, name, f"{name}@post.example", PASSWORD)

    async def signed_in(self, name: str) -> WireBrowser:
        """A browser with a session of this resident, whose log-in page has tests of its own."""
        async with self.runtime.db.transaction() as conn:
            account = await accounts.by_login(conn, name)
            assert account is not None
            secret = await sessions.open_session(conn, account, "Firefox/140 (Linux)")
        browser = self.browser()
        browser.cookies["session"] = secret
        return browser

    async def add_group(self, name: str, title: str, moderator: int) -> int:
        """A group in which the word casino is held for a moderator, by its rule 1."""
        async with self.runtime.db.transaction() as conn:
            group_id = await groups.create(conn, self.urls, name, GroupForm(title=title))
            await memberships.add_moderator(conn, moderator, group_id)
            rule_id = await rules.add(conn, group_id, RuleForm("No advertising"), moderator)
            await checks.create_check(conn, group_id, rule_id, WordsCriteria(words=("casino",)), "hold", moderator)
        return group_id

    async def value(self, sql: str, *args: object) -> typing.Any:
        """One value from the database, as its operator would ask for it."""
        async with self.runtime.db.read() as conn:
            return await conn.fetchval(sql, *args)

    async def at_rest(self) -> None:
        """Wait until no job and no delivery is left."""

        async def idle() -> bool:
            left = "select (select count(*) from jobs) + (select count(*) from deliveries)"
            return bool(await self.value(left) == 0)

        try:
            await until(idle, "no work left", 60)
        except AssertionError:
            left = await self.value("select json_agg(j) from jobs j")
            waiting = await self.value("select json_agg(d) from deliveries d")
            raise AssertionError(f"work is left: {left} {waiting}\n{self.said('worker')[-3000:]}") from None


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


async def new_database(cluster_dsn: str) -> str:
    """An empty database of a cluster; its DSN."""
    name = f"real_{next(_NUMBERS)}"
    head, _, query = cluster_dsn.partition("?")
    admin = await asyncpg.connect(cluster_dsn)
    try:
        await admin.execute(f"create database {name}")
    finally:
        await admin.close()
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@asynccontextmanager
async def real_moot(
    address: str, cluster_dsn: str, folder: Path, program: typing.Sequence[str] = ("-m", "server")
) -> AsyncIterator[RealMoot]:
    """A moot whose database is ready; its processes are the test's to start, and end with it."""
    folder.mkdir(parents=True, exist_ok=True)
    moot = RealMoot(address, await new_database(cluster_dsn), folder, program)
    await moot.open()
    try:
        yield moot
    finally:
        await moot.close()


async def write(browser: WireBrowser, group: str, title: str, text: str) -> str:
    """Write a thread; the address of its page at the author's own server."""
    page = await browser.get(f"{group}/write")
    return (await page.form("Send").submit(title=title, text=text)).path


async def seen(browser: WireBrowser, path: str, words: str) -> Answer:
    """The page, once it shows these words."""

    async def look() -> Answer | None:
        page = await browser.get(path)
        return page if words in page.words else None

    return await until(look, f"{words!r} on {path}")


async def gone(browser: WireBrowser, path: str, words: str) -> Answer:
    """The page, once it shows these words no more."""

    async def look() -> Answer | None:
        page = await browser.get(path)
        return None if words in page.words else page

    return await until(look, f"no {words!r} on {path}")


async def shows_button(browser: WireBrowser, path: str, button: str) -> Answer:
    async def look() -> Answer | None:
        page = await browser.get(path)
        return page if page.has_button(button) else None

    return await until(look, f"a button {button!r} on {path}")


async def thread_at(browser: WireBrowser, group: str, title: str) -> str:
    """Where a reader finds the thread with this title, once it stands in their list."""
    page = await seen(browser, group, title)
    return page.link(title)
