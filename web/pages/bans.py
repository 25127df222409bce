"""Banning somebody from a group, lifting it, and what the banned are told."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from moderation import deeds, record
from server import clock, limits, urls
from server.community import access
from server.community.actors import Actor
from server.community.groups import FOR_GOOD, Group
from server.errors import Invalid, NotFound
from server.ids import parse_id
from server.messages import Message
from web import describe, describe_cases, forms, present
from web.pages.group_settings import person_of
from web.pages.scope import moderated_group
from web.routing import get, post
from web.views.moderators import BannedPage, BanPage
from web.views.parts import Choice, RuleView
from web.visit import Visit

# How the lengths of `deeds.DAYS` read; the empty one is for good.
LENGTHS = {
    "1": Message("One day"),
    "3": Message("Three days"),
    "7": Message("One week"),
    "30": Message("One month"),
    "90": Message("Three months"),
    "365": Message("One year"),
    "": Message("For good"),
}


class BanTyped(forms.Form, frozen=True):
    days: str = "7"
    rule: str = ""
    reason: str = ""
    remove_posts: str = ""

    @property
    def ban(self) -> deeds.Ban:
        if self.days not in LENGTHS:
            raise Invalid({"days": "Please choose for how long."})
        days = int(self.days) if self.days else None
        return deeds.Ban(days, parse_id(self.rule), self.reason, self.remove_posts == "1")


async def ban_page(visit: Visit) -> Response:
    return await _show_ban(visit, {})


async def _show_ban(
    visit: Visit, typed: Mapping[str, str], errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        group = await moderated_group(visit, conn)
        person = await person_of(visit, conn)
        glance = await visit.look_beside(conn, group.id)
    _check_bannable(person)
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    chosen = typed.get("days", "7")
    page = BanPage(
        group=describe.group_view(visit, group),
        person=present.person_view(person.id, person.name, person.host, person.title),
        action=f"{_here(group, person)}/ban",
        cancel_url=f"/g/{group.name}/members",
        rules=describe.rules(glance) + describe.place_rules(visit, glance),
        days=[Choice(days, visit.say(label), days == chosen) for days, label in LENGTHS.items()],
        days_error=forms.field(typed, "days", said),
        rule=forms.field(typed, "rule", said),
        reason=forms.field(typed, "reason", said),
        remove_posts=typed.get("remove_posts") == "1",
    )
    return await visit.show(page, status)


def _here(group: Group, person: Actor) -> str:
    return f"/g/{group.name}/members/{person.id}"


def _check_bannable(person: Actor) -> None:
    if person.kind != "person":
        raise NotFound("person")


async def ban(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    try:
        form = forms.decode(BanTyped, typed)
        async with visit.change() as conn:
            group = await moderated_group(visit, conn)
            await deeds.ban(conn, visit.viewer, group, await person_of(visit, conn), form.ban)
    except Invalid as invalid:
        return await _show_ban(visit, typed, invalid.fields, 422)
    return visit.go(f"/g/{group.name}/members", "Banned. They are told why, and until when.")


async def lift(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    async with visit.change() as conn:
        group = await moderated_group(visit, conn)
        await deeds.lift_ban(conn, visit.viewer, group, await person_of(visit, conn))
    return visit.go(f"/g/{group.name}/members", "The ban is lifted.")


async def banned_page(visit: Visit) -> Response:
    access.check_signed_in(visit.viewer)
    deed_id = parse_id(visit.request.path_params["deed_id"])
    if deed_id is None:
        raise NotFound("ban")
    async with visit.read() as conn:
        found = await record.ban_statement(conn, visit.viewer, deed_id)
    own = found.person_id == visit.viewer.account_id
    over = found.reversed or found.until <= clock.now()
    rule = None
    if found.rule_number is not None and found.rule_title is not None:
        rule = RuleView("", found.rule_number, found.rule_title, describe.safe(found.rule_html))
    page = BannedPage(
        group=describe_cases.group(found),
        person=present.person_view(found.person_id, found.person_name, found.person_host, found.person_title),
        time=visit.time(found.created_at),
        until=visit.time(found.until) if found.until < FOR_GOOD else None,
        reason=found.reason,
        rule=rule,
        removed_posts=found.removes_posts,
        own=own,
        over=over,
        contact=visit.site.contact,
        record_url=f"{urls.group_page(found.group_name)}/record",
        lift_url=None if own or over else f"/g/{found.group_name}/members/{found.person_id}/unban",
    )
    return await visit.show(page)


ROUTES: list[Route] = [
    get("/g/{handle}/members/{person_id}/ban", ban_page),
    post("/g/{handle}/members/{person_id}/ban", ban, limits.WRITE),
    post("/g/{handle}/members/{person_id}/unban", lift, limits.WRITE),
    get("/bans/{deed_id}", banned_page),
]
