"""D1, D9 to D11 against the real web process: slow, endless, packed and forged bytes over real sockets."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import asyncio
import contextlib
import gzip
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

import psutil
import pytest

from tests.federation.peer import ACTIVITY
from tests.real_moot import RealMoot, real_moot, until

pytestmark = pytest.mark.slow

ADDRESS = "127.0.0.20"
SLOW = 300
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
async def moot(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealMoot]:
    async with real_moot(ADDRESS, cluster, tmp_path_factory.mktemp("sockets")) as made:
        made.start("web")
        browser = made.browser()
        await made.insist(lambda: browser.get("/healthz"), 60)
        yield made


class Raw:
    """A connection on which any bytes can be sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def pour(self, pieces: Iterable[bytes]) -> int:
        """Send until the other side hangs up; how many bytes it took."""
        sent = 0
        try:
            for piece in pieces:
                await asyncio.wait_for(self.say(piece), 30)
                sent += len(piece)
        except ConnectionError:
            pass
        return sent

    async def status(self) -> int:
        """The status of the answer, 0 where there was none."""
        try:
            line = await asyncio.wait_for(self.reader.readline(), 60)
        except ConnectionError:
            return 0
        found = re.match(rb"HTTP/1\.1 (\d{3}) ", line)
        return int(found[1]) if found else 0

    async def until_closed(self) -> bytes:
        """What was said until the other side closed."""
        try:
            return await asyncio.wait_for(self.reader.read(), 60)
        except ConnectionError:
            return b""

    @property
    def open_still(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


Connect = Callable[[], Awaitable[Raw]]


@pytest.fixture
async def connect(moot: RealMoot) -> AsyncIterator[Connect]:
    """Opens connections, which end with the test."""
    host, _, port = moot.host.partition(":")
    made: list[Raw] = []

    async def one() -> Raw:
        made.append(Raw(*await asyncio.open_connection(host, int(port))))
        return made[-1]

    yield one
    for raw in made:
        await raw.close()


def head(moot: RealMoot, path: str, *more: str, method: str = "POST", kind: str = ACTIVITY) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {moot.host}", f"Content-Type: {kind}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def memory(moot: RealMoot) -> int:
    """Resident bytes of the web process and its children."""
    top = psutil.Process(moot.processes["web"].pid)
    return sum(one.memory_info().rss for one in (top, *top.children(recursive=True)))


def chunks(count: int) -> Iterable[bytes]:
    for _ in range(count):
        yield b"10000\r\n" + b"x" * 65536 + b"\r\n"


@pytest.mark.parametrize("path", ["/ap/inbox", "/login"])
@pytest.mark.parametrize("how", ["length", "chunked", "small promise", "gzip"])
async def test_D1_a_body_over_the_limit_is_refused_and_not_kept(
    moot: RealMoot, connect: Connect, path: str, how: str
) -> None:
    """150 MiB, promised or in pieces without a promise, costs no more memory than the limit."""
    form = "application/x-www-form-urlencoded"
    kind = ACTIVITY if path == "/ap/inbox" else form
    origin = f"Origin: {moot.base}"
    before = memory(moot)
    raw = await connect()
    if how == "length":
        await raw.say(head(moot, path, origin, f"Content-Length: {150 * MEBIBYTE}", kind=kind))
        await raw.pour(b"x" * 65536 for _ in range(2400))
    elif how == "chunked":
        await raw.say(head(moot, path, origin, "Transfer-Encoding: chunked", kind=kind))
        await raw.pour(chunks(2400))
    elif how == "small promise":
        await raw.say(head(moot, path, origin, f"Content-Length: {MEBIBYTE + 1}", kind=kind))
        await raw.pour([b"x" * (MEBIBYTE + 1)])
    else:
        packed = gzip.compress(b"x" * (150 * MEBIBYTE), 1)
        assert len(packed) < MEBIBYTE
        await raw.say(head(moot, path, origin, "Content-Encoding: gzip", f"Content-Length: {len(packed)}", kind=kind))
        await raw.pour([packed])
    # A body that is still being sent when it is refused may lose the answer with the connection.
    assert await raw.status() in ((400, 401, 422) if how == "gzip" else (0, 413))
    await raw.close()
    assert memory(moot) - before < 24 * MEBIBYTE
    assert (await moot.browser().get("/healthz")).status == 200


def slow_starts(moot: RealMoot) -> list[bytes]:
    """Six ways to hold a connection."""
    return [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: " + moot.host.encode() + b"\r\nX-Slow: ",
        head(moot, "/ap/inbox", "Content-Length: 1000"),
        head(moot, "/ap/inbox", "Transfer-Encoding: chunked") + b"1\r\n{\r\n",
        head(moot, "/login", "Content-Length: 1000", f"Origin: {moot.base}", kind="application/x-www-form-urlencoded"),
    ]


async def test_D9_three_hundred_slow_connections_keep_nobody_out(moot: RealMoot, connect: Connect) -> None:
    """Others are answered while all of them are held, and in the end each of them is closed."""
    starts = slow_starts(moot)
    slow = [await connect() for _ in range(SLOW)]
    for number, raw in enumerate(slow):
        await raw.say(starts[number % len(starts)])
    browser = moot.browser()
    for _ in range(10):
        assert (await browser.get("/help")).status == 200
    assert sum(raw.open_still for raw in slow) == SLOW

    async def drip(raw: Raw) -> bytes:
        """A byte now and then, as a slow sender does, until nobody listens any more."""
        ended = asyncio.create_task(raw.until_closed())
        while not ended.done():
            await asyncio.wait({ended}, timeout=1)
            if not ended.done() and raw.open_still:
                raw.writer.write(b"x")
        return await ended

    ends = await asyncio.gather(*(drip(raw) for raw in slow))
    for raw in slow:
        await raw.close()
    assert {end.split(b"\r\n")[0] for end in ends if end} <= {
        b"HTTP/1.1 408 Request Timeout",
        b"HTTP/1.1 400 Bad Request",
    }
    assert (await browser.get("/help")).status == 200


FORGED_LINE = "timestamp=2026-01-01T00:00:00Z level=error event=forged"


async def test_D10_nobody_writes_lines_into_our_log(moot: RealMoot, connect: Connect) -> None:
    """Escape codes and line breaks in paths, headers, key ids; each line of the log is one of ours."""
    evil = ["\x1b[2J\x1b[31m", f"%0a{FORGED_LINE}", f"%1b%5b2J%0d%0a{FORGED_LINE}", "\x85x", "\xff\xfe"]
    for one in evil:
        for line in (
            head(moot, f"/{one}", method="GET"), head(moot, "/", f"User-Agent: {one}", method="GET"),
            head(moot, "/", f"Cookie: session={one}", f"X-Forwarded-For: {one}", method="GET"),
            head(moot, "/ap/inbox", f'Signature: keyId="http://127.0.0.9:1/{one}",headers="date",signature="AA=="',
                 "Content-Length: 2") + b"{}",
            head(moot, "/ap/inbox", f'Signature: keyId="{one}"', f"Content-Type: {one}", "Content-Length: 2") + b"{}",
        ):  # fmt: skip
            raw = await connect()
            await raw.say(line)
            await raw.status()
            await raw.close()
    said = moot.said("web")
    assert "\x1b" not in said
    assert not re.search(r"^timestamp=2026-01-01", said, re.MULTILINE)
    strange = [line for line in said.splitlines() if not re.match(r"timestamp=\S+ level=\w+ event=", line)]
    assert strange == []
    assert [line for line in said.splitlines() if "Signature" in line or "session=" in line] == []


@pytest.mark.parametrize("path", ["/ap/inbox", "/login"])
async def test_D10_a_request_that_is_broken_off_is_no_fault_of_ours(
    moot: RealMoot, connect: Connect, path: str
) -> None:
    """Anybody can hang up a thousand times: nothing is written for it, and a body in broken pieces is told 400."""
    before = moot.said("web")
    kind = ACTIVITY if path == "/ap/inbox" else "application/x-www-form-urlencoded"
    for _ in range(20):
        gone = await connect()
        await gone.say(head(moot, path, f"Origin: {moot.base}", "Content-Length: 100", kind=kind) + b"{")
        await gone.close()
        broken = await connect()
        await broken.say(
            head(moot, path, f"Origin: {moot.base}", "Transfer-Encoding: chunked", kind=kind) + b"1\r\n{\r\nx\r\n"
        )
        assert await broken.status() == 400
    assert (await moot.browser().get("/healthz")).status == 200
    assert moot.said("web") == before


async def test_D10_a_thousand_bad_requests_are_few_lines(moot: RealMoot, connect: Connect) -> None:
    before = len(moot.said("web").splitlines())
    raw = await connect()
    for number in range(1000):
        await raw.say(head(moot, "/static/x", f'Cookie: session="{number}; =;;', "Range: bytes=x", method="GET"))
        answer = await raw.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer.lower())
        await raw.reader.readexactly(int(length[1]) if length else 0)
    await raw.close()
    assert len(moot.said("web").splitlines()) - before <= 10


