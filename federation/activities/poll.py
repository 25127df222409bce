"""Polls: a vote is a Note with the name of an option and nothing said; the totals are an Update of the Question."""

import datetime as dt
import html

from federation import documents, outbox, parse
from federation.documents import Document
from federation.parse import RemotePost, Unacceptable
from federation.received import Ignored, Received
from moderation import instances
from server import clock, jobs
from server.community import access, actors, groups, polls, posts
from server.community.polls import NewPoll, clean_option
from server.db import Conn
from server.urls import Urls

# The Update that told the latest totals is kept where revisions are, under a number that no revision has.
TOTALS = -1
# Its server may count for a while what was sent before the end; a poll that ends in years is not waited for.
ASK_AFTER = dt.timedelta(minutes=5)
ASK_WITHIN = dt.timedelta(days=366)


async def receive_vote(conn: Conn, got: Received, vote: RemotePost) -> None:
    """A vote as a Note that says nothing and is called like an option. Never a reply."""
    await _take_vote(conn, got, vote.in_reply_to or "", vote.title or "")


async def receive_poll_vote(conn: Conn, got: Received) -> None:
    """A vote as an activity of its own, as PieFed tells groups of it."""
    chosen = got.activity.document.get("choice_text")
    if got.activity.object_uri is None or not isinstance(chosen, str):
        raise Unacceptable("no_object")
    await _take_vote(conn, got, got.activity.object_uri, chosen)


async def _take_vote(conn: Conn, got: Received, post_uri: str, option: str) -> None:
    """Somebody elsewhere chose one option of a poll of ours, which is named by its words."""
    post = await posts.by_uri(conn, post_uri)
    poll = await polls.ONE.one(conn, post.id) if post is not None else None
    if post is None or poll is None:
        raise Ignored("no_poll")
    if not poll.ours:
        # Their author's server counts them.
        raise Ignored("counted_elsewhere")
    group = await groups.BY_ID.one(conn, post.group_id, got.sender.id)
    if group is None or access.keeps_from(group):
        raise Ignored("no_poll")
    if post.state != "published":
        raise Ignored("not_published")
    await instances.check_welcome_in(conn, group.id, got.sender.host, got.policies)
    access.check_may_choose(post, group)
    # The name of a post is read as HTML, where `&amp;` is one letter.
    places = {clean_option(html.unescape(name)): place for place, name in enumerate(poll.options)}
    place = places.get(clean_option(html.unescape(option)))
    if place is None:
        raise Ignored("unknown_option")
    if not await polls.vote(conn, got.sender, post.id, [place]):
        raise Ignored("voted_before")


async def receive_votes(conn: Conn, got: Received, objects: list[object]) -> None:
    """GoToSocial puts the votes for several options into one Create. All of them count, or none."""
    votes = [parse.parse_post(one) for one in objects[: polls.MOST_OPTIONS] if isinstance(one, dict)]
    if not votes or not all(vote.is_vote and vote.author == got.sender.uri for vote in votes):
        raise Unacceptable("no_object")
    for vote in votes:
        await receive_vote(conn, got, vote)


async def take_totals(conn: Conn, post_id: int, told: NewPoll, raw: bytes | None) -> bool:
    """The owner of a poll says its totals; what is new goes on to those who have it from our group."""
    known = await polls.ONE.one(conn, post_id)
    if known is None or not await polls.take_totals(conn, post_id, told, asked=False):
        return False
    if raw is not None:
        await outbox.keep_received(conn, post_id, TOTALS, raw)
        await polls.tell(conn, post_id)
    if polls.is_closed(told.closes_at):
        # Its author has closed it, before its time or without one: the last votes are told as late as ever.
        await _ask(conn, post_id, clock.now())
    elif known.closes_at is None:
        await ask_after_end(conn, post_id, told.closes_at)
    return True


async def ask_after_end(conn: Conn, post_id: int, closes_at: dt.datetime | None) -> None:
    """Ask for the last totals of a poll from elsewhere once it has closed: whoever tells them then is not believed."""
    if closes_at is not None and clock.now() < closes_at < clock.now() + ASK_WITHIN:
        await _ask(conn, post_id, closes_at)


async def _ask(conn: Conn, post_id: int, closes_at: dt.datetime) -> None:
    await jobs.enqueue(conn, "settle_poll", {"post_id": post_id}, due_at=closes_at + ASK_AFTER)


async def spread_vote(conn: Conn, urls: Urls, person_id: int, post_id: int) -> None:
    """What one of ours chose in a poll from elsewhere: to its author alone, a Note for each option."""
    post = await documents.BY_ID.one(conn, post_id)
    if post is None or post.options is None or post.local:
        return
    person = await actors.by_id(conn, person_id)
    for place in await polls.chosen(conn, post_id, person_id):
        note: Document = {
            "id": f"{person.uri}#votes/{post_id}/{place}",
            "type": "Note",
            "attributedTo": person.uri,
            "to": [post.author_uri],
            "inReplyTo": post.uri,
            "name": post.options[place],
        }
        document: Document = {"type": "Create", "actor": person.uri, "to": [post.author_uri], "object": note}
        activity = await outbox.record(conn, urls, person_id, document, event=f"{post_id}:vote:{place}", public=False)
        await outbox.send(
            conn, activity, person_id, await outbox.inbox_of(conn, post.author_id), f"poll:{post_id}:{person_id}"
        )
