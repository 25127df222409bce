"""Threads and replies. Every post, local or remote, enters by one door, `submit_post`. Owns the table `posts`.

submitted -> published | held -> published | refused; published -> removed -> published again; deleted by its author.
`submit_post` keeps the post out of everybody's sight but its author's and enqueues its screening; screening calls back
`publish_revision` or `hold_revision`. Lists sort by `position`, given at publication; the id never changes.
"""

import datetime as dt

from server import clock, jobs, text
from server.community import groups, media, notifications, polls, revisions, telling
from server.community.actors import Actor
from server.community.groups import Group
from server.db import Command, Conn, Query, Row
from server.errors import NotFound, Refused
from server.ids import id_at, new_id
from server.urls import Urls

MAX_DEPTH = 100
_STEP = 16  # characters of `path` a level: a position in hexadecimal


class Post(Row, frozen=True):
    """A post as the code that changes it needs it; pages read `timelines`."""

    id: int
    uri: str
    url: str | None
    group_id: int
    author_id: int
    parent_id: int | None
    parent_uri: str | None
    root_id: int | None
    depth: int
    path: str
    state: str
    position: int | None
    title: str | None
    link: str | None
    source: str
    html: str
    excerpt: str
    language: str
    revision: int
    reply_count: int
    thank_count: int
    locked: bool
    lock_reason: str
    announced_at: dt.datetime | None
    from_past: bool
    submitted_at: dt.datetime
    published_at: dt.datetime | None
    edited_at: dt.datetime | None

    @property
    def is_thread(self) -> bool:
        return self.parent_id is None and self.parent_uri is None

    @property
    def was_published(self) -> bool:
        return self.position is not None


_COLUMNS = """
    id, uri, url, group_id, author_id, parent_id, parent_uri, root_id, depth, path, state, position, title, link,
    source, html, excerpt, language, revision, reply_count, thank_count, locked, lock_reason, announced_at, from_past,
    submitted_at, published_at, edited_at"""
_SELECT = "select " + _COLUMNS + " from posts "

