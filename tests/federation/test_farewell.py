"""A resident leaves for good: gone here at once, and every server that may know of them is told for 30 days."""

import json

import pytest

from federation import delivery
from federation import housekeeping as forgetting
from federation.activities import farewell
from server import worker
from server.community import accounts, memberships, polls, posts, sessions, votes
from server.community import farewell as leaving
from server.community.polls import NewPoll
from tests.browser_like import Answer, Browser
from tests.conftest import MovedClock
from tests.federation.street import Street, addressed
from tests.journeys.conftest import add_account
from web.app import create_app

ANA = "http://moot.test/ap/people/ana"
PASSWORD = "a long sentence"


async def browser_of(street: Street, account_id: int) -> Browser:
    async with street.runtime.db.transaction() as conn:
        account = await accounts.by_id(conn, account_id)
        secret = await sessions.open_session(conn, account, "Firefox")
    browser = Browser(create_app(street.runtime))
    browser.cookies["session"] = secret
    return browser


async def leave(street: Street, password: str = PASSWORD, *, settle: bool = True) -> Answer:
    browser = await browser_of(street, street.ana_id)
    page = await browser.get("/settings")
    left = await page.form("Delete my account").submit(farewell=password)
    if settle:
        await street.settle()
    return left


async def test_everything_of_hers_is_gone(street: Street) -> None:
    thread = await street.write("The crossing", "Where do you live?")
    reply = addressed(street, street.lemmy, street.lena, "<p>At number 9</p>", inReplyTo=thread.uri)
    assert (await street.moot.deliver(reply)).status == 202
    await street.settle()
    async with street.runtime.db.transaction() as conn:
        answer = await posts.by_uri(conn, reply["object"]["id"])
        assert answer is not None
        await votes.thank(conn, await street.actor(street.ana_id), answer)
        group = await street.group(street.ana_id)
        asked = posts.Draft(await street.actor(street.mia_id), group, title="When?", poll=NewPoll(("Now", "Never")))
        poll = await posts.submit_post(conn, street.urls, asked)
        await polls.vote(conn, await street.actor(street.ana_id), poll.id, [0])
        await memberships.join(conn, await street.actor(street.ana_id), group)
    members = (await street.group()).member_count
    left = await leave(street)
    assert "Your account is deleted." in left.text
    assert (await street.post(thread.uri)).state == "deleted"
    assert (await street.post(reply["object"]["id"])).state == "published"
    assert (await street.post(reply["object"]["id"])).thank_count == 0
    assert (await street.group()).member_count == members - 1
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select voter_count from polls") == 0
        account = await accounts.by_id(conn, street.ana_id)
        assert (account.state, account.title) == ("deleted", "")
        assert "ana@" not in account.email
        for table in ("sessions", "notifications", "account_tokens"):
            assert await conn.fetchval(f"select count(*) from {table} where account_id = $1", street.ana_id) == 0


async def test_nobody_comes_back_under_her_name(street: Street) -> None:
    await leave(street)
    browser = Browser(create_app(street.runtime))
    page = await browser.get("/login")
    refused = await page.form("Log in").submit(login="ana", password=PASSWORD)
    assert "session" not in browser.cookies
    assert refused.status == 422
    with pytest.raises(Exception, match="name"):
        await add_account(street.runtime, "ana")
    # Her address for mail is free again: it is no longer known here.
    async with street.runtime.db.transaction() as conn:
        await accounts.create(conn, street.urls, "anna", "ana@post.example", PASSWORD)


async def test_her_address_answers_410_and_her_name_is_not_found(street: Street) -> None:
    await leave(street)
    for path in ("", "/outbox", "/followers"):
        gone = await street.moot.get(f"{ANA}{path}")
        assert gone.status == 410
        assert json.loads(gone.body)["type"] == "Tombstone"
    assert (await street.moot.get("/.well-known/webfinger?resource=acct:ana@moot.test")).status == 404
    assert (await Browser(create_app(street.runtime)).get("/@ana")).status == 404


async def told(street: Street) -> tuple[int, int, int, int]:
    """Of how many inboxes how many took it, how many are waited for, and how many never took it."""
    async with street.runtime.db.read() as conn:
        (one,) = await farewell.told(conn)
    return one.asked, one.confirmed, one.waiting, one.given_up


