"""What needs a resident: replies, thanks, decisions about their posts. Owns the table `notifications`."""

import datetime as dt

from server.db import Command, Conn, Query, Row
from server.ids import new_id

PAGE = 40


class Notification(Row, frozen=True):
    """One line of the list; the names of who, what and where come along."""

    id: int
    kind: str
    detail: dict[str, object]
    created_at: dt.datetime
    read_at: dt.datetime | None
    actor_id: int | None
    actor_name: str | None
    actor_host: str | None
    actor_title: str | None
    post_id: int | None
    root_id: int | None
    post_excerpt: str | None
    thread_title: str | None
    group_name: str | None
    group_host: str | None
    group_title: str | None


# Only accounts of ours have notifications, and nobody is told of a post that is not for them: for anybody else this
# inserts nothing. What is about one's own post is told also after one has left the group.
ADD = Command(
    """
    insert into notifications (id, account_id, kind, actor_id, post_id, group_id, detail)
    select $1, c.actor_id, $3, $4, $5, $6, $7 from accounts c
     where c.actor_id = $2 and c.state = 'active'
       and ($5::int8 is null or exists (
            select 1 from posts p join groups gr on gr.actor_id = p.group_id
              left join memberships m on m.target_id = p.group_id and m.person_id = $2
             where p.id = $5 and (p.author_id = $2 or may_read(gr.visibility, m.state, $2, c.admin))))"""
)
# What strangers may cause: once a sender and day, and so many a day in all.
ADD_SELDOM = Command(
    """
    insert into notifications (id, account_id, kind, actor_id, detail)
    select $1, c.actor_id, $3, $4, $5 from accounts c
     where c.actor_id = $2 and c.state = 'active'
       and (select count(*) < $6 and count(*) filter (where n.actor_id = $4) = 0 from notifications n
             where n.account_id = $2 and n.kind = $3 and n.created_at > clock_now() - interval '1 day')"""
)
# News outlive what they tell of, and membership: its words are shown while they may be read, and to their author (H6).
_SELECT = """
    select n.id, n.kind, n.detail, n.created_at, n.read_at, a.id as actor_id, a.name as actor_name,
           a.host as actor_host, a.title as actor_title, p.id as post_id, p.root_id,
           case when (p.state = 'published' and may_read(gr.visibility, m.state, n.account_id, false))
                  or (p.author_id = n.account_id and p.state <> 'deleted')
                then p.excerpt end as post_excerpt,
           case when (r.state = 'published' and may_read(gr.visibility, m.state, n.account_id, false))
                  or (r.author_id = n.account_id and r.state <> 'deleted')
                then r.title end as thread_title, g.name as group_name, g.host as group_host,
           g.title as group_title
      from notifications n
      left join actors a on a.id = n.actor_id
      left join posts p on p.id = n.post_id
      left join posts r on r.id = p.root_id
      left join groups gr on gr.actor_id = p.group_id
      left join memberships m on m.target_id = p.group_id and m.person_id = n.account_id
      left join actors g on g.id = n.group_id"""

LIST = Query(
    Notification,
    _SELECT + """     where n.account_id = $1 and n.id < $2 order by n.id desc limit $3""",
)
UNREAD = Query(
    Notification,
    _SELECT + """     where n.account_id = $1 and n.read_at is null order by n.id desc limit $2""",
)
READ = Command("update notifications set read_at = clock_now() where account_id = $1 and id <= $2 and read_at is null")
READ_THREAD = Command(
    """update notifications n set read_at = clock_now() from posts p
        where n.account_id = $1 and n.read_at is null and p.id = n.post_id and p.root_id = $2"""
)
# A thank that is taken back and given again tells its author once.
HAS = Command(
    "select exists (select 1 from notifications where account_id = $1 and kind = $2 and actor_id = $3 and post_id = $4)"
)
FORGET_ACCOUNT = Command("delete from notifications where account_id = $1")
FORGET = Command("delete from notifications where created_at < clock_now() - interval '180 days'")


async def notify(
    conn: Conn,
    account_id: int,
    kind: str,
    *,
    actor_id: int | None = None,
    post_id: int | None = None,
    group_id: int | None = None,
    detail: dict[str, object] | None = None,
) -> None:
    """Tell `account_id` something, unless it is their own doing or they are no resident of ours."""
    if actor_id == account_id:
        return
    await ADD.run(conn, new_id(), account_id, kind, actor_id, post_id, group_id, detail or {})


async def notify_once(conn: Conn, account_id: int, kind: str, *, actor_id: int, post_id: int, group_id: int) -> None:
    if not await HAS.value(conn, account_id, kind, actor_id, post_id):
        await notify(conn, account_id, kind, actor_id=actor_id, post_id=post_id, group_id=group_id)


async def notify_seldom(conn: Conn, account_id: int, kind: str, *, actor_id: int, most: int) -> None:
    """Tell `account_id` of what a stranger did: once a day for one stranger, at most `most` times a day."""
    await ADD_SELDOM.run(conn, new_id(), account_id, kind, actor_id, {}, most)


async def page(conn: Conn, account_id: int, before: int | None = None, limit: int = PAGE) -> list[Notification]:
    return await LIST.all(conn, account_id, before if before is not None else (1 << 63) - 1, limit)


async def unread(conn: Conn, account_id: int, limit: int = 5) -> list[Notification]:
    """What is new, for the top of the home page."""
    return await UNREAD.all(conn, account_id, limit)


async def mark_read(conn: Conn, account_id: int, up_to: int) -> None:
    await READ.run(conn, account_id, up_to)


async def mark_thread_read(conn: Conn, account_id: int, thread_id: int) -> None:
    await READ_THREAD.run(conn, account_id, thread_id)
