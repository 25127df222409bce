"""Threads with pictures, for journeys: written through the form, as residents do."""

from pathlib import Path

from starlette.applications import Starlette

from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.journeys.conftest import add_group, signed_in, work

WRITE = "/g/elm_street/write"


CAT = "A grey cat on a windowsill"


async def street(app: Starlette, runtime: Runtime, visibility: str = "public") -> tuple[Browser, int]:
    ana = await signed_in(app, "ana")
    return ana, await add_group(runtime, moderator="ana", visibility=visibility, join_mode="ask")


async def show(browser: Browser, *files: bytes, words: str = CAT, **typed: str) -> Answer:
    """A new thread with pictures, all with the same words; the answer to its form."""
    form = (await browser.get(WRITE)).form("Send")
    for number, data in enumerate(files, start=1):
        form.files[f"file_{number}"] = (f"../../IMG_{number}.jpg", data)
        typed[f"words_{number}"] = words
    return await form.submit(**({"title": "A grey cat", "text": "On our sill."} | typed))


async def shown(browser: Browser, runtime: Runtime, *files: bytes, words: str = CAT, **typed: str) -> Answer:
    """A published thread with pictures."""
    thread = await show(browser, *files, words=words, **typed)
    assert thread.status == 200, thread.words
    await work(runtime)
    return await browser.get(thread.path)


def pictures_on(page: Answer) -> list[str]:
    """The addresses of the whole pictures on a page."""
    return [str(found["href"]) for found in page.soup.select(".pictures a")]


def files_in(runtime: Runtime) -> list[Path]:
    return [path for path in Path(runtime.settings.media_url).rglob("*") if path.is_file()]
