"""H1: what one may not know of and what does not exist are answered alike, to the byte."""

import re
from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette

from tests.browser_like import Answer, Browser
from tests.federation.peer import PUBLIC, Document, Peer
from tests.federation.street import Street
from tests.hostile.private_street import GARDEN, Private


@pytest.fixture
async def hidden(street: Street, app: Starlette, outside: Peer) -> Private:
    """The same, where the private group stands in no list."""
    made = Private(street, app, outside)
    await made.open(discoverable=False)
    return made


def same(answer: Answer, *names: str) -> tuple[int, str, list[tuple[str, str]]]:
    """The whole answer without what the asker put into it, and without the key that each form carries."""
    text = re.sub(r'value="[0-9a-f]{16}"', "", answer.text)
    headers = [(name, value) for name, value in answer.headers if name not in ("content-length", "date")]
    for name in names:
        text = text.replace(name, "NAME")
        headers = [(header, value.replace(name, "NAME")) for header, value in headers]
    return answer.status, text, headers


PAGES = ("/g/{}", "/g/{}/rules", "/g/{}/record", "/g/{}/record.csv", "/g/{}/write", "/g/{}/members", "/g/{}/settings")


READ = ("/t/{}", "/t/{}/history", "/t/{}/report", "/t/{}/edit", "/t/{}/delete", "/t/{}/decision", "/t/{}/remove",
        "/t/{}/close")  # fmt: skip


WRITTEN = ("/t/{}/thank", "/t/{}/reply", "/t/{}/edit", "/t/{}/delete", "/t/{}/report", "/t/{}/remove",
           "/t/{}/poll", "/t/{}/close", "/t/{}/open", "/t/{}/pin", "/t/{}/unpin")  # fmt: skip


OF_GROUPS = ("", "/outbox", "/outbox?page=start", "/followers", "/followers?is_follower=https://a.example/",
             "/featured", "/moderators")  # fmt: skip


OF_GROUPS_SIGNED = "/followers_synchronization"


OF_POSTS = ("", "/likes", "/replies", "/replies?page=start", "/context", "/context?page=start")


async def test_hidden_and_absent_are_the_same_bytes_for_people(hidden: Private) -> None:
    """H1."""
    thread = await hidden.write(hidden.garden_id, "Bulbs", "Which ones?")
    cellar = await hidden.write(hidden.cellar_id, "Bottles", "Which ones?")
    absent = str(thread.id + 1)
    typed = {"text": "Hello.", "title": "Hello", "rule": str(hidden.street.rule_id), "reason": "Not here."}
    bert = await hidden.browser(hidden.bert_id)
    for browser, post, name in ((Browser(hidden.app), thread, "garden_club"), (bert, thread, "garden_club"),
                                (Browser(hidden.app), cellar, "cellar")):  # fmt: skip
        for page in PAGES:
            there, nothing = [await browser.get(page.format(one), follow=False) for one in (name, "no_such_group")]
            assert same(there, name) == same(nothing, "no_such_group"), page
        for what in ("join", "leave", "write"):
            there, nothing = [
                await browser.post(f"/g/{one}/{what}", typed, follow=False) for one in (name, "no_such_group")
            ]
            assert same(there, name) == same(nothing, "no_such_group"), what
        for page in READ:
            there, nothing = [await browser.get(page.format(one), follow=False) for one in (post.id, absent)]
            assert same(there, str(post.id)) == same(nothing, absent), page
        for page in WRITTEN:
            there, nothing = [await browser.post(page.format(one), typed, follow=False) for one in (post.id, absent)]
            assert same(there, str(post.id)) == same(nothing, absent), page


