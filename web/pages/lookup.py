"""Finding by its address what lives on another server: a group to join, a person, a thread to read here."""

from starlette.responses import Response
from starlette.routing import Route

from federation import lookup
from server import limits, text, urls
from server.community import access
from server.community.actors import Actor
from server.community.posts import Post
from server.errors import Invalid, NotFound, TooMany
from server.messages import Message
from web import describe, forms
from web.routing import get, post
from web.views.parts import Field
from web.views.residents import LookupPage
from web.visit import Visit

HERE = "/lookup"
NOT_SHOWN = Message("This is not shown here.")


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
        found = await lookup.look_up(visit.runtime, form.address)
        if found.post is not None:
            return await _lead_to_post(visit, typed, found.post)
        assert found.actor is not None
        return await _show_actor(visit, typed, found.actor)
    except Invalid as invalid:
        problem = " ".join(visit.say(wrong) for wrong in invalid.fields.values())
        return await visit.show(LookupPage(HERE, Field(typed.get("address", ""), problem)), 422)
    except TooMany as refusal:
        wait = {"Retry-After": str(refusal.seconds)}
        page = LookupPage(HERE, Field(typed.get("address", ""), visit.say(refusal.message)))
        return await visit.show(page, 429, headers=wait)


async def _lead_to_post(visit: Visit, typed: dict[str, str], found: Post) -> Response:
    """To the thread, or, while it is being checked, to a page that says so and nothing of what it says."""
    if found.state == "submitted" and not visit.urls.is_local(found.uri):
        here = urls.post_page(found.root_id, found.id)
        return await visit.show(LookupPage(HERE, Field(typed.get("address", "")), found_url=here))
    try:
        async with visit.read() as conn:
            await access.access_post(conn, visit.viewer, found.id)
    except NotFound:
        raise Invalid({"address": NOT_SHOWN}) from None
    return visit.go(urls.post_page(found.root_id, found.id))


async def _show_actor(visit: Visit, typed: dict[str, str], found: Actor) -> Response:
    if found.kind == "person" and found.suspended_at is None:
        return visit.go(urls.person_page(found.name, found.host))
    try:
        async with visit.read() as conn:
            group = await access.access_group_by_id(conn, visit.viewer, found.id)
    except NotFound:
        # Suspended here: looking it up again must not show it.
        raise Invalid({"address": NOT_SHOWN}) from None
    page = LookupPage(
        HERE,
        Field(typed.get("address", "")),
        found=describe.group_view(visit, group),
        about=text.excerpt(group.about_html),
    )
    return await visit.show(page)


ROUTES: list[Route] = [get(HERE, lookup_page), post(HERE, look_up, None)]
