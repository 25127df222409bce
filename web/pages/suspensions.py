"""Admins keep one person of another server out of the whole place, let them in again, and see who left for good."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from federation.activities import farewell
from moderation import suspensions
from server import limits
from server.community import access
from server.community.actors import Actor
from server.db import Conn
from server.errors import Invalid
from server.ids import parse_id
from web import describe, describe_instances, forms, present
from web.pages.group_settings import person_of
from web.routing import get, post
from web.views.instances import FarewellView, PeoplePage, SuspendPage
from web.visit import Visit


class SuspendTyped(forms.Form, frozen=True):
    rule: str = ""
    reason: str = ""
    remove_posts: str = ""

    @property
    def suspension(self) -> suspensions.Suspension:
        return suspensions.Suspension(parse_id(self.rule), self.reason, self.remove_posts == "1")


async def _person(visit: Visit, conn: Conn) -> Actor:
    """Somebody on another server; one of ours is no matter of these pages."""
    person = await person_of(visit, conn)
    suspensions.check_may_suspend(visit.viewer, person)
    return person


async def people_page(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    async with visit.read() as conn:
        kept_out = await suspensions.suspended(conn)
        left = await farewell.told(conn)
    page = PeoplePage(
        suspended=[describe_instances.suspended_view(visit, one) for one in kept_out],
        farewells=[
            FarewellView(visit.time(one.said_at), one.asked, one.confirmed, one.waiting, one.given_up) for one in left
        ],
    )
    return await visit.show(page)


async def suspend_page(visit: Visit) -> Response:
    return await _show(visit, {})


async def _show(
    visit: Visit, typed: Mapping[str, str], errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    access.check_admin(visit.viewer)
    async with visit.read() as conn:
        person = await _person(visit, conn)
        glance = await visit.look_beside(conn)
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    page = SuspendPage(
        person=present.person_view(person.id, person.name, person.host, person.title),
        action=visit.request.url.path,
        rules=describe.rules(glance),
        rule=forms.field(typed, "rule", said),
        reason=forms.field(typed, "reason", said),
        remove_posts=typed.get("remove_posts") == "1",
    )
    return await visit.show(page, status)


async def suspend(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    typed = await forms.fields_of(visit.request)
    try:
        form = forms.decode(SuspendTyped, typed)
        async with visit.change() as conn:
            person = await _person(visit, conn)
            await suspensions.suspend(conn, visit.viewer, person, form.suspension)
    except Invalid as invalid:
        return await _show(visit, typed, invalid.fields, 422)
    return visit.go(_profile(person), "Suspended. Nothing is taken from them any more.")


async def lift(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    await forms.fields_of(visit.request)
    async with visit.change() as conn:
        person = await _person(visit, conn)
        await suspensions.lift_suspension(conn, visit.viewer, person)
    return visit.go(_profile(person), "They may take part again.")


def _profile(person: Actor) -> str:
    return present.person_view(person.id, person.name, person.host, person.title).url


ROUTES: list[Route] = [
    get("/admin/people", people_page),
    get("/admin/people/{person_id}/suspend", suspend_page),
    post("/admin/people/{person_id}/suspend", suspend, limits.WRITE),
    post("/admin/people/{person_id}/unsuspend", lift, limits.WRITE),
]
