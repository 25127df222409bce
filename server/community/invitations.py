"""Moderators ask somebody into a group, also into one in which nobody can ask to join."""

from server.community import groups, memberships, notifications
from server.community.actors import Actor
from server.community.groups import Group
from server.db import Conn
from server.errors import Invalid


async def invite(conn: Conn, group: Group, person: Actor) -> None:
    """A moderator asks somebody in: they join by one click, or by following where they live."""
    if group.visibility == "local" and not person.local:
        raise Invalid({"name": "Only people with an account here can belong to this group."})
    await groups.LOCK.run(conn, group.id)
    known = await memberships.ONE.one(conn, person.id, group.id)
    if known is not None and known.state == "asked":
        await memberships.answer(conn, group, person, accept=True)
    elif known is not None and known.state == "joined":
        raise Invalid({"name": "They belong to the group already."})
    elif await memberships.INVITE.run(conn, person.id, group.id):
        await notifications.notify(conn, person.id, "invited", group_id=group.id)
