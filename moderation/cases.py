"""What waits for a person's decision: one open case a post. Owns the tables `cases` and `findings`."""

import datetime as dt
from collections.abc import Sequence

import msgspec

from server import clock
from server.community import access, groups, notifications, posts
from server.community.groups import Group
from server.community.posts import Post
from server.community.sessions import Viewer
from server.db import Command, Conn, Query, Row
from server.errors import NotFound, Refused
from server.ids import new_id
from server.runtime import Runtime

CLAIM_MINUTES = 10

# What speaks for a hold without anybody's rule.
FIRST_REMOTE = "first_remote"
LIMITED_INSTANCE = "limited_instance"


class Case(Row, frozen=True):
    """`revision` is the newest text that it is about; a decision must name the `version` that was read."""

    id: int
    post_id: int
    revision: int
    group_id: int
    opened_for: str
    state: str
    version: int
    claimed_by: int | None
    claimed_until: dt.datetime | None
    opened_at: dt.datetime


class NewFinding(msgspec.Struct, frozen=True):
    """Why the machine stopped a text; without a rule for what holds a post on nobody's behalf."""

    kind: str
    action: str
    rule_id: int | None = None
    rule_version: int | None = None
    check_id: int | None = None
    matched: tuple[str, ...] = ()
    score: float | None = None
    label: str | None = None


class HeldFor(Row, frozen=True):
    """A rule on whose behalf a check holds a post."""

    post_id: int
    number: int
    title: str


class _Id(Row, frozen=True):
    id: int


_SELECT = """
    select id, post_id, revision, group_id, opened_for, state, version, claimed_by, claimed_until, opened_at
      from cases """

