"""The one way in: decode, prove who sent it, then effect and its record in one transaction.

2xx means committed: every activity answered 202 has had its effect, or its reason for having none, exactly once.
4xx means that nothing changed. Whoever is not known here comes in with the first thing of theirs that has an effect;
what has none leaves nothing of a stranger but a number (B27).
"""

import time
import typing
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter

from federation import lanes, parse, remote, senders, synchronization, tombstones
from federation.activities import announce, create, deed, delete, flag, follow, like, move, poll, undo, update
from federation.decoding import BadDocument, decode_document
from federation.egress import FetchFailed
from federation.incoming import BadSignature, IncomingRequest
from federation.parse import Activity, RemoteActor, Unacceptable
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
PER_STRANGER = Limit(60, 60)
# What a stranger may bar from coming: it is remembered for weeks, whatever it was.
BARRED_BY_STRANGER = Limit(100, 3600)
BOOKED_AT_ONCE = 20
KNOWN_SECONDS = 60.0
MOST_HOSTS = 10_000

IGNORED = Counter("folkmoot_inbox_ignored", "Activities that were let go without effect, by reason", ["reason"])


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
    """The process's count of what each instance sends. A stranger may send a tenth of what others may.

    A stranger is an instance without a lane: nobody there belongs to anything here, nor the other way round, and
    nothing of ours had to go there lately.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._db = runtime.db
        self.booked = limits.Booked(runtime.db, PER_HOST, BOOKED_AT_ONCE)
        self.strangers = limits.Booked(runtime.db, PER_STRANGER, BOOKED_AT_ONCE)
        self._known: dict[str, tuple[bool, float]] = {}

    @classmethod
    async def open(cls, runtime: Runtime) -> typing.Self:
        return cls(runtime)

    async def close(self) -> None:
        """Nothing is held: hits that were booked and not used are lost to the sender."""

    async def count(self, host: str) -> bool:
        """Count one activity; raises TooMany. True where it was time to book more of them."""
        booked = self.strangers if await self.is_strange(host) else self.booked
        return await booked.count(f"inbox:{host}")

    async def is_strange(self, host: str) -> bool:
        """Whether nobody here has anything to do with this instance, as of a minute ago."""
        known = self._known.get(host)
        if known is None or known[1] < time.monotonic():
            if len(self._known) >= MOST_HOSTS:
                self._known.clear()
            async with self._db.read() as conn:
                known = (not await lanes.exists(conn, host), time.monotonic() + KNOWN_SECONDS)
            self._known[host] = known
        return known[0]

    def look_again(self, host: str) -> None:
        """A stranger has done something here, and may be none from now on."""
        if self._known.get(host, (False, 0.0))[0]:
            del self._known[host]


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
        host = _host_of(verified, activity)
        await _count(runtime, host)
        sender = await _sender(runtime, activity.actor)
        outcome = await _effect(runtime, host, sender, activity, request.body)
        if isinstance(sender, Actor):
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


def _host_of(verified: VerifiedRequest, activity: Activity) -> str:
    """The instance whose actor signed, who must be the one that the activity names."""
    if verified.signer_uri != activity.actor:
        # No shortcut for two actors of one host: each speaks for itself (A10).
        raise BadSignature("signer_is_not_actor")
    host = authority(activity.actor)
    if host is None or authority(activity.id) != host:
        raise BadSignature("id_on_other_host", 400)
    return host


async def _count(runtime: Runtime, host: str) -> None:
    if await (await runtime.use(Traffic)).count(host):
        # Once for some requests is enough to know that this instance lives.
        async with runtime.db.transaction() as conn:
            await lanes.sign_of_life(conn, host)


async def _sender(runtime: Runtime, uri: str) -> Actor | RemoteActor:
    """Who sent it, as known here or as their own document says. May wait for the network, as nothing after it does."""
    async with runtime.db.read() as conn:
        known = await actors.by_uri(conn, uri)
    if known is None:
        return await _stranger(runtime, uri)
    if known.local:
        raise BadSignature("local_signer")
    if known.suspended_at is not None:
        raise Refused("suspended", "This actor was suspended here.")
    # Whoever had said farewell and signs again lives again, with whatever their own server says of them now.
    return known if known.deleted_at is None else await _stranger(runtime, uri)


async def _stranger(runtime: Runtime, uri: str) -> RemoteActor:
    """An actor who is not known here: looking for its key has just brought its document, as a rule."""
    known = await runtime.use(senders.Senders)
    if await known.is_missing(uri):
        raise BadSignature("key_unavailable")
    try:
        document = known.document(uri)
        if document is None:
            document = await remote.read_actor(runtime, uri)
            known.keep_document(uri, document)
        return parse.parse_actor(document)
    except (FetchFailed, Unacceptable) as failed:
        # Whoever sends the same a thousand times must not make us ask a thousand times, nor follow redirects (A13).
        await known.miss(uri, failed)
        raise


async def _effect(runtime: Runtime, host: str, sender: Actor | RemoteActor, activity: Activity, raw: bytes) -> str:
    policies = await (await runtime.use(PolicySnapshot)).current()
    traffic = await runtime.use(Traffic)
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
            new = not isinstance(sender, Actor)
            who = sender if isinstance(sender, Actor) else await remote.save_actor(conn, sender)
            urls = Urls(runtime.settings.base_url)
            await receiver(conn, Received(who, activity, raw, urls, buried=seen.buried, policies=policies, new=new))
    except Ignored as why:
        IGNORED.labels(why.reason).inc()
        await _record(runtime, activity, why, strange=await traffic.is_strange(host))
        return why.reason
    traffic.look_again(host)
    return "done"


async def _record(runtime: Runtime, activity: Activity, why: Ignored, *, strange: bool) -> None:
    """What an activity without effect had begun is undone, and this remains: of a stranger's nothing but its count."""
    if strange and (why.bars is None or not await _may_bar(runtime, activity)):
        return
    async with runtime.db.transaction() as conn:
        if why.bars is not None:
            await tombstones.add(conn, why.bars, activity.actor)
        if not strange:
            await SEE.one(conn, activity.id, activity.actor, why.reason, None)


async def _may_bar(runtime: Runtime, activity: Activity) -> bool:
    """Whether a stranger's instance has not left too much of this kind within the hour."""
    try:
        async with runtime.db.transaction() as conn:
            await limits.count(conn, f"barred:{authority(activity.actor)}", BARRED_BY_STRANGER)
    except TooMany:
        return False
    return True
