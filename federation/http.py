"""The one client that speaks HTTP to the outside: every address judged when connecting, every answer bounded."""

import asyncio
import datetime as dt
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from federation.budget import FetchBudget
from federation.decoding import BadDocument, decode_document
from federation.egress import EgressPolicy, FetchFailed, RefusedAddress, RefusedUrl
from federation.httpdate import parse_http_date
from federation.media_types import is_activity_json

ACTIVITY_ACCEPT = 'application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
MAX_ACTIVITY_JSON = 1 << 20
MAX_SMALL_JSON = 256 << 10
MAX_ANSWER_TO_POST = 4 << 10
MAX_REDIRECTS = 3
# More than delivery.OPEN_TURNS: an instance that hangs must not keep others from a connection.
MAX_CONNECTIONS = 1000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 16 << 10


class Unreachable(FetchFailed):
    """No connection, no certificate that we trust, or no whole answer in time."""


class TooLarge(FetchFailed):
    """The decoded body is larger than we read."""


class TooManyRedirects(FetchFailed):
    """More hops than we follow, or a circle."""


class AnsweredStatus(FetchFailed):
    """The other server answered, but not with 200."""

    def __init__(self, status: int, url: str, retry_after: float | None = None) -> None:
        super().__init__(f"status_{status}", url)
        self.status = status
        self.retry_after = retry_after


class NotActivityJson(FetchFailed):
    """The answer is not ActivityPub JSON by its own Content-Type, or its body is not such a document."""


class IdMismatch(FetchFailed):
    """The document names itself by an id that is not where it was found."""


class SignRequest(Protocol):
    """Signs one request as it leaves: `Signer.sign_cavage` or `Signer.sign_rfc9421`."""

    def __call__(self, method: str, url: str, body: bytes | None, now: dt.datetime) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Deadlines:
    """Seconds: for a connection with its TLS handshake, for a whole fetch with its redirects, for a whole delivery."""

    connect: float = 5
    fetch: float = 10
    delivery: float = 15


@dataclass(frozen=True)
class Fetched:
    """An answer with status 200: `hops` are all URLs asked, in order, without fragment; `url` is the last."""

    hops: tuple[str, ...]
    content_type: str
    body: bytes
    etag: str = ""

    @property
    def url(self) -> str:
        return self.hops[-1]


@dataclass(frozen=True)
class FetchedObject:
    """An ActivityPub document that was found where its id says; `raw` as received."""

    id: str
    document: dict[str, object]
    raw: bytes


@dataclass(frozen=True)
class Posted:
    """The answer to a delivery; `retry_after` in seconds; `body` cut to its first 4 KiB."""

    status: int
    retry_after: float | None
    body: bytes


