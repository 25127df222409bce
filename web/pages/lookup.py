"""Finding a group on another server by its address, to join it from here."""

from starlette.responses import Response
from starlette.routing import Route

from federation import remote
from server import limits, text
from server.community import access
from server.community.actors import Actor
from server.errors import Invalid, NotFound, TooMany
from web import describe, forms
from web.routing import get, post
from web.views.parts import Field
from web.views.residents import LookupPage
from web.visit import Visit

HERE = "/lookup"


class LookupTyped(forms.Form, frozen=True):
    address: str = ""


async def lookup_page(visit: Visit) -> Response:
    """The empty form. Asking another server is a step of its own: whoever only opens a link must not cause it."""
    access.check_signed_in(visit.viewer)
    return await visit.show(LookupPage(HERE, Field(visit.request.query_params.get("address", "")[:2048])))


async def look_up(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    try:
        form = forms.decode(LookupTyped, typed)
        await visit.count_hit("look_up", str(visit.viewer.account_id), limits.LOOK_UP)
        found = await remote.look_up(visit.runtime, form.address)
        if found.kind != "group":
            raise Invalid({"address": "This is no group. Please give the address of a group."})
        return await _show_found(visit, typed, found)
    except Invalid as invalid:
        problem = " ".join(visit.say(wrong) for wrong in invalid.fields.values())
        return await visit.show(LookupPage(HERE, Field(typed.get("address", ""), problem)), 422)
    except TooMany as refusal:
        wait = {"Retry-After": str(refusal.seconds)}
        page = LookupPage(HERE, Field(typed.get("address", ""), visit.say(refusal.message)))
        return await visit.show(page, 429, headers=wait)


async def _show_found(visit: Visit, typed: dict[str, str], found: Actor) -> Response:
    try:
        async with visit.read() as conn:
            group = await access.access_group_by_id(conn, visit.viewer, found.id)
    except NotFound:
        # Suspended here: looking it up again must not show it.
        raise Invalid({"address": "This group is not shown here."}) from None
    page = LookupPage(
        HERE,
        Field(typed.get("address", "")),
        found=describe.group_view(visit, group),
        about=text.excerpt(group.about_html),
    )
    return await visit.show(page)


ROUTES: list[Route] = [get(HERE, lookup_page), post(HERE, look_up, None)]
