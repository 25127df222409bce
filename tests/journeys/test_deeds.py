"""Moderators ban and let in again, close and open, pin and unpin: who it concerns is told, and all is on record."""

import pytest
from starlette.applications import Starlette

from moderation import deeds
from server import housekeeping
from server.community import votes
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.conftest import MovedClock
from tests.journeys.conftest import add_group, signed_in, work
from tests.journeys.test_moderators import Street
from tests.journeys.test_polls import asked

REASON = "Nobody had asked for it."


@pytest.fixture
async def street(app: Starlette, runtime: Runtime) -> Street:
    return await Street(app, runtime).settle()


async def thread(street: Street, browser: Browser, title: str = "A ladder", text: str = "To lend.") -> Answer:
    return await browser.get(await street.write(browser, text, title))


async def ban(street: Street, name: str = "ben", **typed: str) -> Answer:
    """Mia bans somebody by the form."""
    page = await street.mia.get(f"/g/elm_street/members/{await street.id_of(name)}/ban")
    answer = await page.form("Ban").submit(rule=str(street.rule), reason=REASON, **typed)
    await work(street.runtime)
    return answer


async def test_a_ban_shuts_every_door_and_outlives_leaving(street: Street) -> None:
    ladder = await thread(street, street.ana)
    own = await thread(street, street.ben, "My shed")
    members = await street.mia.get("/g/elm_street/members")
    page = await members.follow("Ban : ben")
    assert "Ban ben from this group" in page.words
    banned = await page.form("Ban").submit(days="7", rule=str(street.rule), reason=REASON)
    assert "Banned. They are told why, and until when." in banned.words
    assert "until " in banned.words
    doors: tuple[tuple[str, dict[str, str]], ...] = (
        ("/g/elm_street/write", {"title": "a", "text": "b"}), (f"{ladder.path}/reply", {"text": "b"}),
        (f"{ladder.path}/thank", {"thank": "1"}), ("/g/elm_street/join", {}),
        (f"{ladder.path}/report", {"rule": str(street.rule), "comment": "b"}),
        (f"{own.path}/edit", {"title": "a", "text": "b"}),
    )  # fmt: skip
    for left in (False, True):
        for path, typed in doors:
            answer = await street.ben.post(path, typed)
            assert (left, path, answer.status) == (left, path, 403)
            assert "have banned you until" in answer.words
        await street.ben.post("/g/elm_street/leave", {})
    assert "have banned you until" in (await street.ben.get(ladder.path)).words
    assert await street.runtime.db.pool.fetchval("select count(*) from posts") == 2


async def test_the_banned_are_told_by_which_rule_why_and_until_when(street: Street) -> None:
    await ban(street, days="30")
    news = await street.ben.get("/notifications")
    page = await news.follow("The moderators of Elm Street have banned you. See why, and until when.")
    for words in ("You were banned from Elm Street", "Rule 1: No advertising", REASON, "The ban lasts until"):
        assert words in page.words
    assert not page.has_button("Lift the ban")
    assert (await street.moe.get(page.path)).has_button("Lift the ban")
    for other in (street.ana, street.stranger):
        answer = await other.get(page.path)
        assert answer.status == 404 or answer.path.startswith("/login")


async def test_a_ban_for_good_says_so(street: Street) -> None:
    page = await ban(street, days="")
    assert "for good" in page.words
    refused = await street.ben.post("/g/elm_street/write", {"title": "a", "text": "b"})
    assert "The moderators of this group have banned you." in refused.words
    assert "Somebody was banned for good." in (await street.stranger.get("/g/elm_street/record")).words


async def test_a_ban_that_ends_lets_them_join_and_leave_again(
    street: Street, moved_clock: MovedClock, app: Starlette
) -> None:
    await ban(street, days="1")
    await moved_clock.advance(days=2)
    assert "Banned" not in (await street.mia.get("/g/elm_street/members")).words
    assert (await street.ben.post("/g/elm_street/join", {})).status == 200
    assert (await thread(street, street.ben)).status == 200
    await street.ben.post("/g/elm_street/leave", {})
    left = "select count(*) from memberships m join actors a on a.id = m.person_id where a.name = 'ben'"
    assert await street.runtime.db.pool.fetchval(left) == 0


