"""What stands before every handler: same-origin writes, sizes and times, headers, compression, proxies."""

import asyncio
import gzip
import ipaddress
import typing

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import Message

from server import askers
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.conftest import BASE_URL, settings_for
from web import guards
from web.app import create_app

FORM = {"content-type": "application/x-www-form-urlencoded"}
SITE = {"origin": BASE_URL}


@pytest.fixture
def app(runtime: Runtime) -> Starlette:
    return create_app(runtime)


@pytest.fixture
def browser(app: Starlette) -> Browser:
    return Browser(app)


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": BASE_URL}, False),
        ({"origin": BASE_URL}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": BASE_URL + ".evil.example"}, False),
        ({"origin": "null"}, False),
        ({"cookie": "session=x"}, False),
        ({"cookie": "session=x", "sec-fetch-site": "same-origin"}, True),
        ({}, True),
    ],
)
async def test_a_form_of_another_site_is_not_taken(headers: dict[str, str], taken: bool) -> None:
    reached: list[str] = []

    async def takes(scope: typing.Any, receive: typing.Any, send: typing.Any) -> None:
        reached.append(scope["method"])
        await PlainTextResponse("taken")(scope, receive, send)

    browser = Browser(guards.SameOrigin(takes, origin=BASE_URL))
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = await browser.send(method, "/logout", b"a=b", FORM | headers)
        assert (answer.status == 403) is not taken
    assert (await browser.send("GET", "/help", headers=headers)).status == 200
    assert (await browser.send("POST", "/ap/inbox", headers=headers)).status == 200
    assert len(reached) == (6 if taken else 2)


async def test_a_handler_may_allow_a_larger_body_to_somebody_it_knows() -> None:
    async def takes(scope: typing.Any, receive: typing.Any, send: typing.Any) -> None:
        if scope["path"] == "/known":
            guards.allowance_of(scope).more(3000, 1.0)
        message = await receive()
        await PlainTextResponse(str(len(message["body"])))(scope, receive, send)

    browser = Browser(guards.BodyLimit(takes, size=1000, seconds=1.0))
    assert (await browser.send("POST", "/known", bytes(3000))).text == "3000"
    for path, size in (("/known", 3001), ("/", 1001)):
        with pytest.raises(HTTPException) as refusal:
            await browser.send("POST", path, bytes(size))
        assert refusal.value.status_code == 413


async def test_every_form_of_the_pages_is_guarded(app: Starlette, browser: Browser) -> None:
    paths = {
        route.path  # type: ignore[attr-defined]
        for route in app.routes
        if "POST" in (getattr(route, "methods", None) or ()) and not guards.for_machines(route.path)  # type: ignore[attr-defined]
    }
    assert "/login" in paths
    assert "/t/{post_id}/thank" in paths
    for path in paths:
        answer = await browser.send("POST", path, b"", FORM | {"sec-fetch-site": "cross-site"})
        assert (path, answer.status) == (path, 403)


async def test_a_body_over_the_limit_is_refused_by_its_promise_and_by_its_bytes(browser: Browser) -> None:
    big = b"text=" + b"x" * guards.MAX_BODY
    assert (await browser.send("POST", "/login", big, FORM | SITE)).status == 413
    assert (await browser.send("POST", "/login", b"a=b", FORM | SITE | {"content-length": "99999999"})).status == 413
    assert (await browser.send("POST", "/login", big, FORM | SITE | {"content-length": "3"})).status == 413


async def test_a_slow_body_is_cut_off() -> None:
    async def reads_all(scope: typing.Any, receive: typing.Any, send: typing.Any) -> None:
        while (await receive()).get("more_body"):
            pass

    limited = guards.BodyLimit(reads_all, seconds=0.01)

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(HTTPException) as caught:
        await limited({"type": "http", "method": "POST", "headers": []}, never, lambda _: asyncio.sleep(0))
    assert caught.value.status_code == 408


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json", "text/plain"])
async def test_other_kinds_of_bodies_are_refused(browser: Browser, kind: str) -> None:
    answer = await browser.send("POST", "/login", b"name=ana", SITE | {"content-type": kind})
    assert answer.status == 415


@pytest.mark.parametrize("body", [b"name=%ff", b"name=\xff", b"name=%ed%a0%80&password=x", b"&".join([b"a=1"] * 300)])
async def test_a_damaged_form_is_refused(browser: Browser, body: bytes) -> None:
    assert (await browser.send("POST", "/login", body, FORM | SITE)).status == 400


