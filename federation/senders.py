"""Proves who sent a request, with keys that we keep and fetch once. Owns `remote_keys` and `missing_keys`."""

import asyncio
import datetime as dt
import time
import typing
from collections import OrderedDict

import msgspec
import structlog

from federation.budget import FetchBudget
from federation.client import Outgoing
from federation.egress import FetchFailed
from federation.http import AnsweredStatus
from federation.incoming import BadSignature, IncomingRequest
from federation.parse import Unacceptable, is_id
from federation.publickeys import BadKey, PublicKey, binding_key, owner_of
from federation.signatures import VerifiedRequest, Verifier
from moderation import instances
from server import clock, limits
from server.db import Command, Conn, Query, Row
from server.errors import TooMany
from server.runtime import Runtime
from server.urls import authority

log = structlog.get_logger(__name__)

FETCH_SECONDS = 5.0
REFETCH_AFTER = dt.timedelta(minutes=5)
ASK_AGAIN = dt.timedelta(minutes=5)
ASK_AGAIN_AFTER_NO = dt.timedelta(hours=1)
# Anybody may name keys at somebody else's host: so many a minute, however many there are (A13).
FETCHES_PER_HOST = limits.Limit(60, 60)
# Nobody must sign anything to name keys of hosts that they invent: so many a minute on behalf of one address.
IN_VAIN = limits.Limit(60, 60)
# As they were written: read, a megabyte of brackets takes 25 of memory (D1).
KEPT_DOCUMENTS = 100
KEPT_BYTES = 8 << 20
DOCUMENT_SECONDS = 600.0
# Whoever signs and has done nothing here: their key is asked for again tomorrow (B27).
STRANGERS_KEPT = dt.timedelta(days=1)
FORGOTTEN_AT_ONCE = 1000
KEPT_KEYS = 2000
LOADED_SECONDS = 60.0


class _StoredKey(Row, frozen=True):
    owner_uri: str
    public_pem: str
    fetched_at: dt.datetime


KNOWN = Query(_StoredKey, "select owner_uri, public_pem, fetched_at from remote_keys where key_id = $1")
KEEP = Command(
    """insert into remote_keys (key_id, owner_uri, public_pem, forget_at)
       values ($1, $2, $3, case when not exists (select 1 from actors where uri = $2) then clock_now() + $4 end)
       on conflict (key_id) do update set owner_uri = excluded.owner_uri, public_pem = excluded.public_pem,
              forget_at = excluded.forget_at, fetched_at = clock_now()"""
)
KEEP_FOR_GOOD = Command("update remote_keys set forget_at = null where owner_uri = $1 and forget_at is not null")
MISSING = Command("select reason from missing_keys where key_id = $1 and retry_at > clock_now()")
MISS = Command(
    """insert into missing_keys (key_id, reason, retry_at) values ($1, $2, clock_now() + $3)
       on conflict (key_id) do update set reason = excluded.reason, retry_at = excluded.retry_at"""
)
FOUND = Command("delete from missing_keys where key_id = $1")
FORGET_OWNER = Command("delete from remote_keys where owner_uri = $1")
# Chosen before they are compared with those who are known, or all of those would be read. Who came in while their key
# was being kept stays known by it.
FORGET_STRANGERS = Command(
    """
    with due as materialized (
        select key_id, owner_uri from remote_keys where forget_at < clock_now() order by forget_at limit $1)
    delete from remote_keys k using due
     where k.key_id = due.key_id and not exists (select 1 from actors a where a.uri = due.owner_uri)"""
)
FORGET_MISSING = Command("delete from missing_keys where retry_at < clock_now()")


async def verify(runtime: Runtime, request: IncomingRequest) -> VerifiedRequest:
    """Who sent this; raises BadSignature. May fetch one unknown key (at most 5 s), and nothing else."""
    known = await runtime.use(Senders)
    if request.asker and known.in_vain.is_spent(request.asker):
        raise BadSignature("too_many_unknown_keys", 429)
    try:
        return await known.verifier.verify(request)
    except BadSignature as bad:
        if bad.reason == "key_unavailable":
            known.in_vain.hit(request.asker)
        raise


async def forget_keys(conn: Conn, owner_uri: str) -> None:
    """An actor elsewhere is gone, and its keys with it."""
    await FORGET_OWNER.run(conn, owner_uri)


async def keep_keys(conn: Conn, owner_uri: str) -> None:
    """An actor elsewhere has come in, and its keys with it: a farewell is often proven by one that was kept."""
    await KEEP_FOR_GOOD.run(conn, owner_uri)


