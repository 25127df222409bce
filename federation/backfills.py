"""How far the reading of a group's past has come, and what is still to be read. Owns `backfills`, `backfill_finds`."""

import hashlib

from server.community import groups
from server.db import Command, Conn, Query, Row
from server.errors import MootError


class Backfill(Row, frozen=True):
    """One group's; only the errand that names `run` may go on. `here` of `found` posts have been dealt with."""

    group_id: int
    run: int
    stage: str
    next_page: str | None
    seen: list[str]
    outbox_total: int | None
    outbox_read: int
    found: int
    here: int
    failures: int
    refresh: bool

    @property
    def about(self) -> int:
        """How many there will be, in a round number, judged by what came of the outbox so far; 0: nobody knows yet."""
        if not self.outbox_read:
            return 0
        # An outbox counts activities, of which a post may have one, two or none; replies come with their threads.
        unread = (self.outbox_total or 0) - self.outbox_read if self.next_page else 0
        if unread <= 0:
            return self.found
        total = self.found + unread * self.found // self.outbox_read
        step: int = 10 ** max(len(str(total)) - 2, 0)
        return -(-total // step) * step


class ToRead(Row, frozen=True):
    """Something found. `kind` is listed (by the group itself), parent, answer, context or replies.

    `depth` counts references, `page` the pages of one collection.
    """

    id: int
    uri: str
    kind: str
    fallback: str | None
    depth: int
    page: int
    tries: int


class Outrun(MootError):
    """A later errand has taken over."""


_COLUMNS = "group_id, run, stage, next_page, seen, outbox_total, outbox_read, found, here, failures, refresh"

GOING_ON = Query(
    Backfill, "select " + _COLUMNS + " from backfills where group_id = $1 and run = $2 and ended_at is null"
)
BEGIN = Command(
    """insert into backfills (group_id, stage, next_page)
       select actor_id, 'featured', outbox from remote_actors where actor_id = $1
       on conflict do nothing returning run"""
)
CONTINUE = Command("update backfills set run = run + 1 where group_id = $1 and ended_at is null returning run")
# While nobody here was a member the group's news did not reach us. The first one back has it read again, unless that
# has just been done.
BEGIN_AGAIN = Command(
    """update backfills b
          set run = run + 1, stage = 'featured', seen = '{}', outbox_total = null, outbox_read = 0, found = 0, here = 0,
              failures = 0, refresh = true, begun_at = clock_now(), ended_at = null,
              next_page = (select outbox from remote_actors where actor_id = $1)
        where group_id = $1 and ended_at < clock_now() - interval '1 hour'
          and (select count(*) from memberships m join accounts c on c.actor_id = m.person_id
                where m.target_id = $1 and m.state = 'joined') = 1
       returning run"""
)
NEXT_RUN = Command("update backfills set run = run + 1 where group_id = $1 and run = $2 returning run")
ADVANCE = Query(
    Backfill,
    """update backfills
          set stage = 'outbox', next_page = $3, seen = case when $4 = '' then seen else array_append(seen, $4) end,
              outbox_total = coalesce($5, outbox_total), outbox_read = outbox_read + $6,
              found = greatest(found + $7, 0), here = here + $8, failures = 0
        where group_id = $1 and run = $2 and ended_at is null returning """
    + _COLUMNS,
)
FAILED = Command("update backfills set failures = failures + 1 where group_id = $1 and run = $2")
END = Command(
    "update backfills set ended_at = clock_now(), next_page = null, seen = '{}' where group_id = $1 and run = $2"
)
ADD_FIND = Command(
    """insert into backfill_finds (id, group_id, uri, kind, fallback, depth, page) values ($1, $2, $3, $4, $5, $6, $7)
       on conflict do nothing"""
)
NEXT_FIND = Query(
    ToRead,
    """select id, uri, kind, fallback, depth, page, tries from backfill_finds
        where group_id = $1 and (tries = 0 or $2) order by tries, id limit 1""",
)
TRY_AGAIN = Command("update backfill_finds set tries = tries + 1 where id = $1")
DONE = Command("delete from backfill_finds where id = $1")
FORGET_FINDS = Command("delete from backfill_finds where group_id = $1")


def digest(url: str) -> str:
    """A page's address in a few letters, to know it again."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:16]


async def begin(conn: Conn, group_id: int) -> int | None:
    """The number of the run that may go on: with the first reading, one that is under way, or one more; or None."""
    run: int | None = None
    for way in (BEGIN, CONTINUE, BEGIN_AGAIN):
        run = run if run is not None else await way.value(conn, group_id)
    return run


async def going_on(conn: Conn, group_id: int, run: int) -> Backfill | None:
    return await GOING_ON.one(conn, group_id, run)


async def advance(
    conn: Conn,
    state: Backfill,
    *,
    next_page: str | None,
    read: str = "",
    total: int | None = None,
    entries: int = 0,
    found: int = 0,
    here: int = 0,
) -> Backfill:
    """A step forward, in the transaction that stores what it brought; raises Outrun.

    `read` is a page of the outbox that was read, `next_page` the one that comes then.
    """
    seen = digest(read) if read else ""
    now = await ADVANCE.one(
        conn, state.group_id, state.run, next_page, seen, total, entries, found, here
    )  # fmt: skip
    if now is None:
        raise Outrun
    about = max(now.about, now.here) if now.about else 0
    await groups.reads_older(conn, state.group_id, min(now.here, now.found), about)
    return now


async def end(conn: Conn, state: Backfill) -> None:
    if await END.run(conn, state.group_id, state.run):
        await FORGET_FINDS.run(conn, state.group_id)
        await groups.has_read_older(conn, state.group_id)