@dataclass
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Client:
    """Keeps connections open; make it inside the running loop, one a process, and close it at the end."""

    def __init__(
        self,
        policy: EgressPolicy,
        user_agent: str,
        clock: Callable[[], dt.datetime],
        deadlines: Deadlines | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._policy = policy
        self._user_agent = user_agent
        self._clock = clock
        self._deadlines = deadlines or Deadlines()
        # The socket is judged by scheme too, and only the session knows the scheme: so one for each.
        self._sessions = {tls: self._session(tls, resolver) for tls in (True, False)}

    def _session(self, tls: bool, resolver: AbstractResolver | None) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS,
            limit_per_host=8,
            resolver=resolver,
            ssl=ssl.create_default_context() if tls else False,  # reads SSL_CERT_FILE
            socket_factory=_socket_factory(self._policy, tls),
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._deadlines.connect),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # a proxy from the environment would connect where we have not looked
        )

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()

    async def get_json(
        self,
        url: str,
        *,
        accept: str = "application/json",
        sign: SignRequest | None = None,
        limit: int = MAX_SMALL_JSON,
        budget: FetchBudget | None = None,
        etag: str = "",
    ) -> Fetched:
        """GET any JSON (WebFinger, NodeInfo); the caller judges type and body. Follows at most 3 redirects.

        With `etag` an answer that has not changed since is status 304.
        """
        seconds = self._deadlines.fetch
        if budget is not None:
            seconds = min(seconds, budget.seconds_left())
        async with _named_failures(seconds, url):
            return await self._follow(self._policy.check_url(url), accept, sign, limit, budget, etag)

    async def fetch_object(
        self, url: str, sign: SignRequest | None = None, budget: FetchBudget | None = None
    ) -> FetchedObject:
        """GET an ActivityPub document that stands under its own id; raises a FetchFailed otherwise.

        Where the document names another id (a page's address was asked for), that id is asked once, at its own host.
        """
        found = await self.fetch_activity_json(url, sign, budget)
        if not _found_at_home(found):
            found = await self.fetch_activity_json(_id_of(found), sign, budget)
            if not _found_at_home(found):
                raise IdMismatch("id_elsewhere", _id_of(found)[:200])
        return FetchedObject(_id_of(found), found.document, found.fetched.body)

    async def fetch_activity_json(
        self, url: str, sign: SignRequest | None = None, budget: FetchBudget | None = None
    ) -> "FoundDocument":
        """GET a document by its Content-Type alone: for pages of collections. Its id is nobody's word yet."""
        fetched = await self.get_json(url, accept=ACTIVITY_ACCEPT, sign=sign, limit=MAX_ACTIVITY_JSON, budget=budget)
        # Anybody may upload JSON as a picture or text to somebody's server: only the type says that the server vouches.
        if not is_activity_json(fetched.content_type):
            raise NotActivityJson("content_type", fetched.content_type[:200])
        try:
            return FoundDocument(fetched, decode_document(fetched.body, MAX_ACTIVITY_JSON))
        except BadDocument as bad:
            raise NotActivityJson(bad.reason, fetched.url) from None

    async def post(self, url: str, body: bytes, sign: SignRequest) -> Posted:
        """Deliver once. A redirect is an answer like any other: what we signed is for this inbox alone."""
        async with _named_failures(self._deadlines.delivery, url):
            target = self._policy.check_url(url)
            headers = {"Content-Type": "application/activity+json", "Accept": "application/activity+json, */*;q=0.1"}
            headers.update(sign("POST", str(target), body, self._clock()))
            answer = await self._ask("POST", target, headers, MAX_ANSWER_TO_POST, body=body, cut=True)
        return Posted(answer.status, self._retry_after(answer), answer.body)

    async def _follow(
        self, url: URL, accept: str, sign: SignRequest | None, limit: int, budget: FetchBudget | None, etag: str = ""
    ) -> Fetched:
        hops: list[str] = []
        while True:
            hops.append(str(url))
            answer = await self._get(url, accept, sign, limit, budget, etag)
            if answer.status not in _REDIRECTS:
                break
            url = self._next_hop(url, answer)
            if len(hops) > MAX_REDIRECTS or str(url) in hops:
                raise TooManyRedirects("too_many_redirects", hops[0])
        if answer.status != 200:
            raise AnsweredStatus(answer.status, hops[-1], self._retry_after(answer))
        return Fetched(tuple(hops), answer.headers.get("Content-Type", ""), answer.body, answer.headers.get("ETag", ""))

    async def _get(
        self, url: URL, accept: str, sign: SignRequest | None, limit: int, budget: FetchBudget | None, etag: str
    ) -> _Answer:
        # GoToSocial verifies a GET by its path alone: on 401 the same URL is asked once more, signed that way.
        spellings = [url, url.with_query(None)] if sign and url.raw_query_string else [url]
        answer = _Answer(0, {})
        for signed_url in spellings:
            if budget is not None:
                budget.take()
            headers = {"Accept": accept} | ({"If-None-Match": etag} if etag else {})
            if sign is not None:
                # Signed anew for each hop, so that no server holds a signature made for another.
                headers.update(sign("GET", str(signed_url), None, self._clock()))
            answer = await self._ask("GET", url, headers, limit)
            if answer.status != 401:
                break
        return answer

    def _next_hop(self, url: URL, answer: _Answer) -> URL:
        location = answer.headers.get("Location", "")
        if not location:
            raise RefusedUrl("redirect_without_location", str(url))
        try:
            target = self._policy.check_url(str(url.join(URL(location, encoded=location.isascii()))))
        except ValueError:
            raise RefusedUrl("url_malformed", location[:200]) from None
        if url.scheme == "https" and target.scheme != "https":
            raise RefusedUrl("redirect_to_http", str(target))
        return target

    async def _ask(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        limit: int,
        *,
        body: bytes | None = None,
        cut: bool = False,
    ) -> _Answer:
        """One request, one answer. A body over `limit` raises TooLarge, or is cut there; only a 200 needs its body."""
        sent = {"User-Agent": self._user_agent, "Accept-Encoding": "identity", **headers}
        session = self._sessions[url.scheme == "https"]
        async with session.request(method, url, headers=sent, data=body, allow_redirects=False) as response:
            answer = _Answer(response.status, response.headers)
            if response.status == 200 or cut:
                answer.body = await _read(response, limit, cut)
            return answer

    def _retry_after(self, answer: _Answer) -> float | None:
        value = answer.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit() and len(value) < 10:
            return float(value)
        when = parse_http_date(value)
        return None if when is None else max((when - self._clock()).total_seconds(), 0)


