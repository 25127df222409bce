"""A private and a local group beside Elm Street, and everybody who is not to read them."""

from starlette.applications import Starlette

from federation import remote
from moderation import checks, decisions, rules
from moderation.criteria import WordsCriteria
from moderation.rules import RuleForm
from server.community import accounts, actors, groups, invitations, memberships, posts, sessions
from server.community.groups import Group, GroupForm
from server.community.posts import Draft, Post
from tests.browser_like import Answer, Browser
from tests.federation.peer import ACTIVITY, Document, Peer
from tests.federation.street import Street

SECRET = "xylophone"
GARDEN = "http://moot.test/ap/groups/garden_club"


class Private:
    """The groups garden_club (private) and cellar (local) of our instance, both of which Mia moderates.

    Ana belongs to both. Of the private one are also Lena of `forum`, and Nora of `microblog`; Max, of the server
    `outside`, is not, nor is our resident Bert.
    """

    def __init__(self, street: Street, app: Starlette, outside: Peer) -> None:
        self.street = street
        self.app = app
        self.forum = street.lemmy
        self.microblog = street.mastodon
        self.outside = outside

    async def open(self, *, discoverable: bool = True) -> None:
        street = self.street
        async with street.runtime.db.transaction() as conn:
            self.bert_id = await accounts.create(conn, street.urls, "bert", "bert@post.example", "a long sentence")
            form = GroupForm(title="Garden Club", visibility="private", join_mode="ask", discoverable=discoverable)
            self.garden_id = await groups.create(conn, street.urls, "garden_club", form)
            await memberships.add_moderator(conn, street.mia_id, self.garden_id)
            form = GroupForm(title="Cellar", visibility="local")
            self.cellar_id = await groups.create(conn, street.urls, "cellar", form)
            await memberships.add_moderator(conn, street.mia_id, self.cellar_id)
            self.rules = {
                group_id: await rules.add(conn, group_id, RuleForm("Bulbs and bottles only"), street.mia_id)
                for group_id in (self.garden_id, self.cellar_id)
            }
            words = WordsCriteria(words=("casino",))
            rule_id = self.rules[self.garden_id]
            await checks.create_check(conn, self.garden_id, rule_id, words, "hold", street.mia_id)
        await street.settle()
        self.nora = self.microblog.actor("nora")
        self.max = self.outside.actor("max")
        await self.let_in(street.ana_id)
        await self.follow(self.forum, street.lena)
        await self.follow(self.microblog, self.nora)
        async with street.runtime.db.transaction() as conn:
            ana, cellar = await actors.by_id(conn, street.ana_id), await groups.BY_ID.one(conn, self.cellar_id, None)
            assert cellar is not None
            await memberships.join(conn, ana, cellar)
        # The author's own followers, who read what she writes elsewhere, are no members here.
        follow = self.outside.activity("Follow", self.max, street.urls.actor("person", "ana"))
        answer = await street.moot.deliver(follow)
        assert answer.status == 202
        await street.settle()

    async def group(self, group_id: int, viewer: int | None = None) -> Group:
        async with self.street.runtime.db.read() as conn:
            group = await groups.BY_ID.one(conn, group_id, viewer)
        assert group is not None
        return group

    async def let_in(self, person_id: int) -> None:
        """A resident asks, and a moderator lets them in."""
        async with self.street.runtime.db.transaction() as conn:
            person = await actors.by_id(conn, person_id)
            group = await groups.BY_ID.one(conn, self.garden_id, person_id)
            assert group is not None
            await invitations.invite(conn, group, person)
            assert await memberships.join(conn, person, group) == "joined"
        await self.street.settle()

    async def follow(self, there: Peer, who: str) -> None:
        """Somebody elsewhere asks, and a moderator lets them in."""
        if not (await self.group(self.garden_id)).discoverable:
            invited = await remote.fetch_actor(self.street.runtime, who)
            async with self.street.runtime.db.transaction() as conn:
                await invitations.invite(conn, await self.group(self.garden_id), invited)
        assert (await self.street.moot.deliver(there.activity("Follow", who, GARDEN))).status == 202
        async with self.street.runtime.db.transaction() as conn:
            person, group = await actors.by_uri(conn, who), await groups.BY_ID.one(conn, self.garden_id, None)
            assert person is not None
            assert group is not None
            if group.discoverable:
                await memberships.answer(conn, group, person, accept=True)
        await self.street.settle()

    async def write(self, group_id: int, title: str | None, source: str, parent: Post | None = None) -> Post:
        author = await self.street.actor(self.street.ana_id)
        async with self.street.runtime.db.transaction() as conn:
            group = await groups.BY_ID.one(conn, group_id, author.id)
            assert group is not None
            draft = Draft(author=author, group=group, parent=parent, title=title, source=source)
            post = await posts.submit_post(conn, self.street.urls, draft)
        await self.street.settle()
        return await self.street.post(post.uri)

    async def said(self, activity: Document) -> tuple[int, bytes, str]:
        """The answer to an activity, and what we note of it."""
        answer = await self.street.moot.deliver(activity)
        await self.street.settle()
        async with self.street.runtime.db.read() as conn:
            outcome = await conn.fetchval("select outcome from seen_activities where uri = $1", activity["id"])
        return answer.status, answer.body, str(outcome)

    async def remove(self, post: Post, reason: str = "Not here.") -> None:
        """Mia removes it."""
        async with self.street.runtime.db.transaction() as conn:
            await decisions.remove_directly(conn, self.street.mia, post.id, self.rules[post.group_id], reason)
        await self.street.settle()

    async def delete(self, post: Post) -> None:
        """Its author takes it back."""
        async with self.street.runtime.db.transaction() as conn:
            await posts.delete_post(conn, await posts.by_id(conn, post.id, lock=True))
        await self.street.settle()

    async def browser(self, account_id: int | None) -> Browser:
        made = Browser(self.app)
        if account_id is not None:
            async with self.street.runtime.db.transaction() as conn:
                made.cookies["session"] = await sessions.open_session(conn, await accounts.by_id(conn, account_id), "")
        return made

    def written_by(self, there: Peer, author: str, content: str, **more: object) -> Document:
        """A Create for the members of the garden club alone, as Lemmy 1.0 writes it."""
        to = [GARDEN, f"{GARDEN}/followers"]
        note = there.note(author, content, **({"to": to, "audience": GARDEN} | more))
        return there.activity("Create", author, note, to=note["to"], audience=GARDEN)

    async def documents(self) -> list[str]:
        """Every address for instances in which something of these groups could be read."""
        paths = ["/nodeinfo/2.1"]
        for actor in ("groups/garden_club", "groups/cellar", "people/ana", "people/mia", "instance"):
            paths += [f"/ap/{actor}{part}" for part in ("", "/outbox", "/outbox?page=start")]
            paths += [f"/ap/{actor}{part}" for part in ("/followers", "/followers?page=start")]
            paths += [f"/ap/{actor}{part}" for part in ("/featured", "/moderators", "/inbox")]
        async with self.street.runtime.db.read() as conn:
            ids = [row["id"] for row in await conn.fetch("select id from posts")]
            uris = [row["uri"] for row in await conn.fetch("select uri from activities")]
        for one in ids:
            paths += [f"/ap/posts/{one}{part}" for part in ("", "/likes", "/replies", "/context")]
            paths += [f"/ap/posts/{one}{part}?page=start" for part in ("/replies", "/context")]
        return paths + [uri.removeprefix(self.street.urls.base) for uri in uris]

    async def read_all(self, actor: str | None) -> list[Answer]:
        """All of them, read by an instance, or unsigned."""
        found = []
        for path in await self.documents():
            if actor is None:
                found.append(await self.street.moot.browser.send("GET", path, headers={"accept": ACTIVITY}))
            else:
                found.append(await self.street.moot.read_as(actor, path))
        assert [answer.path for answer in found if answer.status >= 500] == []
        return found

    async def pages(self, browser: Browser) -> list[Answer]:
        """Every page in which something of these groups could be read."""
        paths = ["/", "/groups", "/@ana", "/@mia", "/notifications", "/record", "/record.csv", "/record.json", "/queue"]
        parts = ("", "?sort=newest", "?sort=unanswered", "/rules", "/record", "/record.csv", "/record.json")
        for group in ("garden_club", "cellar"):
            paths += [f"/g/{group}{part}" for part in (*parts, "/write", "/members", "/settings")]
        async with self.street.runtime.db.read() as conn:
            ids = [row["id"] for row in await conn.fetch("select id from posts")]
            decided = [row["id"] for row in await conn.fetch("select id from decisions")]
        for one in ids:
            things = ("", "/history", "/report", "/edit", "/delete", "/decision", "/remove", f"?reply={one}")
            paths += [f"/t/{one}{part}" for part in things]
        paths += [f"/decisions/{one}" for one in decided]
        found = [await browser.get(path) for path in paths]
        assert [answer.path for answer in found if answer.status >= 500] == []
        return found


def told(found: list[Answer]) -> list[str]:
    return [answer.path for answer in found if SECRET in answer.body.decode("utf-8", "replace").lower()]
