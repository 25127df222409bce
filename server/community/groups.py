"""Groups of neighbours, ours and those of other instances that somebody here reads. Owns the table `groups`."""

import datetime as dt

from server import jobs, text
from server.community import actors
from server.db import Command, Conn, Query, Row
from server.errors import Invalid
from server.urls import Urls

JOIN_MODES = ("open", "ask", "invite")
POSTING = ("anyone", "members", "moderators")
VISIBILITIES = ("public", "private", "local")
# Until when somebody is banned who is banned for good: a moment that compares like any other.
FOR_GOOD = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)


class Group(Row, frozen=True):
    """A group as somebody sees it: `membership`, `role` and `banned` are the viewer's own."""

    id: int
    name: str
    host: str | None
    uri: str
    url: str | None
    title: str
    about_html: str
    about_source: str
    place: str
    tagline: str
    language: str
    visibility: str
    join_mode: str
    posting: str
    hold_first_remote: bool
    discoverable: bool
    answers_within: str
    member_count: int
    thread_count: int
    active_at: dt.datetime | None
    older_here: int | None
    older_about: int | None
    membership: str | None
    role: str | None
    banned_until: dt.datetime | None

    @property
    def local(self) -> bool:
        return self.host is None

    @property
    def handle(self) -> str:
        return self.name if self.host is None else f"{self.name}@{self.host}"

    @property
    def joined(self) -> bool:
        return self.membership == "joined"

    @property
    def moderated_by_viewer(self) -> bool:
        return self.local and self.joined and self.role == "moderator"


class GroupLine(Row, frozen=True):
    """A group in a list."""

    id: int
    name: str
    host: str | None
    title: str
    place: str
    tagline: str
    member_count: int
    thread_count: int
    active_at: dt.datetime | None
    visibility: str
    membership: str | None


class Reach(Row, frozen=True):
    """`written`: there is a post already; `elsewhere`: somebody of another server belongs to the group."""

    visibility: str
    written: bool
    elsewhere: bool


_SELECT = """
    select g.actor_id as id, a.name, a.host, a.uri, a.url, a.title, a.about_html, a.about_source, g.place, g.tagline,
           g.language, g.visibility, g.join_mode, g.posting, g.hold_first_remote, g.discoverable, g.answers_within,
           g.member_count, g.thread_count, g.active_at, g.older_here, g.older_about, m.state as membership, m.role,
           m.banned_until
      from groups g join actors a on a.id = g.actor_id"""
_SELECT_LINE = """
    select g.actor_id as id, a.name, a.host, a.title, g.place, g.tagline, g.member_count,
           case when may_read(g.visibility, m.state, $1, false) then g.thread_count else 0 end as thread_count,
           case when may_read(g.visibility, m.state, $1, false) then g.active_at end as active_at, g.visibility,
           m.state as membership"""

BY_HANDLE = Query(
    Group,
    _SELECT
    + """      left join memberships m on m.target_id = g.actor_id and m.person_id = $3
     where lower(a.name) = lower($1) and coalesce(a.host, '') = coalesce($2, '')
       and a.suspended_at is null and a.deleted_at is null""",
)
BY_ID = Query(
    Group,
    _SELECT
    + """      left join memberships m on m.target_id = g.actor_id and m.person_id = $2
     where g.actor_id = $1 and a.suspended_at is null and a.deleted_at is null""",
)
LISTED = Query(
    GroupLine,
    _SELECT_LINE
    + """      from groups g join actors a on a.id = g.actor_id
      left join memberships m on m.target_id = g.actor_id and m.person_id = $1
     where (g.visibility <> 'local' or $1 is not null) and a.suspended_at is null and a.deleted_at is null
       and (g.discoverable or (g.visibility <> 'public' and m.state in ('joined', 'asked', 'invited')))
       and (a.host is null or m.state is not null)
     order by (m.state is null), g.member_count desc, a.title limit $2""",
)
ADD = Command("insert into groups (actor_id, visibility) values ($1, $2)")
# What was written for members only stays so, whatever its server says later.
KNOW_REMOTE = Command(
    """insert into groups (actor_id, posting, join_mode, visibility) values ($1, $2, $3, $4)
       on conflict (actor_id) do update set posting = excluded.posting, join_mode = excluded.join_mode,
              visibility = case when groups.visibility = 'private'
                                 and exists (select 1 from posts p where p.group_id = groups.actor_id)
                                then 'private' else excluded.visibility end"""
)
REACH = Query(
    Reach,
    """
    select g.visibility, exists (select 1 from posts p where p.group_id = g.actor_id) as written,
           exists (select 1 from memberships m join actors a on a.id = m.person_id
                    where m.target_id = g.actor_id and m.state in ('joined', 'asked', 'invited')
                      and a.host is not null) as elsewhere
      from groups g where g.actor_id = $1""",
)
HAS_MEMBER_FROM = Command(
    """select exists (select 1 from memberships m join actors a on a.id = m.person_id
                       where m.target_id = $1 and m.state = 'joined' and a.host = $2 and a.suspended_at is null)"""
)
# People join and leave under the same lock.
LOCK = Command("select actor_id from groups where actor_id = $1 for no key update")
UPDATE = Command(
    """update groups set place = $2, tagline = $3, language = $4, join_mode = $5, posting = $6,
              hold_first_remote = $7, answers_within = $8, discoverable = $9, visibility = $10,
              updated_at = clock_now()
        where actor_id = $1"""
)
COUNT_MEMBER = Command("update groups set member_count = greatest(member_count + $2, 0) where actor_id = $1")
# $3: when that was; without it, now.
COUNT_THREAD = Command(
    """update groups set thread_count = greatest(thread_count + $2, 0),
              active_at = greatest(active_at, coalesce($3, clock_now()))
        where actor_id = $1"""
)
SET_OLDER = Command("update groups set older_here = $2, older_about = $3 where actor_id = $1")


