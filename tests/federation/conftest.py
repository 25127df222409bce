"""What the tests of federation share: three servers on loopback and the client that may reach two of them."""

from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from federation import keys
from federation.http import Client
from server.community import actors
from server.runtime import Runtime
from server.urls import Urls
from tests.federation import sinks
from tests.federation.loopback import AGENT, EVIL, FORBIDDEN, NOW, POLICY, VICTIM, Names, Server, reply
from tests.federation.peer import Peer, peer
from tests.federation.sender import Sender
from tests.federation.settled import SettledStreet, template_of
from tests.federation.signed import ED25519, RSA
from tests.federation.sinks import Sink
from tests.federation.street import GROUP, Street
from tests.federation.village import Village, village_at


@pytest.fixture
async def evil() -> AsyncIterator[Server]:
    server = Server(EVIL)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def victim() -> AsyncIterator[Server]:
    server = Server(VICTIM)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def forbidden() -> AsyncIterator[Server]:
    """Listens where no request of ours may go."""
    server = Server(FORBIDDEN)
    server.default = lambda _path: reply(b"{}")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def names() -> Names:
    return Names({})


@pytest.fixture
async def fetcher(names: Names) -> AsyncIterator[Client]:
    made = Client(POLICY, AGENT, lambda: NOW, resolver=names)
    yield made
    await made.close()


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str:
    return template_of(request)


@pytest.fixture
async def street(runtime: Runtime, settled_street: SettledStreet) -> AsyncIterator[Street]:
    async with settled_street.again(runtime) as made:
        yield made


@pytest.fixture
async def village(street: Street) -> AsyncIterator[Village]:
    async with village_at(street) as made:
        yield made


@pytest.fixture
async def piefed(street: Street) -> AsyncIterator[Peer]:
    """A forum that reads polls, whose member Petra has joined Elm Street."""
    async with peer("127.0.0.8", "piefed") as there:
        follow = there.activity("Follow", there.actor("petra"), GROUP)
        assert (await street.moot.deliver(follow)).status == 202
        await street.settle()
        there.inbox.clear()
        yield there


@pytest.fixture
async def sender(runtime: Runtime) -> Sender:
    urls = Urls(runtime.settings.base_url)
    async with runtime.db.transaction() as conn:
        actor_id = await actors.create_local(conn, urls, "group", "oak_street", "Oak Street")
        # Made once for all tests: making them takes longer than most of these tests.
        for kind, key in (("rsa", RSA), ("ed25519", ED25519)):
            private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
            public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
            await keys.ADD.run(conn, actor_id, kind, private, public_pem)
        public = await keys.public_keys(conn, actor_id)
    assert public is not None
    return Sender(runtime, actor_id, urls.actor("group", "oak_street"), public)


@pytest.fixture
async def oak() -> AsyncIterator[Sink]:
    async with sinks.sink("127.0.0.2") as made:
        yield made


@pytest.fixture
async def elm() -> AsyncIterator[Sink]:
    async with sinks.sink("127.0.0.3") as made:
        yield made
