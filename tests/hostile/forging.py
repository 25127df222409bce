"""Requests to our inbox of which each byte can be chosen: headers in any order and number, any dates and digests."""

import dataclasses
import datetime as dt
import email.utils
import typing
from collections.abc import Sequence

from starlette.types import ASGIApp, Message

from server import clock
from tests.conftest import BASE_URL
from tests.federation import peer, signed
from tests.federation.peer import ACTIVITY
from tests.federation.signed import POST, Headers

HOST = BASE_URL.removeprefix("http://")
INBOX = "/ap/inbox"
PEERS_KEY = peer._KEY


@dataclasses.dataclass
class RawAnswer:
    status: int
    body: bytes

    @property
    def reason(self) -> str:
        """The word by which a machine is told why."""
        return self.body.decode().removeprefix('{"error":"').removesuffix('"}')


async def ask(
    app: ASGIApp, headers: Headers, body: bytes = b"", *, method: str = "POST", target: str = INBOX
) -> RawAnswer:
    """One request exactly so."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "client": ("127.0.0.2", 40000), "server": ("moot.test", 80),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
    }  # fmt: skip
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(typing.cast(typing.Any, scope), receive, send)
    return RawAnswer(messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:]))


def now(**shift: float) -> dt.datetime:
    return clock.now() + dt.timedelta(**shift)


def unix(**shift: float) -> int:
    return int(now(**shift).timestamp())


def date(**shift: float) -> str:
    return email.utils.format_datetime(now(**shift), usegmt=True)


def sent(*more: tuple[str, str], host: str = HOST, when: str | None = None) -> Headers:
    return [("host", host), ("date", when or date()), ("content-type", ACTIVITY), *more]


def cavage(body: bytes, key_id: str, covered: Sequence[str] = POST, **more: typing.Any) -> Headers:
    """A draft-cavage request of one of our peers; `more` as in tests/federation/signed.py."""
    headers = more.pop("headers", None) or sent(("digest", signed.digest(body)))
    settings: dict[str, typing.Any] = {"key": PEERS_KEY, "key_id": key_id, "headers": headers} | more
    return signed.cavage(covered, **settings)


def rfc9421(body: bytes, key_id: str, **more: typing.Any) -> Headers:
    """The same in RFC 9421."""
    headers = more.pop("headers", None) or sent(("content-digest", signed.content_digest(body)))
    covered = more.pop("covered", ("@method", "@target-uri", "content-digest"))
    values = {"@target-uri": f"{BASE_URL}{INBOX}", "@authority": HOST, "@scheme": "http"} | more.pop("values", {})
    parameters = more.pop("parameters", f';created={unix()};keyid="{key_id}"')
    settings: dict[str, typing.Any] = {"key": PEERS_KEY, "headers": headers, "values": values, "parameters": parameters}
    settings |= more
    return signed.rfc9421(covered, **settings)
