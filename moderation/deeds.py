"""What moderators do to a person or to a thread as a whole: ban, close, pin, make moderators. Owns the table `deeds`.

Each is a decision like those about texts: who, when, why and by which rule stand in the public record. What admins do
for the whole place (moderation/suspensions.py) is a deed in no group; of the others other servers are told by the job
`spread_deed`.
"""

import datetime as dt

import msgspec

from moderation import decisions, rules
from server import clock, jobs, limits, text
from server.community import access, groups, memberships, notifications, polls, posts, standing, votes
from server.community.actors import Actor
from server.community.groups import FOR_GOOD, Group
from server.community.posts import Post
from server.community.sessions import Viewer
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, NotFound, Refused, TooMany
from server.ids import new_id
from server.limits import Limit
from server.runtime import Runtime

# Days of a ban that a form may choose; none is for good.
DAYS = (1, 3, 7, 30, 90, 365)
# So many posts of the banned are removed in one transaction.
REMOVED_AT_ONCE = 50
# Whoever was banned once could otherwise fill the record, and the moderators' news, by moving on and on. A ban is not
# shaken off by it more easily than by a new account that tells of no other.
BANS_CARRIED = Limit(20, 24 * 3600)


class Deed(Row, frozen=True):
    """`post_id` for a thread, `person_id` for a person, `host` for all of a server; `until` only for a ban.

    A ban without end has FOR_GOOD.
    """

    id: int
    group_id: int | None
    moderator_id: int
    verb: str
    person_id: int | None
    post_id: int | None
    host: str | None
    until: dt.datetime | None
    removes_posts: bool
    rule_id: int | None
    rule_version: int | None
    reason: str
    reversed_by: int | None
    created_at: dt.datetime


class Ban(msgspec.Struct, frozen=True):
    """What a moderator chose. `days` None is for good."""

    days: int | None
    rule_id: int | None
    reason: str
    remove_posts: bool = False


_SELECT = """
    select id, group_id, moderator_id, verb, person_id, post_id, host, until, removes_posts, rule_id, rule_version,
           reason, reversed_by, created_at from deeds """

BY_ID = Query(Deed, _SELECT + "where id = $1")
# What a deed takes back: the last one of this verb that stands.
STANDING = Query(
    Deed,
    _SELECT
    + """where group_id is not distinct from $1::int8 and verb = $2 and person_id is not distinct from $3::int8
           and post_id is not distinct from $4::int8 and reversed_by is null order by id desc limit 1""",
)
BANS = Query(
    Deed,
    _SELECT + "where person_id = $1 and verb = 'ban' and reversed_by is null and until > clock_now() order by id",
)
ADD = Command(
    """insert into deeds (id, group_id, moderator_id, verb, person_id, post_id, until, removes_posts, rule_id,
                          rule_version, reason, host)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"""
)
REVERSE = Command("update deeds set reversed_by = $2 where id = $1")
TO_REMOVE = Command(
    """select array_agg(id) from (
         select id from posts
          where author_id = $1 and ($2::int8 is null or group_id = $2) and state = 'published' and id < $3
          order by id limit $4) wave"""
)


TO_REMOVE_OF_HOSTS = Command(
    """select array_agg(id order by id) from (
         select p.id from posts p join actors a on a.id = p.author_id
          where a.host = any($1::text[]) and p.state = 'published' and p.id < $2 limit $3) wave"""
)


class New(msgspec.Struct, frozen=True):
    """A deed to be written down; one without group is an admin's, for the whole place."""

    group: Group | None
    verb: str
    person_id: int | None = None
    post_id: int | None = None
    until: dt.datetime | None = None
    removes_posts: bool = False
    rule_id: int | None = None
    rule_version: int | None = None
    reason: str = ""
    reverses: str | None = None
    host: str | None = None


