"""What somebody typed or pasted, found: a group, a person, a thread or a reply, wherever it lives."""

import re
import typing

import msgspec
import structlog

from federation import alternates, client, finds, paging, parse, remote
from federation.activities import create
from federation.budget import FetchBudget
from federation.egress import FetchFailed
from federation.http import AnsweredStatus, NotActivityJson
from federation.parse import RemotePost, Unacceptable
from federation.received import Ignored
from federation.remote import HANDLE
from server import jobs, text
from server.community import actors, groups, posts
from server.community.actors import Actor
from server.community.groups import Group
from server.community.posts import Post
from server.db import Conn
from server.errors import Invalid, NotFound, Refused, TooMany
from server.messages import Message
from server.runtime import Runtime
from server.urls import Urls, authority

OURS = re.compile(r"/(?:ap/posts|t)/(?P<id>\d{1,19})/?")
NOT_AN_ADDRESS = Message("Please give an address like !street@lemmy.example or https://lemmy.example/c/street.")
NOTHING_THERE = Message("Nothing could be found there. Is the address right, and is that server up?")
NO_GROUP = Message("This was written for no group that can be read here.")
NOT_SHOWN = Message("Its group has not shown this to us. Join the group, and its threads come here.")

log = structlog.get_logger(__name__)


class Found(typing.NamedTuple):
    """An actor, or a post here. `fresh`: the post has just come, and is being checked."""

    actor: Actor | None = None
    post: Post | None = None
    fresh: bool = False


async def look_up(runtime: Runtime, typed: str) -> Found:
    """Raises Invalid for the field `address`, with a sentence for the person who typed it."""
    typed = text.one_line(typed, parse.MAX_URI)
    urls = Urls(runtime.settings.base_url)
    if HANDLE.fullmatch(typed):
        return Found(actor=await remote.look_up(runtime, typed))
    if not parse.is_uri(typed):
        raise _wrong(NOT_AN_ADDRESS)
    async with runtime.db.read() as conn:
        known = await _known(conn, urls, typed)
    if known is not None:
        return known
    if urls.is_local(typed):
        raise _wrong(NOT_AN_ADDRESS)
    try:
        return await _ask(runtime, typed, FetchBudget())
    except TooMany:
        raise
    except (FetchFailed, Unacceptable, Refused) as error:
        log.info("look-up failed", error=str(error)[:200])
        raise _wrong(NOTHING_THERE) from error
    except (Ignored, NotFound) as error:
        log.info("look-up found no place", error=str(error)[:200])
        raise _wrong(NO_GROUP) from error


def _wrong(sentence: str) -> Invalid:
    return Invalid({"address": sentence})


async def _known(conn: Conn, urls: Urls, typed: str) -> Found | None:
    """What is here already, by its id or by the address of its page here."""
    post = await posts.by_uri(conn, typed)
    ours = OURS.fullmatch(typed.partition("#")[0].removeprefix(urls.base))
    if post is None and ours and urls.is_local(typed):
        post = await posts.by_uri(conn, urls.post(int(ours["id"])))
    return Found(post=post) if post is not None else None


async def _ask(runtime: Runtime, uri: str, budget: FetchBudget) -> Found:
    """Read what stands at an address, or at the address that its page names instead."""
    outgoing = await runtime.use(client.Outgoing)
    try:
        found = await outgoing.fetch_object(uri, budget)
    except (NotActivityJson, AnsweredStatus) as no:
        if isinstance(no, AnsweredStatus) and no.status != 406:
            raise
        page = await outgoing.get_page(uri, budget)
        other = alternates.alternate_of(page.body, page.url)
        if other is None:
            raise
        found = await outgoing.fetch_object(other, budget)
    if Urls(runtime.settings.base_url).is_local(found.id):
        raise Unacceptable("local_id")
    kind = parse.type_of(found.document)
    if kind in parse.ACTOR_TYPES:
        async with runtime.db.transaction() as conn:
            return Found(actor=await remote.save_actor(conn, parse.parse_actor(found.document)))
    async with runtime.db.read() as conn:
        known = await posts.by_uri(conn, found.id)
    if known is not None:
        return Found(post=known)
    return await _bring(runtime, parse.parse_post(found.document), budget)


