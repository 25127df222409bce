"""Who belongs to which group, and who follows whom. Owns the table `memberships`."""

import datetime as dt
from collections import Counter
from collections.abc import Collection

from server import jobs
from server.community import access, groups, notifications
from server.community.actors import Actor
from server.community.groups import COUNT_MEMBER, LOCK, Group
from server.db import Command, Conn, Query, Row
from server.errors import NotFound, Refused


class Target(Row, frozen=True):
    target_id: int


class Person(Row, frozen=True):
    person_id: int


class Membership(Row, frozen=True):
    person_id: int
    target_id: int
    state: str
    role: str
    follow_uri: str | None
    banned_until: dt.datetime | None


class Tie(Row, frozen=True):
    """What binds somebody here and a server: `host` is that server's, `group_id` the group of ours, if it is one."""

    host: str
    group_id: int | None


class Changed(Row, frozen=True):
    """A membership whose state has changed; `state` is what it is or, while suspended, will be again."""

    person_id: int
    target_id: int
    state: str
    target_is_group: bool
    person_is_local: bool


class Member(Row, frozen=True):
    """A person in a group's list of members, or of those who are banned from it."""

    id: int
    name: str
    host: str | None
    title: str
    state: str
    role: str
    created_at: dt.datetime
    banned_until: dt.datetime | None


ONE = Query(
    Membership,
    """select person_id, target_id, state, role, follow_uri, banned_until
         from memberships where person_id = $1 and target_id = $2""",
)
BY_FOLLOW = Query(
    Membership,
    """select person_id, target_id, state, role, follow_uri, banned_until
         from memberships where follow_uri = $1 and target_id = $2""",
)
# A refused or left membership may be asked for again; a joined one stays as it is.
ASK = Query(
    Membership,
    """
    insert into memberships (person_id, target_id, state, follow_uri) values ($1, $2, $3, $4)
    on conflict (person_id, target_id) do update
       set follow_uri = coalesce(excluded.follow_uri, memberships.follow_uri),
           state = case when memberships.state = 'joined' then 'joined' else excluded.state end
    returning person_id, target_id, state, role, follow_uri, banned_until""",
)
SET_STATE = Command("update memberships set state = $3 where person_id = $1 and target_id = $2 and state <> $3")
SET_FOLLOW = Command("update memberships set follow_uri = $3 where person_id = $1 and target_id = $2")
SET_ROLE = Command(
    "update memberships set role = $3 where person_id = $1 and target_id = $2 and state = 'joined' and role <> $3"
)
# A ban outlives leaving: otherwise leaving and joining again would lift it. One that has ended binds nobody.
REMOVE = Query(
    Membership,
    """
    delete from memberships where person_id = $1 and target_id = $2
       and (banned_until is null or banned_until <= clock_now())
    returning person_id, target_id, state, role, follow_uri, banned_until""",
)
# Also for whoever was never a member: anybody may write in most groups.
BAN = Query(
    Membership,
    """
    insert into memberships (person_id, target_id, state, banned_until) values ($1, $2, 'refused', $3)
    on conflict (person_id, target_id) do update set state = 'refused', banned_until = excluded.banned_until
    returning person_id, target_id, state, role, follow_uri, banned_until""",
)
LIFT = Command(
    """update memberships set banned_until = null
        where person_id = $1 and target_id = $2 and banned_until > clock_now()"""
)
FOLLOWED_BY_URI = Command("select target_id from memberships where person_id = $1 and follow_uri = $2")
HAS_LOCAL_MEMBER = Command(
    """select exists (select 1 from memberships m join accounts c on c.actor_id = m.person_id
                       where m.target_id = $1 and (m.state in ('joined', 'asked') or m.banned_until > clock_now()))"""
)
LOCAL_MEMBERS = Query(
    Person,
    """select m.person_id from memberships m join accounts c on c.actor_id = m.person_id
        where m.target_id = $1 and m.state in ('joined', 'asked') order by m.person_id""",
)
# Somebody who was refused or has left may be invited; whoever belongs here or asks needs no invitation.
INVITE = Command(
    """insert into memberships (person_id, target_id, state) values ($1, $2, 'invited')
       on conflict (person_id, target_id) do update set state = 'invited' where memberships.state = 'refused'"""
)
OF_PERSON = Query(Target, "select target_id from memberships where person_id = $1")
_SELECT_MEMBER = """
    select a.id, a.name, a.host, a.title, m.state, m.role, m.created_at, m.banned_until
      from memberships m join actors a on a.id = m.person_id"""

