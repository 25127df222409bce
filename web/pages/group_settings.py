"""What moderators set for a group and who belongs to it; new groups, which admins make."""

from collections.abc import Collection, Mapping

from starlette.responses import Response
from starlette.routing import Route

from federation import software
from moderation import deeds
from server import limits
from server.community import access, actors, groups, invitations, memberships
from server.community.actors import Actor
from server.community.groups import FOR_GOOD, Group, GroupForm
from server.community.memberships import Member
from server.db import Conn
from server.errors import Invalid, NotFound
from server.ids import parse_id
from web import describe, forms, present
from web.pages.scope import moderated_group, tabs_of
from web.routing import get, post
from web.views.moderators import GroupSettingsPage
from web.views.parts import Choice, Field
from web.views.residents import BannedView, MembersPage, MemberView
from web.visit import LANGUAGE_NAMES, Visit

ROLES = ("member", "moderator")
NOBODY = Field()


class GroupTyped(forms.Form, frozen=True):
    name: str = ""
    title: str = ""
    place: str = ""
    tagline: str = ""
    about: str = ""
    language: str = "en"
    answers_within: str = ""
    join_mode: str = ""
    posting: str = ""
    hold_first_remote: str = ""
    discoverable: str = ""
    visibility: str = ""

    def form(self, visibility: str) -> GroupForm:
        """`visibility` is what holds where the form does not ask."""
        return GroupForm(
            title=self.title, about=self.about, place=self.place, tagline=self.tagline, language=self.language,
            join_mode=self.join_mode, posting=self.posting, hold_first_remote=self.hold_first_remote == "1",
            answers_within=self.answers_within, discoverable=self.discoverable == "1",
            visibility=self.visibility or visibility,
        )  # fmt: skip


def _stored(group: Group) -> dict[str, str]:
    fields = {
        "title": group.title, "place": group.place, "tagline": group.tagline, "about": group.about_source,
        "language": group.language, "answers_within": group.answers_within, "join_mode": group.join_mode,
        "posting": group.posting, "visibility": group.visibility,
    }  # fmt: skip
    ticked = {"hold_first_remote": group.hold_first_remote, "discoverable": group.discoverable}
    return fields | {name: "1" for name, on in ticked.items() if on}


def _form_page(
    visit: Visit, group: Group | None, shown: Mapping[str, str], errors: Mapping[str, str], *, may_choose: bool = True
) -> GroupSettingsPage:
    said = {name: visit.say(wrong) for name, wrong in errors.items()}
    view = describe.group_view(visit, group) if group else None
    # What stands against no field that shows it is told above all of them.
    above = ("language", "visibility", "join_mode", "posting", "idempotency_key")
    unseen = [said[name] for name in above if name in said]
    join_mode, posting = shown.get("join_mode", "open"), shown.get("posting", "anyone")
    visibility = shown.get("visibility", group.visibility if group else "public")
    return GroupSettingsPage(
        group=view,
        action=f"{view.url}/settings" if view else "/groups/new",
        title=forms.field(shown, "title", said),
        place=forms.field(shown, "place", said),
        tagline=forms.field(shown, "tagline", said),
        about=forms.field(shown, "about", said),
        answers_within=forms.field(shown, "answers_within", said),
        languages=_languages(shown.get("language", visit.language)),
        join_mode=join_mode,  # type: ignore[arg-type]  # what is none of them ticks none
        posting=posting,  # type: ignore[arg-type]  # the same
        hold_first_remote="hold_first_remote" in shown,
        discoverable="discoverable" in shown,
        visibility=visibility,  # type: ignore[arg-type]  # the same
        may_choose=may_choose,
        tabs=tabs_of(visit, view, "") if view else (),
        name=None if group else forms.field(shown, "name", said),
        problem=" ".join(unseen),
    )


def _languages(chosen: str) -> list[Choice]:
    """The languages of our own pages, and the one that the group has already."""
    names = LANGUAGE_NAMES | ({} if chosen in LANGUAGE_NAMES else {chosen: chosen})
    return [Choice(code, name, code == chosen) for code, name in names.items()]


async def settings_page(visit: Visit) -> Response:
    access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        group = await moderated_group(visit, conn)
        may_choose = await groups.may_change_reach(conn, group.id)
    return await visit.show(_form_page(visit, group, _stored(group), {}, may_choose=may_choose))


