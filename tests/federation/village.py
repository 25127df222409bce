"""The group `village` of a forum elsewhere, with a past: an outbox in pages, what it features, threads with replies."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from federation import remote
from server import clock
from server.community import actors, groups, memberships, timelines
from server.community.groups import Group
from tests.federation.peer import Document, Peer, peer
from tests.federation.street import Street


class Village:
    """`lena` lives at the group's own server. What is listed first is the oldest."""

    def __init__(self, street: Street, there: Peer) -> None:
        self.street = street
        self.there = there
        self.uri = there.actor("village", "Group", featured=f"{there.base}/u/village/featured")
        self.lena = there.actor("lena")
        self.listed: list[object] = []
        self.page_size = 20
        self._lay_out()

    async def open(self) -> None:
        self.group_id = (await remote.look_up(self.street.runtime, f"!village@{self.there.host}")).id

    def _lay_out(self) -> None:
        """Pages of the outbox, newest on top."""
        entries = self.listed[::-1]
        pages = [entries[at : at + self.page_size] for at in range(0, len(entries), self.page_size)] or [[]]
        base = f"{self.uri}/outbox"
        head: Document = {"id": base, "type": "OrderedCollection", "totalItems": len(entries), "first": f"{base}/0"}
        self.there.documents["/u/village/outbox"] = head
        for number, items in enumerate(pages):
            page: Document = {"id": f"{base}/{number}", "type": "OrderedCollectionPage", "orderedItems": items}
            if number + 1 < len(pages):
                page["next"] = f"{base}/{number + 1}"
            self.there.documents[f"/u/village/outbox/{number}"] = page

    def enlist(self, entry: object) -> None:
        self.listed.append(entry)
        self._lay_out()

    def feature(self, page: Document) -> None:
        featured = {"id": f"{self.uri}/featured", "type": "OrderedCollection", "orderedItems": [page]}
        self.there.documents["/u/village/featured"] = featured

    def thread(
        self, title: str, *, days_ago: float, content: str = "<p>Who?</p>", listed: bool = True, context: bool = True
    ) -> Document:
        page = self.there.note(
            self.lena, content, type="Page", name=title, cc=[self.uri], audience=self.uri, published=ago(days_ago)
        )
        name = "context" if context else "replies"
        page[name] = f"{page['id']}/{name}"
        self.collection(page[name], [])
        if listed:
            create = self.there.activity("Create", self.lena, page)
            self.enlist(self.there.activity("Announce", self.uri, create))
        return page

    def reply(
        self, parent: Document, text: str, *, days_ago: float, listed: bool = True, walked: bool = False
    ) -> Document:
        """In the thread's own list, or, if `walked`, in that of what it answers."""
        note = self.there.note(
            self.lena, f"<p>{text}</p>", inReplyTo=parent["id"], cc=[self.uri], published=ago(days_ago)
        )
        if walked:
            note["replies"] = f"{note['id']}/replies"
            self.collection(note["replies"], [])
        where = parent.get("replies") or parent.get("context")
        if listed and where:
            self.collection(where, [*self._items(where), note])
        return note

    def collection(self, uri: str, items: list[object]) -> None:
        path = uri.removeprefix(self.there.base)
        self.there.documents[path] = {"id": uri, "type": "OrderedCollection", "orderedItems": items}

    def _items(self, uri: str) -> list[object]:
        return list(self.there.documents[uri.removeprefix(self.there.base)]["orderedItems"])

    async def ask(self, person_id: int | None = None) -> None:
        """Join, and be let in; what follows from it is left to do."""
        self._lay_out()
        person_id = person_id or self.street.ana_id
        async with self.street.runtime.db.transaction() as conn:
            person = await actors.by_id(conn, person_id)
            group = await groups.BY_ID.one(conn, self.group_id, person_id)
            assert group is not None
            await memberships.join(conn, person, group)
        await self.accept(person.uri)

    async def accept(self, person_uri: str | None = None) -> None:
        """The group lets in whoever asked last, or this one."""
        await self.street.settle()
        follows = self.there.of_type("Follow")
        follow = [one for one in follows if person_uri in (None, one["actor"])][-1]
        accept = self.there.activity("Accept", self.uri, follow)
        assert (await self.street.moot.deliver(accept)).status == 202

    async def join(self, person_id: int | None = None) -> None:
        await self.ask(person_id)
        await self.street.settle()

    async def leave(self) -> None:
        async with self.street.runtime.db.transaction() as conn:
            group = await groups.BY_ID.one(conn, self.group_id, self.street.ana_id)
            assert group is not None
            await memberships.leave(conn, await actors.by_id(conn, self.street.ana_id), group)
        await self.street.settle()

    async def group(self) -> Group:
        async with self.street.runtime.db.read() as conn:
            group = await groups.BY_ID.one(conn, self.group_id, None)
        assert group is not None
        return group

    async def titles(self) -> list[str]:
        """What a reader of the group sees here, newest activity first."""
        async with self.street.runtime.db.read() as conn:
            return [line.title for line in await timelines.of_group(conn, self.group_id, "active")]

    async def texts(self, page: Document) -> list[str]:
        """The replies that a reader of the thread sees here."""
        thread = await self.street.post(page["id"])
        async with self.street.runtime.db.read() as conn:
            replies = await timelines.replies(conn, self.street.mia, thread.id, moderates=False)
        return [reply.html.removeprefix("<p>").removesuffix("</p>") for reply in replies]


def ago(days: float) -> str:
    return (clock.now() - dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@asynccontextmanager
async def village_at(street: Street, address: str = "127.0.0.8") -> AsyncIterator[Village]:
    async with peer(address, "lemmy") as there:
        made = Village(street, there)
        await made.open()
        yield made
