"""Elm Street when everybody has moved in, kept as a template of databases: moving in takes longer than most tests."""

import copy
import datetime as dt
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from server import clock
from server.runtime import Runtime
from tests.conftest import EMPTY, Databases, make_secrets_quickly, settings_for
from tests.federation.peer import Moot, Peer
from tests.federation.street import Street

# Long enough that nothing depends on how long the tests before took.
AGO = dt.timedelta(hours=1)


class SettledStreet:
    """`street` as it was when it became the database `template`; both of its peers are away."""

    def __init__(self, template: str, street: Street) -> None:
        self.template = template
        self.street = street

    @asynccontextmanager
    async def again(self, runtime: Runtime) -> AsyncIterator[Street]:
        """The street of a runtime whose database is a copy, with peers that know what they knew."""
        made = copy.copy(self.street)
        made.runtime, made.moot = runtime, Moot(runtime)
        made.lemmy, made.mastodon = copy.deepcopy(self.street.lemmy), copy.deepcopy(self.street.mastodon)
        await made.lemmy.resume()
        await made.mastodon.resume()
        yield made
        await made.lemmy.stop()
        await made.mastodon.stop()


@contextmanager
def reserved(address: str) -> Iterator[int]:
    """A port of this address that is given to nobody else; whoever asks for it by number may listen there."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind((address, 0))
        yield kept.getsockname()[1]


@pytest.fixture(scope="session")
async def settled_street(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SettledStreet]:
    dsn = await databases.copy()
    clock.move_to_offset(-AGO)
    runtime = await Runtime.open(settings_for(dsn, tmp_path_factory.mktemp("street")), dsn)
    # The keys of the instance itself, which it was to make when the empty database was made: that is later.
    await runtime.db.pool.execute("update jobs set due_at = clock_now()")
    lemmy, mastodon = Peer("127.0.0.5", "lemmy"), Peer("127.0.0.6", "mastodon")
    street = Street(runtime, lemmy, mastodon)
    with reserved(lemmy.address) as one, reserved(mastodon.address) as another:
        with pytest.MonkeyPatch.context() as patch:
            make_secrets_quickly(patch)
            await lemmy.start(one)
            await mastodon.start(another)
            await street.open()
            await lemmy.stop()
            await mastodon.stop()
        await runtime.close()
        clock.move_to_offset(dt.timedelta())
        yield SettledStreet(databases.name_of(dsn), street)


def template_of(request: pytest.FixtureRequest) -> str:
    """Of which database this test gets a copy: of the street's, if it takes place there."""
    if "street" not in request.fixturenames:
        return EMPTY
    settled: SettledStreet = request.getfixturevalue("settled_street")
    return settled.template
