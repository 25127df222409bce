"""The product as `make run` starts it, with its demo, on a free port; and browsers of those who live there."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, async_playwright

ROOT = Path(__file__).resolve().parents[2]
# PostgreSQL is set up and a demo is lived through first, perhaps beside other tests on one slow core.
STARTS_WITHIN = 180.0
ENDS_WITHIN = 60.0
LOGIN = re.compile(r"^ +(\w+) +([\w-]{8,})", re.MULTILINE)
RESIDENT, MODERATOR, ADMIN, STRANGER = "ana", "martha", "kofi", ""
EVERYBODY = (STRANGER, RESIDENT, MODERATOR, ADMIN)


class DemoMoot:
    """Where the demo answers, and the passwords of those who can log in."""

    def __init__(self, base: str, passwords: dict[str, str]) -> None:
        self.base = base
        self.passwords = passwords

    @property
    def host(self) -> str:
        return self.base.removeprefix("http://")


@contextmanager
def demo_moot(folder: Path, port: int = 0) -> Iterator[DemoMoot]:
    """A running demo whose data lies below `folder`, at `port` or a free one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    ours = {
        "FOLKMOOT_BASE_URL": f"http://{host}",
        "FOLKMOOT_BIND": host,
        "FOLKMOOT_DATA_DIR": str(folder / "data"),
        "FOLKMOOT_REGISTRATION": "application",
    }
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FOLKMOOT_")} | ours
    log = folder / "log"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "server", "run"], cwd=ROOT, env=environ,
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
        ) as process,
    ):  # fmt: skip
        try:
            _wait(process, f"http://{host}/readyz", log)
            logins = (folder / "data" / "demo-logins.txt").read_text()
            yield DemoMoot(f"http://{host}", dict(LOGIN.findall(logins)))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(ENDS_WITHIN)


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Until `url` answers. Processes send us no event, so this one place looks again and again."""
    give_up = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise AssertionError(f"the demo did not start:\n{log.read_text()[-3000:]}")


def chromium_path() -> str | None:
    """The Chromium that tests/run.sh found, or the one on the path."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("TEST_CHROMIUM") or next((found for name in names if (found := shutil.which(name))), None)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium found")
    async with async_playwright() as playwright:
        # Without a sandbox only because tests may run as root, and they open no page but our own.
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()


async def context_of(browser: Browser, moot: DemoMoot, who: str = STRANGER, **more: object) -> BrowserContext:
    """A browser context in which `who` has logged in through the form; a stranger has not."""
    settings: dict[str, object] = {"base_url": moot.base, "reduced_motion": "reduce", "locale": "en-GB", **more}
    context = await browser.new_context(**settings)  # type: ignore[arg-type]  # the keywords are Playwright's own
    context.set_default_timeout(30_000)
    if who:
        page = await context.new_page()
        await page.goto(f"/login?name={who}")
        await page.fill("#password", moot.passwords[who])
        await page.click("main form button")
        await page.wait_for_selector("header summary .pic")
        await page.close()
    return context
