"""Reads a group's past after somebody here has joined it: what it features, its outbox, and the replies to them.

An errand does a few steps and leaves the next ones to its successor. Each step asks others first; then one transaction
stores what came together with how far that is, so that a crash repeats a step at most.
"""

import datetime as dt
import time

import asyncpg
import structlog

from federation import announced, backfills, client, paging, past
from federation.backfills import Backfill, Outrun, ToRead
from federation.budget import FetchBudget
from federation.egress import FetchFailed
from federation.finds import finds_in
from federation.parse import RemotePost, Unacceptable
from federation.past import Ready
from moderation import instances
from server import clock, jobs, limits
from server.community import groups, memberships
from server.community.groups import Group
from server.db import Command, Conn
from server.errors import MootError, NotFound, Refused, TooMany
from server.ids import new_id
from server.limits import Limit
from server.runtime import Runtime
from server.urls import Urls, authority

# Whoever is asked, for pages or for single posts, is asked so often at most.
REQUESTS = Limit(60, 60)
# Of one errand (C12), so that others get their turn.
STEPS = 10
SECONDS = 5.0
# Of one backfill: then it ends, and what is older stays where it is.
MOST_PAGES = 400
MOST_FOUND = 20_000
TRIES = 3
PATIENCE = 6

FEATURED = Command("select featured from remote_actors where actor_id = $1")

log = structlog.get_logger(__name__)


class NotTaken(MootError):
    """Something that was found and is of no use to us; it is left where it is."""


async def begin(conn: Conn, _runtime: Runtime, *, group_id: int) -> None:
    """Effect: a group elsewhere let somebody here in. One reading serves all its members."""
    run = await backfills.begin(conn, group_id)
    if run is not None:
        await _go_on_later(conn, group_id, run)


async def _go_on_later(conn: Conn, group_id: int, run: int, seconds: float = 0) -> None:
    due_at = clock.now() + dt.timedelta(seconds=seconds) if seconds else None
    args: dict[str, object] = {"group_id": group_id, "run": run}
    await jobs.enqueue(conn, "backfill_group", args, ordering=f"backfill:{group_id}", due_at=due_at)


async def go_on(runtime: Runtime, *, group_id: int, run: int) -> None:
    """Errand: some steps further; `run` is the number of this errand, of which one is valid at a time."""
    async with runtime.db.read() as conn:
        state = await backfills.going_on(conn, group_id, run)
        group = await groups.BY_ID.one(conn, group_id, None)
        wanted = await memberships.has_local_member(conn, group_id)
        blocked = group is None or await instances.is_blocked(conn, group.host or "")
    if state is None:
        return
    wait = 0.0
    try:
        if group is None or not wanted or blocked or not await _steps(runtime, state, group):
            await _end(runtime, state)
            return
    except Outrun:
        return
    except TooMany as many:
        wait = float(many.seconds)
    except FetchFailed as failed:
        log.info("backfill waits", group=group_id, reason=str(failed)[:200])
        wait = await _after_failure(runtime, group_id, run, failed)
    async with runtime.db.transaction() as conn:
        following = await backfills.NEXT_RUN.value(conn, group_id, run)
        if following is not None:
            await _go_on_later(conn, group_id, following, wait)


async def _end(runtime: Runtime, state: Backfill) -> None:
    async with runtime.db.transaction() as conn:
        await backfills.end(conn, state)


async def _after_failure(runtime: Runtime, group_id: int, run: int, failed: FetchFailed) -> float:
    """How long to leave the group's server alone. After some failures in a row, or a plain no, a list is given up."""
    async with runtime.db.transaction() as conn:
        state = await backfills.going_on(conn, group_id, run)
        if state is None:
            return 0
        if not announced.for_good(failed):
            await backfills.FAILED.run(conn, group_id, run)
            if state.failures + 1 < PATIENCE:
                return jobs.backoff(state.failures).total_seconds()
        await backfills.advance(conn, state, next_page=state.next_page if state.stage == "featured" else None)
    return 0


