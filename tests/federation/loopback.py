"""Servers on loopback that say any bytes, names that resolve as tests like, and where our client may go."""

import asyncio
import datetime as dt
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv4Network

from aiohttp.abc import AbstractResolver, ResolveResult

from federation.egress import EgressPolicy

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
AGENT = "Folkmoot/0.1.0 (+https://moot.example)"
EVIL, VICTIM, FORBIDDEN = "127.0.0.2", "127.0.0.3", "127.0.0.1"
POLICY = EgressPolicy((IPv4Network(f"{EVIL}/32"), IPv4Network(f"{VICTIM}/32")))

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Serves raw bytes by path and keeps every request head; `closed` is set when a client hangs up."""

    def __init__(self, host: str, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.tls = tls
        self.answers: dict[str, Answer] = {}
        self.default: Callable[[str], bytes] = lambda _path: reply(b"", status=404)
        self.requests: list[str] = []
        self.connections = 0
        self.closed = asyncio.Event()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if length := re.search(r"content-length: (\d+)", head, re.IGNORECASE):
                await reader.readexactly(int(length[1]))
            self.requests.append(head)
            path = head.split(" ")[1]
            answer = self.answers.get(path) or self.default(path)
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.closed.set()
            writer.close()

    def header(self, name: str, request: int = -1) -> str | None:
        found = re.search(rf"^{name}: (.*)\r$", self.requests[request], re.IGNORECASE | re.MULTILINE)
        return found[1] if found else None

    def serve_object(self, path: str, document: str, content_type: str = "application/activity+json") -> None:
        self.answers[path] = reply(document.encode(), content_type)


def reply(body: bytes, content_type: str = "application/json", status: int = 200, **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(target: str, status: int = 302) -> bytes:
    return reply(b"", status=status, Location=target)


class Names(AbstractResolver):
    """Answers names from a table that tests change while they run."""

    def __init__(self, table: dict[str, list[str]]) -> None:
        self.table = table
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in self.table[host]
        ]

    async def close(self) -> None:
        pass


def sign(method: str, url: str, body: bytes | None, now: dt.datetime) -> Mapping[str, str]:
    return {"Signature": f"{method} {url} {len(body or b'')} {now:%H:%M}"}