@pytest.mark.parametrize("kind", ["private", "local"])
async def test_hidden_and_absent_are_the_same_bytes_for_instances(hidden: Private, kind: str) -> None:
    """H1, H2, H11: unsigned, and signed by an instance without a member."""
    group_id, name = {"private": (hidden.garden_id, "garden_club"), "local": (hidden.cellar_id, "cellar")}[kind]
    post = await hidden.write(group_id, "Bulbs", "Which ones?")
    moot = hidden.street.moot
    absent = str(post.id + 1)
    askers: list[Callable[[str], Awaitable[Answer]]] = [moot.get, lambda path: moot.read_as(hidden.max, path)]
    if kind == "local":
        askers.append(lambda path: moot.read_as(hidden.street.lena, path))
    for ask in askers:
        for part in OF_GROUPS:
            there, nothing = [await ask(f"/ap/groups/{one}{part}") for one in (name, "no_such_group")]
            assert there.status == 404
            assert same(there) == same(nothing), part
        there, nothing = [await ask(f"/ap/groups/{one}{OF_GROUPS_SIGNED}") for one in (name, "no_such_group")]
        assert there.status == (401 if ask == moot.get else 404)
        assert same(there) == same(nothing)
        for part in OF_POSTS:
            there, nothing = [await ask(f"/ap/posts/{one}{part}") for one in (post.id, absent)]
            assert there.status == 404
            assert same(there) == same(nothing), part
    for one in (name, "no_such_group"):
        found = await moot.get(f"/.well-known/webfinger?resource=acct:{one}@moot.test")
        assert (found.status, found.body) == (404, b'{"error":"no_such_actor"}')
    async with hidden.street.runtime.db.read() as conn:
        ids = [row["id"] for row in await conn.fetch("select id from activities where post_id = $1", post.id)]
    assert bool(ids) == (kind == "private")
    for one in ids:
        there, nothing = await moot.read_as(hidden.max, f"/ap/activities/{one}"), await moot.get("/ap/activities/7")
        assert same(there) == same(nothing)


async def test_a_key_is_asked_for_where_there_is_nothing_too(private: Private, outside: Peer) -> None:
    """H1: who names a key on their own server sees whether we fetch it."""
    post = await private.write(private.garden_id, "Bulbs", "Which ones?")
    nothing = (f"/ap/posts/{post.id + 1}", "/ap/groups/no_such_group/outbox", "/ap/activities/7")
    for number, path in enumerate((post.uri, f"{GARDEN}/outbox", *nothing)):
        outside.actor(f"spy{number}")
        assert (await private.street.moot.read_as(f"{outside.base}/u/spy{number}", path)).status == 404
        assert f"/u/spy{number}" in outside.fetched, path


async def test_hidden_and_absent_are_the_same_to_whoever_writes(hidden: Private, outside: Peer) -> None:
    """H1, H8: replies, votes, reports, deletions and follows of somebody who does not belong to the group."""
    post = await hidden.write(hidden.garden_id, "Bulbs", "Which ones?")
    before = await hidden.street.count_posts()
    absent = hidden.street.urls.post(post.id + 1)
    ways: list[Callable[[str], Document]] = [
        lambda uri: hidden.written_by(outside, hidden.max, "<p>Me too.</p>", inReplyTo=uri),
        lambda uri: hidden.written_by(outside, hidden.max, "<p>Me too.</p>", inReplyTo=uri, to=[PUBLIC]),
        lambda uri: outside.activity("Like", hidden.max, uri),
        lambda uri: outside.activity("Dislike", hidden.max, uri),
        lambda uri: outside.activity("Flag", hidden.max, [uri], content="Bad."),
        lambda uri: outside.activity("Delete", hidden.max, uri),
        lambda uri: outside.activity("Announce", hidden.max, uri),
    ]
    for way in ways:
        assert await hidden.said(way(post.uri)) == await hidden.said(way(absent))
    for group, nothing in ((GARDEN, GARDEN + "x"), (GARDEN.replace("garden_club", "cellar"), GARDEN + "x")):
        follow = [await hidden.said(outside.activity("Follow", hidden.max, one)) for one in (group, nothing)]
        assert follow[0] == follow[1]
        note = [outside.note(hidden.max, "<p>Hello.</p>", cc=[one]) for one in (group, nothing)]
        creates = [await hidden.said(outside.activity("Create", hidden.max, one)) for one in note]
        assert creates[0] == creates[1]
    assert await hidden.street.count_posts() == before
    async with hidden.street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from reports") == 0
        assert await conn.fetchval("select count(*) from votes") == 0
    assert "Accept" not in outside.types()[1:]