_BY_ID = Query(Post, _SELECT + "where id = $1")
LOCKED_BY_ID = Query(Post, _SELECT + "where id = $1 for no key update")
BY_URI = Query(Post, _SELECT + "where uri = $1")
BY_KEY = Query(Post, _SELECT + "where author_id = $1 and idempotency_key = $2")
# Replies that passed their screening and wait for their parent alone.
WAITING_REPLIES = Query(
    Post,
    _SELECT
    + """where parent_id = $1 and state = 'submitted' and exists (
            select 1 from revisions r
             where r.post_id = posts.id and r.number = posts.revision and r.state = 'published')
          order by id""",
)
UNPUBLISHED_REPLIES = Query(Post, _SELECT + "where parent_id = $1 and state in ('submitted', 'held')")
# A post, its first revision, its screening, and the replies that came before it: one statement, since posts arrive by
# the hundred and each statement costs as much as what it does.
ADD = Query(
    Post,
    """
    with added as (
        insert into posts (id, uri, url, group_id, author_id, parent_id, parent_uri, root_id, depth, title, link,
                           source, html, excerpt, language, idempotency_key, announced_at, submitted_at, from_past,
                           pictures)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                case when $17 then clock_now() end, coalesce($18, clock_now()), $21, $22)
        on conflict do nothing
        returning """
    + _COLUMNS
    + """),
    first as (
        insert into revisions (post_id, number, title, link, source, html, excerpt, language, pictures, created_at)
        select id, 1, title, link, source, html, excerpt, language, $22,
               case when from_past then submitted_at else clock_now() end from added),
    attached as (
        -- Only within the group by whose rules the reply was let in.
        update posts p set parent_id = added.id, root_id = added.root_id, depth = least(added.depth + 1, $19)
          from added where p.parent_uri = added.uri and p.parent_id is null and p.group_id = added.group_id),
    screening as (
        insert into jobs (id, name, args, ordering)
        select $20, 'screen_revision', jsonb_build_object('post_id', id, 'number', 1), 'post:' || id from added)
    select """
    + _COLUMNS
    + " from added",
)
# The post, the state of what it says, its thread's count and its group's last sign of life, in one statement.
PUBLISH = Command(
    """
    with said as (
        update revisions set state = 'published', language = case when $5 = '' then language else $5 end
         where post_id = $1 and number = $6),
    counted as (
        update posts set reply_count = reply_count + 1,
               active_position = case when active_position is null then null else greatest(active_position, $2) end
         where id = $7),
    touched as (
        -- To the minute: in a busy group every post would otherwise wait for the one before to let go of this row.
        update groups set active_at = coalesce($9, clock_now())
         where actor_id = $8 and $7::int8 is not null
           and (active_at is null or active_at < coalesce($9, clock_now()) - interval '1 minute'))
    update posts set state = 'published', position = $2, path = $3, published_at = clock_now(),
           -- What waited for a parent that itself waited learns only now which thread it is in.
           root_id = coalesce(root_id, $7), depth = case when $7::int8 is null then depth else $10::int4 end,
           language = case when $5 = '' then language else $5 end,
           active_position = case when $4 then $2::int8 end
     where id = $1
    returning exists (select 1 from posts w where w.parent_id = $1 and w.state = 'submitted')"""
)
SET_STATE = Command("update posts set state = $2, ended_at = case when $3 then clock_now() end where id = $1")
COUNT_REPLY = Command(
    """update posts set reply_count = greatest(reply_count + $2, 0),
              active_position = case when active_position is null then null else greatest(active_position, $3) end
        where id = $1"""
)
# Only within the group by whose rules the reply was let in.
ATTACH = Command(
    """update posts set parent_id = $2, root_id = $3, depth = $4
        where parent_uri = $1 and parent_id is null and group_id = $5"""
)
SET_ANNOUNCED = Command(
    """update posts set announced_at = clock_now(),
              active_position = case when parent_id is null then coalesce(active_position, position) end
        where id = $1 and announced_at is null"""
)
# All posts of somebody that are not deleted yet.
OF_AUTHOR = Command("select array_agg(id) from posts where author_id = $1 and state <> 'deleted'")
SET_LANGUAGE = Command("update posts set language = $2 where id = $1")
SHOW_REVISION = Command(
    """update posts set title = $3, link = $4, source = $5, html = $6, excerpt = $7, language = $8, revision = $2,
              pictures = $10, edited_at = case when $9 then clock_now() end
        where id = $1"""
)
WIPE = Command(
    """
    with gone as (
        update posts set source = '', html = '', excerpt = '', title = case when title is null then null else '' end,
               link = null, pictures = '[]', wiped_at = clock_now()
         where state = 'deleted' and wiped_at is null and ended_at < clock_now() - interval '30 days'
        returning id)
    update revisions r set source = '', html = '', excerpt = '', title = null, link = null, pictures = '[]'
      from gone where r.post_id = gone.id"""
)


class Draft(Row, frozen=True):
    """A post as it comes in. Remote ones bring their own `uri`, `html` and `written_at`.

    `from_past`: it is no news, so that it tells nobody of itself and stands where `written_at` puts it.
    """

    author: Actor
    group: Group
    parent: Post | None = None
    parent_uri: str | None = None
    title: str | None = None
    link: str | None = None
    source: str = ""
    html: text.SafeHtml | None = None
    language: str = ""
    uri: str | None = None
    url: str | None = None
    idempotency_key: str | None = None
    written_at: dt.datetime | None = None
    from_past: bool = False
    poll: polls.NewPoll | None = None
    pictures: tuple[media.Picture, ...] = ()


async def submit_post(conn: Conn, urls: Urls, draft: Draft) -> Post:
    """Take a post in and enqueue its screening; the same key or uri again answers with the first one.

    Whether the author may write here was checked by `access.check_may_post`.
    """
    written_at = min(draft.written_at, clock.now()) if draft.written_at else None
    from_past = draft.from_past and written_at is not None
    post_id = id_at(written_at) if from_past and written_at else new_id()
    html = draft.html if draft.html is not None else text.render_markdown(draft.source)
    parent = draft.parent
    post = await ADD.one(
        conn, post_id, draft.uri or urls.post(post_id), draft.url, draft.group.id, draft.author.id,
        parent.id if parent else None, parent.uri if parent else draft.parent_uri, _root(post_id, draft),
        min(parent.depth + 1, MAX_DEPTH) if parent else 0, draft.title, draft.link, draft.source, html,
        media.excerpt(html, draft.pictures), draft.language, draft.idempotency_key,
        draft.group.local or not draft.author.local, written_at, MAX_DEPTH, new_id(), from_past,
        media.stored(draft.pictures),
    )  # fmt: skip
    if post is None:
        return await _first_submission(conn, draft)
    if draft.poll is not None:
        await polls.add(conn, post.id, draft.poll)
    await media.claim(conn, post.id, draft.pictures)
    return post


