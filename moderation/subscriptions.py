"""Block lists that others keep: what they say, and what of it waits for a person.

Owns `policy_lists` and `policy_list_entries`. A list never acts by itself: whatever changes in it waits until an admin
takes it over or leaves it aside.
"""

import datetime as dt
from collections.abc import Collection, Sequence

import msgspec

from moderation import defederation, instances
from moderation.blocklists import Parsed
from moderation.instances import OPEN, STRICTNESS, Policy
from server import jobs
from server.community import notifications
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, NotFound, Refused
from server.ids import new_id
from server.messages import Message
from server.urls import authority

MOST_LISTS = 20
MAX_URL = 2048
PAGE = 100


class Subscription(Row, frozen=True):
    """`entries` are the servers that the list names now; `waiting` are changes that nobody has decided about."""

    id: int
    url: str
    every_hours: int
    version: int
    etag: str
    unreadable: int
    error: str
    fetched_at: dt.datetime | None
    entries: int
    waiting: int


class Entry(Row, frozen=True):
    host: str
    offered: str | None
    decided: str | None
    reason: str


class Waiting(msgspec.Struct, frozen=True):
    """A change in a list; `effect`: taking it over would change something here."""

    host: str
    offered: str | None
    decided: str | None
    reason: str
    effect: bool


class _Other(Row, frozen=True):
    host: str
    policy: str
    list_id: int


class _Id(Row, frozen=True):
    id: int


class Step(msgspec.Struct, frozen=True):
    """What taking over one change does: sets a policy in the name of a list, or takes the row away (None)."""

    policy: str | None
    reason: str
    list_id: int


_SELECT = """
    select l.id, l.url, l.every_hours, l.version, l.etag, l.unreadable, l.error, l.fetched_at,
           (select count(*) from policy_list_entries e
             where e.list_id = l.id and e.offered is not null)::int4 as entries,
           (select count(*) from policy_list_entries e
             where e.list_id = l.id and e.offered is distinct from e.decided)::int4 as waiting
      from policy_lists l """

ALL = Query(Subscription, _SELECT + "order by l.id")
ONE = Query(Subscription, _SELECT + "where l.id = $1")
LOCK = Command("select version from policy_lists where id = $1 for update")
ADD = Command(
    """insert into policy_lists (id, url, every_hours, due_at, added_by)
       values ($1, $2, $3, clock_now() + make_interval(hours => $3), $4) on conflict (url) do nothing"""
)
COUNT = Command("select count(*) from policy_lists")
REMOVE = Command("delete from policy_lists where id = $1")
DUE = Query(
    _Id,
    """update policy_lists set due_at = clock_now() + make_interval(hours => every_hours)
        where due_at <= clock_now() returning id""",
)
FETCHED = Command(
    """update policy_lists set fetched_at = clock_now(), error = '', etag = $2, unreadable = $3, version = version + $4
        where id = $1"""
)
UNCHANGED = Command("update policy_lists set fetched_at = clock_now(), error = '' where id = $1")
FAILED = Command("update policy_lists set error = $2 where id = $1")
OFFER = Command(
    """insert into policy_list_entries as e (list_id, host, offered, reason)
       select $1, r.host, r.policy, r.reason
         from unnest($2::text[], $3::text[], $4::text[]) as r (host, policy, reason)
       on conflict (list_id, host) do update set offered = excluded.offered, reason = excluded.reason
        where (e.offered, e.reason) is distinct from (excluded.offered, excluded.reason)"""
)
WITHDRAW = Command(
    """update policy_list_entries e set offered = null
        where e.list_id = $1 and e.offered is not null
          and not exists (select 1 from unnest($2::text[]) as r (host) where r.host = e.host)"""
)
CLEAR = Command("delete from policy_list_entries where list_id = $1 and offered is null and decided is null")
WAITING = Query(
    Entry,
    """select host, offered, decided, reason from policy_list_entries
        where list_id = $1 and offered is distinct from decided and ($2::text[] is null or host = any($2))
        order by (offered is null), host limit $3""",
)
DECIDE = Command(
    "update policy_list_entries set decided = offered, taken = $3 where list_id = $1 and host = any($2::text[])"
)
# What other lists ask for that a person has agreed to.
OTHERS = Query(
    _Other,
    """select distinct on (host) host, decided as policy, list_id from policy_list_entries
        where list_id <> $1 and host = any($2::text[]) and taken and decided is not null
        order by host, (decided = 'blocked') desc, list_id""",
)
ADMINS = Query(_Id, "select actor_id as id from accounts where admin and state = 'active' order by actor_id")

