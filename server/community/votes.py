"""One kind of vote, "thank": counted once per person and post. Owns the table `votes`."""

from server import jobs
from server.community import notifications
from server.community.actors import Actor
from server.community.posts import Post
from server.db import Command, Conn, Query, Row
from server.errors import Refused


class TakenBack(Row, frozen=True):
    value: int
    uri: str | None


# Taken first: a statement that waits for another vote of the same person still sees the old one, and would count it
# twice.
LOCK = Command("select id from posts where id = $1 for no key update")
# The total is kept beside the vote in one statement, so that the two cannot part.
GIVE = Command(
    """
    with old as (select value from votes where post_id = $1 and actor_id = $2),
    given as (
        insert into votes (post_id, actor_id, value, uri) values ($1, $2, $3, $4)
        on conflict (post_id, actor_id) do update set value = excluded.value, uri = excluded.uri
         where votes.value <> excluded.value
        returning value)
    update posts set thank_count = thank_count
           + (select count(*) from given where value = 1)::int - (select count(*) from old where value = 1)::int
     where id = $1 and exists (select 1 from given)"""
)
TAKE_BACK = Query(
    TakenBack,
    """
    with gone as (delete from votes where post_id = $1 and actor_id = $2 returning value, uri),
    counted as (
        update posts set thank_count = thank_count - 1
         where id = $1 and exists (select 1 from gone where value = 1))
    select value, uri from gone""",
)
POST_OF = Command("select post_id from votes where actor_id = $1 and uri = $2")
MINE = Command("select value from votes where post_id = $1 and actor_id = $2")


async def thank(conn: Conn, person: Actor, post: Post, *, uri: str | None = None) -> None:
    """Thank once; a second time changes nothing. Permission was checked by `access.check_may_vote`."""
    if post.author_id == person.id:
        raise Refused("own_post", "That is your own post.")
    await LOCK.run(conn, post.id)
    if not await GIVE.run(conn, post.id, person.id, 1, uri):
        return
    await notifications.notify_once(
        conn, post.author_id, "thanked", actor_id=person.id, post_id=post.id, group_id=post.group_id
    )
    await _spread(conn, person, post, "like", uri)


async def take_back(conn: Conn, person: Actor, post: Post) -> bool:
    """Take a thank (or a remote dislike) back; False, and nothing happens, where there is none."""
    await LOCK.run(conn, post.id)
    taken = await TAKE_BACK.one(conn, post.id, person.id)
    if taken is not None and taken.value == 1:
        await _spread(conn, person, post, "unlike", taken.uri)
    return taken is not None


async def dislike(conn: Conn, person: Actor, post: Post, *, uri: str | None = None) -> None:
    """A `Dislike` from elsewhere: kept, so that its Undo fits, but not counted, shown or announced."""
    await LOCK.run(conn, post.id)
    await GIVE.run(conn, post.id, person.id, -1, uri)


async def thanked(conn: Conn, post_id: int, person_id: int) -> bool:
    return bool(await MINE.value(conn, post_id, person_id) == 1)


async def _spread(conn: Conn, person: Actor, post: Post, event: str, uri: str | None) -> None:
    args: dict[str, object] = {"person_id": person.id, "post_id": post.id, "event": event, "uri": uri}
    await jobs.enqueue(conn, "spread_vote", args, ordering=f"vote:{person.id}:{post.id}")
