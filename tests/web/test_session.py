"""The session's own upkeep: it ends after a time unused, and is not written at every page."""

from server.community.sessions import DAYS
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.conftest import MovedClock
from tests.journeys.conftest import signed_in
from tests.web.counting import counted
from web.app import create_app


async def test_a_session_is_touched_every_ten_minutes_at_most(runtime: Runtime, moved_clock: MovedClock) -> None:
    browser = await signed_in(create_app(runtime), "ana")
    await moved_clock.advance(minutes=11)
    async with counted(runtime) as first:
        await browser.get("/help")
    async with counted(runtime) as second:
        await browser.get("/help")
    assert any("update sessions" in statement for statement in first)
    assert not any("update sessions" in statement for statement in second)


async def test_a_session_unused_for_long_opens_nothing(runtime: Runtime, moved_clock: MovedClock) -> None:
    browser: Browser = await signed_in(create_app(runtime), "ana")
    await moved_clock.advance(days=DAYS - 1)
    assert (await browser.get("/settings", follow=False)).status == 200
    await moved_clock.advance(days=DAYS + 1)
    assert (await browser.get("/settings", follow=False)).status == 303