BY_ID = Query(Case, _SELECT + "where id = $1")
OPEN_OF_POST = Query(Case, _SELECT + "where post_id = $1 and state = 'open'")
OPEN = Command(
    """insert into cases (id, post_id, revision, group_id, opened_for) values ($1, $2, $3, $4, $5)
       on conflict (post_id) where state = 'open' do nothing"""
)
# A newer text makes a decision about the older one stale; a further report of the same text does not.
JOIN = Command(
    """update cases set version = case when $2 > revision then version + 1 else version end,
              revision = greatest(revision, $2),
              opened_for = case when $3 = 'hold' or opened_for = 'hold' then 'hold'
                                when $3 = 'report' then 'report' else opened_for end
        where post_id = $1 and state = 'open'"""
)
ADD_FINDING = Command(
    """insert into findings
           (id, case_id, rule_id, rule_version, check_id, kind, action, matched, score, label, revision)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""
)
HELD_FOR = Query(
    HeldFor,
    """select distinct c.post_id, v.number, v.title
         from cases c join findings f on f.case_id = c.id and f.revision = c.revision and f.action = 'hold'
         join rule_versions v on v.rule_id = f.rule_id and v.version = f.rule_version
        where c.post_id = any($1::int8[]) and c.state = 'open' order by c.post_id, v.number""",
)
CLOSE = Command(
    """update cases set state = 'closed', closed_at = clock_now(), version = version + 1
        where post_id = $1 and state = 'open'"""
)
# What speaks against the text that readers see is not answered by refusing another one.
RETURN = Command(
    """update cases c set revision = $2, version = version + 1, claimed_by = null, claimed_until = null,
              opened_for = case when exists (select 1 from reports r where r.case_id = c.id)
                                then 'report' else 'flag' end
        where c.id = $1 and c.state = 'open'
          and (exists (select 1 from reports r where r.case_id = c.id)
               or exists (select 1 from findings f where f.case_id = c.id and f.revision <= $2))"""
)
CLAIM = Command(
    """update cases set claimed_by = $2, claimed_until = $3
        where id = $1 and state = 'open'
          and (claimed_by is null or claimed_by = $2 or claimed_until < clock_now())
          and ($4 or exists (
               select 1 from memberships m join actors g on g.id = m.target_id
                where m.person_id = $2 and m.target_id = cases.group_id and m.role = 'moderator'
                  and m.state = 'joined' and g.host is null))"""
)
# Whom a new case calls: the group's moderators; where it has none here, the admins.
WATCHERS = Query(
    _Id,
    """
    with moderators as (
        select m.person_id as id
          from memberships m join actors g on g.id = m.target_id join accounts c on c.actor_id = m.person_id
         where m.target_id = $1 and m.role = 'moderator' and m.state = 'joined' and g.host is null
           and c.state = 'active')
    select id from moderators
    union
    select actor_id from accounts where admin and state = 'active' and not exists (select 1 from moderators)
     order by id""",
)


async def open_case(conn: Conn, post: Post, revision: int, opened_for: str, findings: Sequence[NewFinding] = ()) -> int:
    """Ask a person about a post: opens a case, or adds to the open one; returns its id.

    `opened_for` is hold, flag or report. The caller holds the post's row lock.
    """
    case_id = new_id()
    if await OPEN.run(conn, case_id, post.id, revision, post.group_id, opened_for):
        # Old posts come by the hundred: the queue counts them, and nobody is called for each.
        if not post.from_past or opened_for == "report":
            await _call(conn, post, case_id, opened_for)
    else:
        await JOIN.run(conn, post.id, revision, opened_for)
        existing = await open_of_post(conn, post.id)
        assert existing is not None
        case_id = existing.id
    for found in findings:
        await ADD_FINDING.run(
            conn, new_id(), case_id, found.rule_id, found.rule_version, found.check_id, found.kind, found.action,
            list(found.matched), found.score, found.label, revision,
        )  # fmt: skip
    return case_id


async def _call(conn: Conn, post: Post, case_id: int, opened_for: str) -> None:
    """One notification a case to each who may decide it, however much joins it later."""
    detail: dict[str, object] = {"case_id": str(case_id), "opened_for": opened_for}
    for watcher in await WATCHERS.all(conn, post.group_id):
        if watcher.id != post.author_id:
            await notifications.notify(
                conn, watcher.id, "case_opened", post_id=post.id, group_id=post.group_id, detail=detail
            )


async def open_of_post(conn: Conn, post_id: int) -> Case | None:
    return await OPEN_OF_POST.one(conn, post_id)


async def access_case(conn: Conn, viewer: Viewer, case_id: int) -> tuple[Case, Post, Group]:
    """A case that the viewer may decide, with its post, locked, and group; raises NotFound for everybody else."""
    case, group = await access_case_to_read(conn, viewer, case_id)
    post = await posts.by_id(conn, case.post_id, lock=True)
    # Whoever was first has decided while we waited for the lock.
    return await _by_id(conn, case_id), post, group


async def access_case_to_read(conn: Conn, viewer: Viewer, case_id: int) -> tuple[Case, Group]:
    """A case and its group for whoever may decide about it; raises NotFound for everybody else."""
    case = await _by_id(conn, case_id)
    group = await groups.BY_ID.one(conn, case.group_id, viewer.account_id)
    if group is None or not access.may_moderate(viewer, group):
        raise NotFound("case")
    return case, group


async def _by_id(conn: Conn, case_id: int) -> Case:
    if (case := await BY_ID.one(conn, case_id)) is None:
        raise NotFound("case")
    return case


async def claim(conn: Conn, viewer: Viewer, case_id: int) -> dt.datetime:
    """Tell the other moderators that one reads this, for ten minutes; returns until when. Refused: claimed."""
    until = clock.now() + dt.timedelta(minutes=CLAIM_MINUTES)
    if not await CLAIM.run(conn, case_id, viewer.account_id, until, viewer.admin):
        case, _ = await access_case_to_read(conn, viewer, case_id)
        if case.state != "open":
            raise Refused("decided_already", "Somebody has decided this meanwhile.")
        raise Refused("claimed", "Another moderator is looking at this at the moment.")
    return until


async def close(conn: Conn, post_id: int) -> None:
    """Close the open case of a post, if there is one. The caller holds the post's row lock."""
    await CLOSE.run(conn, post_id)


async def return_to(conn: Conn, case_id: int, revision: int) -> bool:
    """Lead an open case back to an earlier, published text; False where nothing speaks against that one."""
    return bool(await RETURN.run(conn, case_id, revision))


async def close_ended(conn: Conn, _runtime: Runtime, *, post_id: int) -> None:
    """Job: nobody need decide about a post that its author deleted or that went back with its parent."""
    post = await posts.by_id(conn, post_id, lock=True)
    if post.state in ("deleted", "refused"):
        await close(conn, post.id)


async def held_for(conn: Conn, post_ids: Sequence[int]) -> list[HeldFor]:
    """The rules for which checks hold these posts: authors may know them, but not the words that were found."""
    return await HELD_FOR.all(conn, list(post_ids))
