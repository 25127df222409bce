"""The start page: for a stranger what this place is, for a resident what needs them and what is new."""

from starlette.responses import Response
from starlette.routing import Route

from moderation.glance import OwnGroup
from server import limits, urls
from server.community import accounts, groups, notifications, timelines
from server.ids import parse_id
from web import describe, forms, present, render
from web.routing import get, post
from web.views.parts import GroupRef, GroupView, Pager
from web.views.residents import Duty, FrontPage, GroupsPage, HomePage
from web.visit import Visit, demo_logins


async def start(visit: Visit) -> Response:
    return await (_home(visit, visit.viewer.account_id) if visit.viewer.account_id is not None else _front(visit))


async def _front(visit: Visit) -> Response:
    async with visit.read() as conn:
        listed = await groups.listed(conn, None)
        newest = await timelines.newest_public(conn)
    page = FrontPage(
        about=visit.site.about or visit.say("A place where neighbours talk, help each other and settle things."),
        groups=[describe.group_view(visit, line) for line in listed],
        threads=[describe.thread_row(visit, line, with_group=True) for line in newest],
        contact=visit.site.contact,
        demo_logins=demo_logins(visit),
    )
    return await visit.show(page)


async def _home(visit: Visit, account_id: int) -> Response:
    before = parse_id(visit.request.query_params.get("before", "")) or timelines.END
    async with visit.read() as conn:
        threads = await timelines.home(conn, account_id, before, timelines.PAGE + 1)
        notes = await notifications.unread(conn, account_id) if visit.viewer.unread else []
        glance = await visit.look_home(conn)
    shown, older = threads[: timelines.PAGE], threads[timelines.PAGE :]
    page = HomePage(
        # The duties say it already, and once for each group.
        notes=[describe.note_view(visit, note) for note in notes if note.kind != "case_opened"],
        duties=[
            Duty(GroupRef(duty.title, f"/g/{duty.name}"), duty.waiting, f"/queue?group={duty.name}")
            for duty in glance.duties
        ],
        threads=[describe.thread_row(visit, line, with_group=True) for line in shown],
        groups=[_own_group(group) for group in glance.groups],
        pager=Pager(
            newer="/" if before != timelines.END else None,
            older=f"/?before={shown[-1].active_position}" if older else None,
        ),
    )
    return await visit.show(page)


def _own_group(group: OwnGroup) -> GroupView:
    title = group.title or group.name
    page = urls.group_page(group.name, group.host)
    return GroupView(group.name, title, "", "", page, present.initials(title), present.tint(group.id), group.host)


async def all_groups(visit: Visit) -> Response:
    async with visit.read() as conn:
        listed = await groups.listed(conn, visit.viewer.account_id)
    page = GroupsPage(
        groups=[describe.group_view(visit, line) for line in listed if line.host is None],
        remote=[describe.group_view(visit, line) for line in listed if line.host is not None],
    )
    return await visit.show(page)


async def choose_language(visit: Visit) -> Response:
    """Anybody's language, by the menu in every page's head."""
    typed = await forms.fields_of(visit.request)
    chosen = typed.get("language", "")
    response = visit.go(forms.safe_path(typed.get("next", "/")))
    if chosen not in render.LANGUAGES:
        return response
    response.set_cookie("language", chosen, max_age=365 * 86_400, path="/", httponly=True, samesite="lax")
    viewer = visit.viewer
    if viewer.account_id is not None:
        async with visit.change() as conn:
            await accounts.set_preferences(conn, viewer.account_id, chosen, viewer.timezone, viewer.theme)
    return response


ROUTES: list[Route] = [
    get("/", start),
    get("/groups", all_groups),
    post("/language", choose_language, limits.WRITE),
]
