"""What other servers may do here, set by admins."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from moderation import instances
from moderation.instances import Policy
from server import limits
from server.community import access
from server.errors import Invalid
from web import forms
from web.routing import get, post
from web.views.moderators import AdminInstancesPage, PolicyView
from web.visit import Visit

HERE = "/admin/instances"


class PolicyTyped(forms.Form, frozen=True):
    host: str = ""
    policy: str = ""
    reason: str = ""


async def instances_page(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    return await _show(visit, None)


async def _show(
    visit: Visit, typed: Mapping[str, str] | None, errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    async with visit.read() as conn:
        found = await instances.policies(conn)
    shown = typed if typed is not None else _edited(found, visit.request.query_params.get("edit", ""))
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    page = AdminInstancesPage(
        policies=[_policy_view(visit, policy) for policy in found],
        action=HERE,
        host=forms.field(shown, "host", said),
        policy=forms.field(shown, "policy", said, instances.LIMITED),
        reason=forms.field(shown, "reason", said),
    )
    return await visit.show(page, status)


def _edited(found: list[Policy], host: str) -> dict[str, str]:
    policy = next((policy for policy in found if policy.host == host), None)
    return {"host": policy.host, "policy": policy.policy, "reason": policy.reason} if policy else {}


def _policy_view(visit: Visit, policy: Policy) -> PolicyView:
    return PolicyView(
        host=policy.host,
        policy=policy.policy,  # type: ignore[arg-type]  # by the schema
        reason=policy.reason,
        time=visit.time(policy.changed_at),
        edit_url=f"{HERE}?edit={policy.host}#form",
    )


async def set_policy(visit: Visit) -> Response:
    account_id = access.check_admin(visit.viewer)
    typed = await forms.fields_of(visit.request)
    try:
        form = forms.decode(PolicyTyped, typed)
        async with visit.change() as conn:
            await instances.set_policy(conn, visit.urls, form.host, form.policy, form.reason, account_id)
    except Invalid as invalid:
        return await _show(visit, typed, invalid.fields, 422)
    return visit.go(HERE, "Saved.")


ROUTES: list[Route] = [get(HERE, instances_page), post(HERE, set_policy, limits.WRITE)]
