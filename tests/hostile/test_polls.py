"""B17, D8: nobody but its owner says how a poll stands, never after its end, and never what cannot be."""

import asyncio
import datetime as dt

import pytest
from starlette.applications import Starlette

from tests.conftest import MovedClock
from tests.federation.peer import Document
from tests.federation.polling import DAYS, a_vote, arrived, ask, counts, poll_of, question, said, with_counts
from tests.federation.street import GROUP, Street
from tests.hostile.test_visibility import resident


async def test_nobody_but_its_author_changes_a_poll(street: Street) -> None:
    asked, post = await arrived(street)
    forged = with_counts(asked, 900, 0, 0, votersCount=900)
    mallory, lena = street.mastodon.actor("mallory"), street.lena
    for there, who, status, reason in (
        (street.mastodon, mallory, 400, "author_is_not_actor"),
        (street.lemmy, lena, 400, "author_is_not_actor"),
    ):
        assert await said(street, there.activity("Update", who, forged), status) == reason
    stolen = there.activity("Update", mallory, forged | {"attributedTo": mallory})
    stolen["id"] = street.mastodon.id()
    assert await said(street, stolen, 400) == "not_yours"
    ours = await ask(street)
    mine = forged | {"id": ours.uri, "attributedTo": "http://moot.test/ap/people/ana"}
    assert await said(street, street.mastodon.activity("Update", mallory, mine), 400) == "author_is_not_actor"
    assert await counts(street, post) == ([1, 1, 1], 3)
    assert await counts(street, ours) == ([0, 0, 0], 0)


@pytest.mark.parametrize("number", [-5, 10**12, 2**31 + 1, "7", 1.5, True, [3], {}])
async def test_totals_that_cannot_be_are_refused(street: Street, number: object) -> None:
    asked, post = await arrived(street)
    for told in (with_counts(asked, 2, number, 1), with_counts(asked, 2, 2, 2) | {"votersCount": number}):
        assert await said(street, street.mastodon.activity("Update", street.max, told), 400) == "poll_counts"
        fresh = told | {"id": f"{street.mastodon.base}/notes/fresh"}
        assert await said(street, street.mastodon.activity("Create", street.max, fresh), 400) == "poll_counts"
    assert await counts(street, post) == ([1, 1, 1], 3)
    assert await street.count_posts() == 1


async def test_the_largest_total_is_taken(street: Street) -> None:
    asked, post = await arrived(street)
    told = with_counts(asked, 2**31, 0, 0, votersCount=2**31)
    assert await said(street, street.mastodon.activity("Update", street.max, told)) == "done"
    assert await counts(street, post) == ([2**31, 0, 0], 2**31)


async def test_after_the_end_nothing_that_is_told_changes_anything(street: Street, moved_clock: MovedClock) -> None:
    asked, post = await arrived(street)
    before = await poll_of(street, post)
    await moved_clock.advance(days=7, minutes=1)
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(days=30)).isoformat()
    for told in (
        with_counts(asked, 9, 9, 9, votersCount=27),
        with_counts(asked, 0, 0, 0),
        with_counts(asked, 9, 9, 9, endTime=later),
    ):
        update = street.mastodon.activity("Update", street.max, told)
        assert await said(street, update) == "poll_unchanged"
    after = await poll_of(street, post)
    assert (after.counts, after.closes_at) == (before.counts, before.closes_at)


async def test_when_its_address_is_another_persons_by_then_its_end_is_not_taken_from_there(
    street: Street, moved_clock: MovedClock
) -> None:
    asked, post = await arrived(street)
    mallory = street.mastodon.actor("mallory")
    path = asked["id"].removeprefix(street.mastodon.base)
    street.mastodon.documents[path] = with_counts(asked, 9, 9, 9, attributedTo=mallory)
    await moved_clock.advance(days=7, minutes=6)
    await street.settle()
    assert street.mastodon.fetched.count(path) == 1
    assert await counts(street, post) == ([1, 1, 1], 3)


@pytest.mark.parametrize("change", ["other words", "one more", "one less", "several"])
async def test_another_poll_under_the_same_address_is_not_taken(street: Street, change: str) -> None:
    asked, post = await arrived(street)
    options = [dict(one, replies={"type": "Collection", "totalItems": 5}) for one in asked["oneOf"]]
    if change == "other words":
        options[1]["name"] = "Visit my casino"
    elif change == "one more":
        options.append({"type": "Note", "name": "Visit my casino"})
    elif change == "one less":
        options.pop()
    told = {name: value for name, value in asked.items() if name != "oneOf"}
    told |= {"anyOf" if change == "several" else "oneOf": options}
    assert await said(street, street.mastodon.activity("Update", street.max, told)) == "poll_unchanged"
    poll = await poll_of(street, post)
    assert (poll.options, poll.counts, poll.multiple) == (list(DAYS), [1, 1, 1], False)


