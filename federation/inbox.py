"""The one way in: decode, prove who sent it, then effect and its record in one transaction.

2xx means committed: every activity answered 202 has had its effect, or its reason for having none, exactly once.
4xx means that nothing changed.
"""

import typing
from collections.abc import Awaitable, Callable

import structlog

from federation import lanes, parse, remote, senders, synchronization
from federation.activities import announce, create, deed, delete, flag, follow, like, move, poll, undo, update
from federation.decoding import BadDocument, decode_document
from federation.egress import FetchFailed
from federation.incoming import BadSignature, IncomingRequest
from federation.parse import Activity, Unacceptable
from federation.received import Ignored, Received
from federation.signatures import VerifiedRequest
from moderation.instances import PolicySnapshot
from server import limits
from server.community import actors
from server.community.actors import Actor
from server.db import Conn, Query, Row
from server.errors import Invalid, NotFound, Refused, TooMany
from server.limits import Limit
from server.runtime import Runtime
from server.urls import Urls, authority

log = structlog.get_logger(__name__)

Receiver = Callable[[Conn, Received], Awaitable[None]]

RECEIVERS: dict[str, Receiver] = {
    "Accept": follow.receive_accept,
    "Add": deed.receive,
    "Announce": announce.receive,
    "Block": deed.receive,
    "Create": create.receive,
    "Delete": delete.receive,
    "Dislike": like.receive_dislike,
    "EmojiReact": like.receive,
    "Flag": flag.receive,
    "Follow": follow.receive,
    "Like": like.receive,
    "Lock": deed.receive,
    "Move": move.receive,
    "PollVote": poll.receive_poll_vote,
    "Reject": follow.receive_reject,
    "Remove": deed.receive,
    "Resolve": deed.receive_unused,
    "Undo": undo.receive,
    "Update": update.receive,
    "Warn": deed.receive_unused,
}
PER_HOST = Limit(600, 60)
BOOKED_AT_ONCE = 20


class Seen(Row, frozen=True):
    fresh: bool
    buried: bool
    undone: bool


# Keyed by id and sender: somebody else's id, used first, must not keep the real one out.
# It tells as well whether the sender had deleted the object before, and nothing is left of it (`buried`), or had undone
# this very activity (`undone`).
SEE = Query(
    Seen,
    """
    with fresh as (
        insert into seen_activities (uri, actor_uri, outcome) values ($1, $2, $3) on conflict do nothing returning uri)
    select exists (select 1 from fresh) as fresh,
           exists (select 1 from tombstones where object_uri = $4 and actor_uri = $2) as buried,
           exists (select 1 from tombstones where object_uri = $1 and actor_uri = $2) as undone""",
)


class Traffic:
    """The process's count of what each instance sends."""

    def __init__(self, runtime: Runtime) -> None:
        self.booked = limits.Booked(runtime.db, PER_HOST, BOOKED_AT_ONCE)

    @classmethod
    async def open(cls, runtime: Runtime) -> typing.Self:
        return cls(runtime)

    async def close(self) -> None:
        """Nothing is held: hits that were booked and not used are lost to the sender."""


class Answer(typing.NamedTuple):
    """What the sender is told."""

    status: int
    reason: str
    retry_after: int | None = None


async def take(runtime: Runtime, request: IncomingRequest) -> Answer:
    """Take one POST to an inbox; total: every request gets an answer with a reason."""
    try:
        activity = parse.parse_activity(decode_document(request.body))
    except (BadDocument, Unacceptable) as bad:
        return Answer(413 if bad.reason == "too_large" else 400, bad.reason)
    if await _strangers_farewell(runtime, activity):
        return Answer(202, "unknown_actor")
    try:
        verified = await senders.verify(runtime, request)
        sender = await _sender(runtime, verified, activity)
        await _count(runtime, sender)
        outcome = await _effect(runtime, sender, activity, request.body)
        await synchronization.compare(runtime, sender, verified.followers)
    except BadSignature as bad:
        return Answer(bad.status, bad.reason)
    except (FetchFailed, Unacceptable) as bad:
        return Answer(400 if isinstance(bad, Unacceptable) else 401, bad.reason)
    except TooMany as many:
        return Answer(429, many.code, many.seconds)
    except Refused as refused:
        return Answer(403, refused.code)
    except Invalid:
        return Answer(400, "invalid")
    except NotFound as missing:
        return Answer(404, f"no_{missing.what}")
    runtime.waker.wake()
    return Answer(202, outcome)