async def thanks(street: Street) -> int:
    return int(await street.runtime.db.pool.fetchval("select sum(thank_count) from posts"))


async def test_thanks_count_again_when_a_ban_has_run_out(street: Street, moved_clock: MovedClock) -> None:
    ladders = [await thread(street, street.ana, f"Ladder {number}") for number in range(3)]
    for ladder in ladders:
        await street.ben.post(f"{ladder.path}/thank", {"thank": "1"})
    await ban(street, days="1")
    assert await thanks(street) == 0
    await housekeeping.tidy(street.runtime)
    assert await thanks(street) == 0
    await moved_clock.advance(days=2)
    # Of one they have thought themselves; and they have left, so that no membership tells of a ban.
    await street.ben.post(f"{ladders[0].path}/thank", {"thank": "1"})
    await street.ben.post("/g/elm_street/join", {})
    await street.ben.post("/g/elm_street/leave", {})
    for _ in range(2):
        await housekeeping.tidy(street.runtime)
        assert await thanks(street) == 3


async def test_a_new_ban_keeps_what_the_old_one_suspended(street: Street, moved_clock: MovedClock) -> None:
    ladder = await thread(street, street.ana)
    await street.ben.post(f"{ladder.path}/thank", {"thank": "1"})
    await ban(street, days="1")
    await moved_clock.advance(days=2)
    async with street.runtime.db.read() as conn:
        (ended,) = await votes.without_ban(conn, 10)
    await ban(street, days="7")
    async with street.runtime.db.transaction() as conn:
        await votes.give_back(conn, ended)
    await housekeeping.tidy(street.runtime)
    assert await thanks(street) == 0


async def test_a_lifted_ban_is_marked_in_the_record_and_tells(street: Street) -> None:
    await ban(street)
    members = await (await street.moe.get("/g/elm_street/members")).form("Lift the ban").submit()
    assert "The ban is lifted." in members.words
    assert "You may take part in Elm Street again." in (await street.ben.get("/notifications")).words
    assert (await street.ben.post("/g/elm_street/join", {})).status == 200
    record = (await street.stranger.get("/g/elm_street/record")).words
    assert "A ban was lifted." in record
    assert "reversed later" in record
    assert REASON in record
    assert "ben" not in record.split()
    # Twice lifted is once lifted.
    await street.mia.post(f"/g/elm_street/members/{await street.id_of('ben')}/unban", {})
    assert await street.runtime.db.pool.fetchval("select count(*) from deeds where verb = 'unban'") == 1


async def test_thanks_of_the_banned_stop_counting_until_it_is_lifted(street: Street) -> None:
    paths = [(await thread(street, street.ana, f"Thread {number}")).path for number in range(5)]
    for path in paths:
        for neighbour in (street.ben, street.moe):
            await neighbour.post(f"{path}/thank", {"thank": "1"})

    async def totals() -> list[int]:
        rows = await street.runtime.db.pool.fetch(
            """select p.thank_count, (select count(*) from votes v where v.post_id = p.id and v.value = 1) as counted
                 from posts p order by p.id"""
        )
        assert [row["thank_count"] for row in rows] == [row["counted"] for row in rows]
        return [row["thank_count"] for row in rows]

    assert await totals() == [2] * 5
    await ban(street)
    assert await totals() == [1] * 5
    await (await street.mia.get("/g/elm_street/members")).form("Lift the ban").submit()
    assert await totals() == [2] * 5


