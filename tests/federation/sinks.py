"""Inboxes on loopback that answer as a test wants, verify who signed, and keep what they got."""

import asyncio
import json
import typing
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from federation.incoming import IncomingRequest
from federation.publickeys import PublicKey, load_pem
from federation.signatures import Verifier
from server import clock

Mode = Callable[["Sink", web.Request, dict[str, typing.Any]], Awaitable[web.StreamResponse]]


class Sink:
    """One instance elsewhere; `received` are the ids of activities that it took (2xx), `knocks` all that came."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.mode: Mode = ok
        self.knocks: list[str] = []
        self.received: list[str] = []
        self.signers: list[str] = []
        self.schemes: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.keys: dict[str, PublicKey] = {}
        self.knocked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_post("/inbox", self._inbox)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.address, port)
        await site.start()
        self.port: int = self._runner.addresses[0][1]
        self.host = f"{self.address}:{self.port}"
        self.inbox = f"http://{self.host}/inbox"
        self._verifier = Verifier(f"http://{self.host}", self, clock.now, _nobody_blocked, plain_http=True)

    async def stop(self) -> None:
        self.let_go.set()
        await self._runner.cleanup()

    def trust(self, key_id: str, owner_uri: str, pem: str) -> None:
        self.keys[key_id] = PublicKey(key_id, owner_uri, load_pem(pem))

    async def find(self, key_id: str) -> PublicKey | None:
        return self.keys.get(key_id)

    async def refetch(self, key_id: str) -> PublicKey | None:
        return None

    async def _inbox(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = tuple((name.lower(), value) for name, value in request.headers.items())
        verified = await self._verifier.verify(IncomingRequest("POST", request.raw_path, headers, body))
        activity = json.loads(body)
        self.signers.append(verified.signer_uri)
        self.schemes.append("rfc9421" if "Signature-Input" in request.headers else "cavage")
        self.knocks.append(activity["id"])
        self.knocked.set()
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            answer = await self.mode(self, request, activity)
        finally:
            self.at_once -= 1
        if 200 <= answer.status < 300:
            self.received.append(activity["id"])
        return answer


async def _nobody_blocked(_host: str) -> bool:
    return False


async def ok(_sink: Sink, _request: web.Request, _activity: dict[str, typing.Any]) -> web.StreamResponse:
    return web.Response(status=202)


def status(code: int, **headers: str) -> Mode:
    """Always this answer; `Retry_After="60"` for a header."""

    async def answer(_sink: Sink, _request: web.Request, _activity: dict[str, typing.Any]) -> web.StreamResponse:
        return web.Response(status=code, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def for_one(activity_id: str, mode: Mode, otherwise: Mode = ok) -> Mode:
    """Answer so to one activity only."""

    async def answer(sink: Sink, request: web.Request, activity: dict[str, typing.Any]) -> web.StreamResponse:
        return await (mode if activity["id"] == activity_id else otherwise)(sink, request, activity)

    return answer


def only(scheme: str) -> Mode:
    """Reads signatures of one scheme alone."""

    async def answer(sink: Sink, _request: web.Request, _activity: dict[str, typing.Any]) -> web.StreamResponse:
        return web.Response(status=202 if sink.schemes[-1] == scheme else 401)

    return answer


async def hang(sink: Sink, _request: web.Request, _activity: dict[str, typing.Any]) -> web.StreamResponse:
    """Answers only when the test lets it go."""
    await sink.let_go.wait()
    return web.Response(status=202)


async def reset(_sink: Sink, request: web.Request, _activity: dict[str, typing.Any]) -> web.StreamResponse:
    """Breaks the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=500)


async def take_and_reset(sink: Sink, request: web.Request, activity: dict[str, typing.Any]) -> web.StreamResponse:
    """Takes the activity, but its answer is lost (X9)."""
    sink.received.append(activity["id"])
    return await reset(sink, request, activity)


@asynccontextmanager
async def sink(address: str, port: int = 0) -> AsyncIterator[Sink]:
    made = Sink(address)
    await made.start(port)
    try:
        yield made
    finally:
        await made.stop()
