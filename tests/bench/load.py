"""The load: plain HTTP/1.1 over kept connections, in a process of its own that nobody counts."""

import asyncio
import time
import typing
from collections import Counter
from collections.abc import Iterator, Sequence


class Outcome(typing.NamedTuple):
    """Seconds of each request, the answers' statuses, bytes of all answers with their heads, seconds of it all."""

    seconds: list[float]
    statuses: Counter[int]
    received: int
    took: float

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.took

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def fire(port: int, requests: Sequence[bytes], connections: int) -> Outcome:
    """Send all requests over so many connections; each takes the next one as soon as it is answered."""
    return asyncio.run(_fire(port, requests, connections))


async def _fire(port: int, requests: Sequence[bytes], connections: int) -> Outcome:
    outcome = Outcome([], Counter(), 0, 0.0)
    waiting = iter(requests)
    began = time.perf_counter()
    sizes = await asyncio.gather(*(_one_connection(port, waiting, outcome) for _ in range(connections)))
    return outcome._replace(received=sum(sizes), took=time.perf_counter() - began)


async def _one_connection(port: int, waiting: Iterator[bytes], outcome: Outcome) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    received = 0
    for request in waiting:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _length(head)
        if length:
            await reader.readexactly(length)
        outcome.seconds.append(time.perf_counter() - began)
        outcome.statuses[int(head[9:12])] += 1
        received += len(head) + length
    writer.close()
    return received


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(lowered[at + 17 : lowered.index(b"\r\n", at + 2)])
    assert b"transfer-encoding" not in lowered, "answers have a length"
    return 0


def body(port: int, request: bytes) -> bytes:
    """The body of one answer."""

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(request)
        found = await reader.readexactly(_length(await reader.readuntil(b"\r\n\r\n")))
        writer.close()
        return found

    return asyncio.run(ask())