async def test_of_endless_options_twenty_are_read(street: Street) -> None:
    options = [{"type": "Note", "name": f"{number}"} for number in range(20_000)]
    asked = question(street.mastodon, street.max, oneOf=options)
    assert await said(street, street.mastodon.activity("Create", street.max, asked)) == "done"
    poll = await poll_of(street, await street.post(asked["id"]))
    assert poll.options == [str(number) for number in range(20)]


@pytest.mark.parametrize(
    "options",
    [
        ["Saturday", None, {"name": 7}, {"name": ""}, {"name": "\u202e\u200b"}, [], 1],
        [{"name": "Same"}, {"name": " Same "}, {"name": "Sa\u200bme"}],
        "Saturday",
        {"name": "Saturday"},
        None,
    ],
)
async def test_options_that_are_none_make_no_poll(street: Street, options: object) -> None:
    asked = question(street.mastodon, street.max, oneOf=options)
    assert await said(street, street.mastodon.activity("Create", street.max, asked)) == "done"
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from polls") == 0


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "soon", 7, None, {}])
async def test_an_end_that_is_none_breaks_nothing(street: Street, end: object) -> None:
    asked = question(street.mastodon, street.max, endTime=end)
    assert await said(street, street.mastodon.activity("Create", street.max, asked)) == "done"
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from polls") == 1
        # Nobody makes us remember to ask in a thousand years.
        assert await conn.fetchval("select count(*) from jobs where name = 'settle_poll'") == 0


async def test_an_end_that_moves_and_moves_is_waited_for_once(street: Street) -> None:
    asked, _ = await arrived(street)
    for number in range(5):
        end = (dt.datetime.now(dt.UTC) + dt.timedelta(days=number + 1)).isoformat()
        for told in (with_counts(asked, number, 0, 0, endTime=end), with_counts(asked, number, 1, 0, endTime=None)):
            assert await said(street, street.mastodon.activity("Update", street.max, told)) == "done"
    async with street.runtime.db.read() as conn:
        waiting = await conn.fetch("select name, count(*) from jobs group by name order by name")
    # Nor are our readers told more often than every five minutes.
    assert [tuple(row) for row in waiting] == [("settle_poll", 1), ("spread_poll", 1)]


async def test_nobody_votes_in_anothers_name(street: Street) -> None:
    post = await ask(street)
    mallory = street.mastodon.actor("mallory")
    vote = a_vote(street.mastodon, street.max, post, DAYS[0])
    forged: Document = vote | {"actor": mallory}
    assert await said(street, forged, 400) == "author_is_not_actor"
    assert await counts(street, post) == ([0, 0, 0], 0)


async def test_a_poll_does_not_grow_onto_a_thread_that_was_read_before(street: Street) -> None:
    """Options that nobody screened would stand under a text that was."""
    note = street.mastodon.note(street.max, "<p>Who has a ladder?</p>", cc=[GROUP])
    assert await said(street, street.mastodon.activity("Create", street.max, note)) == "done"
    asked = question(street.mastodon, street.max) | {"id": note["id"], "content": note["content"]}
    for kind in ("Create", "Update"):
        await said(street, street.mastodon.activity(kind, street.max, asked))
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from polls") == 0


async def test_ten_votes_at_once_are_one(street: Street, app: Starlette) -> None:
    post = await ask(street)
    ben = await resident(street, app, "ben")
    answers = await asyncio.gather(
        *(ben.post(f"/t/{post.id}/poll", {"choice": str(number % 3)}, follow=False) for number in range(10))
    )
    assert {answer.status for answer in answers} == {303}
    numbers, voters = await counts(street, post)
    assert (sum(numbers), voters) == (1, 1)


async def test_votes_at_once_by_many_are_all_counted(street: Street, app: Starlette) -> None:
    post = await ask(street)
    browsers = [await resident(street, app, f"neighbour{number}") for number in range(6)]
    await asyncio.gather(*(one.post(f"/t/{post.id}/poll", {"choice": "1"}, follow=False) for one in browsers))
    assert await counts(street, post) == ([0, 6, 0], 6)
