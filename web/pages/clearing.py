"""Admins remove what people of a blocked server wrote here before it was blocked."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from moderation import suspensions
from server import limits, text
from server.community import access
from server.errors import Invalid, NotFound
from server.ids import parse_id
from web import describe, forms
from web.describe_instances import CLEAR
from web.pages.instances import HERE
from web.routing import get, post
from web.views.instances import ClearPage
from web.visit import Visit


class ClearTyped(forms.Form, frozen=True):
    host: str = ""
    rule: str = ""
    reason: str = ""


async def clear_page(visit: Visit) -> Response:
    return await _show(visit, {"host": visit.request.query_params.get("host", "")})


async def _show(
    visit: Visit, typed: Mapping[str, str], errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    access.check_admin(visit.viewer)
    host = _host(typed)
    async with visit.read() as conn:
        left = await suspensions.left_by(conn, visit.viewer, host)
        glance = await visit.look_beside(conn)
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    page = ClearPage(
        host=host,
        left=left,
        action=CLEAR,
        cancel_url=HERE,
        rules=describe.rules(glance),
        rule=forms.field(typed, "rule", said),
        reason=forms.field(typed, "reason", said),
    )
    return await visit.show(page, status)


def _host(typed: Mapping[str, str]) -> str:
    host = typed.get("host", "")
    if not text.storable(host):
        raise NotFound("server")
    return host


async def clear(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    typed = await forms.fields_of(visit.request)
    try:
        form = forms.decode(ClearTyped, typed)
        async with visit.change() as conn:
            await suspensions.clear(conn, visit.viewer, _host(typed), parse_id(form.rule), form.reason)
    except Invalid as invalid:
        return await _show(visit, typed, invalid.fields, 422)
    return visit.go(HERE, "What its people wrote is being removed.")


ROUTES: list[Route] = [get(CLEAR, clear_page), post(CLEAR, clear, limits.WRITE)]
