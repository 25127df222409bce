"""Polls: asked, voted in, closed, read; by neighbours, and never led by totals that they may not see yet."""

import pytest
from starlette.applications import Starlette

from moderation import checks
from moderation.criteria import WordsCriteria
from server import housekeeping
from server.community.groups import GroupForm, change
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.conftest import MovedClock
from tests.journeys.conftest import add_group, add_rule, signed_in, work
from tests.web.counting import counted

THREE = {"option_1": "Saturday", "option_2": "Sunday", "option_5": "Neither"}


async def asked(browser: Browser, runtime: Runtime, **more: str) -> Answer:
    """A published thread with a poll; the answer shows its page to its author."""
    typed = {"title": "When do we meet?", "text": "At the bridge."} | THREE | more
    thread = await (await browser.get("/g/elm_street/write")).form("Send").submit(**typed)
    assert thread.status == 200, thread.words
    await work(runtime)
    return await browser.get(thread.path)


async def totals(runtime: Runtime) -> tuple[list[int], int]:
    counts = await runtime.db.pool.fetchval("select counts from polls")
    return counts, await runtime.db.pool.fetchval("select voter_count from polls")


async def test_a_poll_is_asked_voted_in_and_read(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime)
    assert "poll" in (await stranger.get("/g/elm_street")).soup.select_one("ul.rows li .meta").get_text()  # type: ignore[union-attr]
    before = await ben.get(thread.path)
    assert "0 people have voted" in before.words
    assert "1 vote" not in before.words
    after = await before.form("Vote").submit(choice="1")
    assert "Your vote is counted." in after.words
    assert "Sunday your vote 1 vote · 100%" in after.words
    assert "1 person has voted · open until " in after.words
    assert not after.has_button("Vote")
    assert (await totals(runtime)) == ([0, 1, 0], 1)
    for other in (ana, stranger):
        shown = await other.get(thread.path)
        assert "Sunday" in shown.words
        assert "1 vote" not in shown.words
    assert "Log in to vote." in (await stranger.get(thread.path)).words


async def test_several_may_be_chosen_where_the_poll_allows_it(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime, several="1")
    await (await ben.get(thread.path)).form("Vote").submit(choice_0="1", choice_2="1")
    after = await (await ana.get(thread.path)).form("Vote").submit(choice_2="1")
    assert "Saturday 1 vote · 50% Sunday 0 votes · 0% Neither your vote 2 votes · 100%" in after.words
    assert await totals(runtime) == ([1, 0, 2], 2)


async def test_a_vote_counts_once_and_stays(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime)
    form = (await ben.get(thread.path)).form("Vote")
    first, again, other = [await form.submit(choice=choice) for choice in ("0", "0", "1")]
    assert (first.status, again.status, other.status) == (200, 200, 200)
    after = await ben.get(thread.path)
    assert "Saturday your vote 1 vote" in after.words
    assert await totals(runtime) == ([1, 0, 0], 1)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({}, "Please choose one of the options."),
        ({"choice": "3"}, "Please choose one of the options."),
        ({"choice": "-1"}, "Please choose one of the options."),
        ({"choice_0": "1", "choice_1": "1"}, "Please choose only one of the options."),
    ],
)
async def test_a_vote_for_nothing_or_too_much_is_explained(
    app: Starlette, runtime: Runtime, typed: dict[str, str], says: str
) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime)
    answer = await (await ana.get(thread.path)).form("Vote").submit(**typed)
    assert answer.status == 422
    assert says in answer.words
    assert answer.has_button("Vote")
    assert await totals(runtime) == ([0, 0, 0], 0)


async def test_when_it_has_closed_everybody_sees_the_result_and_nobody_votes(
    app: Starlette, runtime: Runtime, stranger: Browser, moved_clock: MovedClock
) -> None:
    ana, ben, eve = [await signed_in(app, name) for name in ("ana", "ben", "eve")]
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime, closes="3")
    late = (await eve.get(thread.path)).form("Vote")
    await (await ben.get(thread.path)).form("Vote").submit(choice="1")
    await moved_clock.advance(days=3, minutes=1)
    await work(runtime)
    for reader in (stranger, ana, eve):
        shown = await reader.get(thread.path)
        assert "Sunday 1 vote · 100%" in shown.words
        assert "closed 1 minute ago" in shown.words
        assert not shown.has_button("Vote")
    refused = await late.submit(choice="0")
    assert refused.status == 403
    assert "This poll has closed" in refused.words
    assert await totals(runtime) == ([0, 1, 0], 1)
    for told in (ana, ben):
        assert "The poll “When do we meet?” has closed." in (await told.get("/notifications")).words
    assert "has closed" not in (await eve.get("/notifications")).words


async def test_its_time_runs_from_publication(app: Starlette, runtime: Runtime, moved_clock: MovedClock) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    sent = (
        await (await ana.get("/g/elm_street/write")).form("Send").submit(title="When?", text="x", closes="1", **THREE)
    )
    assert "You can vote once this thread is published." in sent.words
    refused = await ana.post(f"{sent.path}/poll", {"choice": "0"})
    assert refused.status == 404
    await moved_clock.advance(days=2)
    await work(runtime)
    shown = await ana.get(sent.path)
    assert "open until" in shown.words
    assert shown.has_button("Vote")


async def test_where_only_members_write_only_members_vote(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    group_id = await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime)
    async with runtime.db.transaction() as conn:
        await change(conn, group_id, GroupForm(title="Elm Street", posting="members"))
    shown = await ben.get(thread.path)
    assert "Only members vote in this group. You can join it." in shown.words
    refused = await ben.post(f"{thread.path}/poll", {"choice": "0"})
    assert refused.status == 403
    assert await totals(runtime) == ([0, 0, 0], 0)


