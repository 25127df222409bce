"""What a group's moderators do to a person or to a thread: Block, Lock, Add, Remove, and their Undo.

What leaves is the moderator's activity, announced by the group to forums. What arrives about a group elsewhere is
believed of that group itself and of those whom its own list names as moderators (security.md B18).
"""

import datetime as dt

from federation import moderators, outbox, verdicts
from federation.documents import Document, instant
from federation.parse import Activity, Unacceptable, type_of, uri_of
from federation.received import Ignored, Received
from federation.verdicts import Deed
from server.community import actors, groups, memberships, notifications, posts, standing
from server.community.actors import Actor
from server.community.groups import FOR_GOOD, Group
from server.community.posts import Post
from server.db import Command, Conn
from server.urls import Urls

VERBS = ("Add", "Block", "Lock", "Remove")
UNDONE = ("Block", "Lock")
TYPE_OF = {
    "ban": "Block", "unban": "Block", "lock": "Lock", "unlock": "Lock", "pin": "Add", "promote": "Add",
    "unpin": "Remove", "demote": "Remove",
}  # fmt: skip
MAX_REASON = 1000
# What one Block may take away, or its Undo give back, newest first; of more, a group announces the Deletes as well.
MOST_REMOVED = 500

WRITTEN = Command(
    """select array_agg(id) from (
         select id from posts where author_id = $1 and group_id = $2 and state = $3
          order by id desc limit $4) newest"""
)


def build(deed: Deed) -> Document:
    """The moderator's activity, without the Undo of those that take something back."""
    document: Document = {
        "type": TYPE_OF[deed.verb],
        "actor": deed.moderator_uri,
        "to": deed.readers,
        "cc": [deed.group_uri] if deed.public else [],
        "audience": deed.group_uri,
        "object": deed.object_uri,
    }
    if deed.verb in ("pin", "unpin"):
        return document | {"target": f"{deed.group_uri}/featured"}
    if deed.verb in ("promote", "demote"):
        return document | {"target": f"{deed.group_uri}/moderators"}
    if deed.public_reason:
        document["summary"] = deed.public_reason
    if deed.verb in ("ban", "unban"):
        document |= {"target": deed.group_uri, "removeData": deed.removes_posts}
        if deed.until is not None and deed.until < FOR_GOOD:
            # Mbin reads `expires` alone, as Lemmy once called it.
            document["endTime"] = document["expires"] = instant(deed.until)
    return document


async def spread(conn: Conn, urls: Urls, deed: Deed) -> None:
    """Tell forums. Microblogs have no use for any of it, and whoever was banned there gets a Note (notice.py)."""
    if deed.visibility == "local":
        return
    activity = await outbox.record(
        conn, urls, deed.moderator_id, await _whole(conn, deed), event=f"deed:{deed.id}", public=deed.public
    )
    concerned = await outbox.inbox_of(conn, deed.person_id or deed.author_id)
    readers = outbox.forums([*await outbox.readers_of(conn, deed.group_id), *concerned])
    if not readers:
        return
    document = outbox.announce(deed.group_uri, activity.document, deed.readers)
    announced = await outbox.record(
        conn, urls, deed.group_id, document, event=f"deed:{deed.id}:whole", public=deed.public
    )
    ordering = f"post:{deed.post_id}" if deed.post_id else f"deed:{deed.group_id}:{deed.person_id}"
    await outbox.send(conn, announced, deed.group_id, readers, ordering)


async def _whole(conn: Conn, deed: Deed) -> Document:
    """As `build`; what takes a Block or Lock back is its Undo, under the id that the Block or Lock had."""
    if deed.verb not in ("unban", "unlock"):
        return build(deed)
    undone: Document = build(deed)
    earlier = await verdicts.reversed_by(conn, deed.id)
    if earlier is not None and (sent := await outbox.BY_EVENT.one(conn, earlier.moderator_id, f"deed:{earlier.id}")):
        undone = build(earlier) | {"id": sent.uri}
    return {
        "type": "Undo",
        "actor": deed.moderator_uri,
        "to": deed.readers,
        "cc": [deed.group_uri] if deed.public else [],
        "audience": deed.group_uri,
        "object": undone,
    }


async def receive(conn: Conn, got: Received) -> None:
    """A moderator of a group elsewhere, or that group itself, sends it directly: it may be believed as it is signed."""
    await take(conn, got.activity, got.sender.uri)


async def receive_unused(_conn: Conn, got: Received) -> None:
    """Lemmy's `Warn` and `Resolve`: a word to an author of theirs, and the end of a report of theirs."""
    if got.activity.type == "Warn":
        raise Ignored("warning")
    raise Ignored("report_resolved")


