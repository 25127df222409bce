"""How a process of ours behaves towards its parent and the kernel: it ends with its parent, and may open many files."""

import contextlib
import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from server.postgres import Embedded
from server.settings import Settings

DRAIN_SECONDS = 15
_PR_SET_PDEATHSIG = 1
_LEAST_FILES = 256


@contextlib.contextmanager
def database_for(settings: Settings) -> Iterator[str]:
    """The DSN of the configured database; without one, of the embedded one, which runs at least as long as this."""
    if settings.database_url:
        yield settings.database_url
    else:
        with Embedded(settings.data_dir) as dsn:
            yield dsn


def raise_file_limit() -> None:
    """Each connection, in and out, is an open file, and the usual limit of 1024 is soon reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < max(hard, _LEAST_FILES):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def end_with_parent() -> None:
    """End when the supervisor does: its kernel tells us, and so does the end of the pipe that is our standard input."""
    _ask_kernel()
    _watch(_until_end_of_input)


def end_with_spawner() -> None:
    """The same for a process that `multiprocessing` started, which has a pipe to its parent of its own."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        _ask_kernel()
        _watch(parent.join)


def _ask_kernel() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _until_end_of_input() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass


def _watch(wait: Callable[[], object]) -> None:
    def watch() -> None:
        wait()
        # Nobody is left who could kill a process that does not come to its end. The kernel's alarm does, also where
        # the main thread hangs in native code and holds the interpreter's lock, so that no other thread ever runs.
        signal.alarm(DRAIN_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
