"""What the tests of federation share: three servers on loopback and the client that may reach two of them."""

from collections.abc import AsyncIterator

import pytest

from federation.http import Client
from server.runtime import Runtime
from tests.federation.loopback import AGENT, EVIL, FORBIDDEN, NOW, POLICY, VICTIM, Names, Server, reply
from tests.federation.peer import peer
from tests.federation.street import Street
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
async def street(runtime: Runtime) -> AsyncIterator[Street]:
    async with peer("127.0.0.5", "lemmy") as lemmy, peer("127.0.0.6", "mastodon") as mastodon:
        made = Street(runtime, lemmy, mastodon)
        await made.open()
        yield made


@pytest.fixture
async def village(street: Street) -> AsyncIterator[Village]:
    async with village_at(street) as made:
        yield made
