"""Create: a thread or a reply."""

from collections.abc import Sequence

import msgspec

from federation import outbox, parse, spellings, tombstones
from federation.activities import poll, private
from federation.documents import Document, PostRow
from federation.outbox import Outgoing
from federation.parse import RemotePost, Unacceptable
from federation.received import Ignored, Received
from federation.spellings import Spelling
from moderation import instances
from moderation.instances import Policies
from server import jobs, text
from server.community import access, actors, groups, posts
from server.community.actors import Actor
from server.community.groups import Group
from server.community.posts import Draft, Post
from server.db import Conn
from server.urls import Urls


async def receive(conn: Conn, got: Received) -> None:
    """A post of the sender's own, for one of our groups or in a thread of one."""
    if isinstance(got.activity.object, list):
        await poll.receive_votes(conn, got, got.activity.object)
        return
    if got.activity.inner is None:
        uri = got.activity.object_uri
        if uri is None:
            raise Unacceptable("no_object")
        if got.new and not any(got.urls.is_local(one) for one in parse.recipients(got.activity.document)):
            # Nothing is fetched for a stranger who does not even address anybody here (B27).
            raise Ignored("nobody_here_reads_it")
        await jobs.enqueue(conn, "fetch_announced", {"document": {"object": uri}, "group_id": None})
        return
    if parse.type_of(got.activity.inner) in private.TYPES:
        await private.receive(conn, got, got.activity.inner)
        return
    post = parse.parse_post(got.activity.inner)
    if post.author != got.sender.uri:
        # What somebody else wrote is their own server's to send (B4).
        raise Unacceptable("author_is_not_actor")
    if post.is_vote:
        await poll.receive_vote(conn, got, post)
        return
    if got.buried:
        raise Ignored("deleted_before")
    if not post.public and await private.tell(conn, got, post.named):
        return
    await store(conn, got.urls, got.sender, post, raw=got.raw, via=got.via, policies=got.policies)


async def store_fetched(
    conn: Conn, urls: Urls, author: Actor, post: RemotePost, via: Group | None, *, from_past: bool = False
) -> Post:
    """As `store`, for a post that was read from its own address."""
    if await tombstones.exists(conn, post.uri, author.uri):
        raise Ignored("deleted_before")
    return await store(conn, urls, author, post, raw=None, via=via, from_past=from_past)


async def store(
    conn: Conn, urls: Urls, author: Actor, post: RemotePost, *,
    raw: bytes | None, via: Group | None, policies: Policies | None = None, from_past: bool = False,
) -> Post:  # fmt: skip
    """Let a remote post in by the common door. Its author is proven, by signature or by its own server.

    `from_past`: it is no news, and whoever reads the past looks for its parent too.
    """
    if urls.is_local(post.uri):
        raise Unacceptable("local_id")
    if post.is_vote:
        # Only its voter's own signature makes it one: no reply either.
        raise Ignored("poll_vote")
    parent = await posts.by_uri(conn, post.in_reply_to) if post.in_reply_to else None
    group = await _group(conn, author, post, parent, via)
    _check_readers(post, group)
    await instances.check_welcome_in(conn, group.id, author.host, policies)
    if group.local:
        # Who may write in a group elsewhere that group has decided before it announced the post: its moderators are
        # unknown here, and what it keeps under a removed post stays there too.
        access.check_may_post(group, parent)
        await _check_open(conn, group, parent)
    draft = _draft(author, group, parent, post)
    stored = await posts.submit_post(conn, urls, msgspec.structs.replace(draft, from_past=from_past))
    if group.local and raw is not None:
        await outbox.keep_received(conn, stored.id, 1, raw)
    if post.poll is not None:
        await poll.ask_after_end(conn, stored.id, post.poll.closes_at)
    if post.in_reply_to and parent is None and not from_past:
        await jobs.enqueue(conn, "fetch_parent", {"post_id": stored.id}, ordering=f"parent:{post.in_reply_to}"[:200])
    return stored


async def _check_open(conn: Conn, group: Group, parent: Post | None) -> None:
    if parent is not None and parent.root_id is not None:
        root = parent if parent.id == parent.root_id else await posts.by_id(conn, parent.root_id)
        access.check_unlocked(root, group)


def _check_readers(post: RemotePost, group: Group) -> None:
    """A post is for those for whom its group is; a group elsewhere answers itself for letting a public one in."""
    if group.visibility == "private":
        if post.public and group.local:
            raise Ignored("public_in_private_group")
        if not post.public and group.uri not in post.named:
            raise Ignored("not_for_the_group")
    elif not post.public:
        # Meant for some people only: a group's page would show it to all.
        raise Ignored("not_public")


def _draft(author: Actor, group: Group, parent: Post | None, post: RemotePost) -> Draft:
    return Draft(
        author=author,
        group=group,
        parent=parent,
        parent_uri=post.in_reply_to if parent is None else None,
        title=(post.title or "…") if post.in_reply_to is None else None,
        link=post.link,
        source=post.source,
        html=text.SafeHtml(post.html),
        language=post.language,
        uri=post.uri,
        url=post.url,
        written_at=post.published,
        poll=post.poll,
        pictures=post.pictures,
    )


async def _group(conn: Conn, author: Actor, post: RemotePost, parent: Post | None, via: Group | None) -> Group:
    """The group that a post belongs to, as its author sees it."""
    group_id = parent.group_id if parent is not None else via.id if via is not None else None
    if group_id is None:
        group_id = await _first_named_group(conn, post)
    group = await groups.BY_ID.one(conn, group_id, author.id) if group_id is not None else None
    if group is None or access.keeps_from(group):
        # Any server could fill our disk with what nobody here asked for (B27). What a group of ours keeps to itself
        # is the same as what does not exist, for whoever does not belong to it (H1).
        if not post.public:
            raise Ignored("not_public")
        raise Ignored("nobody_here_reads_it")
    if not group.local and via is None:
        raise Ignored("waits_for_its_group")
    if via is not None and via.id != group.id:
        raise Ignored("other_group")
    return group


