"""What another instance may do here, or in one group. Owns `instance_policies`, `group_policies`, `policy_version`."""

import datetime as dt
import re
import time
import typing
from collections.abc import Iterable, Mapping

import msgspec

from moderation import domains
from server import text
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, Refused
from server.messages import Message
from server.runtime import Runtime
from server.urls import Urls, authority

OPEN, LIMITED, BLOCKED = "open", "limited", "blocked"
POLICIES = (OPEN, LIMITED, BLOCKED)
STRICTNESS = {policy: strictness for strictness, policy in enumerate(POLICIES)}
# Stands for every server that no other row covers: blocked, only listed servers take part.
OTHERS = "*"
PAGE = 50
MAX_HOST = 260
# A block is in force everywhere so soon after it was set; asked for each request, it costs next to nothing.
SNAPSHOT_SECONDS = 1.0
_PORT = re.compile(r":\d+$")
_ONE_LABEL = re.compile(r"[a-z0-9-]+")
_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d+)?")


class Policy(Row, frozen=True):
    """One line of a list; `limited` holds every post from there, `blocked` refuses everything."""

    host: str
    policy: str
    reason: str
    changed_by: int | None
    changed_at: dt.datetime
    changed_by_name: str | None
    list_id: int | None


class PolicyLine(Policy, frozen=True):
    """A row of a page of the list; `total` counts the whole list."""

    total: int


class _Set(Row, frozen=True):
    group_id: int | None
    host: str
    policy: str


class _Version(Row, frozen=True):
    version: int


_COLUMNS = "select i.host, i.policy, i.reason, i.changed_by, i.changed_at, a.name as changed_by_name, i.list_id"
_COLUMNS_IN_GROUP = _COLUMNS.replace("i.list_id", "null::int8 as list_id")
_SELECT = _COLUMNS + " from instance_policies i left join actors a on a.id = i.changed_by "
_SELECT_IN_GROUP = _COLUMNS_IN_GROUP + " from group_policies i left join actors a on a.id = i.changed_by "

# The longest name that covers the host is the most exact one, so a subdomain can be let in again.
COVERING = Query(
    Policy, _SELECT + "where i.host = any($1::text[]) order by (i.host = '*'), length(i.host) desc limit 1"
)
COVERING_IN_GROUP = Query(
    Policy,
    _SELECT_IN_GROUP
    + "where i.group_id = $1 and i.host = any($2::text[]) order by (i.host = '*'), length(i.host) desc limit 1",
)
SOME = Query(Policy, _SELECT + "where i.host = any($1::text[])")
ALL = Query(Policy, _SELECT + "where i.host <> '*' order by i.host")
# The row of those who are not listed comes along on each page, and how many are listed.
LISTED = Query(
    PolicyLine,
    _COLUMNS
    + """, (select count(*) from instance_policies where host <> '*')::int4 as total
      from instance_policies i left join actors a on a.id = i.changed_by
     where i.host = '*' or (i.host > $1 and ($2 = '' or position($2 in i.host) > 0))
     order by (i.host <> '*'), i.host limit $3""",
)
LISTED_IN_GROUP = Query(
    PolicyLine,
    _COLUMNS_IN_GROUP
    + """, (select count(*) from group_policies where group_id = $4 and host <> '*')::int4 as total
      from group_policies i left join actors a on a.id = i.changed_by
     where i.group_id = $4 and (i.host = '*' or (i.host > $1 and ($2 = '' or position($2 in i.host) > 0)))
     order by (i.host <> '*'), i.host limit $3""",
)
ONE = Query(Policy, _SELECT + "where i.host = $1")
ONE_IN_GROUP = Query(Policy, _SELECT_IN_GROUP + "where i.group_id = $1 and i.host = $2")
EVERYTHING = Query(
    _Set,
    """select null::int8 as group_id, host, policy from instance_policies
       union all select group_id, host, policy from group_policies""",
)
REACHING = Query(
    _Set,
    """select null::int8 as group_id, host, policy from instance_policies where host = any($1::text[])
       union all select group_id, host, policy from group_policies where host = any($1::text[])""",
)
VERSION = Query(_Version, "select version from policy_version")
SET = Command(
    """insert into instance_policies (host, policy, reason, changed_by, list_id)
       select r.host, r.policy, r.reason, $4, $5
         from unnest($1::text[], $2::text[], $3::text[]) as r (host, policy, reason)
       on conflict (host) do update set policy = excluded.policy, reason = excluded.reason,
              changed_by = excluded.changed_by, changed_at = clock_now(), list_id = excluded.list_id"""
)
SET_IN_GROUP = Command(
    """insert into group_policies (group_id, host, policy, reason, changed_by) values ($1, $2, $3, $4, $5)
       on conflict (group_id, host) do update set policy = excluded.policy, reason = excluded.reason,
              changed_by = excluded.changed_by, changed_at = clock_now()"""
)
FORGET = Command("delete from instance_policies where host = any($1::text[])")
FORGET_IN_GROUP = Command("delete from group_policies where group_id = $1 and host = any($2::text[])")