async def test_a_nul_in_a_form_is_refused_in_place(browser: Browser, runtime: Runtime) -> None:
    for path in ("/login", "/signup", "/reset", "/confirm/again"):
        body = b"name=an%00a&email=a%00@b.example&password=12345678%00&application=%00"
        assert (path, (await browser.send("POST", path, body, FORM | SITE)).status) == (path, 422)
    assert await runtime.db.pool.fetchval("select count(*) from accounts") == 0


NOT_FOUND = [
    "/t/99999999999999999999", "/t/9223372036854775808", "/t/-1", "/t/1e3", "/t/%00", "/t/١", "/g/%00",
    "/g/a%00b", "/@%00", "/@a@b@c", "/g/" + "x" * 5000, "/@" + "x" * 300 + "@b.example", "/static/../app.py",
    "/static/%2e%2e/app.py", "/static/", "/confirm", "/nothing", "/t/1/thanks", "/confirm?token=%00",
]  # fmt: skip


async def test_addresses_that_can_be_nothing_are_not_found(browser: Browser) -> None:
    for path in NOT_FOUND:
        answer = await browser.send("GET", path)
        assert (path, answer.status) == (path, 404)


async def test_queries_that_can_be_nothing_are_passed_over(browser: Browser) -> None:
    for query in ["before=99999999999999999999", "before=-1", "before=%00", "sort=%00", "after=%00"]:
        assert (await browser.send("GET", f"/groups?{query}")).status == 200
        assert (await browser.send("GET", f"/?{query}")).status == 200


async def test_a_wrong_method_is_refused_with_a_page(browser: Browser) -> None:
    answer = await browser.send("POST", "/help", b"", SITE)
    assert answer.status == 405
    assert "Error 405" in answer.words


async def test_every_answer_has_the_security_headers(browser: Browser) -> None:
    for method, path, headers in (
        ("GET", "/", {}), ("GET", "/nothing", {}), ("GET", "/static/folkmoot.css", {}), ("GET", "/healthz", {}),
        ("POST", "/login", FORM | {"sec-fetch-site": "cross-site"}), ("GET", "/ap/posts/1", {}),
        ("POST", "/help", SITE),
    ):  # fmt: skip
        answer = await browser.send(method, path, b"", headers)
        for name, value in guards.SECURITY_HEADERS.items():
            assert (path, answer.header(name)) == (path, value)
        assert answer.header("strict-transport-security") is None


async def test_the_policy_allows_our_own_files_alone(browser: Browser) -> None:
    policy = (await browser.get("/")).header("content-security-policy") or ""
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    soup = (await browser.get("/")).soup
    assert not soup.select("[style], style, script:not([src])")
    assert all(str(script["src"]).startswith("/static/") for script in soup.select("script"))


async def test_https_is_insisted_on_where_it_is_spoken(runtime: Runtime) -> None:
    dsn, folder = runtime.settings.database_url, runtime.settings.data_dir
    runtime.settings = settings_for(dsn, folder, BASE_URL="https://moot.test")
    answer = await Browser(create_app(runtime)).get("/help")
    assert answer.header("strict-transport-security") == guards.HSTS


async def test_texts_are_compressed_for_those_who_can_read_it(browser: Browser) -> None:
    plain = await browser.get("/help")
    packed = await browser.get("/help", headers={"accept-encoding": "gzip, br"})
    assert packed.header("content-encoding") == "gzip"
    assert len(packed.body) < len(plain.body) / 2
    assert b"</html>" in gzip.decompress(packed.body)
    assert packed.header("content-length") == str(len(packed.body))
    assert (await browser.get("/healthz", headers={"accept-encoding": "gzip"})).header("content-encoding") is None


async def test_static_files_are_kept_for_ever_under_their_content_hash(browser: Browser) -> None:
    sheet = str((await browser.get("/")).soup.select("link[rel=stylesheet]")[0]["href"])
    assert "immutable" in ((await browser.get(sheet)).header("cache-control") or "")
    outdated = await browser.get(sheet.partition("?")[0] + "?v=0")
    assert "immutable" not in (outdated.header("cache-control") or "")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["rubbish"], "unknown"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], "2001:db8:1:2::/64"),
    ],
)
async def test_the_askers_address_is_what_our_own_proxies_saw(
    runtime: Runtime, peer: str, forwarded: list[str], expected: str
) -> None:
    dsn, folder = runtime.settings.database_url, runtime.settings.data_dir
    settings = settings_for(dsn, folder, TRUSTED_PROXIES="10.0.0.0/8")
    assert settings.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"),)
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    assert askers.client_key({"type": "http", "client": (peer, 1), "headers": headers}, settings) == expected