async def save_settings(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    try:
        async with visit.change() as conn:
            group = await moderated_group(visit, conn)
            await groups.change(conn, group.id, _decoded(typed).form(group.visibility))
    except Invalid as invalid:
        async with visit.read() as conn:
            group = await moderated_group(visit, conn)
            may_choose = await groups.may_change_reach(conn, group.id)
        return await visit.show(_form_page(visit, group, typed, invalid.fields, may_choose=may_choose), 422)
    return visit.go(f"/g/{group.name}/settings", "Saved.")


def _decoded(typed: Mapping[str, str]) -> GroupTyped:
    form = forms.decode(GroupTyped, typed)
    if not 2 <= len(form.language) <= 20 or not form.language.replace("-", "").isalnum():
        raise Invalid({"language": "Please choose a language."})
    return form


async def new_group_page(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    return await visit.show(_form_page(visit, None, {"discoverable": "1", "hold_first_remote": "1"}, {}))


async def make_group(visit: Visit) -> Response:
    account_id = access.check_admin(visit.viewer)
    typed = await forms.fields_of(visit.request)
    try:
        form = _decoded(typed)
        async with visit.change() as conn:
            group_id = await groups.create(conn, visit.urls, form.name, form.form("public"))
            await memberships.add_moderator(conn, account_id, group_id)
    except Invalid as invalid:
        return await visit.show(_form_page(visit, None, typed, invalid.fields), 422)
    return visit.go(f"/g/{form.name.strip().lower()}/settings/rules", "Saved.")


async def members_page(visit: Visit) -> Response:
    return await _show_members(visit)


async def _show_members(visit: Visit, invite: Field = NOBODY, status: int = 200) -> Response:
    access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        group = await moderated_group(visit, conn)
        found = await memberships.members(conn, group.id)
        hosts = {one.host for one in found if one.host and one.state == "asked" and group.visibility == "private"}
        blind = {host for host in hosts if software.is_microblog(await software.software_of(conn, host))}
    views = [(member, _member_view(visit, group, member, blind)) for member in found]
    page = MembersPage(
        group=describe.group_view(visit, group),
        members=[view for member, view in views if member.state == "joined"],
        asking=[view for member, view in views if member.state == "asked"],
        banned=[_banned_view(visit, group, member) for member in found if member.state == "refused"],
        invited=[view for member, view in views if member.state == "invited"],
        invite_action=f"/g/{group.name}/members/invite",
        invite=invite,
        tabs=tabs_of(visit, describe.group_view(visit, group), "members"),
    )
    return await visit.show(page, status)


def _member_view(visit: Visit, group: Group, member: Member, blind: Collection[str]) -> MemberView:
    """`blind` are the servers whose software shows nothing of a private group."""
    here = f"/g/{group.name}/members/{member.id}"
    asks = member.state == "asked"
    return MemberView(
        person=present.person_view(member.id, member.name, member.host, member.title),
        since=visit.time(member.created_at),
        role=member.role,  # type: ignore[arg-type]  # by the schema
        accept_url=f"{here}/accept" if asks else None,
        refuse_url=f"{here}/refuse" if asks else None,
        # Moderators work on this server's pages, so they have an account here.
        role_url=f"{here}/role" if member.state == "joined" and member.host is None else None,
        out_url=f"{here}/out" if not asks and member.role == "member" else None,
        ban_url=f"{here}/ban" if member.role == "member" and member.id != visit.viewer.account_id else None,
        copy_to=member.host or "" if asks and group.visibility == "private" else "",
        unseen=member.host in blind,
    )


def _banned_view(visit: Visit, group: Group, one: Member) -> BannedView:
    ends = one.banned_until
    return BannedView(
        person=present.person_view(one.id, one.name, one.host, one.title),
        until=visit.time(ends) if ends is not None and ends < FOR_GOOD else None,
        lift_url=f"/g/{group.name}/members/{one.id}/unban",
    )


async def person_of(visit: Visit, conn: Conn) -> Actor:
    """The person that the address names; NotFound for what is none."""
    person_id = parse_id(visit.request.path_params["person_id"])
    person = await actors.by_id(conn, person_id) if person_id is not None else None
    if person is None:
        raise NotFound("person")
    return person


async def accept_member(visit: Visit) -> Response:
    return await _answer(visit, accept=True)


async def refuse_member(visit: Visit) -> Response:
    return await _answer(visit, accept=False)


async def _answer(visit: Visit, *, accept: bool) -> Response:
    await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    async with visit.change() as conn:
        group = await moderated_group(visit, conn)
        await memberships.answer(conn, group, await person_of(visit, conn), accept=accept)
    return visit.go(f"/g/{group.name}/members", "Done.")


class InviteTyped(forms.Form, frozen=True):
    name: str = ""


async def invite_member(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    try:
        name, _, host = forms.decode(InviteTyped, typed).name.strip().lstrip("@").partition("@")
        async with visit.change() as conn:
            group = await moderated_group(visit, conn)
            person = await actors.by_handle(conn, name, host if host and host != visit.urls.host else None)
            if person is None or person.kind != "person" or person.suspended_at or person.deleted_at:
                raise Invalid({"name": "Nobody of this name is known here."})
            await invitations.invite(conn, group, person)
    except Invalid as invalid:
        wrong = visit.say(next(iter(invalid.fields.values())))
        return await _show_members(visit, Field(typed.get("name", ""), wrong), 422)
    return visit.go(f"/g/{group.name}/members", "Done.")


async def put_out(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    async with visit.change() as conn:
        group = await moderated_group(visit, conn)
        await memberships.put_out(conn, group, await person_of(visit, conn))
    return visit.go(f"/g/{group.name}/members", "Done.")


async def set_role(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    role = typed.get("role", "")
    if role not in ROLES:
        raise Invalid({"role": "Please choose member or moderator."})
    async with visit.change() as conn:
        group = await moderated_group(visit, conn)
        person = await person_of(visit, conn)
        if not person.local:
            raise NotFound("member")
        await deeds.set_role(conn, visit.viewer, group, person, role)
    return visit.go(f"/g/{group.name}/members", "Done.")


ROUTES: list[Route] = [
    get("/groups/new", new_group_page),
    post("/groups/new", make_group, limits.WRITE),
    get("/g/{handle}/settings", settings_page),
    post("/g/{handle}/settings", save_settings, limits.WRITE),
    get("/g/{handle}/members", members_page),
    post("/g/{handle}/members/invite", invite_member, limits.WRITE),
    post("/g/{handle}/members/{person_id}/out", put_out, limits.WRITE),
    post("/g/{handle}/members/{person_id}/accept", accept_member, limits.WRITE),
    post("/g/{handle}/members/{person_id}/refuse", refuse_member, limits.WRITE),
    post("/g/{handle}/members/{person_id}/role", set_role, limits.WRITE),
]
