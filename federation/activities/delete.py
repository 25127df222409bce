"""Delete: by its author, or by a group's moderator; and what undoes a moderator's."""

import typing

from federation import documents, outbox, tombstones, verdicts
from federation.activities import create
from federation.documents import Document, PostRow
from federation.outbox import Outgoing
from federation.parse import Unacceptable, uri_of
from federation.received import Ignored, Received
from federation.remote import forget_actor
from server.community import access, groups, notifications, posts
from server.db import Conn
from server.urls import Urls, authority

# The Delete itself is kept where revisions are, under a number that no revision has.
DELETED = 0


async def receive(conn: Conn, got: Received) -> None:
    """The sender deletes a post of theirs, or themselves."""
    uri = got.activity.object_uri
    if uri is None:
        raise Unacceptable("no_object")
    if uri == got.sender.uri:
        await forget_actor(conn, got.sender)
        return
    known = await posts.by_uri(conn, uri)
    if known is None:
        if authority(uri) != got.sender.host:
            raise Ignored("unknown_post")
        # Its Create may have been overtaken.
        raise Ignored("nothing_yet", bars=uri)
    post = await posts.by_id(conn, known.id, lock=True)
    if post.author_id != got.sender.id:
        group = await groups.BY_ID.one(conn, post.group_id, None)
        if group is None or not await access.instance_may_see(conn, got.sender.host, post, group):
            # Who may not read it does not learn that it is there (H1).
            raise Ignored("unknown_post")
        # A host has no say over its people's posts elsewhere, nor a person over another's (B2).
        raise Unacceptable("not_yours")
    await outbox.keep_received(conn, post.id, DELETED, got.raw)
    await posts.delete_post(conn, post)


async def receive_undo(conn: Conn, got: Received, deleted: Document) -> bool:
    """The sender takes a Delete back that came before its object; what was deleted here is not kept to come back."""
    uri = uri_of(deleted.get("object"))
    known = await posts.by_uri(conn, uri) if uri else None
    if known is not None:
        raise Ignored("deleted_for_good")
    return uri is not None and await tombstones.forget(conn, uri, got.sender.uri)


async def receive_for_group(conn: Conn, got: Received, *, gone: bool) -> None:
    """A group elsewhere says that a post of its own was deleted.

    `gone`: its author's server says so too. A removal can be taken back, a deletion cannot: for the group's word alone,
    whoever it names as the deleter, the post is only removed (B15).
    """
    known = await posts.by_uri(conn, got.activity.object_uri or "")
    if known is None or got.via is None or known.group_id != got.via.id:
        raise Ignored("other_group")
    post = await posts.by_id(conn, known.id, lock=True)
    if gone and post.author_id == got.sender.id:
        await posts.delete_post(conn, post)
    else:
        await remove_for_group(conn, post, got)


async def remove_for_group(conn: Conn, post: posts.Post, got: Received) -> None:
    """A group elsewhere takes a post out: what stands in a group is that group's to say."""
    if post.state != "published":
        raise Ignored("not_published")
    await posts.remove_post(conn, post, 0)
    reason = got.activity.document.get("summary")
    detail: dict[str, object] = {"reason": reason[:1000] if isinstance(reason, str) else ""}
    await notifications.notify(
        conn, post.author_id, "removed_elsewhere", post_id=post.id, group_id=post.group_id, detail=detail
    )


async def restore_for_group(conn: Conn, post_uri: str, got: Received) -> None:
    """A group elsewhere puts back what it had taken out."""
    known = await posts.by_uri(conn, post_uri)
    if known is None or got.via is None or known.group_id != got.via.id:
        raise Ignored("unknown_post")
    post = await posts.by_id(conn, known.id, lock=True)
    # What our own admins removed stays removed here.
    if post.state != "removed" or await verdicts.removed_here(conn, post.id):
        raise Ignored("not_removed")
    await posts.restore_post(conn, post, 0)


async def record(conn: Conn, urls: Urls, post: PostRow, event: str) -> Outgoing:
    document: Document = {
        "type": "Delete",
        "actor": post.author_uri,
        "to": post.readers,
        "cc": [post.group_uri, f"{post.author_uri}/followers"] if post.visibility == "public" else [],
        "audience": post.group_uri,
        "object": {name: value for name, value in documents.tombstone(post).items() if name != "@context"},
    }
    return await outbox.record(
        conn, urls, post.author_id, document, post_id=post.id, event=f"{post.id}:{event}",
        public=post.visibility == "public",
    )  # fmt: skip