@dataclass(frozen=True)
class FoundDocument:
    """A document of the right type; whether its id is true is not yet judged."""

    fetched: Fetched
    document: dict[str, object]


def _id_of(found: FoundDocument) -> str:
    document_id = found.document.get("id")
    if not isinstance(document_id, str) or not document_id:
        raise IdMismatch("no_id", found.fetched.url)
    return document_id


def _found_at_home(found: FoundDocument) -> bool:
    """Whether the id is one of the URLs asked, and all of them lie at one origin: no open redirect lent its name."""
    document_id, hops = _id_of(found), found.fetched.hops
    return document_id.partition("#")[0] in hops and len({URL(hop, encoded=True).origin() for hop in hops}) == 1


async def _read(response: aiohttp.ClientResponse, limit: int, cut: bool) -> bytes:
    body = bytearray()
    # Counted after decompression, piece by piece: a small bomb stops here too.
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            if cut:
                break
            raise TooLarge("too_large", str(response.url))
    return bytes(body[:limit])


class _RefusedSocket(OSError):
    """Our refusal in the only clothes that a connector lets through; the number is nobody else's."""

    ERRNO = -errno.EACCES

    def __init__(self, why: str) -> None:
        super().__init__(self.ERRNO, why)


def _socket_factory(policy: EgressPolicy, tls: bool) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    """The last gate before connect(2): whatever name, literal or second DNS answer led here, the address is judged."""

    def make(address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, target = address
        try:
            policy.check_address(str(target[0]), int(target[1]), tls=tls)
        except RefusedAddress as refused:
            raise _RefusedSocket(str(refused)) from None
        return socket.socket(family, kind, protocol)

    return make


@asynccontextmanager
async def _named_failures(seconds: float, url: str) -> AsyncIterator[None]:
    """Bound the whole exchange, and turn what the library raises into our words."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (TimeoutError, aiohttp.ServerTimeoutError):
        raise Unreachable("timeout", url[:200]) from None
    except aiohttp.ClientSSLError as failed:
        raise Unreachable("tls", str(failed)[:200]) from None
    except aiohttp.ClientConnectorError as failed:
        if failed.os_error.errno == _RefusedSocket.ERRNO:
            raise RefusedAddress("address_refused", str(failed.os_error)[:200]) from None
        raise Unreachable("no_connection", str(failed)[:200]) from None
    except (aiohttp.ClientError, OSError, ValueError) as failed:
        # ValueError: the library's own complaint about a URL or header that we let pass.
        raise Unreachable("protocol", f"{type(failed).__name__} {failed}"[:200]) from None
