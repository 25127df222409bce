"""Old posts of a group elsewhere: read from where they belong, let in by the common door, and no news to anybody."""

import typing

from federation import remote
from federation.activities import create
from federation.budget import FetchBudget
from federation.egress import FetchFailed
from federation.finds import Find
from federation.parse import RemotePost, Unacceptable
from federation.received import Ignored
from server.community import posts
from server.community.actors import Actor
from server.community.groups import Group
from server.community.posts import Post
from server.db import Conn, Query, Row
from server.errors import NotFound, Refused
from server.runtime import Runtime
from server.urls import Urls, authority

DEEPEST = 8


class Known(Row, frozen=True):
    """A post that is here already. `is_thread`: it answers nothing."""

    uri: str
    id: int
    group_id: int
    is_thread: bool


KNOWN = Query(
    Known,
    """select uri, id, group_id, parent_id is null and parent_uri is null as is_thread
         from posts where uri = any($1::text[])""",
)


class Ready(typing.NamedTuple):
    """What a page brought. `written` can be stored, `later` must be read from its own address first.

    `ours` are posts of our own people that the group has taken up; `walk` are threads that are here already.
    `fresh`: there was something that is not here.
    """

    written: list[tuple[Actor, RemotePost]]
    later: list[str]
    ours: list[int]
    walk: list[RemotePost]
    fresh: bool = True


class Collection(typing.NamedTuple):
    """Where replies are listed: all of a thread (`context`), or those to one post (`replies`)."""

    kind: str
    uri: str
    fallback: str | None
    depth: int


async def make_ready(runtime: Runtime, group: Group, kind: str, finds: list[Find], budget: FetchBudget) -> Ready:
    """Sort what a page lists, and get to know the authors. Before the transaction: it may ask other servers."""
    urls = Urls(runtime.settings.base_url)
    async with runtime.db.read() as conn:
        known = {one.uri: one for one in await KNOWN.all(conn, [find.uri for find in finds])}
    ready = Ready([], [], [], [])
    for find in finds:
        here = known.get(find.uri)
        if urls.is_local(find.uri):
            if here is not None and here.group_id == group.id and kind == "listed":
                ready.ours.append(here.id)
        elif here is not None:
            if here.is_thread and here.group_id == group.id and kind == "listed":
                _walk_again(ready, find)
        elif find.post is None:
            ready.later.append(find.uri)
        elif belongs(group, kind, find.post):
            await _meet_author(runtime, ready, find.post, budget)
    # Parents come before their replies as far as dates tell, so that few have to wait.
    ready.written.sort(key=lambda pair: (pair[1].in_reply_to is not None, str(pair[1].published)))
    return ready._replace(fresh=any(find.uri not in known for find in finds))


def _walk_again(ready: Ready, find: Find) -> None:
    """A thread that came as news was not asked for its earlier replies."""
    if find.post is not None:
        ready.walk.append(find.post)
    else:
        ready.later.append(find.uri)


async def _meet_author(runtime: Runtime, ready: Ready, post: RemotePost, budget: FetchBudget) -> None:
    try:
        ready.written.append((await remote.known_or_fetched(runtime, post.author, budget), post))
    except FetchFailed:
        ready.later.append(post.uri)
    except (Refused, Unacceptable):
        return


def belongs(group: Group, kind: str, post: RemotePost) -> bool:
    """Whether a post may be taken for one of this group, by how it was found.

    What the group itself lists is its own to say. What somebody else's collection lists must be an answer that was
    written for the group, and a parent must have been too if it begins a thread (B27).
    """
    if kind == "listed":
        return True
    if post.in_reply_to is None:
        return kind == "parent" and group.uri in post.named
    return kind == "parent" or group.uri in post.named or authority(post.uri) == group.host


async def store(
    conn: Conn, urls: Urls, group: Group, written: list[tuple[Actor, RemotePost]]
) -> list[tuple[Post, RemotePost]]:
    """Let them in; those that are refused are left out."""
    stored = []
    for author, post in written:
        try:
            stored.append((await create.store_fetched(conn, urls, author, post, group, from_past=True), post))
        except (Ignored, Unacceptable, Refused, NotFound):
            # Each of these is said before anything is written.
            continue
    return stored


def collection_of(kind: str, depth: int, post: RemotePost) -> Collection | None:
    """Where to look for what answers a post that was found so."""
    if kind in ("listed", "parent") and post.in_reply_to is None:
        if post.context and post.context != post.uri:
            return Collection("context", post.context, post.replies, 0)
        return Collection("replies", post.replies, None, 1) if post.replies else None
    if kind == "answer" and 0 < depth < DEEPEST and post.replies:
        return Collection("replies", post.replies, None, depth + 1)
    return None


async def mark_taken_up(conn: Conn, ours: list[int]) -> None:
    for post_id in ours:
        await posts.mark_announced(conn, post_id)
