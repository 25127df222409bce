"""What comes before serving: a free port, and steps that run in short-lived processes of their own."""

import errno
import socket
import subprocess
import sys
import time

from server.errors import ConfigurationError, MootError
from server.settings import Settings

PORT_SECONDS = 3.0


class StepFailed(MootError):
    """A process that had to succeed did not, and said why on stderr."""


def command(*arguments: str) -> list[str]:
    """How one of our commands is started as a process."""
    safe_path = ["-P"] if sys.flags.safe_path else []
    return [sys.executable, *safe_path, "-m", "server", *arguments]


def migrate_first() -> None:
    """Bring the database up to date in a process of its own, so that this one stays small."""
    if subprocess.run(command("migrate", "--quiet"), check=False).returncode:
        raise StepFailed("the database could not be prepared")


def check_port(settings: Settings) -> None:
    """Raises ConfigurationError where somebody else listens. Waits a little for a process of ours that is ending."""
    give_up = time.monotonic() + PORT_SECONDS
    while (problem := _try_port(settings.bind_host, settings.bind_port)) is not None:
        if problem.errno != errno.EADDRINUSE or time.monotonic() > give_up:
            raise ConfigurationError(_explain(settings, problem))
        time.sleep(0.1)


def _try_port(host: str, port: int) -> OSError | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # Without SO_REUSEPORT, which granian sets: with it two servers would share one port unnoticed.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def _explain(settings: Settings, problem: OSError) -> str:
    where = f"{settings.bind_host}:{settings.bind_port}"
    if problem.errno == errno.EADDRINUSE:
        return f"another process listens at {where} already. Stop it, or set FOLKMOOT_BIND and FOLKMOOT_BASE_URL."
    return f"cannot listen at {where} (FOLKMOOT_BIND): {problem.strerror}"
