"""Messages to one person: the recipient learns that one came and from whom, and nothing of what it said."""

import json

import pytest

from moderation import instances
from server.community import accounts, notifications, sessions
from tests.browser_like import Browser
from tests.conftest import MovedClock
from tests.federation.peer import Document, Peer
from tests.federation.street import GROUP, Street
from web.app import create_app

ANA = "http://moot.test/ap/people/ana"
MIA = "http://moot.test/ap/people/mia"
SECRET = "The key lies under the third pot"


def message(there: Peer, author: str, to: str = ANA, kind: str = "Note", **more: object) -> Document:
    note = there.note(author, f"<p>{SECRET}</p>", type=kind, to=[to], **more)
    return there.activity("Create", author, note, to=[to])


async def outcome(street: Street, activity: Document) -> str:
    answer = await street.moot.deliver(activity)
    if answer.status != 202:
        return str(json.loads(answer.body)["error"])
    await street.settle()
    async with street.runtime.db.read() as conn:
        return str(await conn.fetchval("select outcome from seen_activities where uri = $1", activity["id"]))


async def told(street: Street, account_id: int) -> list[tuple[str, str | None]]:
    async with street.runtime.db.read() as conn:
        return [(note.kind, note.actor_name) for note in await notifications.page(conn, account_id)]


@pytest.mark.parametrize("kind", ["Note", "ChatMessage"])
async def test_its_recipient_is_told_who_wrote_and_nothing_is_kept(street: Street, kind: str) -> None:
    assert await outcome(street, message(street.mastodon, street.max, kind=kind)) == "done"
    assert await told(street, street.ana_id) == [("private_message", "max")]
    assert await told(street, street.mia_id) == []
    assert await street.count_posts() == 0
    async with street.runtime.db.read() as conn:
        tables = await conn.fetch(
            "select table_name as name from information_schema.tables where table_schema = 'public'"
        )
        for table in tables:
            assert not await conn.fetchval(
                f"select count(*) from {table['name']} t where t::text like '%third pot%'"
            ), table["name"]


async def test_one_stranger_rings_once_a_day(street: Street, moved_clock: MovedClock) -> None:
    for _ in range(3):
        assert await outcome(street, message(street.mastodon, street.max)) == "done"
    assert len(await told(street, street.ana_id)) == 1
    assert await outcome(street, message(street.lemmy, street.lena)) == "done"
    assert len(await told(street, street.ana_id)) == 2
    await moved_clock.advance(hours=25)
    assert await outcome(street, message(street.mastodon, street.max)) == "done"
    assert len(await told(street, street.ana_id)) == 3


async def test_a_crowd_of_strangers_stops_ringing(street: Street) -> None:
    for number in range(25):
        stranger = street.mastodon.actor(f"stranger{number}")
        assert await outcome(street, message(street.mastodon, stranger)) == "done"
    assert len(await told(street, street.ana_id)) == 20


async def test_people_of_a_limited_instance_ring_nowhere(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        await instances.set_policy(conn, street.urls, street.mastodon.host, instances.LIMITED, "", None)
    assert await outcome(street, message(street.mastodon, street.max)) == "not_public"
    assert await outcome(street, message(street.mastodon, street.max, kind="ChatMessage")) == "not_public"
    assert await told(street, street.ana_id) == []


async def test_nobody_writes_in_anothers_name(street: Street) -> None:
    forged = message(street.mastodon, street.max, kind="ChatMessage")
    forged["object"]["attributedTo"] = street.mastodon.actor("nora")
    assert await outcome(street, forged) == "author_is_not_actor"
    assert await told(street, street.ana_id) == []


@pytest.mark.parametrize("to", [GROUP, "http://moot.test/ap/people/nobody", "https://elsewhere.test/u/eve"])
async def test_what_is_for_none_of_our_people_has_no_effect(street: Street, to: str) -> None:
    for kind in ("Note", "ChatMessage"):
        assert await outcome(street, message(street.mastodon, street.max, to=to, kind=kind)) == "not_public"
    assert await told(street, street.ana_id) == []


async def test_what_names_a_group_as_well_is_no_private_message(street: Street) -> None:
    assert await outcome(street, message(street.mastodon, street.max, cc=[GROUP])) == "not_public"
    assert await told(street, street.ana_id) == []


async def test_several_recipients_are_each_told(street: Street) -> None:
    assert await outcome(street, message(street.mastodon, street.max, cc=[MIA])) == "done"
    assert len(await told(street, street.ana_id)) == len(await told(street, street.mia_id)) == 1


async def test_the_news_say_so_in_words(street: Street) -> None:
    """The page tells who wrote, from where, and leads to them."""
    assert await outcome(street, message(street.mastodon, street.max)) == "done"
    async with street.runtime.db.transaction() as conn:
        account = await accounts.by_id(conn, street.ana_id)
        secret = await sessions.open_session(conn, account, "Firefox")
    browser = Browser(create_app(street.runtime))
    browser.cookies["session"] = secret
    page = await browser.get("/notifications")
    assert page.status == 200
    assert f"Max from {street.mastodon.host} wrote you a private message." in page.text
    assert f'href="/@max@{street.mastodon.host}"' in page.text
