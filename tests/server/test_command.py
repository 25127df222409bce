"""The `folkmoot` command as a person uses it: exit codes, and one clear line on stderr for whatever goes wrong."""

import asyncio
import contextlib
import os
import socket
import sys
import typing
from pathlib import Path

import pytest

from server.community import accounts, actors, groups, memberships
from server.errors import Refused
from server.runtime import Runtime
from server.worker import SEEN, work

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"


class Outcome(typing.NamedTuple):
    code: int
    out: str
    err: str


class Folkmoot:
    """Runs commands as processes, over the database of a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("FOLKMOOT_")} | {
            "FOLKMOOT_BASE_URL": settings.base_url,
            "FOLKMOOT_DATABASE_URL": settings.database_url,
            "FOLKMOOT_DATA_DIR": str(settings.data_dir),
        }

    async def __call__(self, *words: str, stdin: str = "", **settings: str) -> Outcome:
        environ = self.environ | {f"FOLKMOOT_{name}": value for name, value in settings.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server", *words, cwd=ROOT, env=environ,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
        return Outcome(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
def folkmoot(runtime: Runtime) -> Folkmoot:
    return Folkmoot(runtime)


def one_line(outcome: Outcome) -> str:
    """The one line on stderr of a command that failed as foreseen."""
    assert outcome.code in (1, 2), outcome
    (line,) = outcome.err.splitlines()
    assert line.startswith("folkmoot: ")
    return line


@pytest.mark.parametrize(
    "words",
    [
        (), ("run",), ("web",), ("worker",), ("migrate",), ("check",), ("demo",), ("account",), ("account", "create"),
        ("group",), ("group", "create"),
    ],
)  # fmt: skip
async def test_every_command_explains_itself(folkmoot: Folkmoot, words: tuple[str, ...]) -> None:
    outcome = await folkmoot(*words, "--help")
    assert outcome.code == 0
    assert outcome.out.startswith(" ".join(("Usage: folkmoot", *words)))
    assert "--help" in outcome.out
    assert outcome.err == ""


async def test_an_unknown_word_is_named(folkmoot: Folkmoot) -> None:
    outcome = await folkmoot("dance")
    assert outcome.code == 2
    assert "dance" in one_line(outcome)
    assert "--help" in one_line(outcome)


@pytest.mark.parametrize("command", ["run", "web", "worker", "migrate", "check"])
async def test_a_setting_that_cannot_work_is_named(folkmoot: Folkmoot, command: str) -> None:
    assert "FOLKMOOT_BIND" in one_line(await folkmoot(command, BIND="everywhere"))


@pytest.mark.parametrize("command", ["migrate", "demo"])
async def test_a_database_that_is_away_is_one_line(folkmoot: Folkmoot, command: str) -> None:
    away = await folkmoot(
        command, DATABASE_URL="postgresql://nobody@127.0.0.1:1/moot", BASE_URL="http://127.0.0.1:8000"
    )
    assert "127.0.0.1" in one_line(away)


async def test_another_base_address_is_refused(folkmoot: Folkmoot) -> None:
    assert "http://moot.test" in one_line(await folkmoot("migrate", BASE_URL="https://other.example"))


@pytest.mark.parametrize("command", ["run", "web"])
async def test_a_port_in_use_is_named(folkmoot: Folkmoot, command: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        where = f"127.0.0.1:{other.getsockname()[1]}"
        assert where in one_line(await folkmoot(command, BIND=where))


async def test_migrate_says_that_nothing_is_left_to_do(folkmoot: Folkmoot) -> None:
    outcome = await folkmoot("migrate")
    assert (outcome.code, outcome.out) == (0, "the schema is up to date\n")


async def test_an_account_is_created_with_its_password_from_stdin(folkmoot: Folkmoot, runtime: Runtime) -> None:
    words = ("account", "create", "Rosa", "--email", "rosa@example.org", "--password-stdin", "--admin")
    outcome = await folkmoot(*words, stdin=f"{PASSWORD}\n")
    assert (outcome.code, outcome.out) == (0, "created rosa (admin)\n")
    async with runtime.db.read() as conn:
        account = await accounts.authenticate(conn, "rosa", PASSWORD)
        assert account.admin
        assert account.state == "active"


@pytest.mark.parametrize(
    ("words", "stdin", "named"),
    [
        (("account", "create", "rosa", "--email", "rosa@example.org"), PASSWORD, "--password-stdin"),
        (("account", "create", "rosa", "--password-stdin"), PASSWORD, "--email"),
        (("account", "create", "rosa", "--email", "rosa@example.org", "--password-stdin"), "short", "password:"),
        (("account", "create", "rosa", "--email", "rosa@example.org", "--password-stdin"), "", "password:"),
        (("account", "create", "rosa", "--email", "no address", "--password-stdin"), PASSWORD, "email:"),
        (("account", "create", "no-hyphens", "--email", "r@example.org", "--password-stdin"), PASSWORD, "name:"),
        (("group", "create", "oak_street", "--title", "Oak Street", "--moderator", "nobody"), "", "nobody"),
        (("group", "create", "oak_street", "--title", "Oak Street"), "", "--moderator"),
    ],
)
async def test_what_cannot_be_taken_is_said_and_changes_nothing(
    folkmoot: Folkmoot, runtime: Runtime, words: tuple[str, ...], stdin: str, named: str
) -> None:
    line = one_line(await folkmoot(*words, stdin=stdin))
    assert named in line
    assert PASSWORD not in line
    async with runtime.db.read() as conn:
        assert not await actors.anybody(conn)


async def test_a_name_is_given_once(folkmoot: Folkmoot, runtime: Runtime) -> None:
    words = ("account", "create", "rosa", "--email", "rosa@example.org", "--password-stdin")
    assert (await folkmoot(*words, stdin=PASSWORD)).code == 0
    again = ("account", "create", "rosa", "--email", "other@example.org", "--password-stdin")
    assert "taken" in one_line(await folkmoot(*again, stdin="another password"))
    async with runtime.db.read() as conn:
        with pytest.raises(Refused):
            await accounts.authenticate(conn, "rosa", "another password")


async def test_a_group_is_created_with_its_moderator(folkmoot: Folkmoot, runtime: Runtime) -> None:
    await folkmoot("account", "create", "rosa", "--email", "r@example.org", "--password-stdin", stdin=PASSWORD)
    outcome = await folkmoot("group", "create", "oak_street", "--title", "Oak Street", "--moderator", "rosa")
    assert (outcome.code, outcome.out) == (0, "created http://moot.test/g/oak_street\n")
    async with runtime.db.read() as conn:
        group = await groups.BY_HANDLE.one(conn, "oak_street", None, None)
        assert group is not None
        assert group.member_count == 1
        assert [moderator.name for moderator in await memberships.moderators(conn, group.id)] == ["rosa"]


async def test_check_says_that_nobody_works(folkmoot: Folkmoot) -> None:
    outcome = await folkmoot("check")
    assert outcome.code == 1
    assert "ok      database" in outcome.out
    assert "FAILED  queue      no worker runs" in outcome.out
    assert "ok      scorer     light" in outcome.out


async def test_check_sees_a_worker_take_a_job_and_nobody_at_our_address(folkmoot: Folkmoot, runtime: Runtime) -> None:
    await folkmoot("account", "create", "rosa", "--email", "r@example.org", "--password-stdin", stdin=PASSWORD)
    async with runtime.db.transaction() as conn:
        await SEEN.run(conn, "the worker of this test, whose own first heartbeat may come too late")
    working = asyncio.ensure_future(work(runtime, loops=False))
    try:
        outcome = await folkmoot("check")
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
    assert "ok      queue" in outcome.out
    assert "FAILED  webfinger" in outcome.out
    assert outcome.code == 1


async def test_the_demo_is_for_this_machine_and_for_a_new_database(folkmoot: Folkmoot, runtime: Runtime) -> None:
    assert "127.0.0.1" in one_line(await folkmoot("demo"))
    async with runtime.db.read() as conn:
        assert not await actors.anybody(conn)
