"""Errands that follow from what others announce or reply to: fetch it from where it belongs, then let it in.

What is announced with a valid proof by its author need not be fetched.
"""

import datetime as dt

import msgspec
import structlog

from federation import client, moderators, parse, proofs, remote, senders
from federation.activities import create, deed, delete, undo, update
from federation.activities.poll import ask_after_end
from federation.budget import FetchBudget
from federation.egress import FetchFailed
from federation.http import AnsweredStatus, Unreachable
from federation.parse import RemotePost, Unacceptable, type_of, uri_of
from federation.received import Ignored, Received
from server import clock, jobs, limits
from server.community import groups, polls, posts
from server.community.actors import Actor
from server.community.groups import Group
from server.db import Conn
from server.errors import MootError, NotFound, Refused, TooMany
from server.runtime import Runtime
from server.urls import Urls, authority

FETCHES_PER_HOST = limits.Limit(300, 60)

log = structlog.get_logger(__name__)

# What a group's server says of removals within its own group is taken from it.
BY_THE_GROUP = ("Delete", "Undo")
# A removal may overtake the post that it is about, while that one is being screened: seconds, as a rule.
ATTEMPTS = 6
# What we look for because something else names it may be years old, and then it is no news.
NEWS = dt.timedelta(hours=6)

# A proof holds for ever, and what it proves may be gone by now: whoever passes it on later must not bring back what its
# author has deleted meanwhile.
PROVEN_FOR = dt.timedelta(hours=24)


class NotYet(MootError):
    """What it is about is here, and not published yet."""


async def fetch_announced(
    runtime: Runtime, *, document: dict[str, object], group_id: int | None, attempt: int = 1
) -> None:
    """Errand: take in what a group announced, or what a Create named by its id alone."""
    kind = type_of(document)
    try:
        if group_id is not None and _by_a_moderator(document):
            await _moderators_deed(runtime, document, group_id)
            return
        author = await _proven_author(runtime, document) if group_id is not None else None
        if group_id is not None and kind in BY_THE_GROUP:
            await _deed(runtime, document, group_id, proven=author is not None)
        elif author is not None and kind == "Create" and isinstance(document.get("object"), dict):
            await _proven_post(runtime, author, document, group_id)
        else:
            uri = uri_of(document.get("object")) if "object" in document else uri_of(document)
            if uri is not None:
                await _post(runtime, uri, group_id, edited=kind == "Update")
    except TooMany:
        raise  # later, when the server may be asked again
    except NotYet:
        await _try_again(runtime, document, group_id, attempt)
    except (Ignored, Unacceptable, Refused, NotFound) as why:
        log.info("announced thing not taken", reason=str(why)[:200])
    except FetchFailed as failed:
        if not for_good(failed):
            raise
        log.info("announced thing not there", reason=str(failed)[:200])


def for_good(failed: FetchFailed) -> bool:
    """Whether asking again later is of no use."""
    if isinstance(failed, AnsweredStatus):
        return 400 <= failed.status < 500 and failed.status not in (408, 425, 429)
    return not isinstance(failed, Unreachable)


def _by_a_moderator(document: dict[str, object]) -> bool:
    """Whether only a group's moderators do such a thing."""
    undone = document.get("object")
    if type_of(document) == "Undo":
        return isinstance(undone, dict) and type_of(undone) in deed.UNDONE
    return type_of(document) in deed.VERBS


async def _moderators_deed(runtime: Runtime, document: dict[str, object], group_id: int) -> None:
    """The group's announcing it is not enough: whoever did it must be one of its moderators (B18)."""
    activity = parse.parse_activity(document)
    await moderators.read_again_for(runtime, group_id, activity.actor)
    async with runtime.db.transaction() as conn:
        via = await _group(conn, group_id)
        await deed.take(conn, activity, activity.actor, via)


