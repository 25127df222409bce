"""Polls between servers: each reads them in its own spelling, and a vote counts once, where the poll's author lives."""

import json
import typing

import pytest

from server import worker
from server.community import groups, polls
from server.community.posts import Post
from server.errors import NotFound
from tests.conftest import MovedClock
from tests.federation.peer import PUBLIC, Document, Peer
from tests.federation.polling import DAYS, a_vote, ask, counts, read_by, said, tallies, vote_here
from tests.federation.street import GROUP, Street, addressed
from tests.federation.test_federation_md import decide


async def vote_here_refused(street: Street, post: Post) -> None:
    removed = await street.post(post.uri)
    with pytest.raises(NotFound):
        await vote_here(street, street.ana_id, removed, 0)


async def test_each_server_gets_a_poll_in_the_spelling_that_it_reads(street: Street, piefed: Peer) -> None:
    street.clear()
    post = await ask(street)
    assert street.mastodon.types() == ["Announce(id)"]
    assert street.lemmy.types() == piefed.types() == ["Announce(Create)"]
    question = piefed.inbox[0]["object"]["object"]
    assert (question["type"], question["name"], question["id"]) == ("Question", "When do we meet?", post.uri)
    assert question["content"] == "<p><strong>Who</strong> comes?</p>\n"
    assert tallies(question) == [(name, 0) for name in DAYS]
    assert question["votersCount"] == 0
    assert "closed" not in question
    # Whoever knows polls hides a Question's text behind it.
    assert "summary" not in question
    article = street.lemmy.inbox[0]["object"]["object"]
    assert (article["type"], article["name"], article["id"]) == ("Article", "When do we meet?", post.uri)
    assert "<li>Neither &amp; nor</li>" in article["content"]
    assert f'<a href="http://moot.test/t/{post.id}">' in article["content"]
    assert "- Sunday \\*noon\\*" in article["source"]["content"]
    assert "oneOf" not in article
    for activity in (street.lemmy.inbox[0], street.lemmy.inbox[0]["object"], piefed.inbox[0]["object"]):
        assert (await street.moot.get(activity["id"])).status == 200


async def test_a_fetched_poll_is_spelled_for_who_asks(street: Street, piefed: Peer) -> None:
    post = await ask(street)
    titled, kept = await read_by(street, post, street.max)
    assert titled["type"] == "Question"
    assert titled["content"] == "<p><strong>When do we meet?</strong></p><p><strong>Who</strong> comes?</p>\n"
    assert kept.startswith("public")
    assert (await read_by(street, post, None))[0] == titled
    plain, kept = await read_by(street, post, f"{piefed.base}/u/petra")
    assert (plain["type"], plain["content"]) == ("Question", "<p><strong>Who</strong> comes?</p>\n")
    assert kept.startswith("private")
    words, kept = await read_by(street, post, street.lena)
    assert words["type"] == "Article"
    assert kept.startswith("private")


async def test_an_outbox_names_a_poll_once(street: Street) -> None:
    await ask(street)
    outbox = json.loads((await street.moot.get("/ap/people/ana/outbox?page=start")).body)
    assert [item["object"]["type"] for item in outbox["orderedItems"]] == ["Question"]
    assert json.loads((await street.moot.get("/ap/people/ana/outbox")).body)["totalItems"] == 1


async def test_the_authors_own_followers_hear_of_a_poll_directly(street: Street) -> None:
    follow = street.mastodon.activity("Follow", street.mastodon.actor("fred"), "http://moot.test/ap/people/ana")
    assert (await street.moot.deliver(follow)).status == 202
    await street.settle()
    street.clear()
    await ask(street)
    (create,) = street.mastodon.of_type("Create")
    assert create["object"]["type"] == "Question"
    assert create["object"]["content"].startswith("<p><strong>When do we meet?</strong></p>")


async def test_votes_from_elsewhere_count_once_and_are_no_replies(street: Street) -> None:
    post = await ask(street)
    vote = a_vote(street.mastodon, street.max, post, "Neither & nor", "http://moot.test/ap/people/ana")
    assert await said(street, vote) == "done"
    assert await said(street, vote) == "done"
    assert await counts(street, post) == ([0, 0, 1], 1)
    for name in ("Neither & nor", "Saturday"):
        assert await said(street, a_vote(street.mastodon, street.max, post, name)) == "voted_before"
    assert await said(street, a_vote(street.lemmy, street.lena, post, "Monday")) == "unknown_option"
    assert await counts(street, post) == ([0, 0, 1], 1)
    assert await street.count_posts() == 1
    assert (await street.post(post.uri)).reply_count == 0


