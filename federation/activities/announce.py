"""Announce: a group elsewhere lets its readers know of a post, a vote, a removal."""

from federation import attested
from federation.parse import Unacceptable, is_uri, type_of, uri_of
from federation.received import Ignored, Received
from server import jobs
from server.community import groups, memberships, posts, votes
from server.community.groups import Group
from server.db import Conn

MAX_ITEMS = 50
# Each is fetched with its author: twenty requests for one activity, whoever's servers it names (C11).
MAX_FETCHED = 10


async def receive(conn: Conn, got: Received) -> None:
    """What is announced is read from where it belongs, by an errand: the group's word is not its author's (B15).

    Only votes are taken on its word, apart from the others.
    """
    group = await _read_here(conn, got)
    reported: list[dict[str, object]] = []
    others: list[object] = []
    for announced in _items(got.activity.object):
        if isinstance(announced, dict) and attested.is_vote(announced):
            reported.append(announced)
        else:
            others.append(announced)
    for announced in others[:MAX_FETCHED]:
        await _take(conn, got, group, announced)
    if reported:
        # In the order in which the group reports them: what is taken back was given before.
        args: dict[str, object] = {"group_id": group.id, "deeds": reported}
        await jobs.enqueue(conn, "take_attested_votes", args, ordering=f"votes:{group.id}")


async def _read_here(conn: Conn, got: Received) -> Group:
    """The announcing group, if somebody here has joined it; a boost by a person is nothing to us."""
    if got.sender.kind != "group" or got.sender.local:
        raise Ignored("boost")
    group = await groups.BY_ID.one(conn, got.sender.id, None)
    if group is None or not await memberships.has_local_member(conn, group.id):
        raise Ignored("nobody_here_reads_it")
    return group


def _items(announced: object) -> list[object]:
    """PieFed sends votes in lists, or in a collection."""
    if isinstance(announced, dict) and type_of(announced) in ("Collection", "OrderedCollection"):
        announced = announced.get("orderedItems") or announced.get("items") or []
    return announced[:MAX_ITEMS] if isinstance(announced, list) else [announced]


async def _take(conn: Conn, got: Received, group: Group, announced: object) -> None:
    document = announced if isinstance(announced, dict) else {"object": announced}
    uri = uri_of(document.get("object")) if "object" in document else uri_of(document)
    if uri is None or not is_uri(uri):
        raise Unacceptable("no_object")
    if type_of(document) == "PollVote":
        # PieFed tells the whole group; its author's server counts, and says the totals in an Update.
        return
    if got.urls.is_local(uri) and type_of(document) in ("", "Create", "Note", "Article", "Page", "Question"):
        await _ours(conn, group, uri)
        return
    args: dict[str, object] = {"document": document, "group_id": group.id}
    await jobs.enqueue(conn, "fetch_announced", args, ordering=f"announced:{uri}"[:200])


async def _ours(conn: Conn, group: Group, uri: str) -> None:
    """The group has taken up a post of ours: it is no longer waiting."""
    post = await posts.by_uri(conn, uri)
    if post is None or post.group_id != group.id:
        raise Ignored("unknown_post")
    if await posts.mark_announced(conn, post.id):
        await votes.spread_waiting(conn, post)