async def forget_strangers(conn: Conn) -> bool:
    """Forget keys of whoever has done nothing here, some at a time; whether there may be more."""
    return await FORGET_STRANGERS.run(conn, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE


class Senders:
    """The process's verifier and its keys; a KeySource over the database."""

    def __init__(self, runtime: Runtime, outgoing: Outgoing) -> None:
        self._runtime = runtime
        self._outgoing = outgoing
        self._own_authority = authority(runtime.settings.base_url)
        self._flights: dict[str, asyncio.Task[PublicKey | None]] = {}
        self._documents: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._documents_bytes = 0
        self._loaded: dict[str, tuple[PublicKey, float]] = {}
        self.in_vain = limits.Remembered(IN_VAIN)
        self.verifier = Verifier(
            runtime.settings.base_url,
            self,
            clock.now,
            self._is_blocked,
            plain_http=bool(runtime.settings.allowed_networks),
        )

    @classmethod
    async def open(cls, runtime: Runtime) -> typing.Self:
        return cls(runtime, await runtime.use(Outgoing))

    async def close(self) -> None:
        for flight in self._flights.values():
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    async def find(self, key_id: str) -> PublicKey | None:
        """A key that its owner's own document lists: kept, or fetched now. None where there is none."""
        loaded = self._loaded.get(key_id)
        if loaded is not None and loaded[1] > time.monotonic():
            return loaded[0]
        async with self._runtime.db.read() as conn:
            known = await KNOWN.one(conn, key_id)
        if known is None:
            return await self._together(key_id)
        return self._keep_loaded(PublicKey.from_pem(key_id, known.owner_uri, known.public_pem))

    def _keep_loaded(self, key: PublicKey) -> PublicKey:
        """Ready to verify with for a moment: whoever sends once often sends again."""
        if len(self._loaded) >= KEPT_KEYS:
            self._loaded.clear()
        self._loaded[key.key_id] = (key, time.monotonic() + LOADED_SECONDS)
        return key

    async def refetch(self, key_id: str) -> PublicKey | None:
        """The key as its owner has served it within the last five minutes, fetched again where that is longer ago."""
        self._loaded.pop(key_id, None)
        return await self._together(key_id)

    def document(self, actor_uri: str) -> dict[str, object] | None:
        """The actor's own document, if it was fetched a moment ago, mostly for its key: spares fetching it again."""
        written, until = self._documents.get(actor_uri, (b"", 0.0))
        return msgspec.json.decode(written, type=dict[str, object]) if until > time.monotonic() else None

    def take_document(self, actor_uri: str) -> dict[str, object] | None:
        """The same, once."""
        document = self.document(actor_uri)
        self._forget_document(actor_uri)
        return document

    def keep_document(self, actor_uri: str, document: dict[str, object]) -> None:
        self._forget_document(actor_uri)
        written = msgspec.json.encode(document)
        self._documents[actor_uri] = written, time.monotonic() + DOCUMENT_SECONDS
        self._documents_bytes += len(written)
        while len(self._documents) > KEPT_DOCUMENTS or self._documents_bytes > KEPT_BYTES:
            self._forget_document(next(iter(self._documents)))

    def _forget_document(self, actor_uri: str) -> None:
        written, _ = self._documents.pop(actor_uri, (b"", 0.0))
        self._documents_bytes -= len(written)

    async def is_missing(self, uri: str) -> bool:
        """Whether this key, or this actor, was looked for in vain a moment ago: then nobody is asked again yet."""
        async with self._runtime.db.read() as conn:
            return await MISSING.value(conn, uri) is not None

    async def _is_blocked(self, host: str) -> bool:
        return await (await self._runtime.use(instances.PolicySnapshot)).is_blocked(host)

    async def _together(self, key_id: str) -> PublicKey | None:
        """Many requests that need the same key wait for one fetch."""
        flight = self._flights.get(key_id)
        if flight is None:
            flight = self._flights[key_id] = asyncio.create_task(self._fetch(key_id))
            flight.add_done_callback(lambda _: self._flights.pop(key_id, None))
        # A client that hangs up must not take the key from the others.
        return await asyncio.shield(flight)

    async def _fetch(self, key_id: str) -> PublicKey | None:
        home = authority(key_id)
        if home is None or not is_id(key_id) or home == self._own_authority or await self._is_blocked(home):
            # Nobody is asked whom we would not believe, nor ourselves.
            return None
        async with self._runtime.db.read() as conn:
            known = await KNOWN.one(conn, key_id)
            if known is not None and known.fetched_at > clock.now() - REFETCH_AFTER:
                return PublicKey.from_pem(key_id, known.owner_uri, known.public_pem)
            if await MISSING.value(conn, key_id) is not None:
                return None
        try:
            async with self._runtime.db.transaction() as conn:
                await limits.count(conn, f"keys:{home}", FETCHES_PER_HOST)
            key, document = await self._ask(key_id)
        except TooMany:
            return None
        except (FetchFailed, BadKey) as failed:
            await self.miss(key_id, failed)
            return None
        async with self._runtime.db.transaction() as conn:
            await KEEP.run(conn, key_id, key.owner_uri, key.pem, STRANGERS_KEPT)
            await FOUND.run(conn, key_id)
        self.keep_document(key.owner_uri, document)
        return key

    async def _ask(self, key_id: str) -> tuple[PublicKey, dict[str, object]]:
        """The key and its owner's document, each fetched from its own address: two requests at most, mostly one."""
        budget = FetchBudget(fetches=6, seconds=FETCH_SECONDS)
        found = await self._outgoing.fetch_activity_json(key_id, budget)
        owner = owner_of(found.document, key_id)
        if found.fetched.hops == (owner,):
            return binding_key(found.document, found.document, key_id), found.document
        # The key has an address of its own (GoToSocial's /main-key): what it says of its owner, its owner must say too.
        actor = await self._outgoing.fetch_object(owner, budget)
        return binding_key(found.document, actor.document, key_id), actor.document

    async def miss(self, key_id: str, failed: FetchFailed | BadKey | Unacceptable) -> None:
        """Remember for a while that there is no such key, so that no flood of requests becomes a flood of fetches.

        The same for an actor: one whose key is fine may still have a document that we cannot take.
        """
        said_no = isinstance(failed, BadKey) or (isinstance(failed, AnsweredStatus) and failed.status in (404, 410))
        log.info("key not found", key_id=key_id[:200], reason=failed.reason)
        async with self._runtime.db.transaction() as conn:
            await MISS.run(conn, key_id, failed.reason[:200], ASK_AGAIN_AFTER_NO if said_no else ASK_AGAIN)