def _root(post_id: int, draft: Draft) -> int | None:
    if draft.parent is not None:
        return draft.parent.root_id
    return None if draft.parent_uri else post_id


async def _first_submission(conn: Conn, draft: Draft) -> Post:
    first = await BY_URI.one(conn, draft.uri) if draft.uri else None
    if first is None and draft.idempotency_key:
        first = await BY_KEY.one(conn, draft.author.id, draft.idempotency_key)
    # The address of somebody else's post: whoever had it first keeps it (security.md B7).
    if first is None or first.author_id != draft.author.id:
        raise Refused("id_taken", "There is another post under this address.")
    return first


async def publish_revision(conn: Conn, post: Post, number: int, language: str = "") -> None:
    """Screening or a moderator lets a text pass: readers and other servers see this revision from now on.

    `language` is what screening found the text to be written in.
    """
    if post.state in ("removed", "deleted"):
        return
    if number != post.revision:
        if language:
            await revisions.set_language(conn, post.id, number, language)
        revision = await revisions.one(conn, post.id, number)
        await SHOW_REVISION.run(
            conn, post.id, number, revision.title, revision.link, revision.source, revision.html, revision.excerpt,
            revision.language, post.was_published, revision.pictures,
        )  # fmt: skip
    if not post.was_published:
        await publish_post(conn, post if number == post.revision else await by_id(conn, post.id), language)
        return
    await revisions.set_state(conn, post.id, number, "published")
    if number != post.revision:
        await spread(conn, post.id, f"update:{number}")


async def hold_revision(conn: Conn, post: Post, number: int, language: str = "") -> None:
    """Keep a text from everybody but its author and the group's moderators until one of these decides.

    Of an edit, readers go on seeing the revision before it.
    """
    await revisions.set_state(conn, post.id, number, "held", language)
    if not post.was_published:
        await SET_STATE.run(conn, post.id, "held", False)
    if language and number == post.revision:
        await SET_LANGUAGE.run(conn, post.id, language)
    await notifications.notify(conn, post.author_id, "held", post_id=post.id, group_id=post.group_id)


async def refuse_revision(conn: Conn, post: Post, number: int) -> None:
    """Send a text back that nobody has seen; replies that waited for a refused post go back as well."""
    await revisions.set_state(conn, post.id, number, "refused")
    if post.was_published:
        return
    await SET_STATE.run(conn, post.id, "refused", True)
    for reply in await UNPUBLISHED_REPLIES.all(conn, post.id):
        await _refuse_with_parent(conn, reply)


async def _refuse_with_parent(conn: Conn, reply: Post) -> None:
    await refuse_revision(conn, reply, reply.revision)
    await notifications.notify(conn, reply.author_id, "parent_refused", post_id=reply.id, group_id=reply.group_id)
    await _end_review(conn, reply.id)


async def _end_review(conn: Conn, post_id: int) -> None:
    """Nobody need decide about a post that is no more."""
    await jobs.enqueue(conn, "post_ended", {"post_id": post_id})


async def publish_post(conn: Conn, post: Post, language: str = "") -> bool:
    """Show a post to everybody and tell other servers; False where it must still wait for its parent."""
    parent = await LOCKED_BY_ID.one(conn, post.parent_id) if post.parent_id else None
    if not post.is_thread and (parent is None or not parent.was_published):
        await _wait_for_parent(conn, post, parent, language)
        return False
    replies_wait = await _publish(conn, post, parent, language)
    for reply in await WAITING_REPLIES.all(conn, post.id) if replies_wait else ():
        await publish_post(conn, reply)
    return True