async def test_a_vote_may_be_an_activity_of_its_own(street: Street, piefed: Peer) -> None:
    """As PieFed tells a group."""
    post, paula = await ask(street), piefed.actor("paula")
    vote = piefed.activity("PollVote", paula, post.uri, choice_text="Neither & nor", to=[PUBLIC], audience=GROUP)
    assert await said(street, vote) == "done"
    assert await counts(street, post) == ([0, 0, 1], 1)
    for broken in (vote | {"choice_text": 3}, vote | {"object": None}):
        assert await said(street, broken | {"id": piefed.id()}, 400) == "no_object"
    other = vote | {"id": piefed.id(), "choice_text": "Monday"}
    assert await said(street, other) == "unknown_option"
    assert await counts(street, post) == ([0, 0, 1], 1)


async def test_where_several_may_be_chosen_each_is_a_message_of_its_own(street: Street) -> None:
    post = await ask(street, multiple=True)
    for name in DAYS[:2]:
        assert await said(street, a_vote(street.mastodon, street.max, post, name)) == "done"
    assert await said(street, a_vote(street.mastodon, street.max, post, DAYS[1])) == "voted_before"
    assert await counts(street, post) == ([1, 1, 0], 1)
    # GoToSocial sends all of them at once.
    both = a_vote(street.lemmy, street.lena, post, DAYS[1])
    both["object"] = [both["object"], both["object"] | {"id": f"{street.lena}#votes/x", "name": DAYS[2]}]
    assert await said(street, both) == "done"
    assert await counts(street, post) == ([1, 2, 1], 2)


@pytest.mark.parametrize("broken", ["", "attributedTo", "content"])
async def test_a_list_of_anything_but_the_senders_votes_is_refused(street: Street, broken: str) -> None:
    post = await ask(street, multiple=True)
    other = street.mastodon.actor("other")
    good = a_vote(street.mastodon, street.max, post, DAYS[0])
    bad = good["object"] | {"id": f"{street.max}#votes/y", "name": DAYS[1]} | ({broken: other} if broken else {})
    activity = good | {"object": [good["object"], bad] if broken else []}
    assert await said(street, activity, 400) == "no_object"
    assert await counts(street, post) == ([0, 0, 0], 0)


