"""Like, Dislike and EmojiReact: votes."""

from federation import documents, outbox
from federation.documents import Document, PostRow
from federation.parse import Unacceptable
from federation.received import Ignored, Received
from moderation import instances
from server.community import access, actors, groups, posts, votes
from server.community.posts import Post
from server.db import Conn
from server.urls import Urls


async def receive(conn: Conn, got: Received) -> None:
    """A thank, counted once a person and post. An EmojiReact counts as one, as Lemmy does it."""
    post = await voted_post(conn, got)
    if post.author_id == got.sender.id:
        raise Ignored("own_post")
    await votes.thank(conn, got.sender, post, uri=got.activity.id)


async def receive_dislike(conn: Conn, got: Received) -> None:
    """Kept, so that its Undo fits; not counted, not shown, not announced."""
    post = await voted_post(conn, got)
    await votes.dislike(conn, got.sender, post, uri=got.activity.id)


async def voted_post(conn: Conn, got: Received) -> Post:
    """The published post that is voted on; votes on anything else are let go."""
    uri = got.activity.object_uri
    if uri is None:
        raise Unacceptable("no_object")
    post = await posts.by_uri(conn, uri)
    if post is None or post.state != "published":
        raise Ignored("not_published")
    group = await groups.BY_ID.one(conn, post.group_id, got.sender.id)
    # Of what a group of ours keeps to itself, whoever does not belong to it knows nothing: not even that it is there.
    if group is None or access.keeps_from(group):
        raise Ignored("not_published")
    await instances.check_welcome_in(conn, group.id, got.sender.host, got.policies)
    access.check_may_vote(post, group)
    return post


def build(person_uri: str, post: PostRow) -> Document:
    return {
        "type": "Like",
        "actor": person_uri,
        "to": post.readers,
        "cc": [post.group_uri] if post.visibility == "public" else [],
        "audience": post.group_uri,
        "object": post.uri,
    }


async def spread(conn: Conn, urls: Urls, person_id: int, post_id: int, event: str, uri: str | None) -> None:
    """To the post's author and, through the group, to forums. Never to microblogs, which would fetch it for nothing."""
    post = await documents.BY_ID.one(conn, post_id)
    if post is None or not post.shown or post.visibility == "local":
        return
    person = await actors.by_id(conn, person_id)
    like = build(person.uri, post)
    if person.local:
        given = await outbox.LATEST_OF.one(conn, person.id, post.id, "Like") if event != "like" else None
        if event == "waited" and given is not None:
            # It was told of in the very moment in which the group took the post up.
            return
        if event == "unlike":
            if given is None:
                return
            like = like | {"id": given.uri}
        document = like if event != "unlike" else _undo(like)
        activity = await outbox.record(conn, urls, person.id, document, post_id=post.id, public=False)
        # Who thanked whom in a private group is nobody's business but the group's.
        readers = await outbox.inbox_of(conn, post.author_id) if post.visibility == "public" else []
        if post.group_host is not None:
            readers += await outbox.inbox_of(conn, post.group_id)
        await outbox.send(conn, activity, person.id, readers, f"vote:{post.id}:{person.id}")
        whole = activity.document
    elif uri is None:
        return
    else:
        # The group's Announce carries the vote under the id that its own server gave it.
        whole = like | {"id": uri} if event == "like" else _undo(like | {"id": uri}) | {"id": f"{uri}#undo"}
    if post.group_host is None:
        await _announce(conn, urls, post, whole, person)


def _undo(like: Document) -> Document:
    return {"type": "Undo", "actor": like["actor"], "to": like["to"], "cc": like["cc"], "object": like}


async def _announce(conn: Conn, urls: Urls, post: PostRow, whole: Document, person: actors.Actor) -> None:
    readers = outbox.known_forums(await outbox.readers_of(conn, post.group_id))
    # The voter's own server counted it already.
    readers = [reader for reader in readers if reader.host != person.host]
    if not readers:
        return
    document = outbox.announce(post.group_uri, whole, post.readers)
    activity = await outbox.record(conn, urls, post.group_id, document, post_id=post.id, public=False)
    await outbox.send(conn, activity, post.group_id, readers, f"vote:{post.id}:{person.id}")
