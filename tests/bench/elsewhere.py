"""The instances elsewhere that take deliveries, all in one process that nobody counts."""

import asyncio
import multiprocessing
import re
from multiprocessing.synchronize import Event

from tests.bench import neighbourhood

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def serve(ready: Event) -> None:
    """Answer every POST with 202, for ever."""
    asyncio.run(_serve(ready))


async def _serve(ready: Event) -> None:
    for number in range(neighbourhood.HOSTS):
        address, _, port = neighbourhood.host(number).partition(":")
        await asyncio.start_server(_answer, address, int(port))
    ready.set()
    await asyncio.Event().wait()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


class Elsewhere:
    """The process of these instances, for as long as the block lasts."""

    def __enter__(self) -> None:
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        self._process = context.Process(target=serve, args=(ready,), daemon=True)
        self._process.start()
        if not ready.wait(20):
            raise RuntimeError("the instances elsewhere do not listen; is their port in use?")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()
