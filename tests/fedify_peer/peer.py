"""Runs the Fedify peer of this folder and speaks with it."""

import asyncio
import os
import socket
from asyncio.subprocess import PIPE, Process
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.network import Place

FOLDER = Path(__file__).parent


class PeerError(Exception):
    """The peer could not do what it was told, in its own words."""


class FedifyPeer:
    """A running peer: `origin` is its base address, and each command of commands.mjs is `ask(name, **arguments)`.

    Commands go to `commands`, where the test cannot reach `origin` itself.
    """

    def __init__(self, origin: str, session: aiohttp.ClientSession, commands: str | None = None) -> None:
        self.origin = origin
        self.commands = commands or origin
        self._session = session

    def person(self, name: str = "alice") -> str:
        return f"{self.origin}/users/{name}"

    async def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """The command's answer; raises PeerError. `as_` chooses the person who acts (alice)."""
        if "as_" in arguments:
            arguments["as"] = arguments.pop("as_")
        async with self._session.post(f"{self.commands}/_peer/{command}", json=arguments) as response:
            answer: dict[str, Any] = await response.json()
        if response.status != 200:
            raise PeerError(answer["error"])
        return answer

    async def wait(self, kind: str = "received", **wanted: object) -> dict[str, Any]:
        """The first entry of its journal that fits (type, object), within `seconds` (10)."""
        return await self.ask("wait", kind=kind, **wanted)

    async def entries(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in (await self.ask("journal"))["entries"] if entry["kind"] == kind]


@asynccontextmanager
async def fedify_peer(*arguments: str, place: "Place | None" = None) -> "AsyncIterator[FedifyPeer]":
    """A peer on a free port, or at a name of a network of its own; `arguments` go to peer.mjs."""
    port = place.port if place else free_port()
    command = ["node", str(FOLDER / "peer.mjs"), "--port", str(port), *arguments]
    environ = dict(os.environ)
    if place:
        command = [*place.enter, *command, "--origin", place.origin]
        environ |= place.environ
    process = await asyncio.create_subprocess_exec(*command, cwd=FOLDER, stdout=PIPE, env=environ)
    try:
        origin = await asyncio.wait_for(_ready(process), 60)
        connector = aiohttp.UnixConnector(str(place.socket)) if place else None
        async with aiohttp.ClientSession(connector=connector) as session:
            yield FedifyPeer(origin, session, f"http://{place.name}" if place else None)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ready(process: Process) -> str:
    assert process.stdout
    while line := (await process.stdout.readline()).decode():
        if line.startswith("ready "):
            return line.split()[1]
    raise PeerError("the peer ended before it was ready; its own words are above")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