_PROBLEMS = {
    "too_large": Message("It is larger than any list we read."),
    "not_text": Message("What stands there is no text."),
    "nothing_readable": Message("Not one line of it names a server."),
    "no_connection": Message("Its server could not be reached."),
    "timeout": Message("Its server did not answer in time."),
}


def problem(code: str) -> Message:
    """Why a list could not be read, for an admin."""
    return _PROBLEMS.get(code) or Message("It could not be fetched (%(code)s).", {"code": code})


async def subscriptions(conn: Conn) -> list[Subscription]:
    return await ALL.all(conn)


async def one(conn: Conn, list_id: int) -> Subscription:
    found = await ONE.one(conn, list_id)
    if found is None:
        raise NotFound("list")
    return found


async def subscribe(conn: Conn, url: str, hours: str, account_id: int) -> int:
    """Read a list from now on, at once for the first time; raises Invalid by field."""
    url = url.strip()
    if len(url) > MAX_URL or not url.startswith(("https://", "http://")) or not authority(url) or not url.isprintable():
        raise Invalid({"address": "Please give the address of a list, beginning with https://."})
    if not (hours.isascii() and hours.isdigit() and len(hours) < 4 and 1 <= int(hours) <= 720):
        raise Invalid({"hours": "Please give a number from 1 to 720."})
    if await COUNT.value(conn) >= MOST_LISTS:
        raise Invalid({"address": Message("At most %(most)d lists can be read.", {"most": MOST_LISTS})})
    list_id = new_id()
    if not await ADD.run(conn, list_id, url, int(hours), account_id):
        raise Invalid({"address": "This list is read already."})
    await fetch_soon(conn, list_id)
    return list_id


async def fetch_soon(conn: Conn, list_id: int) -> None:
    await jobs.enqueue(conn, "fetch_policy_list", {"list_id": list_id}, ordering=f"policy_list:{list_id}")


async def unsubscribe(conn: Conn, list_id: int) -> None:
    """Read a list no longer; what was taken over from it stays, as if set by hand."""
    if not await REMOVE.run(conn, list_id):
        raise NotFound("list")


async def fetch_due(conn: Conn) -> None:
    """Let each list be read whose time has come."""
    for due in await DUE.all(conn):
        await fetch_soon(conn, due.id)


async def offer(conn: Conn, list_id: int, parsed: Parsed, etag: str) -> None:
    """Keep what a list says now. Nothing else happens but that the admins hear of changes."""
    if await LOCK.value(conn, list_id) is None:
        return
    # Nobody else's list lets a server in here.
    wanted = [listed for listed in parsed.listed.values() if listed.policy != OPEN]
    hosts = [listed.host for listed in wanted]
    policies, reasons = [listed.policy for listed in wanted], [listed.reason for listed in wanted]
    changed = await OFFER.run(conn, list_id, hosts, policies, reasons)
    changed += await WITHDRAW.run(conn, list_id, hosts)
    await CLEAR.run(conn, list_id)
    await FETCHED.run(conn, list_id, etag[:300], len(parsed.problems), 1 if changed else 0)
    if changed and (await one(conn, list_id)).waiting:
        for admin in await ADMINS.all(conn):
            await notifications.notify(conn, admin.id, "policy_list_changed")


