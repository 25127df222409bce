"""Looking up what somebody pasted: a group, a person, a thread, a reply, by its id or by its page."""

import pytest
from starlette.applications import Starlette

from federation import lookup
from server.community import groups, posts
from server.community.posts import Draft
from server.errors import Invalid
from tests.browser_like import Answer
from tests.federation.street import Street
from tests.federation.village import Village
from tests.journeys.conftest import signed_in
from web.app import create_app


@pytest.fixture
def app(street: Street) -> Starlette:
    return create_app(street.runtime)


async def paste(app: Starlette, address: str) -> Answer:
    """A resident pastes an address into the form."""
    browser = await signed_in(app, f"paul{len(address)}")
    return await (await browser.get("/lookup")).form("Find it").submit(address=address)


def page_about(uri: str, *, rel: str = "alternate") -> str:
    link = f'<link href="{uri}" rel="{rel}" type="application/activity+json">'
    return f"<!doctype html><html><head><title>x</title>{link}</head><body><p>Hello</p></body></html>"


@pytest.mark.parametrize("form", ["!village@", "@village@", "village@", "id", "page"])
async def test_a_group_is_found(street: Street, village: Village, app: Starlette, form: str) -> None:
    village.there.pages["/c/village"] = page_about(village.uri)
    address = {"id": village.uri, "page": f"{village.there.base}/c/village"}.get(form) or form + village.there.host
    page = await paste(app, address)
    assert page.has_button("Join this group")
    assert "Village" in page.words


@pytest.mark.parametrize("form", ["@lena@", "id"])
async def test_a_person_is_found(street: Street, village: Village, app: Starlette, form: str) -> None:
    page = await paste(app, village.lena if form == "id" else form + village.there.host)
    assert page.path == f"/@lena@{village.there.host}"
    assert "Lena" in page.words


async def test_of_a_group_and_a_person_of_one_name_the_sign_before_it_chooses(street: Street, village: Village) -> None:
    """As Lemmy has them."""
    group = village.there.actor("oak", "Group")
    person = village.there.actor("oak_person", preferredUsername="oak")
    kind = "https://www.w3.org/ns/activitystreams#type"
    village.there.webfinger["oak"] = [
        {"rel": "self", "type": "application/activity+json", "href": uri, "properties": {kind: named}}
        for uri, named in ((person, "Person"), (group, "Group"))
    ]
    for sign, uri in (("!", group), ("@", person)):
        found = await lookup.look_up(street.runtime, f"{sign}oak@{village.there.host}")
        assert found.actor is not None
        assert found.actor.uri == uri


@pytest.mark.parametrize("form", ["id", "page"])
async def test_a_thread_comes_here_with_its_group_and_its_replies(
    street: Street, village: Village, app: Starlette, form: str
) -> None:
    thread = village.thread("Seeds", days_ago=30)
    village.reply(thread, "I have beans.", days_ago=29)
    village.there.pages["/post/7"] = page_about(thread["id"])
    page = await paste(app, thread["id"] if form == "id" else f"{village.there.base}/post/7")
    assert "It is on its way here" in page.words
    await street.settle()
    read = await page.follow("Read it here")
    assert "Seeds" in read.words
    assert "I have beans." in read.words
    assert f"from {village.there.host}" in read.words
    again = await paste(app, thread["id"] + "#again")
    assert again.path == read.path


async def test_a_reply_leads_to_its_thread(street: Street, village: Village, app: Starlette) -> None:
    thread = village.thread("Seeds", days_ago=30)
    first = village.reply(thread, "I have beans.", days_ago=29)
    second = village.reply(first, "And I have none.", days_ago=28, listed=False)
    page = await paste(app, second["id"])
    assert "It is on its way here" in page.words
    await street.settle()
    assert "I have beans." in (await page.follow("Read it here")).words


async def test_a_reply_to_what_is_here_leads_there(street: Street, village: Village, app: Starlette) -> None:
    thread = village.thread("Seeds", days_ago=30)
    await village.join()
    reply = village.reply(thread, "I have beans.", days_ago=0)
    page = await paste(app, reply["id"])
    assert "Who?" in page.words
    await street.settle()
    assert "I have beans." in (await page.browser.get(page.path)).words