async def _proven_author(runtime: Runtime, document: dict[str, object]) -> Actor | None:
    """Who made this, where a fresh proof of their own says so. The proof and its key name one actor, on one host."""
    key_id = proofs.key_of_proof(document)
    if key_id is None:
        return None
    keys = await runtime.use(senders.Senders)
    key = await keys.find(key_id)
    if key is None:
        return None
    try:
        proofs.verify_proof(document, key, clock.now())
    except proofs.BadProof as bad:
        log.info("proof not believed", key_id=key_id[:200], reason=bad.reason)
        return None
    if not proofs.made_within(document, PROVEN_FOR, clock.now()):
        return None
    brought = keys.take_document(key.owner_uri)
    if brought is not None:
        async with runtime.db.transaction() as conn:
            await remote.save_actor(conn, parse.parse_actor(brought))
    return await remote.known_or_fetched(runtime, key.owner_uri, FetchBudget())


async def _proven_post(runtime: Runtime, author: Actor, document: dict[str, object], group_id: int | None) -> None:
    activity = parse.parse_activity(document)
    post = parse.parse_post(activity.inner or {})
    if post.author != author.uri or authority(activity.id) != author.host:
        raise Unacceptable("author_is_not_actor")
    async with runtime.db.transaction() as conn:
        via = await _group(conn, group_id) if group_id is not None else None
        await create.store_fetched(conn, Urls(runtime.settings.base_url), author, post, via)


async def _try_again(runtime: Runtime, document: dict[str, object], group_id: int | None, attempt: int) -> None:
    if attempt >= ATTEMPTS:
        log.info("announced thing not taken", reason="not_yet")
        return
    args: dict[str, object] = {"document": document, "group_id": group_id, "attempt": attempt + 1}
    async with runtime.db.transaction() as conn:
        await jobs.enqueue(
            conn, "fetch_announced", args, ordering=f"announced:{uri_of(document.get('object'))}"[:200],
            due_at=clock.now() + jobs.backoff(attempt - 1),
        )  # fmt: skip


async def _check_published(runtime: Runtime, document: dict[str, object]) -> None:
    """Raise NotYet where the post that a removal, or its end, is about is still being screened."""
    about = document.get("object")
    if type_of(document) == "Undo" and isinstance(about, dict):
        about = about.get("object")
    async with runtime.db.read() as conn:
        post = await posts.by_uri(conn, uri_of(about) or "")
    if post is not None and post.state == "submitted":
        raise NotYet


async def _deed(runtime: Runtime, document: dict[str, object], group_id: int, *, proven: bool) -> None:
    activity = parse.parse_activity(document)
    await _check_published(runtime, document)
    budget = FetchBudget()
    sender = await remote.known_or_fetched(runtime, activity.actor, budget)
    gone = activity.type == "Delete" and (proven or await _gone(runtime, activity.object_uri, budget))
    async with runtime.db.transaction() as conn:
        via = await _group(conn, group_id)
        urls = Urls(runtime.settings.base_url)
        got = Received(sender, activity, msgspec.json.encode(document), urls, via)
        if sender.local:
            # Our own people's deeds were counted when they did them here.
            raise Ignored("ours")
        if activity.type == "Delete":
            await delete.receive_for_group(conn, got, gone=gone)
        else:
            await undo.receive_for_group(conn, got)


async def _gone(runtime: Runtime, uri: str | None, budget: FetchBudget) -> bool:
    """Whether the server of a post says that it is no longer there."""
    if uri is None or Urls(runtime.settings.base_url).is_local(uri):
        return False
    try:
        found = await (await runtime.use(client.Outgoing)).fetch_object(uri, budget)
    except FetchFailed as failed:
        return isinstance(failed, AnsweredStatus) and failed.status in (404, 410)
    return type_of(found.document) == "Tombstone"


async def _post(runtime: Runtime, uri: str, group_id: int | None, *, edited: bool) -> None:
    author, post = await fetch_post(runtime, uri, FetchBudget())
    async with runtime.db.transaction() as conn:
        via = await _group(conn, group_id) if group_id is not None else None
        if edited and await posts.by_uri(conn, post.uri) is not None:
            await update.store_edit(conn, author, post, None)
        else:
            await create.store_fetched(conn, Urls(runtime.settings.base_url), author, post, via)