MEMBERS = Query(
    Member,
    _SELECT_MEMBER
    + """
     where m.target_id = $1 and (m.state in ('joined', 'asked', 'invited') or m.banned_until > clock_now())
       and a.deleted_at is null
     order by (m.state = 'joined'), (m.role = 'member'), a.name limit $2""",
)
MODERATORS = Query(
    Member,
    _SELECT_MEMBER
    + """
     where m.target_id = $1 and m.state = 'joined' and m.role = 'moderator' order by m.created_at""",
)
MODERATOR_COUNT = Command(
    "select count(*) from memberships where target_id = $1 and role = 'moderator' and state = 'joined'"
)

MODERATES_ALONE = Command(
    """select exists (
        select 1 from memberships m join actors g on g.id = m.target_id and g.kind = 'group' and g.host is null
         where m.person_id = $1 and m.role = 'moderator' and m.state = 'joined'
           and not exists (select 1 from memberships o where o.target_id = m.target_id and o.role = 'moderator'
                              and o.state = 'joined' and o.person_id <> m.person_id))"""
)
# With which servers anybody here has to do, group by group.
TIES = Query(
    Tie,
    """select distinct coalesce(p.host, t.host) as host,
              case when t.kind = 'group' and t.host is null then t.id end as group_id
         from memberships m join actors p on p.id = m.person_id join actors t on t.id = m.target_id
        where m.state = any($1::text[]) and (p.host is not null or t.host is not null)""",
)
# In the order of `join`: first the groups, then what belongs to them.
LOCK_TIED = Command(
    """select count(*) from (
            select g.actor_id from groups g
             where g.actor_id in (select m.target_id from memberships m join actors p on p.id = m.person_id
                                    join actors t on t.id = m.target_id
                                   where coalesce(p.host, t.host) = any($1::text[]))
             order by g.actor_id for no key update) locked"""
)
_TIED = """
         from actors p, actors t, unnest($1::text[], $2::int8[]) as tie (host, group_id)
        where p.id = m.person_id and t.id = m.target_id and tie.host = coalesce(p.host, t.host)
          and tie.group_id is not distinct from case when t.kind = 'group' and t.host is null then t.id end """
SUSPEND = Query(
    Changed,
    "update memberships m set state = 'suspended', resumes_as = m.state"
    + _TIED
    + """and m.state in ('asked', 'joined')
        returning m.person_id, m.target_id, m.resumes_as as state, t.kind = 'group' as target_is_group,
                  p.host is null as person_is_local""",
)
RESUME = Query(
    Changed,
    "update memberships m set state = coalesce(m.resumes_as, 'asked'), resumes_as = null"
    + _TIED
    + """and m.state = 'suspended'
        returning m.person_id, m.target_id, m.state, t.kind = 'group' as target_is_group,
                  p.host is null as person_is_local""",
)


async def join(conn: Conn, person: Actor, group: Group, follow_uri: str | None = None) -> str:
    """Join, or ask to: returns the new state. `group` must be as `person` sees it. Refused where nobody may ask."""
    access.check_not_banned(group)
    # What the caller read of the membership may be old by now.
    await LOCK.run(conn, group.id)
    known = await ONE.one(conn, person.id, group.id)
    if known is not None and known.state == "suspended":
        raise Refused("suspended", "Nothing can be sent to that server at the moment.")
    joined = known is not None and known.state == "joined"
    if joined and person.local:
        return "joined"
    if group.visibility == "local" and not person.local:
        raise NotFound("group")
    invited = known is not None and known.state == "invited"
    if group.local and group.join_mode == "invite" and not joined and not invited:
        raise Refused("invite_only", "This group takes new members by invitation only.")
    joins_now = group.local and (invited or (group.join_mode == "open" and group.visibility != "private"))
    membership = await ASK.one(conn, person.id, group.id, "joined" if joins_now else "asked", follow_uri)
    assert membership is not None
    if membership.state == "joined" and not joined:
        await COUNT_MEMBER.run(conn, group.id, 1)
    await _tell_about(conn, person, group, membership.state)
    return membership.state


