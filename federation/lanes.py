"""What we know of each instance as a place to deliver to: one lane each. Owns the table `lanes`.

A lane is leased for a while, so that one drain at a time speaks with an instance; the lease of a killed one ends by
itself. `due_at` is a gate: null while the instance is well, otherwise the time before which nobody knocks again. It
says nothing about work, which is there when a delivery of this host is due. So adding deliveries touches no lane, and
two posts that spread to the same thousand instances do not wait for each other.
"""

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass

from server.db import Command, Conn, Query, Row

LEASE = dt.timedelta(seconds=90)
FIRST_WAIT = 60.0
LONGEST_WAIT = 6 * 3600.0
SLEEP_AFTER = dt.timedelta(days=7)
SLEEPING_WAIT = 24 * 3600.0
# From so many failures on, rows that failed alone share the blame with their instance: its recovery frees them too.
OUTAGE = 3


class Lane(Row, frozen=True):
    """A leased lane; `leased_until` proves the lease."""

    host: str
    software: str | None
    scheme: str
    failures: int
    sleeping: bool
    leased_until: dt.datetime


class Software(Row, frozen=True):
    """What an instance says that it runs; `name` and `version` None where it does not say."""

    name: str | None
    version: str | None
    checked_at: dt.datetime


@dataclass
class Report:
    """What a drain learnt about a lane.

    `well`: it answered as it should, if only by refusing; `error`: why to leave it alone, after that, for a while.
    """

    lane: Lane
    scheme: str
    well: bool = False
    succeeded: bool = False
    error: str | None = None
    retry_after: float | None = None


# Who was served longest ago comes first, so that a busy instance cannot keep the others waiting.
TAKE = Query(
    Lane,
    """
    with turns as materialized (
        select host from lanes l
         where leased_until <= clock_now() and (due_at is null or due_at <= clock_now())
           and exists (select 1 from deliveries d where d.host = l.host and d.due_at <= clock_now())
         order by leased_until limit $1 for update skip locked)
    update lanes l set leased_until = clock_now() + $2 from turns where l.host = turns.host
    returning l.host, software, scheme, failures, sleeping, leased_until""",
)
GIVE_BACK = Command(
    """
    update lanes l
       set leased_until = clock_now(), scheme = r.scheme,
           last_ok_at = case when r.succeeded then clock_now() else l.last_ok_at end,
           failures = case when r.error <> '' then case when r.well then 1 else l.failures + 1 end
                           when r.well then 0 else l.failures end,
           failing_since = case when r.error <> '' and (r.well or l.failing_since is null) then clock_now()
                                when r.well then null else l.failing_since end,
           sleeping = r.error <> '' and not r.well and coalesce(l.failing_since < clock_now() - $8::interval, false),
           due_at = case when r.error <> '' then clock_now() + make_interval(secs => r.wait) when r.well then null
                         else l.due_at end,
           last_error = case when r.error <> '' then r.error else l.last_error end
      from unnest($1::text[], $2::timestamptz[], $3::text[], $4::boolean[], $5::boolean[], $6::text[], $7::float8[])
           as r (host, leased_until, scheme, well, succeeded, error, wait)
     where l.host = r.host and l.leased_until = r.leased_until"""
)
# A limit that the other side has named (429) is kept even when it speaks to us. The two minutes keep an instance that
# talks all day, and never answers, from making us knock all day.
WAKE = Command(
    """update lanes set due_at = null, failures = 0, failing_since = null, sleeping = false
        where host = $1 and failures > 0
          and not due_at between clock_now() and clock_now() + interval '2 minutes'
          and last_error is distinct from 'status_429'"""
)
FREE_ROWS = Command("update deliveries set due_at = clock_now() where host = any($1::text[]) and due_at > clock_now()")
EXISTS = Command("select exists (select 1 from lanes where host = $1)")
SOFTWARE = Query(
    Software,
    """select software as name, software_version as version, software_checked_at as checked_at
         from lanes where host = $1 and software_checked_at is not null""",
)
REMEMBER_SOFTWARE = Command(
    """insert into lanes (host, software, software_version, software_checked_at) values ($1, $2, $3, clock_now())
       on conflict (host) do update set software = excluded.software, software_version = excluded.software_version,
              software_checked_at = excluded.software_checked_at"""
)
# A lane that was forgotten in the very moment in which a delivery came for it.
MEND = Command(
    """insert into lanes (host) select distinct host from deliveries d
        where not exists (select 1 from lanes l where l.host = d.host) on conflict do nothing"""
)
# No state for hosts with which nobody here has anything to do any more: anyone can invent hosts (C15).
FORGET = Command(
    """
    delete from lanes l
     where created_at < clock_now() - interval '7 days' and leased_until <= clock_now()
       and not exists (select 1 from deliveries d where d.host = l.host)
       and not exists (select 1 from actors a join memberships m on m.person_id = a.id where a.host = l.host)
       and not exists (select 1 from actors a join memberships m on m.target_id = a.id where a.host = l.host)"""
)


async def take(conn: Conn, at_most: int) -> list[Lane]:
    """Lease lanes that have something to send now, in a transaction of its own."""
    return await TAKE.all(conn, at_most, LEASE)


async def give_back(conn: Conn, reports: Sequence[Report]) -> None:
    """Record what was learnt and end the leases, as far as they are still ours."""
    recovered = [r.lane.host for r in reports if r.succeeded and r.lane.failures >= OUTAGE]
    if recovered:
        await FREE_ROWS.run(conn, recovered)
    await GIVE_BACK.run(
        conn,
        [r.lane.host for r in reports],
        [r.lane.leased_until for r in reports],
        [r.scheme for r in reports],
        [r.well for r in reports],
        [r.succeeded for r in reports],
        [(r.error or "")[:300] for r in reports],
        [_wait(r) for r in reports],
        SLEEP_AFTER,
    )


def _wait(report: Report) -> float:
    """Seconds until the next knock: what the instance asks for, within reason, otherwise doubling, with jitter."""
    if report.retry_after is not None:
        return min(max(report.retry_after, 1.0), LONGEST_WAIT)
    if report.lane.sleeping:
        return SLEEPING_WAIT * random.uniform(0.8, 1.2)
    failures = 0 if report.well else report.lane.failures
    return backoff(failures)


def backoff(failures: int) -> float:
    """Seconds to wait after one more failure than `failures`: a minute, doubling up to six hours, with jitter."""
    return min(FIRST_WAIT * 2.0 ** min(failures, 20), LONGEST_WAIT) * random.uniform(0.8, 1.4)


async def exists(conn: Conn, host: str) -> bool:
    """Whether anything of ours goes to this instance, or lately did."""
    return bool(await EXISTS.value(conn, host))


async def sign_of_life(conn: Conn, host: str) -> bool:
    """An instance has spoken to us: knock again now where we had given it a rest. Whether that was so.

    For every verified request, so it costs one look-up where all is well.
    """
    if not await WAKE.run(conn, host):
        return False
    await FREE_ROWS.run(conn, [host])
    return True


async def software(conn: Conn, host: str) -> Software | None:
    """What an instance runs, as last looked up; None if it never was."""
    return await SOFTWARE.one(conn, host)


async def remember_software(conn: Conn, host: str, name: str | None, version: str | None) -> None:
    """Keep an answer, also "it does not say" (None)."""
    await REMEMBER_SOFTWARE.run(conn, host, name, version)
