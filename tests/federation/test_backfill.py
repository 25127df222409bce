"""The past of a group elsewhere, read after somebody here has joined it."""

import datetime as dt

import pytest

from federation import backfill
from server import clock, worker
from server.community import groups, posts, timelines
from server.community.posts import Draft
from server.limits import Limit
from tests.conftest import MovedClock
from tests.federation.peer import Document
from tests.federation.street import Street
from tests.federation.village import Village


async def test_a_new_member_finds_what_was_written_before(street: Street, village: Village) -> None:
    page = village.thread("Seeds", days_ago=400)
    village.reply(page, "I have beans.", days_ago=399)
    await village.join()
    assert await village.titles() == ["Seeds"]
    assert await village.texts(page) == ["I have beans."]


async def test_what_the_groups_own_server_wrote_out_is_not_asked_for_again(street: Street, village: Village) -> None:
    pages = [village.thread(f"Thread {number}", days_ago=number) for number in range(1, 4)]
    await village.join()
    assert len(await village.titles()) == 3
    assert not {page["id"].removeprefix(village.there.base) for page in pages} & set(village.there.fetched)


async def test_what_another_servers_people_wrote_is_read_from_there(street: Street, village: Village) -> None:
    note = street.mastodon.note(street.max, "<p>True</p>", type="Page", name="Seeds", cc=[village.uri])
    forged = note | {"content": "<p>Forged</p>"}
    create = village.there.activity("Create", street.max, forged)
    village.enlist(village.there.activity("Announce", village.uri, create))
    await village.join()
    assert (await street.post(note["id"])).html == "<p>True</p>"


@pytest.mark.parametrize("form", ["id", "page", "create", "announced id", "announced create"])
async def test_each_form_of_an_outbox_is_understood(street: Street, village: Village, form: str) -> None:
    page = village.thread("Seeds", days_ago=3, listed=False)
    create = village.there.activity("Create", village.lena, page)
    forms: dict[str, object] = {
        "id": page["id"],
        "page": page,
        "create": create,
        "announced id": village.there.activity("Announce", village.uri, page["id"]),
        "announced create": village.there.activity("Announce", village.uri, create),
    }
    village.enlist(forms[form])
    await village.join()
    assert await village.titles() == ["Seeds"]


async def test_featured_threads_are_read_too(street: Street, village: Village) -> None:
    page = village.thread("Our rules", days_ago=2000, listed=False)
    village.feature(page)
    await village.join()
    assert await village.titles() == ["Our rules"]


async def test_old_posts_keep_their_time_and_their_place(street: Street, village: Village) -> None:
    """Newest activity first, by when it was written: nothing old jumps on top of anybody's home."""
    old = village.thread("Old", days_ago=300)
    older = village.thread("Older", days_ago=600)
    village.reply(older, "Answered late.", days_ago=100)
    await village.join()
    async with street.runtime.db.read() as conn:
        fresh = await groups.BY_ID.one(conn, village.group_id, street.ana_id)
        lines = await timelines.home(conn, street.ana_id)
    assert fresh is not None
    assert [line.title for line in lines] == ["Older", "Old"]
    assert fresh.active_at is not None
    assert clock.now() - fresh.active_at > dt.timedelta(days=99)
    stored = await street.post(old["id"])
    assert stored.position is not None
    for number in (stored.id, stored.position):
        assert abs((number >> 20) / 1000 - stored.submitted_at.timestamp()) < 1
    assert clock.now() - stored.submitted_at > dt.timedelta(days=299)


async def test_nobody_is_told_of_old_posts(street: Street, village: Village) -> None:
    village.thread("Seeds", days_ago=10, content="<p>Ask @ana and @mia</p>")
    await village.join()
    async with street.runtime.db.read() as conn:
        kinds = await conn.fetch("select kind from notifications")
    assert [row["kind"] for row in kinds] == ["joined_group"]


