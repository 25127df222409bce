"""Residents read and write: threads, replies, edits; nobody else sees what was not checked yet."""

from starlette.applications import Starlette

from server.community import posts
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.journeys.conftest import add_group, add_rule, signed_in, work


async def written(browser: Browser, runtime: Runtime, title: str = "A grey cat", text: str = "On our sill.") -> Answer:
    """A published thread; the answer shows its page."""
    page = await browser.get("/g/elm_street/write")
    thread = await page.form("Send").submit(title=title, text=text)
    assert thread.status == 200, thread.words
    await work(runtime)
    return await browser.get(thread.path)


async def test_a_thread_is_written_checked_and_read(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    page = await ana.get("/g/elm_street")
    form = (await page.follow("Write")).form("Send")
    thread = await form.submit(title="A grey cat", text="She sits *on our sill*.")
    assert "being checked" in thread.words
    assert (await stranger.get(thread.path)).status == 404
    assert "A grey cat" not in (await stranger.get("/g/elm_street")).words
    await work(runtime)
    shown = await stranger.get(thread.path)
    assert "A grey cat" in shown.words
    assert "<em>on our sill</em>" in shown.text
    assert "A grey cat" in (await stranger.get("/g/elm_street")).words
    assert "A grey cat" in (await ana.get("/")).words


async def test_a_reply_is_seen_by_its_author_alone_until_it_was_checked(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    reply = await (await ben.get(thread.path)).form("Send reply").submit(text="She is ours!")
    assert "She is ours!" in reply.words
    assert "being checked" in reply.words
    for other in (ana, stranger):
        assert "She is ours!" not in (await other.get(thread.path)).words
    await work(runtime)
    assert "She is ours!" in (await stranger.get(thread.path)).words
    told = await ana.get("/notifications")
    assert "ben replied to you" in told.words


async def test_a_held_post_is_seen_by_author_and_moderators_alone(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    ana, ben, eve = await signed_in(app, "ana"), await signed_in(app, "ben"), await signed_in(app, "eve")
    await add_group(runtime, moderator="ana")
    thread = await written(ben, runtime, "Firewood")
    post_id = int(thread.path.removeprefix("/t/"))
    pending = await (await ben.get("/g/elm_street/write")).form("Send").submit(title="Beech", text="Best price.")
    held_id = int(pending.path.removeprefix("/t/"))
    async with runtime.db.transaction() as conn:
        await posts.hold_revision(conn, await posts.by_id(conn, held_id, lock=True), 1)
    own = await ben.get(pending.path)
    assert "held for a moderator" in own.words
    assert "Best price." in (await ana.get(pending.path)).words
    for other in (eve, stranger):
        assert (await other.get(pending.path)).status == 404
    assert post_id != held_id


async def test_what_may_not_be_seen_looks_like_what_does_not_exist(app: Starlette, runtime: Runtime) -> None:
    ana, eve = await signed_in(app, "ana"), await signed_in(app, "eve")
    await add_group(runtime, moderator="ana")
    waiting = await (await ana.get("/g/elm_street/write")).form("Send").submit(title="Soon", text="Not yet.")
    post_id = waiting.path.removeprefix("/t/")
    nothing = str(int(post_id) + 1)
    for path in ("/t/{}", "/t/{}/edit", "/t/{}/delete", "/t/{}/history", "/t/{}/report"):
        hidden, missing = await eve.get(path.format(post_id)), await eve.get(path.format(nothing))
        assert (hidden.status, missing.status) == (404, 404)
        assert hidden.text.replace(post_id, "ID") == missing.text.replace(nothing, "ID")
    for path in ("/t/{}/edit", "/t/{}/delete", "/t/{}/thank", "/t/{}/report", "/t/{}/reply"):
        typed = {"text": "x", "title": "x", "rule": "1"}
        hidden, missing = await eve.post(path.format(post_id), typed), await eve.post(path.format(nothing), typed)
        assert (path, hidden.status, missing.status) == (path, 404, 404)


async def test_a_published_thread_is_not_its_readers_to_change(app: Starlette, runtime: Runtime) -> None:
    ana, eve = await signed_in(app, "ana"), await signed_in(app, "eve")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    for what in ("edit", "delete"):
        assert (await eve.get(f"{thread.path}/{what}")).status == 404
        assert (await eve.post(f"{thread.path}/{what}", {"title": "Mine", "text": "now"})).status == 404
    assert "On our sill." in (await ana.get(thread.path)).words


async def test_an_edit_is_checked_and_leaves_a_history(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    form = (await thread.follow("Edit")).form("Save")
    assert form.values["title"] == "A grey cat"
    after = await form.submit(title="A grey cat, found", text="On our sill, sleeping.")
    assert "Your change is being checked." in after.words
    assert "On our sill." in (await stranger.get(thread.path)).words
    assert "sleeping" not in (await stranger.get(thread.path)).words
    await work(runtime)
    shown = await stranger.get(thread.path)
    assert "A grey cat, found" in shown.words
    history = await stranger.get(f"{thread.path}/history")
    assert "sleeping" in history.words
    assert "First version" in history.words


async def test_an_unpublished_edit_is_in_nobodys_history_but_the_authors(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    await (await ana.get(f"{thread.path}/edit")).form("Save").submit(text="Call me on 5550100.")
    assert "5550100" in (await ana.get(f"{thread.path}/history")).words
    assert "5550100" not in (await stranger.get(f"{thread.path}/history")).words


async def test_a_thread_is_deleted_after_a_question(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    await (await ben.get(thread.path)).form("Send reply").submit(text="She is ours!")
    await work(runtime)
    question = await thread.follow("Delete")
    assert "Delete this thread?" in question.words
    after = await question.form("Delete").submit()
    assert after.path == "/g/elm_street"
    assert "Deleted." in after.words
    gone = await stranger.get(thread.path)
    assert "On our sill." not in gone.text
    assert "She is ours!" in gone.words


async def test_a_thank_is_given_once_and_taken_back(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    form = (await ben.get(thread.path)).form("Thank")
    await form.submit()
    again = await form.submit()
    assert again.has_button("Thanked 1")
    assert "ben thanked you" in (await ana.get("/notifications")).words
    back = await again.form("Thanked 1").submit()
    assert back.has_button("Thank")
    asked = await (await stranger.get(thread.path)).form("Thank").submit()
    assert asked.path.startswith("/login")
    own = await ana.post(f"{thread.path}/thank", {"thank": "1"})
    assert own.status == 409


async def test_sending_a_form_twice_makes_one_thread_and_one_reply(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    form = (await ana.get("/g/elm_street/write")).form("Send")
    first, second = [await form.submit(title="Once", text="Only once.") for _ in range(2)]
    assert first.path == second.path
    await work(runtime)
    reply = (await ana.get(first.path)).form("Send reply")
    for _ in range(2):
        await reply.submit(text="One answer.")
    assert (await ana.get(first.path)).words.count("One answer.") == 1


async def test_a_preview_stores_nothing_and_keeps_what_was_typed(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    page = await ana.get("/g/elm_street/write")
    shown = await page.form("Preview").submit(title="A cat", text="**Grey**", link="https://cats.example/grey")
    assert "<strong>Grey</strong>" in shown.text
    assert "cats.example" in shown.words
    assert shown.form("Send").values["text"] == "**Grey**"
    assert "A cat" not in (await ana.get("/g/elm_street")).words
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 0


async def test_a_reply_answers_a_reply_in_place(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await written(ana, runtime)
    await (await ben.get(thread.path)).form("Send reply").submit(text="She is ours!")
    await work(runtime)
    page = await ana.get(thread.path)
    reply_link = next(str(a["href"]) for a in page.soup.select("article.post a") if "?reply=" in str(a["href"]))
    in_place = await ana.get(reply_link)
    await in_place.form("Send reply").submit(text="Come and fetch her.")
    await work(runtime)
    depths = await runtime.db.pool.fetch("select depth from posts order by id")
    assert [row["depth"] for row in depths] == [0, 1, 2]


async def test_a_reply_cannot_be_put_into_another_thread(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    one, other = await written(ana, runtime, "One"), await written(ana, runtime, "Other")
    answer = await ana.post(f"{one.path}/reply", {"to": other.path.removeprefix("/t/"), "text": "Hm."})
    assert answer.status == 404
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 2


async def test_a_report_names_a_rule_and_reaches_the_moderators(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    group_id = await add_group(runtime, moderator="ana")
    await add_rule(runtime, group_id, "No advertising")
    everywhere = await add_rule(runtime, None, "Be kind")
    thread = await written(ben, runtime, "Firewood")
    page = await (await ana.get(thread.path)).follow("Report")
    assert "No advertising" in page.words
    assert "Be kind (everywhere here)" in page.words
    wrong = await page.form("Send report").submit(comment="It is an advertisement.")
    assert wrong.status == 422
    assert "Please choose the rule" in wrong.words
    assert wrong.form("Send report").values["comment"] == "It is an advertisement."
    sent = await wrong.form("Send report").submit(rule=str(everywhere))
    assert "The moderators will read your report." in sent.words
    assert await runtime.db.pool.fetchval("select count(*) from reports") == 1
    assert (await ben.get(f"{thread.path}/report")).status == 404
    assert "1 post in Elm Street waits" in (await ana.get("/")).words


async def test_a_report_needs_no_rule_where_there_is_none(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await written(ben, runtime, "Firewood")
    page = await (await ana.get(thread.path)).follow("Report")
    assert "Which rule does it break?" not in page.words
    sent = await page.form("Send report").submit(comment="It is an advertisement.")
    assert "The moderators will read your report." in sent.words
    assert await runtime.db.pool.fetchval("select comment from reports where rule_id is null") is not None
