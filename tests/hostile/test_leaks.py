"""H: what some may know, others do not learn from caches, lists, reports, or from what goes out to other servers."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import json

import pytest
from starlette.applications import Starlette

from moderation import decisions, instances, reports
from server.community import accounts, actors, groups, memberships, posts, sessions, votes
from tests.browser_like import Browser
from tests.federation.peer import ACTIVITY
from tests.federation.street import Street
from tests.hostile.conftest import Liar, World
from tests.hostile.test_visibility import SECRET, every_exit, resident, told
from tests.journeys.test_every_route import paths, routes


async def _a_day(street: Street) -> None:
    """Elm Street lives for a day: threads, replies, thanks given and taken back, a removal, a deletion."""
    thread = await street.write("The crossing", f"Where is the {SECRET}?")
    removed = await street.write("A second one", f"The {SECRET} again")
    deleted = await street.write("A third one", f"The {SECRET} once more")
    await street.write(None, f"By the school, {SECRET}.", thread)
    mia = await street.actor(street.mia_id)
    async with street.runtime.db.transaction() as conn:
        await votes.thank(conn, mia, thread)
    await street.settle()
    async with street.runtime.db.transaction() as conn:
        await votes.take_back(conn, mia, thread)
        await decisions.remove_directly(conn, street.mia, removed.id, street.rule_id, "Not here.")
        await posts.delete_post(conn, await posts.by_id(conn, deleted.id, lock=True))
    await street.settle()


SAID_TO_ALL = {"Create", "Announce", "Update", "Delete", "Undo"}


async def test_H3_an_outbox_lists_what_was_said_to_everybody_and_nothing_else(street: Street, app: Starlette) -> None:
    """No votes, no follows and their answers, no reports, and nothing that was only said to somebody."""
    await _a_day(street)
    browser = Browser(app)
    browser.headers = {"accept": ACTIVITY}
    listed = 0
    for owner in ("groups/elm_street", "people/ana", "people/mia", "instance"):
        page = json.loads((await browser.get(f"/ap/{owner}/outbox?page=start")).body)
        for item in page.get("orderedItems", []):
            shown = item if isinstance(item, dict) else json.loads((await browser.get(item)).body)
            inner = shown.get("object")
            listed += 1
            assert shown.get("type") in SAID_TO_ALL, shown
            assert not isinstance(inner, dict) or inner.get("type") not in ("Like", "Dislike", "Follow", "Flag"), shown
    assert listed >= 5


async def test_H4_an_answer_shows_nothing_of_what_it_answers_once_that_is_hidden(
    street: Street, app: Starlette
) -> None:
    bert = await resident(street, app, "bert")
    async with street.runtime.db.read() as conn:
        account = await accounts.by_login(conn, "bert")
    assert account is not None
    thread = await street.write(f"The {SECRET}", f"A {SECRET} for everybody")
    bert_writes = await street.actor(account.actor_id)
    async with street.runtime.db.transaction() as conn:
        draft = posts.Draft(author=bert_writes, group=await street.group(), parent=thread, source="Thank you.")
        answer = await posts.submit_post(conn, street.urls, draft)
    await street.settle()
    async with street.runtime.db.transaction() as conn:
        await decisions.remove_directly(conn, street.mia, thread.id, street.rule_id, "Not here.")
    await street.settle()
    for browser in (Browser(app), bert):
        for shown in (answer, thread):
            assert told(await every_exit(street, browser, shown)) == []
    # And no forum is sent the thread within something that is said about its answer.
    street.clear()
    async with street.runtime.db.transaction() as conn:
        await votes.thank(conn, await street.actor(street.ana_id), await posts.by_id(conn, answer.id))
    await street.settle()
    assert SECRET not in json.dumps(street.lemmy.inbox + street.mastodon.inbox).lower()


async def test_H5_no_cache_hands_one_readers_page_to_another(street: Street, app: Starlette) -> None:
    """What differs by reader says so: pages by cookie, a thread's document by the reader's software."""
    thread = await street.write("The crossing", "Where?")
    things = {"handle": "elm_street", "post_id": str(thread.id)}
    for browser in (await resident(street, app, "bert"), Browser(app)):
        for method, pattern in routes(list(app.routes)):
            if method != "GET" or pattern.startswith(("/static/", "/ap/", "/.well-known/", "/nodeinfo/")):
                continue
            path = pattern
            for name, value in things.items():
                path = path.replace(f"{{{name}}}", value)
            answer = await browser.send("GET", paths(path, "1")[0])
            if "text/html" in (answer.header("content-type") or "") and answer.status == 200:
                assert "private" in (answer.header("cache-control") or ""), path
                assert "Cookie" in (answer.header("vary") or ""), path
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update lanes set software = 'misskey' where host = $1", street.mastodon.host)
    asks = {"signature": f'keyId="{street.max}#main-key"', "accept": ACTIVITY}
    warned = await Browser(app).send("GET", f"/ap/posts/{thread.id}", headers=asks)
    anonymous = await Browser(app).send("GET", f"/ap/posts/{thread.id}", headers={"accept": ACTIVITY})
    assert warned.body != anonymous.body
    assert "no-store" in (warned.header("cache-control") or "")
    assert "Accept" in (anonymous.header("vary") or "")


async def test_H7_what_undoes_or_answers_carries_no_text(street: Street, app: Starlette) -> None:
    await _a_day(street)
    spoken = street.lemmy.inbox + street.mastodon.inbox
    kinds = {activity["type"] for activity in spoken}
    assert {"Undo", "Accept", "Announce", "Delete"} <= kinds
    for activity in spoken:
        inner = activity["object"] if isinstance(activity["object"], dict) else {}
        if activity["type"] in ("Undo", "Accept", "Reject", "Delete") or inner.get("type") in ("Undo", "Delete"):
            assert SECRET not in json.dumps(activity).lower(), activity


@pytest.mark.parametrize("who", ["stranger", "waiting", "resident", "moderator"])
async def test_H13_whom_we_block_is_said_to_admins_alone(street: Street, app: Starlette, who: str) -> None:
    async with street.runtime.db.transaction() as conn:
        reason = f"Sent us the {SECRET} for weeks"
        await instances.set_policy(conn, street.urls, f"{SECRET}.example", "blocked", reason, street.mia_id)
    browser = Browser(app)
    if who == "moderator":
        browser = await resident(street, app, "mia", street.mia_id)
    elif who != "stranger":
        browser = await resident(street, app, "bert")
    if who == "waiting":
        async with street.runtime.db.transaction() as conn:
            await conn.execute("update accounts set state = 'waiting' where email = 'bert@post.example'")
    things = {"handle": "elm_street", "name": "elm_street"}
    for method, pattern in routes(list(app.routes)):
        if method == "GET":
            path = pattern
            for name, value in things.items():
                path = path.replace(f"{{{name}}}", value)
            answer = await browser.send("GET", paths(path, "1")[0])
            assert SECRET not in answer.body.decode("utf-8", "replace").lower(), path
            assert not pattern.startswith("/admin") or answer.status in (303, 404), path
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update accounts set admin = true where actor_id = $1", street.ana_id)
        secret = await sessions.open_session(conn, await accounts.by_id(conn, street.ana_id), "")
    browser.cookies["session"] = secret
    assert SECRET in (await browser.get("/admin/instances")).text


async def test_H14_who_reported_stays_here(world: World, liar: Liar) -> None:
    """A report goes to the group's server in the name of this one."""
    street = world.street
    page = street.lemmy.note(street.lena, "<p>Buy!</p>", type="Page", name="Buy", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.lena, page))
    liar.there.inbox.clear()
    async with street.runtime.db.transaction() as conn:
        group = await groups.BY_ID.one(conn, liar.group_id, street.ana_id)
        assert group is not None
        assert (await memberships.one(conn, street.ana_id, liar.group_id)) is not None
        ana, post = await actors.by_id(conn, street.ana_id), await posts.by_uri(conn, page["id"])
        assert post is not None
        rule = await conn.fetchval("insert into rules (id, number, title) values (7, 1, 'No advertising') returning id")
        await reports.file_report(conn, ana, post, group, rule, "It is an advertisement.")
    await street.settle()
    (flag,) = liar.there.of_type("Flag")
    assert flag["actor"] == street.urls.instance_actor
    assert "ana" not in json.dumps(flag | {"@context": None}).replace("an advertisement", "").lower()
    assert str(street.ana_id) not in json.dumps(flag)
    assert street.lemmy.of_type("Flag") == []
