"""Groups for residents: joining and leaving, who may write, pages and their order, and bad input in their forms."""

import pytest
from starlette.applications import Starlette

from server import limits
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.journeys.conftest import add_group, signed_in, work
from tests.journeys.test_residents_write import written


async def test_joining_and_leaving_an_open_group(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    await signed_in(app, "ana")
    ben = await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    joined = await (await ben.get("/g/elm_street")).form("Join this group").submit()
    assert "You are a member" in joined.words
    assert "2 members" in joined.words
    assert "Elm Street" in (await ben.get("/")).text
    left = await joined.form("Leave").submit()
    assert left.has_button("Join this group")
    assert "1 member" in left.words
    asked = await (await stranger.get("/g/elm_street")).form("Join this group").submit()
    assert asked.path.startswith("/login")


async def test_asking_to_join_is_told_to_moderators(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana", join_mode="ask")
    asked = await (await ben.get("/g/elm_street")).form("Ask to join").submit()
    assert "You asked to join" in asked.words
    assert "ben asks to join Elm Street" in (await ana.get("/")).words
    back = await asked.form("Take it back").submit()
    assert back.has_button("Ask to join")


async def test_a_group_by_invitation_cannot_be_joined(app: Starlette, runtime: Runtime) -> None:
    await signed_in(app, "ana")
    ben = await signed_in(app, "ben")
    await add_group(runtime, moderator="ana", join_mode="invite")
    assert not (await ben.get("/g/elm_street")).has_button("Join this group")
    refused = await ben.post("/g/elm_street/join", {})
    assert (refused.status, "invitation" in refused.words) == (403, True)


async def test_the_last_moderator_cannot_leave(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    refused = await (await ana.get("/g/elm_street")).form("Leave").submit()
    assert (refused.status, "only moderator" in refused.words) == (409, True)


async def test_who_may_not_write_is_told_why_and_cannot(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana", posting="members")
    thread = await written(ana, runtime)
    page = await ben.get("/g/elm_street")
    assert "Only members write in this group." in page.words
    assert "Write" not in [link.get_text() for link in page.soup.select("main a.btn")]
    assert (await ben.get("/g/elm_street/write")).status == 403
    refused = await ben.post("/g/elm_street/write", {"title": "Let me", "text": "My long text."})
    assert (refused.status, refused.form("Send").values["text"]) == (403, "My long text.")
    assert not (await ben.get(thread.path)).has_button("Send reply")
    reply = await ben.post(f"{thread.path}/reply", {"text": "My long reply."})
    assert (reply.status, "My long reply." in reply.text) == (403, True)
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 1


async def test_a_closed_thread_takes_no_replies(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    await runtime.db.pool.execute("update posts set locked = true")
    assert not (await ben.get(thread.path)).has_button("Send reply")
    assert (await ben.post(f"{thread.path}/reply", {"text": "But"})).status == 403


async def test_the_banned_cannot_write_or_thank(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    await ben.post("/g/elm_street/join", {})
    await runtime.db.pool.execute(
        "update memberships set banned_until = clock_now() + interval '1 day' where role = 'member'"
    )
    assert "may not take part" in (await ben.get("/g/elm_street")).words
    for path, typed in (
        ("/g/elm_street/write", {"title": "a", "text": "b"}), (f"{thread.path}/reply", {"text": "b"}),
        (f"{thread.path}/thank", {"thank": "1"}), (f"{thread.path}/report", {"rule": "1", "comment": "b"}),
    ):  # fmt: skip
        assert (path, (await ben.post(path, typed)).status) == (path, 403)
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 1


async def test_threads_come_in_three_orders_and_in_pages(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    first = await written(ana, runtime, "Thread 0")
    for number in range(1, 32):
        await ana.post("/g/elm_street/write", {"title": f"Thread {number}", "text": "x"})
        await runtime.db.pool.execute("delete from rate_limits")
    await work(runtime)
    await (await ben.get(first.path)).form("Send reply").submit(text="Still true?")
    await work(runtime)

    def titles(answer: object) -> list[str]:
        return [found.get_text() for found in answer.soup.select("main h3 a")]  # type: ignore[attr-defined]

    active = await stranger.get("/g/elm_street")
    assert titles(active)[:2] == ["Thread 0", "Thread 31"]
    newest = await active.follow("Newest")
    assert titles(newest)[:2] == ["Thread 31", "Thread 30"]
    older = await newest.follow("Older")
    assert titles(older) == ["Thread 1", "Thread 0"]
    assert titles(await older.follow("Newer")) == titles(newest)
    unanswered = await active.follow("Unanswered")
    assert "Thread 0" not in titles(unanswered) + titles(await unanswered.follow("Older"))
    assert titles(await active.follow("Older")) == ["Thread 2", "Thread 1"]


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"title": "", "text": "A text."}, "title"),
        ({"title": "\u200b\u200b", "text": "A text."}, "title"),
        ({"title": "x" * 201, "text": "A text."}, "title"),
        ({"title": "A title", "text": ""}, "text"),
        ({"title": "A title", "text": "x" * 65_537}, "text"),
        ({"title": "A title", "text": "a\x00b"}, "text"),
        ({"title": "A title", "link": "javascript:alert(1)"}, "link"),
        ({"title": "A title", "link": "https://user@evil.example/"}, "link"),
        ({"title": "A title", "link": "https:///nowhere"}, "link"),
        ({"title": "A title", "link": "https://a.example/" + "x" * 2048}, "link"),
        ({"title": "A title", "link": "http://[::1"}, "link"),
    ],
)
async def test_a_thread_that_does_not_fit_keeps_what_was_typed(
    app: Starlette, runtime: Runtime, typed: dict[str, str], wrong: str
) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    answer = await (await ana.get("/g/elm_street/write")).form("Send").submit(**typed)
    assert answer.status == 422
    assert answer.soup.find(id=f"{wrong}-wrong") is not None
    kept = answer.form("Send").values
    assert all(kept[name] == value for name, value in typed.items() if "\x00" not in value)
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 0


async def test_an_empty_reply_and_a_reply_with_a_nul_are_refused_in_place(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    for text, status in (("  ", 422), ("a\x00b", 422), ("x" * 65_537, 422)):
        answer = await thread.form("Send reply").submit(text=text)
        assert (answer.status, answer.has_button("Send reply")) == (status, True)
    assert (await thread.form("Send reply").submit(to="99999999999999999999", text="x")).status == 404
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 1


async def test_who_writes_too_much_waits_and_keeps_their_text(
    app: Starlette, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    monkeypatch.setattr(limits, "WRITE", limits.Limit(1, 3600))
    form = (await ana.get("/g/elm_street/write")).form("Send")
    thread = await form.submit(title="One", text="First.")
    late = await form.submit(title="Two", text="My second text.", idempotency_key="other")
    assert (late.status, late.form("Send").values["text"]) == (429, "My second text.")
    reply = await thread.browser.post(f"{thread.path}/reply", {"text": "My reply."})
    assert (reply.status, "My reply." in reply.text) == (429, True)
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 1
    other = await ben.post("/g/elm_street/write", {"title": "Mine", "text": "Not limited by others."})
    assert other.status == 200


async def test_news_are_marked_as_read_up_to_what_was_shown(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    await ben.post(f"{thread.path}/thank", {"thank": "1"})
    shown = await ana.get("/notifications")
    await ben.post(f"{thread.path}/reply", {"text": "And a word."})
    await work(runtime)
    after = await shown.form("Mark all as read").submit()
    assert len(after.soup.select("li.new")) == 1
    assert "replied to you" in after.soup.select("li.new")[0].get_text()


async def test_instances_are_led_to_their_own_addresses(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    post_id = thread.path.removeprefix("/t/")
    for path, leads_to in (
        ("/g/elm_street", "/ap/groups/elm_street"), ("/@ana", "/ap/people/ana"), (thread.path, f"/ap/posts/{post_id}"),
    ):  # fmt: skip
        for accept in (
            "application/activity+json",
            'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
        ):
            answer = await stranger.get(path, follow=False, headers={"accept": accept})
            assert (answer.status, answer.header("location")) == (302, stranger.base + leads_to)
            assert "Accept" in (answer.header("vary") or "")
        browser_accept = {"accept": "text/html, application/activity+json;q=0.5"}
        assert (await stranger.get(path, follow=False, headers=browser_accept)).status == 200


async def test_a_page_speaks_the_language_that_was_chosen(app: Starlette, stranger: Browser) -> None:
    german = await stranger.get("/help", headers={"accept-language": "fr, de-AT;q=0.8, en;q=0.5"})
    assert german.soup.html is not None
    assert german.soup.html["lang"] == "de"
    await stranger.post("/language", {"language": "de", "next": "/help"})
    chosen = await stranger.get("/help")
    assert 'lang="de"' in chosen.text
    await stranger.post("/language", {"language": "xx", "next": "//evil.example"})
    assert 'lang="de"' in (await stranger.get("/help")).text
    ana = await signed_in(app, "ana")
    await ana.post("/language", {"language": "de", "next": "/help"})
    assert 'lang="de"' in (await ana.get("/help")).text


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("bakery.example", "https://bakery.example"),
        ("www.bakery.example/bread?kind=rye", "https://www.bakery.example/bread?kind=rye"),
        ("http://bakery.example/", "http://bakery.example/"),
    ],
)
async def test_a_link_may_be_typed_as_shops_print_it(app: Starlette, runtime: Runtime, typed: str, stored: str) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await (await ana.get("/g/elm_street/write")).form("Send").submit(title="Bread", link=typed)
    assert thread.status == 200
    assert thread.soup.find("a", href=stored) is not None