async def take(conn: Conn, activity: Activity, actor_uri: str, via: Group | None = None) -> None:
    """Mirror a deed in a group elsewhere. `via`: the group that announced it, which must be the one concerned."""
    undoes = activity.type == "Undo"
    deed = activity.inner if undoes else activity.document
    kind = type_of(deed) if deed is not None else ""
    if deed is None or kind not in (UNDONE if undoes else VERBS):
        raise Ignored("nothing_to_undo")
    group = await _group(conn, deed, kind)
    if via is not None and via.id != group.id:
        raise Ignored("other_group")
    # Those of our own groups have their accounts here, and stand on no such list.
    if actor_uri != group.uri and not await moderators.is_moderator(conn, group, actor_uri):
        raise Ignored("not_a_moderator")
    if kind == "Block":
        await (_lift(conn, group, deed, activity.document) if undoes else _block(conn, group, deed))
    elif kind == "Lock":
        await _lock(conn, group, deed, undone=undoes)
    else:
        await _collection(conn, group, deed, added=kind == "Add")


async def _group(conn: Conn, deed: Document, kind: str) -> Group:
    """The group elsewhere that a deed is about, by what we know of its target or thread, not by what it says."""
    if kind == "Lock":
        post = await posts.by_uri(conn, uri_of(deed.get("object")) or "")
        if post is None:
            raise Ignored("unknown_post")
        group_id: int | None = post.group_id
    else:
        target = uri_of(deed.get("target"))
        if target is None:
            # Mastodon's Block of one person by another; what it asks of us is nobody's deed in a group.
            raise Ignored("no_group")
        group_id = await moderators.group_of(conn, target)
    group = await groups.BY_ID.one(conn, group_id, None) if group_id is not None else None
    if group is None:
        # A ban from a whole server.
        raise Ignored("other_target")
    return group


async def _block(conn: Conn, group: Group, deed: Document) -> None:
    person = await _banned(conn, group, deed)
    if person.local:
        await _ban_ours(conn, group, person, _end(deed), _reason(deed))
    if deed.get("removeData") is True:
        for post_id in await WRITTEN.value(conn, person.id, group.id, "published", MOST_REMOVED) or ():
            await posts.remove_post(conn, await posts.by_id(conn, post_id, lock=True), 0)


async def _lift(conn: Conn, group: Group, deed: Document, undo: Document) -> None:
    """As Lemmy understands `restoreData`, it gives back all that the group had taken out, with a ban or before."""
    person = await _banned(conn, group, deed)
    if person.local and await memberships.lift_ban(conn, group, person):
        await notifications.notify(conn, person.id, "unbanned", group_id=group.id)
    if undo.get("restoreData") is True:
        for post_id in await WRITTEN.value(conn, person.id, group.id, "removed", MOST_REMOVED) or ():
            # What our own admins removed stays removed here.
            if not await verdicts.removed_here(conn, post_id):
                await posts.restore_post(conn, await posts.by_id(conn, post_id, lock=True), 0)


async def _banned(conn: Conn, group: Group, deed: Document) -> Actor:
    if uri_of(deed.get("target")) != group.uri:
        raise Ignored("other_target")
    person = await actors.by_uri(conn, uri_of(deed.get("object")) or "")
    if person is None:
        raise Ignored("unknown_person")
    return person


async def _ban_ours(conn: Conn, group: Group, person: Actor, until: dt.datetime, reason: str) -> None:
    await memberships.ban(conn, group, person, until)
    detail: dict[str, object] = {"reason": reason, "until": instant(until) if until < FOR_GOOD else ""}
    await notifications.notify(conn, person.id, "banned_elsewhere", group_id=group.id, detail=detail)


def _end(deed: Document) -> dt.datetime:
    """When a ban ends; one without an end that can be read has none."""
    said = deed.get("endTime") or deed.get("expires")
    try:
        moment = dt.datetime.fromisoformat(said) if isinstance(said, str) else FOR_GOOD
        # A time without a zone is UTC here; one at the end of all time may be none there (D6).
        return min(moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC), FOR_GOOD)
    except (OverflowError, ValueError):
        return FOR_GOOD


def _reason(deed: Document) -> str:
    said = deed.get("summary")
    return said[:MAX_REASON].strip() if isinstance(said, str) else ""


async def _lock(conn: Conn, group: Group, deed: Document, *, undone: bool) -> None:
    thread = await _thread(conn, group, deed)
    if undone:
        await standing.open_again(conn, thread)
    else:
        await standing.close(conn, thread, _reason(deed))


async def _collection(conn: Conn, group: Group, deed: Document, *, added: bool) -> None:
    """A thread pinned or not, a moderator made or unmade: the target says which."""
    target = uri_of(deed.get("target"))
    known = await moderators.collections_of(conn, group)
    if known is not None and target == known.moderators:
        uri = uri_of(deed.get("object"))
        if uri is None:
            raise Unacceptable("no_object")
        await moderators.change(conn, group, uri, added=added)
    elif known is not None and target == known.featured:
        await standing.pin(conn, await _thread(conn, group, deed), added)
    else:
        # NodeBB moves a topic from one category to another this way.
        raise Ignored("other_target")


async def _thread(conn: Conn, group: Group, deed: Document) -> Post:
    post = await posts.by_uri(conn, uri_of(deed.get("object")) or "")
    if post is None:
        raise Ignored("unknown_post")
    if post.group_id != group.id:
        raise Ignored("other_group")
    if not post.is_thread:
        # Lemmy closes single replies as well.
        raise Ignored("not_a_thread")
    return await posts.by_id(conn, post.id, lock=True)
