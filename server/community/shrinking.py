"""Has a picture of any origin decoded and made small by a process of its own: `shrink_picture.py`."""

import asyncio
import contextlib
import sys
import typing
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import msgspec

from server.errors import Refused
from server.messages import Message
from server.runtime import Runtime

# Never imported: what decodes pictures is in no process of ours.
PROGRAM = Path(__file__).with_name("shrink_picture.py")
# The longer side of the whole picture, and of the small one for lists.
WHOLE_SIDE, SMALL_SIDE = 1600, 480
# It has ten seconds of the processor; on a busy machine they may take longer.
_SECONDS = 30
# Far more than two pictures of that size have: whatever took it over must not fill our own memory with what it says.
_MOST_OUTPUT = 16 << 20

PROBLEMS = {
    "format": Message("This file is not a picture that we can read: PNG, JPEG, WebP and GIF can be used."),
    "pixels": Message(
        "This picture has too many pixels: 16 million fit, and 64 million in a photo (JPEG). Please make it smaller."
    ),
    "damaged": Message("This picture is damaged, so that we cannot read it. Please save it anew and choose it again."),
    "effort": Message("This picture takes too long to read. Please save it anew, smaller, and choose it again."),
}


class Shrunk(msgspec.Struct, frozen=True):
    """A picture as WebP, whole and small; width and height are those of the whole one."""

    width: int
    height: int
    whole: bytes
    small: bytes


class _Head(msgspec.Struct):
    problem: str = ""
    sizes: list[tuple[int, int, int]] = []


class Shrinking:
    """One picture at a time in each of our processes: four at once would take the memory of a small machine."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore()

    @classmethod
    async def open(cls, _runtime: Runtime) -> typing.Self:
        return cls()

    async def close(self) -> None:
        """Nothing is held."""

    async def shrink(self, data: bytes) -> Shrunk:
        """The picture in `data`; Refused with what is wrong with it."""
        async with self._turn:
            output = await _run(data)
        line, _, files = output.partition(b"\n")
        head = msgspec.json.decode(line, type=_Head)
        if head.problem:
            raise _refusal(head.problem)
        (width, height, length), _ = head.sizes
        return Shrunk(width, height, files[:length], files[length:])


async def _run(data: bytes) -> bytes:
    # -I: nothing of our environment or of the current folder has a say in it.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(PROGRAM),
        str(WHOLE_SIDE),
        str(SMALL_SIDE),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, _ = await asyncio.gather(_said(process), _feed(process, data))
            await process.wait()
    except TimeoutError:
        raise _refusal("effort") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        # Killed for its time, or out of memory where not even an error could be written.
        raise _refusal("effort")
    return output


async def _said(process: Process) -> bytes:
    assert process.stdout is not None
    try:
        await process.stdout.readexactly(_MOST_OUTPUT)
    except asyncio.IncompleteReadError as all_of_it:
        return all_of_it.partial
    raise _refusal("effort")


async def _feed(process: Process, data: bytes) -> None:
    assert process.stdin is not None
    # It may have ended before it read all.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


def _refusal(problem: str) -> Refused:
    return Refused(f"picture_{problem}", PROBLEMS[problem])
