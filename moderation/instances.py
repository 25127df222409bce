"""What another instance may do here: take part, take part under review, or nothing. Owns `instance_policies`."""

import datetime as dt
import re
import time
import typing

from moderation import domains
from server import text
from server.db import Command, Conn, Query, Row
from server.errors import Invalid
from server.messages import Message
from server.runtime import Runtime
from server.urls import Urls, authority

OPEN, LIMITED, BLOCKED = "open", "limited", "blocked"
POLICIES = (OPEN, LIMITED, BLOCKED)
# A block is in force everywhere so soon after it was set; asked for each request, it costs next to nothing.
SNAPSHOT_SECONDS = 1.0
_PORT = re.compile(r":\d+$")
_ONE_LABEL = re.compile(r"[a-z0-9-]+")
_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d+)?")


class Policy(Row, frozen=True):
    """One line of the list; `limited` holds every post from there, `blocked` refuses everything."""

    host: str
    policy: str
    reason: str
    changed_by: int | None
    changed_at: dt.datetime


_SELECT = "select host, policy, reason, changed_by, changed_at from instance_policies "

# The longest name that covers the host is the most exact one, so a subdomain can be let in again.
COVERING = Query(Policy, _SELECT + "where host = any($1::text[]) order by length(host) desc limit 1")
ALL = Query(Policy, _SELECT + "order by host")
SET = Command(
    """insert into instance_policies (host, policy, reason, changed_by) values ($1, $2, $3, $4)
       on conflict (host) do update set policy = excluded.policy, reason = excluded.reason,
              changed_by = excluded.changed_by, changed_at = clock_now()"""
)


def normal_host(typed: str) -> str | None:
    """`host` or `host:port` in the one spelling that we compare, from a host or an address; None where it is none."""
    typed = typed.strip()
    host = authority(typed if "://" in typed else f"https://{typed}")
    return host if host and _HOST.fullmatch(host) else None


def covering_names(host: str) -> list[str]:
    """The names under which a policy reaches `host` (normal): itself, without its port, and all domains above."""
    bare = _PORT.sub("", host)
    labels = bare.split(".")
    above = [".".join(labels[start:]) for start in range(1, len(labels))]
    return list(dict.fromkeys([host, bare, *above]))


async def policy_of(conn: Conn, host: str) -> str:
    """`open`, `limited` or `blocked` for an instance, however its host is spelled."""
    normal = normal_host(host)
    # What is no host name cannot be on a list, nor can anybody verify who speaks from there.
    if normal is None:
        return BLOCKED
    found = await COVERING.one(conn, covering_names(normal))
    return found.policy if found else OPEN


async def is_blocked(conn: Conn, host: str) -> bool:
    return await policy_of(conn, host) == BLOCKED


async def policies(conn: Conn) -> list[Policy]:
    """Everything an admin has set."""
    return await ALL.all(conn)


async def set_policy(conn: Conn, urls: Urls, host: str, policy: str, reason: str, changed_by: int | None) -> None:
    """Set what an instance and its subdomains may do; raises Invalid by field."""
    normal = normal_host(host)
    if normal is None or len(normal) > 260:
        raise Invalid({"host": "Please give the name of a server, such as forum.example."})
    if policy not in POLICIES:
        raise Invalid({"policy": "Please choose open, limited or blocked."})
    # Residents' own posts must never be caught by a policy meant for others.
    if normal in covering_names(urls.host):
        raise Invalid({"host": "This is our own server."})
    if _covers_strangers(normal):
        problem = Message("“%(host)s” would reach every server under it. Please name one server.", {"host": normal})
        raise Invalid({"host": problem})
    reason = text.check_text("reason", reason, at_most=2000)
    await SET.run(conn, normal, policy, reason, changed_by)


def _covers_strangers(host: str) -> bool:
    if _ONE_LABEL.fullmatch(host):
        return host != "localhost"
    name = domains.canonical(_PORT.sub("", host))
    return name is not None and domains.is_public_suffix(name)


class PolicySnapshot:
    """All policies in memory, read again after a while: the signature verifier asks once a request."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._policies: dict[str, str] = {}
        self._read_at: float | None = None

    @classmethod
    async def open(cls, runtime: Runtime) -> typing.Self:
        return cls(runtime)

    async def policy_of(self, host: str) -> str:
        """As the function of this name, at most SNAPSHOT_SECONDS old."""
        if self._read_at is None or time.monotonic() - self._read_at >= SNAPSHOT_SECONDS:
            async with self._runtime.db.read() as conn:
                self._policies = {row.host: row.policy for row in await policies(conn)}
            self._read_at = time.monotonic()
        normal = normal_host(host)
        if normal is None:
            return BLOCKED
        return next((self._policies[name] for name in covering_names(normal) if name in self._policies), OPEN)

    async def is_blocked(self, host: str) -> bool:
        return await self.policy_of(host) == BLOCKED

    async def close(self) -> None:
        self._policies = {}
