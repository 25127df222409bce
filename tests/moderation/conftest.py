"""A neighbourhood with a group, its moderators and an admin, and a worker that runs this floor's jobs alone."""

import dataclasses
from collections.abc import Sequence

import pytest

from moderation import checks, rules
from moderation.criteria import Criteria
from moderation.rules import RuleForm
from moderation.scorer import Scores
from server import jobs, worker
from server.community import accounts, actors, groups, memberships, posts, revisions
from server.community.actors import Actor
from server.community.groups import Group, GroupForm
from server.community.posts import Post
from server.community.sessions import STRANGER, Viewer
from server.runtime import Runtime
from server.urls import Urls
from tests.conftest import Databases, settings_for

OURS = {name for name, target in worker.EFFECTS.items() if target.startswith("moderation.")}
PASSWORD = "a long enough password"


class StubScorer:
    """Scores every text alike, or fails as it is told to."""

    name = "stub"
    labels = ("toxicity",)
    languages = frozenset({"en"})

    def __init__(self, value: float = 0.0, error: Exception | None = None) -> None:
        self.value = value
        self.error = error
        self.asked: list[str] = []

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        self.asked += texts
        if self.error:
            raise self.error
        return [Scores({"toxicity": self.value}) for _ in texts]

    async def close(self) -> None:
        return None


@dataclasses.dataclass
class Neighbourhood:
    """Mia and Mo moderate `group`; Ana and Ben are residents; `rule` is the group's first rule; Ada is the admin."""

    runtime: Runtime
    people: dict[str, int]
    group_id: int
    rule: int
    spread: list[jobs.Job] = dataclasses.field(default_factory=list)

    @property
    def urls(self) -> Urls:
        return Urls(self.runtime.settings.base_url)

    def viewer(self, name: str) -> Viewer:
        values = {field: getattr(STRANGER, field) for field in STRANGER.__struct_fields__}
        return Viewer(
            **values | {"account_id": self.people[name], "session_id": 1, "name": name, "admin": name == "ada"}
        )

    async def group(self, viewer: str = "ana", group_id: int | None = None) -> Group:
        async with self.runtime.db.read() as conn:
            found = await groups.BY_ID.one(conn, group_id or self.group_id, self.people[viewer])
        assert found is not None
        return found

    async def actor(self, name: str) -> Actor:
        async with self.runtime.db.read() as conn:
            return await actors.by_id(conn, self.people[name])

    async def submit(
        self, author: str, source: str, *, title: str | None = "Bins", parent: Post | None = None,
        group_id: int | None = None,
    ) -> Post:  # fmt: skip
        """As any door does it; nothing is screened yet."""
        group = await self.group("ana", group_id)
        person = await self.actor(author)
        uri = None if person.local else f"https://{person.host}/notes/{len(source)}-{abs(hash(source))}"
        draft = posts.Draft(
            author=person, group=group, parent=parent, title=None if parent else title, source=source, uri=uri
        )
        async with self.runtime.db.transaction() as conn:
            return await posts.submit_post(conn, self.urls, draft)

    async def post(self, author: str, source: str, **more: object) -> Post:
        """Submitted and screened."""
        post = await self.submit(author, source, **more)  # type: ignore[arg-type]
        await self.work()
        return await self.read(post.id)

    async def edit(self, post: Post, source: str) -> int:
        """A screened edit; returns the revision's number."""
        async with self.runtime.db.transaction() as conn:
            await posts.by_id(conn, post.id, lock=True)
            number = await revisions.submit_edit(conn, post.id, title=post.title, link=None, source=source)
        assert number is not None
        await self.work()
        return number

    async def read(self, post_id: int) -> Post:
        async with self.runtime.db.read() as conn:
            return await posts.by_id(conn, post_id)

    async def work(self) -> None:
        """Run this floor's jobs as the worker does; keep what others would run in `spread`."""
        while await self._step():
            pass

    async def _step(self) -> bool:
        names = [*worker.EFFECTS, *(name for name in worker.ERRANDS if name != "score_revision")]
        async with self.runtime.db.transaction() as conn:
            job = await jobs.TAKE.one(conn, names)
            if job is not None:
                if job.name in OURS:
                    await worker.resolve(worker.EFFECTS[job.name])(conn, self.runtime, **job.args)
                else:
                    self.spread.append(job)
                return True
            late = await jobs.TAKE.one(conn, ["score_revision"])
        if late is not None:
            await worker.resolve(worker.ERRANDS["score_revision"])(self.runtime, **late.args)
        return late is not None

    def spread_events(self, post: Post) -> list[str]:
        """What other servers would be told about a post."""
        return [
            str(job.args["event"])
            for job in self.spread
            if job.name == "spread_post" and job.args["post_id"] == post.id
        ]

    async def check(self, criteria: Criteria, action: str, *, rule: int | None = None) -> int:
        async with self.runtime.db.transaction() as conn:
            return await checks.create_check(
                conn, self.group_id, rule or self.rule, criteria, action, self.people["mia"]
            )

    async def told(self, name: str, kind: str) -> list[dict[str, object]]:
        """The details of somebody's notifications of one kind, oldest first."""
        async with self.runtime.db.read() as conn:
            found = await conn.fetch(
                "select detail from notifications where account_id = $1 and kind = $2 order by id",
                self.people[name], kind,
            )  # fmt: skip
        return [row["detail"] for row in found]

    async def remote_person(self, name: str, host: str = "remote.example") -> int:
        async with self.runtime.db.transaction() as conn:
            person = await actors.save_remote(
                conn, kind="person", name=name, host=host, uri=f"https://{host}/users/{name}", url=None, title=name,
                about_html="",
            )  # fmt: skip
        assert person is not None
        self.people[name] = person.id
        return person.id

    async def remote_group(self, name: str, host: str = "remote.example") -> int:
        """A group elsewhere that somebody here reads."""
        async with self.runtime.db.transaction() as conn:
            group = await actors.save_remote(
                conn, kind="group", name=name, host=host, uri=f"https://{host}/c/{name}", url=None, title=name,
                about_html="",
            )  # fmt: skip
            assert group is not None
            await groups.know_remote(conn, group.id, posting="anyone", join_mode="open")
        return group.id


