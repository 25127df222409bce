"""One kind of vote, "thank": counted once per person and post. Owns the tables `votes` and `attested_votes`."""

from server import jobs
from server.community import notifications
from server.community.actors import Actor
from server.community.groups import LOCK as LOCK_GROUP
from server.community.posts import Post
from server.db import Command, Conn, Query, Row
from server.errors import Refused

# Of one post: a server that makes voters up does not fill our disk with them.
MOST_ATTESTED = 10_000


class TakenBack(Row, frozen=True):
    value: int
    uri: str | None


class _Voter(Row, frozen=True):
    actor_id: int


class Suspended(Row, frozen=True):
    """Somebody whose thanks in a group do not count, though no ban is in force any more."""

    person_id: int
    group_id: int


# Taken first: a statement that waits for another vote of the same person still sees the old one, and would count it
# twice.
LOCK = Command("select id from posts where id = $1 for no key update")
# The total is kept beside the vote in one statement, so that the two cannot part.
GIVE = Command(
    """
    with old as (select value from votes where post_id = $1 and actor_id = $2),
    replaced as (
        delete from attested_votes
         where post_id = $1 and voter_uri = (select uri from actors where id = $2 and host is not null)
        returning 1),
    given as (
        insert into votes (post_id, actor_id, value, uri) values ($1, $2, $3, $4)
        on conflict (post_id, actor_id) do update set value = excluded.value, uri = excluded.uri
         where votes.value <> excluded.value
        returning value)
    update posts set thank_count = thank_count
           + (select count(*) from given where value = 1)::int - (select count(*) from old where value = 1)::int,
           attested_count = attested_count - (select count(*) from replaced)::int
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
# Not of our own people, of their own post, of whom we suspended, or of whoever voted themselves.
ATTEST = Command(
    """
    with given as (
        insert into attested_votes (voter_uri, post_id, uri)
        select $2, $1, $3
         where not exists (
                select 1 from actors a
                 where a.uri = $2 and (
                        a.host is null or a.suspended_at is not null
                        or exists (select 1 from posts p where p.id = $1 and p.author_id = a.id)
                        or exists (select 1 from votes v where v.post_id = $1 and v.actor_id = a.id)))
           and (select attested_count from posts where id = $1) < $4
        on conflict do nothing returning 1)
    update posts set attested_count = attested_count + 1 where id = $1 and exists (select 1 from given)"""
)
UNATTEST = Command(
    """
    with gone as (delete from attested_votes where voter_uri = $1 and post_id = $2 returning 1)
    update posts set attested_count = attested_count - 1 where id = $2 and exists (select 1 from gone)"""
)
ATTESTED_POST = Command(
    """select v.post_id from attested_votes v join posts p on p.id = v.post_id
        where v.voter_uri = $1 and v.uri = $2 and p.group_id = $3"""
)
# In one order, so that two who leave at once do not wait for each other's posts.
LOCK_ALL = Command(
    """select count(*) from (select p.id from posts p join votes v on v.post_id = p.id where v.actor_id = $1
                              order by p.id for no key update of p) locked"""
)
FORGET_VOTER = Command(
    """
    with gone as (delete from votes where actor_id = $1 returning post_id, value)
    update posts p set thank_count = thank_count - 1 from gone where p.id = gone.post_id and gone.value = 1"""
)
# In the order of their ids, as everything that takes several posts must: others wait for these rows as well.
LOCK_VOTED = Command(
    """select p.id from posts p join votes v on v.post_id = p.id
        where v.actor_id = $1 and p.group_id = $2 order by p.id for no key update of p"""
)
SUSPEND = Command(
    """
    with suspended as (
        update votes v set value = 0 from posts p
         where v.actor_id = $1 and v.value = 1 and p.id = v.post_id and p.group_id = $2 returning v.post_id)
    update posts set thank_count = thank_count - 1 where id in (select post_id from suspended)"""
)
COUNT_AGAIN = Command(
    """
    with counted as (
        update votes v set value = 1 from posts p
         where v.actor_id = $1 and v.value = 0 and p.id = v.post_id and p.group_id = $2 returning v.post_id)
    update posts set thank_count = thank_count + 1 where id in (select post_id from counted)"""
)
# Told by the votes, not by the memberships: whoever has left after the ban ran out has no membership.
WITHOUT_BAN = Query(
    Suspended,
    """select distinct v.actor_id as person_id, p.group_id
         from votes v join posts p on p.id = v.post_id
         left join memberships m on m.person_id = v.actor_id and m.target_id = p.group_id
        where v.value = 0 and (m.banned_until is null or m.banned_until <= clock_now()) limit $1""",
)
BANNED = Command(
    """select exists (select 1 from memberships
                       where person_id = $1 and target_id = $2 and banned_until > clock_now())"""
)
POST_OF = Command("select post_id from votes where actor_id = $1 and uri = $2")
OURS = Query(
    _Voter,
    """select v.actor_id from votes v join actors a on a.id = v.actor_id
        where v.post_id = $1 and v.value = 1 and a.host is null and a.deleted_at is null order by v.actor_id""",
)
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


async def attest(conn: Conn, voter_uri: str, post: Post, uri: str) -> None:
    """The server of a group says that somebody elsewhere thanked for a post in that group."""
    await LOCK.run(conn, post.id)
    await ATTEST.run(conn, post.id, voter_uri, uri, MOST_ATTESTED)


async def unattest(conn: Conn, voter_uri: str, post: Post) -> None:
    """It says that they took it back. What they told us themselves stays."""
    await LOCK.run(conn, post.id)
    await UNATTEST.run(conn, voter_uri, post.id)


async def unattest_by_uri(conn: Conn, voter_uri: str, uri: str, group_id: int) -> None:
    """As `unattest`, where only the address of the vote is named."""
    post_id = await ATTESTED_POST.value(conn, voter_uri, uri, group_id)
    if post_id is not None:
        await LOCK.run(conn, post_id)
        await UNATTEST.run(conn, voter_uri, post_id)


async def forget_voter(conn: Conn, person_id: int) -> None:
    """Somebody is gone for good, and their thanks with them; other servers hear of that by their farewell."""
    await LOCK_ALL.value(conn, person_id)
    await FORGET_VOTER.run(conn, person_id)


async def suspend(conn: Conn, person_id: int, group_id: int) -> None:
    """Somebody is banned from a group: their thanks there are kept, and count no more (security.md I5)."""
    await LOCK_VOTED.run(conn, person_id, group_id)
    await SUSPEND.run(conn, person_id, group_id)


async def count_again(conn: Conn, person_id: int, group_id: int) -> None:
    """The ban is over: what was suspended counts again."""
    await LOCK_VOTED.run(conn, person_id, group_id)
    await COUNT_AGAIN.run(conn, person_id, group_id)


async def without_ban(conn: Conn, limit: int) -> list[Suspended]:
    """Whose bans have run out by themselves, and whose thanks wait to count again."""
    return await WITHOUT_BAN.all(conn, limit)


async def give_back(conn: Conn, ended: Suspended) -> None:
    """A ban has run out: what it suspended counts again, unless somebody banned them anew in this very moment."""
    await LOCK_GROUP.run(conn, ended.group_id)
    if not await BANNED.value(conn, ended.person_id, ended.group_id):
        await count_again(conn, ended.person_id, ended.group_id)


async def thanked(conn: Conn, post_id: int, person_id: int) -> bool:
    return bool(await MINE.value(conn, post_id, person_id) == 1)


async def spread_waiting(conn: Conn, post: Post) -> None:
    """A post of ours has been taken up by its group: now other servers may hear who thanked for it meanwhile here.

    The caller has just changed the post's row, so that whoever thanks at this moment waits, and is told of as usual.
    """
    for voter in await OURS.all(conn, post.id):
        await _enqueue(conn, voter.actor_id, post, "waited", None)


async def _spread(conn: Conn, person: Actor, post: Post, event: str, uri: str | None) -> None:
    await _enqueue(conn, person.id, post, event, uri)


async def _enqueue(conn: Conn, person_id: int, post: Post, event: str, uri: str | None) -> None:
    args: dict[str, object] = {"person_id": person_id, "post_id": post.id, "event": event, "uri": uri}
    await jobs.enqueue(conn, "spread_vote", args, ordering=f"vote:{person_id}:{post.id}")
