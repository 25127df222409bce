"""What pages list, one query each: threads of a group or of one's groups, a thread with its replies, a profile."""

import datetime as dt

import msgspec

from server.community.media import Stored
from server.community.sessions import Viewer
from server.db import Conn, Query, Row
from server.errors import NotFound

PAGE = 30
REPLIES_PAGE = 200
END = (1 << 63) - 1


class ThreadLine(Row, frozen=True):
    """A thread in a list. `waiting`: a group elsewhere has not shown it yet, so that its author alone sees it."""

    id: int
    position: int
    active_position: int
    title: str
    link: str | None
    excerpt: str
    reply_count: int
    thank_count: int
    pinned: bool
    locked: bool
    waiting: bool
    submitted_at: dt.datetime
    author_id: int
    author_name: str
    author_host: str | None
    author_title: str
    group_name: str
    group_host: str | None
    group_title: str
    poll: bool
    pictures: Stored


_SELECT_LINE = """
    select p.id, p.position, coalesce(p.active_position, p.position) as active_position,
           coalesce(p.title, '') as title, p.link, p.excerpt, p.reply_count, p.thank_count, p.pinned, p.locked,
           p.announced_at is null as waiting, p.submitted_at, a.id as author_id, a.name as author_name,
           a.host as author_host, a.title as author_title, g.name as group_name, g.host as group_host,
           g.title as group_title, k.post_id is not null as poll, p.pictures
      from posts p join actors a on a.id = p.author_id join actors g on g.id = p.group_id
      left join polls k on k.post_id = p.id """

HOME = Query(
    ThreadLine,
    # The newest of each joined group by its own index, merged: cheap however quiet the joined groups are.
    _SELECT_LINE
    + """join (
            select t.id from memberships m cross join lateral (
                select id, active_position from posts
                 where group_id = m.target_id and state = 'published'
                   and active_position is not null and active_position < $2
                 order by active_position desc limit $3) t
             where m.person_id = $1 and m.state = 'joined'
             order by t.active_position desc limit $3) newest on newest.id = p.id
      order by p.active_position desc""",
)
NEWEST_PUBLIC = Query(
    ThreadLine,
    _SELECT_LINE
    + """join (
            select t.id from groups gr join actors local on local.id = gr.actor_id and local.host is null
             cross join lateral (
                select id, active_position from posts
                 where group_id = gr.actor_id and state = 'published' and active_position is not null
                 order by active_position desc limit $1) t
             where gr.visibility = 'public'
             order by t.active_position desc limit $1) newest on newest.id = p.id
      order by p.active_position desc""",
)
# The first page begins with what is pinned; it stands nowhere else in the list.
_PINNED_FIRST = """join (
            (select id, true as first, position as place from posts
              where group_id = $1 and pinned and state = 'published' and active_position is not null
                and $2 = 9223372036854775807
              order by position desc limit 20)
            union all
"""
GROUP_ACTIVE = Query(
    ThreadLine,
    _SELECT_LINE
    + _PINNED_FIRST
    + """            (select id, false as first, active_position as place from posts
              where group_id = $1 and not pinned and state = 'published' and active_position is not null
                and active_position < $2
              order by active_position desc limit $3)) listed on listed.id = p.id
       order by listed.first desc, listed.place desc""",
)
# A group elsewhere: before all others, what its reader ($4) sent there and the group has not shown yet.
GROUP_AND_OWN = Query(
    ThreadLine,
    _SELECT_LINE
    + """join (
            (select id, 2 as rank, id as place from posts
              where author_id = $4 and group_id = $1 and state = 'published' and announced_at is null
                and parent_id is null and parent_uri is null
              order by id desc limit 10)
            union all
            (select id, 1 as rank, position as place from posts
              where group_id = $1 and pinned and state = 'published' and active_position is not null
              order by position desc limit 20)
            union all
            (select id, 0 as rank, active_position as place from posts
              where group_id = $1 and not pinned and state = 'published' and active_position is not null
                and active_position < $2
              order by active_position desc limit $3)) listed on listed.id = p.id
       order by listed.rank desc, listed.place desc""",
)
GROUP_NEWEST = Query(
    ThreadLine,
    _SELECT_LINE
    + _PINNED_FIRST
    + """            (select id, false as first, position as place from posts
              where group_id = $1 and not pinned and state = 'published' and active_position is not null
                and position < $2
              order by position desc limit $3)) listed on listed.id = p.id
       order by listed.first desc, listed.place desc""",
)
GROUP_UNANSWERED = Query(
    ThreadLine,
    _SELECT_LINE
    + """where p.group_id = $1 and p.state = 'published' and p.active_position is not null
         and p.position < $2 and p.reply_count = 0
       order by p.position desc limit $3""",
)
GROUP_SORTS = {"active": GROUP_ACTIVE, "newest": GROUP_NEWEST, "unanswered": GROUP_UNANSWERED}