async def _steps(runtime: Runtime, state: Backfill, group: Group) -> bool:
    """Go on for a while; False when all has been read."""
    ends = time.monotonic() + SECONDS
    for _ in range(STEPS):
        if time.monotonic() > ends:
            break
        following = await _Step(runtime, state, group).take()
        if following is None:
            return False
        state = following
    return True


class _Step:
    """One page of a collection, or one post."""

    def __init__(self, runtime: Runtime, state: Backfill, group: Group) -> None:
        self.runtime = runtime
        self.state = state
        self.group = group
        self.urls = Urls(runtime.settings.base_url)
        self.budget = FetchBudget()

    async def take(self) -> Backfill | None:
        """Do it; None when nothing is left to do.

        What a page brought is followed to its end before the next page, so that the newest threads are whole first.
        """
        url = self.state.next_page if self.state.stage == "outbox" else None
        async with self.runtime.db.read() as conn:
            last = self.state.stage == "outbox" and url is None
            find = await backfills.NEXT_FIND.one(conn, self.group.id, last)
            featured = await FEATURED.value(conn, self.group.id)
        if find is not None:
            return await self._find(find)
        if self.state.stage == "featured":
            return await self._featured(featured)
        return None if url is None else await self._outbox(url)

    async def _outbox(self, url: str) -> Backfill:
        state = self.state
        if len(state.seen) >= MOST_PAGES or state.found >= MOST_FOUND or backfills.digest(url) in state.seen:
            return await self._advance(None)
        page = await self._page(url)
        ready = await self._ready("listed", page.items, url)
        # On known ground a refresh ends.
        known_ground = state.refresh and page.items and not ready.fresh
        return await self._keep(
            ready, "listed", 0, next_page=None if known_ground else page.following, read=url, total=page.total,
            entries=len(page.items),
        )  # fmt: skip

    async def _featured(self, url: str | None) -> Backfill:
        if url is None:
            return await self._advance(self.state.next_page)
        page = await self._page(url)
        ready = await self._ready("listed", page.items, url)
        return await self._keep(ready, "listed", 0, next_page=self.state.next_page)

    async def _advance(self, next_page: str | None) -> Backfill:
        async with self.runtime.db.transaction() as conn:
            return await backfills.advance(conn, self.state, next_page=next_page)

    async def _find(self, find: ToRead) -> Backfill:
        try:
            if find.kind in ("context", "replies"):
                return await self._replies(find)
            return await self._post(find)
        except TooMany:
            raise  # later, when that server may be asked again
        except FetchFailed as failed:
            if not announced.for_good(failed) and find.tries + 1 < TRIES:
                async with self.runtime.db.transaction() as conn:
                    await backfills.TRY_AGAIN.run(conn, find.id)
                return self.state
        except (NotTaken, Unacceptable, Refused, NotFound) as why:
            log.info("old post not taken", uri=find.uri[:200], reason=str(why)[:200])
        return await self._let_go(find)

    async def _let_go(self, find: ToRead) -> Backfill:
        is_post = find.kind not in ("context", "replies")
        async with self.runtime.db.transaction() as conn:
            await backfills.DONE.run(conn, find.id)
            if find.fallback is not None:
                await self._add(conn, "replies", find.fallback, None, 1)
            gone = -1 if is_post else 0
            return await backfills.advance(conn, self.state, next_page=self.state.next_page, found=gone)

    async def _post(self, find: ToRead) -> Backfill:
        """A single post, from its own address."""
        await self._count(find.uri)
        author, post = await announced.fetch_post(self.runtime, find.uri, self.budget)
        async with self.runtime.db.read() as conn:
            known = await past.KNOWN.one(conn, [post.uri])
        if known is None and not past.belongs(self.group, find.kind, post):
            raise NotTaken("other_group")
        ready = Ready([] if known else [(author, post)], [], [], [post] if known else [])
        return await self._keep(ready, find.kind, find.depth, next_page=self.state.next_page, done=find)

    async def _replies(self, find: ToRead) -> Backfill:
        """What answers a thread or a reply, as far as one server lists it: a page of it."""
        page = await self._page(find.uri)
        ready = await self._ready("answer", page.items, find.uri)
        if find.kind == "context" and not page.items and not page.following:
            raise NotTaken("no_collection")
        further = page.following if find.page < paging.MAX_PAGES else None
        return await self._keep(
            ready, "answer", find.depth, next_page=self.state.next_page, done=find, further=further
        )  # fmt: skip

    async def _page(self, url: str) -> paging.Page:
        await self._count(url)
        outgoing = await self.runtime.use(client.Outgoing)
        return await paging.read_page(outgoing.client, url, await outgoing.signature(), budget=self.budget)

    async def _count(self, url: str) -> None:
        async with self.runtime.db.statement() as conn:
            await limits.count(conn, f"backfill:{authority(url)}", REQUESTS)

    async def _ready(self, kind: str, items: list[object], url: str) -> Ready:
        finds = finds_in(items, authority(url) or "")
        return await past.make_ready(self.runtime, self.group, kind, finds, self.budget)

    async def _keep(
        self, ready: Ready, kind: str, depth: int, *, next_page: str | None, read: str = "",
        total: int | None = None, entries: int = 0, done: ToRead | None = None, further: str | None = None,
    ) -> Backfill:  # fmt: skip
        """Store what a step brought, with how far that is."""
        try:
            async with self.runtime.db.transaction() as conn:
                found, here = await self._store(conn, ready, kind, depth)
                if done is not None:
                    await backfills.DONE.run(conn, done.id)
                    if further is not None:
                        await self._add(conn, done.kind, further, None, done.depth, done.page + 1)
                    if done.kind not in ("context", "replies"):
                        found, here = found - len(ready.written), len(ready.written) + len(ready.walk)
                return await backfills.advance(
                    conn, self.state, next_page=next_page, read=read, total=total, entries=entries, found=found,
                    here=here,
                )  # fmt: skip
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
            # One of them cannot be stored. Each alone, it stops nobody but itself.
            if done is not None and done.kind not in ("context", "replies"):
                raise NotTaken("unstorable") from None
            apart = Ready([], [post.uri for _, post in ready.written] + ready.later, ready.ours, ready.walk)
            return await self._keep(
                apart, kind, depth, next_page=next_page, read=read, total=total, entries=entries, done=done,
                further=further,
            )  # fmt: skip

    async def _store(self, conn: Conn, ready: Ready, kind: str, depth: int) -> tuple[int, int]:
        """Returns how many posts were found, and how many of them are here."""
        stored = await past.store(conn, self.urls, self.group, ready.written)
        await past.mark_taken_up(conn, ready.ours)
        found = len(stored)
        for post, written in stored:
            await self._walk(conn, written, kind, depth)
            if post.parent_id is None and post.parent_uri is not None and not self.urls.is_local(post.parent_uri):
                level = depth + 1 if kind == "parent" else 1
                if level <= past.DEEPEST:
                    found += await self._add(conn, "parent", post.parent_uri, None, level)
        for written in ready.walk:
            await self._walk(conn, written, kind, depth)
        for uri in ready.later:
            found += await self._add(conn, kind, uri, None, depth)
        return found, len(stored)

    async def _walk(self, conn: Conn, post: RemotePost, kind: str, depth: int) -> None:
        collection = past.collection_of(kind, depth, post)
        if collection is not None:
            await self._add(conn, collection.kind, collection.uri, collection.fallback, collection.depth)

    async def _add(
        self, conn: Conn, kind: str, uri: str, fallback: str | None, depth: int, page: int = 1
    ) -> int:  # fmt: skip
        if self.state.found >= MOST_FOUND:
            return 0
        return await backfills.ADD_FIND.run(conn, new_id(), self.group.id, uri, kind, fallback, depth, page)