async def test_votes_of_the_banned_leave_open_polls_of_that_group_alone(
    street: Street, app: Starlette, moved_clock: MovedClock
) -> None:
    await add_group(street.runtime, "oak_street", moderator="moe")
    old = await asked(street.ana, street.runtime)
    await (await street.ben.get(old.path)).form("Vote").submit(choice="1")
    await moved_clock.advance(days=8)
    await work(street.runtime)
    here = await asked(street.ana, street.runtime)
    form = (await street.ana.get("/g/oak_street/write")).form("Send")
    there = await form.submit(title="When?", text="Where?", option_1="Saturday", option_2="Sunday")
    await work(street.runtime)
    for poll in (here, there):
        for voter in (street.ben, street.moe):
            await (await voter.get(poll.path)).form("Vote").submit(choice="1")
    await ban(street, days="1")
    counts = await street.runtime.db.pool.fetch("select counts, voter_count from polls order by post_id")
    assert [tuple(row) for row in counts] == [([0, 1, 0], 1), ([0, 1, 0], 1), ([0, 2], 2)]
    assert (await street.ben.post(f"{here.path}/poll", {"choice": "0"})).status == 403
    await (await street.mia.get("/g/elm_street/members")).form("Lift the ban").submit()
    assert (await street.ben.post(f"{here.path}/poll", {"choice": "0"})).status == 200
    counts = await street.runtime.db.pool.fetch("select counts, voter_count from polls order by post_id")
    assert [tuple(row) for row in counts] == [([0, 1, 0], 1), ([1, 1, 0], 2), ([0, 2], 2)]


async def test_what_they_wrote_goes_with_them_if_the_moderator_says_so(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "REMOVED_AT_ONCE", 1)
    kept = await thread(street, street.ana)
    await street.ben.post(f"{kept.path}/reply", {"text": "Mine is longer."})
    gone = await thread(street, street.ben, "My shed")
    await ban(street, remove_posts="1")
    assert "Mine is longer." not in (await street.stranger.get(kept.path)).words
    assert "A moderator removed this text." in (await street.stranger.get(gone.path)).words
    assert "To lend." in (await street.stranger.get(kept.path)).words
    rows = await street.runtime.db.pool.fetch("select state, count(*) from posts group by 1 order by 1")
    assert [tuple(row) for row in rows] == [("published", 1), ("removed", 2)]
    # The ban tells them once; each removal can be read and reversed by itself.
    notes = await street.runtime.db.pool.fetch("select kind from notifications where kind in ('banned', 'removed')")
    assert [row["kind"] for row in notes] == ["banned"]
    why = await (await street.mia.get(gone.path)).follow("Why, and what you can do")
    assert REASON in why.words
    await why.form("Put it back").submit()
    assert "To lend." in (await street.stranger.get(gone.path)).words


async def test_a_ban_that_is_lifted_at_once_takes_nothing_away(street: Street) -> None:
    kept = await thread(street, street.ben, "My shed")
    page = await street.mia.get(f"/g/elm_street/members/{await street.id_of('ben')}/ban")
    await page.form("Ban").submit(rule=str(street.rule), reason=REASON, remove_posts="1")
    await (await street.mia.get("/g/elm_street/members")).form("Lift the ban").submit()
    await work(street.runtime)
    assert "To lend." in (await street.stranger.get(kept.path)).words


async def test_a_ban_needs_a_length_a_rule_and_a_reason(street: Street) -> None:
    page = await street.mia.get(f"/g/elm_street/members/{await street.id_of('ben')}/ban")
    for typed, problem in (
        ({"rule": "", "reason": REASON}, "Please choose the rule"),
        ({"rule": str(street.rule), "reason": " "}, "Please tell them why"),
        ({"rule": str(street.rule), "reason": REASON, "days": "8"}, "Please choose for how long"),
        ({"rule": str(street.rule), "reason": REASON, "days": "0"}, "Please choose for how long"),
    ):
        wrong = await page.form("Ban").submit(**typed)
        assert wrong.status == 422
        assert problem in wrong.words
        assert wrong.form("Ban").values["reason"].strip() == typed["reason"].strip()
    assert await street.runtime.db.pool.fetchval("select count(*) from memberships where banned_until > now()") == 0


