"""What a moderator reads before deciding: the queue, and one case with its conversation and its author's past."""

import datetime as dt

import msgspec

from moderation.checks import JUDGED
from server.community.media import Stored
from server.community.sessions import Viewer
from server.db import Command, Conn, Query, Row
from server.errors import NotFound

PAGE = 30
PARENTS = 5
PAST = 5


class Found(msgspec.Struct, frozen=True):
    """One reason of the machine; `score` is 0 to 1. The rule is as it stood then, or None for a hold without one."""

    kind: str
    action: str
    revision: int
    matched: list[str]
    check_id: int | None = None
    score: float | None = None
    label: str | None = None
    rule_id: int | None = None
    rule_number: int | None = None
    rule_title: str | None = None


class Reported(msgspec.Struct, frozen=True):
    """One report; who wrote it is for moderators' eyes alone."""

    reporter_id: int
    reporter_name: str
    reporter_host: str | None
    reporter_title: str
    comment: str
    created_at: dt.datetime
    rule_id: int | None = None
    rule_number: int | None = None
    rule_title: str | None = None


class _Why(msgspec.Struct, frozen=True):
    findings: list[Found]
    reports: list[Reported]


class CaseLine(Row, frozen=True):
    """A case with the text that it is about. The counts are of the author's other posts in this group.

    `claimed_by` is another moderator who is reading it now; `total` is how many cases wait, only in the queue.
    """

    id: int
    state: str
    version: int
    revision: int
    opened_for: str
    opened_at: dt.datetime
    claimed_by: int | None
    claimed_name: str | None
    claimed_title: str | None
    post_id: int
    root_id: int | None
    post_state: str
    reply: bool
    thread_title: str | None
    shown_revision: int
    revision_state: str
    title: str | None
    link: str | None
    source: str
    html: str
    excerpt: str
    language: str
    options: list[str]
    pictures: Stored
    submitted_at: dt.datetime
    author_id: int
    author_name: str
    author_host: str | None
    author_title: str
    author_since: dt.datetime
    published_here: int
    refused_here: int
    removed_here: int
    group_id: int
    group_name: str
    group_host: str | None
    group_title: str
    why: dict[str, object]
    not_scored: str | None
    total: int

    @property
    def held(self) -> bool:
        """Whether nobody else sees this text, so that it is released or refused."""
        return self.revision_state == "held" or self.post_state in ("submitted", "held")

    @property
    def findings(self) -> list[Found]:
        return self._why.findings

    @property
    def reports(self) -> list[Reported]:
        return self._why.reports

    @property
    def _why(self) -> _Why:
        return msgspec.convert(self.why, _Why)


class Above(Row, frozen=True):
    """A post that the one in question answers, directly or not; a deleted one without its text."""

    id: int
    root_id: int | None
    state: str
    title: str | None
    excerpt: str
    submitted_at: dt.datetime
    author_id: int
    author_name: str
    author_host: str | None
    author_title: str


class PastDecision(Row, frozen=True):
    """An earlier decision about something of this author in this group."""

    id: int
    verb: str
    reason: str
    reversed: bool
    created_at: dt.datetime
    post_id: int
    root_id: int | None
    post_state: str
    excerpt: str
    rule_number: int | None
    rule_title: str | None


class Accuracy(Row, frozen=True):
    """Of `judged` decisions about what a check had found, `correct` went its way, by its rule, and still stand."""

    check_id: int
    judged: int
    correct: int


class CaseDetails(msgspec.Struct, frozen=True):
    """Everything on the page of one case. `above` begins with the farthest; `left` counts the other open cases."""

    line: CaseLine
    above: list[Above]
    past: list[PastDecision]
    accuracy: dict[int, Accuracy]
    left: int
    next_id: int | None


class _Beside(msgspec.Struct, frozen=True):
    above: list[Above]
    past: list[PastDecision]
    accuracy: list[Accuracy]
    left: int
    next_id: int | None


class _CaseAndBeside(CaseLine, frozen=True):
    beside: dict[str, object]


