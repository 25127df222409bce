"""/healthz, /readyz and /metrics: for those who watch over the machine, and for nobody else."""

import pytest

from server.db import Database
from server.runtime import Runtime
from server.worker import SEEN
from tests.browser_like import Browser
from tests.conftest import MovedClock, settings_for
from web.app import create_app


async def test_ready_means_a_database_and_a_worker(runtime: Runtime, moved_clock: MovedClock) -> None:
    browser = Browser(create_app(runtime))
    assert (await browser.get("/healthz")).status == 200
    assert (await browser.get("/readyz")).status == 503
    async with runtime.db.transaction() as conn:
        await SEEN.run(conn, "test:1")
    assert (await browser.get("/readyz")).status == 200
    await moved_clock.advance(seconds=40)
    assert (await browser.get("/readyz")).status == 503


async def test_without_its_database_the_process_lives_and_says_so(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(create_app(runtime))
    await browser.get("/")

    def away(_: Database) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(Database, "read", away)
    assert (await browser.get("/healthz")).status == 200
    assert (await browser.get("/readyz")).status == 503
    page = await browser.get("/")
    assert (page.status, page.header("retry-after")) == (503, "5")
    assert "Back in a moment" in page.words


@pytest.mark.parametrize(
    ("client", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.1", {}, 404),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, 404),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, 404),
        ("192.0.2.1", {"authorization": "Bearer 0123456789abcdef"}, 200),
        ("192.0.2.1", {"authorization": "Bearer wrong"}, 404),
    ],
)
async def test_numbers_are_for_this_machine_or_the_token(
    runtime: Runtime, client: str, headers: dict[str, str], status: int
) -> None:
    dsn, folder = runtime.settings.database_url, runtime.settings.data_dir
    runtime.settings = settings_for(dsn, folder, METRICS_TOKEN="0123456789abcdef")
    answer = await Browser(create_app(runtime), client=client).get("/metrics", headers=headers)
    assert answer.status == status
    assert ("folkmoot_jobs_waiting" in answer.text) is (status == 200)


async def test_without_a_token_set_no_token_opens_the_numbers(runtime: Runtime) -> None:
    browser = Browser(create_app(runtime), client="192.0.2.1")
    assert (await browser.get("/metrics", headers={"authorization": "Bearer "})).status == 404
