"""A resident in a group that lives on another server: its page reads like one of ours."""

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from federation import backfill
from server import worker
from server.community import accounts, sessions
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.federation.peer import peer
from tests.federation.street import Street
from tests.federation.village import Village, village_at
from tests.web.counting import counted


@pytest.fixture
async def village(runtime: Runtime) -> AsyncIterator[Village]:
    async with peer("127.0.0.5", "lemmy") as lemmy, peer("127.0.0.6", "mastodon") as mastodon:
        street = Street(runtime, lemmy, mastodon)
        await street.open()
        async with village_at(street) as made:
            yield made


@pytest.fixture
async def ana(app: Starlette, village: Village) -> Browser:
    runtime = village.street.runtime
    async with runtime.db.transaction() as conn:
        account = await accounts.by_id(conn, village.street.ana_id)
        secret = await sessions.open_session(conn, account, "Firefox/140 (Linux)")
    browser = Browser(app)
    browser.cookies["session"] = secret
    return browser


async def test_joining_asks_waits_and_shows_how_far_the_past_is(
    ana: Browser, village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "STEPS", 3)
    village.page_size = 2
    for number in range(8):
        village.thread(f"Thread {number}", days_ago=number + 1)
    away = f"/g/village@{village.there.host}"
    asked = await (await ana.get(away)).form("Join this group").submit()
    assert f"{village.there.host} has not answered yet." in asked.words
    await village.accept()
    assert "older posts" not in (await ana.get(away)).words
    told = []
    while await worker.run_effect(village.street.runtime) or await worker.run_errand(village.street.runtime):
        told.append((await ana.get(away)).words)
    assert any("The older posts of this group are on their way." in words for words in told)
    assert any("2 of about 8 older posts are here." in words for words in told)
    ended = await ana.get(away)
    assert "older posts" not in ended.words
    assert "You have reached the first thread." in ended.words
    # Newest activity first.
    assert [one.get_text() for one in ended.soup.select("main h3 a")][:2] == ["Thread 0", "Thread 1"]


async def test_it_says_where_it_lives_and_whose_rules_hold(ana: Browser, village: Village) -> None:
    await village.join()
    page = await ana.get(f"/g/village@{village.there.host}")
    host = village.there.host
    assert page.link(f"See the group on {host}") == village.uri
    everything = " ".join(page.soup.get_text(" ").split())
    assert "1 member from here" in everything
    assert f"What comes from {host} is checked here by the rules of this place." in everything
    assert f"People on {host} moderate this group." in everything


async def test_what_waits_for_the_group_stands_on_its_page_for_its_author_alone(
    app: Starlette, ana: Browser, village: Village
) -> None:
    away = f"/g/village@{village.there.host}"
    village.thread("Seeds", days_ago=3)
    await village.join()
    form = (await ana.get(f"{away}/write")).form("Send")
    await form.submit(title="A ladder", text="Who lends me one?")
    await village.street.settle()
    page = await ana.get(away)
    assert f"Waiting for {village.there.host}" in page.words
    assert [one.get_text() for one in page.soup.select("main h3 a")] == ["A ladder", "Seeds"]
    assert "A ladder" not in (await Browser(app).get(away)).words
    create = village.there.of_type("Create")[0]
    announce = village.there.activity("Announce", village.uri, create)
    assert (await village.street.moot.deliver(announce)).status == 202
    await village.street.settle()
    shown = await ana.get(away)
    assert f"Waiting for {village.there.host}" not in shown.words
    assert "A ladder" in (await Browser(app).get(away)).words


async def test_its_page_takes_four_statements(ana: Browser, village: Village) -> None:
    village.thread("Seeds", days_ago=3)
    await village.join()
    away = f"/g/village@{village.there.host}"
    await ana.get(away)
    async with counted(village.street.runtime) as seen:
        assert (await ana.get(away)).status == 200
    assert len(seen) <= 4, seen
