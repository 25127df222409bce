"""What other servers may do here, set by admins; and in one group, set by its moderators."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from moderation import defederation, instances
from moderation.instances import OTHERS, ListPage, Policy
from server import limits, text
from server.db import Conn
from server.errors import Invalid, NotFound
from web import describe_instances, forms
from web.pages.scope import Scope, check_may_ask, scope_of
from web.routing import get, post
from web.views.instances import InstancesPage, InstancesPreviewPage
from web.visit import Visit

HERE = "/admin/instances"
GROUPS = "/servers"
MAX_SEARCH = 100


class PolicyTyped(forms.Form, frozen=True):
    host: str = ""
    policy: str = ""
    reason: str = ""
    seen: str = ""


def _check_may_ask(visit: Visit) -> int:
    """The viewer's account; a list of blocked servers is nobody's business who does not keep it (H13)."""
    if not visit.viewer.signed_in:
        raise NotFound("group")
    return check_may_ask(visit)


def _query(**values: str) -> str:
    return urlencode({name: value for name, value in values.items() if value})


def _here(scope: Scope) -> str:
    return HERE if scope.group is None else f"{scope.base}{GROUPS}"


async def instances_page(visit: Visit) -> Response:
    _check_may_ask(visit)
    async with visit.read() as conn:
        return await _show(visit, conn, await scope_of(visit, conn, GROUPS), None)


async def _show(
    visit: Visit,
    conn: Conn,
    scope: Scope,
    typed: Mapping[str, str] | None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    query, here = visit.request.query_params, _here(scope)
    search, after = _plain(query.get("q", "")[:MAX_SEARCH]), _plain(query.get("after", "")[: instances.MAX_HOST])
    found = await instances.listed(conn, scope.group_id, search=search, after=after)
    shown = typed if typed is not None else await _edited(conn, scope, found, _plain(query.get("edit", "")))
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    asked = {"q": search, "after": after}
    page = InstancesPage(
        policies=[
            describe_instances.policy_view(
                visit, policy, f"{here}?{_query(**asked, edit=policy.host)}#form", clears=scope.group is None
            )
            for policy in found.rows
        ],
        action=here,
        host=forms.field(shown, "host", said),
        policy=forms.field(shown, "policy", said, instances.LIMITED),
        reason=forms.field(shown, "reason", said),
        others=found.others,  # type: ignore[arg-type]  # by the schema
        total=found.total,
        search=search,
        next_url=f"{here}?{_query(q=search, after=found.rows[-1].host)}" if found.more else None,
        first_url=f"{here}?{_query(q=search)}".rstrip("?") if after else None,
        group=scope.view,
        tabs=scope.tabs,
    )
    return await visit.show(page, status)


def _plain(typed: str) -> str:
    return typed if text.storable(typed) else ""


async def _edited(conn: Conn, scope: Scope, found: ListPage, host: str) -> dict[str, str]:
    """The row that is to be changed, in the form: mostly it stands on the page."""
    if not host or host == OTHERS:
        return {}
    policy: Policy | None = next((row for row in found.rows if row.host == host), None)
    policy = policy or await instances.one(conn, host, scope.group_id)
    return {"host": policy.host, "policy": policy.policy, "reason": policy.reason} if policy else {}


async def set_policy(visit: Visit) -> Response:
    _check_may_ask(visit)
    typed = await forms.fields_of(visit.request)
    async with visit.read() as conn:
        scope = await scope_of(visit, conn, GROUPS)
    try:
        form = forms.decode(PolicyTyped, typed)
        host = instances.check_host(visit.urls, form.host)
        instances.check_policy(form.policy)
        return await _change(visit, scope, form, host, form.policy)
    except Invalid as invalid:
        async with visit.read() as conn:
            return await _show(visit, conn, scope, typed, invalid.fields, 422)


async def forget(visit: Visit) -> Response:
    """Take a server off the list: what holds for all others holds for it again."""
    _check_may_ask(visit)
    typed = await forms.fields_of(visit.request)
    form = forms.decode(PolicyTyped, typed)
    async with visit.read() as conn:
        scope = await scope_of(visit, conn, GROUPS)
    return await _change(visit, scope, form, form.host, None)


async def set_others(visit: Visit) -> Response:
    """Set what holds for every server that is not on the list."""
    _check_may_ask(visit)
    typed = await forms.fields_of(visit.request)
    async with visit.read() as conn:
        scope = await scope_of(visit, conn, GROUPS)
    try:
        form = forms.decode(PolicyTyped, typed)
        instances.check_policy(form.policy)
    except Invalid as invalid:
        async with visit.read() as conn:
            return await _show(visit, conn, scope, {}, {"others": " ".join(invalid.fields.values())}, 422)
    return await _change(visit, scope, form, OTHERS, form.policy)


async def _change(visit: Visit, scope: Scope, form: PolicyTyped, host: str, policy: str | None) -> Response:
    """Do it where nobody loses anything by it, or where the reader has been shown who would; otherwise show that."""
    changes = {host: policy}
    account_id = _check_may_ask(visit)
    async with visit.change() as conn:
        losses = await defederation.losses(conn, changes, scope.group_id)
        seen = defederation.fingerprint(changes, losses)
        if not losses.harm or form.seen == seen:
            if policy is None:
                await instances.forget(conn, [host], scope.group_id)
            else:
                await instances.set_policy(conn, visit.urls, host, policy, form.reason, account_id, scope.group_id)
            await defederation.settle(conn)
            return visit.go(_here(scope), "Saved.")
        standing = await instances.one(conn, host, scope.group_id)
    hidden = [("host", form.host), ("policy", form.policy), ("reason", form.reason), ("seen", seen)]
    before = {host: standing.policy} if standing else {}
    page = InstancesPreviewPage(
        action=visit.request.url.path,
        cancel_url=_here(scope),
        losses=describe_instances.losses_view(losses),
        hidden=hidden,
        changes=[] if host == OTHERS else describe_instances.changes_of(changes, before, form.reason),
        changes_total=0 if host == OTHERS else 1,
        others=policy if host == OTHERS else None,  # type: ignore[arg-type]  # checked above
        again=bool(form.seen),
        group=scope.view,
    )
    return await visit.show(page)


ROUTES: list[Route] = [
    get(HERE, instances_page),
    post(HERE, set_policy, limits.WRITE),
    post(f"{HERE}/forget", forget, limits.WRITE),
    post(f"{HERE}/others", set_others, limits.WRITE),
    get("/g/{handle}/settings/servers", instances_page),
    post("/g/{handle}/settings/servers", set_policy, limits.WRITE),
    post("/g/{handle}/settings/servers/forget", forget, limits.WRITE),
    post("/g/{handle}/settings/servers/others", set_others, limits.WRITE),
]
