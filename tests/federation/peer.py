"""A whole instance elsewhere, on loopback: serves its actors and objects, signs what it sends, keeps what it gets."""

import json
import typing
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from starlette.applications import Starlette

from federation.endpoints import routes
from federation.incoming import IncomingRequest
from federation.signing import NO_MORE, Signer
from server import clock
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.conftest import BASE_URL

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
ACTIVITY = "application/activity+json"
Document = dict[str, typing.Any]

# One key for all: making one takes longer than a test.
_KEY = rsa.generate_private_key(65537, 2048)
_PRIVATE = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
_PUBLIC = _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class Peer:
    """`software` is what its NodeInfo says. `inbox` are the activities it took, oldest first, as `posted` to it.

    `name` is the host name under which it speaks, where the test's resolver knows one; `answers` go before documents.
    Paths in `failing` are answered with 503, those in `pages` with HTML; `invent` makes others when asked.
    """

    def __init__(self, address: str, software: str, name: str | None = None) -> None:
        self.address = address
        self.software = software
        self.name = name or address
        self.documents: dict[str, Document] = {}
        self.answers: dict[str, Callable[[], web.Response]] = {}
        self.fetched: list[str] = []
        self.failing: set[str] = set()
        self.pages: dict[str, str] = {}
        self.webfinger: dict[str, list[Document]] = {}
        self.invent: Callable[[str], Document | None] = lambda _path: None
        self.inbox: list[Document] = []
        self.posted: list[IncomingRequest] = []
        self._last_number = 0
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        runner = await self._listen(port)
        self.host = f"{self.name}:{runner.addresses[0][1]}"
        self.base = f"http://{self.host}"

    async def _listen(self, port: int) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/inbox", self._take)
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.address, port).start()
        return self._runner

    async def stop(self) -> None:
        """Be away: nobody listens at our address."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None

    async def resume(self) -> None:
        """Be back at the same address, with all that we knew."""
        await self._listen(int(self.host.rpartition(":")[2]))

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.inbox.append(json.loads(body))
        headers = tuple((name.lower(), value) for name, value in request.headers.items())
        self.posted.append(IncomingRequest("POST", request.raw_path, headers, body))
        return web.Response(status=202)

    async def _serve(self, request: web.Request) -> web.Response:
        path = request.path
        self.fetched.append(path)
        if path in self.answers:
            return self.answers[path]()
        if path in self.failing:
            return web.Response(status=503)
        if path == "/.well-known/nodeinfo":
            rel = "http://nodeinfo.diaspora.software/ns/schema/2.0"
            return web.json_response({"links": [{"rel": rel, "href": f"{self.base}/nodeinfo/2.0"}]})
        if path == "/nodeinfo/2.0":
            return web.json_response({"version": "2.0", "software": {"name": self.software, "version": "1.0"}})
        if path == "/.well-known/webfinger":
            name = request.query["resource"].removeprefix("acct:").partition("@")[0]
            links = self.webfinger.get(name) or [{"rel": "self", "type": ACTIVITY, "href": f"{self.base}/u/{name}"}]
            return web.json_response({"subject": f"acct:{name}@{self.host}", "links": links})
        if path in self.pages:
            return web.Response(text=self.pages[path], content_type="text/html")
        document = self.documents.get(path) or self.invent(path)
        if document is None:
            return web.Response(status=404)
        return web.Response(body=json.dumps(document), content_type=ACTIVITY)

    def actor(self, name: str, kind: str = "Person", **more: object) -> str:
        """Add an actor; returns its id."""
        uri = f"{self.base}/u/{name}"
        self.documents[f"/u/{name}"] = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": uri,
            "type": kind,
            "preferredUsername": name,
            "name": name.capitalize(),
            "inbox": f"{self.base}/inbox",
            "outbox": f"{uri}/outbox",
            "followers": f"{uri}/followers",
            "endpoints": {"sharedInbox": f"{self.base}/inbox"},
            "publicKey": {"id": f"{uri}#main-key", "owner": uri, "publicKeyPem": _PUBLIC},
        } | more
        return uri

    def number(self) -> int:
        """One that nothing here has yet."""
        self._last_number += 1
        return self._last_number

    def id(self, kind: str = "activities") -> str:
        return f"{self.base}/{kind}/{self.number()}"

    def note(self, author: str, content: str, **more: object) -> Document:
        """A Note that can be fetched from here."""
        path = f"/notes/{self.number()}"
        self.documents[path] = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": self.base + path,
            "type": "Note",
            "attributedTo": author,
            "content": content,
            "to": [PUBLIC],
            "cc": [],
        } | more
        return self.documents[path]

    def activity(self, kind: str, actor: str, what: object, **more: object) -> Document:
        return {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": self.id(),
            "type": kind,
            "actor": actor,
            "object": what,
        } | more

    def types(self) -> list[str]:
        """The types of what came, with what an Announce announces: `Announce(Create)`, `Announce(id)`."""
        return [_type(activity) for activity in self.inbox]

    def of_type(self, kind: str) -> list[Document]:
        return [activity for activity in self.inbox if _type(activity) == kind]


def _type(activity: Document) -> str:
    inner = activity.get("object")
    if activity["type"] in ("Announce", "Undo"):
        return f"{activity['type']}({inner['type'] if isinstance(inner, dict) else 'id'})"
    return str(activity["type"])


def signed(
    url: str, body: bytes | None, key_id: str, method: str = "POST", more: Mapping[str, str] = NO_MORE
) -> dict[str, str]:
    headers = Signer.from_pem(key_id, _PRIVATE).sign_cavage(method, url, body, clock.now(), more)
    return {name.lower(): value for name, value in headers.items()}


class Moot:
    """Our own instance as others reach it."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        app = Starlette(routes=routes())
        app.state.runtime = runtime
        self.browser = Browser(app)

    async def get(self, path: str, accept: str = ACTIVITY) -> Answer:
        return await self.ask(path, {"accept": accept})

    async def ask(self, path: str, headers: dict[str, str]) -> Answer:
        return await self.browser.send("GET", path.removeprefix(BASE_URL), headers=headers)

    async def read_as(self, actor: str, path: str, *, sign_query: bool = True) -> Answer:
        """GET as an instance does that signs with this actor's key."""
        target = path.removeprefix(BASE_URL)
        what = target if sign_query else target.partition("?")[0]
        headers = signed(BASE_URL + what, None, f"{actor}#main-key", "GET")
        return await self.browser.send("GET", target, headers={"accept": ACTIVITY} | headers)

    async def deliver(
        self, activity: Document, *, key: str | None = None, path: str = "/ap/inbox", more: Mapping[str, str] = NO_MORE
    ) -> Answer:
        """POST an activity and the headers in `more`, signed by its own actor unless `key` says otherwise."""
        body = json.dumps(activity).encode()
        key_id = key or f"{activity['actor']}#main-key"
        return await self.post(body, signed(BASE_URL + path, body, key_id, more=more), path)

    async def post(self, body: bytes, headers: dict[str, str], path: str = "/ap/inbox") -> Answer:
        return await self.browser.send("POST", path, body, {"content-type": ACTIVITY} | headers)


@asynccontextmanager
async def peer(address: str, software: str, name: str | None = None) -> AsyncIterator[Peer]:
    made = Peer(address, software, name)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