async def _first_named_group(conn: Conn, post: RemotePost) -> int | None:
    """Of several groups the first one: a post stands in one place."""
    for uri in post.named:
        actor = await actors.by_uri(conn, uri)
        if actor is not None and actor.kind == "group" and actor.local:
            return actor.id
    return None


def build(urls: Urls, post: PostRow, spelling: Spelling = Spelling.PLAIN) -> Document:
    """The Create of one of our own posts; `record` gives it its id."""
    document = spellings.spell(urls, post, spelling)
    return {
        "type": "Create",
        "actor": post.author_uri,
        "to": document["to"],
        "cc": document["cc"],
        "audience": post.group_uri,
        "published": document["published"],
        "object": document,
    }


async def record(
    conn: Conn, urls: Urls, post: PostRow, event: str, spelling: Spelling = Spelling.PLAIN, kind: str = "Create"
) -> Outgoing:
    """What its author says of a post, a Create or an Update; written once for each spelling in which it is read."""
    document = build(urls, post, spelling) | {"type": kind}
    return await outbox.record(
        conn, urls, post.author_id, document, post_id=post.id, event=f"{post.id}:{event}{spelling.value}",
        public=post.visibility == "public",
    )  # fmt: skip


async def told_directly(conn: Conn, post: PostRow) -> list[outbox.Reader]:
    """Who hears from the author, also where nobody reads the group: whom they answer or name, and their own followers.

    Of a private group nobody: what its members read comes from the group.
    """
    if post.visibility != "public":
        return []
    return [
        *await outbox.inbox_of(conn, post.parent_author_id),
        *await outbox.readers_of(conn, post.author_id, *post.mentioned_ids),
    ]


async def told_by_group(conn: Conn, post: PostRow, *also: int) -> list[outbox.Reader]:
    """The inboxes of the group's members, and, where everybody may read it, of these others.

    Microblogs get nothing of a private group: they show no boost of what is not public, and would never obey the
    removal of a copy that they got in another way.
    """
    if post.visibility != "public":
        return outbox.forums(await outbox.readers_of(conn, post.group_id))
    return await outbox.readers_of(conn, post.group_id, *also)


async def tell(
    conn: Conn, urls: Urls, post: PostRow, event: str, readers: list[outbox.Reader], kind: str = "Create",
    members: Sequence[outbox.Reader] = (),
) -> dict[Spelling, Document]:  # fmt: skip
    """Its author's own words, to each reader in the spelling that their software understands; returns what was said.

    `members` read it for the group, as long as that does not block their instance.
    """
    told = {}
    directly = set(readers)
    for spelling, those in spellings.sort(post, [*readers, *members]):
        activity = await record(conn, urls, post, event, spelling, kind)
        own = [reader for reader in those if reader in directly]
        await outbox.send(conn, activity, post.author_id, own, f"post:{post.id}")
        await outbox.send(conn, activity, post.author_id, those, f"post:{post.id}", post.group_id)
        told[spelling] = activity.document
    return told


async def spread(conn: Conn, urls: Urls, post: PostRow, event: str) -> None:
    """A post in one of our groups is published: its author's Create, then the group's Announce of it."""
    # Without it an author elsewhere would never see that the group took their post up.
    readers = await told_by_group(conn, post, post.author_id)
    told: dict[Spelling, Document] = {}
    if post.local:
        told = await tell(conn, urls, post, event, await told_directly(conn, post))
    if post.is_thread:
        await boost(conn, urls, post, event, readers)
    if post.local:
        await announce_own(conn, urls, post, event, told, readers)
    elif (whole := outbox.as_received(post.received)) is not None:
        await announce(conn, urls, post, event, whole, readers)


async def announce_own(
    conn: Conn, urls: Urls, post: PostRow, event: str, told: dict[Spelling, Document], readers: list[outbox.Reader],
    kind: str = "Create",
) -> None:  # fmt: skip
    """The group's Announce of what one of ours said, to forums, to each in the spelling that their software reads."""
    for spelling, those in spellings.sort(post, outbox.forums(readers)):
        if those:
            whole = told.get(spelling) or (await record(conn, urls, post, event, spelling, kind)).document
            await announce(conn, urls, post, event + spelling.value, whole, those)


async def boost(conn: Conn, urls: Urls, post: PostRow, event: str, readers: list[outbox.Reader]) -> None:
    """Announce a thread's id. Never a reply: every reply would stand in microblog timelines as a boost of its own."""
    if post.visibility != "public":
        return
    document = outbox.announce(post.group_uri, post.uri, post.readers)
    activity = await outbox.record(
        conn, urls, post.group_id, document, post_id=post.id, event=f"{post.id}:{event}:boost"
    )
    await outbox.send(conn, activity, post.group_id, outbox.microblogs(readers), f"post:{post.id}")


async def announce(
    conn: Conn, urls: Urls, post: PostRow, event: str, whole: Document, readers: list[outbox.Reader]
) -> None:
    """The group's Announce of a whole activity, for forums."""
    recipients = outbox.forums(readers)
    if not recipients:
        return
    document = outbox.announce(post.group_uri, whole, post.readers)
    activity = await outbox.record(
        conn, urls, post.group_id, document, post_id=post.id, event=f"{post.id}:{event}:whole",
        public=post.visibility == "public",
    )  # fmt: skip
    await outbox.send(conn, activity, post.group_id, recipients, f"post:{post.id}")
