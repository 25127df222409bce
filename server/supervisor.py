"""`folkmoot run`: the database, the web process and the workers in one process group, started again when they die.

This process only waits, for as long as the server runs, so it imports nothing heavy: preparing the database and
filling the demo happen in short-lived processes. Its children end with it: each watches a pipe that only we hold.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from server.errors import ConfigurationError
from server.postgres import Embedded
from server.settings import Settings, load
from server.starting import StepFailed, check_port, command

DRAIN_SECONDS = 18.0
DATABASE_SECONDS = 10.0
READY_SECONDS = 1.0
STEADY_SECONDS = 60.0
LONGEST_PAUSE = 30.0
HOPELESS = 5
LOGINS = "demo-logins.txt"


class Child:
    """A process that must live; its pauses between starts double while it keeps dying young."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths = 0
        self.due = 0.0
        self.started = 0.0

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(command(self.name, "--supervised"), stdin=subprocess.PIPE)

    def look(self) -> int | None:
        """Its exit code, once, after which it is due for another start."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        now = time.monotonic()
        self.deaths = 1 if now - self.started > STEADY_SECONDS else self.deaths + 1
        self.due = now + min(LONGEST_PAUSE, 0.25 * 2**self.deaths)
        self.forget()
        return code

    def forget(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None

    def signal(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)


class Supervisor:
    """Everything that `run` keeps alive."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.embedded = None if settings.database_url else Embedded(settings.data_dir)
        self.children = [Child("web"), *(Child("worker") for _ in range(settings.processes))]
        self.stopping = 0
        self.ready = False
        self.database_looked_at = 0.0
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping += 1

    def pause(self, seconds: float) -> None:
        """Wait for a signal, at most so long."""
        if select.select([self._woken], [], [], seconds)[0]:
            os.read(self._woken, 1024)

    def prepare(self) -> None:
        """Database up, schema up to date, demo filled the first time. Raises MootError."""
        self.use_database()
        if not self.settings.loopback:
            self.step("migrate", "--quiet")
        else:
            # It migrates as well: one process fewer to wait for.
            self.step("demo", "--if-new")
            # Neighbours who try it out sign up at once; elsewhere an admin reads applications first.
            if self.demo:
                os.environ.setdefault("FOLKMOOT_REGISTRATION", "open")

    @property
    def demo(self) -> bool:
        return self.settings.loopback and (self.settings.data_dir / LOGINS).exists()

    def use_database(self) -> bool:
        """Make sure that the embedded database runs; True where it was started anew, at another address."""
        self.database_looked_at = time.monotonic()
        if self.embedded is None:
            return False
        dsn = self.embedded.start()
        changed = os.environ.get("FOLKMOOT_DATABASE_URL") != dsn
        os.environ["FOLKMOOT_DATABASE_URL"] = dsn
        return changed

    def step(self, *arguments: str) -> None:
        process = subprocess.Popen(command(*arguments), stdin=subprocess.DEVNULL)
        while process.poll() is None:
            self.pause(0.5)
            if self.stopping:
                process.terminate()
        if process.returncode and not self.stopping:
            raise StepFailed(f"`{arguments[0]}` failed, so nothing was started")

    def watch(self) -> None:
        """Start what is due and wait, until we are told to stop."""
        while not self.stopping:
            for child in self.children:
                self._look_after(child)
            if time.monotonic() - self.database_looked_at > DATABASE_SECONDS:
                self._look_after_database()
            if self.ready:
                self.pause(READY_SECONDS)
            elif self.answers():
                self.ready = True
                self.announce()
            else:
                self.pause(0.05)

    def _look_after(self, child: Child) -> None:
        if (code := child.look()) is not None:
            say(f"{child.name} ended with {code}; starting it again")
            if child.deaths >= HOPELESS and not self.ready:
                raise StepFailed(f"{child.name} does not start; its own messages above say why")
            # When the database died, its clients often notice first.
            self._look_after_database()
        if child.process is None and time.monotonic() >= child.due:
            child.start()

    def _look_after_database(self) -> None:
        try:
            if self.use_database():
                say("the database was started again; its clients follow")
                for child in self.children:
                    child.signal(signal.SIGTERM)
        except (ConfigurationError, OSError) as error:
            say(f"the database does not start: {error}")

    def answers(self) -> bool:
        """Whether /readyz says 200: written by hand, since http.client would stay in memory for this one question."""
        host = self.settings.bind_host
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 compared, not bound
        request = f"GET /readyz HTTP/1.1\r\nHost: {self.settings.host}\r\nConnection: close\r\n\r\n"
        try:
            with socket.create_connection((host, self.settings.bind_port), timeout=1) as connection:
                connection.sendall(request.encode())
                return connection.recv(64).split(b" ")[1:2] == [b"200"]
        except OSError:
            return False

    def announce(self) -> None:
        print(f"\nFolkmoot is ready at {self.settings.base_url}")
        if self.demo:
            print((self.settings.data_dir / LOGINS).read_text().rstrip())
        print(f"Its data lies in {self.settings.data_dir}\nStop it with Ctrl-C.\n", flush=True)

    def end(self) -> None:
        """Let the children finish what they do; kill after DRAIN_SECONDS, or at a second Ctrl-C. Then the database."""
        asked = self.stopping
        for child in self.children:
            child.signal(signal.SIGTERM)
        give_up = time.monotonic() + DRAIN_SECONDS
        while any(child.process is not None for child in self.children):
            if time.monotonic() > give_up or self.stopping > asked:
                for child in self.children:
                    child.signal(signal.SIGKILL)
            for child in self.children:
                child.look()
            self.pause(0.2)
        if self.embedded is not None:
            self.embedded.release()


def say(message: str) -> None:
    print("folkmoot:", message, file=sys.stderr, flush=True)


def run() -> int:
    """Run until told to stop. Raises MootError where it cannot start."""
    settings = load()
    check_port(settings)
    supervisor = Supervisor(settings)
    try:
        supervisor.prepare()
        supervisor.watch()
    finally:
        supervisor.end()
    return 0
