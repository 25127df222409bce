"""Polls of other servers, read and voted in from here: their totals are their own server's to say."""

import datetime as dt

import pytest

from server import clock
from server.community import groups
from server.errors import Refused
from tests.browser_like import Browser
from tests.conftest import MovedClock
from tests.federation.peer import PUBLIC, Peer
from tests.federation.polling import (
    DAYS,
    WEEK,
    a_vote,
    arrived,
    ask,
    counts,
    poll_of,
    question,
    said,
    tallies,
    vote_here,
    with_counts,
)
from tests.federation.street import Street
from web.app import create_app


async def test_a_poll_from_elsewhere_is_a_thread_with_a_poll(street: Street, piefed: Peer) -> None:
    asked, post = await arrived(street)
    assert (post.state, post.title) == ("published", "When do we meet?")
    poll = await poll_of(street, post)
    assert (poll.options, poll.multiple, poll.ours) == (list(DAYS), False, False)
    assert await counts(street, post) == ([1, 1, 1], 3)
    assert poll.closes_at == dt.datetime.fromisoformat(asked["endTime"])
    # Forums get it as its author wrote it.
    assert piefed.of_type("Announce(Create)")[0]["object"]["object"] == asked


async def test_our_vote_goes_to_its_author_alone(street: Street) -> None:
    _, post = await arrived(street)
    street.clear()
    assert await vote_here(street, street.ana_id, post, 1)
    assert not await vote_here(street, street.ana_id, post, 2)
    (create,) = street.mastodon.inbox
    ana = "http://moot.test/ap/people/ana"
    assert create["to"] == create["object"]["to"] == [street.max]
    assert create["object"] == {
        "id": f"{ana}#votes/{post.id}/1",
        "type": "Note",
        "attributedTo": ana,
        "to": [street.max],
        "inReplyTo": post.uri,
        "name": "Sunday *noon*",
    }
    assert "cc" not in create
    assert street.lemmy.inbox == []
    # It is nobody else's business, so nobody else may read it.
    assert (await street.moot.get(create["id"])).status == 404
    assert await counts(street, post) == ([1, 2, 1], 4)


async def test_its_author_tells_us_the_totals(street: Street, piefed: Peer, moved_clock: MovedClock) -> None:
    asked, post = await arrived(street)
    piefed.inbox.clear()
    told = with_counts(asked, 5, 2, 1, votersCount=8)
    assert await said(street, street.mastodon.activity("Update", street.max, told)) == "done"
    assert await counts(street, post) == ([5, 2, 1], 8)
    assert (await street.post(post.uri)).edited_at is None
    assert await said(street, street.mastodon.activity("Update", street.max, told)) == "poll_unchanged"
    # What is new goes on, as the group's word of what its author said.
    await moved_clock.advance(minutes=6)
    await street.settle()
    (announced,) = piefed.of_type("Announce(Update)")
    assert announced["object"]["object"] == told


async def test_votes_in_somebody_elses_poll_are_not_counted_here(street: Street) -> None:
    _, post = await arrived(street)
    assert await said(street, a_vote(street.lemmy, street.lena, post, DAYS[0])) == "counted_elsewhere"
    assert await counts(street, post) == ([1, 1, 1], 3)


async def test_after_the_end_its_server_is_asked_once(street: Street, moved_clock: MovedClock) -> None:
    asked, post = await arrived(street)
    path = asked["id"].removeprefix(street.mastodon.base)
    street.mastodon.documents[path] = with_counts(asked, 7, 3, 1, votersCount=11, closed=asked["endTime"])
    await moved_clock.advance(days=7, minutes=6)
    await street.settle()
    assert await counts(street, post) == ([7, 3, 1], 11)
    assert street.mastodon.fetched.count(path) == 1
    poll = await poll_of(street, post)
    assert (poll.settled, poll.closed) == (True, True)


async def test_an_end_that_was_put_off_is_waited_for(street: Street, moved_clock: MovedClock) -> None:
    asked, post = await arrived(street)
    later = (dt.datetime.now(dt.UTC) + 2 * WEEK).isoformat()
    told = with_counts(asked, 2, 2, 2, endTime=later)
    assert await said(street, street.mastodon.activity("Update", street.max, told)) == "done"
    path = asked["id"].removeprefix(street.mastodon.base)
    street.mastodon.documents[path] = with_counts(asked, 7, 3, 1, endTime=later)
    await moved_clock.advance(days=7, minutes=6)
    await street.settle()
    assert street.mastodon.fetched.count(path) == 0
    assert await vote_here(street, street.ana_id, post, 0)
    await moved_clock.advance(days=7)
    await street.settle()
    assert (await counts(street, post))[0] == [7, 3, 1]


