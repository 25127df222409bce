"""The embedded PostgreSQL of one data folder: start it, adopt one left running, stop it when nobody needs it.

Any number of processes may hold it at once. Each keeps a shared lock on a file of the data folder, which the
kernel drops even after `kill -9`; whoever leaves and finds no other holder stops the server. A server that
outlived its holders is found again by the next start. There is no TCP port: the server listens in a private
folder with a short name, which it records in its own `postmaster.pid`.
Only the standard library is imported here: the supervisor keeps this module for its whole life.
"""

import enum
import fcntl
import os
import shlex
import shutil
import socket
import stat
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from server.errors import ConfigurationError
from server.postgres_programs import WITHOUT_GETCWD, Account, Programs, account_for, find_programs

NAME = "folkmoot"  # of the role and of the database
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # bytes: macOS takes 103, Linux 107
LOG = "server.log"
LOG_BYTES = 8 * 2**20
ANSWER_SECONDS = 5
SILENT_SECONDS = 20
RECOVERY_SECONDS = 600
PROC = Path("/proc")

# For a machine with 1 GB: 60 connections, little shared memory, no compiler, no helpers for one big query.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "effective_cache_size": "256MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "256MB",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_lock_waits": "on",
}
# Tests throw their cluster away; nobody else may lose what was acknowledged.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class State(enum.Enum):
    READY = "a session was opened"
    BUSY = "it answers, but it is still starting, or it is stopping"
    SILENT = "nothing answers"


