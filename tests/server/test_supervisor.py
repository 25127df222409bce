"""`folkmoot run` when processes are killed: nothing acknowledged is lost, and no hand is needed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.faults

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
DRAIN = 20.0


def until(true: Callable[[], bool], what: str) -> None:
    """Processes of others send us no event, so we look again and again."""
    give_up = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < give_up, f"not within {PATIENCE:.0f} s: {what}"
        threading.Event().wait(0.05)


class Moot:
    """One data folder and port, and the processes that serve them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("FOLKMOOT_")} | {
            "FOLKMOOT_BASE_URL": f"http://127.0.0.1:{self.port}",
            "FOLKMOOT_BIND": f"127.0.0.1:{self.port}",
            "FOLKMOOT_DATA_DIR": str(folder / "data"),
        }
        self.log = folder / "log"
        self.supervisor: psutil.Popen | None = None

    def command(self, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "server", *words], cwd=ROOT, env=self.environ, input=stdin, text=True,
            capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def start(self) -> str:
        """Start and wait until it says that it is ready; returns all that it said."""
        with self.log.open("w") as log:
            self.supervisor = psutil.Popen(
                [sys.executable, "-m", "server", "run"], cwd=ROOT, env=self.environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        until(self.has_said("Stop it with Ctrl-C"), "ready")
        return self.log.read_text()

    def has_said(self, words: str) -> Callable[[], bool]:
        return lambda: words in self.log.read_text()

    def processes(self) -> list[psutil.Process]:
        """The supervisor, its children and theirs, and PostgreSQL."""
        assert self.supervisor is not None
        try:
            ours = [self.supervisor, *self.supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            ours = []
        return [*ours, *self.postgres()]

    def postgres(self) -> list[psutil.Process]:
        try:
            number = int((self.folder / "data/postgres/postmaster.pid").read_text().splitlines()[0])
            return [psutil.Process(number), *psutil.Process(number).children()]
        except (FileNotFoundError, psutil.NoSuchProcess):
            return []

    def child(self, name: str) -> psutil.Process:
        assert self.supervisor is not None
        (child,) = [child for child in self.supervisor.children() if child.cmdline()[-2:] == [name, "--supervised"]]
        return child

    def has_child(self, name: str) -> bool:
        assert self.supervisor is not None
        return any(child.cmdline()[-2:] == [name, "--supervised"] for child in self.supervisor.children())

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def kill_everything(self) -> None:
        killed = self.processes()
        for process in killed:
            with_no_mercy(process)
        psutil.wait_procs(killed, timeout=PATIENCE)

    def stop(self) -> int:
        assert self.supervisor is not None
        self.supervisor.send_signal(signal.SIGTERM)
        return int(self.supervisor.wait(DRAIN))


def with_no_mercy(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Moot:
    """One data folder for all of these tests: each finds what the one before has left, as a next start does."""
    return Moot(tmp_path_factory.mktemp("moot"))


@pytest.fixture
def moot(data: Moot) -> Iterator[Moot]:
    data.start()
    yield data
    data.kill_everything()


def test_it_says_where_it_is_and_who_can_log_in(moot: Moot) -> None:
    said = moot.log.read_text()
    assert f"http://127.0.0.1:{moot.port}" in said
    assert (moot.folder / "data/demo-logins.txt").read_text().rstrip() in said
    assert str(moot.folder / "data") in said
    assert "Traceback" not in said


def test_killing_everything_loses_nothing(moot: Moot) -> None:
    words = ("account", "create", "rosa", "--email", "rosa@example.org", "--password-stdin")
    assert moot.command(*words, stdin="correct horse battery").returncode == 0
    logins = (moot.folder / "data/demo-logins.txt").read_text()
    moot.kill_everything()
    assert not moot.answers()

    assert logins.rstrip() in moot.start()
    again = moot.command(*words, stdin="correct horse battery")
    assert again.returncode == 1
    assert "taken" in again.stderr or "already" in again.stderr


@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_child_that_dies_is_started_again(moot: Moot, name: str) -> None:
    before = moot.child(name)
    before.kill()
    until(moot.has_said(f"{name} ended with -9; starting it again"), "noticed")
    until(lambda: moot.has_child(name) and moot.child(name).pid != before.pid, "started again")
    until(moot.answers, "answers again")


def test_a_database_that_dies_is_started_again_and_its_clients_follow(moot: Moot) -> None:
    before = {process.pid for process in moot.postgres()}
    for process in moot.postgres():
        with_no_mercy(process)
    until(lambda: bool(moot.postgres()) and not before & {process.pid for process in moot.postgres()}, "a new server")
    until(moot.has_said("its clients follow"), "noticed")
    until(moot.answers, "answers again")
    assert moot.command("check").returncode == 0


def test_children_end_with_their_supervisor(moot: Moot) -> None:
    assert moot.supervisor is not None
    children = moot.supervisor.children(recursive=True)
    assert len(children) >= 3
    moot.supervisor.kill()
    _, alive = psutil.wait_procs(children, timeout=DRAIN)
    assert alive == []


def test_a_second_one_on_the_same_port_is_refused(moot: Moot) -> None:
    second = moot.command("run")
    assert second.returncode == 1
    assert second.stderr.startswith("folkmoot: another process listens at")
    assert len(second.stderr.splitlines()) == 1
    assert moot.answers()


def test_a_stop_leaves_nothing_running(moot: Moot) -> None:
    everything = moot.processes()
    assert moot.stop() == 0
    _, alive = psutil.wait_procs(everything, timeout=DRAIN)
    assert alive == []
    assert moot.postgres() == []
    assert "Traceback" not in moot.log.read_text()