async def _wait_for_parent(conn: Conn, post: Post, parent: Post | None, language: str) -> None:
    await revisions.set_state(conn, post.id, post.revision, "published", language)
    if parent is not None and parent.state == "refused":
        await _refuse_with_parent(conn, post)
    elif post.state in ("held", "refused"):
        await SET_STATE.run(conn, post.id, "submitted", False)


async def _publish(conn: Conn, post: Post, parent: Post | None, language: str) -> bool:
    """Publish for good; True where replies may have waited for it."""
    position = post.position or (id_at(post.submitted_at) if post.from_past else new_id())
    path = "" if parent is None else parent.path[: MAX_DEPTH * _STEP] + f"{position:016x}"
    listed = post.is_thread and post.announced_at is not None
    root_id = parent.root_id if parent is not None else None
    when = post.submitted_at if post.from_past else None
    replies_wait = await PUBLISH.value(
        conn, post.id, position, path, listed, language, post.revision, root_id, post.group_id, when,
        min(parent.depth + 1, MAX_DEPTH) if parent is not None else 0,
    )  # fmt: skip
    if parent is None:
        await groups.COUNT_THREAD.run(conn, post.group_id, 1, when)
        await polls.open_poll(conn, post.id)
    if not post.from_past:
        await telling.tell_of_post(
            conn, post_id=post.id, group_id=post.group_id, author_id=post.author_id, html=post.html,
            answers=parent.author_id if parent is not None else None,
        )  # fmt: skip
        await spread(conn, post.id, "create")
    return bool(replies_wait)


async def remove_post(conn: Conn, post: Post, decision_id: int) -> None:
    """A moderator takes a published post away, here and, through the group, everywhere."""
    await SET_STATE.run(conn, post.id, "removed", True)
    await _uncount(conn, post, -1)
    await spread(conn, post.id, f"remove:{decision_id}")


async def restore_post(conn: Conn, post: Post, decision_id: int) -> None:
    """A removed post is shown again, where it was."""
    await SET_STATE.run(conn, post.id, "published", False)
    await _uncount(conn, post, 1)
    await spread(conn, post.id, f"restore:{decision_id}")


async def delete_post(conn: Conn, post: Post) -> None:
    """The author takes their post back: hidden at once, wiped after 30 days; replies stay under a placeholder."""
    if post.state == "deleted":
        return
    await SET_STATE.run(conn, post.id, "deleted", True)
    if post.state == "published":
        await _uncount(conn, post, -1)
    if post.was_published:
        await spread(conn, post.id, "delete")
    await _end_review(conn, post.id)


async def _uncount(conn: Conn, post: Post, by: int) -> None:
    if post.parent_id is None:
        await groups.COUNT_THREAD.run(conn, post.group_id, by, None)
    elif post.root_id is not None:
        await COUNT_REPLY.run(conn, post.root_id, by, 0)


async def attach_waiting_replies(conn: Conn, parent: Post) -> None:
    """Replies that came before their parent find it; those that passed their screening are published."""
    await ATTACH.run(conn, parent.uri, parent.id, parent.root_id, min(parent.depth + 1, MAX_DEPTH), parent.group_id)
    if parent.was_published:
        for reply in await WAITING_REPLIES.all(conn, parent.id):
            await publish_post(conn, reply)


async def mark_announced(conn: Conn, post_id: int) -> bool:
    """The group's own server has announced a post of ours: it is no longer waiting. False where it did so before."""
    return bool(await SET_ANNOUNCED.run(conn, post_id))


async def spread(conn: Conn, post_id: int, event: str) -> None:
    """Let other servers know; `event` is create, update:N, delete, remove:D or restore:D and happens once a post."""
    await jobs.enqueue(conn, "spread_post", {"post_id": post_id, "event": event}, ordering=f"post:{post_id}")


async def by_id(conn: Conn, post_id: int, *, lock: bool = False) -> Post:
    """The post, whoever asks: callers go through `access` first. With `lock`, others that change it wait."""
    post = await (LOCKED_BY_ID if lock else _BY_ID).one(conn, post_id)
    if post is None:
        raise NotFound("post")
    return post


async def by_uri(conn: Conn, uri: str) -> Post | None:
    return await BY_URI.one(conn, uri)