class ThreadHead(Row, frozen=True):
    """A thread's first post with its author and its group, as the viewer sees them. `news`: there is some for them.

    `readable`: what others write in this group is for the viewer too; without it this is their own post.
    """

    id: int
    uri: str
    url: str | None
    root_id: int | None
    author_id: int
    state: str
    title: str | None
    link: str | None
    html: str
    pictures: Stored
    excerpt: str
    language: str
    revision: int
    reply_count: int
    thank_count: int
    attested_count: int
    pinned: bool
    locked: bool
    lock_reason: str
    position: int | None
    announced_at: dt.datetime | None
    submitted_at: dt.datetime
    edited_at: dt.datetime | None
    author_name: str
    author_host: str | None
    author_title: str
    group_id: int
    group_name: str
    group_host: str | None
    group_title: str
    group_language: str
    posting: str
    visibility: str
    readable: bool
    membership: str | None
    role: str | None
    banned_until: dt.datetime | None
    thanked: bool
    news: bool
    options: list[str] | None
    counts: list[int] | None
    multiple: bool | None
    voters: int | None
    closes_at: dt.datetime | None
    chosen: list[int] | None


class Reply(Row, frozen=True):
    """A reply in a thread's tree; `html` and `pictures` are empty where the viewer sees a placeholder."""

    id: int
    parent_id: int | None
    depth: int
    path: str
    author_id: int
    state: str
    html: str
    pictures: Stored
    revision: int
    thank_count: int
    attested_count: int
    announced_at: dt.datetime | None
    submitted_at: dt.datetime
    edited_at: dt.datetime | None
    author_name: str
    author_host: str | None
    author_title: str
    thanked: bool


# $3: whether the viewer is an admin.
HEAD = Query(
    ThreadHead,
    """
    select p.id, p.uri, p.url, p.root_id, p.author_id, p.state, p.title, p.link, p.html, p.pictures, p.excerpt,
           p.language, p.revision, p.reply_count, p.thank_count, p.attested_count, p.pinned, p.locked,
           p.lock_reason, p.position, p.announced_at, p.submitted_at, p.edited_at, a.name as author_name,
           a.host as author_host, a.title as author_title, g.id as group_id, g.name as group_name,
           g.host as group_host, g.title as group_title, gr.language as group_language, gr.posting, gr.visibility,
           may_read(gr.visibility, m.state, $2, $3) as readable, m.state as membership,
           m.role, m.banned_until,
           exists (select 1 from votes v where v.post_id = p.id and v.actor_id = $2 and v.value = 1) as thanked,
           exists (select 1 from notifications n join posts np on np.id = n.post_id
                    where n.account_id = $2 and n.read_at is null and np.root_id = p.id) as news,
           k.options, k.counts, k.multiple, k.voter_count as voters, k.closes_at,
           (select array_agg(c.choice::int8) from poll_votes c
             where c.post_id = k.post_id and c.actor_id = $2) as chosen
      from posts p join actors a on a.id = p.author_id join actors g on g.id = p.group_id
      join groups gr on gr.actor_id = p.group_id
      left join memberships m on m.target_id = p.group_id and m.person_id = $2
      left join polls k on k.post_id = p.id
     where p.id = $1""",
)
# Replies under a removed or deleted one stay; it is left as a placeholder without its text.
# $3: whether the viewer moderates here and so sees removed texts.
REPLIES = Query(
    Reply,
    """
    select p.id, p.parent_id, p.depth, p.path, p.author_id, p.state,
           case when p.state = 'published' or (p.author_id = $2 and p.state <> 'deleted')
                  or ($3 and p.state in ('held', 'removed')) then p.html else '' end as html,
           case when p.state = 'published' or (p.author_id = $2 and p.state <> 'deleted')
                  or ($3 and p.state in ('held', 'removed')) then p.pictures else '[]' end as pictures,
           p.revision, p.thank_count, p.attested_count, p.announced_at, p.submitted_at, p.edited_at,
           a.name as author_name, a.host as author_host, a.title as author_title,
           (v.value is not null and v.value = 1) as thanked
      from posts p join actors a on a.id = p.author_id
      left join votes v on v.post_id = p.id and v.actor_id = $2
     where p.root_id = $1 and p.id <> $1
       and ((p.path > $4 and (p.announced_at is not null or p.author_id = $2)
             and (p.state = 'published' or (p.state in ('removed', 'deleted') and p.position is not null)))
            -- What nobody else sees yet has no place in the tree: it comes first, on every page.
            or (p.author_id = $2 and p.position is null and p.state in ('submitted', 'held', 'refused')))
     order by p.path, p.id limit $5""",
)


class Place(Row, frozen=True):
    """How many replies stand before one, and the path of the last of them."""

    before: int
    path: str | None


