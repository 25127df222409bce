"""Undo: of a Follow or its Accept, a vote, a group's Announce, a Delete."""

import msgspec

from federation import parse
from federation.activities import deed, delete, follow
from federation.attested import VOTES
from federation.documents import Document
from federation.parse import Unacceptable, type_of, uri_of
from federation.received import Ignored, Received
from server.community import memberships, posts, votes
from server.db import Conn
from server.urls import authority


async def receive(conn: Conn, got: Received) -> None:
    """Take back what the sender did. What is undone counts only as the sender's own, whatever it claims to be."""
    undone = got.activity.inner
    if undone is None:
        await _by_id_alone(conn, got)
        return
    kind = type_of(undone)
    if kind in deed.UNDONE:
        # One moderator may take back what another one did.
        await deed.receive(conn, got)
        return
    actor = uri_of(undone.get("actor"))
    if actor is not None and actor != got.sender.uri:
        raise Unacceptable("not_yours")
    if kind == "Follow":
        found = await follow.receive_undo(conn, got, undone)
    elif kind == "Accept":
        # A group that takes its Accept back lets nobody in, or puts them out: as if it had refused.
        await follow.receive_reject(conn, msgspec.structs.replace(got, activity=parse.parse_activity(undone)))
        found = True
    elif kind in VOTES:
        found = await _vote(conn, got, undone)
    elif kind == "Announce":
        found = await _announce(conn, got, undone)
    elif kind == "Delete":
        found = await delete.receive_undo(conn, got, undone)
    else:
        raise Ignored("nothing_to_undo")
    if not found:
        raise _bar(got, uri_of(undone))


def _bar(got: Received, uri: str | None) -> Ignored:
    """What is undone may still be on its way: then it comes too late (I-3)."""
    if uri is None or authority(uri) != got.sender.host:
        return Ignored("nothing_to_undo")
    return Ignored("nothing_yet", bars=uri)


async def receive_for_group(conn: Conn, got: Received) -> None:
    """What a group elsewhere says was undone: a removal within that group, nothing else (B15)."""
    undone = got.activity.inner
    if undone is None or type_of(undone) != "Delete":
        raise Ignored("nothing_to_undo")
    await delete.restore_for_group(conn, str(uri_of(undone.get("object"))), got)


async def _vote(conn: Conn, got: Received, undone: Document) -> bool:
    uri = uri_of(undone.get("object"))
    post = await posts.by_uri(conn, uri) if uri else None
    return post is not None and await votes.take_back(conn, got.sender, post)


async def _announce(conn: Conn, got: Received, undone: Document) -> bool:
    """A group takes its boost of a post back: the post is out of that group."""
    uri = uri_of(undone.get("object"))
    post = await posts.by_uri(conn, uri) if uri else None
    if post is None:
        return False
    if post.group_id != got.sender.id:
        raise Ignored("not_in_this_group")
    await delete.remove_for_group(conn, await posts.by_id(conn, post.id, lock=True), got)
    return True


async def _by_id_alone(conn: Conn, got: Received) -> None:
    """Some send only the id of what they undo: then it is a follow or a vote that came under that id, or is to come."""
    uri = got.activity.object_uri
    if uri is None:
        raise Unacceptable("no_object")
    if await memberships.unfollow_by_uri(conn, got.sender.id, uri):
        return
    post_id = await votes.POST_OF.value(conn, got.sender.id, uri)
    if post_id is None:
        raise _bar(got, uri)
    await votes.take_back(conn, got.sender, await posts.by_id(conn, post_id))