class GroupForm(Row, frozen=True):
    """What a moderator may set."""

    title: str
    about: str = ""
    place: str = ""
    tagline: str = ""
    language: str = "en"
    join_mode: str = "open"
    posting: str = "anyone"
    hold_first_remote: bool = False
    answers_within: str = ""
    discoverable: bool = True
    visibility: str = "public"


def check_form(form: GroupForm) -> GroupForm:
    """The form with clean lines; raises Invalid naming each field that does not fit."""
    if not text.one_line(form.title, 100):
        raise Invalid({"title": "A group needs a title."})
    if form.join_mode not in JOIN_MODES:
        raise Invalid({"join_mode": "Please choose how people join."})
    if form.posting not in POSTING:
        raise Invalid({"posting": "Please choose who may write."})
    if form.visibility not in VISIBILITIES:
        raise Invalid({"visibility": "Please choose who may read."})
    if form.visibility == "private" and form.join_mode == "open":
        raise Invalid({"join_mode": "Into a private group moderators let people in, or invite them."})
    return GroupForm(
        title=text.one_line(text.check_text("title", form.title, at_most=100), 100),
        about=text.check_text("about", form.about, at_most=10_000),
        place=text.one_line(text.check_text("place", form.place, at_most=100), 100),
        tagline=text.one_line(text.check_text("tagline", form.tagline, at_most=200), 200),
        language=text.one_line(form.language, 20) or "en",
        join_mode=form.join_mode,
        posting=form.posting,
        hold_first_remote=form.hold_first_remote,
        answers_within=text.one_line(text.check_text("answers_within", form.answers_within, at_most=100), 100),
        discoverable=form.discoverable,
        visibility=form.visibility,
    )


async def create(conn: Conn, urls: Urls, name: str, form: GroupForm) -> int:
    """A new group of ours, without members; the caller adds its first moderator."""
    form = check_form(form)
    group_id = await actors.create_local(conn, urls, "group", name, form.title, form.about)
    await ADD.run(conn, group_id, form.visibility)
    await _update(conn, group_id, form)
    return group_id


async def change(conn: Conn, group_id: int, form: GroupForm) -> None:
    """Change a group of ours and tell other servers."""
    form = check_form(form)
    await _check_reach(conn, group_id, form.visibility)
    await _update(conn, group_id, form)
    await actors.describe(conn, group_id, form.title, form.about)


async def has_member_from(conn: Conn, group_id: int, host: str) -> bool:
    """Whether anybody of this instance belongs to this group."""
    return bool(await HAS_MEMBER_FROM.value(conn, group_id, host))


async def _check_reach(conn: Conn, group_id: int, visibility: str) -> None:
    """Who may read is a promise to whoever writes, so that it is settled before the first post."""
    await LOCK.run(conn, group_id)
    reach = await REACH.one(conn, group_id)
    if reach is None or reach.visibility == visibility:
        return
    if reach.written:
        raise Invalid({"visibility": "Neighbours have written here already, so that this cannot be changed any more."})
    if visibility == "local" and reach.elsewhere:
        raise Invalid({"visibility": "People from other servers belong to this group already."})


async def may_change_reach(conn: Conn, group_id: int) -> bool:
    """Whether nothing has been written yet."""
    reach = await REACH.one(conn, group_id)
    return reach is not None and not reach.written


async def _update(conn: Conn, group_id: int, form: GroupForm) -> None:
    await UPDATE.run(
        conn, group_id, form.place, form.tagline, form.language, form.join_mode, form.posting,
        form.hold_first_remote, form.answers_within, form.discoverable, form.visibility,
    )  # fmt: skip


async def know_remote(conn: Conn, group_id: int, *, posting: str, join_mode: str, visibility: str = "public") -> None:
    """Keep the group part of a remote Group actor that somebody here has looked up."""
    await KNOW_REMOTE.run(conn, group_id, posting, join_mode, visibility)


async def reads_older(conn: Conn, group_id: int, here: int, about: int) -> None:
    """Of about so many older posts of a group elsewhere, so many are here by now."""
    await SET_OLDER.run(conn, group_id, here, about)


async def has_read_older(conn: Conn, group_id: int) -> None:
    await SET_OLDER.run(conn, group_id, None, None)


async def listed(conn: Conn, account_id: int | None, limit: int = 100) -> list[GroupLine]:
    """Our groups, and the remote ones that this account follows; own groups first."""
    return await LISTED.all(conn, account_id, limit)


async def announce_change(conn: Conn, group_id: int) -> None:
    """Tell other servers that a group's profile changed, for instance its rules."""
    await jobs.enqueue(conn, "spread_actor", {"actor_id": group_id}, ordering=f"actor:{group_id}")