async def test_a_named_note_that_answers_no_poll_is_nothing(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    assert await said(street, a_vote(street.mastodon, street.max, thread, "Saturday")) == "no_poll"
    assert await street.count_posts() == 1


async def test_who_may_not_take_part_may_not_vote(street: Street, moved_clock: MovedClock) -> None:
    post = await ask(street)
    async with street.runtime.db.transaction() as conn:
        await groups.change(conn, street.group_id, groups.GroupForm(title="Elm Street", posting="members"))
    outsider = street.mastodon.actor("olga")
    assert await said(street, a_vote(street.mastodon, outsider, post, DAYS[0]), 403) == "members_only"
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update memberships set banned_until = clock_now() + interval '1 day' where role = 'member'")
    assert await said(street, a_vote(street.mastodon, street.max, post, DAYS[0]), 403) == "banned"
    await moved_clock.advance(days=7, minutes=1)
    assert await said(street, a_vote(street.mastodon, street.max, post, DAYS[0]), 403) == "poll_closed"
    assert await counts(street, post) == ([0, 0, 0], 0)
    await decide(street, post, "remove", "It is over.")
    assert await said(street, a_vote(street.mastodon, street.max, post, DAYS[0])) == "not_published"


async def test_totals_are_told_together_and_to_those_who_have_the_poll(
    street: Street, piefed: Peer, moved_clock: MovedClock
) -> None:
    post = await ask(street)
    voter = street.mastodon.actor("vera")
    street.clear()
    piefed.inbox.clear()
    assert await vote_here(street, street.mia_id, post, 0)
    await said(street, a_vote(street.mastodon, voter, post, "Saturday"))
    assert street.mastodon.inbox == piefed.inbox == []
    await moved_clock.advance(minutes=6)
    await street.settle()
    (update,) = street.mastodon.of_type("Update")
    assert (update["actor"], update["object"]["id"]) == ("http://moot.test/ap/people/ana", post.uri)
    assert tallies(update["object"]) == [("Saturday", 2), ("Sunday *noon*", 0), ("Neither & nor", 0)]
    assert update["object"]["votersCount"] == 2
    # With it Mastodon would say that the text was edited.
    assert "updated" not in update["object"]
    (announced,) = piefed.of_type("Announce(Update)")
    assert tallies(announced["object"]["object"])[0] == ("Saturday", 2)
    assert street.lemmy.inbox == []
    await moved_clock.advance(minutes=6)
    await street.settle()
    assert len(street.mastodon.inbox) == 1


async def test_the_end_is_told_at_once_and_once(street: Street, piefed: Peer, moved_clock: MovedClock) -> None:
    post = await ask(street)
    await moved_clock.advance(days=6, hours=23, minutes=58)
    await vote_here(street, street.mia_id, post, 1)
    street.clear()
    piefed.inbox.clear()
    for _ in range(2):
        await moved_clock.advance(minutes=4)
        await street.settle()
    (update,) = street.mastodon.of_type("Update")
    assert update["object"]["closed"] == update["object"]["endTime"]
    assert tallies(update["object"])[1] == ("Sunday *noon*", 1)
    assert piefed.types() == ["Announce(Update)"]
    assert street.lemmy.inbox == []


async def test_a_removed_poll_tells_no_totals(street: Street, moved_clock: MovedClock) -> None:
    post = await ask(street)
    await vote_here(street, street.mia_id, post, 1)
    await moved_clock.advance(minutes=6)
    await worker.run_until_idle(street.runtime)
    street.clear()
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from deliveries") == 1, "its Update waits"
    await decide(street, post, "remove", "Not here.")
    assert "Update" not in street.mastodon.types()
    await vote_here_refused(street, post)


async def test_who_leaves_for_good_takes_their_vote_out_of_what_is_open(
    street: Street, moved_clock: MovedClock
) -> None:
    old = await ask(street)
    mallory = street.mastodon.actor("mallory")
    for voter in (street.max, mallory):
        await said(street, a_vote(street.mastodon, voter, old, DAYS[0]))
    await vote_here(street, street.mia_id, old, 0)
    await moved_clock.advance(days=8)
    await street.settle()
    new = await ask(street)
    await said(street, a_vote(street.mastodon, street.max, new, DAYS[1]))
    await vote_here(street, street.mia_id, new, 1)
    await vote_here(street, street.ana_id, new, 2)
    await said(street, street.mastodon.activity("Delete", street.max, street.max))
    assert await counts(street, new) == ([0, 1, 1], 2)
    async with street.runtime.db.transaction() as conn:
        await polls.forget_voter(conn, street.mia_id)
    assert await counts(street, new) == ([0, 0, 1], 1)
    # What has been decided stays as it was, and does not say any more who decided it.
    assert await counts(street, old) == ([3, 0, 0], 3)
    async with street.runtime.db.read() as conn:
        left = await conn.fetch("select actor_id from poll_votes order by 1")
    assert len(left) == 2


async def test_a_vote_that_a_group_reports_counts_for_nothing(street: Street) -> None:
    """A vote is its voter's own word; another server's is not taken for it (B15)."""
    post = await ask(street)
    vote = a_vote(street.mastodon, street.max, post, DAYS[0])
    note = typing.cast(Document, vote["object"])
    street.mastodon.documents["/votes/1"] = note | {"id": f"{street.mastodon.base}/votes/1"}
    create = addressed(street, street.lemmy, street.lena, "<p>x</p>") | {"object": f"{street.mastodon.base}/votes/1"}
    assert await said(street, create) == "done"
    choir = street.lemmy.actor("choir", "Group")
    await street.ask_to_join(street.lemmy, "choir")
    told = street.mastodon.activity("PollVote", street.max, post.uri, choice_text=DAYS[0])
    assert await said(street, street.lemmy.activity("Announce", choir, told, to=[PUBLIC])) == "done"
    assert await counts(street, post) == ([0, 0, 0], 0)
    assert await street.count_posts() == 1
