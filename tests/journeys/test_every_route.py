"""Every address of the application, asked by everybody: none fails, none lets in who should stay out."""

import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from server.runtime import Runtime
from tests.browser_like import Browser
from tests.journeys.conftest import add_group, signed_in, work
from tests.journeys.test_residents_write import written

# What each parameter of an address may stand for: something that exists, that does not, and that is no such thing.
EXISTING = {"name": "elm_street", "group": "elm_street", "folder": "groups", "version": "2.1"}
NOWHERE = {"name": "nobody_here", "group": "nobody_here", "folder": "people", "version": "9"}
STRANGE = "%00%F0%9F%98%80'\"<"
HUGE = "9" * 30


def routes(found: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path."""
    for route in found:
        if isinstance(route, Mount):
            yield from routes(list(route.routes), prefix + route.path)
        elif isinstance(route, Route):
            for method in sorted(route.methods or ()):
                yield method, prefix + route.path


def paths(pattern: str, known_id: str) -> list[str]:
    """The address with its parameters filled in, in each way."""
    ways: list[dict[str, str] | str] = [EXISTING, NOWHERE, STRANGE, HUGE]
    if "{" not in pattern:
        return [pattern]

    def fill(values: dict[str, str] | str) -> str:
        def one(match: re.Match[str]) -> str:
            name = match[1].partition(":")[0]
            return values if isinstance(values, str) else values.get(name, known_id)

        return re.sub(r"\{([^}]+)\}", one, pattern)

    return [fill(values) for values in ways]


@pytest.fixture
async def everybody(app: Starlette, runtime: Runtime, stranger: Browser) -> dict[str, Browser]:
    people = {"stranger": stranger, "moderator": await signed_in(app, "mia")}
    await add_group(runtime, moderator="mia")
    people["resident"] = await signed_in(app, "ben")
    people["admin"] = await signed_in(app, "ada", admin=True)
    await work(runtime)
    return people


async def test_no_address_fails_whoever_asks(app: Starlette, runtime: Runtime, everybody: dict[str, Browser]) -> None:
    thread = await written(everybody["resident"], runtime)
    known_id = thread.path.removeprefix("/t/")
    asked = 0
    for who, browser in everybody.items():
        for method, pattern in routes(list(app.routes)):
            for path in paths(pattern, known_id):
                if method == "POST" and path.startswith("/logout"):
                    continue
                headers = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
                answer = await browser.send(method, path, b"", headers)
                # /readyz says 503 here, as no worker runs beside the test.
                assert answer.status < 500 or path == "/readyz", f"{who} {method} {path}: {answer.status}"
                asked += 1
    assert asked > 400


async def test_nothing_is_changed_from_another_site(app: Starlette, everybody: dict[str, Browser]) -> None:
    """Each form, sent by a page elsewhere or without a word of where it comes from: 403."""
    changing = {pattern for method, pattern in routes(list(app.routes)) if method not in ("GET", "HEAD")}
    pages = sorted(pattern for pattern in changing if not pattern.startswith("/ap/"))
    assert len(pages) > 20
    for pattern in pages:
        path = paths(pattern, "1")[0]
        for said in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
            answer = await everybody["resident"].send("POST", path, b"", said)
            assert answer.status == 403, f"{path} {said}"


async def test_every_answer_carries_the_guards_headers(app: Starlette, everybody: dict[str, Browser]) -> None:
    for method, pattern in routes(list(app.routes)):
        if method == "GET":
            answer = await everybody["stranger"].send("GET", paths(pattern, "1")[0])
            assert answer.header("x-content-type-options") == "nosniff", pattern
            assert "default-src 'none'" in (answer.header("content-security-policy") or ""), pattern


async def test_admins_pages_do_not_exist_for_others(app: Starlette, everybody: dict[str, Browser]) -> None:
    pages = [
        pattern for method, pattern in routes(list(app.routes)) if method == "GET" and pattern.startswith("/admin")
    ]
    assert pages
    for pattern in pages:
        for who in ("stranger", "resident", "moderator"):
            answer = await everybody[who].send("GET", paths(pattern, "1")[0])
            assert answer.status in (303, 404), f"{who} {pattern}"
