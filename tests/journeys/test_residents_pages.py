"""Every page for residents answers, for strangers, residents and admins, within its number of statements."""

import pytest
from starlette.applications import Starlette

from server.community import timelines
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.journeys.conftest import add_group, signed_in, work
from tests.journeys.test_residents_write import written
from tests.web.counting import counted

PUBLIC = ["/", "/groups", "/g/elm_street", "/g/elm_street/rules", "/rules", "/about", "/help", "/privacy", "/login",
          "/signup", "/reset", "/@ana", "/g/elm_street?sort=newest", "/g/elm_street?sort=unanswered"]  # fmt: skip
OWN = ["/g/elm_street/write", "/notifications", "/settings", "/sessions"]
ADMIN = ["/admin/accounts", "/invites"]


async def test_public_pages_answer_strangers(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    for path in PUBLIC:
        answer = await stranger.get(path, follow=False)
        assert (path, answer.status) == (path, 200)


@pytest.mark.parametrize("admin", [False, True])
async def test_pages_of_residents_take_at_most_four_statements(app: Starlette, runtime: Runtime, admin: bool) -> None:
    ana = await signed_in(app, "ana", admin=admin)
    await add_group(runtime, moderator="ana")
    thread = await (await ana.get("/g/elm_street/write")).form("Send").submit(title="A cat", text="On our sill.")
    await work(runtime)
    ben = await signed_in(app, "ben")
    await (await ben.get(thread.path)).form("Send reply").submit(text="Ours!")
    await work(runtime)
    own = [f"{thread.path}{more}" for more in ("", "/edit", "/history", "/delete")]
    reply = (await ana.get(thread.path)).soup.select("article.post")[0]["id"][1:]
    paths = [*PUBLIC, *OWN, *own, f"/t/{reply}/report", f"/t/{reply}/history", *(ADMIN if admin else [])]
    for path in paths:
        async with counted(runtime) as statements:
            answer = await ana.get(path, follow=False)
        assert (path, answer.status) in {(path, 200), ("/login", 303)}
        assert len(statements) <= 4, (path, statements)


async def test_pages_of_admins_do_not_exist_for_others(app: Starlette, stranger: Browser) -> None:
    ben = await signed_in(app, "ben")
    for path in ADMIN:
        assert (await stranger.get(path)).status == 404
        assert (await ben.get(path)).status == 404


async def test_pages_of_residents_send_strangers_to_log_in_and_back(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    for path in OWN:
        answer = await stranger.get(path, follow=False)
        assert (answer.status, answer.header("location")) == (303, f"/login?next={path}")


async def test_only_people_have_a_persons_page_and_none_once_suspended(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    assert (await stranger.get("/@elm_street")).status == 404
    await runtime.db.pool.execute("update actors set suspended_at = now() where name = 'ana'")
    assert (await stranger.get("/@ana")).status == 404


async def test_a_reply_far_down_is_found_on_its_page(
    app: Starlette, runtime: Runtime, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines, "REPLIES_PAGE", 2)
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    for number in range(4):
        await (await ana.get(thread.path)).form("Send reply").submit(text=f"Reply number {number}")
        await work(runtime)
    async with runtime.db.read() as conn:
        last = await conn.fetchval("select max(id) from posts")
    first_page, its_page = await stranger.get(thread.path), await stranger.get(f"/t/{last}")
    assert "Reply number 3" not in first_page.words
    assert "Reply number 3" in its_page.words
