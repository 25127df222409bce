"""Delivers activities: a row for each (activity, inbox), sent in order per object, one drain at a time per instance.

What a lane is, and when it rests, stands in lanes.py; what is sent in one go, in turns.py; what one answer means, in
attempts.py. Rows are deleted only after the inbox has answered, so a crash repeats what was in flight; the receiver
knows a repeat by the activity's id.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import asyncpg
import structlog

from federation import followers, keys, lanes, software
from federation.attempts import Verdict, attempt
from federation.client import Outgoing
from federation.signing import Signer
from federation.turns import Delivery, Load, Turn
from moderation import instances
from server import jobs
from server.db import Command, Conn, Query, Row
from server.ids import new_id
from server.runtime import Runtime
from server.worker import POLL_SECONDS, Wake

log = structlog.get_logger(__name__)

PLACES = 64
# An instance that lets us wait for so long gives its place to another one, as long as so many turns are not open.
SLOW_SECONDS = 1.0
OPEN_TURNS = 600
ROWS_PER_TURN = 25
# With one more delivery of 15 seconds this ends well before the lease.
TURN_SECONDS = 45.0
# Lanes that end within this time are recorded, and followed by others, in one statement.
GATHER_SECONDS = 0.05
BLOCKS_KNOWN_SECONDS = 1.0
KEYS_SOON = 10.0


class _Body(Row, frozen=True):
    id: int
    body: str


class _Expired(Row, frozen=True):
    id: int
    error: str | None


# What carries the text of a post; an Undo or a Delete carries none.
WITHDRAW = Command(
    """delete from deliveries d using activities a
        where a.id = d.activity_id and a.post_id = $1 and split_part(a.event, ':', 2) in ('create', 'update', 'restore')
          and a.type <> 'Undo'"""
)
ENQUEUE = Command(
    """
    with new_lanes as (
        insert into lanes (host) select distinct host from unnest($2::text[]) as h (host)
         where not exists (select 1 from lanes l where l.host = h.host) order by host
        on conflict do nothing)
    insert into deliveries (id, host, inbox, activity_id, sender_id, ordering, group_id)
    select id, host, inbox, $4, $5, $6, $7 from unnest($1::bigint[], $2::text[], $3::text[]) as r (id, host, inbox)
    on conflict (activity_id, inbox) do nothing"""
)
# A row waits for older ones of its key that are not due yet; those that are due come before it in the same batch.
BATCH = Query(
    Delivery,
    """
    select d.id, d.host, d.inbox, d.activity_id, d.sender_id, d.ordering, d.tries, d.group_id
      from unnest($1::text[]) as l (host)
     cross join lateral (
        select * from deliveries d
         where d.host = l.host and d.due_at <= clock_now()
           and not exists (select 1 from deliveries older
                            where older.host = d.host and older.ordering = d.ordering and older.id < d.id
                              and older.due_at > clock_now())
         order by d.id limit $2) d
     order by d.id""",
)
BODIES = Query(_Body, "select id, body from activities where id = any($1::bigint[])")
DONE = Command("delete from deliveries where id = any($1::bigint[])")
PARK = Command(
    """update deliveries d
          set tries = tries + 1, parked = true, error = p.error, due_at = clock_now() + make_interval(secs => p.wait)
         from unnest($1::bigint[], $2::float8[], $3::text[]) as p (id, wait, error) where d.id = p.id"""
)
# Rows that wait behind a parked one of their key are due with it: else their lane would seem to have work.
WAIT_BEHIND = Command(
    """update deliveries d set due_at = older.due_at
         from deliveries older
        where d.host = any($1::text[]) and d.due_at <= clock_now() and older.due_at > clock_now()
          and older.host = d.host and older.ordering = d.ordering and older.id < d.id"""
)
NOTE_DROPPED = Command(
    """insert into dropped_deliveries (id, host, inbox, activity_uri, reason)
       select n.note_id, d.host, d.inbox, a.uri, n.reason
         from unnest($1::bigint[], $2::bigint[], $3::text[]) as n (note_id, id, reason)
         join deliveries d on d.id = n.id join activities a on a.id = d.activity_id"""
)
EXPIRED = Query(
    _Expired,
    """select id, error from deliveries where expires_at <= clock_now()
        order by expires_at limit $1 for update skip locked""",
)
OF_HOSTS = Command("select array_agg(id) from deliveries where host = any($1::text[])")


async def enqueue(
    conn: Conn, activity_id: int, sender_id: int, inboxes: Iterable[tuple[str, str]], ordering: str,
    group_id: int | None = None,
) -> int:  # fmt: skip
    """Add a delivery of a stored activity for each `(host, inbox)`; returns how many are new.

    `ordering` names the object: what is enqueued later for it reaches an instance later. `group_id`: the group whose
    members these are, where another one is the sender. Wake the workers after commit.
    """
    targets = list(inboxes)
    hosts, urls = [host for host, _ in targets], [inbox for _, inbox in targets]
    ids = [new_id() for _ in targets]
    return await ENQUEUE.run(conn, ids, hosts, urls, activity_id, sender_id, ordering, group_id) if targets else 0


async def withdraw(conn: Conn, post_id: int) -> int:
    """A post is gone: what waits to carry its text to anybody is not sent any more; returns how many rows."""
    return await WITHDRAW.run(conn, post_id)


async def give_up_expired(conn: Conn, at_most: int) -> int:
    """End deliveries that nobody took for 30 days, with a note; returns how many."""
    expired = await EXPIRED.all(conn, at_most)
    await _drop(conn, [(row.id, f"expired: {row.error or 'asleep'}"[:300]) for row in expired])
    return len(expired)


async def run(runtime: Runtime, wake: Wake) -> None:
    """Loop: deliver what is due, for ever. A lane that hangs takes one of many places, and nobody waits for it."""
    await Courier(runtime).work(wake)


async def drain_once(runtime: Runtime) -> Counter[str]:
    """Send all that is due now, then return how many rows came to which verdict."""
    courier = Courier(runtime)
    await courier.work(None)
    return courier.counts


class Courier:
    """Runs the turns of many lanes at once, and records together what ends together.

    A turn whose instance hangs costs a connection and no work, so it does not keep a place that another one could use.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._turns: dict[asyncio.Task[None], Turn] = {}
        self.counts: Counter[str] = Counter()

    async def work(self, wake: Wake | None) -> None:
        """Until cancelled, or without `wake` until nothing is due."""
        try:
            while True:
                taken = await self._start_turns()
                if self._turns:
                    await self._end_turns(wake)
                elif not taken:
                    if wake is None:
                        return
                    await wake.wait(POLL_SECONDS)
        finally:
            await self._stop()

    async def _start_turns(self) -> int:
        """Lease as many lanes as there are places, and begin to send; returns how many were leased."""
        quick = sum(turn.waited < SLOW_SECONDS for turn in self._turns.values())
        free = min(PLACES - quick, OPEN_TURNS - len(self._turns))
        if free <= 0:
            return 0
        async with self._runtime.db.statement() as conn:
            taken = await lanes.take(conn, free)
        if not taken:
            return 0
        turns = {lane.host: Turn(lanes.Report(lane, lane.scheme)) for lane in taken}
        async with self._runtime.db.read() as conn:
            policies = await instances.reaching(conn, turns)
            blocked = {host for host in turns if policies.of(host) == instances.BLOCKED}
            for row in await BATCH.all(conn, [host for host in turns if host not in blocked], ROWS_PER_TURN):
                turns[row.host].take(row, policies)
            load = await self._load(conn, turns)
        await self._set_aside(blocked, [turn for turn in turns.values() if not turn.rows])
        for turn in turns.values():
            if turn.rows:
                self._turns[asyncio.create_task(self._send(turn, load))] = turn
        return len(taken)

    async def _load(self, conn: Conn, turns: Mapping[str, Turn]) -> Load:
        """Each body and each sender's key once, however many rows need it."""
        rows = [row for turn in turns.values() for row in turn.rows]
        bodies = {
            stored.id: stored.body.encode("utf-8")
            for stored in (await BODIES.all(conn, list({row.activity_id for row in rows})) if rows else ())
        }
        signers: dict[int, Signer] = {}
        for sender_id in {row.sender_id for row in rows}:
            with contextlib.suppress(keys.KeysNotMade):
                signers[sender_id] = await keys.signer_for(conn, self._runtime, sender_id)
        comparing = {row.sender_id for row in rows if software.compares_followers(turns[row.host].report.lane.software)}
        digests = await self._runtime.use(followers.Digests)
        return Load(bodies, signers, await digests.of(conn, comparing))

    async def _set_aside(self, blocked: Collection[str], empty: Sequence[Turn]) -> None:
        """Give back the lanes that have nothing to send after all."""
        if not empty:
            return
        async with self._runtime.db.transaction() as conn:
            dropped = [dropped for turn in empty for dropped in turn.dropped]
            if blocked:
                # Nothing more goes to an instance once its block has been committed (I-4).
                dropped += [(row_id, "blocked") for row_id in await OF_HOSTS.value(conn, list(blocked)) or ()]
            if dropped:
                await _drop(conn, dropped)
                self.counts[Verdict.DROP.value] += len(dropped)
            await WAIT_BEHIND.run(conn, [turn.host for turn in empty])
            await lanes.give_back(conn, [turn.report for turn in empty])

    async def _send(self, turn: Turn, load: Load) -> None:
        """One lane's turn: its rows in order, until the lane needs rest or the time is over."""
        client = (await self._runtime.use(Outgoing)).client
        began = checked = time.monotonic()
        policies = instances.Policies({})
        for row in turn.rows:
            now = time.monotonic()
            if turn.report.error is not None or now > began + TURN_SECONDS:
                break
            if now > checked + BLOCKS_KNOWN_SECONDS:
                checked = now
                async with self._runtime.db.read() as conn:
                    policies = await instances.reaching(conn, [turn.host])
                if policies.of(turn.host) == instances.BLOCKED:
                    break
            if row.ordering in turn.stuck or row.is_stopped(policies):
                # What a group has blocked meanwhile is dropped in the next turn.
                continue
            signer = load.signers.get(row.sender_id)
            if signer is None:
                turn.park(row, KEYS_SOON, "our keys are not made yet")
                continue
            turn.asked_at = time.monotonic()
            body, more = load.bodies[row.activity_id], load.more_headers(turn.report.lane, row)
            tried = await attempt(client, signer, turn.report.scheme, row.inbox, body, more)
            self.counts[tried.verdict.value] += 1
            turn.judge(row, tried)
        turn.end()

    async def _end_turns(self, wake: Wake | None) -> None:
        """Wait until some turn has ended or become slow, or for a wake, and record the turns that ended."""
        woken = [asyncio.create_task(wake.wait(POLL_SECONDS))] if wake is not None else []
        await asyncio.wait([*self._turns, *woken], timeout=SLOW_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for waiting in woken:
            waiting.cancel()
        await asyncio.wait(self._turns, timeout=GATHER_SECONDS)
        await self._record([task for task in self._turns if task.done()])

    async def _record(self, ended: Sequence[asyncio.Task[None]]) -> None:
        """Write down, in one transaction, what became of the rows and lanes of these turns."""
        turns = [self._turns.pop(task) for task in ended]
        for task, turn in zip(ended, turns, strict=True):
            if not task.cancelled() and (fault := task.exception()):
                # A fault of ours: the lane rests, and the others go on.
                log.error("delivery failed", host=turn.host, error=repr(fault)[:500])
                turn.report.error = type(fault).__name__
        if not turns:
            return
        async with self._runtime.db.transaction() as conn:
            # First the lanes: one that recovers frees its parked rows, but not those parked just now.
            await lanes.give_back(conn, [turn.report for turn in turns])
            await _drop(conn, [dropped for turn in turns for dropped in turn.dropped])
            parked = [parked for turn in turns for parked in turn.parked]
            if parked:
                await PARK.run(conn, *(list(column) for column in zip(*parked, strict=True)))
            await DONE.run(conn, [row_id for turn in turns for row_id in turn.done])
            for inbox in {inbox for turn in turns for inbox in turn.gone}:
                await jobs.enqueue(conn, "confirm_gone", {"inbox": inbox})

    async def _stop(self) -> None:
        """Write down what was sent before we were stopped; what is in flight will be sent again."""
        for task in self._turns:
            task.cancel()
        await asyncio.gather(*self._turns, return_exceptions=True)
        try:
            await self._record(list(self._turns))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("deliveries not recorded", error=repr(error)[:300])


async def _drop(conn: Conn, dropped: Sequence[tuple[int, str]]) -> None:
    """End rows for good, with a note of why."""
    if dropped:
        ids = [row_id for row_id, _ in dropped]
        await NOTE_DROPPED.run(conn, [new_id() for _ in ids], ids, [reason for _, reason in dropped])
        await DONE.run(conn, ids)