async def ban(conn: Conn, viewer: Viewer, group: Group, person: Actor, form: Ban) -> int:
    """Ban a person from a group of ours; returns the deed's id.

    Raises NotFound, Invalid by field, or Refused: yourself, is_moderator.
    """
    _check_moderates(viewer, group)
    if person.kind != "person":
        raise NotFound("person")
    if person.id == viewer.account_id:
        raise Refused("yourself", "You cannot ban yourself.")
    if form.days is not None and form.days not in DAYS:
        raise Invalid({"days": "Please choose for how long."})
    rule = await rules.check_rule(conn, group.id, form.rule_id)
    reason = _reason(form.reason)
    if not reason:
        raise Invalid({"reason": "Please tell them why, in a sentence of your own."})
    until = FOR_GOOD if form.days is None else clock.now() + dt.timedelta(days=form.days)
    await _shut_out(conn, group, person, until)
    new = New(group, "ban", person.id, None, until, form.remove_posts, rule.id, rule.version, reason)
    deed_id = await add(conn, viewer.account_id, new)
    detail: dict[str, object] = {"deed_id": str(deed_id)}
    await notifications.notify(conn, person.id, "banned", group_id=group.id, detail=detail)
    if form.remove_posts:
        await jobs.enqueue(conn, "remove_banned_posts", {"deed_id": deed_id})
    return deed_id


async def lift_ban(conn: Conn, viewer: Viewer, group: Group, person: Actor) -> int | None:
    """Take a ban back before its time; None where there is none. What was removed with it stays removed."""
    _check_moderates(viewer, group)
    if person.id == viewer.account_id:
        raise Refused("yourself", "Another moderator has to lift your own ban.")
    if not await memberships.lift_ban(conn, group, person):
        return None
    await votes.count_again(conn, person.id, group.id)
    deed_id = await add(conn, viewer.account_id, New(group, "unban", person.id, reverses="ban"))
    await notifications.notify(conn, person.id, "unbanned", group_id=group.id)
    return deed_id


async def carry_bans(conn: Conn, old: Actor, new: Actor) -> None:
    """Somebody elsewhere has moved to another account: what they are banned from here, they are banned from there too.

    Each goes into the record as its moderator had decided it; the moderators of the group are told.
    """
    for deed in await BANS.all(conn, old.id):
        assert deed.group_id is not None
        group = await groups.BY_ID.one(conn, deed.group_id, None)
        known = await memberships.one(conn, new.id, deed.group_id)
        if group is None or deed.until is None or (known is not None and known.role == "moderator"):
            continue
        if known is not None and known.banned_until is not None and known.banned_until >= deed.until:
            continue
        try:
            await limits.count(conn, f"bans_carried:{group.id}", BANS_CARRIED)
        except TooMany:
            continue
        await _shut_out(conn, group, new, deed.until)
        reason = f"{deed.reason} ({old.handle} → {new.handle})"
        ban = New(group, "ban", new.id, None, deed.until, False, deed.rule_id, deed.rule_version, reason)
        await add(conn, deed.moderator_id, ban)
        for moderator in await memberships.moderators(conn, group.id):
            await notifications.notify(conn, moderator.id, "ban_moved", actor_id=new.id, group_id=group.id)


async def _shut_out(conn: Conn, group: Group, person: Actor, until: dt.datetime) -> None:
    await memberships.ban(conn, group, person, until)
    await votes.suspend(conn, person.id, group.id)
    await polls.leave_out(conn, person.id, group.id)


async def close_thread(conn: Conn, viewer: Viewer, post_id: int, rule_id: int | None, reason: str) -> int | None:
    """No more replies to a thread; None where it was closed already. A rule may be named, a reason must be."""
    post, group = await _thread(conn, viewer, post_id)
    rule = None if rule_id is None else await rules.check_rule(conn, group.id, rule_id)
    said = text.one_line(_reason(reason), standing.MAX_REASON)
    if not said:
        raise Invalid({"reason": "Please say why, in a sentence: it stands where people would reply."})
    if not await standing.close(conn, post, said):
        return None
    rule_id, version = (rule.id, rule.version) if rule is not None else (None, None)
    new = New(group, "lock", post_id=post.id, rule_id=rule_id, rule_version=version, reason=said)
    deed_id = await add(conn, viewer.account_id, new)
    if post.author_id != viewer.account_id:
        await notifications.notify(conn, post.author_id, "closed", post_id=post.id, group_id=group.id)
    return deed_id