async def note_unchanged(conn: Conn, list_id: int) -> None:
    await UNCHANGED.run(conn, list_id)


async def note_failure(conn: Conn, list_id: int, code: str) -> None:
    await FAILED.run(conn, list_id, code[:300])


async def waiting(conn: Conn, list_id: int, limit: int = PAGE) -> list[Waiting]:
    """The first changes that wait, additions before what the list no longer names."""
    entries = await WAITING.all(conn, list_id, None, limit)
    steps = await steps_of(conn, list_id, entries)
    return [Waiting(e.host, e.offered, e.decided, e.reason, e.host in steps) for e in entries]


async def all_waiting(conn: Conn, list_id: int, hosts: Collection[str] | None = None) -> list[Entry]:
    return await WAITING.all(conn, list_id, None if hosts is None else list(hosts), None)


async def steps_of(conn: Conn, list_id: int, entries: Sequence[Entry]) -> dict[str, Step]:
    """What taking these changes over would do. What a person set, or a stricter rule above, stands against a list."""
    hosts = [entry.host for entry in entries]
    rows = {row.host: row for row in await instances.some(conn, hosts)}
    others = {other.host: other for other in await OTHERS.all(conn, list_id, hosts)}
    running = await instances.current(conn)
    steps: dict[str, Step] = {}
    for entry in sorted(entries, key=lambda entry: (entry.host.count("."), entry.host)):
        row = rows.get(entry.host)
        if row is not None and row.list_id == list_id:
            running.place.pop(entry.host, None)
        step = _step(list_id, entry, row, others.get(entry.host), running.named(entry.host))
        if step is not None:
            steps[entry.host] = step
        policy = step.policy if step is not None else row.policy if row is not None else None
        if policy is not None:
            running.place[entry.host] = policy
    return steps


def _step(list_id: int, entry: Entry, row: Policy | None, other: _Other | None, standing: str | None) -> Step | None:
    """`standing` is what holds for the server without the row that this list brought."""
    own = row is not None and row.list_id == list_id
    wanted, source, reason = entry.offered, list_id, entry.reason
    if own and other is not None and (wanted is None or STRICTNESS[other.policy] > STRICTNESS[wanted]):
        wanted, source, reason = other.policy, other.list_id, row.reason if row else ""
    if wanted is not None and standing is not None and STRICTNESS[standing] >= STRICTNESS[wanted]:
        wanted = None
    if not own:
        return Step(wanted, reason, source) if wanted is not None else None
    assert row is not None
    return Step(wanted, reason, source) if wanted != row.policy or source != list_id else None


async def decide(
    conn: Conn, list_id: int, version: int, hosts: Collection[str] | None, account_id: int, *, take: bool
) -> None:
    """Take changes of a list over (all, where `hosts` is None), or leave them aside; each is then decided.

    `version` is the state of the list that was read; raises Refused where there is a newer one.
    """
    current = await LOCK.value(conn, list_id)
    if current is None:
        raise NotFound("list")
    if current != version:
        raise Refused("list_changed", "The list has changed meanwhile. Please look at it again.")
    entries = await all_waiting(conn, list_id, hosts)
    if take:
        await _take(conn, await steps_of(conn, list_id, entries), account_id)
    await DECIDE.run(conn, list_id, [entry.host for entry in entries], take)
    await CLEAR.run(conn, list_id)


async def _take(conn: Conn, steps: dict[str, Step], account_id: int) -> None:
    for source in sorted({step.list_id for step in steps.values()}):
        rows = {
            host: (step.policy, step.reason)
            for host, step in steps.items()
            if step.list_id == source and step.policy is not None
        }
        await instances.set_many(conn, rows, account_id, source)
    await instances.forget(conn, [host for host, step in steps.items() if step.policy is None])
    await defederation.settle(conn)
