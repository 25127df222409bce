"""A group's own pages: its threads with its rules beside them, its rules to print, joining and leaving."""

import re

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moderation import instances
from server import limits, text
from server.community import access, memberships, timelines
from server.community.groups import Group
from server.community.timelines import ThreadLine
from server.db import Conn
from server.errors import NotFound, Refused
from server.ids import parse_id
from server.messages import Message
from web import describe, forms
from web.negotiation import wants_activity
from web.routing import get, post
from web.views.parts import Pager, Tab
from web.views.residents import GroupPage, RulesPage
from web.visit import Visit

HANDLE = re.compile(r"([^@/\x00-\x20]{1,100})(?:@([^@/\x00-\x20]{1,253}))?")
SORTS = {"active": Message("Newest activity"), "newest": Message("Newest"), "unanswered": Message("Unanswered")}


def handle_of(visit: Visit) -> tuple[str, str | None]:
    """Name and host from the address; NotFound for what can be no handle."""
    match = HANDLE.fullmatch(visit.request.path_params["handle"])
    if match is None or not text.storable(match[0]):
        raise NotFound("group")
    host = match[2].lower() if match[2] else None
    return match[1], None if host == visit.urls.host else host


def rules_group(group: Group) -> int | None:
    """Whose rules hold for what we show: a group elsewhere is read here by the rules of the whole place."""
    return group.id if group.local else None


def why_not_write(visit: Visit, group: Group) -> str:
    """Why the reader cannot start a thread, or nothing."""
    if not visit.viewer.signed_in:
        return visit.say("Log in to write here.")
    try:
        access.check_may_post(group, None)
    except Refused as refusal:
        return visit.say(refusal.message)
    return ""


async def group_page(visit: Visit) -> Response:
    name, host = handle_of(visit)
    if host is None and wants_activity(visit.request):
        return RedirectResponse(visit.urls.actor("group", name.lower()), 302, {"Vary": "Accept"})
    query = visit.request.query_params
    sort = query.get("sort", "active") if query.get("sort") in SORTS else "active"
    before = parse_id(query.get("before", "")) or timelines.END
    async with visit.read() as conn:
        group = await access.access_group(conn, visit.viewer, name, host)
        readable = access.may_read(visit.viewer, group)
        lines = await _lines(visit, conn, group, sort, before) if readable else []
        glance = await visit.look_beside(conn, rules_group(group))
    waiting = [line for line in lines if line.waiting]
    lines = lines[len(waiting) :]
    pinned = [line for line in lines if line.pinned] if sort != "unanswered" else []
    listed = lines[len(pinned) :]
    shown, older = listed[: timelines.PAGE], listed[timelines.PAGE :]
    view = describe.group_view(visit, group)
    why_not = why_not_write(visit, group)
    moderates = access.may_moderate(visit.viewer, group)
    order = "" if sort == "active" else f"sort={sort}&"
    last = shown[-1].active_position if sort == "active" and shown else shown[-1].position if shown else 0
    page = GroupPage(
        group=view,
        about=describe.safe(group.about_html),
        rules=describe.rules(glance),
        moderators=describe.moderators(glance),
        threads=[describe.thread_row(visit, line, with_group=False) for line in (*pinned, *shown)],
        sorts=[
            Tab(visit.say(label), view.url if key == "active" else f"{view.url}?sort={key}", key == sort)
            for key, label in SORTS.items()
        ],
        pager=Pager(
            newer=f"{view.url}?{order}".rstrip("?&") if before != timelines.END else None,
            older=f"{view.url}?{order}before={last}" if older else None,
        ),
        waiting=[describe.thread_row(visit, line, with_group=False) for line in waiting],
        older=describe.older(group) if readable else None,
        original_url=None if group.local else group.url or group.uri,
        answers_within=group.answers_within,
        address=f"@{group.name}@{visit.urls.host}" if group.local and group.visibility != "local" else "",
        write_url=None if why_not else f"{view.url}/write",
        why_not=why_not,
        rules_url=f"{view.url}/rules" if group.local else "/rules",
        record_url=f"{view.url}/record" if group.local and readable else None,
        members_url=f"{view.url}/members" if moderates and group.local else None,
        queue_url=f"/queue?group={group.handle}" if moderates else None,
        settings_url=f"{view.url}/settings" if moderates and group.local else None,
        readable=readable,
    )
    return await visit.show(page)


async def _lines(visit: Visit, conn: Conn, group: Group, sort: str, before: int) -> list[ThreadLine]:
    if sort == "active" and before == timelines.END and not group.local and visit.viewer.signed_in:
        return await timelines.of_group_elsewhere(conn, visit.viewer, group.id, timelines.PAGE + 1)
    return await timelines.of_group(conn, group.id, sort, before, timelines.PAGE + 1)


async def rules_page(visit: Visit) -> Response:
    name, host = handle_of(visit)
    async with visit.read() as conn:
        group = await access.access_group(conn, visit.viewer, name, host)
        glance = await visit.look_beside(conn, rules_group(group))
    view = describe.group_view(visit, group)
    may_edit = group.local and access.may_moderate(visit.viewer, group)
    page = RulesPage(
        rules=describe.rules(glance),
        group=view if group.local else None,
        record_url=(f"{view.url}/record" if access.may_read(visit.viewer, group) else "") if group.local else "/record",
        edit_url=f"{view.url}/settings/rules" if may_edit else None,
    )
    return await visit.show(page)


async def join(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    name, host = handle_of(visit)
    async with visit.change() as conn:
        group = await access.access_group(conn, visit.viewer, name, host)
        await instances.check_reachable(conn, group.host)
        await memberships.join(conn, await visit.me(conn), group)
    return visit.go(f"/g/{group.handle}")


async def leave(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    name, host = handle_of(visit)
    async with visit.change() as conn:
        group = await access.access_group(conn, visit.viewer, name, host)
        await memberships.leave(conn, await visit.me(conn), group)
    return visit.go(f"/g/{group.handle}")


ROUTES: list[Route] = [
    get("/g/{handle}", group_page),
    get("/g/{handle}/rules", rules_page),
    post("/g/{handle}/join", join, limits.WRITE),
    post("/g/{handle}/leave", leave, limits.WRITE),
]