@pytest.mark.parametrize("end", [None, "endTime"])
@pytest.mark.parametrize("closed", ["when", True])
async def test_its_author_closes_a_poll_that_has_no_end_or_a_later_one(
    street: Street, moved_clock: MovedClock, end: str | None, closed: object
) -> None:
    """The Update that closes it is the last that is believed; what its server says five minutes later is its end."""
    asked, post = await arrived(street, **({} if end else {"endTime": None}))
    assert await vote_here(street, street.ana_id, post, 1)
    await moved_clock.advance(hours=1)
    now = clock.now()
    told = with_counts(asked, 5, 2, 1, votersCount=8, closed=now.isoformat() if closed == "when" else closed)
    assert await said(street, street.mastodon.activity("Update", street.max, told)) == "done"
    poll = await poll_of(street, post)
    assert (poll.closed, poll.settled, poll.counts) == (True, False, [5, 2, 1])
    assert poll.closes_at is not None
    assert abs(poll.closes_at - now) < dt.timedelta(minutes=1)
    late = with_counts(told, 500, 2, 1)
    assert await said(street, street.mastodon.activity("Update", street.max, late)) == "poll_unchanged"
    with pytest.raises(Refused, match="This poll has closed"):
        await vote_here(street, street.mia_id, post, 0)
    path = asked["id"].removeprefix(street.mastodon.base)
    street.mastodon.documents[path] = with_counts(told, 6, 2, 1, votersCount=9)
    await moved_clock.advance(minutes=6)
    await street.settle()
    assert await counts(street, post) == ([6, 2, 1], 9)
    assert (await poll_of(street, post)).settled
    # Its former end, should it come, is none any more.
    await moved_clock.advance(days=8)
    await street.settle()
    assert street.mastodon.fetched.count(path) == 1


async def test_a_poll_without_an_end_stays_open(street: Street, moved_clock: MovedClock) -> None:
    asked, post = await arrived(street, endTime=None)
    await moved_clock.advance(days=400)
    assert await vote_here(street, street.ana_id, post, 1)
    told = with_counts(asked, 5, 3, 1, votersCount=9)
    assert await said(street, street.mastodon.activity("Update", street.max, told)) == "done"
    assert await counts(street, post) == ([5, 3, 1], 9)
    assert not (await poll_of(street, post)).closed
    page = await Browser(create_app(street.runtime)).get(f"/t/{post.id}")
    assert f"9 people have voted · open, without an end · counted at {street.mastodon.host}" in page.words


async def test_a_poll_in_a_group_elsewhere(street: Street, piefed: Peer, moved_clock: MovedClock) -> None:
    """Read in PieFed's group, voted in from here; and one of ours is sent there."""
    uri = piefed.actor("garden", "Group")
    group_id = await street.ask_to_join(piefed, "garden")
    await said(street, piefed.activity("Accept", uri, piefed.of_type("Follow")[0]))
    petra = f"{piefed.base}/u/petra"
    asked = question(piefed, petra, name="Which bed?", cc=[uri], audience=uri)
    announce = piefed.activity("Announce", uri, piefed.activity("Create", petra, asked), to=[PUBLIC])
    assert await said(street, announce) == "done"
    post = await street.post(asked["id"])
    assert (post.title, post.group_id) == ("Which bed?", group_id)
    piefed.inbox.clear()
    assert await vote_here(street, street.ana_id, post, 2)
    assert [create["object"]["name"] for create in piefed.of_type("Create")] == ["Neither & nor"]
    piefed.inbox.clear()
    async with street.runtime.db.read() as conn:
        group = await groups.BY_ID.one(conn, group_id, street.ana_id)
    ours = await ask(street, group)
    (create,) = piefed.of_type("Create")
    assert (create["object"]["type"], create["object"]["audience"]) == ("Question", uri)
    assert await said(street, piefed.activity("Announce", uri, create["object"], to=[PUBLIC])) == "done"
    assert (await street.post(ours.uri)).announced_at is not None
    assert await said(street, a_vote(piefed, petra, ours, "Saturday")) == "done"
    await moved_clock.advance(minutes=6)
    await street.settle()
    assert tallies(piefed.of_type("Update")[0]["object"])[0] == ("Saturday", 1)


async def test_a_question_with_less_than_two_options_is_a_thread(street: Street) -> None:
    asked = question(street.mastodon, street.max, oneOf=[{"type": "Note", "name": "Yes"}])
    assert await said(street, street.mastodon.activity("Create", street.max, asked)) == "done"
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from polls") == 0
    assert (await street.post(asked["id"])).state == "published"


async def test_an_option_that_breaks_a_rule_holds_a_poll_from_elsewhere(street: Street) -> None:
    options = [{"type": "Note", "name": name} for name in ("Come", "to the casino")]
    asked = question(street.mastodon, street.max, oneOf=options)
    await said(street, street.mastodon.activity("Create", street.max, asked))
    assert (await street.post(asked["id"])).state == "held"
