"""What every test may use: a real PostgreSQL, a database of its own, a runtime, and a clock that tests move."""

import asyncio
import datetime as dt
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from argon2 import PasswordHasher

from federation import keys
from moderation import instances
from server import clock, setup
from server.community import passwords
from server.postgres import Embedded
from server.runtime import Runtime
from server.settings import Settings, load

# A fixture for several folders, which none of their own conftests could give to the others.
pytest_plugins = ("tests.federation.settled",)

BASE_URL = "http://moot.test"
EMPTY = "moot_template"

for _name in [name for name in os.environ if name.startswith("FOLKMOOT_") and name != "FOLKMOOT_TEST_WITHOUT"]:
    del os.environ[_name]


def settings_for(dsn: str, data_dir: Path, **more: str) -> Settings:
    """Settings of a test's instance; `more` are variables without their FOLKMOOT_."""
    environ = {
        "FOLKMOOT_BASE_URL": BASE_URL,
        "FOLKMOOT_DATABASE_URL": dsn,
        "FOLKMOOT_DATA_DIR": str(data_dir),
        "FOLKMOOT_REGISTRATION": "open",
        "FOLKMOOT_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    return load(environ | {f"FOLKMOOT_{name}": value for name, value in more.items()})


MEMORY = Path("/dev/shm")
ROOM = 2 * 2**30


def quick_folder() -> Path | None:
    """Memory, where it has room: each database is some 300 files, and a disk may take half a second to make them."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The DSN of a throw-away PostgreSQL for the whole run; where tests run on several cores, one for each."""
    with tempfile.TemporaryDirectory(prefix="moot-tests-", dir=quick_folder()) as folder:
        # The server's account must reach the folder when the tests run as root.
        Path(folder).chmod(0o755)
        with Embedded(Path(folder) / "data", durable=False) as dsn:
            yield dsn


class Databases:
    """Makes databases from migrated templates.

    A copy takes PostgreSQL some 10 ms, so that the next one of each template is made, and the last one dropped, while a
    test runs.
    """

    def __init__(self, dsn: str, admin: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.dsn = dsn
        self.admin = admin
        self.count = 0
        self._one_at_a_time = asyncio.Lock()
        self._ahead: dict[str, asyncio.Task[str]] = {}
        self._dropping: set[asyncio.Task[None]] = set()

    @staticmethod
    def name_of(dsn: str) -> str:
        return dsn.partition("?")[0].rpartition("/")[2]

    def dsn_of(self, name: str) -> str:
        head, _, query = self.dsn.partition("?")
        return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    async def copy(self, template: str = EMPTY) -> str:
        """A new database; returns its DSN."""
        made = await (self._ahead.pop(template, None) or self._make(template))
        self._ahead[template] = asyncio.create_task(self._make(template))
        return made

    def drop(self, dsn: str) -> None:
        """In the background."""
        dropping = asyncio.create_task(self._drop(dsn))
        self._dropping.add(dropping)
        dropping.add_done_callback(self._dropping.discard)

    async def close(self) -> None:
        await asyncio.gather(*self._ahead.values(), *self._dropping)
        await self.admin.close()

    async def _make(self, template: str) -> str:
        async with self._one_at_a_time:
            self.count += 1
            name = f"moot_{self.count}"
            await self.admin.execute(f"create database {name} template {template} strategy file_copy")
        return self.dsn_of(name)

    async def _drop(self, dsn: str) -> None:
        async with self._one_at_a_time:
            await self.admin.execute(f"drop database if exists {self.name_of(dsn)} with (force)")


@pytest.fixture(scope="session")
async def databases(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Databases]:
    made = Databases(cluster, await asyncpg.connect(cluster))
    try:
        await made.admin.execute(f"create database {EMPTY}")
        template = made.dsn_of(EMPTY)
        await setup.prepare_database(settings_for(template, tmp_path_factory.mktemp("template")), template)
        yield made
    finally:
        await made.close()


@pytest.fixture
def template() -> str:
    """Of which database each test gets a copy: of one that is migrated and empty."""
    return EMPTY


@pytest.fixture
async def runtime(databases: Databases, template: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    """A process's runtime over a database of its own."""
    dsn = await databases.copy(template)
    made = await Runtime.open(settings_for(dsn, tmp_path), dsn)
    yield made
    await made.close()
    databases.drop(dsn)


class MovedClock:
    """Moves the product's clock, in Python and in the database."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def advance(self, **by: float) -> None:
        clock.move_to_offset(clock.offset() + dt.timedelta(**by))
        setting = f"{clock.offset().total_seconds()} seconds"
        async with self.runtime.db.read() as conn:
            database = await conn.fetchval("select current_database()")
            await conn.execute(f"alter database {database} set folkmoot.clock_offset = '{setting}'")
        # The pool hands out connections that began before; new ones read the new setting.
        dsn = self.runtime.settings.database_url
        await self.runtime.db.reconnect(dsn)


@pytest.fixture
async def moved_clock(runtime: Runtime) -> AsyncIterator[MovedClock]:
    yield MovedClock(runtime)
    clock.move_to_offset(dt.timedelta())


@pytest.fixture(autouse=True)
def quick_secrets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One key pair for all new actors and cheap password hashes: the real ones take half a second each.

    Tests of these themselves are marked `real_secrets`.
    """
    # A process has one database, a run of tests many: in each the same actor has another key.
    keys._PROVING.clear()
    if not request.node.get_closest_marker("real_secrets"):
        make_secrets_quickly(monkeypatch)


def make_secrets_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "SNAPSHOT_SECONDS", 0.0)
    monkeypatch.setattr(keys, "_make", _one_key_pair)
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


_MADE: list[dict[str, tuple[str, str]]] = []
_real_make = keys._make


async def _one_key_pair() -> dict[str, tuple[str, str]]:
    if not _MADE:
        _MADE.append(await _real_make())
    return _MADE[0]
