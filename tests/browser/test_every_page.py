"""Every page in Chromium: axe finds nothing, nothing is blocked or fails, nothing overflows, no other host is asked."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.browser.demo_moot import ROOT, DemoMoot, context_of
from tests.browser.pages import NOT_PAGES, PAGES, SIZES, THEMES, Look, address_of
from web import guards
from web.app import create_app

AXE = ROOT / "tests" / "node" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = """async tags => (await axe.run(document, {runOnly: tags, resultTypes: ["violations"]})).violations
    .map(found => `${found.id}: ${found.nodes.map(node => node.html.slice(0, 200)).join(" | ")}`)"""
# What reaches out of its line to the right of the window, for whoever must find it.
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
    .filter(node => node.getBoundingClientRect().right > innerWidth + 1).map(node => node.outerHTML.slice(0, 120))"""
LOOKS = [look for found in PAGES.values() for look in found]
FIRST_PAGE = 60_000


def test_every_route_with_a_page_is_looked_at() -> None:
    routes = {
        str(getattr(route, "path", ""))
        for route in create_app().routes
        if "GET" in (getattr(route, "methods", None) or ("GET",))
    }
    pages = {path for path in routes if not guards.for_machines(path)}
    assert pages - PAGES.keys() - NOT_PAGES.keys() == set()
    assert (PAGES.keys() | NOT_PAGES.keys()) - pages - {"404"} == set()


def name_of(look: Look) -> str:
    route = next(route for route, looked in PAGES.items() if look in looked)
    return f"{look.who or 'stranger'}{PAGES[route].index(look)}-{route}"


class Witness:
    """Notes what a page should not do: errors on the console, blocked pieces, requests to other hosts.

    What the page before it had asked for, and no longer wanted when one went on, is none of its own.
    """

    def __init__(self, page: Page, moot: DemoMoot) -> None:
        self.host = moot.host
        self.seen: list[str] = []
        self.asked: set[Request] = set()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.append(str(error)))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)

    def _console(self, message: ConsoleMessage) -> None:
        # A violation of the content security policy is told here too. A page that says 404 is one on purpose.
        if message.type in ("error", "warning") and "status of 404" not in message.text:
            self.seen.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        self.asked.add(request)
        if urlsplit(request.url).netloc != self.host:
            self.seen.append(f"asks {request.url}")

    def _failed(self, request: Request) -> None:
        if request in self.asked:
            self.seen.append(f"failed: {request.url} {request.failure}")


@pytest.fixture
async def page(contexts: dict[str, BrowserContext], look: Look) -> AsyncIterator[Page]:
    opened = await contexts[look.who].new_page()
    yield opened
    await opened.close()


@pytest.mark.parametrize("look", LOOKS, ids=name_of)
async def test_a_page_is_accessible_quiet_and_fits(page: Page, look: Look, moot: DemoMoot) -> None:
    path = await address_of(page, look)
    witness = Witness(page, moot)
    response = await page.goto(path)
    assert response is not None
    assert response.status == (404 if look in PAGES["404"] else 200), path
    await page.evaluate(AXE.read_text())
    wrong = []
    for width in SIZES:
        await page.set_viewport_size({"width": width, "height": 900})
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)
            wrong += [f"{width} {theme}: {found}" for found in await page.evaluate(RUN_AXE, RULES)]
            wrong += [f"{width} {theme}: too wide: {found}" for found in await page.evaluate(TOO_WIDE)]
    wrong += witness.seen
    assert not wrong, "\n".join([path, *wrong])


@pytest.mark.parametrize("path", ["/", "/g/elm_street"])
async def test_a_first_page_weighs_little(browser: Browser, moot: DemoMoot, path: str) -> None:
    context = await context_of(browser, moot)
    page = await context.new_page()
    requests: list[Request] = []
    page.on("requestfinished", lambda request: requests.append(request))
    await page.goto(path, wait_until="networkidle")
    sizes = [await request.sizes() for request in requests]
    weight = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    await context.close()
    assert len(requests) >= 5
    assert weight <= FIRST_PAGE


async def test_longer_german_words_fit_a_phone(browser: Browser, moot: DemoMoot) -> None:
    context = await context_of(browser, moot, locale="de-DE", viewport={"width": 390, "height": 900})
    page = await context.new_page()
    for path in ("/", "/groups", "/record", "/signup", "/help", "/privacy"):
        await page.goto(path)
        assert await page.locator("html").get_attribute("lang") == "de"
        assert await page.evaluate(TOO_WIDE) == [], path
    # The name of the place is not broken within a word: no letter stands alone in its line.
    brand = await page.locator(".brand").bounding_box()
    assert brand is not None
    assert brand["height"] < 80
    await context.close()
