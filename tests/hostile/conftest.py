"""What hostile tests share: Elm Street with honest readers, a group elsewhere that lies, and a watch on what we do."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
from starlette.applications import Starlette

from federation import remote
from server.runtime import Runtime
from tests.federation.peer import PUBLIC, Document, Peer, peer
from tests.federation.settled import SettledStreet, template_of
from tests.federation.street import Street
from tests.hostile.private_street import Private
from tests.hostile.watching import Watch
from web.app import create_app

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what stands in this folder: attacks come in great number, and half of all time would be theirs."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.hostile)


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str:
    return template_of(request)


@pytest.fixture
def app(runtime: Runtime) -> Starlette:
    return create_app(runtime)


@pytest.fixture
async def watch(runtime: Runtime) -> Watch:
    made = Watch(runtime)
    made.stand_at_the_door()
    return made


@pytest.fixture
async def street(runtime: Runtime, settled_street: SettledStreet, watch: Watch) -> AsyncIterator[Street]:
    async with settled_street.again(runtime) as made:
        yield made


@dataclasses.dataclass
class World:
    """Elm Street, and four servers with names of their own: one that attacks, one in whose name, and bystanders."""

    street: Street
    app: Starlette
    watch: Watch
    evil: Peer
    victim: Peer
    group: Peer
    bystander: Peer

    @contextlib.asynccontextmanager
    async def assert_no_effect(self, *, but: Collection[str] = (), asks: int = 0) -> AsyncIterator[None]:
        """What is done inside, with all work that follows from it, changes nothing and asks nobody anything."""
        async with self.watch.assert_no_effect(but=but, asks=asks):
            yield
            await self.street.settle()

    async def known(self, there: Peer, name: str) -> str:
        """Somebody elsewhere whom we know already, so that a refusal leaves not even their row."""
        uri = there.actor(name)
        answer = await self.street.moot.deliver(there.activity("Like", uri, f"{there.base}/notes/0"))
        assert answer.status == 202
        await remote.fetch_actor(self.street.runtime, uri)
        return uri


@pytest.fixture
async def world(street: Street, app: Starlette, watch: Watch) -> AsyncIterator[World]:
    async with (
        peer("127.0.0.2", "mastodon", "evil.test") as evil,
        peer("127.0.0.3", "mastodon", "victim.test") as victim,
        peer("127.0.0.8", "lemmy", "group.test") as group,
        peer("127.0.0.4", "mastodon", "bystander.test") as bystander,
    ):
        yield World(street, app, watch, evil, victim, group, bystander)


@dataclasses.dataclass
class Liar:
    """The group `liars` of the server `there`, which Ana has joined: it announces whatever it likes."""

    street: Street
    there: Peer
    uri: str
    group_id: int

    async def announce(self, what: object) -> None:
        activity = self.there.activity("Announce", self.uri, what, to=[PUBLIC])
        assert (await self.street.moot.deliver(activity)).status == 202
        await self.street.settle()

    def claim(self, kind: str, actor: str, what: object, **more: object) -> Document:
        """What somebody on another server is said to have done."""
        return self.there.activity(kind, actor, what, **more)


@pytest.fixture
async def liar(street: Street) -> AsyncIterator[Liar]:
    async with peer("127.0.0.7", "lemmy") as there:
        uri = there.actor("liars", "Group")
        group_id = await street.ask_to_join(there, "liars")
        accept = there.activity("Accept", uri, there.of_type("Follow")[0])
        assert (await street.moot.deliver(accept)).status == 202
        await street.settle()
        yield Liar(street, there, uri, group_id)


@pytest.fixture
async def outside() -> AsyncIterator[Peer]:
    async with peer("127.0.0.8", "lemmy") as made:
        yield made


@pytest.fixture
async def private(street: Street, app: Starlette, outside: Peer) -> Private:
    made = Private(street, app, outside)
    await made.open()
    return made