# $1 the viewer, $2 whether they are an admin: moderators their groups', admins all.
_MINE = """
      from cases c join posts p on p.id = c.post_id
     where c.state = 'open' and p.state in ('submitted', 'held', 'published')
       and ($2 or exists (
            select 1 from memberships m join actors g on g.id = m.target_id
             where m.person_id = $1 and m.target_id = c.group_id and m.role = 'moderator' and m.state = 'joined'
               and g.host is null))"""
# What nobody sees until it is decided comes first, then what waits longest.
_ORDER = " order by c.opened_for <> 'hold', c.opened_at, c.id"

_COLUMNS = """
    select c.id, c.state, c.version, c.revision, c.opened_for, c.opened_at, k.id as claimed_by,
           k.name as claimed_name, k.title as claimed_title, p.id as post_id, p.root_id, p.state as post_state,
           (p.parent_id is not null or p.parent_uri is not null) as reply, t.title as thread_title,
           p.revision as shown_revision, r.state as revision_state, r.title, r.link, r.source, r.html, r.excerpt,
           r.language, coalesce(q.options, '{}') as options, r.pictures, r.created_at as submitted_at,
           a.id as author_id, a.name as author_name, a.host as author_host, a.title as author_title,
           a.created_at as author_since, h.published_here, h.refused_here, h.removed_here, g.id as group_id,
           g.name as group_name, g.host as group_host, g.title as group_title,
           jsonb_build_object('findings', (
                select coalesce(jsonb_agg(jsonb_build_object(
                           'kind', f.kind, 'action', f.action, 'revision', f.revision, 'matched', f.matched,
                           'check_id', f.check_id, 'score', f.score, 'label', f.label, 'rule_id', f.rule_id,
                           'rule_number', v.number, 'rule_title', v.title) order by f.id), '[]')
                  from findings f left join rule_versions v on v.rule_id = f.rule_id and v.version = f.rule_version
                 where f.case_id = c.id),
            'reports', (
                select coalesce(jsonb_agg(jsonb_build_object(
                           'reporter_id', ra.id, 'reporter_name', ra.name, 'reporter_host', ra.host,
                           'reporter_title', ra.title, 'comment', re.comment, 'created_at', re.created_at,
                           'rule_id', re.rule_id, 'rule_number', ru.number, 'rule_title', ru.title)
                           order by re.id), '[]')
                  from reports re join actors ra on ra.id = re.reporter_id left join rules ru on ru.id = re.rule_id
                 where re.case_id = c.id)) as why,
           s.not_scored, c.total"""
_FROM = """
      from picked c join posts p on p.id = c.post_id
      join revisions r on r.post_id = c.post_id and r.number = c.revision
      join actors a on a.id = p.author_id join actors g on g.id = c.group_id
      left join posts t on t.id = p.root_id left join polls q on q.post_id = c.post_id
      left join actors k on k.id = c.claimed_by and c.claimed_until > clock_now() and k.id <> $1
      left join screenings s on s.post_id = c.post_id and s.revision = c.revision
      cross join lateral (
            select count(*) filter (where o.state = 'published')::int4 as published_here,
                   count(*) filter (where o.state = 'refused')::int4 as refused_here,
                   count(*) filter (where o.state = 'removed')::int4 as removed_here
              from posts o where o.author_id = p.author_id and o.group_id = c.group_id and o.id <> p.id) h"""

