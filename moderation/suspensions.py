"""What admins do for the whole place: suspend one person of another server, remove what a blocked server has left.

Each is a deed in no group (moderation/deeds.py), and stands in the public record without the name of whom it concerns.
"""

import datetime as dt

import msgspec

from moderation import decisions, deeds, instances, rules
from moderation.deeds import New
from server import jobs, text
from server.community import access, actors
from server.community.actors import Actor
from server.community.sessions import Viewer
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, NotFound


class Suspension(msgspec.Struct, frozen=True):
    """What an admin chose about somebody elsewhere; a rule of the place may be named, a reason must be."""

    rule_id: int | None
    reason: str
    remove_posts: bool = False


class Suspended(Row, frozen=True):
    """Somebody elsewhere who is kept out of the whole place, and why; `by` is the admin."""

    person_id: int
    name: str
    host: str | None
    title: str
    reason: str
    created_at: dt.datetime
    by: str


SUSPENDED = Query(
    Suspended,
    """select d.person_id, a.name, a.host, a.title, d.reason, d.created_at, m.name as by
         from deeds d join actors a on a.id = d.person_id join actors m on m.id = d.moderator_id
        where d.verb = 'suspend' and d.reversed_by is null and ($1::int8 is null or d.person_id = $1)
        order by d.id desc limit $2""",
)


HOSTS = Command("select array_agg(distinct host) from actors where host is not null and position($1::text in host) > 0")
OF_HOSTS = Command(
    """select count(*) from posts p join actors a on a.id = p.author_id
        where a.host = any($1::text[]) and p.state = 'published'"""
)
CLEARED_LATELY = Command(
    """select exists (select 1 from deeds
                       where verb = 'clear' and host = $1 and created_at > clock_now() - interval '1 hour')"""
)


def check_may_suspend(viewer: Viewer, person: Actor) -> None:
    """Admins suspend people of other servers; raises NotFound for everybody and everything else."""
    access.check_admin(viewer)
    if person.kind != "person" or person.local or person.deleted_at is not None:
        raise NotFound("person")


async def suspend(conn: Conn, viewer: Viewer, person: Actor, form: Suspension) -> int | None:
    """Take nothing any more from somebody elsewhere, in no group; None where that is so already.

    Raises NotFound or Invalid by field. One of ours is banned by groups: nobody here loses their account by a click.
    """
    check_may_suspend(viewer, person)
    rule_id, version = await _place_rule(conn, form.rule_id)
    reason = _check_reason(form.reason)
    if not await actors.suspend(conn, person.id):
        return None
    new = New(None, "suspend", person.id, None, None, form.remove_posts, rule_id, version, reason)
    deed_id = await deeds.add(conn, viewer.account_id, new)
    if form.remove_posts:
        await jobs.enqueue(conn, "remove_banned_posts", {"deed_id": deed_id})
    return deed_id


async def lift_suspension(conn: Conn, viewer: Viewer, person: Actor) -> int | None:
    """Let somebody elsewhere take part again; None where nothing keeps them out. What was removed stays removed."""
    check_may_suspend(viewer, person)
    if not await actors.unsuspend(conn, person.id):
        return None
    return await deeds.add(conn, viewer.account_id, New(None, "unsuspend", person.id, reverses="suspend"))


async def suspended(conn: Conn, person_id: int | None = None, limit: int = 100) -> list[Suspended]:
    """Who is kept out of the whole place, the latest first, or this one person. The caller asks for an admin."""
    return await SUSPENDED.all(conn, person_id, limit)


async def left_by(conn: Conn, viewer: Viewer, host: str) -> int:
    """How many posts of a blocked server's people can be read here; raises NotFound for one that is not blocked."""
    access.check_admin(viewer)
    return int(await OF_HOSTS.value(conn, await _hosts(conn, host)))


async def clear(conn: Conn, viewer: Viewer, host: str, rule_id: int | None, reason: str) -> int | None:
    """Remove what a blocked server's people wrote here; None where that was begun within the hour.

    Raises NotFound, or Invalid by field.
    """
    access.check_admin(viewer)
    hosts = await _hosts(conn, host)
    rule_id, version = await _place_rule(conn, rule_id)
    said = _check_reason(reason)
    if await CLEARED_LATELY.value(conn, host):
        return None
    new = New(None, "clear", removes_posts=True, rule_id=rule_id, rule_version=version, reason=said, host=host)
    deed_id = await deeds.add(conn, viewer.account_id, new)
    await jobs.enqueue(conn, "remove_banned_posts", {"deed_id": deed_id, "hosts": hosts})
    return deed_id


async def _hosts(conn: Conn, host: str) -> list[str]:
    """The names under which people of a blocked server are known here: its ports and subdomains, but those let in."""
    policies = await instances.current(conn)
    if policies.place.get(host) != instances.BLOCKED:
        raise NotFound("server")
    found = await HOSTS.value(conn, host) or []
    return [one for one in found if host in instances.covering_names(one) and policies.of(one) == instances.BLOCKED]


async def _place_rule(conn: Conn, rule_id: int | None) -> tuple[int | None, int | None]:
    """A rule of the whole place and its version, where one was named."""
    if rule_id is None:
        return None, None
    rule = await rules.check_rule(conn, None, rule_id)
    return rule.id, rule.version


def _check_reason(typed: str) -> str:
    reason = text.check_text("reason", typed, at_most=decisions.MAX_REASON)
    if not reason:
        raise Invalid({"reason": "Please say why, in a sentence: it stands in the record."})
    return reason
