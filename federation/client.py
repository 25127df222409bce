"""Asks other instances, in the name of this one."""

import typing

from federation import keys
from federation.alternates import MAX_PAGE
from federation.budget import FetchBudget
from federation.egress import EgressPolicy, RefusedUrl
from federation.http import MAX_SMALL_JSON, Client, Fetched, FetchedObject, FoundDocument, SignRequest
from moderation import instances
from server import clock
from server.community import actors
from server.runtime import Runtime
from server.settings import Settings
from server.urls import Urls, authority

VERSION = "0.1.0"


class Outgoing:
    """The process's one client. Nothing here may be called within a transaction: answers take seconds."""

    def __init__(self, runtime: Runtime, client: Client) -> None:
        self._runtime = runtime
        self.client = client

    @classmethod
    async def open(cls, runtime: Runtime) -> typing.Self:
        policy = EgressPolicy(runtime.settings.allowed_networks)
        return cls(runtime, Client(policy, user_agent(runtime.settings), clock.now))

    async def close(self) -> None:
        await self.client.close()

    def scheme_for(self, host: str) -> str:
        """How to ask a bare `host` or `host:port`: by `http` only with a port, where our policy admits networks.

        A handle or a lane names no scheme; an address brings its own.
        """
        return "http" if self._runtime.settings.allowed_networks and ":" in host else "https"

    async def fetch_object(self, uri: str, budget: FetchBudget | None = None) -> FetchedObject:
        """GET a document that stands under its own id, signed; raises FetchFailed."""
        await self._check_welcome(uri)
        return await self.client.fetch_object(uri, await self.signature(), budget)

    async def fetch_activity_json(self, uri: str, budget: FetchBudget | None = None) -> FoundDocument:
        """GET a page of a collection, or a key, signed; its id is nobody's word yet. Raises FetchFailed."""
        return await self.client.fetch_activity_json(uri, await self.signature(), budget)

    async def _check_welcome(self, uri: str) -> None:
        """Nobody is asked for what we would not take from them by themselves (B25)."""
        async with self._runtime.db.read() as conn:
            if await instances.is_blocked(conn, authority(uri) or ""):
                raise RefusedUrl("blocked_instance", uri[:200])

    async def get_json(self, url: str, *, accept: str = "application/json", limit: int = MAX_SMALL_JSON) -> Fetched:
        """GET public JSON (WebFinger, NodeInfo), unsigned; raises FetchFailed."""
        return await self.client.get_json(url, accept=accept, limit=limit)

    async def get_text(self, url: str, *, etag: str, limit: int) -> Fetched:
        """GET a public text, unsigned, unless it is still the one of `etag`; raises FetchFailed, then with status 304.

        Whoever keeps a list of servers need not be on it.
        """
        return await self.client.get_json(url, accept="text/csv, text/plain, */*;q=0.1", limit=limit, etag=etag)

    async def get_page(self, url: str, budget: FetchBudget | None = None) -> Fetched:
        """GET a page for people, unsigned, as far as it is read for what it says of itself; raises FetchFailed."""
        await self._check_welcome(url)
        return await self.client.get_json(url, accept="text/html, application/xhtml+xml", limit=MAX_PAGE, budget=budget)

    async def get_signed(self, url: str, budget: FetchBudget) -> Fetched:
        """GET anything that answers 200, signed; raises FetchFailed."""
        await self._check_welcome(url)
        return await self.client.get_json(url, sign=await self.signature(), budget=budget)

    async def signature(self) -> SignRequest | None:
        """Signs as our instance actor; None in the first seconds of an instance, while its keys are being made."""
        urls = Urls(self._runtime.settings.base_url)
        async with self._runtime.db.read() as conn:
            actor = await actors.by_uri(conn, urls.instance_actor)
            if actor is None:
                return None
            try:
                return (await keys.signer_for(conn, self._runtime, actor.id)).sign_cavage
            except keys.KeysNotMade:
                # Most servers answer unsigned requests too; those that do not are asked again later.
                return None


def user_agent(settings: Settings) -> str:
    """Names the software and where it can be reached."""
    return f"Folkmoot/{VERSION} (+{settings.base_url})"