async def fetch_post(runtime: Runtime, uri: str, budget: FetchBudget) -> tuple[Actor, RemotePost]:
    """A post and its author, each from its own host."""
    if Urls(runtime.settings.base_url).is_local(uri):
        raise Unacceptable("local_id")
    async with runtime.db.statement() as conn:
        # Any group may name addresses of a third server: so many a minute of one server, whoever names them (C11).
        await limits.count(conn, f"fetch:{authority(uri)}", FETCHES_PER_HOST)
    outgoing = await runtime.use(client.Outgoing)
    found = await outgoing.fetch_object(uri, budget)
    post = parse.parse_post(found.document)
    return await remote.known_or_fetched(runtime, post.author, budget.deeper()), post


async def _group(conn: Conn, group_id: int) -> Group:
    group = await groups.BY_ID.one(conn, group_id, None)
    if group is None:
        raise NotFound("group")
    return group


async def fetch_parent(runtime: Runtime, *, post_id: int) -> None:
    """Errand: a reply came before its parent. Fetch that one, and what it replies to, within one budget."""
    async with runtime.db.read() as conn:
        reply = await posts.by_id(conn, post_id)
    if reply.parent_uri is None or reply.parent_id is not None:
        return
    try:
        chain = await _chain(runtime, reply.parent_uri)
        await _store_chain(runtime, chain, reply)
    except TooMany:
        raise  # later, when the server may be asked again
    except (Ignored, Unacceptable, Refused, NotFound) as why:
        log.info("parent not taken", post=post_id, reason=str(why)[:200])
    except FetchFailed as failed:
        if not for_good(failed):
            raise
        log.info("parent not there", post=post_id, reason=str(failed)[:200])


async def settle_poll(runtime: Runtime, *, post_id: int) -> None:
    """Errand: a poll from elsewhere has closed. Ask its own server what came of it, once."""
    async with runtime.db.read() as conn:
        post, poll = await posts.by_id(conn, post_id), await polls.ONE.one(conn, post_id)
    if poll is None or poll.settled:
        return
    if not poll.closed:
        # Its end was put off meanwhile.
        async with runtime.db.transaction() as conn:
            await ask_after_end(conn, post_id, poll.closes_at)
        return
    try:
        author, found = await fetch_post(runtime, post.uri, FetchBudget())
    except TooMany:
        raise  # later, when the server may be asked again
    except (Unacceptable, Refused, NotFound) as why:
        log.info("poll not settled", post=post_id, reason=str(why)[:200])
        return
    except FetchFailed as failed:
        if not for_good(failed):
            raise
        log.info("poll not there", post=post_id, reason=str(failed)[:200])
        return
    if author.id == post.author_id and found.poll is not None:
        async with runtime.db.transaction() as conn:
            await polls.take_totals(conn, post_id, found.poll, asked=True)


async def _chain(runtime: Runtime, uri: str) -> list[tuple[Actor, RemotePost]]:
    """The unknown ancestors, oldest first."""
    budget = FetchBudget()
    chain: list[tuple[Actor, RemotePost]] = []
    next_uri: str | None = uri
    while next_uri is not None:
        async with runtime.db.read() as conn:
            if await posts.by_uri(conn, next_uri) is not None:
                break
        author, post = await fetch_post(runtime, next_uri, budget)
        chain.insert(0, (author, post))
        budget, next_uri = budget.deeper(), post.in_reply_to
    return chain


def _is_old(post: RemotePost) -> bool:
    return post.published is not None and clock.now() - post.published > NEWS


async def _store_chain(runtime: Runtime, chain: list[tuple[Actor, RemotePost]], reply: posts.Post) -> None:
    urls = Urls(runtime.settings.base_url)
    for author, post in chain:
        async with runtime.db.transaction() as conn:
            via = await _group(conn, reply.group_id)
            if post.in_reply_to is None and via.uri not in post.named:
                # Anybody may answer anything and name a group: only its author sends a thread there (B27).
                raise Ignored("nobody_here_reads_it")
            await create.store_fetched(conn, urls, author, post, via, from_past=_is_old(post))
    async with runtime.db.transaction() as conn:
        parent = await posts.by_uri(conn, reply.parent_uri or "")
        if parent is not None:
            await posts.attach_waiting_replies(conn, parent)
