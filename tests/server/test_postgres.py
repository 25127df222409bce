"""The embedded PostgreSQL: real clusters, real kills."""

import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from server import postgres, postgres_programs
from server.errors import ConfigurationError
from server.postgres import Embedded

CHECKOUT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from server.postgres import Embedded
embedded = Embedded(Path(sys.argv[1]), durable=False)
print(embedded.start(), flush=True)
sys.stdin.readline()
embedded.release()
print("left", flush=True)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """Longer than any socket's path may be; nothing runs in it afterwards."""
    folder = tmp_path / ("a folder with a long name " * 4).strip() / "data"
    yield folder
    Embedded(folder)._stop()


def hold_in_another_process(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)],
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def server_process(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def has_ended(process: int) -> bool:
    """Whether the process behind a pidfd ends within 10 seconds."""
    ended, _, _ = select.select([process], [], [], 10)
    os.close(process)
    return bool(ended)


def socket_folder(dsn: str) -> Path:
    return Path(parse_qs(urlsplit(dsn).query)["host"][0])


async def ask(dsn: str, sql: str) -> object:
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(sql)
    finally:
        await conn.close()


async def test_start_makes_a_durable_private_server_and_the_last_one_out_stops_it(data_dir: Path) -> None:
    embedded = Embedded(data_dir)
    dsn = embedded.start()
    assert await ask(dsn, "select current_database()") == "folkmoot"
    assert await ask(dsn, "show fsync") == "on"
    assert await ask(dsn, "show synchronous_commit") == "on"
    assert await ask(dsn, "show listen_addresses") == ""
    assert await ask(dsn, "show data_checksums") == "on"
    assert await ask(dsn, "select 'Ä' = upper('ä')")
    assert stat.S_IMODE(socket_folder(dsn).stat().st_mode) == 0o700
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    server = os.pidfd_open(server_process(data_dir))
    embedded.release()
    assert has_ended(server)
    assert not socket_folder(dsn).exists()


async def test_what_was_written_is_there_at_the_next_start(data_dir: Path) -> None:
    with Embedded(data_dir) as dsn:
        await ask(dsn, "create table kept as select 42 as answer")
    with Embedded(data_dir) as dsn:
        assert await ask(dsn, "select answer from kept") == 42


async def test_a_server_that_outlived_its_killed_holder_is_adopted(data_dir: Path) -> None:
    holder = hold_in_another_process(data_dir)
    dsn = said(holder)
    holder.kill()
    holder.communicate()
    process = server_process(data_dir)
    server = os.pidfd_open(process)
    with Embedded(data_dir, durable=False) as adopted:
        assert adopted == dsn
        assert server_process(data_dir) == process
        assert await ask(adopted, "select 1") == 1
    assert has_ended(server)


async def test_a_killed_server_recovers_by_itself(data_dir: Path) -> None:
    with Embedded(data_dir) as dsn:
        await ask(dsn, "create table kept as select 42 as answer")
        os.kill(server_process(data_dir), signal.SIGKILL)
        with Embedded(data_dir) as again:
            assert await ask(again, "select answer from kept") == 42


async def test_two_first_starts_at_once_share_one_server(data_dir: Path) -> None:
    first, second = hold_in_another_process(data_dir), hold_in_another_process(data_dir)
    dsn = said(first)
    assert said(second) == dsn
    assert await ask(dsn, "select 1") == 1
    for holder in (first, second):
        assert holder.communicate("leave\n")[0] == "left\n"


async def test_the_server_stays_while_another_process_needs_it(data_dir: Path) -> None:
    embedded = Embedded(data_dir, durable=False)
    dsn = embedded.start()
    holder = hold_in_another_process(data_dir)
    assert said(holder) == dsn
    embedded.release()
    assert await ask(dsn, "select 1") == 1
    holder.communicate("leave\n")
    assert not socket_folder(dsn).exists()


async def test_a_stale_process_number_that_now_is_another_process_does_not_hinder(data_dir: Path) -> None:
    with Embedded(data_dir, durable=False):
        recorded = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
    stale = [str(os.getpid()), *recorded[1:4], "/tmp/folkmoot-gone", *recorded[5:]]
    (data_dir / "postgres" / "postmaster.pid").write_text("\n".join(stale) + "\n")
    with Embedded(data_dir, durable=False) as dsn:
        assert await ask(dsn, "select 1") == 1


async def test_a_server_whose_socket_was_deleted_is_replaced(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SILENT_SECONDS", 0)
    embedded = Embedded(data_dir, durable=False)
    lost = socket_folder(embedded.start())
    shutil.rmtree(lost)
    dsn = embedded.start()
    assert socket_folder(dsn) != lost
    assert await ask(dsn, "select 1") == 1
    embedded.release()


def test_a_socket_folder_open_to_others_is_not_trusted(data_dir: Path) -> None:
    embedded = Embedded(data_dir, durable=False)
    folder = socket_folder(embedded.start())
    assert embedded._ask() is postgres.State.READY
    folder.chmod(0o777)
    assert embedded._ask() is postgres.State.SILENT
    folder.chmod(0o700)
    embedded.release()


async def test_an_interrupted_first_start_is_begun_again(data_dir: Path) -> None:
    unfinished = data_dir / "postgres.unfinished" / "base"
    unfinished.mkdir(parents=True)
    with Embedded(data_dir, durable=False) as dsn:
        assert await ask(dsn, "select 1") == 1
    assert not unfinished.parent.exists()


def test_data_of_another_major_version_is_a_clear_error(data_dir: Path) -> None:
    with Embedded(data_dir, durable=False):
        pass
    (data_dir / "postgres" / "PG_VERSION").write_text("14\n")
    with pytest.raises(ConfigurationError, match="written by PostgreSQL 14"):
        Embedded(data_dir, durable=False).start()


def test_a_folder_without_data_is_a_clear_error(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="is no PostgreSQL data"):
        Embedded(data_dir).start()


def test_a_failed_start_gives_the_hold_back(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    failed = Embedded(data_dir)
    with pytest.raises(ConfigurationError):
        failed.start()
    hold = failed._take_hold()
    assert postgres._no_other_holder(hold)
    os.close(hold)


def test_no_programs_at_all_is_a_clear_error(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_programs, "_folders", lambda: iter(()))
    with pytest.raises(ConfigurationError, match="FOLKMOOT_DATABASE_URL"):
        Embedded(data_dir).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")
def test_the_server_never_runs_as_root(data_dir: Path) -> None:
    with Embedded(data_dir, durable=False):
        assert Path(f"/proc/{server_process(data_dir)}").stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")
async def test_an_account_that_cannot_reach_the_programs_gets_a_copy(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = Path(tempfile.mkdtemp(dir="/var/tmp"))
    copies.chmod(0o755)
    monkeypatch.setattr(postgres_programs, "COPIES", copies / "programs")
    packaged = next(postgres_programs._folders()).parents[1]
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(packaged, private / packaged.name, symlinks=True)
    shutil.copytree(packaged.with_name(f"{packaged.name}.libs"), private / f"{packaged.name}.libs")
    programs = private / packaged.name / "pginstall" / "bin"
    monkeypatch.setattr(postgres_programs, "_folders", lambda: iter((programs,)))
    with Embedded(data_dir, durable=False) as dsn:
        assert await ask(dsn, "select 1") == 1
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    shutil.rmtree(copies)


def system_folders() -> list[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres_programs, "find_spec", lambda _: None)
        return list(postgres_programs._folders())


@pytest.mark.skipif(not system_folders(), reason="the system has no PostgreSQL of its own")
async def test_the_systems_postgresql_serves_where_the_package_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_programs, "find_spec", lambda _: None)
    parent = Path(tempfile.mkdtemp(dir="/var/tmp"))
    parent.chmod(0o755)
    with Embedded(parent / "data", durable=False) as dsn:
        assert await ask(dsn, "select 'Ä' = upper('ä')")
    shutil.rmtree(parent)