async def _tell_about(conn: Conn, person: Actor, group: Group, state: str) -> None:
    if not group.local:
        await _spread(conn, person.id, group.id, "follow")
    elif not person.local:
        await jobs.enqueue(conn, "answer_follow", {"person_id": person.id, "target_id": group.id})
    if group.local and state == "asked":
        for moderator in await MODERATORS.all(conn, group.id):
            await notifications.notify(conn, moderator.id, "asked_to_join", actor_id=person.id, group_id=group.id)


async def leave(conn: Conn, person: Actor, group: Group) -> None:
    """Leave, or take back the wish to join. The last moderator cannot leave a group without one."""
    await LOCK.run(conn, group.id)
    known = await ONE.one(conn, person.id, group.id)
    moderates = group.local and known is not None and known.state == "joined" and known.role == "moderator"
    if moderates and await MODERATOR_COUNT.value(conn, group.id) == 1:
        raise Refused("last_moderator", "You are the only moderator. Please make somebody else moderator first.")
    if not group.local and known is not None:
        await _spread(conn, person.id, group.id, "unfollow")
    left = await REMOVE.one(conn, person.id, group.id)
    if left is not None and left.state == "joined":
        await COUNT_MEMBER.run(conn, group.id, -1)


async def answer(conn: Conn, group: Group, person: Actor, *, accept: bool) -> None:
    """A moderator (or the group's own server) answers somebody who asked to join."""
    await LOCK.run(conn, group.id)
    membership = await ONE.one(conn, person.id, group.id)
    if membership is None or membership.state != "asked":
        raise NotFound("request")
    await SET_STATE.run(conn, person.id, group.id, "joined" if accept else "refused")
    if accept:
        await COUNT_MEMBER.run(conn, group.id, 1)
    if person.local:
        kind = "joined_group" if accept else "not_let_in"
        await notifications.notify(conn, person.id, kind, group_id=group.id)
    else:
        await jobs.enqueue(conn, "answer_follow", {"person_id": person.id, "target_id": group.id})


async def follow_person(conn: Conn, follower: Actor, target: Actor, follow_uri: str) -> None:
    """Somebody elsewhere follows one of our people: granted, as all their posts are public."""
    await ASK.one(conn, follower.id, target.id, "joined", follow_uri)
    await jobs.enqueue(conn, "answer_follow", {"person_id": follower.id, "target_id": target.id})


async def unfollow(conn: Conn, person_id: int, target_id: int) -> bool:
    """A remote person ends a follow; True where there was one."""
    left = await REMOVE.one(conn, person_id, target_id)
    if left is not None and left.state == "joined":
        await COUNT_MEMBER.run(conn, target_id, -1)
    return left is not None


async def unfollow_by_uri(conn: Conn, person_id: int, follow_uri: str) -> bool:
    """End the follow of this person that came under this address."""
    target_id = await FOLLOWED_BY_URI.value(conn, person_id, follow_uri)
    return target_id is not None and await unfollow(conn, person_id, target_id)


async def put_out(conn: Conn, group: Group, person: Actor) -> None:
    """A group ends somebody's membership, or takes an invitation back."""
    await LOCK.run(conn, group.id)
    membership = await ONE.one(conn, person.id, group.id)
    if membership is None or membership.state not in ("joined", "invited"):
        raise NotFound("member")
    if group.local and membership.role == "moderator":
        raise Refused("is_moderator", "Please make them an ordinary member first.")
    await SET_STATE.run(conn, person.id, group.id, "refused")
    if membership.state == "invited":
        return
    await COUNT_MEMBER.run(conn, group.id, -1)
    await notifications.notify(conn, person.id, "put_out", group_id=group.id)
    if group.local and not person.local:
        await jobs.enqueue(conn, "answer_follow", {"person_id": person.id, "target_id": group.id})