async def test_moderators_are_not_banned_nor_oneself(street: Street) -> None:
    typed = {"rule": str(street.rule), "reason": REASON, "days": "7"}
    for name, words in (("moe", "This is a moderator."), ("mia", "You cannot ban yourself.")):
        answer = await street.mia.post(f"/g/elm_street/members/{await street.id_of(name)}/ban", typed)
        assert answer.status == 403
        assert words in answer.words
    assert await street.runtime.db.pool.fetchval("select count(*) from deeds") == 0


async def test_an_admin_who_is_banned_does_not_lift_it_alone(street: Street) -> None:
    await ban(street, "ada")
    answer = await street.ada.post(f"/g/elm_street/members/{await street.id_of('ada')}/unban", {})
    assert answer.status == 403
    assert await street.runtime.db.pool.fetchval("select count(*) from memberships where banned_until > now()") == 1


async def test_groups_and_the_unknown_cannot_be_banned(street: Street) -> None:
    typed = {"rule": str(street.rule), "reason": REASON, "days": "7"}
    for person in (street.group_id, 1):
        assert (await street.mia.get(f"/g/elm_street/members/{person}/ban")).status == 404
        assert (await street.mia.post(f"/g/elm_street/members/{person}/ban", typed)).status == 404


async def test_a_closed_thread_says_why_and_opens_again(street: Street) -> None:
    ladder = await thread(street, street.ana)
    form = (await (await street.mia.get(ladder.path)).follow("Close for replies")).form("Close for replies")
    wrong = await form.submit(reason="")
    assert wrong.status == 422
    assert "Please say why" in wrong.words
    closed = await form.submit(reason="All is said.", rule=str(street.other_rule))
    assert "“All is said.”" in closed.words
    again = await form.submit(reason="Twice.")
    assert "“All is said.”" in again.words
    page = await street.ben.get(ladder.path)
    assert not page.has_button("Send reply")
    assert "A moderator closed this thread: “All is said.” Nobody can reply any more." in page.words
    refused = await street.ben.post(f"{ladder.path}/reply", {"text": "But"})
    assert (refused.status, "“All is said.”" in refused.words) == (403, True)
    # A moderator may add a last word.
    assert (await street.moe.post(f"{ladder.path}/reply", {"text": "Thank you all."})).status == 200
    assert "closed “A ladder” for replies." in (await street.ana.get("/notifications")).words
    await (await (await street.mia.get(ladder.path)).follow("Open for replies")).form("Open for replies").submit()
    assert (await street.ben.post(f"{ladder.path}/reply", {"text": "But"})).status == 200
    record = (await street.stranger.get("/g/elm_street/record")).words
    assert "A thread was closed for replies." in record
    assert "A closed thread was opened again." in record
    assert await street.runtime.db.pool.fetchval("select count(*) from deeds") == 2


async def test_a_former_moderator_does_not_reply_to_closed_threads(street: Street) -> None:
    ladder = await thread(street, street.ana)
    await street.mia.post(f"{ladder.path}/close", {"reason": "All is said."})
    await street.runtime.db.pool.execute(
        "update memberships set state = 'refused' where person_id = $1", await street.id_of("moe")
    )
    assert (await street.moe.post(f"{ladder.path}/reply", {"text": "But"})).status == 403