def normal_host(typed: str) -> str | None:
    """`host` or `host:port` in the one spelling that we compare, from a host or an address; None where it is none."""
    typed = typed.strip()
    host = authority(typed if "://" in typed else f"https://{typed}")
    return host if host and _HOST.fullmatch(host) else None


def covering_names(host: str) -> list[str]:
    """The names under which a policy reaches `host` (normal), the most exact first.

    Itself, without its port, all domains above, and what holds for whoever is not listed.
    """
    bare = _PORT.sub("", host)
    labels = bare.split(".")
    above = [".".join(labels[start:]) for start in range(1, len(labels))]
    return list(dict.fromkeys([host, bare, *above, OTHERS]))


def stricter(one: str, other: str) -> str:
    return one if STRICTNESS[one] >= STRICTNESS[other] else other


class Policies:
    """All policies at one moment, without a database: what is in force, or what a change would put in force."""

    def __init__(self, place: Mapping[str, str], groups: Mapping[int, Mapping[str, str]] | None = None) -> None:
        self.place = dict(place)
        self.groups = {group_id: dict(rows) for group_id, rows in (groups or {}).items()}

    def named(self, host: str, group_id: int | None = None) -> str | None:
        """What is set for this very server or a domain above it, by the place or by one group; None for nothing."""
        rows = self.place if group_id is None else self.groups.get(group_id, {})
        names = (name for name in covering_names(host) if name != OTHERS)
        return next((rows[name] for name in names if name in rows), None)

    def of(self, host: str) -> str:
        """`open`, `limited` or `blocked` for an instance, however its host is spelled."""
        return self._from(self.place, host)

    def within(self, group_id: int, host: str) -> str:
        """As `of`, in one group: the stricter of what the place and what the group says."""
        own = self._from(self.groups[group_id], host) if group_id in self.groups else OPEN
        return stricter(own, self.of(host))

    def with_changes(self, changes: Mapping[str, str | None], group_id: int | None = None) -> "Policies":
        """As these, once the rows of `changes` are set (None: taken away)."""
        changed = Policies(self.place, self.groups)
        rows = changed.place if group_id is None else changed.groups.setdefault(group_id, {})
        for host, policy in changes.items():
            if policy is None:
                rows.pop(host, None)
            else:
                rows[host] = policy
        return changed

    def _from(self, rows: Mapping[str, str], host: str) -> str:
        normal = normal_host(host)
        # What is no host name cannot be on a list, nor can anybody verify who speaks from there.
        if normal is None:
            return BLOCKED
        return next((rows[name] for name in covering_names(normal) if name in rows), OPEN)


async def current(conn: Conn) -> Policies:
    """Everything that is set now."""
    return _policies(await EVERYTHING.all(conn))


async def reaching(conn: Conn, hosts: Iterable[str]) -> Policies:
    """What is set now for these instances, in one query: what is about to leave asks the database, and no snapshot."""
    return _policies(await REACHING.all(conn, list({name for host in hosts for name in covering_names(host)})))


def _policies(rows: Iterable[_Set]) -> Policies:
    place: dict[str, str] = {}
    groups: dict[int, dict[str, str]] = {}
    for row in rows:
        (place if row.group_id is None else groups.setdefault(row.group_id, {}))[row.host] = row.policy
    return Policies(place, groups)


async def policy_of(conn: Conn, host: str) -> str:
    """`open`, `limited` or `blocked` for an instance, however its host is spelled."""
    normal = normal_host(host)
    if normal is None:
        return BLOCKED
    found = await COVERING.one(conn, covering_names(normal))
    return found.policy if found else OPEN


async def is_blocked(conn: Conn, host: str) -> bool:
    return await policy_of(conn, host) == BLOCKED


async def check_welcome_in(conn: Conn, group_id: int, host: str | None, known: Policies | None = None) -> None:
    """Whether an instance may take part in one group; raises Refused. `known` spares the question to the database."""
    if host is None:
        return
    if known is not None:
        policy = known.within(group_id, host)
    else:
        normal = normal_host(host)
        found = await COVERING_IN_GROUP.one(conn, group_id, covering_names(normal)) if normal else None
        policy = stricter(found.policy if found else OPEN, await policy_of(conn, host))
    if policy == BLOCKED:
        raise Refused("blocked_in_group", "This group takes nothing from there.")


async def check_reachable(conn: Conn, host: str | None) -> None:
    """Whether somebody here can take part in what another server keeps; raises Refused."""
    if host is not None and await is_blocked(conn, host):
        raise Refused("blocked_instance", "Nothing can be sent to that server at the moment.")