async def test_what_is_here_is_found_by_its_id_and_by_its_page_without_asking_anybody(
    street: Street, village: Village, app: Starlette
) -> None:
    thread = await street.write("The crossing", "Where?")
    village.there.fetched.clear()
    for address in (thread.uri, f"http://moot.test/t/{thread.id}", f"http://moot.test/t/{thread.id}#p1"):
        assert (await paste(app, address)).path == f"/t/{thread.id}"
    assert village.there.fetched == []


async def test_a_thread_that_its_group_has_not_shown_stays_out(street: Street, village: Village) -> None:
    """Anybody may write that a post is for a group; what its moderators did not let in comes in by no other door."""
    page = street.mastodon.note(street.max, "<p>Buy</p>", type="Page", name="Buy", cc=[village.uri])
    with pytest.raises(Invalid) as refused:
        await lookup.look_up(street.runtime, page["id"])
    assert "has not shown this" in refused.value.fields["address"]
    assert await street.count_posts() == 0
    village.enlist(village.there.activity("Announce", village.uri, page["id"]))
    found = await lookup.look_up(street.runtime, page["id"])
    assert found.fresh
    assert found.post is not None
    assert found.post.group_id == village.group_id


async def test_a_thread_for_no_group_stays_out(street: Street, village: Village) -> None:
    note = village.there.note(village.lena, "<p>My own affair.</p>")
    with pytest.raises(Invalid) as refused:
        await lookup.look_up(street.runtime, note["id"])
    assert "written for no group" in refused.value.fields["address"]
    assert await street.count_posts() == 0


async def test_a_post_for_a_group_of_ours_is_taken_as_if_it_had_come(street: Street, village: Village) -> None:
    note = street.mastodon.note(street.max, "<p>Hello Elm Street.</p>", cc=[f"{street.urls.base}/ap/groups/elm_street"])
    street.clear()
    found = await lookup.look_up(street.runtime, note["id"])
    await street.settle()
    assert found.post is not None
    assert (await street.post(note["id"])).state == "published"
    assert street.mastodon.types() == ["Announce(id)"]


async def test_an_unknown_group_is_read_with_the_thread(street: Street, village: Village) -> None:
    thread = village.thread("Seeds", days_ago=30)
    async with street.runtime.db.transaction() as conn:
        for table in ("remote_actors", "groups"):
            await conn.execute(f"delete from {table} where actor_id = $1", village.group_id)
        await conn.execute("delete from actors where id = $1", village.group_id)
    found = await lookup.look_up(street.runtime, thread["id"])
    assert found.post is not None
    async with street.runtime.db.read() as conn:
        group = await groups.BY_ID.one(conn, found.post.group_id, None)
    assert group is not None
    assert group.uri == village.uri


@pytest.mark.parametrize("typed", ["nonsense", "", "http://moot.test/about", "https://no.such.host.invalid/x"])
async def test_what_cannot_be_found_is_said_in_words(street: Street, app: Starlette, typed: str) -> None:
    page = await paste(app, typed)
    assert page.status == 422
    assert page.form("Find it").values["address"] == typed


async def test_what_is_being_checked_is_told_to_nobody_by_looking_it_up(
    street: Street, village: Village, app: Starlette
) -> None:
    thread = village.thread("Secret title", days_ago=3)
    assert "Secret title" not in (await paste(app, thread["id"])).words
    ana = await street.actor(street.ana_id)
    async with street.runtime.db.transaction() as conn:
        group = await groups.BY_ID.one(conn, street.group_id, street.ana_id)
        assert group is not None
        post = await posts.submit_post(conn, street.urls, Draft(author=ana, group=group, title="Unread", source="x"))
    page = await paste(app, f"http://moot.test/t/{post.id}")
    assert page.status == 422
    assert "Unread" not in page.text


async def test_a_held_thread_is_not_shown_by_looking_it_up(street: Street, village: Village, app: Starlette) -> None:
    thread = village.thread("Seeds", days_ago=3)
    await village.join()
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update posts set state = 'held', position = null where uri = $1", thread["id"])
    page = await paste(app, thread["id"])
    assert page.status == 422
    assert "not shown here" in page.words