async def test_old_posts_pass_the_rules_of_this_place(street: Street, village: Village) -> None:
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update rules set group_id = null")
        await conn.execute("update checks set group_id = null")
        await conn.execute("update accounts set admin = true where actor_id = $1", street.mia_id)
    page = village.thread("Evening", days_ago=10, content="<p>Come to the casino</p>")
    await village.join()
    assert (await street.post(page["id"])).state == "held"
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from cases") == 1
        # The queue counts it; nobody is called for each of some hundred old posts.
        assert await conn.fetchval("select count(*) from notifications where kind = 'case_opened'") == 0


async def test_replies_listed_before_their_threads_find_their_place(street: Street, village: Village) -> None:
    page = village.thread("Seeds", days_ago=9, listed=False)
    first = village.reply(page, "First.", days_ago=8, listed=False)
    second = village.reply(first, "Second.", days_ago=7, listed=False)
    for document in (page, first, second):  # the outbox has the newest on top
        village.enlist(document)
    await village.join()
    assert await village.texts(page) == ["First.", "Second."]
    assert [(await street.post(one["id"])).depth for one in (page, first, second)] == [0, 1, 2]


async def test_the_parent_of_an_old_reply_is_looked_for(street: Street, village: Village) -> None:
    page = village.thread("Seeds", days_ago=9, listed=False)
    reply = village.reply(page, "First.", days_ago=8, listed=False)
    village.enlist(reply)
    await village.join()
    assert await village.texts(page) == ["First."]


async def test_replies_are_walked_where_a_server_lists_no_whole_thread(street: Street, village: Village) -> None:
    page = village.thread("Seeds", days_ago=9, context=False)
    first = village.reply(page, "First.", days_ago=8, walked=True)
    village.reply(first, "Second.", days_ago=7, walked=True)
    await village.join()
    assert await village.texts(page) == ["First.", "Second."]


async def test_progress_is_told_until_the_end(
    street: Street, village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "STEPS", 1)
    village.page_size = 2
    for number in range(8):
        village.thread(f"Thread {number}", days_ago=number + 1)
    await village.ask()
    told = []
    while await worker.run_effect(street.runtime) or await worker.run_errand(street.runtime):
        group = await village.group()
        told.append((group.older_here, group.older_about))
    assert (2, 8) in told
    assert (4, 8) in told
    assert told[-1] == (None, None)
    assert len(await village.titles()) == 8


async def test_a_server_is_asked_sixty_times_a_minute(
    street: Street, village: Village, monkeypatch: pytest.MonkeyPatch, moved_clock: MovedClock
) -> None:
    monkeypatch.setattr(backfill, "REQUESTS", Limit(4, 60))
    village.page_size = 1
    for number in range(9):
        village.thread(f"Thread {number}", days_ago=number + 1, context=False)
    await village.join()
    assert len(await village.titles()) < 5
    for _ in range(4):
        await moved_clock.advance(seconds=61)
        await street.settle()
    assert len(await village.titles()) == 9


async def test_it_is_not_begun_again_for_each_member(street: Street, village: Village, moved_clock: MovedClock) -> None:
    village.thread("Seeds", days_ago=9)
    await village.join()
    village.there.fetched.clear()
    await moved_clock.advance(days=1)
    await village.join(street.mia_id)
    assert "/u/village/outbox" not in village.there.fetched


async def test_it_is_read_again_when_nobody_was_there_for_a_while(
    street: Street, village: Village, moved_clock: MovedClock
) -> None:
    for number in range(3):
        village.thread(f"Thread {number}", days_ago=number + 1)
    await village.join()
    await village.leave()
    missed = village.thread("Missed", days_ago=0)
    village.reply(missed, "Me too.", days_ago=0)
    await moved_clock.advance(days=10)
    village.page_size = 2
    village.there.fetched.clear()
    await village.join()
    assert (await village.titles())[0] == "Missed"
    assert await village.texts(missed) == ["Me too."]
    # Where all was known it ended: there would have been two pages more.
    assert sum(path.startswith("/u/village/outbox") for path in village.there.fetched) < 5