async def ban(conn: Conn, group: Group, person: Actor, until: dt.datetime) -> None:
    """Shut somebody out of a group until then; a membership ends with it. Refused: is_moderator."""
    await LOCK.run(conn, group.id)
    known = await ONE.one(conn, person.id, group.id)
    joined = known is not None and known.state == "joined"
    if joined and known is not None and known.role == "moderator":
        raise Refused("is_moderator", "This is a moderator. Please make them an ordinary member first.")
    banned = await BAN.one(conn, person.id, group.id, until)
    assert banned is not None
    if joined:
        await COUNT_MEMBER.run(conn, group.id, -1)
    if group.local and not person.local and known is not None and known.state != "refused":
        # Their server must not show them as members either.
        await jobs.enqueue(conn, "answer_follow", {"person_id": person.id, "target_id": group.id})


async def lift_ban(conn: Conn, group: Group, person: Actor) -> bool:
    """Let somebody take part again, who may then join anew; False where they are not banned."""
    await LOCK.run(conn, group.id)
    return bool(await LIFT.run(conn, person.id, group.id))


async def has_local_member(conn: Conn, group_id: int) -> bool:
    """Whether anybody here has joined this group, asked to, or was banned: who may be let in again will hear of it."""
    return bool(await HAS_LOCAL_MEMBER.value(conn, group_id))


async def local_members(conn: Conn, group_id: int) -> list[int]:
    """Those of our people who have joined, or asked to join, this group."""
    return [one.person_id for one in await LOCAL_MEMBERS.all(conn, group_id)]


async def end_all(conn: Conn, person_id: int) -> None:
    """Somebody is gone for good: they leave everything."""
    for followed in await OF_PERSON.all(conn, person_id):
        await unfollow(conn, person_id, followed.target_id)


async def moderates_alone(conn: Conn, person_id: int) -> bool:
    """Whether a group of ours would be left without a moderator."""
    return bool(await MODERATES_ALONE.value(conn, person_id))


async def ties(conn: Conn, *states: str) -> list[Tie]:
    """Each server with which somebody here has to do, once for each group of ours that its people are in."""
    return await TIES.all(conn, states)


async def suspend(conn: Conn, which: Collection[Tie]) -> list[Changed]:
    """Let memberships rest that bind us and these servers, both ways; returns those that did not yet."""
    return await _settle(conn, SUSPEND, which, -1)


async def resume(conn: Conn, which: Collection[Tie]) -> list[Changed]:
    """Let them be again what they were."""
    return await _settle(conn, RESUME, which, 1)


async def _settle(conn: Conn, how: Query[Changed], which: Collection[Tie], count: int) -> list[Changed]:
    if not which:
        return []
    await LOCK_TIED.value(conn, sorted({tie.host for tie in which}))
    changed = await how.all(conn, [tie.host for tie in which], [tie.group_id for tie in which])
    members = Counter(one.target_id for one in changed if one.state == "joined" and one.target_is_group)
    for group_id in sorted(members):
        await COUNT_MEMBER.run(conn, group_id, count * members[group_id])
    return changed


async def set_role(conn: Conn, group: Group, person_id: int, role: str) -> None:
    """Make a member moderator, or a moderator member; one moderator must remain."""
    await LOCK.run(conn, group.id)
    if role == "member" and await MODERATOR_COUNT.value(conn, group.id) == 1:
        raise Refused("last_moderator", "A group needs at least one moderator.")
    if not await SET_ROLE.run(conn, person_id, group.id, role):
        raise NotFound("member")
    if role == "moderator":
        await notifications.notify(conn, person_id, "made_moderator", group_id=group.id)
    await groups.announce_change(conn, group.id)


async def add_moderator(conn: Conn, person_id: int, group_id: int) -> None:
    """The first moderator of a new group."""
    await ASK.one(conn, person_id, group_id, "joined", None)
    await SET_ROLE.run(conn, person_id, group_id, "moderator")
    await COUNT_MEMBER.run(conn, group_id, 1)


async def one(conn: Conn, person_id: int, target_id: int) -> Membership | None:
    return await ONE.one(conn, person_id, target_id)


async def members(conn: Conn, group_id: int, limit: int = 500) -> list[Member]:
    return await MEMBERS.all(conn, group_id, limit)


async def moderators(conn: Conn, group_id: int) -> list[Member]:
    return await MODERATORS.all(conn, group_id)


async def _spread(conn: Conn, person_id: int, target_id: int, event: str) -> None:
    args: dict[str, object] = {"person_id": person_id, "target_id": target_id, "event": event}
    await jobs.enqueue(conn, "spread_membership", args, ordering=f"membership:{person_id}:{target_id}")
