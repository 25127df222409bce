"""Block lists that others keep: read regularly, and followed only where an admin says so."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from moderation import defederation, subscriptions
from server import limits
from server.community import access
from server.errors import Invalid, NotFound, Refused
from server.ids import parse_id
from web import describe_instances, forms
from web.describe_instances import LISTS
from web.routing import get, post
from web.views.instances import InstancesListPage, InstancesListsPage
from web.visit import Visit

ACTIONS = ("take", "take_all", "leave", "leave_all")


class ListTyped(forms.Form, frozen=True):
    address: str = ""
    hours: str = ""


async def lists_page(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    return await _show_lists(visit, {}, {}, 200)


async def _show_lists(visit: Visit, typed: Mapping[str, str], errors: Mapping[str, str], status: int) -> Response:
    async with visit.read() as conn:
        found = await subscriptions.subscriptions(conn)
    said = {name: visit.say(wrong) for name, wrong in errors.items()}
    page = InstancesListsPage(
        lists=[describe_instances.list_view(visit, one) for one in found],
        action=LISTS,
        address=forms.field(typed, "address", said),
        hours=forms.field(typed, "hours", said, "24"),
    )
    return await visit.show(page, status)


async def subscribe(visit: Visit) -> Response:
    account_id = access.check_admin(visit.viewer)
    typed = await forms.fields_of(visit.request)
    try:
        form = forms.decode(ListTyped, typed)
        async with visit.change() as conn:
            list_id = await subscriptions.subscribe(conn, form.address, form.hours.strip(), account_id)
    except Invalid as invalid:
        return await _show_lists(visit, typed, invalid.fields, 422)
    return visit.go(f"{LISTS}/{list_id}", "Saved.")


def _list_id(visit: Visit) -> int:
    list_id = parse_id(visit.request.path_params["list_id"])
    if list_id is None:
        raise NotFound("list")
    return list_id


async def list_page(visit: Visit) -> Response:
    """What has changed in a list, and who would lose what if all of it were taken over."""
    access.check_admin(visit.viewer)
    return await _show_list(visit, "", 200)


async def _show_list(visit: Visit, problem: str, status: int) -> Response:
    list_id = _list_id(visit)
    async with visit.read() as conn:
        found = await subscriptions.one(conn, list_id)
        waiting = await subscriptions.waiting(conn, list_id)
        steps = await subscriptions.steps_of(conn, list_id, await subscriptions.all_waiting(conn, list_id))
        losses = await defederation.losses(conn, {host: step.policy for host, step in steps.items()})
    page = InstancesListPage(
        found=describe_instances.list_view(visit, found),
        changes=describe_instances.waiting_changes(waiting),
        losses=describe_instances.losses_view(losses),
        action=f"{LISTS}/{list_id}/decide",
        version=found.version,
        problem=problem,
    )
    return await visit.show(page, status)


async def decide(visit: Visit) -> Response:
    """Take changes over or leave them aside: those that are ticked, or all."""
    account_id = access.check_admin(visit.viewer)
    typed = await forms.fields_of(visit.request)
    forms.decode(forms.Form, typed)
    list_id, version = _list_id(visit), parse_id(typed.get("version", ""))
    action = next((name for name in ACTIONS if name in typed), None)
    if action is None or version is None:
        raise NotFound("list")
    hosts = None if action.endswith("_all") else [value for name, value in typed.items() if name.startswith("host-")]
    try:
        async with visit.change() as conn:
            await subscriptions.decide(conn, list_id, version, hosts, account_id, take=action in ("take", "take_all"))
    except Refused as refused:
        return await _show_list(visit, visit.say(refused.message), 409)
    return visit.go(f"{LISTS}/{list_id}", "Done.")


async def fetch_now(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    await forms.fields_of(visit.request)
    async with visit.change() as conn:
        await subscriptions.one(conn, _list_id(visit))
        await subscriptions.fetch_soon(conn, _list_id(visit))
    return visit.go(f"{LISTS}/{_list_id(visit)}", "It will be read in a moment.")


async def unsubscribe(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    await forms.fields_of(visit.request)
    async with visit.change() as conn:
        await subscriptions.unsubscribe(conn, _list_id(visit))
    return visit.go(LISTS, "Done.")


ROUTES: list[Route] = [
    get(LISTS, lists_page),
    post(LISTS, subscribe, limits.WRITE),
    get(f"{LISTS}/{{list_id}}", list_page),
    post(f"{LISTS}/{{list_id}}/decide", decide, limits.WRITE),
    post(f"{LISTS}/{{list_id}}/fetch", fetch_now, limits.WRITE),
    post(f"{LISTS}/{{list_id}}/remove", unsubscribe, limits.WRITE),
]