async def test_every_server_that_may_know_of_her_is_told(street: Street) -> None:
    """Also one whose people never followed her, nor wrote to her: it may have read the group."""
    street.clear()
    await leave(street)
    for there in (street.lemmy, street.mastodon):
        said = [activity for activity in there.inbox if activity["type"] == "Delete"]
        assert [(activity["actor"], activity["object"]) for activity in said] == [(ANA, ANA)]
    assert await told(street) == (2, 2, 0, 0)


async def test_a_server_that_is_away_is_told_later_with_her_own_key(street: Street, moved_clock: MovedClock) -> None:
    inbox = street.lemmy.inbox
    await street.lemmy.stop()
    await leave(street, settle=False)
    await worker.run_until_idle(street.runtime)
    await delivery.drain_once(street.runtime)
    assert await told(street) == (2, 1, 1, 0)
    await moved_clock.advance(days=20)
    await forgetting.tidy(street.runtime)
    await street.lemmy.resume()
    await street.settle()
    assert [activity["object"] for activity in inbox if activity["type"] == "Delete"] == [ANA]
    assert await told(street) == (2, 2, 0, 0)


async def test_whom_nobody_reached_in_30_days_is_given_up_and_counted(street: Street, moved_clock: MovedClock) -> None:
    await street.lemmy.stop()
    await leave(street, settle=False)
    await worker.run_until_idle(street.runtime)
    await delivery.drain_once(street.runtime)
    await moved_clock.advance(days=32)
    await forgetting.tidy(street.runtime)
    assert await told(street) == (2, 1, 0, 1)
    async with street.runtime.db.read() as conn:
        # And her key with it: nobody can sign in her name any more.
        kept = await conn.fetchval("select count(*) from own_keys where actor_id = $1", street.ana_id)
        others = await conn.fetchval("select count(*) from own_keys")
    assert kept == 0
    assert others > 0


async def test_a_wrong_password_deletes_nothing(street: Street) -> None:
    refused = await leave(street, "not my password")
    assert refused.status == 422
    assert "This is not your present password." in refused.text
    assert (await street.moot.get(ANA)).status == 200


async def test_the_only_moderator_stays_until_there_is_another(street: Street) -> None:
    browser = await browser_of(street, street.mia_id)
    refused = await (await browser.get("/settings")).form("Delete my account").submit(farewell=PASSWORD)
    assert refused.status == 422
    assert "You are the only moderator of a group." in refused.text
    async with street.runtime.db.transaction() as conn:
        await memberships.add_moderator(conn, street.ana_id, street.group_id)
    left = await (await browser.get("/settings")).form("Delete my account").submit(farewell=PASSWORD)
    assert left.status == 200


async def test_the_only_admin_stays(street: Street) -> None:
    kofi = await add_account(street.runtime, "kofi", admin=True)
    browser = await browser_of(street, kofi)
    refused = await (await browser.get("/settings")).form("Delete my account").submit(farewell=PASSWORD)
    assert "You are the only admin." in refused.text


async def test_many_posts_are_deleted_in_portions(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "POSTS_AT_ONCE", 2)
    uris = [(await street.write(f"Thread {number}", "Text")).uri for number in range(5)]
    await leave(street)
    assert {(await street.post(uri)).state for uri in uris} == {"deleted"}
    assert ANA in [activity["object"] for activity in street.lemmy.inbox if activity["type"] == "Delete"]


async def test_admins_see_how_far_the_news_has_come(street: Street, moved_clock: MovedClock) -> None:
    await street.lemmy.stop()
    await leave(street, settle=False)
    await worker.run_until_idle(street.runtime)
    await delivery.drain_once(street.runtime)
    ada = await browser_of(street, await add_account(street.runtime, "ada", admin=True))
    page = await ada.get("/admin/people")
    assert "1 of 2 addresses on other servers took the message · 1 has not answered yet" in page.words
    assert "ana" not in page.words.split()
    await moved_clock.advance(days=31)
    await forgetting.tidy(street.runtime)
    gone = await ada.get("/admin/people")
    assert "1 of 2 addresses on other servers took the message · 1 did not take it within 30 days" in gone.words
    await moved_clock.advance(days=30)
    assert "took the news" not in (await ada.get("/admin/people")).words
    await moved_clock.advance(days=30)
    await forgetting.tidy(street.runtime)
    assert await street.runtime.db.pool.fetchval("select count(*) from farewells") == 0
