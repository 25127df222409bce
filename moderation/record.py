"""What was decided, for everybody to read: by month and rule, without the names of authors, reporters and the banned.

It reads decisions about texts and deeds (bans, closed and pinned threads, new moderators) as one list.
"""

import datetime as dt

import msgspec

from moderation import decisions
from server import text
from server.community.media import Stored
from server.community.sessions import Viewer
from server.db import Conn, Query, Row
from server.errors import NotFound

PAGE = 50
END = (1 << 63) - 1


class Entry(Row, frozen=True):
    """One decision or deed in public; its post stays unnamed, and so does whoever was banned. The rule is as it was.

    Without a group it holds for the whole place.
    `until` is a ban's end; `person_title` names who became or was moderator, as the group's page does.
    """

    id: int
    verb: str
    reason: str
    reversed: bool
    created_at: dt.datetime
    rule_number: int | None
    rule_title: str | None
    moderator_id: int
    moderator_name: str
    moderator_title: str
    group_name: str | None
    group_host: str | None
    group_title: str | None
    until: dt.datetime | None
    person_title: str | None


class Count(Row, frozen=True):
    """Decisions by one rule in one month, which is its first day in UTC; without rule those for the author."""

    month: dt.datetime
    rule_number: int | None
    rule_title: str | None
    removed: int
    refused: int
    kept: int
    restored: int


class Statement(Row, frozen=True):
    """What the author of a post is told about one decision; the rule reads as it did then."""

    id: int
    verb: str
    reason: str
    reversed: bool
    created_at: dt.datetime
    rule_number: int | None
    rule_title: str | None
    rule_body: str | None
    checks: list[str]
    post_id: int
    root_id: int | None
    post_state: str
    reply: bool
    title: str | None
    excerpt: str
    pictures: Stored
    author_id: int
    group_id: int
    group_name: str
    group_host: str | None
    group_title: str
    viewer_moderates: bool

    @property
    def rule_html(self) -> text.SafeHtml:
        return text.render_markdown(self.rule_body or "")

    @property
    def machine_involved(self) -> bool:
        """Whether a check had pointed to the text; the decision itself is always a person's."""
        return bool(self.checks)

    @property
    def may_send_again(self) -> bool:
        """Whether the author can change the text and send it again."""
        return self.verb == "refuse" and self.post_state in ("refused", "published")


ENTRIES = Query(
    Entry,
    """
    select d.id, d.verb, d.reason, d.reversed_by is not null as reversed, d.created_at, v.number as rule_number,
           v.title as rule_title, m.id as moderator_id, m.name as moderator_name, m.title as moderator_title,
           g.name as group_name, g.host as group_host, g.title as group_title, d.until,
           coalesce(nullif(p.title, ''), p.name) as person_title
      from (
        (select id, verb, reason, reversed_by, created_at, rule_id, rule_version, moderator_id, group_id,
                null::timestamptz as until, null::int8 as person_id
           from decisions join groups gr on gr.actor_id = group_id
          where case when $1::int8 is null then gr.visibility = 'public' else group_id = $1 end and id < $2
          order by id desc limit $3)
        union all
        (select id, verb, reason, reversed_by, created_at, rule_id, rule_version, moderator_id, group_id,
                until, case when verb in ('promote', 'demote') then person_id end
           from deeds left join groups gr on gr.actor_id = group_id
          where case when $1::int8 is null then group_id is null or gr.visibility = 'public' else group_id = $1 end
            and id < $2
          order by id desc limit $3)) d
      join actors m on m.id = d.moderator_id left join actors g on g.id = d.group_id
      left join actors p on p.id = d.person_id
      left join rule_versions v on v.rule_id = d.rule_id and v.version = d.rule_version
     order by d.id desc limit $3""",
)
COUNTS = Query(
    Count,
    """
    select date_trunc('month', d.created_at, 'UTC') as month, v.number as rule_number, v.title as rule_title,
           count(*) filter (where d.verb = 'remove')::int4 as removed,
           count(*) filter (where d.verb = 'refuse')::int4 as refused,
           count(*) filter (where d.verb in ('keep', 'release'))::int4 as kept,
           count(*) filter (where d.verb = 'restore')::int4 as restored
      from decisions d join groups gr on gr.actor_id = d.group_id
      left join rule_versions v on v.rule_id = d.rule_id and v.version = d.rule_version
     where case when $1::int8 is null then gr.visibility = 'public' else d.group_id = $1 end
       and d.created_at >= date_trunc('month', $2::timestamptz, 'UTC')
       and d.created_at < date_trunc('month', $3::timestamptz, 'UTC') + interval '1 month'
     group by 1, 2, 3 order by 1 desc, 2, 3""",
)
STATEMENT = Query(
    Statement,
    """
    select d.id, d.verb, d.reason, d.reversed_by is not null as reversed, d.created_at, v.number as rule_number,
           v.title as rule_title, v.body as rule_body,
           array(select distinct f.kind from findings f where f.case_id = d.case_id order by 1) as checks,
           p.id as post_id, p.root_id, p.state as post_state,
           (p.parent_id is not null or p.parent_uri is not null) as reply, r.title, r.excerpt, r.pictures, p.author_id,
           g.id as group_id, g.name as group_name, g.host as group_host, g.title as group_title,
           exists (select 1 from memberships m where m.person_id = $2 and m.target_id = d.group_id
                      and m.role = 'moderator' and m.state = 'joined' and g.host is null) as viewer_moderates
      from decisions d join posts p on p.id = d.post_id
      join revisions r on r.post_id = d.post_id and r.number = d.revision
      join actors g on g.id = d.group_id
      left join rule_versions v on v.rule_id = d.rule_id and v.version = d.rule_version
     where d.id = $1""",
)


