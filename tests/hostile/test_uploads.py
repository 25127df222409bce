"""D9, C18: forms with files, as no browser sends them."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from server.community import farewell, sessions
from tests.browser_like import Browser
from tests.federation.street import Street
from tests.hostile.private_street import Private
from tests.hostile.test_pictures import ana
from web.picture_form import Taken

# Each has a way of its own to fail; the first one takes minutes for a megabyte.
DECODERS = {
    "punycode": b"..", "idna": b"xn--zzzzzzzzz99999999", "utf-7": b"+2AA-", "raw_unicode_escape": b"\\ud800",
    "utf-16": b"\x00\xd8",
}  # fmt: skip
BOUNDARY = "multipart/form-data; boundary=part"


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("who", ["stranger", "resident"])
async def test_C18_no_form_chooses_how_it_is_read(street: Street, app: Starlette, who: str, decoder: str) -> None:
    browser = Browser(app) if who == "stranger" else await ana(street, app)
    body = b'--part\r\nContent-Disposition: form-data; name="text"\r\n\r\n%s\r\n--part--\r\n' % DECODERS[decoder]
    kinds = (
        f"{BOUNDARY}; charset={decoder}", f"multipart/form-data; charset={decoder}; boundary=part",
        f"{BOUNDARY}; charset*=utf-8''{decoder}", f"{BOUNDARY};CHARSET=\"{decoder}\"",
    )  # fmt: skip
    for kind in kinds:
        headers = {"content-type": kind, "sec-fetch-site": "same-origin"}
        assert (await browser.send("POST", "/g/elm_street/write", body, headers)).status == 415, kind


class Slow:
    """The application as somebody finds it who sends the rest of their form once `go` is set."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.waiting = asyncio.Semaphore(0)
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def slowly() -> Message:
            self.waiting.release()
            await self.go.wait()
            return await receive()

        await self.app(scope, slowly, send)


async def test_D9_one_resident_sends_a_few_forms_with_files_at_once(street: Street, app: Starlette) -> None:
    """Each may hold 33 MB, in memory where it names no file, for two minutes and a half."""
    anas, mias = await ana(street, app), await Private(street, app, street.lemmy).browser(street.mia_id)
    slow = Slow(app)
    anas.app = mias.app = slow
    headers = {"content-type": BOUNDARY, "sec-fetch-site": "same-origin"}

    async def send(browser: Browser) -> int:
        return (await browser.send("POST", "/g/elm_street/write", b"--part--\r\n", headers)).status

    held = [asyncio.create_task(send(browser)) for browser in (anas, anas, anas, mias)]
    async with asyncio.timeout(30):
        for _ in held:
            await slow.waiting.acquire()
        assert await send(anas) == 429
    slow.go.set()
    assert await asyncio.gather(*held) == [422] * 4
    assert await send(anas) == 422


@pytest.mark.parametrize("how", ["ends the session", "leaves", "leaves later"])
async def test_nobody_writes_once_they_are_out(
    street: Street, app: Starlette, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even with a form that was on its way: it may take minutes, and then their pictures are looked at."""
    browser, slow = await ana(street, app), Slow(app)
    browser.app = slow

    async def go() -> None:
        async with street.runtime.db.transaction() as conn:
            if how == "ends the session":
                await sessions.revoke_all(conn, street.ana_id)
            else:
                await farewell.leave(conn, street.ana_id, "a long sentence")
        await street.settle()

    async def take(*_args: object) -> Taken:
        await go()
        return Taken()

    if how == "leaves later":
        monkeypatch.setattr("web.picture_form.take", take)
    parts = "".join(
        f'--part\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nLate\r\n' for name in ("title", "text")
    )
    headers = {"content-type": BOUNDARY, "sec-fetch-site": "same-origin"}
    sending = asyncio.create_task(browser.send("POST", "/g/elm_street/write", f"{parts}--part--\r\n".encode(), headers))
    await slow.waiting.acquire()
    if how != "leaves later":
        await go()
    slow.go.set()
    answer = await sending
    assert answer.status in (401, 403), answer.header("location")
    assert await street.count_posts() == 0
    # What they typed is not lost.
    assert how == "leaves later" or "Late" in answer.words


@pytest.mark.parametrize("boundary", ["part", '"part"'])
async def test_a_form_is_read_as_browsers_send_it(street: Street, app: Starlette, boundary: str) -> None:
    browser = await ana(street, app)
    for kind in (f"multipart/form-data; boundary={boundary}", f"Multipart/Form-Data;boundary={boundary}"):
        headers = {"content-type": kind, "sec-fetch-site": "same-origin"}
        answer = await browser.send("POST", "/g/elm_street/write", b"--part--\r\n", headers)
        assert answer.status == 422, kind