async def test_who_is_banned_does_not_vote(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    await (await ben.get("/g/elm_street")).form("Join this group").submit()
    thread = await asked(ana, runtime)
    await runtime.db.pool.execute(
        """update memberships set banned_until = clock_now() + interval '1 day'
            where person_id = (select id from actors where name = 'ben')"""
    )
    assert "You cannot take part in this group at the moment." in (await ben.get(thread.path)).words
    assert (await ben.post(f"{thread.path}/poll", {"choice": "0"})).status == 403
    assert await totals(runtime) == ([0, 0, 0], 0)


async def test_a_thread_without_a_poll_takes_no_votes(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime, **dict.fromkeys(THREE, ""))
    assert "Poll" not in thread.words
    assert (await ana.post(f"{thread.path}/poll", {"choice": "0"})).status == 404


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"option_3": "Saturday"}, "A poll needs at least two options."),
        ({"option_1": "Saturday", "option_2": " saturday "}, "This option is there already."),
        ({"option_1": "x" * 101, "option_2": "y"}, "This is too long: 101 characters, at most 100 fit."),
        ({"option_1": "a", "option_2": "b", "closes": "1000"}, "Please choose one of these."),
    ],
)
async def test_what_does_not_fit_is_said_in_place_and_kept(
    app: Starlette, runtime: Runtime, typed: dict[str, str], wrong: str
) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    form = (await ana.get("/g/elm_street/write")).form("Send")
    answer = await form.submit(title="", text="At the bridge.", **typed)
    assert answer.status == 422
    assert wrong in answer.words
    # All that is wrong at once.
    assert "Please write something here." in answer.words
    kept = answer.form("Send").values
    assert {name: kept[name] for name in typed if name != "closes"} == {
        name: value for name, value in typed.items() if name != "closes"
    }
    assert answer.soup.select_one("details[open] #option_1") is not None
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 0


async def test_options_alone_say_enough_also_after_an_edit(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime, text="")
    edit = await thread.follow("Edit")
    assert "The options of a poll cannot be changed." in edit.words
    await edit.form("Save").submit(title="When and where?")
    await work(runtime)
    shown = await ana.get(thread.path)
    assert "When and where?" in shown.words
    assert "Sunday" in shown.words
    plain = await asked(ana, runtime, title="No poll", **dict.fromkeys(THREE, ""))
    emptied = await (await plain.follow("Edit")).form("Save").submit(text="")
    assert emptied.status == 422
    assert "Please write something here, give a link, or choose a picture." in emptied.words


async def test_a_preview_shows_the_options_and_stores_nothing(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    form = (await ana.get("/g/elm_street/write")).form("Preview")
    shown = await form.submit(title="When?", text="x", **THREE)
    assert [item.get_text() for item in shown.soup.select("#preview li")] == ["Saturday", "Sunday", "Neither"]
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 0


async def test_options_are_text_and_never_markup(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime, option_1="<script>alert(1)</script>")
    assert "<script>alert(1)" not in thread.text
    assert "<script>alert(1)</script>" in thread.words


async def test_a_poll_whose_option_breaks_a_rule_is_held_and_its_moderator_reads_it(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    group_id = await add_group(runtime, moderator="ana")
    rule_id = await add_rule(runtime, group_id, "No advertising")
    async with runtime.db.transaction() as conn:
        ana_id = await conn.fetchval("select id from actors where name = 'ana'")
        await checks.create_check(conn, group_id, rule_id, WordsCriteria(words=("casino",)), "hold", ana_id)
    thread = await asked(ben, runtime, option_2="Sunday at the casino")
    assert "held for a moderator" in thread.words
    assert (await stranger.get(thread.path)).status == 404
    case = await ana.get(f"/queue/{await runtime.db.pool.fetchval('select id from cases')}")
    assert "<li>Sunday at the <mark>casino</mark></li>" in case.text


async def test_a_poll_costs_no_statement_of_its_own(app: Starlette, runtime: Runtime) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime)
    for path in (thread.path, "/g/elm_street", "/"):
        await ben.get(path)
        async with counted(runtime) as statements:
            await ben.get(path)
        assert len(statements) <= 4, path


async def test_a_deleted_poll_is_wiped_with_its_votes(
    app: Starlette, runtime: Runtime, moved_clock: MovedClock
) -> None:
    ana, ben = await signed_in(app, "ana"), await signed_in(app, "ben")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime)
    await (await ben.get(thread.path)).form("Vote").submit(choice="0")
    await (await thread.follow("Delete")).form("Delete").submit()
    assert "Saturday" not in (await ben.get(thread.path)).text
    assert (await ben.post(f"{thread.path}/poll", {"choice": "0"})).status == 404
    await moved_clock.advance(days=31)
    await housekeeping.tidy(runtime)
    assert (
        await runtime.db.pool.fetchval("select (select count(*) from polls) + (select count(*) from poll_votes)") == 0
    )


async def test_in_german(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    await add_group(runtime, moderator="ana")
    thread = await asked(ana, runtime)
    await runtime.db.pool.execute("update accounts set language = 'de'")
    page = await ana.get("/g/elm_street/write")
    assert "Umfrage hinzufügen" in page.words
    assert "1 Woche" in page.words
    shown = await ana.get(thread.path)
    assert "0 Personen haben abgestimmt" in shown.words
    after = await shown.form("Abstimmen").submit(choice="0")
    assert "Deine Stimme ist gezählt." in after.words
    assert "Saturday deine Stimme 1 Stimme · 100 %" in after.words
    assert "1 Person hat abgestimmt · offen bis" in after.words
