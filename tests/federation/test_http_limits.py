"""How long and how much the client listens, against servers that never stop; rows C8 to C12."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import asyncio
import gzip
import resource
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from federation.budget import BudgetSpent, FetchBudget
from federation.egress import FetchFailed, RefusedUrl
from federation.http import Client, Deadlines, TooLarge, TooManyRedirects, Unreachable
from federation.paging import read_collection
from tests.federation.loopback import AGENT, EVIL, NOW, POLICY, Server, redirect, reply, sign


@pytest.fixture
async def hasty() -> AsyncIterator[Client]:
    made = Client(POLICY, AGENT, lambda: NOW, Deadlines(connect=0.2, fetch=0.2, delivery=0.2))
    yield made
    await made.close()


# How long and how much


# They sleep between bytes: that is the attack.


async def drip_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("drip", [drip_head, drip_body, drip_chunks])
async def test_C8_a_slow_answer_ends_at_the_deadline_and_the_socket_closes(
    hasty: Client, evil: Server, drip: Callable[[asyncio.StreamWriter], Awaitable[None]]
) -> None:
    evil.answers["/x"] = drip
    tasks = len(asyncio.all_tasks())
    with pytest.raises(Unreachable) as late:
        await hasty.get_json(f"{evil.url}/x")
    assert late.value.reason == "timeout"
    await asyncio.wait_for(evil.closed.wait(), 5)
    assert len(asyncio.all_tasks()) <= tasks + 1  # the server's own handler may still be closing


async def test_C8_a_slow_inbox_ends_too(hasty: Client, evil: Server) -> None:
    evil.answers["/inbox"] = drip_body
    with pytest.raises(Unreachable) as late:
        await hasty.post(f"{evil.url}/inbox", b"{}", sign)
    assert late.value.reason == "timeout"


async def test_C8_a_host_that_takes_no_connection_ends_at_the_connect_deadline() -> None:
    with socket.socket() as full:
        full.bind((EVIL, 0))
        full.listen(0)
        port = full.getsockname()[1]
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex((EVIL, port))
        client = Client(POLICY, AGENT, lambda: NOW, Deadlines(connect=0.2, fetch=60))
        with pytest.raises(Unreachable) as late:
            await asyncio.wait_for(client.get_json(f"http://{EVIL}:{port}/x"), 30)
        assert late.value.reason == "timeout"
        await client.close()
        for one in held:
            one.close()


def bomb(encoding: str, size: int) -> bytes:
    packer = {"gzip": zlib.compressobj(wbits=31), "deflate": zlib.compressobj()}[encoding]
    body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
    return reply(body, Content_Encoding=encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_C9_a_bomb_stops_at_the_limit_of_decoded_bytes(fetcher: Client, evil: Server, encoding: str) -> None:
    evil.answers["/x"] = bomb(encoding, 128 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLarge):
        await fetcher.get_json(f"{evil.url}/x")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10  # KiB


async def test_C9_the_limit_is_exact_and_needs_no_content_length(fetcher: Client, evil: Server) -> None:
    evil.answers["/full"] = reply(b"x" * 1000)
    evil.answers["/over"] = reply(b"x" * 1001)
    evil.answers["/unsaid"] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b"x" * 1001
    evil.answers["/packed"] = reply(gzip.compress(b"x" * 1000), Content_Encoding="gzip")
    for path in ("/full", "/packed"):
        assert (await fetcher.get_json(f"{evil.url}{path}", limit=1000)).body == b"x" * 1000
    for path in ("/over", "/unsaid"):
        with pytest.raises(TooLarge):
            await fetcher.get_json(f"{evil.url}{path}", limit=1000)


async def test_C9_an_encoding_that_we_cannot_undo_is_no_crash(fetcher: Client, evil: Server) -> None:
    evil.answers["/x"] = reply(b"not gzip", Content_Encoding="gzip")
    with pytest.raises(Unreachable):
        await fetcher.get_json(f"{evil.url}/x")


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "x-unknown", "gzip, gzip", "gzip, br"])
async def test_C9_no_other_encoding_swells(fetcher: Client, evil: Server, encoding: str) -> None:
    """What nothing here undoes stays as small as it came, and is no JSON or is refused."""
    packed = gzip.compress(gzip.compress(bytes(64 << 20)))
    evil.answers["/x"] = reply(packed, "application/activity+json", Content_Encoding=encoding)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FetchFailed):
        await fetcher.fetch_object(f"{evil.url}/x")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10  # KiB


async def test_C10_circles_and_long_chains_end(fetcher: Client, evil: Server) -> None:
    evil.answers["/self"] = redirect("/self")
    evil.answers["/a"] = redirect("/b")
    evil.answers["/b"] = redirect(f"{evil.url}/a")
    for path, asked in (("/self", 1), ("/a", 2)):
        evil.requests.clear()
        with pytest.raises(TooManyRedirects):
            await fetcher.get_json(f"{evil.url}{path}")
        assert len(evil.requests) == asked
    evil.requests.clear()
    evil.default = lambda path: redirect(f"/{int(path[1:]) + 1}")
    with pytest.raises(TooManyRedirects):
        await fetcher.get_json(f"{evil.url}/0")
    assert len(evil.requests) == 4
    evil.answers["/3"] = reply(b"{}")
    assert len((await fetcher.get_json(f"{evil.url}/0")).hops) == 4


async def test_C10_a_redirect_without_a_target_is_refused(fetcher: Client, evil: Server) -> None:
    evil.answers["/x"] = reply(b"", status=302)
    with pytest.raises(RefusedUrl):
        await fetcher.get_json(f"{evil.url}/x")


async def test_C11_an_endless_world_ends_with_the_budget(fetcher: Client, evil: Server) -> None:
    evil.default = lambda path: reply(
        f'{{"id":"{evil.url}{path}","next":"{evil.url}{path}1"}}'.encode(), "application/activity+json"
    )
    budget = FetchBudget()
    url = f"{evil.url}/1"
    for _ in range(20):
        url = str((await fetcher.fetch_object(url, budget=budget)).document["next"])
    with pytest.raises(BudgetSpent):
        await fetcher.fetch_object(url, budget=budget)
    assert len(evil.requests) == 20


async def test_C11_redirects_count_and_depth_ends(fetcher: Client, evil: Server) -> None:
    evil.answers["/x"] = redirect("/y")
    evil.answers["/y"] = reply(b"{}")
    budget = FetchBudget(fetches=3, depth=1)
    child = budget.deeper()
    await fetcher.get_json(f"{evil.url}/x", budget=child)
    budget.take()
    with pytest.raises(BudgetSpent):
        budget.take()
    with pytest.raises(BudgetSpent):
        child.deeper()
    with pytest.raises(BudgetSpent):
        await fetcher.get_json(f"{evil.url}/x", budget=budget)


async def test_C11_time_ends_for_all_depths_together(fetcher: Client, evil: Server) -> None:
    evil.answers["/x"] = reply(b"{}")
    at = 0.0
    budget = FetchBudget(seconds=10, monotonic=lambda: at)
    at = 9.0
    child = budget.deeper()
    assert child.seconds_left() == 1
    at = 11.0
    with pytest.raises(FetchFailed):
        await fetcher.get_json(f"{evil.url}/x", budget=child)
    assert evil.requests == []


def page(url: str, items: str, following: str) -> bytes:
    return reply(
        f'{{"id":"{url}","type":"OrderedCollectionPage","orderedItems":{items},"next":"{following}"}}'.encode(),
        "application/activity+json",
    )


async def test_C12_an_endless_collection_ends_after_ten_documents(fetcher: Client, evil: Server) -> None:
    evil.default = lambda path: page(f"{evil.url}{path}", '["a","b"]', f"{evil.url}{path}1")
    assert len(await read_collection(fetcher, f"{evil.url}/1")) == 20
    assert len(evil.requests) == 10


async def test_C12_a_circle_ends(fetcher: Client, evil: Server) -> None:
    evil.default = lambda path: page(f"{evil.url}{path}", '["a"]', f"{evil.url}/1")
    assert await read_collection(fetcher, f"{evil.url}/1") == ["a"]
    assert len(evil.requests) == 1


async def test_C12_a_page_on_another_host_is_not_read(fetcher: Client, evil: Server, victim: Server) -> None:
    evil.answers["/1"] = page(f"{evil.url}/1", '["a"]', f"{victim.url}/2")
    evil.answers["/2"] = page(f"{evil.url}/2", '["a"]', f"{evil.url}/3")
    evil.answers["/3"] = redirect(f"{victim.url}/3")
    victim.default = lambda path: page(f"{victim.url}{path}", '["b"]', "")
    assert await read_collection(fetcher, f"{evil.url}/1") == ["a"]
    assert victim.connections == 0
    assert await read_collection(fetcher, f"{evil.url}/2") == ["a"]


async def test_C12_a_million_items_are_cut(fetcher: Client, evil: Server) -> None:
    items = "[" + ",".join(["1"] * 400_000) + "]"
    evil.answers["/1"] = page(f"{evil.url}/1", items, f"{evil.url}/2")
    assert await read_collection(fetcher, f"{evil.url}/1") == [1] * 200
    assert len(evil.requests) == 1


async def test_C12_an_embedded_first_page_is_read_and_a_broken_one_ends_the_list(fetcher: Client, evil: Server) -> None:
    evil.serve_object(
        "/c", f'{{"id":"{evil.url}/c","first":{{"items":["a"],"next":"{evil.url}/2"}}}}'
    )  # fmt: skip
    evil.answers["/2"] = page(f"{evil.url}/2", '"b"', f"{evil.url}/gone")
    assert await read_collection(fetcher, f"{evil.url}/c") == ["a", "b"]