async def spread(conn: Conn, urls: Urls, post: PostRow, event: str) -> None:
    """Its author deleted a post in one of our groups: signed by the author to everybody, and announced to forums."""
    readers = await create.told_by_group(conn, post)
    if post.local:
        activity = await record(conn, urls, post, event)
        direct = await create.told_directly(conn, post)
        await outbox.send(conn, activity, post.author_id, [*direct, *readers], f"post:{post.id}")
        whole: Document | None = activity.document
    else:
        whole = await outbox.received(conn, post.id, DELETED)
        await _take_boost_back(conn, urls, post, event, readers)
    if whole is not None:
        await create.announce(conn, urls, post, event, whole, readers)


async def spread_removal(conn: Conn, urls: Urls, post: PostRow, event: str, decision_id: int) -> None:
    """A moderator removed a post from one of our groups.

    Forums obey the group's Announce of the moderator's Delete; microblogs only its Undo of the boost. Never a Delete
    signed by the author: Mastodon would refuse that id for ever, and a restore must be possible.
    """
    verdict = await verdicts.by_id(conn, decision_id)
    readers = [*await create.told_by_group(conn, post), *await outbox.inbox_of(conn, post.author_id)]
    removal = await outbox.record(
        conn,
        urls,
        verdict.moderator_id,
        _removal(post, verdict.moderator_uri, verdict.public_reason),
        post_id=post.id,
        event=f"{post.id}:{event}",
        public=post.visibility == "public",
    )
    await create.announce(conn, urls, post, event, removal.document, readers)
    await _take_boost_back(conn, urls, post, event, readers)


def _removal(post: PostRow, moderator_uri: str, reason: str) -> Document:
    return {
        "type": "Delete",
        "actor": moderator_uri,
        "to": post.readers,
        "cc": [post.group_uri] if post.visibility == "public" else [],
        "audience": post.group_uri,
        "object": post.uri,
        "summary": reason,
    }


async def spread_restore(conn: Conn, urls: Urls, post: PostRow, event: str, decision_id: int) -> None:
    """A removed post is back: Announce(Undo(Delete)) to forums, a new boost under a new id to microblogs."""
    verdict = await verdicts.by_id(conn, decision_id)
    readers = [*await create.told_by_group(conn, post), *await outbox.inbox_of(conn, post.author_id)]
    removal = await outbox.LATEST_OF_POST.one(conn, post.id, "Delete")
    deleted = _removal(post, verdict.moderator_uri, "") | ({"id": removal.uri} if removal else {})
    undo: Document = {
        "type": "Undo",
        "actor": verdict.moderator_uri,
        "to": deleted["to"],
        "cc": deleted["cc"],
        "audience": post.group_uri,
        "object": deleted,
    }
    activity = await outbox.record(
        conn, urls, verdict.moderator_id, undo, post_id=post.id, event=f"{post.id}:{event}",
        public=post.visibility == "public",
    )  # fmt: skip
    await create.announce(conn, urls, post, event, activity.document, readers)
    if post.is_thread:
        await create.boost(conn, urls, post, event, readers)


async def _take_boost_back(conn: Conn, urls: Urls, post: PostRow, event: str, readers: list[outbox.Reader]) -> None:
    """`Undo` must name the very Announce that Mastodon keeps: the first one it got since the last Undo."""
    current = await outbox.CURRENT_BOOST.one(conn, post.group_id, post.id) if post.is_thread else None
    if current is None:
        return
    announced: dict[str, typing.Any] = outbox.announce(post.group_uri, post.uri, post.readers)
    undo: Document = {
        "type": "Undo",
        "actor": post.group_uri,
        "to": post.readers,
        "cc": [f"{post.group_uri}/followers"],
        "object": {"id": current.uri} | announced,
    }
    activity = await outbox.record(conn, urls, post.group_id, undo, post_id=post.id, event=f"{post.id}:{event}:unboost")
    await outbox.send(conn, activity, post.group_id, outbox.microblogs(readers), f"post:{post.id}")