async def test_it_ends_when_nobody_here_is_a_member_any_more(
    street: Street, village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    village.page_size = 1
    for number in range(5):
        village.thread(f"Thread {number}", days_ago=number + 1)
    await village.ask()
    monkeypatch.setattr(backfill, "STEPS", 1)
    while await worker.run_effect(street.runtime):
        pass
    assert await worker.run_errand(street.runtime)
    await village.leave()
    assert len(await village.titles()) < 5
    assert (await village.group()).older_about is None


async def test_our_own_post_that_the_outbox_lists_waits_no_longer(street: Street, village: Village) -> None:
    await village.join()
    ana = await street.actor(street.ana_id)
    async with street.runtime.db.transaction() as conn:
        group = await groups.BY_ID.one(conn, village.group_id, street.ana_id)
        assert group is not None
        post = await posts.submit_post(
            conn, street.urls, Draft(author=ana, group=group, title="Mine", source="Is it there?")
        )
        await conn.execute("update backfills set ended_at = clock_now() - interval '1 day'")
    await street.settle()
    assert (await street.post(post.uri)).announced_at is None
    village.enlist(post.uri)
    await village.leave()
    await village.join()
    assert (await street.post(post.uri)).announced_at is not None


async def test_a_server_that_is_away_is_asked_again(street: Street, village: Village, moved_clock: MovedClock) -> None:
    village.thread("Seeds", days_ago=9)
    await village.ask()
    village.there.failing.add("/u/village/outbox")
    await street.settle()
    assert await village.titles() == []
    village.there.failing.clear()
    for _ in range(3):
        await moved_clock.advance(minutes=5)
        await street.settle()
    assert await village.titles() == ["Seeds"]


async def test_a_group_without_a_readable_outbox_ends_all_the_same(
    street: Street, village: Village, moved_clock: MovedClock
) -> None:
    await village.ask()
    village.there.failing |= {"/u/village/outbox", "/u/village/featured"}
    for _ in range(backfill.PATIENCE * 3):
        await street.settle()
        await moved_clock.advance(minutes=5)
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select ended_at is not null from backfills")
        assert await conn.fetchval("select count(*) from jobs") == 0


async def test_a_post_that_cannot_be_had_stops_nothing(street: Street, village: Village) -> None:
    village.enlist(f"{village.there.base}/notes/none")
    village.enlist({"type": "Create", "object": [1, 2]})
    village.thread("Seeds", days_ago=9)
    await village.join()
    assert await village.titles() == ["Seeds"]
    assert (await village.group()).older_about is None


async def test_what_was_taken_up_again_after_a_crash_is_there_once(
    street: Street, village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The errand's row comes back when its worker died; its successor is there as well."""
    monkeypatch.setattr(backfill, "STEPS", 1)
    village.page_size = 1
    for number in range(4):
        village.thread(f"Thread {number}", days_ago=number + 1)
    await village.ask()
    while await worker.run_effect(street.runtime):
        pass
    async with street.runtime.db.read() as conn:
        first = await conn.fetchval("select args from jobs where name = 'backfill_group'")
    await backfill.go_on(street.runtime, **first)
    await backfill.go_on(street.runtime, **first)
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from jobs where name = 'backfill_group'") == 2
    await street.settle()
    assert len(await village.titles()) == 4
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from jobs") == 0


async def test_a_group_in_which_only_moderators_begin_threads_is_read(street: Street, village: Village) -> None:
    """Who may write there was its own to decide."""
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update groups set posting = 'moderators' where actor_id = $1", village.group_id)
    page: Document = village.thread("News", days_ago=1)
    await village.join()
    assert (await street.post(page["id"])).state == "published"