QUEUE = Query(
    CaseLine,
    "with picked as (select c.*, (count(*) over ())::int4 as total"
    + _MINE
    + """ and ($3::int8 is null or c.group_id = $3)
       and ($6::text is null or exists (
            select 1 from actors g where g.id = c.group_id and lower(g.name) = lower($6)
               and coalesce(g.host, '') = $7))"""
    + _ORDER
    + " limit $4 offset $5)"
    + _COLUMNS
    + _FROM
    + _ORDER,
)
# What waits after the case $3, other than what somebody else is reading.
_NEXT = (
    _MINE
    + """ and (c.claimed_by is null or c.claimed_by = $1 or c.claimed_until < clock_now())
       and (c.opened_for <> 'hold', c.opened_at, c.id) > (
            select n.opened_for <> 'hold', n.opened_at, n.id from cases n where n.id = $3)"""
    + _ORDER
    + " limit 1"
)
NEXT = Command("select c.id" + _NEXT)
# $4 and $5: how many parents, and how many earlier decisions about this author, are shown.
_BESIDE = (
    """, jsonb_build_object(
        'above', (
            with recursive above as (
                select p.parent_id as id, 1 as step
                union all
                select o.parent_id, step + 1 from above join posts o on o.id = above.id where step < $4)
            select coalesce(jsonb_agg(jsonb_build_object(
                       'id', o.id, 'root_id', o.root_id, 'state', o.state,
                       'title', case when o.state <> 'deleted' then o.title end,
                       'excerpt', case when o.state <> 'deleted' then o.excerpt else '' end,
                       'submitted_at', o.submitted_at, 'author_id', w.id, 'author_name', w.name,
                       'author_host', w.host, 'author_title', w.title) order by above.step desc), '[]')
              from above join posts o on o.id = above.id join actors w on w.id = o.author_id),
        'past', (
            select coalesce(jsonb_agg(to_jsonb(e) order by e.id desc), '[]')
              from (select d.id, d.verb, d.reason, d.reversed_by is not null as reversed, d.created_at,
                           o.id as post_id, o.root_id, o.state as post_state, i.excerpt, v.number as rule_number,
                           v.title as rule_title
                      from posts o join decisions d on d.post_id = o.id
                      join revisions i on i.post_id = d.post_id and i.number = d.revision
                      left join rule_versions v on v.rule_id = d.rule_id and v.version = d.rule_version
                     where o.author_id = p.author_id and d.group_id = c.group_id
                     order by d.id desc limit $5) e),
        'accuracy', (
            select coalesce(jsonb_agg(to_jsonb(a)), '[]') from ("""
    + JUDGED
    + """ and d.group_id = (select o.group_id from cases o where o.id = $3)
                and f.check_id in (select o.check_id from findings o where o.case_id = $3)
              group by f.check_id) a),
        'left', (select count(*)"""
    + _MINE
    + """ and c.id <> $3),
        'next_id', (select c.id"""
    + _NEXT
    + """)) as beside"""
)
ONE = Query(
    _CaseAndBeside,
    """with picked as (
        select c.*, 0 as total from cases c join actors g on g.id = c.group_id
         where c.id = $3 and g.suspended_at is null and g.deleted_at is null
           and ($2 or exists (
                select 1 from memberships m where m.person_id = $1 and m.target_id = c.group_id
                   and m.role = 'moderator' and m.state = 'joined' and g.host is null)))"""
    + _COLUMNS
    + _BESIDE
    + _FROM,
)


async def queue(
    conn: Conn, viewer: Viewer, *, group_id: int | None = None, handle: str | None = None, limit: int = PAGE,
    offset: int = 0,
) -> list[CaseLine]:  # fmt: skip
    """What waits for the viewer, of one group or of all that they may decide in: one query; nothing for others."""
    name, _, host = handle.partition("@") if handle is not None else (None, "", "")
    return await QUEUE.all(conn, viewer.account_id, viewer.admin, group_id, limit, offset, name, host)


async def case_details(conn: Conn, viewer: Viewer, case_id: int) -> CaseDetails:
    """One case, open or closed, for whoever may decide about it, in one query; NotFound for everybody else."""
    found = None
    if viewer.signed_in:
        found = await ONE.one(conn, viewer.account_id, viewer.admin, case_id, PARENTS, PAST)
    if found is None:
        raise NotFound("case")
    beside = msgspec.convert(found.beside, _Beside)
    return CaseDetails(
        line=found,
        above=beside.above,
        past=beside.past,
        accuracy={one.check_id: one for one in beside.accuracy},
        left=beside.left,
        next_id=beside.next_id,
    )


async def next_case(conn: Conn, viewer: Viewer, case_id: int) -> int | None:
    """The open case that comes after this one, or else the first that waits; None where nothing does."""
    found: int | None = await NEXT.value(conn, viewer.account_id, viewer.admin, case_id)
    if found is None:
        first = await queue(conn, viewer)
        found = next((line.id for line in first if line.claimed_by is None), None)
    return found
