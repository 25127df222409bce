"""What tests of polls between servers share: asking, voting, and how others ask and vote."""

import datetime as dt
import json

from server.community import access, actors, groups, polls, posts
from server.community.groups import Group
from server.community.polls import NewPoll, Poll
from server.community.posts import Draft, Post
from tests.federation.peer import ACTIVITY, Document, Peer
from tests.federation.street import GROUP, Street

WEEK = dt.timedelta(days=7)
DAYS = ("Saturday", "Sunday *noon*", "Neither & nor")


async def ask(
    street: Street, group: Group | None = None, *, multiple: bool = False, text: str = "**Who** comes?"
) -> Post:
    ana = await street.actor(street.ana_id)
    where = group or await street.group(street.ana_id)
    async with street.runtime.db.transaction() as conn:
        poll = NewPoll(DAYS, multiple, WEEK)
        draft = Draft(author=ana, group=where, title="When do we meet?", source=text, poll=poll)
        post = await posts.submit_post(conn, street.urls, draft)
    await street.settle()
    return await street.post(post.uri)


async def poll_of(street: Street, post: Post) -> Poll:
    async with street.runtime.db.read() as conn:
        poll = await polls.ONE.one(conn, post.id)
    assert poll is not None
    return poll


async def counts(street: Street, post: Post) -> tuple[list[int], int]:
    poll = await poll_of(street, post)
    return poll.counts, poll.voter_count


async def vote_here(street: Street, person_id: int, post: Post, *choices: int) -> bool:
    async with street.runtime.db.transaction() as conn:
        group = await groups.BY_ID.one(conn, post.group_id, person_id)
        assert group is not None
        access.check_may_choose(post, group)
        counted = await polls.vote(conn, await actors.by_id(conn, person_id), post.id, choices)
    await street.settle()
    return counted


def a_vote(there: Peer, voter: str, post: Post, name: str, author: str = "") -> Document:
    """As Mastodon sends it: to the author alone, named, with nothing said."""
    note = {
        "id": f"{voter}#votes/{there.number()}",
        "type": "Note",
        "attributedTo": voter,
        "inReplyTo": post.uri,
        "to": author,
        "name": name,
    }
    return there.activity("Create", voter, note, to=author)


async def said(street: Street, activity: Document, status: int = 202) -> str:
    """How an activity was answered: its outcome, or the reason of the refusal."""
    answer = await street.moot.deliver(activity)
    assert answer.status == status, answer.text
    await street.settle()
    if status != 202:
        return str(json.loads(answer.text)["error"])
    async with street.runtime.db.read() as conn:
        return str(await conn.fetchval("select outcome from seen_activities where uri = $1", activity["id"]))


async def read_by(street: Street, post: Post, reader: str | None) -> tuple[Document, str]:
    """A post's document as the server of `reader` gets it, and for whom caches may keep it."""
    signature = {"signature": f'keyId="{reader}#main-key",signature="x"'} if reader else {}
    answer = await street.moot.browser.send(
        "GET", post.uri.removeprefix("http://moot.test"), headers={"accept": ACTIVITY} | signature
    )
    return json.loads(answer.body), answer.header("cache-control") or ""


def tallies(question: Document) -> list[tuple[str, int]]:
    return [(one["name"], one["replies"]["totalItems"]) for one in question.get("oneOf") or question["anyOf"]]


def question(there: Peer, author: str, **more: object) -> Document:
    options = [{"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": 1}} for name in DAYS]
    end = (dt.datetime.now(dt.UTC) + WEEK).isoformat()
    fields: Document = {"type": "Question", "cc": [GROUP], "oneOf": options, "endTime": end}
    return there.note(author, "<p>When do we meet?</p>", **fields | more)


def with_counts(asked: Document, *numbers: object, **more: object) -> Document:
    options = [
        one | {"replies": {"type": "Collection", "totalItems": number}}
        for one, number in zip(asked["oneOf"], numbers, strict=True)
    ]
    return asked | {"oneOf": options} | more


async def arrived(street: Street, **more: object) -> tuple[Document, Post]:
    asked = question(street.mastodon, street.max, **more)
    assert await said(street, street.mastodon.activity("Create", street.max, asked)) == "done"
    return asked, await street.post(asked["id"])