class Embedded:
    """The server of `data_dir`. `durable=False` is for tests only: a power cut then ruins the data."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self.durable = durable
        self.cluster = self.data_dir / "postgres"
        self._hold: int | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.release()

    def start(self) -> str:
        """Make sure that the server runs, and hold it; returns its DSN. Raises ConfigurationError in plain words."""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._one_at_a_time():
                hold = self._take_hold()
                try:
                    self._bring_up()
                    dsn = self._dsn()
                except BaseException:
                    os.close(hold)
                    raise
                if self._hold is not None:
                    os.close(self._hold)
                self._hold = hold
                return dsn
        except PermissionError as error:
            raise ConfigurationError(f"{error.filename}: permission denied; another account's data?") from error

    def release(self) -> None:
        """Give up our hold; the last holder stops the server. Harmless without a hold."""
        if self._hold is None:
            return
        with self._one_at_a_time():
            last = _no_other_holder(self._hold)
            os.close(self._hold)
            self._hold = None
            if last:
                self._stop()

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Starts and stops of one data folder wait for each other."""
        lock = os.open(self.data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _take_hold(self) -> int:
        hold = os.open(self.data_dir / "postgres.holders", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(hold, fcntl.LOCK_SH)
        return hold

    def _dsn(self) -> str:
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self._socket_folder()), safe='')}"

    def _bring_up(self) -> None:
        account = account_for(self.cluster)
        if not self.cluster.exists():
            self._create(find_programs(account))
        major = self._data_major()
        if not account.owns(self.cluster):
            raise ConfigurationError(f"{self.cluster} belongs to another account; start Folkmoot as that one")
        if not self._adopt():
            self._launch(find_programs(account, major))

    def _data_major(self) -> int:
        try:
            return int((self.cluster / "PG_VERSION").read_text().split(".")[0])
        except (FileNotFoundError, ValueError):
            raise ConfigurationError(f"{self.cluster} is no PostgreSQL data; move it away to start afresh") from None

    def _create(self, programs: Programs) -> None:
        """`initdb` into another folder, renamed when complete: an interrupted one must not look like data."""
        unfinished = self.data_dir / "postgres.unfinished"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        programs.account.give(unfinished)
        where = self._where(programs, unfinished)
        # `builtin` came with 17; its C.UTF-8 sorts alike on every system, so that an upgrade of libc breaks no index.
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if programs.major >= 17 else ["--locale=C.UTF-8"]
        )
        # Trust is safe: only this account and root can reach the socket, and there is no TCP port.
        access = ["--auth-local=trust", "--auth-host=reject"]
        sync = [] if self.durable else ["--no-sync"]
        made = programs.run(
            "initdb", "-D", where, "-U", NAME, "-E", "UTF8", "--data-checksums", *locale, *access, *sync, cwd=unfinished
        )
        if made.returncode == 0:
            made = programs.run(
                "postgres",
                "--single",
                "-j",
                "-D",
                where,
                "postgres",
                cwd=unfinished,
                stdin=f"create database {NAME};\n",
            )
        if made.returncode:
            raise ConfigurationError(f"PostgreSQL could not make its data: {_last_line(made.stdout)}")
        unfinished.rename(self.cluster)
        if self.durable:
            _sync_folder(self.data_dir)

    def _where(self, programs: Programs, folder: Path) -> str:
        """How the programs, started inside `folder`, are told of it."""
        if programs.account.uid is None:
            return str(folder)
        if programs.major >= WITHOUT_GETCWD and PROC.exists():
            # The account may not enter the private folders above; from inside it need not.
            return "/proc/self/cwd"
        self.data_dir.chmod(0o711)
        if not programs.reach(folder):
            raise ConfigurationError(
                f"PostgreSQL {programs.major} does not run as root, and its account cannot reach {folder}: "
                "set FOLKMOOT_DATA_DIR to a folder outside of private ones, or start as an ordinary user"
            )
        return str(folder)

    def _adopt(self) -> bool:
        """Whether a server runs and answers. Waits for one that starts or stops; stops one that stays silent."""
        began = time.monotonic()
        while True:
            state = self._ask()
            if state is State.READY:
                return True
            if not self._server_runs():
                return False
            waited = time.monotonic() - began
            if waited > (RECOVERY_SECONDS if state is State.BUSY else SILENT_SECONDS):
                # Its socket was deleted under it: nobody can ever speak with it again.
                self._stop()
                return False
            time.sleep(0.05)

    def _launch(self, programs: Programs) -> None:
        # No process works here (`_adopt` looked), so this was left by a crash. After a reboot the number in it may
        # be another process's, and PostgreSQL would refuse to start.
        if left := self._socket_folder():
            shutil.rmtree(left, ignore_errors=True)
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        folder = _make_socket_folder(programs.account)
        log = self.cluster / LOG
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.rename(log.with_suffix(".old"))
        settings = SETTINGS | {"unix_socket_directories": str(folder)}
        if programs.major >= 18:
            settings["io_method"] = "sync"  # saves three processes, which few readers at once do not need
        if not self.durable:
            settings |= FORGETFUL
        options = shlex.join([word for name, value in settings.items() for word in ("-c", f"{name}={value}")])
        where = self._where(programs, self.cluster)
        done = programs.run(
            "pg_ctl",
            "start",
            "-D",
            where,
            "-w",
            "-t",
            str(RECOVERY_SECONDS),
            "-l",
            LOG,
            "-o",
            options,
            cwd=self.cluster,
        )
        if done.returncode or self._ask() is not State.READY:
            shutil.rmtree(folder, ignore_errors=True)
            reason = _last_line(log.read_text(errors="replace") if log.exists() else done.stdout)
            raise ConfigurationError(f"PostgreSQL did not start: {reason} (see {log})")

    def _stop(self) -> None:
        if not self._server_runs():
            return
        programs = find_programs(account_for(self.cluster), self._data_major())
        folder = self._socket_folder()
        where = self._where(programs, self.cluster)
        done = programs.run("pg_ctl", "stop", "-D", where, "-w", "-t", "60", "-m", "fast", cwd=self.cluster)
        if done.returncode and self._server_runs():
            raise ConfigurationError(f"PostgreSQL did not stop: {_last_line(done.stdout)}")
        if folder:
            shutil.rmtree(folder, ignore_errors=True)

    def _recorded(self) -> list[str]:
        """Lines of `postmaster.pid`: process id, data folder, start time, port, socket folder, ..."""
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _socket_folder(self) -> Path | None:
        """The recorded folder while it is ours alone: after a reboot somebody else may have taken its name."""
        recorded = self._recorded()
        if len(recorded) < 5 or not recorded[4].startswith("/"):
            return None
        folder = Path(recorded[4])
        try:
            status = folder.lstat()
        except OSError:
            return None
        private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
        return folder if private and status.st_uid == self.cluster.stat().st_uid else None

    def _ask(self) -> State:
        """Alive means that a session can be opened, not that a process id lives."""
        folder = self._socket_folder()
        if folder is None:
            return State.SILENT
        who = f"user\0{NAME}\0database\0{NAME}\0application_name\0folkmoot start\0\0".encode()
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as session:
                session.settimeout(ANSWER_SECONDS)
                session.connect(str(folder / SOCKET))
                session.sendall(struct.pack("!ii", len(who) + 8, 0x30000) + who)
                while chunk := session.recv(4096):
                    answer += chunk
                    if b"Z\0\0\0\5I" in answer:  # ReadyForQuery, idle
                        session.sendall(b"X\0\0\0\4")
                        return State.READY
        except OSError:
            return State.SILENT
        if b"C53300\0" in answer:  # too many connections: alive and well used
            return State.READY
        return State.BUSY if b"C57P03\0" in answer else State.SILENT

    def _server_runs(self) -> bool:
        """Whether any process of a server works in the cluster, be it the last one of a server that was killed."""
        if PROC.joinpath("self").exists():
            return any(_works_in(process, self.cluster) for process in PROC.iterdir() if process.name.isdigit())
        recorded = self._recorded()
        if not recorded:
            return False
        shown = subprocess.run(["ps", "-o", "comm=", "-p", recorded[0]], capture_output=True, text=True, check=False)
        return "postgres" in shown.stdout


def _no_other_holder(hold: int) -> bool:
    try:
        fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _works_in(process: Path, cluster: Path) -> bool:
    try:
        return (process / "comm").read_text() == "postgres\n" and (process / "cwd").samefile(cluster)
    except OSError:  # gone meanwhile, or another account's
        return False


def _make_socket_folder(account: Account) -> Path:
    for parent in ("/tmp", tempfile.gettempdir()):  # noqa: S108 made by mkdtemp, private; other temporary folders have long names
        folder = Path(tempfile.mkdtemp(prefix="folkmoot-", dir=parent))
        if len(os.fsencode(folder / SOCKET)) <= LONGEST_SOCKET_PATH:
            account.give(folder)
            return folder
        folder.rmdir()
    raise ConfigurationError("no temporary folder has a name short enough for PostgreSQL's socket")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_line(text: str) -> str:
    """What a person needs of a program's output: its last complaint, else its last line."""
    lines = [line for line in text.splitlines() if line.strip()]
    complaints = [line for line in lines if "FATAL" in line or "rror:" in line]
    return (complaints or lines or ["no output"])[-1].strip()
