"""What fault tests share: a durable PostgreSQL, a moot started by the launcher, and a forum elsewhere that reads it."""

import itertools
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from federation import keys
from server import worker
from server.postgres import Embedded
from tests.browser_like import Answer
from tests.conftest import _one_key_pair
from tests.faults.verify import verify
from tests.federation.peer import PUBLIC, Document, Peer, peer, signed
from tests.real_moot import RealMoot, WireBrowser, real_moot

LAUNCHER = ("-m", "tests.faults.launch")
RESIDENTS = ("ana", "ben", "cleo", "dina", "emil", "flora")


class Neighbourhood:
    """Elm Street on a moot of real processes; its forum peer has the member Lena. Mia moderates."""

    def __init__(self, moot: RealMoot, there: Peer, embedded: Embedded) -> None:
        self.moot = moot
        self.there = there
        self.embedded = embedded
        self.group = f"{moot.base}/ap/groups/elm_street"
        self.numbers = itertools.count(1)
        self.browsers: dict[str, WireBrowser] = {}
        self.acknowledged: list[str] = []
        self.accepted: list[str] = []

    async def open(self) -> None:
        residents = {name: await self.moot.add_resident(name) for name in ("mia", *RESIDENTS)}
        self.group_id = await self.moot.add_group("elm_street", "Elm Street", residents["mia"])
        with pytest.MonkeyPatch.context() as patch:
            # One key pair for all: making a real one takes half a second, and has tests of its own.
            patch.setattr(keys, "_make", _one_key_pair)
            await worker.run_until_idle(self.moot.runtime)
        for name in residents:
            self.browsers[name] = await self.moot.signed_in(name)
        self.lena = self.there.actor("lena")
        await self.moot.start_both()
        await self.deliver(self.there.activity("Follow", self.lena, self.group))
        await self.moot.at_rest()
        assert self.there.types() == ["Accept"]

    async def deliver(self, activity: Document) -> None:
        """Send as other servers do: the same activity again until it is taken."""
        body = json.dumps(activity).encode()
        browser = self.moot.browser()

        async def once() -> Answer:
            headers = signed(f"{self.moot.base}/ap/inbox", body, f"{activity['actor']}#main-key")
            return await browser.send(
                "POST", "/ap/inbox", body, {"content-type": "application/activity+json"} | headers
            )

        answer = await self.moot.insist(once)
        assert answer.status == 202, answer.text
        self.accepted.append(str(activity["id"]))

    async def write(self, name: str, text: str | None = None) -> str:
        """Fill in the form and send it, again with the same key until it is answered; the post's id."""
        said = text or f"Text number {next(self.numbers)}."
        browser = self.browsers[name]
        form = (await self.moot.insist(lambda: browser.get("/g/elm_street/write"))).form("Send")
        typed = form.values | {"title": f"About {said}", "text": said}
        answer = await self.moot.insist(lambda: browser.post(form.action, typed, follow=False))
        assert answer.status == 303, (answer.status, answer.words)
        where = answer.header("location") or ""
        self.acknowledged.append(where.removeprefix("/t/"))
        return self.acknowledged[-1]

    def note(self) -> Document:
        content = f"<p>Note number {next(self.numbers)}.</p>"
        note = self.there.note(self.lena, content, cc=[self.group], name=f"About {content[3:-4]}", type="Page")
        return self.there.activity("Create", self.lena, note, to=[PUBLIC], cc=[self.group])

    def arm(self, place: str) -> None:
        (self.moot.folder / "fired").unlink(missing_ok=True)
        (self.moot.folder / "arming").write_text(place)
        (self.moot.folder / "arming").rename(self.moot.folder / "armed")

    @property
    def fired(self) -> bool:
        return (self.moot.folder / "fired").exists()

    async def worker_dies(self) -> None:
        """Wait for the death of the worker at the armed place, and start another one."""
        code = await self.moot.ended("worker")
        assert (code, self.fired) == (-9, True), self.moot.said("worker")[-3000:]
        self.moot.start("worker")

    async def verify(self) -> None:
        """All that was begun comes to its end, and what was acknowledged is there once."""
        await self.moot.at_rest()
        await verify(self.moot, self.there.inbox, self.acknowledged, self.accepted)
        for role in ("web", "worker"):
            said = self.moot.said(role).splitlines()
            # asyncpg's pool tells at length that the database was away; anything else was not foreseen.
            faults = [line for line in said if "Traceback" in line and "pool connection floor" not in line]
            assert faults == []


@pytest.fixture(scope="module")
def durable_cluster() -> Iterator[Embedded]:
    """A PostgreSQL that loses nothing it has acknowledged, unlike the other tests' one."""
    with tempfile.TemporaryDirectory(prefix="moot-faults-") as folder:
        Path(folder).chmod(0o755)
        cluster = Embedded(Path(folder) / "data")
        cluster.start()
        yield cluster
        cluster.release()


@pytest.fixture(scope="module")
async def neighbourhood(
    durable_cluster: Embedded, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Neighbourhood]:
    dsn = durable_cluster.start()
    folder = tmp_path_factory.mktemp("neighbourhood")
    async with peer("127.0.0.15", "lemmy") as there, real_moot("127.0.0.14", dsn, folder, LAUNCHER) as moot:
        made = Neighbourhood(moot, there, durable_cluster)
        await made.open()
        yield made
