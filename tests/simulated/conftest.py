"""Elm Street with a member on each of seven kinds of software."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from moderation import decisions, deeds
from moderation.deeds import Ban
from server.community import actors, polls, posts, revisions, votes
from server.community.polls import NewPoll
from server.community.posts import Post
from server.runtime import Runtime
from tests.federation.street import GROUP, Street, addressed
from tests.simulated.forums import Lemmy, Mbin, NodeBB, PieFed
from tests.simulated.microblogs import GoToSocial, Mastodon, Misskey
from tests.simulated.reader import Reader

ANA = "http://moot.test/ap/people/ana"


class Crowd:
    """What happens in Elm Street, told to `readers`; each method ends when everybody has heard of it."""

    def __init__(self, street: Street, readers: list[Reader]) -> None:
        self.street = street
        self.readers = readers

    async def begin(self) -> None:
        for reader in self.readers:
            reader.moot, reader.others = self.street.moot, self.readers
        await self.street.open()
        for reader in self.readers:
            await reader.join(GROUP)
        await self.street.settle()

    async def follow_the_author(self) -> None:
        for reader in self.readers:
            await reader.join(ANA)
        await self.street.settle()

    async def write(self, title: str | None, text: str, parent: Post | None = None, link: str | None = None) -> Post:
        return await self.street.write(title, text, parent, link)

    async def show(self, title: str | None, text: str, parent: Post | None = None, link: str | None = None) -> Post:
        """Write with two pictures."""
        pictures = (await self.street.picture("A mill"), await self.street.picture("A school"))
        return await self.street.write(title, text, parent, link, pictures)

    async def ask(self, title: str, text: str, options: tuple[str, ...]) -> Post:
        ana, group = await self.street.actor(self.street.ana_id), await self.street.group(self.street.ana_id)
        async with self.street.runtime.db.transaction() as conn:
            poll = NewPoll(options, lasts=dt.timedelta(days=7))
            draft = posts.Draft(author=ana, group=group, title=title, source=text, poll=poll)
            post = await posts.submit_post(conn, self.street.urls, draft)
        await self.street.settle()
        return await self.street.post(post.uri)

    async def choose(self, post: Post) -> None:
        """Mia votes, and it is time to tell."""
        mia = await self.street.actor(self.street.mia_id)
        async with self.street.runtime.db.transaction() as conn:
            await polls.vote(conn, mia, post.id, [0])
            await conn.execute("update jobs set due_at = clock_now() where name = 'spread_poll'")
        await self.street.settle()

    async def written_on_mastodon(self, html: str) -> Post:
        there = self.street.mastodon
        activity = addressed(self.street, there, there.actor("max"), html)
        assert (await self.street.moot.deliver(activity)).status == 202
        await self.street.settle()
        return await self.street.post(activity["object"]["id"])

    async def edit(self, post: Post, title: str | None, text: str) -> None:
        async with self.street.runtime.db.transaction() as conn:
            await revisions.submit_edit(conn, post.id, title=title, link=None, source=text)
        await self.street.settle()

    async def delete(self, post: Post) -> None:
        async with self.street.runtime.db.transaction() as conn:
            await posts.delete_post(conn, await posts.by_id(conn, post.id, lock=True))
        await self.street.settle()

    async def remove(self, post: Post, reason: str) -> None:
        async with self.street.runtime.db.transaction() as conn:
            await decisions.remove_directly(conn, self.street.mia, post.id, self.street.rule_id, reason)
        await self.street.settle()

    async def restore(self, post: Post) -> None:
        async with self.street.runtime.db.transaction() as conn:
            await decisions.restore(conn, self.street.mia, post.id, "We were too strict.")
        await self.street.settle()

    async def ban(self, uri: str, *, days: int | None, remove: bool = False) -> None:
        group = await self.street.group(self.street.mia_id)
        form = Ban(days, self.street.rule_id, "Three times.", remove)
        async with self.street.runtime.db.transaction() as conn:
            person = await actors.by_uri(conn, uri)
            assert person is not None
            await deeds.ban(conn, self.street.mia, group, person, form)
        await self.street.settle()

    async def lift_ban(self, uri: str) -> None:
        group = await self.street.group(self.street.mia_id)
        async with self.street.runtime.db.transaction() as conn:
            person = await actors.by_uri(conn, uri)
            assert person is not None
            await deeds.lift_ban(conn, self.street.mia, group, person)
        await self.street.settle()

    async def close(self, post: Post) -> None:
        async with self.street.runtime.db.transaction() as conn:
            await deeds.close_thread(conn, self.street.mia, post.id, self.street.rule_id, "All is said.")
        await self.street.settle()

    async def open(self, post: Post) -> None:
        async with self.street.runtime.db.transaction() as conn:
            await deeds.open_thread(conn, self.street.mia, post.id)
        await self.street.settle()

    async def pin(self, post: Post, *, pinned: bool) -> None:
        async with self.street.runtime.db.transaction() as conn:
            await deeds.pin_thread(conn, self.street.mia, post.id, pinned=pinned)
        await self.street.settle()

    async def thank(self, post: Post) -> None:
        mia = await self.street.actor(self.street.mia_id)
        async with self.street.runtime.db.transaction() as conn:
            await votes.thank(conn, mia, post)
        await self.street.settle()

    async def open_thread(self, post: Post) -> None:
        for reader in self.readers:
            await reader.open_thread(post.uri)


@pytest.fixture
async def crowd(runtime: Runtime) -> AsyncIterator[Crowd]:
    lemmy, mastodon = Lemmy("127.0.0.5"), Mastodon("127.0.0.6")
    readers: list[Reader] = [
        mastodon, Misskey("127.0.0.7"), GoToSocial("127.0.0.8"),
        lemmy, PieFed("127.0.0.9"), Mbin("127.0.0.10"), NodeBB("127.0.0.11"),
    ]  # fmt: skip
    async with AsyncExitStack() as stack:
        for reader in readers:
            await reader.start()
            stack.push_async_callback(reader.stop)
        made = Crowd(Street(runtime, lemmy, mastodon), readers)
        await made.begin()
        yield made
