"""A subscription to somebody else's block list: fetched by an errand, followed only where an admin says so."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from starlette.applications import Starlette

from federation import housekeeping
from moderation import instances, subscriptions
from server import worker
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.conftest import MovedClock
from tests.journeys.conftest import add_group, signed_in
from tests.journeys.test_servers import befriend, resting, set_rows
from web.app import create_app

LISTS = "/admin/instances/lists"


class Keeper:
    """Keeps a list at an address of its own."""

    def __init__(self) -> None:
        self.words: bytes = b"a.example,suspend,Spam\nb.example,silence\n"
        self.status = 200
        self.conditions: list[str] = []

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/list.csv", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.8", 0).start()
        self.url = f"http://127.0.0.8:{self._runner.addresses[0][1]}/list.csv"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        self.conditions.append(request.headers.get("If-None-Match", ""))
        etag = f'"{hash(self.words)}"'
        if self.status != 200 or self.conditions[-1] == etag:
            return web.Response(status=self.status if self.status != 200 else 304)
        return web.Response(body=self.words, headers={"ETag": etag}, content_type="text/plain")


@pytest.fixture
async def keeper() -> AsyncIterator[Keeper]:
    made = Keeper()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def app(runtime: Runtime) -> Starlette:
    return create_app(runtime)


@pytest.fixture
async def ada(app: Starlette, runtime: Runtime) -> Browser:
    ada = await signed_in(app, "ada", admin=True)
    await signed_in(app, "mia")
    await add_group(runtime, moderator="mia")
    await worker.run_until_idle(runtime)
    return ada


async def subscribed(runtime: Runtime, ada: Browser, keeper: Keeper) -> Answer:
    """The page of the list once it has been read for the first time."""
    page = await (await ada.get(LISTS)).form("Subscribe").submit(address=keeper.url)
    assert "not read yet" in page.words
    await worker.run_until_idle(runtime)
    return await ada.get(page.path)


async def read_again(runtime: Runtime, page: Answer) -> Answer:
    await page.form("Read it now").submit()
    await worker.run_until_idle(runtime)
    return await page.browser.get(page.path)


async def test_a_list_acts_only_where_an_admin_says_so(runtime: Runtime, ada: Browser, keeper: Keeper) -> None:
    await befriend(runtime, "mia", "a.example")
    page = await subscribed(runtime, ada, keeper)
    assert "2 changes wait for you" in page.words
    assert "mia would no longer hear from Gardening at a.example." in page.words
    assert (await set_rows(runtime), await resting(runtime)) == ({}, 0)
    assert "A list of servers that you subscribe to has changed." in (await ada.get("/notifications")).words
    page = await page.form("Take over what is ticked").submit(**{"host-2": "nobody.example"})
    assert (await set_rows(runtime), await resting(runtime)) == ({"a.example": "blocked"}, 2)
    assert "1 change waits for you" in page.words
    assert "from a list" in (await ada.get("/admin/instances")).words
    page = await page.form("Leave aside what is ticked").submit()
    assert "No change waits for you." in page.words
    assert await set_rows(runtime) == {"a.example": "blocked"}
    # Nothing has changed there: what was left aside is not offered again.
    page = await read_again(runtime, page)
    assert "No change waits for you." in page.words
    assert keeper.conditions[0] == ""
    assert keeper.conditions[1] != ""


async def test_what_a_list_takes_back_is_offered_too(runtime: Runtime, ada: Browser, keeper: Keeper) -> None:
    page = await subscribed(runtime, ada, keeper)
    page = await page.form("Take over what is ticked").submit()
    assert await set_rows(runtime) == {"a.example": "blocked", "b.example": "limited"}
    keeper.words = b"b.example,suspend\n"
    page = await read_again(runtime, page)
    assert "no longer on the list, where it was: blocked" in page.words
    assert "read first → blocked" in page.words
    assert await set_rows(runtime) == {"a.example": "blocked", "b.example": "limited"}
    page = await page.form("Take over what is ticked").submit()
    assert await set_rows(runtime) == {"b.example": "blocked"}
    # Also what becomes weaker, where only the list had made it strict.
    keeper.words = b"b.example,silence\n"
    page = await (await read_again(runtime, page)).form("Take over what is ticked").submit()
    assert await set_rows(runtime) == {"b.example": "limited"}


async def test_what_a_person_set_no_list_weakens(runtime: Runtime, ada: Browser, keeper: Keeper) -> None:
    await (await ada.get("/admin/instances")).form("Save").submit(host="b.example", policy="blocked", reason="Mine")
    page = await subscribed(runtime, ada, keeper)
    assert "Changes nothing here: what is set already counts." in page.words
    page = await page.form("Take over what is ticked").submit()
    assert await set_rows(runtime) == {"a.example": "blocked", "b.example": "blocked"}
    keeper.words = b"c.sub.a.example,silence\n"
    page = await (await read_again(runtime, page)).form("Take over what is ticked").submit()
    # Its own row goes, and only then the one below it is weaker than nothing.
    assert await set_rows(runtime) == {"b.example": "blocked", "c.sub.a.example": "limited"}
    await page.form("Unsubscribe").submit()
    assert await set_rows(runtime) == {"b.example": "blocked", "c.sub.a.example": "limited"}
    assert await runtime.db.pool.fetchval("select count(*) from policy_list_entries") == 0
    assert "from a list" not in (await ada.get("/admin/instances")).words


async def test_what_two_lists_agree_on_stays_until_both_take_it_back(
    runtime: Runtime, ada: Browser, keeper: Keeper
) -> None:
    other = Keeper()
    other.words = b"a.example,silence\n"
    await other.start()
    try:
        first = await (await subscribed(runtime, ada, keeper)).form("Take over what is ticked").submit()
        second = await (await subscribed(runtime, ada, other)).form("Take over what is ticked").submit()
        keeper.words = b"b.example,silence\n"
        first = await (await read_again(runtime, first)).form("Take over what is ticked").submit()
        assert await set_rows(runtime) == {"a.example": "limited", "b.example": "limited"}
        other.words = b"d.example,silence\n"
        await (await read_again(runtime, second)).form("Take over what is ticked").submit()
        assert "a.example" not in await set_rows(runtime)
    finally:
        await other.stop()


async def test_what_was_not_read_is_not_decided(runtime: Runtime, ada: Browser, keeper: Keeper) -> None:
    page = await subscribed(runtime, ada, keeper)
    keeper.words = b"a.example,suspend\nc.example,suspend\n"
    await read_again(runtime, page)
    late = await page.form("Take over what is ticked").submit()
    assert (late.status, "The list has changed meanwhile." in late.words) == (409, True)
    assert await set_rows(runtime) == {}
    assert (await ada.post(f"{page.path}/decide", {"version": "1"})).status == 404
    assert (await ada.post(f"{page.path}/decide", {"version": "x", "take": "1"})).status == 404


async def test_a_long_list_is_taken_over_as_a_whole(runtime: Runtime, ada: Browser, keeper: Keeper) -> None:
    keeper.words = b"".join(b"s%d.example,suspend\n" % n for n in range(1000))
    page = await subscribed(runtime, ada, keeper)
    assert "And 900 more." in page.words
    page = await page.form("Take over what is ticked").submit()
    assert len(await set_rows(runtime)) == 100
    page = await page.form("Leave everything aside").submit()
    assert (len(await set_rows(runtime)), "No change waits for you." in page.words) == (100, True)
    keeper.words = b"".join(b"t%d.example,suspend\n" % n for n in range(1000))
    page = await read_again(runtime, page)
    await page.form("Take over everything").submit()
    rows = await set_rows(runtime)
    assert len(rows) == 1000
    assert "s1.example" not in rows


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (b"<!doctype html><p>Sorry</p>", 200, "Not one line of it names a server."),
        (b"", 200, "Not one line of it names a server."),
        (b"\xff\xfe\x00", 200, "What stands there is no text."),
        (b"x" * 600_001, 200, "It is larger than any list we read."),
        (b"a.example\n" * 10_001, 200, "It is larger than any list we read."),
        (b"a.example", 500, "It could not be fetched (status_500)."),
        (b"a.example", 404, "It could not be fetched (status_404)."),
    ],
)
async def test_a_list_that_cannot_be_read_takes_nothing_back(
    runtime: Runtime, ada: Browser, keeper: Keeper, words: bytes, status: int, why: str
) -> None:
    page = await (await subscribed(runtime, ada, keeper)).form("Take over what is ticked").submit()
    keeper.words, keeper.status = words, status
    page = await read_again(runtime, page)
    assert why in page.words
    assert "No change waits for you." in page.words
    assert len(await set_rows(runtime)) == 2


async def test_a_list_lets_nobody_in(runtime: Runtime, ada: Browser, keeper: Keeper) -> None:
    await (await ada.get("/admin/instances")).form("Save").submit(host="a.example", policy="blocked")
    keeper.words = b"a.example,allow\nz.example,open\nc.example,suspend\n"
    page = await subscribed(runtime, ada, keeper)
    assert "1 change waits for you" in page.words
    await page.form("Take over what is ticked").submit()
    assert await set_rows(runtime) == {"a.example": "blocked", "c.example": "blocked"}


async def test_lists_are_read_again_when_their_time_comes(
    runtime: Runtime, ada: Browser, keeper: Keeper, moved_clock: MovedClock
) -> None:
    await subscribed(runtime, ada, keeper)
    await housekeeping.tidy(runtime)
    await worker.run_until_idle(runtime)
    assert len(keeper.conditions) == 1
    await moved_clock.advance(hours=25)
    await housekeeping.tidy(runtime)
    await worker.run_until_idle(runtime)
    assert len(keeper.conditions) == 2


async def test_a_keeper_need_not_be_on_our_list(runtime: Runtime, ada: Browser, keeper: Keeper) -> None:
    async with runtime.db.transaction() as conn:
        await instances.set_many(conn, {instances.OTHERS: ("blocked", "")}, None)
    assert "2 changes wait for you" in (await subscribed(runtime, ada, keeper)).words


async def test_a_subscription_is_checked(runtime: Runtime, ada: Browser, keeper: Keeper) -> None:
    form = (await ada.get(LISTS)).form("Subscribe")
    for bad in ({"address": "file:///etc/passwd"}, {"address": "https://"}, {"address": "ftp://a.example/x"},
                {"hours": "0"}, {"hours": "721"}, {"hours": "x"}, {"hours": "²"}, {"address": "\x00"}):  # fmt: skip
        wrong = await form.submit(**({"address": keeper.url, "hours": "24"} | bad))
        assert (bad, wrong.status) == (bad, 422)
    await form.submit(address=keeper.url)
    assert "This list is read already." in (await form.submit(address=keeper.url)).words
    for n in range(subscriptions.MOST_LISTS - 1):
        async with runtime.db.transaction() as conn:
            await subscriptions.subscribe(conn, f"https://lists.example/{n}", "24", await _ada(runtime))
    assert "At most 20 lists" in (await form.submit(address="https://lists.example/more")).words


async def test_a_list_within_our_walls_is_not_fetched(runtime: Runtime, ada: Browser) -> None:
    """C4: an admin's list goes through the same guarded client as all else."""
    page = await (await ada.get(LISTS)).form("Subscribe").submit(address="https://10.0.0.1/list.csv")
    await worker.run_until_idle(runtime)
    assert "It could not be fetched (" in (await ada.get(page.path)).words


async def _ada(runtime: Runtime) -> int:
    return int(await runtime.db.pool.fetchval("select actor_id from accounts where admin"))
