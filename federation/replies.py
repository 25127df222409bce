"""Errand: what answers one thread that somebody looked up, as far as one budget goes."""

import structlog

from federation import announced, client, paging, past
from federation.budget import FetchBudget
from federation.egress import FetchFailed
from federation.finds import finds_in
from federation.parse import RemotePost, Unacceptable
from federation.received import Ignored
from server import limits
from server.community import groups, posts
from server.community.groups import Group
from server.errors import NotFound, Refused, TooMany
from server.runtime import Runtime
from server.urls import Urls, authority

log = structlog.get_logger(__name__)

# Whoever looks the same thread up again need not have its server asked again.
ONCE = limits.Limit(1, 600)


async def fetch_replies(runtime: Runtime, *, post_id: int) -> None:
    """Read the thread's own list of replies: at most ten pages, twenty requests, eight seconds."""
    async with runtime.db.read() as conn:
        thread = await posts.by_id(conn, post_id)
        group = await groups.BY_ID.one(conn, thread.group_id, None)
    if group is None or group.local or Urls(runtime.settings.base_url).is_local(thread.uri):
        return
    budget = FetchBudget()
    try:
        async with runtime.db.statement() as conn:
            await limits.count(conn, f"replies:{post_id}", ONCE)
        _, document = await announced.fetch_post(runtime, thread.uri, budget)
        found = await _listed(runtime, document, budget)
        await _store(runtime, group, document, found, budget)
    except TooMany:
        return
    except (FetchFailed, Ignored, Unacceptable, Refused, NotFound) as why:
        log.info("replies not read", post=post_id, reason=str(why)[:200])


async def _listed(runtime: Runtime, document: RemotePost, budget: FetchBudget) -> list[object]:
    collection = past.collection_of("listed", 0, document)
    if collection is None:
        return []
    outgoing = await runtime.use(client.Outgoing)
    sign = await outgoing.signature()
    try:
        found = await paging.read_collection(outgoing.client, collection.uri, sign, budget=budget)
    except FetchFailed:
        if collection.fallback is None:
            raise
        found = []
    if not found and collection.fallback is not None:
        found = await paging.read_collection(outgoing.client, collection.fallback, sign, budget=budget)
    return found


async def _store(
    runtime: Runtime, group: Group, document: RemotePost, found: list[object], budget: FetchBudget
) -> None:  # fmt: skip
    finds = finds_in(found, authority(document.uri) or "")
    ready = await past.make_ready(runtime, group, "answer", finds, budget)
    urls = Urls(runtime.settings.base_url)
    async with runtime.db.transaction() as conn:
        await past.store(conn, urls, group, ready.written)
    for uri in ready.later:
        author, post = await announced.fetch_post(runtime, uri, budget)
        if past.belongs(group, "answer", post):
            async with runtime.db.transaction() as conn:
                await past.store(conn, urls, group, [(author, post)])
