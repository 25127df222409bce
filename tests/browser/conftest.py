"""One demo and one Chromium for all tests here; a context for each who looks, reused from page to page."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext

from tests.browser.demo_moot import EVERYBODY, DemoMoot, chromium, context_of, demo_moot


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def moot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoMoot]:
    folder = tmp_path_factory.mktemp("demo")
    # PostgreSQL's own account must reach its folder when the tests run as root.
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o755)
    with demo_moot(folder) as running:
        yield running


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as started:
        yield started


@pytest.fixture(scope="session")
async def contexts(moot: DemoMoot, browser: Browser) -> AsyncIterator[dict[str, BrowserContext]]:
    """By name; each with JavaScript, and logged in."""
    made = {who: await context_of(browser, moot, who) for who in EVERYBODY}
    yield made
    for context in made.values():
        await context.close()