@dataclasses.dataclass
class Settled:
    """A database in which everybody has moved in: hashing their passwords takes longer than most tests."""

    template: str
    people: dict[str, int]
    group_id: int
    rule: int


@pytest.fixture(scope="session")
async def settled(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    dsn = await databases.copy()
    runtime = await Runtime.open(settings_for(dsn, tmp_path_factory.mktemp("settled")), dsn)
    urls = Urls(runtime.settings.base_url)
    people: dict[str, int] = {}
    async with runtime.db.transaction() as conn:
        for name in ("ana", "ben", "mia", "moe", "ada"):
            people[name] = await accounts.create(conn, urls, name, f"{name}@example.org", PASSWORD, admin=name == "ada")
        group_id = await groups.create(conn, urls, "oak_street", GroupForm(title="Oak Street"))
        await memberships.add_moderator(conn, people["mia"], group_id)
        await memberships.add_moderator(conn, people["moe"], group_id)
        form = RuleForm("No advertising", "Tell us *about* yourself, not your shop.")
        rule = await rules.add(conn, group_id, form, people["mia"])
        await conn.execute("delete from jobs")
    await runtime.close()
    return Settled(databases.name_of(dsn), people, group_id, rule)


@pytest.fixture
def template(settled: Settled) -> str:
    return settled.template


@pytest.fixture
def town(runtime: Runtime, settled: Settled) -> Neighbourhood:
    return Neighbourhood(runtime, dict(settled.people), settled.group_id, settled.rule)
