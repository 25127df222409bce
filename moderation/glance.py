"""What stands beside a page, in one statement: a group's rules and moderators, and what waits for the reader."""

import msgspec

from server.community.sessions import Viewer
from server.db import Conn, Query, Row


class _Answer(Row, frozen=True):
    found: dict[str, object]


class ShortRule(msgspec.Struct, frozen=True):
    id: int
    number: int
    title: str
    html: str
    version: int


class Moderator(msgspec.Struct, frozen=True):
    id: int
    name: str
    title: str


class Duty(msgspec.Struct, frozen=True):
    """A group whose queue waits for the reader."""

    name: str
    title: str
    waiting: int


class OwnGroup(msgspec.Struct, frozen=True):
    """A group that the reader belongs to."""

    id: int
    name: str
    host: str | None
    title: str


class Glance(msgspec.Struct, frozen=True):
    groups: list[OwnGroup] = []
    rules: list[ShortRule] = []
    place_rules: list[ShortRule] = []
    moderators: list[Moderator] = []
    duties: list[Duty] = []
    applications: int = 0

    @property
    def waiting(self) -> int:
        return sum(duty.waiting for duty in self.duties)


_DUTIES = """
        'duties', (
            select coalesce(jsonb_agg(jsonb_build_object(
                       'name', case when g.host is null then g.name else g.name || '@' || g.host end,
                       'title', g.title, 'waiting', open.count) order by g.title), '[]')
              from (select c.group_id, count(*) as count from cases c where c.state = 'open' group by c.group_id) open
              join actors g on g.id = open.group_id
              left join memberships m on m.target_id = g.id and m.person_id = $1
                   and m.role = 'moderator' and m.state = 'joined'
             where (m.person_id is not null and g.host is null) or ($2 and g.host is not null)),
        'applications', (
            select count(*) from accounts where $2 and state = 'waiting')
    ) as found"""

_RULES = """
            select coalesce(jsonb_agg(jsonb_build_object(
                       'id', r.id, 'number', r.number, 'title', r.title, 'html', r.html, 'version', r.version)
                       order by r.number), '[]')
              from rules r where r.retired_at is null and coalesce(r.group_id, 0) = """

# $1 the reader, $2 whether they are an admin (whose duty is also what waits in groups elsewhere), $3 the group.
BESIDE = Query(
    _Answer,
    """
    select jsonb_build_object(
        'rules', ("""
    + _RULES
    + """ coalesce($3::int8, 0)),
        'place_rules', ("""
    + _RULES
    + """ 0 and $3 is not null),
        'moderators', (
            select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name, 'title', a.title)
                       order by m.created_at), '[]')
              from memberships m join actors a on a.id = m.person_id
             where m.target_id = $3 and m.role = 'moderator' and m.state = 'joined'),"""
    + _DUTIES,
)
AT_HOME = Query(
    _Answer,
    """
    select jsonb_build_object(
        'groups', (
            select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'name', g.name, 'host', g.host, 'title', g.title)
                       order by g.title), '[]')
              from memberships m join actors g on g.id = m.target_id
             where m.person_id = $1 and m.state = 'joined' and g.kind = 'group' and g.deleted_at is null),"""
    + _DUTIES,
)


async def beside(conn: Conn, viewer: Viewer, group_id: int | None = None) -> Glance:
    """The rules and moderators of `group_id`, the rules of the whole place beside them, and the reader's duties.

    With None, `rules` are those of the whole place.
    """
    answer = await BESIDE.one(conn, viewer.account_id, viewer.admin, group_id)
    assert answer is not None
    return msgspec.convert(answer.found, Glance)


async def at_home(conn: Conn, viewer: Viewer) -> Glance:
    """The reader's groups and duties."""
    answer = await AT_HOME.one(conn, viewer.account_id, viewer.admin)
    assert answer is not None
    return msgspec.convert(answer.found, Glance)