async def open_thread(conn: Conn, viewer: Viewer, post_id: int) -> int | None:
    post, group = await _thread(conn, viewer, post_id)
    if not await standing.open_again(conn, post):
        return None
    return await add(conn, viewer.account_id, New(group, "unlock", post_id=post.id, reverses="lock"))


async def pin_thread(conn: Conn, viewer: Viewer, post_id: int, *, pinned: bool) -> int | None:
    """Let a thread stand first in its group, or no longer; None where it does so already."""
    post, group = await _thread(conn, viewer, post_id)
    if not await standing.pin(conn, post, pinned):
        return None
    new = New(group, "pin", post_id=post.id) if pinned else New(group, "unpin", post_id=post.id, reverses="pin")
    return await add(conn, viewer.account_id, new)


async def set_role(conn: Conn, viewer: Viewer, group: Group, person: Actor, role: str) -> int:
    """Make a member moderator, or a moderator member. Refused: last_moderator."""
    _check_moderates(viewer, group)
    await memberships.set_role(conn, group, person.id, role)
    if role == "moderator":
        return await add(conn, viewer.account_id, New(group, "promote", person.id))
    return await add(conn, viewer.account_id, New(group, "demote", person.id, reverses="promote"))


async def by_id(conn: Conn, deed_id: int) -> Deed | None:
    """A deed, whoever asks; only the job that spreads it may."""
    return await BY_ID.one(conn, deed_id)


async def remove_posts(conn: Conn, _runtime: Runtime, *, deed_id: int, hosts: list[str] | None = None) -> None:
    """Job: what the banned wrote in the group, or the suspended or these servers anywhere, is removed by and by."""
    deed = await BY_ID.one(conn, deed_id)
    if deed is None or deed.reversed_by is not None:
        # Lifted before all was gone: what is left stays.
        return
    ground = decisions.Ground(deed.moderator_id, deed.rule_id, deed.rule_version, deed.reason)
    if hosts is None:
        left = await TO_REMOVE.value(conn, deed.person_id, deed.group_id, deed.id, REMOVED_AT_ONCE) or []
    else:
        left = await TO_REMOVE_OF_HOSTS.value(conn, hosts, deed.id, REMOVED_AT_ONCE) or []
    for post_id in left:
        post = await posts.by_id(conn, post_id, lock=True)
        if post.state == "published":
            await decisions.remove_after_ban(conn, post, ground)
    if len(left) == REMOVED_AT_ONCE:
        await jobs.enqueue(conn, "remove_banned_posts", {"deed_id": deed_id, "hosts": hosts})


def _check_moderates(viewer: Viewer, group: Group) -> None:
    """A group elsewhere has its own moderators, and its own record."""
    if not group.local or not access.may_moderate(viewer, group):
        raise NotFound("group")


async def _thread(conn: Conn, viewer: Viewer, post_id: int) -> tuple[Post, Group]:
    post, group = await access.access_moderated_post(conn, viewer, post_id)
    _check_moderates(viewer, group)
    if not post.is_thread:
        raise NotFound("thread")
    if post.state != "published":
        raise Refused("not_published", "This post is not published.")
    return post, group


def _reason(typed: str) -> str:
    return text.check_text("reason", typed, at_most=decisions.MAX_REASON)


async def add(conn: Conn, moderator_id: int | None, new: New) -> int:
    """Write it down, mark what it reverses, and let other servers know in the order of the deeds; returns its id."""
    deed_id = new_id()
    group_id = new.group.id if new.group else None
    earlier = await STANDING.one(conn, group_id, new.reverses, new.person_id, new.post_id) if new.reverses else None
    await ADD.run(
        conn, deed_id, group_id, moderator_id, new.verb, new.person_id, new.post_id, new.until,
        new.removes_posts, new.rule_id, new.rule_version, new.reason, new.host,
    )  # fmt: skip
    if earlier is not None:
        await REVERSE.run(conn, earlier.id, deed_id)
    if group_id is not None:
        ordering = f"post:{new.post_id}" if new.post_id else f"deed:{group_id}:{new.person_id}"
        await jobs.enqueue(conn, "spread_deed", {"deed_id": deed_id}, ordering=ordering)
    return deed_id
