"""Elm Street, a group of ours with readers elsewhere: a forum (Lemmy) and a microblog (Mastodon)."""

import msgspec

from federation import delivery, remote
from moderation import checks, rules
from moderation.criteria import WordsCriteria
from moderation.rules import RuleForm
from server import worker
from server.community import accounts, actors, groups, media, memberships, posts
from server.community.actors import Actor
from server.community.groups import Group, GroupForm
from server.community.media import Picture
from server.community.posts import Draft, Post
from server.community.sessions import STRANGER, Viewer
from server.runtime import Runtime
from server.urls import Urls
from tests.federation.peer import PUBLIC, Document, Moot, Peer
from tests.pictures import png

GROUP = "http://moot.test/ap/groups/elm_street"


class Street:
    """Our instance with the group Elm Street, its moderator Mia and the resident Ana. The word casino breaks rule 1.

    `lemmy` has the member Lena, `mastodon` the member Max."""

    def __init__(self, runtime: Runtime, lemmy: Peer, mastodon: Peer) -> None:
        self.runtime = runtime
        self.moot = Moot(runtime)
        self.lemmy = lemmy
        self.mastodon = mastodon
        self.urls = Urls(runtime.settings.base_url)

    async def open(self) -> None:
        async with self.runtime.db.transaction() as conn:
            self.ana_id = await accounts.create(conn, self.urls, "ana", "ana@post.example", "a long sentence")
            self.mia_id = await accounts.create(conn, self.urls, "mia", "mia@post.example", "a long sentence")
            self.group_id = await groups.create(conn, self.urls, "elm_street", GroupForm(title="Elm Street"))
            await memberships.add_moderator(conn, self.mia_id, self.group_id)
            self.rule_id = await rules.add(conn, self.group_id, RuleForm("No advertising"), self.mia_id)
            words = WordsCriteria(words=("casino",))
            await checks.create_check(conn, self.group_id, self.rule_id, words, "hold", self.mia_id)
        self.lena = self.lemmy.actor("lena")
        self.max = self.mastodon.actor("max")
        await self.settle()
        for there, who in ((self.lemmy, self.lena), (self.mastodon, self.max)):
            answer = await self.moot.deliver(there.activity("Follow", who, GROUP))
            assert answer.status == 202
        await self.settle()

    async def settle(self) -> None:
        """Until nothing is left to do or to send."""
        while await worker.run_until_idle(self.runtime) or sum((await delivery.drain_once(self.runtime)).values()):
            pass

    async def actor(self, actor_id: int) -> Actor:
        async with self.runtime.db.read() as conn:
            return await actors.by_id(conn, actor_id)

    async def group(self, viewer: int | None = None) -> Group:
        async with self.runtime.db.read() as conn:
            group = await groups.BY_ID.one(conn, self.group_id, viewer)
            assert group is not None
            return group

    async def ask_to_join(self, there: Peer, name: str) -> int:
        """Ana looks up a group of another server and asks to join; its id here. It has not answered yet."""
        group_id = (await remote.look_up(self.runtime, f"!{name}@{there.host}")).id
        async with self.runtime.db.transaction() as conn:
            group = await groups.BY_ID.one(conn, group_id, self.ana_id)
            assert group is not None
            await memberships.join(conn, await actors.by_id(conn, self.ana_id), group)
        await self.settle()
        return group_id

    async def picture(self, words: str = "") -> Picture:
        """One that Ana has taken in."""
        made = await media.take_in(self.runtime, self.ana_id, png())
        return msgspec.structs.replace(made, words=words)

    async def write(
        self, title: str | None, source: str, parent: Post | None = None, link: str | None = None,
        pictures: tuple[Picture, ...] = (),
    ) -> Post:  # fmt: skip
        author, group = await self.actor(self.ana_id), await self.group(self.ana_id)
        async with self.runtime.db.transaction() as conn:
            draft = Draft(
                author=author, group=group, parent=parent, title=title, link=link, source=source, pictures=pictures
            )
            post = await posts.submit_post(conn, self.urls, draft)
        await self.settle()
        return await self.post(post.uri)

    async def post(self, uri: str) -> Post:
        async with self.runtime.db.read() as conn:
            post = await posts.by_uri(conn, uri)
        assert post is not None
        return post

    async def count_posts(self) -> int:
        async with self.runtime.db.read() as conn:
            return int(await conn.fetchval("select count(*) from posts"))

    def clear(self) -> None:
        self.lemmy.inbox.clear()
        self.mastodon.inbox.clear()

    @property
    def mia(self) -> Viewer:
        """The moderator as a page knows her."""
        values = {field: getattr(STRANGER, field) for field in STRANGER.__struct_fields__}
        return Viewer(**values | {"account_id": self.mia_id, "session_id": 1, "name": "mia"})


def addressed(street: Street, there: Peer, author: str, content: str, **more: object) -> Document:
    note = there.note(author, content, cc=[GROUP], **more)
    return there.activity("Create", author, note, to=[PUBLIC], cc=[GROUP])