async def policies(conn: Conn) -> list[Policy]:
    """Everything an admin has set, but for those who are not listed."""
    return await ALL.all(conn)


class ListPage(msgspec.Struct, frozen=True):
    """`others` is what holds for servers that are not listed; `more`: another page follows."""

    rows: list[PolicyLine]
    others: str
    total: int
    more: bool


async def listed(
    conn: Conn, group_id: int | None = None, *, search: str = "", after: str = "", limit: int = PAGE
) -> ListPage:
    """A page of a list by name, behind the host `after`; `search` is a part of the name."""
    asked = (after, search.strip().lower(), limit + 2)
    if group_id is None:
        found = await LISTED.all(conn, *asked)
    else:
        found = await LISTED_IN_GROUP.all(conn, *asked, group_id)
    rows = [row for row in found if row.host != OTHERS]
    others = next((row.policy for row in found if row.host == OTHERS), OPEN)
    return ListPage(rows[:limit], others, found[0].total if found else 0, len(rows) > limit)


async def one(conn: Conn, host: str, group_id: int | None = None) -> Policy | None:
    """The row of exactly this host, or of OTHERS."""
    return await (ONE.one(conn, host) if group_id is None else ONE_IN_GROUP.one(conn, group_id, host))


async def some(conn: Conn, hosts: Iterable[str]) -> list[Policy]:
    """The rows of exactly these hosts that are set for the place."""
    return await SOME.all(conn, list(hosts))


def check_host(urls: Urls, typed: str) -> str:
    """The host as it is kept, from any spelling; raises Invalid for `host` where no policy may stand for it."""
    normal = normal_host(typed)
    if normal is None or len(normal) > MAX_HOST:
        raise Invalid({"host": "Please give the name of a server, such as forum.example."})
    # Residents' own posts must never be caught by a policy meant for others.
    if normal in covering_names(urls.host):
        raise Invalid({"host": "This is our own server."})
    if _covers_strangers(normal):
        problem = Message("“%(host)s” would reach every server under it. Please name one server.", {"host": normal})
        raise Invalid({"host": problem})
    return normal


def check_policy(policy: str) -> str:
    if policy not in POLICIES:
        raise Invalid({"policy": "Please choose open, limited or blocked."})
    return policy


async def set_policy(
    conn: Conn, urls: Urls, host: str, policy: str, reason: str, changed_by: int | None, group_id: int | None = None
) -> None:
    """Set what an instance and its subdomains may do, here or in one group; raises Invalid by field.

    The caller settles memberships afterwards.
    """
    normal = OTHERS if host == OTHERS else check_host(urls, host)
    check_policy(policy)
    reason = text.check_text("reason", reason, at_most=2000)
    if group_id is None:
        await SET.run(conn, [normal], [policy], [reason], changed_by, None)
    else:
        await SET_IN_GROUP.run(conn, group_id, normal, policy, reason, changed_by)


async def set_many(
    conn: Conn, rows: Mapping[str, tuple[str, str]], changed_by: int | None, list_id: int | None = None
) -> None:
    """Set checked hosts, each to its policy and reason, for the whole place."""
    if rows:
        policies_, reasons = zip(*rows.values(), strict=True)
        await SET.run(conn, list(rows), list(policies_), list(reasons), changed_by, list_id)


async def forget(conn: Conn, hosts: Iterable[str], group_id: int | None = None) -> None:
    """Take rows off a list: what covers these servers otherwise counts again."""
    if group_id is None:
        await FORGET.run(conn, list(hosts))
    else:
        await FORGET_IN_GROUP.run(conn, group_id, list(hosts))


def _covers_strangers(host: str) -> bool:
    if _ONE_LABEL.fullmatch(host):
        return host != "localhost"
    name = domains.canonical(_PORT.sub("", host))
    return name is not None and domains.is_public_suffix(name)


class PolicySnapshot:
    """All policies in memory, looked at again after a while: the signature verifier asks once a request."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._policies = Policies({})
        self._version: int | None = None
        self._read_at: float | None = None

    @classmethod
    async def open(cls, runtime: Runtime) -> typing.Self:
        return cls(runtime)

    async def current(self) -> Policies:
        """All policies, at most SNAPSHOT_SECONDS old."""
        if self._read_at is None or time.monotonic() - self._read_at >= SNAPSHOT_SECONDS:
            async with self._runtime.db.read() as conn:
                found = await VERSION.one(conn)
                if found is None or found.version != self._version:
                    self._policies = await current(conn)
                    self._version = found.version if found else None
            self._read_at = time.monotonic()
        return self._policies

    async def policy_of(self, host: str) -> str:
        """As the function of this name, at most SNAPSHOT_SECONDS old."""
        return (await self.current()).of(host)

    async def is_blocked(self, host: str) -> bool:
        return await self.policy_of(host) == BLOCKED

    async def close(self) -> None:
        self._policies = Policies({})
