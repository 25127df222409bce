"""Whose settings a page changes: those of one group, by its moderators, or of the whole place, by admins."""

import msgspec

from server.community import access
from server.community.groups import Group
from server.db import Conn
from server.errors import NotFound
from server.messages import Message
from web import describe
from web.pages.group import handle_of
from web.views.parts import GroupView, Tab
from web.visit import Visit

TABS = {
    "": Message("Settings"),
    "/rules": Message("Rules"),
    "/checks": Message("Checks"),
    "/servers": Message("Servers"),
}


class Scope(msgspec.Struct, frozen=True):
    """`base` is the address under which the pages stand; without `group` they are of the whole place."""

    base: str
    group: Group | None = None
    view: GroupView | None = None
    tabs: tuple[Tab, ...] = ()

    @property
    def group_id(self) -> int | None:
        return self.group.id if self.group else None


def check_may_ask(visit: Visit) -> int:
    """The viewer's account: strangers may log in first, and of the place's own settings only admins know."""
    if "handle" in visit.request.path_params:
        return access.check_signed_in(visit.viewer)
    return access.check_admin(visit.viewer)


async def scope_of(visit: Visit, conn: Conn, current: str = "") -> Scope:
    """What the address names, for whoever may change it; raises NotFound for everybody else."""
    if "handle" not in visit.request.path_params:
        access.check_admin(visit.viewer)
        return Scope("/admin")
    group = await moderated_group(visit, conn)
    view = describe.group_view(visit, group)
    base = f"{view.url}/settings"
    return Scope(base, group, view, tabs_of(visit, view, current))


async def moderated_group(visit: Visit, conn: Conn) -> Group:
    """A group of ours that the viewer moderates; one elsewhere has its settings elsewhere."""
    name, host = handle_of(visit)
    group = await access.access_moderated_group(conn, visit.viewer, name, host)
    if not group.local:
        raise NotFound("group")
    return group


def tabs_of(visit: Visit, view: GroupView, current: str) -> tuple[Tab, ...]:
    tabs = [Tab(visit.say(label), f"{view.url}/settings{path}", path == current) for path, label in TABS.items()]
    return (*tabs, Tab(visit.say("Members"), f"{view.url}/members", current == "members"))
