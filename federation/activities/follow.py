"""Follow, and its Accept, Reject and Undo: joining a group, both ways."""

from federation import outbox, software
from federation.documents import Document
from federation.parse import Unacceptable
from federation.received import Ignored, Received
from moderation import instances
from server import jobs
from server.community import access, actors, groups, memberships
from server.community.actors import Actor
from server.community.groups import Group
from server.community.memberships import Membership
from server.community.sessions import STRANGER
from server.db import Conn
from server.runtime import Runtime
from server.urls import Urls


async def receive(conn: Conn, got: Received) -> None:
    """Somebody elsewhere joins a group of ours, or follows one of our people."""
    target = await _target(conn, got)
    if target.kind == "group":
        group = await groups.BY_ID.one(conn, target.id, got.sender.id)
        # A local group does not exist for others, nor does a hidden private one for whoever was not invited.
        if group is None or not access.may_know(STRANGER, group):
            raise Unacceptable("unknown_target")
        await instances.check_welcome_in(conn, group.id, got.sender.host, got.policies)
        await memberships.join(conn, got.sender, group, got.activity.id)
    elif target.kind == "person":
        await memberships.follow_person(conn, got.sender, target, got.activity.id)
    else:
        raise Ignored("not_followable")


async def receive_undo(conn: Conn, got: Received, follow: Document) -> bool:
    """The sender leaves; True where they were in. Which of their follows it is says the target, and no other's."""
    uri = follow.get("object")
    target = await actors.by_uri(conn, uri if isinstance(uri, str) else str(_id(uri)))
    return target is not None and await memberships.unfollow(conn, got.sender.id, target.id)


def _id(value: object) -> object:
    return value.get("id") if isinstance(value, dict) else None


async def _target(conn: Conn, got: Received) -> Actor:
    uri = got.activity.object_uri
    target = await actors.by_uri(conn, uri) if uri else None
    if target is None or not target.local or target.suspended_at or target.deleted_at:
        raise Unacceptable("unknown_target")
    return target


async def receive_accept(conn: Conn, got: Received) -> None:
    await _answered(conn, got, accept=True)


async def receive_reject(conn: Conn, got: Received) -> None:
    await _answered(conn, got, accept=False)


async def _answered(conn: Conn, got: Received, *, accept: bool) -> None:
    """A group elsewhere answers our Follow. Only the one who was asked can, and only to what we asked (B16)."""
    membership = await _asked(conn, got)
    group = await groups.BY_ID.one(conn, membership.target_id, membership.person_id)
    person = await actors.by_id(conn, membership.person_id)
    if group is None or not person.local:
        raise Ignored("not_ours")
    if membership.state == "asked" and accept:
        await let_in(conn, group, person)
    elif membership.state == "asked":
        await memberships.answer(conn, group, person, accept=False)
    elif membership.state == "joined" and not accept:
        # A group may put out somebody it had let in.
        await memberships.put_out(conn, group, person)


async def let_in(conn: Conn, group: Group, person: Actor) -> None:
    """A group elsewhere has taken one of our people in, who had asked: its past is read for them."""
    await memberships.answer(conn, group, person, accept=True)
    args: dict[str, object] = {"group_id": group.id}
    await jobs.enqueue(conn, "begin_backfill", args, ordering=f"backfill:{group.id}")


async def _asked(conn: Conn, got: Received) -> Membership:
    """Our pending follow of the sender: by its id, or where the sender wrote it out, by who asked."""
    uri = got.activity.object_uri
    membership = await memberships.BY_FOLLOW.one(conn, uri, got.sender.id) if uri else None
    inner = got.activity.inner
    if membership is None and inner is not None and isinstance(inner.get("actor"), str):
        asker = await actors.by_uri(conn, str(inner["actor"]))
        membership = await memberships.one(conn, asker.id, got.sender.id) if asker is not None else None
    if membership is None:
        raise Ignored("nothing_was_asked")
    return membership


async def send_follow(conn: Conn, urls: Urls, person: Actor, target: Actor) -> None:
    """Ask to join a group elsewhere; remembered by the address of the Follow, which its answer names."""
    document: Document = {"type": "Follow", "actor": person.uri, "to": [target.uri], "object": target.uri}
    activity = await outbox.record(conn, urls, person.id, document, public=False)
    await memberships.SET_FOLLOW.run(conn, person.id, target.id, activity.uri)
    await outbox.send(conn, activity, person.id, await _personal(conn, target.id), _ordering(person.id, target.id))


async def send_unfollow(conn: Conn, urls: Urls, person: Actor, target: Actor) -> None:
    follow = await outbox.LATEST_FOLLOW.one(conn, person.id, target.uri)
    document: Document = {
        "type": "Undo",
        "actor": person.uri,
        "to": [target.uri],
        "object": {"type": "Follow", "actor": person.uri, "object": target.uri}
        | ({"id": follow.uri} if follow else {}),
    }
    activity = await outbox.record(conn, urls, person.id, document, public=False)
    await outbox.send(conn, activity, person.id, await _personal(conn, target.id), _ordering(person.id, target.id))


async def answer_follow(runtime: Runtime, *, person_id: int, target_id: int) -> None:
    """Errand: tell somebody elsewhere whether they have joined.

    Their server's software is looked up first: from the Accept on it gets the group's posts, in the form that it reads.
    """
    async with runtime.db.read() as conn:
        person = await actors.by_id(conn, person_id)
    if person.host is not None:
        await software.refresh_software(runtime, host=person.host)
    urls = Urls(runtime.settings.base_url)
    async with runtime.db.transaction() as conn:
        membership = await memberships.one(conn, person_id, target_id)
        if membership is None or membership.state not in ("joined", "refused") or membership.follow_uri is None:
            return
        await _send_answer(conn, urls, person, await actors.by_id(conn, target_id), membership)


async def _send_answer(conn: Conn, urls: Urls, person: Actor, target: Actor, membership: Membership) -> None:
    document: Document = {
        "type": "Accept" if membership.state == "joined" else "Reject",
        "actor": target.uri,
        "to": [person.uri],
        "object": {"id": membership.follow_uri, "type": "Follow", "actor": person.uri, "object": target.uri},
    }
    event = f"{membership.follow_uri}:{document['type']}"[-100:]
    activity = await outbox.record(conn, urls, target.id, document, event=event, public=False)
    await outbox.send(conn, activity, target.id, await _personal(conn, person.id), _ordering(person.id, target.id))


async def _personal(conn: Conn, actor_id: int) -> list[outbox.Reader]:
    """The actor's own inbox: PieFed and others answer a Follow only where it came in there."""
    reader = await outbox.PERSONAL_INBOX_OF.one(conn, actor_id)
    return [reader] if reader else []


def _ordering(person_id: int, target_id: int) -> str:
    return f"membership:{person_id}:{target_id}"
