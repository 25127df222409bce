"""Move: an actor elsewhere has a new home (FEP-7628, as Mastodon does it).

The members of a group go with it; a person takes along what our groups have banned them from. Nobody is moved on one
side's word: the old actor signs the Move and names the new one in its document, and the new actor lists the old one.
Whoever took either over could otherwise take the members along (B19).
"""

import structlog

from federation import client, parse, remote
from federation.budget import FetchBudget
from federation.egress import FetchFailed
from federation.parse import RemoteActor, Unacceptable, uri_of
from federation.received import Ignored, Received
from moderation import deeds
from server import jobs
from server.community import actors, groups, memberships, notifications
from server.community.actors import Actor
from server.db import Command, Conn
from server.errors import Refused
from server.runtime import Runtime
from server.urls import Urls

log = structlog.get_logger(__name__)

MAX_ALIASES = 256

TOOK_PART = Command(
    """select exists (select 1 from posts where author_id = $1)
           or exists (select 1 from memberships where person_id = $1)"""
)


async def receive(conn: Conn, got: Received) -> None:
    """Look at both actors by an errand; only where somebody here is concerned."""
    target = uri_of(got.activity.document.get("target"))
    if got.activity.object_uri != got.sender.uri:
        raise Unacceptable("not_yours")
    if target is None:
        raise Unacceptable("no_object")
    if target == got.sender.uri or got.urls.is_local(target):
        raise Ignored("moves_nowhere")
    if not await _concerns_us(conn, got.sender):
        raise Ignored("nobody_here_reads_it")
    args: dict[str, object] = {"old_id": got.sender.id, "target": target}
    await jobs.enqueue(conn, "follow_move", args, ordering=f"move:{got.sender.id}")


async def _concerns_us(conn: Conn, mover: Actor) -> bool:
    """Whether anybody here is in that group, or that person has written or been banned here."""
    if mover.kind == "group":
        return await memberships.has_local_member(conn, mover.id)
    return mover.kind == "person" and bool(await TOOK_PART.value(conn, mover.id))


async def follow_move(runtime: Runtime, *, old_id: int, target: str) -> None:
    """Errand: read both actors from their own addresses, and believe the Move if each names the other."""
    async with runtime.db.read() as conn:
        old = await actors.by_id(conn, old_id)
    try:
        new = await _both_ways(runtime, old, target)
        async with runtime.db.transaction() as conn:
            await _move(conn, old, new)
    except (FetchFailed, Unacceptable, Ignored, Refused) as why:
        log.info("move not followed", actor=old.uri[:200], target=target[:200], reason=str(why)[:200])


async def _both_ways(runtime: Runtime, old: Actor, target: str) -> RemoteActor:
    budget = FetchBudget()
    outgoing = await runtime.use(client.Outgoing)
    found = await outgoing.fetch_object(target, budget)
    new = parse.parse_actor(found.document)
    if Urls(runtime.settings.base_url).is_local(new.uri):
        raise Unacceptable("local_id")
    if new.uri != target or new.kind != old.kind:
        raise Unacceptable("kind_changed")
    if old.uri not in _listed(found.document.get("alsoKnownAs")):
        raise Unacceptable("moved_without_alias")
    left = (await outgoing.fetch_object(old.uri, budget)).document
    if new.uri not in [*_listed(left.get("movedTo")), *_listed(left.get("alsoKnownAs"))]:
        raise Unacceptable("moved_without_alias")
    return new


def _listed(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [uri for one in values[:MAX_ALIASES] if (uri := uri_of(one)) is not None]


async def _move(conn: Conn, old: Actor, document: RemoteActor) -> None:
    new = await remote.save_actor(conn, document)
    if new.suspended_at is not None:
        raise Refused("suspended", "This actor was suspended here.")
    marked = await remote.mark_moved(conn, old.id, new.id, new.uri)
    if old.kind == "person":
        # However often they move: it must not shake a ban off.
        await deeds.carry_bans(conn, old, new)
        return
    if not marked:
        raise Ignored("moved_lately")
    for person_id in await memberships.local_members(conn, old.id):
        args: dict[str, object] = {
            "person_id": person_id, "old_id": old.id, "new_id": new.id, "asks_first": document.asks_first
        }  # fmt: skip
        await jobs.enqueue(conn, "move_member", args, ordering=f"membership:{person_id}:{old.id}")


async def move_member(
    conn: Conn, _runtime: Runtime, *, person_id: int, old_id: int, new_id: int, asks_first: bool
) -> None:
    """One of our people goes along, unless the new group asks who comes: then they are told, and choose themselves."""
    person = await actors.by_id(conn, person_id)
    old = await groups.BY_ID.one(conn, old_id, person_id)
    new = await groups.BY_ID.one(conn, new_id, person_id)
    if old is None or new is None or old.membership not in ("joined", "asked"):
        return
    if asks_first or new.membership == "refused":
        await notifications.notify(conn, person_id, "moved_away", group_id=new_id)
        return
    await memberships.join(conn, person, new)
    await memberships.leave(conn, person, old)
    await notifications.notify(conn, person_id, "moved_along", group_id=new_id)
