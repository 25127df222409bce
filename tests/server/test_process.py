"""How a process of ours ends when its parent is gone."""

import signal
import subprocess
import sys

# Native code that holds the lock of the interpreter for a minute, as the shutdown of the web server can.
HANGS = """
import ctypes, signal
from server import process
process.DRAIN_SECONDS = 1
signal.signal(signal.SIGTERM, lambda *_: ctypes.PyDLL(None).sleep(60))
process.end_with_parent()
print("ready", flush=True)
while True:
    signal.pause()
"""


def test_a_process_without_parent_ends_even_where_it_hangs() -> None:
    child = subprocess.Popen([sys.executable, "-c", HANGS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"ready\n"
        child.stdin.close()
        try:
            assert child.wait(20) == -signal.SIGALRM
        finally:
            child.kill()
            child.wait()
