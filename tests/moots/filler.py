"""Fills a group with years of posts, straight into the database."""

import datetime as dt
import itertools
import random
import typing

import msgspec

from federation import documents, outbox
from federation.activities import create
from server import clock
from server.urls import Urls
from tests.real_moot import RealMoot

WORDS = "the bench mill bridge garden lamp gate lane swing seeds cat bus hedge ladder choir well"
REPLIES = 9
YEARS = dt.timedelta(days=700)


class Filler:
    """`dice` decide who wrote what, and when."""

    def __init__(self, moot: RealMoot, dice: random.Random) -> None:
        self.moot = moot
        self.urls = Urls(moot.base)
        self.dice = dice
        self.counter = itertools.count(1)
        self.posts: list[tuple[object, ...]] = []
        self.revisions: list[tuple[object, ...]] = []
        self.threads: list[int] = []

    async def fill(self, group_id: int, authors: list[int], count: int) -> None:
        """`count` posts: threads, each with nine replies."""
        for _ in range(count // (1 + REPLIES)):
            self._thread(group_id, authors)
        async with self.moot.runtime.db.transaction() as conn:
            await conn.copy_records_to_table("posts", records=self.posts, columns=POSTS.split())
            await conn.copy_records_to_table("revisions", records=self.revisions, columns=REVISIONS.split())
            await conn.execute(
                "update groups set thread_count = thread_count + $2 where actor_id = $1", group_id, len(self.threads)
            )
            for thread_id in self.threads:
                await self._announce(conn, thread_id)
        self.posts, self.revisions, self.threads = [], [], []

    def _id_at(self, moment: dt.datetime) -> int:
        return (int(moment.timestamp() * 1000) << 20) | next(self.counter)

    def _thread(self, group_id: int, authors: list[int]) -> None:
        moment = clock.now() - dt.timedelta(days=2) - YEARS * self.dice.random()
        thread_id = self._id_at(moment)
        times = sorted(moment + dt.timedelta(hours=40 * self.dice.random()) for _ in range(REPLIES))
        ids = [self._id_at(time) for time in times]
        tree: list[tuple[int, int, str]] = [(thread_id, 0, "")]
        self._post(thread_id, group_id, authors, thread_id, None, 0, "", moment, ids[-1])
        for reply_id, time in zip(ids, times, strict=True):
            parent, depth, path = self.dice.choice(tree)
            tree.append((reply_id, depth + 1, f"{path}{reply_id:016x}"))
            self._post(reply_id, group_id, authors, thread_id, parent, depth + 1, tree[-1][2], time, None)
        self.threads.append(thread_id)

    def _post(
        self, post_id: int, group_id: int, authors: list[int], root: int, parent: int | None, depth: int, path: str,
        moment: dt.datetime, active: int | None,
    ) -> None:  # fmt: skip
        said = " ".join(self.dice.choices(WORDS.split(), k=12))
        title = f"{said[:30].strip()} {post_id}" if parent is None else None
        html = f"<p>{said}</p>\n"
        self.posts.append(
            (post_id, self.urls.post(post_id), group_id, self.dice.choice(authors), parent, root, depth, path,
             "published", post_id, title, said, html, said, "en", REPLIES if parent is None else 0, active, moment,
             moment, moment)
        )  # fmt: skip
        self.revisions.append((post_id, 1, "published", title, said, html, said, "en", moment))

    async def _announce(self, conn: typing.Any, thread_id: int) -> None:
        """What the group had said of it at the time, as its outbox lists it."""
        post = await documents.BY_ID.one(conn, thread_id)
        assert post is not None
        activity_id = self._id_at(post.submitted_at)
        whole = create.build(self.urls, post) | {"id": self.urls.activity(activity_id + 1)}
        document = {"id": self.urls.activity(activity_id)} | outbox.announce(post.group_uri, whole, post.readers)
        await outbox.ADD.run(
            conn, activity_id, document["id"], post.group_id, "Announce", thread_id, f"{thread_id}:create:whole",
            msgspec.json.encode(document).decode(), True,
        )  # fmt: skip


POSTS = (
    "id uri group_id author_id parent_id root_id depth path state position title source html excerpt language "
    "reply_count active_position announced_at submitted_at published_at"
)
REVISIONS = "post_id number state title source html excerpt language created_at"