class BanStatement(Row, frozen=True):
    """What somebody who was banned is told; the rule reads as it did then."""

    id: int
    until: dt.datetime
    removes_posts: bool
    reason: str
    reversed: bool
    created_at: dt.datetime
    rule_number: int | None
    rule_title: str | None
    rule_body: str | None
    person_id: int
    person_name: str
    person_host: str | None
    person_title: str
    group_id: int
    group_name: str
    group_host: str | None
    group_title: str
    viewer_moderates: bool

    @property
    def rule_html(self) -> text.SafeHtml:
        return text.render_markdown(self.rule_body or "")


BAN = Query(
    BanStatement,
    """
    select d.id, d.until, d.removes_posts, d.reason, d.reversed_by is not null as reversed, d.created_at,
           v.number as rule_number, v.title as rule_title, v.body as rule_body, p.id as person_id,
           p.name as person_name, p.host as person_host, p.title as person_title, g.id as group_id,
           g.name as group_name, g.host as group_host, g.title as group_title,
           exists (select 1 from memberships m where m.person_id = $2 and m.target_id = d.group_id
                      and m.role = 'moderator' and m.state = 'joined') as viewer_moderates
      from deeds d join actors p on p.id = d.person_id join actors g on g.id = d.group_id
      left join rule_versions v on v.rule_id = d.rule_id and v.version = d.rule_version
     where d.id = $1 and d.verb = 'ban'""",
)


async def ban_statement(conn: Conn, viewer: Viewer, deed_id: int) -> BanStatement:
    """A ban for whom it concerns, and for whoever moderates there; raises NotFound for everybody else."""
    found = await BAN.one(conn, deed_id, viewer.account_id)
    if found is None or not viewer.signed_in:
        raise NotFound("ban")
    if viewer.account_id != found.person_id and not found.viewer_moderates and not viewer.admin:
        raise NotFound("ban")
    return found


async def page(conn: Conn, group_id: int | None, before: int = END, limit: int = PAGE) -> list[Entry]:
    """Decisions of a group, or of all public groups, newest first; `before` is the last entry's id.

    Of a group that is not public the caller asks `access` first.
    """
    return await ENTRIES.all(conn, group_id, before, limit)


async def counts(conn: Conn, group_id: int | None, first: dt.datetime, last: dt.datetime) -> list[Count]:
    """Numbers by rule for the months from that of `first` to that of `last`, newest month first."""
    return await COUNTS.all(conn, group_id, first, last)


def public_row(entry: Entry) -> dict[str, object]:
    """An entry as a line of the download: no numbers of ours by which its post could be found."""
    row: dict[str, object] = msgspec.to_builtins(entry)
    for column in ("id", "moderator_id"):
        del row[column]
    return row


async def statement(conn: Conn, viewer: Viewer, decision_id: int) -> Statement:
    """A decision for the author of its post, and for whoever moderates there; raises NotFound for everybody else."""
    found = await STATEMENT.one(conn, decision_id, viewer.account_id)
    if found is None or not viewer.signed_in:
        raise NotFound("decision")
    if viewer.account_id != found.author_id and not found.viewer_moderates and not viewer.admin:
        raise NotFound("decision")
    return found


async def last_decision(conn: Conn, post_id: int) -> int | None:
    """The newest decision about a post, to link its author from the post to the reasons."""
    found: int | None = await decisions.LAST_OF_POST.value(conn, post_id)
    return found
