"""The instances elsewhere that take deliveries, all in one process that nobody counts.

Those that follow the busiest group are well. Of the others, on the wide street, every tenth answers 503 and every
tenth never answers.
"""

import asyncio
import multiprocessing
import re
from collections.abc import Awaitable, Callable
from multiprocessing.synchronize import Event

from server.process import raise_file_limit
from tests.bench import neighbourhood

WIDE_STREET = 2_000
BUSY, HANGING = 0, 1  # the last digit of the house number
_WELL = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def house(number: int) -> str:
    """Authority of an instance on the wide street."""
    return f"127.67.{number // 250}.{number % 250 + 1}:{neighbourhood.PORT}"


def sick(number: int) -> bool:
    return number % 10 in (BUSY, HANGING)


def serve(ready: Event) -> None:
    """Answer every POST, as this instance does, for ever."""
    raise_file_limit()
    asyncio.run(_serve(ready))


async def _serve(ready: Event) -> None:
    for number in range(neighbourhood.HOSTS):
        await _listen(neighbourhood.host(number), _answering(_WELL))
    for number in range(WIDE_STREET):
        busy, hanging = number % 10 == BUSY, number % 10 == HANGING
        await _listen(house(number), _answering(None if hanging else _BUSY if busy else _WELL))
    ready.set()
    await asyncio.Event().wait()


async def _listen(host: str, answer: "_Answer") -> None:
    address, _, port = host.partition(":")
    await asyncio.start_server(answer, address, int(port))


_Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _answering(said: bytes | None) -> _Answer:
    """Takes each request whole, then says always the same, or nothing for as long as the other side waits."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                if said is not None:
                    writer.write(said)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return answer


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
