"""Update: an edited post, or an actor that changed how it presents itself."""

from federation import documents, outbox, parse, software
from federation.activities import create, poll
from federation.documents import PUBLIC, Document, PostRow
from federation.keys import public_keys
from federation.parse import RemotePost, Unacceptable
from federation.received import Ignored, Received
from moderation import instances
from moderation.instances import Policies
from server import jobs, text
from server.community import access, groups, polls, posts, revisions
from server.community.actors import Actor
from server.db import Conn
from server.urls import Urls


async def receive(conn: Conn, got: Received) -> None:
    """A new text of the sender's own post, or news about the sender."""
    inner = got.activity.inner
    uri = got.activity.object_uri
    if uri == got.sender.uri:
        if got.new:
            raise Ignored("unknown_actor")
        # An actor may change its key here: it is read from its own address (B3).
        await jobs.enqueue(conn, "refresh_actor", {"uri": uri}, ordering=f"refresh:{uri}"[:200])
        return
    if inner is None:
        raise Ignored("update_without_object")
    post = parse.parse_post(inner)
    if post.author != got.sender.uri:
        raise Unacceptable("author_is_not_actor")
    await store_edit(conn, got.sender, post, got.raw, got.policies)


async def store_edit(
    conn: Conn, author: Actor, edited: RemotePost, raw: bytes | None, policies: Policies | None = None
) -> None:
    """Let a new text of a known post in by the common door; readers see it once it passed."""
    known = await posts.by_uri(conn, edited.uri)
    if known is None:
        # Nothing to change; a Create may still come.
        raise Ignored("unknown_post")
    if known.author_id != author.id:
        # The owner is who stands in our row, whatever the payload says (B1).
        raise Unacceptable("not_yours")
    if (group := await groups.BY_ID.one(conn, known.group_id, author.id)) is not None:
        access.check_not_banned(group)
    await instances.check_welcome_in(conn, known.group_id, author.host, policies)
    post = await posts.by_id(conn, known.id, lock=True)
    if post.state in ("deleted", "removed"):
        raise Ignored("post_is_gone")
    number = await revisions.submit_edit(
        conn,
        post.id,
        title=(edited.title or post.title) if post.is_thread else None,
        link=edited.link,
        source=edited.source,
        html=text.SafeHtml(edited.html),
        pictures=edited.pictures,
    )
    if number is not None and raw is not None:
        await outbox.keep_received(conn, post.id, number, raw)
    if edited.poll is not None and not await poll.take_totals(conn, post.id, edited.poll, raw) and number is None:
        raise Ignored("poll_unchanged")


async def spread(conn: Conn, urls: Urls, post: PostRow, event: str, number: int) -> None:
    """An edit in one of our groups."""
    if not post.shown:
        return
    readers = await create.told_by_group(conn, post)
    if post.local:
        await tell_readers(conn, urls, post, event, readers)
    elif number == post.revision and (whole := outbox.as_received(post.received)) is not None:
        await create.announce(conn, urls, post, event, whole, readers)


async def tell_readers(conn: Conn, urls: Urls, post: PostRow, event: str, readers: list[outbox.Reader]) -> None:
    """The Update of one of ours. Mastodon ignores an Update inside an Announce, so microblogs get it directly.

    An edited reply too: they read it from the thread's `replies`, and would show its old text for ever.
    """
    direct = await create.told_directly(conn, post)
    members: list[outbox.Reader] = []
    if post.visibility == "public":
        members = outbox.microblogs(readers) if post.is_thread else outbox.known_microblogs(readers)
    told = await create.tell(conn, urls, post, event, direct, "Update", members)
    await create.announce_own(conn, urls, post, event, told, readers, "Update")


async def spread_totals(conn: Conn, urls: Urls, post_id: int) -> None:
    """The totals of a poll, to those who got it as a poll and to the servers of those who voted."""
    number = await polls.TOLD.value(conn, post_id)
    post = await documents.BY_ID.one(conn, post_id)
    if number is None or post is None or not post.shown or post.visibility == "local":
        return
    # Named like an edit: it carries the text, so that a removal takes it back.
    event = f"update:votes-{number}"
    at_home = post.group_host is None
    readers = _as_polls(await create.told_by_group(conn, post)) if at_home else []
    if post.local:
        direct = [] if at_home else await outbox.inbox_of(conn, post.group_id)
        members: list[outbox.Reader] = []
        if post.visibility == "public":
            voters = await polls.voters(conn, post_id, local=False)
            direct += await outbox.readers_of(conn, post.author_id, *voters)
            members = outbox.microblogs(readers)
        told = await create.tell(conn, urls, post, event, _as_polls(direct), "Update", _as_polls(members))
        await create.announce_own(conn, urls, post, event, told, readers, "Update")
    elif readers and (whole := await outbox.received(conn, post_id, poll.TOTALS)) is not None:
        await create.announce(conn, urls, post, event, whole, readers)


def _as_polls(readers: list[outbox.Reader]) -> list[outbox.Reader]:
    """Whoever got the options in words got no totals, and needs none now."""
    return [reader for reader in readers if software.reads_polls(reader.software)]


async def spread_actor(conn: Conn, urls: Urls, actor: Actor) -> None:
    """One of our actors changed: its followers' servers read it anew."""
    keys = await public_keys(conn, actor.id)
    readers = await outbox.readers_of(conn, actor.id)
    if keys is None or not readers:
        return
    group = await groups.BY_ID.one(conn, actor.id, None) if actor.kind == "group" else None
    if group is not None and group.visibility == "local":
        return
    document: Document = {
        "type": "Update",
        "actor": actor.uri,
        "to": [PUBLIC],
        "object": documents.actor_document(urls, actor, keys, group),
    }
    public = group is None or group.visibility == "public"
    activity = await outbox.record(conn, urls, actor.id, document, public=public)
    await outbox.send(conn, activity, actor.id, readers, f"actor:{actor.id}")
