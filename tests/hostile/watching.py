"""Sees whatever our moot does: every row of every table, and every request that goes out."""

import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from aiohttp.abc import ResolveResult
from yarl import URL

from federation import client
from federation.client import Outgoing
from federation.egress import EgressPolicy
from federation.http import Client
from server import clock
from server.runtime import Runtime
from tests.federation.loopback import Names

# 127.0.0.1 stays closed, so that what nobody may reach can be tried beside what everybody may.
NEIGHBOURS = tuple(IPv4Network(network) for network in ("127.0.0.2/31", "127.0.0.4/30", "127.0.0.8/31"))
NAMES = {
    "evil.test": ["127.0.0.2"], "victim.test": ["127.0.0.3"], "bystander.test": ["127.0.0.4"],
    "group.test": ["127.0.0.8"], "inside.test": ["127.0.0.1"],
}  # fmt: skip
# What a refusal may leave: that somebody knocked, and what was learnt of the key that they named.
TRACES = frozenset({"rate_limits", "remote_keys", "missing_keys"})


class KnownNames(Names):
    """A name that nobody told us does not exist."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self.table:
            raise OSError(f"no such name: {host}")
        return await super().resolve(host, port, family)


@dataclass(frozen=True)
class WatchedPolicy(EgressPolicy):
    """The policy, which is asked before each request and each redirect, and remembers for what."""

    asked: list[str] = field(default_factory=list)

    def check_url(self, text: str) -> URL:
        self.asked.append(text)
        return super().check_url(text)


class Watch:
    """`asked` are the addresses of all requests that went out, or would have."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.policy = WatchedPolicy(NEIGHBOURS)
        self.asked = self.policy.asked
        self._sql = ""

    def stand_at_the_door(self) -> None:
        """Let everything go out through us. To be done before anything has."""
        agent = client.user_agent(self.runtime.settings)
        made = Client(self.policy, agent, clock.now, resolver=KnownNames(dict(NAMES)))
        self.runtime.provide(Outgoing, Outgoing(self.runtime, made))

    async def tables(self) -> dict[str, tuple[int, int]]:
        """How many rows each table has, and a checksum of all of them, as one statement sees them."""
        async with self.runtime.db.read() as conn:
            if not self._sql:
                found = await conn.fetch("select tablename from pg_tables where schemaname = 'public'")
                self._sql = " union all ".join(
                    f"select '{name}' as name, count(*) as rows,"
                    f" coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) as content from {name} t"
                    for (name,) in found
                )
            return {row["name"]: (row["rows"], int(row["content"])) for row in await conn.fetch(self._sql)}

    async def count(self, table: str) -> int:
        return (await self.tables())[table][0]

    @asynccontextmanager
    async def assert_no_effect(self, *, but: Collection[str] = (), asks: int = 0) -> AsyncIterator[None]:
        """What is done inside changes no table but TRACES and `but`, and sends at most `asks` requests.

        Let the work that follows be done inside as well (`street.settle()`).
        """
        before, asked = await self.tables(), len(self.asked)
        yield
        after = await self.tables()
        changed = sorted(name for name in before if before[name] != after[name] and name not in TRACES | set(but))
        assert not changed, f"rows changed in {changed}"
        assert len(self.asked[asked:]) <= asks, f"asked {self.asked[asked:]}"
