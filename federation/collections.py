"""Collections that we serve: outbox, featured, moderators, replies, context; paged."""

import msgspec

from federation.documents import CONTEXT, Document
from server.db import Command, Conn, Query, Row
from server.ids import parse_id

PAGE = 50
END = (1 << 63) - 1


class Item(Row, frozen=True):
    """`key` is the cursor; `item` an id, or an activity as JSON text."""

    key: int
    item: str


# Only what still stands: a removed text must not be read from here. Once in its plain spelling is enough, and what
# names no event is nobody's to read (votes). $4: whether to somebody for whom the actor's group is, if it is private.
OUTBOX = Query(
    Item,
    """select id as key, body as item from activities
        where actor_id = $1 and (public or $4) and id < $2 and type in ('Create', 'Announce')
          and event not like '%:spelled_%'
          and exists (select 1 from posts p where p.id = post_id and p.state = 'published')
        order by id desc limit $3""",
)
OUTBOX_COUNT = Command(
    """select count(*) from activities
        where actor_id = $1 and (public or $2) and type in ('Create', 'Announce') and event not like '%:spelled_%'
          and exists (select 1 from posts p where p.id = post_id and p.state = 'published')"""
)
FOLLOWERS_COUNT = Command("select count(*) from memberships where target_id = $1 and state = 'joined'")
# All at once: Mastodon before 4.3.7 reads one page, and lets go of whoever does not stand on it.
FOLLOWERS_OF_HOST = Query(
    Item,
    """select a.id as key, a.uri as item from memberships m join actors a on a.id = m.person_id
        where m.target_id = $1 and m.state = 'joined' and a.host = $2 order by a.id""",
)
# Those of our people who say so; what people elsewhere want we cannot know. The oldest account first, so that nobody
# learns when somebody joined.
FOLLOWERS_SHOWN = Query(
    Item,
    """select m.person_id as key, a.uri as item
         from memberships m join accounts c on c.actor_id = m.person_id join actors a on a.id = m.person_id
        where m.target_id = $1 and m.state = 'joined' and m.person_id > $2 and c.shows_groups
          and a.suspended_at is null
        order by m.person_id limit $3""",
)
MODERATORS = Query(
    Item,
    """select a.id as key, a.uri as item from memberships m join actors a on a.id = m.person_id
        where m.target_id = $1 and m.role = 'moderator' and m.state = 'joined' order by m.created_at""",
)
# What a stranger may see, nothing else: an instance looks as a stranger.
REPLIES = Query(
    Item,
    """select position as key, uri as item from posts
        where parent_id = $1 and state = 'published' and announced_at is not null and position > $2
        order by position limit $3""",
)
REPLIES_COUNT = Command(
    "select count(*) from posts where parent_id = $1 and state = 'published' and announced_at is not null"
)
THREAD = Query(
    Item,
    """select position as key, uri as item from posts
        where root_id = $1 and state = 'published' and announced_at is not null and position > $2
        order by position limit $3""",
)
THREAD_COUNT = Command(
    "select count(*) from posts where root_id = $1 and state = 'published' and announced_at is not null"
)


def head(uri: str, total: int) -> Document:
    """A collection by its first page."""
    return {
        "@context": CONTEXT[0],
        "id": uri,
        "type": "OrderedCollection",
        "totalItems": total,
        "first": f"{uri}?page={START}",
    }


def counted(uri: str, total: int) -> Document:
    """A collection whose members are nobody's business."""
    return {"@context": CONTEXT[0], "id": uri, "type": "OrderedCollection", "totalItems": total}


def whole(uri: str, items: list[object]) -> Document:
    """A short collection in one piece."""
    return counted(uri, len(items)) | {"orderedItems": items}


START = "start"


def cursor(page: str) -> int | None:
    """The key that a page begins behind; None for an address that is none of ours."""
    return 0 if page == START else parse_id(page)


def page_of(uri: str, page: str, found: list[Item], *, decode: bool = False) -> Document:
    items: list[object] = [msgspec.json.decode(one.item) if decode else one.item for one in found]
    document: Document = {
        "@context": CONTEXT,
        "id": f"{uri}?page={page}",
        "type": "OrderedCollectionPage",
        "partOf": uri,
        "orderedItems": items,
    }
    return document | ({"next": f"{uri}?page={found[-1].key}"} if len(found) == PAGE else {})


async def outbox_page(conn: Conn, actor_id: int, uri: str, page: str, *, private: bool) -> Document | None:
    before = cursor(page)
    if before is None:
        return None
    return page_of(uri, page, await OUTBOX.all(conn, actor_id, before or END, PAGE, private), decode=True)


async def followers(conn: Conn, actor_id: int, uri: str, page: str | None, *, named: bool) -> Document | None:
    """Everybody counts. `named`: whether those who agreed to it are listed too."""
    if page is None or not named:
        total = await FOLLOWERS_COUNT.value(conn, actor_id)
        return head(uri, total) if named else counted(uri, total)
    after = cursor(page)
    return None if after is None else page_of(uri, page, await FOLLOWERS_SHOWN.all(conn, actor_id, after, PAGE))


class Usage(Row, frozen=True):
    """NodeInfo's figures."""

    users: int
    active_month: int
    active_half_year: int
    threads: int
    replies: int


USAGE = Query(
    Usage,
    """
    select (select count(*) from accounts where state = 'active') as users,
           (select count(distinct account_id) from sessions where seen_at > clock_now() - interval '30 days')
               as active_month,
           (select count(distinct account_id) from sessions where seen_at > clock_now() - interval '180 days')
               as active_half_year,
           (select coalesce(sum(g.thread_count), 0)::int8 from groups g join actors a on a.id = g.actor_id
             where a.host is null and g.visibility = 'public') as threads,
           (select coalesce(sum(p.reply_count), 0)::int8
              from posts p join actors a on a.id = p.group_id join groups g on g.actor_id = p.group_id
             where p.parent_id is null and p.state = 'published' and a.host is null
               and g.visibility = 'public') as replies""",
)
