"""Brings who of ours is a member elsewhere in line with what the other server counts (FEP-8fcf).

A lost answer, or a restored backup, leaves two servers of different minds about who is a member: one sends what nobody
reads, or one waits for what never comes.
"""

import time
import typing
from collections.abc import Collection

import structlog

from federation import followers, paging
from federation.activities import follow
from federation.budget import FetchBudget
from federation.client import Outgoing
from federation.egress import FetchFailed
from server import jobs, limits
from server.community import actors, groups, memberships
from server.community.actors import Actor
from server.db import Command, Conn, Query, Row
from server.errors import TooMany
from server.limits import Limit
from server.runtime import Runtime
from server.urls import Urls, authority

log = structlog.get_logger(__name__)

COMPARE_AGAIN_SECONDS = 300.0
KEPT_SENDERS = 5000
MAX_LISTED = 5000
MAX_UNDONE = 100
# A server may have as many actors as it likes, and each of them may list whomever it likes of ours.
LISTS_PER_HOST = Limit(60, 600)
UNDONE_PER_HOST = Limit(100, 3600)


class _Follower(Row, frozen=True):
    person_id: int
    uri: str
    state: str


FOLLOWERS = Command("select followers from remote_actors where actor_id = $1")

OURS = Query(
    _Follower,
    """select m.person_id, a.uri, m.state from memberships m join actors a on a.id = m.person_id
        where m.target_id = $1 and m.state in ('joined', 'asked') and a.host is null order by m.person_id""",
)
# Those listed there who have nothing to do with it: nobody whose membership rests, and nobody who has gone.
UNEXPECTED = Query(
    actors.Actor,
    actors.SELECT
    + """where a.uri = any($2::text[]) and a.host is null and a.kind = 'person' and a.deleted_at is null
       and not exists (select 1 from memberships m where m.person_id = a.id and m.target_id = $1
                          and m.state in ('joined', 'asked', 'suspended'))
     order by a.id limit $3""",
)


class Compared:
    """Whose claims this process has compared lately: a claim comes with every delivery."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}

    @classmethod
    async def open(cls, _runtime: Runtime) -> typing.Self:
        return cls()

    async def close(self) -> None:
        """Nothing is held."""

    def is_due(self, sender_id: int) -> bool:
        """Whether to compare now; then not again for a while."""
        now = time.monotonic()
        if self._until.get(sender_id, now) > now:
            return False
        if len(self._until) >= KEPT_SENDERS:
            self._until.clear()
        self._until[sender_id] = now + COMPARE_AGAIN_SECONDS
        return True


async def compare(runtime: Runtime, sender: Actor, header: str | None) -> None:
    """Look whether a sender counts the same followers here as we do; otherwise its list is asked for, later.

    A hint beside an activity: whatever is wrong with it, the activity stands.
    """
    claim = followers.read_header(header) if header is not None else None
    # Everybody speaks for actors of their own host alone (A10), and is not sent to ask others.
    if claim is None or authority(claim.url) != sender.host:
        return
    if not (await runtime.use(Compared)).is_due(sender.id):
        return
    async with runtime.db.transaction() as conn:
        if claim.collection != await FOLLOWERS.value(conn, sender.id):
            return
        if claim.digest != await followers.digest_here(conn, sender.id):
            args: dict[str, object] = {"actor_id": sender.id, "url": claim.url, "digest": claim.digest}
            await jobs.enqueue(conn, "synchronize_followers", args, ordering=f"followers:{sender.id}")


async def synchronize_followers(runtime: Runtime, *, actor_id: int, url: str, digest: str) -> None:
    """Errand: read whom of ours an actor elsewhere counts among its followers, and believe it."""
    outgoing = await runtime.use(Outgoing)
    try:
        await _count(runtime, f"followers:{authority(url)}", LISTS_PER_HOST)
        listed = await paging.read_collection(
            outgoing.client, url, await outgoing.signature(), budget=FetchBudget(), items=MAX_LISTED
        )
    except FetchFailed as failed:
        # The next delivery says it again.
        log.info("followers not read", url=url[:200], reason=failed.reason)
        return
    except TooMany:
        log.info("followers not read", url=url[:200], reason="too_many")
        return
    uris = {one for one in listed if isinstance(one, str)}
    if followers.digest_of(uris) != digest:
        # Something has changed meanwhile, or the list is cut: nobody is put out for what may be half a list.
        log.info("followers do not fit their digest", url=url[:200])
        return
    async with runtime.db.transaction() as conn:
        await _believe(conn, actor_id, uris)
    await _leave(runtime, actor_id, uris)


async def _count(runtime: Runtime, key: str, limit: Limit, hits: int = 1) -> None:
    async with runtime.db.transaction() as conn:
        await limits.count(conn, key, limit, hits=hits)


async def _believe(conn: Conn, actor_id: int, listed: Collection[str]) -> None:
    """Whoever asked and is listed was let in, whoever is not listed is out."""
    await groups.LOCK.run(conn, actor_id)
    group = await groups.BY_ID.one(conn, actor_id, None)
    for one in await OURS.all(conn, actor_id) if group is not None else ():
        assert group is not None
        person = await actors.by_id(conn, one.person_id)
        if one.state == "asked" and one.uri in listed:
            await follow.let_in(conn, group, person)
        elif one.state == "joined" and one.uri not in listed:
            await memberships.put_out(conn, group, person)


async def _leave(runtime: Runtime, actor_id: int, listed: Collection[str]) -> None:
    """Whoever is listed and does not belong there leaves, as far as we say so much to one server."""
    async with runtime.db.read() as conn:
        target = await actors.by_id(conn, actor_id)
        found = await UNEXPECTED.all(conn, actor_id, listed, MAX_UNDONE)
    if not found:
        return
    try:
        await _count(runtime, f"unfollowed:{target.host}", UNDONE_PER_HOST, len(found))
    except TooMany:
        log.info("followers not undone", actor=target.uri[:200], reason="too_many")
        return
    async with runtime.db.transaction() as conn:
        await groups.LOCK.run(conn, actor_id)
        # Asked again: somebody may have joined in the meantime.
        for person in await UNEXPECTED.all(conn, actor_id, listed, MAX_UNDONE):
            await follow.send_unfollow(conn, Urls(runtime.settings.base_url), person, target)