async def test_pinned_threads_stand_first_and_once(street: Street) -> None:
    paths = [(await thread(street, street.ana, f"Thread {number}")).path for number in range(4)]
    question = await (await street.mia.get(paths[0])).follow("Pin to the top")
    pinned = await question.form("Pin to the top").submit()
    assert "Pinned: it stands first in this group." in pinned.words
    await street.mia.post(f"{paths[0]}/pin", {})

    async def titles(query: str = "") -> list[str]:
        page = await street.stranger.get(f"/g/elm_street{query}")
        return [found.get_text() for found in page.soup.select("main h3 a")]

    assert await titles() == ["Thread 0", "Thread 3", "Thread 2", "Thread 1"]
    assert await titles("?sort=newest") == ["Thread 0", "Thread 3", "Thread 2", "Thread 1"]
    assert await titles("?sort=unanswered") == ["Thread 3", "Thread 2", "Thread 1", "Thread 0"]
    second = await street.runtime.db.pool.fetchval("select active_position from posts where title = 'Thread 2'")
    assert await titles(f"?before={second}") == ["Thread 1"]
    assert "pinned" in (await street.stranger.get("/g/elm_street")).words
    await (await (await street.mia.get(paths[0])).follow("Pin no longer")).form("Pin no longer").submit()
    assert await titles() == ["Thread 3", "Thread 2", "Thread 1", "Thread 0"]
    record = (await street.stranger.get("/g/elm_street/record")).words
    assert "A thread was pinned to the top." in record
    assert "A thread is no longer pinned." in record
    assert await street.runtime.db.pool.fetchval("select count(*) from deeds") == 2


async def test_a_removed_pinned_thread_is_not_listed(street: Street) -> None:
    ladder = await thread(street, street.ana)
    await street.mia.post(f"{ladder.path}/pin", {})
    await street.mia.post(f"{ladder.path}/remove", {"rule": str(street.rule), "reason": REASON})
    assert "A ladder" not in (await street.stranger.get("/g/elm_street")).words


async def test_making_and_unmaking_moderators_is_on_record(street: Street) -> None:
    ben = await street.id_of("ben")
    assert (await street.mia.post(f"/g/elm_street/members/{ben}/role", {"role": "moderator"})).status == 200
    assert (await street.mia.post(f"/g/elm_street/members/{ben}/role", {"role": "moderator"})).status == 404
    assert (await street.mia.post(f"/g/elm_street/members/{ben}/role", {"role": "member"})).status == 200
    record = (await street.stranger.get("/g/elm_street/record")).words
    assert "ben became a moderator." in record
    assert "ben is no longer a moderator." in record
    assert record.count("decided by mia") == 2


@pytest.mark.parametrize("who", ["ana", "ben", "stranger", "moderator elsewhere", "former moderator", "banned"])
async def test_nobody_else_does_any_of_it(street: Street, app: Starlette, who: str) -> None:
    ladder = await thread(street, street.ana)
    ben = await street.id_of("ben")
    browser = {"ana": street.ana, "ben": street.ben, "stranger": street.stranger}.get(who, street.moe)
    if who == "moderator elsewhere":
        browser = await signed_in(app, "olga")
        await add_group(street.runtime, "oak_street", moderator="olga")
    elif who == "former moderator":
        await street.mia.post(f"/g/elm_street/members/{await street.id_of('moe')}/role", {"role": "member"})
    elif who == "banned":
        await ban(street)
        browser = street.ben
    before = await street.runtime.db.pool.fetchval("select count(*) from deeds")
    typed = {"rule": str(street.rule), "reason": REASON, "days": "7", "role": "moderator"}
    for path in (
        *(f"{ladder.path}/{deed}" for deed in ("pin", "unpin", "close", "open")),
        *(f"/g/elm_street/members/{ben}/{deed}" for deed in ("ban", "unban", "role")),
    ):
        answer = await browser.post(path, typed, follow=False)
        assert (path, answer.status) == (path, 303 if who == "stranger" else 404)
        if not path.endswith(("/unban", "/role")):
            answer = await browser.get(path, follow=False)
            assert (path, answer.status) == (path, 303 if who == "stranger" else 404)
    assert await street.runtime.db.pool.fetchval("select count(*) from deeds") == before


async def test_deeds_are_in_the_downloads(street: Street) -> None:
    await ban(street)
    found = await street.stranger.get("/g/elm_street/record.json")
    assert '"verb":"ban"' in found.text
    assert "ben" not in found.text
    assert "ban" in (await street.stranger.get("/g/elm_street/record.csv")).text