@pytest.mark.parametrize("path", ["/static/folkmoot.css", "/", "/ap/instance"])
async def test_D11_ten_thousand_ranges_are_one_answer(moot: RealMoot, connect: Connect, path: str) -> None:
    """Ranges are not ours to serve: the header costs nothing and the whole file is sent, or the head is too large."""
    whole = await moot.browser().get(path)
    ranges = ",".join(f"{number}-{number + 1}" for number in range(9_000))
    for asked in ("bytes=" + ranges[:60_000].rpartition(",")[0], "bytes=" + ranges, "bytes=0-0,-1," + "0-," * 100):
        raw = await connect()
        await raw.say(head(moot, path, f"Range: {asked}", "Accept-Encoding: identity", method="GET"))
        assert await raw.status() in (whole.status, 303, 400, 431, 0), asked[:50]
        await raw.close()
    assert (await moot.browser().get("/healthz")).status == 200


async def test_D9_a_reader_who_does_not_read_holds_nothing_for_others(moot: RealMoot, connect: Connect) -> None:
    """Asks for much and takes none of it."""
    held = [await connect() for _ in range(50)]
    for raw in held:
        raw.writer.write(head(moot, "/static/folkmoot.css", method="GET") * 50)
    browser = moot.browser()
    for _ in range(5):
        assert (await browser.get("/help")).status == 200
    for raw in held:
        await raw.close()

    async def well() -> bool:
        return (await browser.get("/healthz")).status == 200

    await until(well, "the web process is well")


def test_the_web_process_said_nothing_of_faults(moot: RealMoot) -> None:
    assert "Traceback" not in Path(moot.folder / "web.log").read_text(errors="replace")
