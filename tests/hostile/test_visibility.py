"""H: what is held, refused, removed or deleted is read nowhere, by nobody whom it does not concern."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import re

import pytest
from starlette.applications import Starlette

from moderation import decisions
from moderation.decisions import Judgement
from server.community import accounts, posts, sessions
from server.community.posts import Post
from tests.browser_like import Answer, Browser
from tests.federation.peer import ACTIVITY
from tests.federation.street import Street, addressed

SECRET = "xylophone"
PAGES = (
    "/", "/g/elm_street", "/g/elm_street?sort=newest", "/g/elm_street?sort=unanswered", "/@ana", "/@bert",
    "/@max@{host}", "/notifications", "/g/elm_street/record", "/record", "/record.csv", "/g/elm_street/record.csv",
    "/queue",
)  # fmt: skip

READ = (
    "/ap/posts/{}", "/ap/posts/{}/replies", "/ap/posts/{}/context", "/t/{}", "/t/{}/history", "/t/{}/edit",
    "/t/{}/delete", "/t/{}/report", "/t/{}/decision", "/t/{}/remove",
)  # fmt: skip
WRITTEN = ("/t/{}/thank", "/t/{}/reply", "/t/{}/edit", "/t/{}/delete", "/t/{}/report", "/t/{}/remove")


async def resident(street: Street, app: Starlette, name: str, account_id: int | None = None) -> Browser:
    async with street.runtime.db.transaction() as conn:
        if account_id is None:
            account_id = await accounts.create(conn, street.urls, name, f"{name}@post.example", "a long sentence")
        secret = await sessions.open_session(conn, await accounts.by_id(conn, account_id), "")
    await street.settle()
    browser = Browser(app)
    browser.cookies["session"] = secret
    return browser


async def every_exit(street: Street, browser: Browser, post: Post) -> list[Answer]:
    """All pages and documents in which a post, or anything that speaks of it, could be read."""
    ids = [post.id] + ([post.root_id] if post.root_id not in (None, post.id) else [])
    pages = [page.format(host=street.mastodon.host) for page in PAGES]
    for one in ids:
        pages += [f"/t/{one}", f"/t/{one}/history", f"/t/{one}/report", f"/t/{one}?reply={post.id}"]
        pages += [f"/t/{one}/{what}" for what in ("edit", "delete", "decision", "remove")]
    found = [await browser.get(page) for page in pages]
    async with street.runtime.db.read() as conn:
        uris = [row["uri"] for row in await conn.fetch("select uri from activities")]
    actors = ("groups/elm_street", "people/ana", "people/bert", "instance")
    documents = [f"/ap/{actor}{part}" for actor in actors for part in ("", "/outbox", "/featured", "/followers")]
    documents += [f"/ap/{actor}/outbox?page=start" for actor in actors]
    for one in ids:
        documents += [f"/ap/posts/{one}{part}" for part in ("", "/replies", "/context", "/replies?page=start")]
        documents.append(f"/ap/posts/{one}/context?page=start")
    documents += [uri.removeprefix(street.urls.base) for uri in uris]
    found += [await browser.send("GET", path, headers={"accept": ACTIVITY}) for path in documents]
    assert [answer.path for answer in found if answer.status >= 500] == []
    return found


def told(answers: list[Answer]) -> list[str]:
    return [answer.path for answer in answers if SECRET in answer.body.decode("utf-8", "replace").lower()]


async def _bring_to(street: Street, state: str, post: Post) -> None:
    async with street.runtime.db.transaction() as conn:
        if state == "removed":
            await decisions.remove_directly(conn, street.mia, post.id, street.rule_id, "Not here.")
        elif state == "deleted":
            await posts.delete_post(conn, await posts.by_id(conn, post.id, lock=True))
        elif state == "refused":
            case_id = await conn.fetchval("select id from cases where post_id = $1", post.id)
            judgement = Judgement("refuse", street.rule_id, "Not here.")
            version = await conn.fetchval("select version from cases where id = $1", case_id)
            await decisions.decide(conn, street.mia, case_id, judgement, version=version)
    await street.settle()
    assert (await street.post(post.uri)).state == state


@pytest.mark.parametrize("state", ["held", "refused", "removed", "deleted"])
@pytest.mark.parametrize("kind", ["thread", "reply"])
async def test_H6_what_nobody_may_read_is_read_nowhere(street: Street, app: Starlette, state: str, kind: str) -> None:
    """H6: also not by somebody who was told of it when it still stood there."""
    words = f"The {SECRET}" + (" casino" if state in ("held", "refused") else "")
    bert = await resident(street, app, "bert")
    async with street.runtime.db.read() as conn:
        account = await accounts.by_login(conn, "bert")
    assert account is not None
    if kind == "thread":
        post = await street.write(words, f"{words} @bert")
    else:
        thread = await street.write("The crossing", "Where?")
        await _answer(street, account.actor_id, thread, "By the school.")
        parent = await _last(street)
        post = await street.write(None, f"{words} @bert", parent)
    if post.state == "published":
        await _answer(street, account.actor_id, post, "Thank you.")
        assert told(await every_exit(street, bert, post))
    await _bring_to(street, state, post)
    for browser in (Browser(app), bert):
        assert told(await every_exit(street, browser, post)) == []


async def _answer(street: Street, author_id: int, parent: Post, source: str) -> None:
    author = await street.actor(author_id)
    async with street.runtime.db.transaction() as conn:
        await posts.submit_post(
            conn, street.urls, posts.Draft(author=author, group=await street.group(), parent=parent, source=source)
        )
    await street.settle()


async def _last(street: Street) -> Post:
    async with street.runtime.db.read() as conn:
        return await posts.by_id(conn, await conn.fetchval("select max(id) from posts"))


async def test_H6_a_held_post_of_somebody_elsewhere_is_read_nowhere(street: Street, app: Starlette) -> None:
    create = addressed(street, street.mastodon, street.max, f"<p>The {SECRET} casino</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    post = await street.post(create["object"]["id"])
    assert post.state == "held"
    for browser in (Browser(app), await resident(street, app, "bert")):
        assert told(await every_exit(street, browser, post)) == []


async def test_H1_what_is_hidden_and_what_does_not_exist_are_the_same_bytes(street: Street, app: Starlette) -> None:
    """H1."""
    post = await street.write("Evening", "Come to the casino")
    assert post.state == "held"
    absent = post.id + 1
    for browser in (Browser(app), await resident(street, app, "bert")):
        for path in READ:
            hidden, nothing = [
                await browser.send("GET", path.format(one), headers={"accept": accept})
                for one, accept in ((post.id, "*/*"), (absent, "*/*"))
            ]
            assert hidden.status == nothing.status, path
            assert _same(hidden, post.id) == _same(nothing, absent), path
        for path in WRITTEN:
            typed = {"text": "Hello.", "title": "Hello", "rule": str(street.rule_id), "reason": "Not here."}
            hidden, nothing = [await browser.post(path.format(one), typed, follow=False) for one in (post.id, absent)]
            assert hidden.status == nothing.status, path
            assert _same(hidden, post.id) == _same(nothing, absent), path


def _same(answer: Answer, post_id: int) -> str:
    """The answer without what the asker put into it, and without the key that each form carries."""
    return re.sub(r'value="[0-9a-f]{16}"', "", answer.text.replace(str(post_id), "ID"))
