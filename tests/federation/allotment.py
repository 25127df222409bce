"""A group elsewhere with moderators of its own, which Ana has joined: what they do there is mirrored here."""

import dataclasses

import msgspec

from moderation import decisions, rules
from moderation.rules import RuleForm
from server.community import groups, posts
from server.community.groups import Group
from server.community.posts import Draft, Post
from tests.federation.peer import PUBLIC, Document, Peer
from tests.federation.street import Street


@dataclasses.dataclass
class Allotment:
    """The group `allotment` of the server `there`: Mona moderates it, and Gil writes there."""

    street: Street
    there: Peer
    uri: str
    mona: str
    gil: str
    group_id: int = 0

    @classmethod
    async def joined(cls, street: Street, there: Peer) -> "Allotment":
        uri = f"{there.base}/u/allotment"
        there.actor(
            "allotment", "Group", attributedTo=f"{uri}/moderators", featured=f"{uri}/featured"
        )  # fmt: skip
        made = cls(street, there, uri, there.actor("mona"), there.actor("gil"))
        made.list_moderators(made.mona)
        made.group_id = await street.ask_to_join(there, "allotment")
        follow = there.of_type("Follow")[-1]
        assert await made.send(there.activity("Accept", uri, follow)) == "done"
        street.clear()
        return made

    def list_moderators(self, *uris: str) -> None:
        address = f"{self.uri}/moderators"
        self.there.documents["/u/allotment/moderators"] = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": address,
            "type": "OrderedCollection",
            "orderedItems": list(uris),
        }

    async def group(self) -> Group:
        async with self.street.runtime.db.read() as conn:
            group = await groups.BY_ID.one(conn, self.group_id, self.street.ana_id)
        assert group is not None
        return group

    async def send(self, activity: Document) -> str:
        """Deliver, let all that follows be done, and return the outcome that was recorded."""
        answer = await self.street.moot.deliver(activity)
        assert answer.status == 202, answer.text
        await self.street.settle()
        async with self.street.runtime.db.read() as conn:
            return str(await conn.fetchval("select outcome from seen_activities where uri = $1", activity["id"]))

    async def announce(self, what: Document) -> None:
        assert await self.send(self.there.activity("Announce", self.uri, what, to=[PUBLIC])) == "done"

    def deed(self, kind: str, what: object, by: str = "", **more: object) -> Document:
        """What a moderator does, Mona if nobody else is named."""
        return self.there.activity(kind, by or self.mona, what, to=[PUBLIC], cc=[self.uri], **more)

    def each(self, post_uri: str, by: str = "") -> list[Document]:
        """One of each deed that only moderators may do, about this thread and about Ana."""
        ana = self.street.urls.actor("person", "ana")
        lock, block = self.deed("Lock", post_uri, by), self.deed("Block", ana, by, target=self.uri, removeData=True)
        return [
            self.deed("Add", post_uri, by, target=f"{self.uri}/featured"),
            self.deed("Remove", post_uri, by, target=f"{self.uri}/featured"),
            self.deed("Add", by or self.mona, by, target=f"{self.uri}/moderators"),
            self.deed("Remove", self.mona, by, target=f"{self.uri}/moderators"),
            lock, self.deed("Undo", lock, by), block, self.deed("Undo", block, by),
        ]  # fmt: skip

    async def thread(self, title: str = "Seeds") -> Document:
        """A thread of Gil's that the group announces."""
        page = self.there.note(
            self.gil, "<p>Who swaps seeds?</p>", type="Page", name=title, cc=[self.uri], audience=self.uri
        )
        await self.announce(self.there.activity("Create", self.gil, page))
        assert (await self.street.post(page["id"])).state == "published"
        return page

    async def ours(self, title: str = "Beans") -> Post:
        """A thread of Ana's that the group has announced."""
        ana, group = await self.street.actor(self.street.ana_id), await self.group()
        async with self.street.runtime.db.transaction() as conn:
            draft = Draft(author=ana, group=group, title=title, source="Who has beans?")
            post = await posts.submit_post(conn, self.street.urls, draft)
        await self.street.settle()
        await self.announce(self.there.of_type("Create")[-1])
        return await self.street.post(post.uri)

    async def hide_here(self, post: Post) -> None:
        """Somebody who runs this place removes a post for its readers, by a rule of this place."""
        street = self.street
        async with street.runtime.db.transaction() as conn:
            rule_id = await rules.add(conn, None, RuleForm("Be kind"), street.mia_id)
            admin = msgspec.structs.replace(street.mia, admin=True)
            await decisions.remove_directly(conn, admin, post.id, rule_id, "Not here.")
        await street.settle()