PLACE = Query(
    Place,
    """
    select count(*) as before, max(o.path) as path
      from posts p join posts o on o.root_id = p.root_id and o.id <> p.root_id and o.position is not null
                              and o.path < p.path
     where p.id = $1 and p.path <> ''""",
)


class OwnPost(Row, frozen=True):
    """A post on its author's profile."""

    id: int
    root_id: int | None
    state: str
    title: str | None
    thread_title: str | None
    excerpt: str
    reply_count: int
    thank_count: int
    submitted_at: dt.datetime
    group_name: str
    group_host: str | None
    group_title: str
    poll: bool
    pictures: Stored


BY_AUTHOR = Query(
    OwnPost,
    """
    select p.id, p.root_id, p.state, p.title,
           case when r.state = 'published' and may_read(gr.visibility, m.state, $3, $5)
                then r.title end as thread_title,
           p.excerpt, p.reply_count, p.thank_count, p.submitted_at, g.name as group_name, g.host as group_host,
           g.title as group_title, k.post_id is not null as poll, p.pictures
      from posts p join actors g on g.id = p.group_id join groups gr on gr.actor_id = p.group_id
      left join memberships m on m.target_id = p.group_id and m.person_id = $3 left join posts r on r.id = p.root_id
      left join polls k on k.post_id = p.id
     where p.author_id = $1 and p.id < $2
       and ((p.state = 'published' and p.announced_at is not null and may_read(gr.visibility, m.state, $3, $5))
            or (p.author_id = $3 and p.state in ('submitted', 'held', 'refused', 'removed', 'published')))
     order by p.id desc limit $4""",
)


async def home(conn: Conn, account_id: int, before: int = END, limit: int = PAGE) -> list[ThreadLine]:
    """Threads of joined groups, newest activity first; `before` is the last line's `active_position`."""
    return await HOME.all(conn, account_id, before, limit)


async def newest_public(conn: Conn, limit: int = 10) -> list[ThreadLine]:
    """For strangers: what happens in our public groups."""
    return await NEWEST_PUBLIC.all(conn, limit)


async def of_group(conn: Conn, group_id: int, sort: str, before: int = END, limit: int = PAGE) -> list[ThreadLine]:
    """A group's threads; `before` is the last line's `active_position`, or `position` for the other sorts.

    Without `before` the pinned ones come first, beyond `limit`; among the unanswered they are like any other.
    """
    return await GROUP_SORTS[sort].all(conn, group_id, before, limit)


async def of_group_elsewhere(conn: Conn, viewer: Viewer, group_id: int, limit: int = PAGE) -> list[ThreadLine]:
    """The newest threads of a group elsewhere and, before them, the viewer's own that wait for it."""
    return await GROUP_AND_OWN.all(conn, group_id, END, limit, viewer.account_id)


async def thread_head(conn: Conn, viewer: Viewer, post_id: int) -> ThreadHead:
    """The head of a thread, or a lone reply's own head, if the viewer may see it; NotFound otherwise.

    A removed thread is returned without its text, so that its page can say so and keep its replies.
    """
    head = await HEAD.one(conn, post_id, viewer.account_id, viewer.admin)
    if head is None:
        raise NotFound("post")
    own = viewer.signed_in and head.author_id == viewer.account_id
    moderates = viewer.admin or (head.role == "moderator" and head.membership == "joined" and head.group_host is None)
    shown = head.readable and head.position is not None and head.announced_at is not None
    if not (shown or own or (moderates and head.state != "submitted")):
        raise NotFound("post")
    if head.state in ("removed", "held", "refused", "submitted") and not (own or moderates):
        return _without_text(head)
    return _without_text(head) if head.state == "deleted" else head


def _without_text(head: ThreadHead) -> ThreadHead:
    return msgspec.structs.replace(head, title=None, link=None, html="", pictures=[], excerpt="", options=None)


async def replies(
    conn: Conn, viewer: Viewer, thread_id: int, *, moderates: bool, after: str = "", limit: int = REPLIES_PAGE
) -> list[Reply]:
    """The viewer's own replies that nobody else sees yet, then replies in tree order from behind `after` (a path).

    `limit` holds for both together.
    """
    return await REPLIES.all(conn, thread_id, viewer.account_id, moderates, after, limit)


async def page_of_reply(conn: Conn, reply_id: int) -> str | None:
    """The path behind which the page begins that shows a reply; None for the first page."""
    place = await PLACE.one(conn, reply_id)
    return place.path if place is not None and place.before >= REPLIES_PAGE else None


async def by_author(conn: Conn, viewer: Viewer, author_id: int, before: int = END, limit: int = PAGE) -> list[OwnPost]:
    """What somebody wrote, newest first; to themselves also what waits or was sent back."""
    return await BY_AUTHOR.all(conn, author_id, before, viewer.account_id, limit, viewer.admin)