async def _strangers_farewell(runtime: Runtime, activity: Activity) -> bool:
    """Mastodon tells everybody of a deleted account, whose key is gone by then: of an unknown one nothing is here."""
    if activity.type != "Delete" or activity.object_uri != activity.actor:
        return False
    async with runtime.db.read() as conn:
        known = await actors.by_uri(conn, activity.actor)
    return known is None or known.deleted_at is not None


async def _sender(runtime: Runtime, verified: VerifiedRequest, activity: Activity) -> Actor:
    """The actor who signed, who must be the one the activity names. After this nothing waits for the network."""
    if verified.signer_uri != activity.actor:
        # No shortcut for two actors of one host: each speaks for itself (A10).
        raise BadSignature("signer_is_not_actor")
    if authority(activity.id) != authority(activity.actor):
        raise BadSignature("id_on_other_host", 400)
    async with runtime.db.read() as conn:
        known = await actors.by_uri(conn, verified.signer_uri)
    # Whoever had said farewell and signs again lives again, with whatever their own server says of them now.
    sender = known if known is not None and known.deleted_at is None else await _stranger(runtime, verified.signer_uri)
    if sender.local:
        raise BadSignature("local_signer")
    if sender.suspended_at is not None:
        raise Refused("suspended", "This actor was suspended here.")
    return sender


async def _stranger(runtime: Runtime, uri: str) -> Actor:
    """An actor seen for the first time: looking for its key has just brought its document."""
    known = await runtime.use(senders.Senders)
    document = known.take_document(uri)
    if document is None and await known.is_missing(uri):
        raise BadSignature("key_unavailable")
    try:
        if document is None:
            return await remote.fetch_actor(runtime, uri)
        async with runtime.db.transaction() as conn:
            return await remote.save_actor(conn, parse.parse_actor(document))
    except (FetchFailed, Unacceptable) as failed:
        # Whoever sends the same a thousand times must not make us ask a thousand times, nor follow redirects (A13).
        await known.miss(uri, failed)
        raise


async def _count(runtime: Runtime, sender: Actor) -> None:
    if await (await runtime.use(Traffic)).booked.count(f"inbox:{sender.host}"):
        # Once for some requests is enough to know that this instance lives.
        async with runtime.db.transaction() as conn:
            await lanes.sign_of_life(conn, sender.host or "")


async def _effect(runtime: Runtime, sender: Actor, activity: Activity, raw: bytes) -> str:
    policies = await (await runtime.use(PolicySnapshot)).current()
    try:
        async with runtime.db.transaction() as conn:
            seen = await SEE.one(conn, activity.id, activity.actor, "done", activity.object_uri)
            assert seen is not None
            if not seen.fresh:
                return "seen_before"
            if seen.undone:
                raise Ignored("undone_before")
            receiver = RECEIVERS.get(activity.type)
            if receiver is None:
                raise Ignored("type_not_handled")
            urls = Urls(runtime.settings.base_url)
            await receiver(conn, Received(sender, activity, raw, urls, buried=seen.buried, policies=policies))
    except Ignored as why:
        # What it had begun is undone; its record is what remains.
        async with runtime.db.transaction() as conn:
            await SEE.one(conn, activity.id, activity.actor, why.reason, None)
        return why.reason
    return "done"