async def _bring(runtime: Runtime, post: RemotePost, budget: FetchBudget) -> Found:
    """Lead to the thread of a post that is not here: fetch it with its group, if its group has shown it."""
    thread = await _thread_of(runtime, post, budget)
    async with runtime.db.read() as conn:
        known = await posts.by_uri(conn, thread.uri)
    if known is not None:
        await _fetch_replies(runtime, known.id)
        return Found(post=known)
    author = await remote.known_or_fetched(runtime, thread.author, budget)
    group = await _group_of(runtime, thread, budget)
    if not group.local and not await _shown_by(runtime, group, thread, budget):
        raise _wrong(NOT_SHOWN)
    urls = Urls(runtime.settings.base_url)
    async with runtime.db.transaction() as conn:
        # To our own groups a post comes from its author alone, as if it had just been sent.
        via = None if group.local else group
        stored = await create.store_fetched(conn, urls, author, thread, via, from_past=not group.local)
    await _fetch_replies(runtime, stored.id)
    return Found(post=stored, fresh=True)


async def _fetch_replies(runtime: Runtime, post_id: int) -> None:
    async with runtime.db.transaction() as conn:
        await jobs.enqueue(conn, "fetch_replies", {"post_id": post_id}, ordering=f"replies:{post_id}")
    runtime.waker.wake()


async def _thread_of(runtime: Runtime, post: RemotePost, budget: FetchBudget) -> RemotePost:
    """The post at the head of the thread, up through what each answers; raises BudgetSpent in a deep one."""
    while post.in_reply_to is not None:
        budget = budget.deeper()
        async with runtime.db.read() as conn:
            above = await posts.by_uri(conn, post.in_reply_to)
            root = await posts.by_id(conn, above.root_id) if above is not None and above.root_id else None
        if root is not None:
            # It is here, under its own id.
            return _by_its_id(post, root)
        outgoing = await runtime.use(client.Outgoing)
        post = parse.parse_post((await outgoing.fetch_object(post.in_reply_to, budget)).document)
    return post


def _by_its_id(post: RemotePost, root: Post) -> RemotePost:
    return msgspec.structs.replace(post, uri=root.uri, in_reply_to=None)


async def _group_of(runtime: Runtime, thread: RemotePost, budget: FetchBudget) -> Group:
    """The first group that a thread names: one that is known, or else one that can be read now."""
    named = [uri for uri in thread.named if uri not in parse.PUBLIC and not uri.endswith("/followers")]
    async with runtime.db.read() as conn:
        known = [actor for uri in named if (actor := await actors.by_uri(conn, uri)) is not None]
    actor = next((one for one in known if one.kind == "group" and one.deleted_at is None), None)
    if actor is None:
        strangers = [uri for uri in named if uri not in {one.uri for one in known}]
        actor = await _first_group(runtime, strangers[:3], budget)
    async with runtime.db.read() as conn:
        group = await groups.BY_ID.one(conn, actor.id, None) if actor is not None else None
    if group is None:
        raise NotFound("group")
    return group


async def _first_group(runtime: Runtime, uris: list[str], budget: FetchBudget) -> Actor | None:
    for uri in uris:
        try:
            actor = await remote.known_or_fetched(runtime, uri, budget)
        except (FetchFailed, Unacceptable, Refused):
            continue
        if actor.kind == "group":
            return actor
    return None


async def _shown_by(runtime: Runtime, group: Group, thread: RemotePost, budget: FetchBudget) -> bool:
    """Whether a group elsewhere has taken a thread up: it is at home with the group, or stands in its outbox.

    Anybody may name a group. What its moderators did not let in must not come in through a pasted address.
    """
    if authority(thread.uri) == group.host:
        return True
    async with runtime.db.read() as conn:
        outbox = await remote.outbox_of(conn, group.id)
    if outbox is None:
        return False
    outgoing = await runtime.use(client.Outgoing)
    listed = await paging.read_collection(
        outgoing.client, outbox, await outgoing.signature(), budget=budget, pages=4
    )  # fmt: skip
    return any(find.uri == thread.uri for find in finds.finds_in(listed, group.host or ""))
