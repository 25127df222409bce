"""A resident's own: profile, notifications, settings."""

import functools
from collections.abc import Mapping
from zoneinfo import available_timezones

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from federation import remote
from moderation import suspensions
from server import limits
from server.community import access, accounts, actors, farewell, notifications, profiles, sessions, timelines
from server.community.actors import Actor
from server.community.profiles import Profile
from server.db import Conn
from server.errors import Invalid, NotFound
from server.ids import parse_id
from server.messages import Message
from web import describe, describe_instances, forms, present, session
from web.negotiation import wants_activity
from web.pages.group import handle_of
from web.routing import get, post
from web.views.parts import Choice, Pager, SuspendedView
from web.views.residents import NotificationsPage, ProfilePage, SettingsPage
from web.visit import LANGUAGE_NAMES, Visit

THEME_NAMES = {"system": Message("As the device says"), "light": Message("Light"), "dark": Message("Dark")}


async def profile_page(visit: Visit) -> Response:
    name, host = handle_of(visit)
    if host is None and wants_activity(visit.request):
        return RedirectResponse(visit.urls.actor("person", name.lower()), 302, {"Vary": "Accept"})
    before = parse_id(visit.request.query_params.get("before", "")) or timelines.END
    async with visit.read() as conn:
        profile = await profiles.by_handle(conn, name, host)
        suspended = await _suspended(visit, conn, profile) if profile.suspended_at else None
        rows = await timelines.by_author(conn, visit.viewer, profile.id, before, timelines.PAGE + 1)
        new_home = await remote.new_home(conn, profile.id) if profile.host else None
    person = present.person_view(profile.id, profile.name, profile.host, profile.title)
    shown, older = rows[: timelines.PAGE], rows[timelines.PAGE :]
    page = ProfilePage(
        person=person,
        about=describe.safe(profile.about_html),
        groups=[describe.group_ref(one.name, one.host, one.title) for one in profile.groups],
        posts=[describe.own_row(visit, row, person) for row in shown],
        since=None if profile.host else visit.time(profile.created_at),
        pager=Pager(
            newer=person.url if before != timelines.END else None,
            older=f"{person.url}?before={shown[-1].id}" if older else None,
        ),
        is_me=profile.id == visit.viewer.account_id,
        original_url=profile.url if profile.host else None,
        moved_to=present.person_view(new_home.id, new_home.name, new_home.host, new_home.title) if new_home else None,
        suspend_url=f"/admin/people/{profile.id}/suspend" if _may_suspend(visit, profile) else None,
        suspended=suspended,
    )
    return await visit.show(page)


def _may_suspend(visit: Visit, profile: Profile) -> bool:
    return visit.viewer.admin and profile.host is not None and profile.suspended_at is None


async def _suspended(visit: Visit, conn: Conn, profile: Profile) -> SuspendedView | None:
    """Why somebody is kept out, for admins, who may let them in again; for everybody else there is no such person."""
    found = await suspensions.suspended(conn, profile.id) if visit.viewer.admin else []
    if not found:
        raise NotFound("person")
    return describe_instances.suspended_view(visit, found[0])


async def notifications_page(visit: Visit) -> Response:
    account_id = access.check_signed_in(visit.viewer)
    before = parse_id(visit.request.query_params.get("before", ""))
    async with visit.read() as conn:
        notes = await notifications.page(conn, account_id, before, notifications.PAGE + 1)
    shown, older = notes[: notifications.PAGE], notes[notifications.PAGE :]
    page = NotificationsPage(
        notes=[describe.note_view(visit, note) for note in shown],
        pager=Pager(
            newer="/notifications" if before is not None else None,
            older=f"/notifications?before={shown[-1].id}" if older else None,
        ),
        newest=str(notes[0].id) if notes else "",
    )
    return await visit.show(page)


async def mark_read(visit: Visit) -> Response:
    """Mark what the page showed as read; what came since stays new."""
    typed = await forms.fields_of(visit.request)
    account_id = access.check_signed_in(visit.viewer)
    up_to = parse_id(typed.get("up_to", ""))
    if up_to is not None:
        async with visit.change() as conn:
            await notifications.mark_read(conn, account_id, up_to)
    return visit.go("/notifications")


class SettingsTyped(forms.Form, frozen=True):
    name: str = ""
    about: str = ""
    language: str = "en"
    timezone: str = "UTC"
    theme: str = "system"
    shows_groups: str = ""


async def settings_page(visit: Visit) -> Response:
    return await _show_settings(visit, None)


async def _show_settings(
    visit: Visit, typed: Mapping[str, str] | None, errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    account_id = access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        account = await accounts.by_id(conn, account_id)
        actor = await actors.by_id(conn, account_id)
    stored = {
        "name": actor.title, "about": actor.about_source, "language": account.language,
        "timezone": account.timezone, "theme": account.theme,
    }  # fmt: skip
    shown = stored | dict(typed or {})
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    page = SettingsPage(
        action="/settings",
        name=forms.field(shown, "name", said),
        about=forms.field(shown, "about", said),
        shows_groups=account.shows_groups if typed is None else "shows_groups" in typed,
        languages=[Choice(code, name, code == shown["language"]) for code, name in LANGUAGE_NAMES.items()],
        timezones=[Choice(zone, zone.replace("_", " "), zone == shown["timezone"]) for zone in time_zones()],
        themes=[Choice(key, visit.say(label), key == shown["theme"]) for key, label in THEME_NAMES.items()],
        timezone=forms.field(shown, "timezone", said),
        email=account.email,
        password_action="/settings/password",  # noqa: S106
        password=forms.field({}, "password", said),
        new_password=forms.field({}, "new_password", said),
        farewell_action="/settings/farewell",
        farewell=forms.field({}, "farewell", said),
    )
    return await visit.show(page, status)


@functools.cache
def time_zones() -> tuple[str, ...]:
    """The zones that people know by a city's name, and UTC."""
    return ("UTC", *sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")))


async def save_settings(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    account_id = access.check_signed_in(visit.viewer)
    try:
        form = forms.decode(SettingsTyped, typed)
        if form.timezone not in time_zones():
            raise Invalid({"timezone": "Please choose one of the time zones offered."})
        async with visit.change() as conn:
            me = await visit.me(conn)
            await accounts.set_preferences(conn, account_id, form.language, form.timezone, form.theme)
            await accounts.show_groups(conn, account_id, form.shows_groups == "1")
            await _describe(conn, me, form)
    except Invalid as invalid:
        named = {"name" if name == "title" else name: wrong for name, wrong in invalid.fields.items()}
        return await _show_settings(visit, typed, named, 422)
    return visit.go("/settings", "Saved.")


async def _describe(conn: Conn, me: Actor, form: SettingsTyped) -> None:
    """Only a change of what others see goes out to other servers."""
    if (form.name.strip(), form.about.strip()) != (me.title, me.about_source):
        await actors.describe(conn, me.id, form.name, form.about)


class PasswordTyped(forms.Form, frozen=True):
    password: str = ""
    new_password: str = ""


async def change_password(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    account_id = access.check_signed_in(visit.viewer)
    try:
        form = forms.decode(PasswordTyped, typed)
    except Invalid as invalid:
        return await _show_settings(visit, None, invalid.fields, 422)
    await visit.count_hit("password", str(account_id), limits.SIGN_IN)
    try:
        async with visit.change() as conn:
            await accounts.change_password(conn, account_id, form.password, form.new_password)
            await sessions.revoke_all(conn, account_id, visit.viewer.session_id)
    except Invalid as invalid:
        fields = {"present_password": "password", "password": "new_password"}
        return await _show_settings(visit, None, {fields[name]: wrong for name, wrong in invalid.fields.items()}, 422)
    return visit.go("/settings", "Your new password is set.")


class FarewellTyped(forms.Form, frozen=True):
    farewell: str = ""


async def say_farewell(visit: Visit) -> Response:
    """Delete the reader's account, at once and for good."""
    typed = await forms.fields_of(visit.request)
    account_id = access.check_signed_in(visit.viewer)
    await visit.count_hit("password", str(account_id), limits.SIGN_IN)
    try:
        form = forms.decode(FarewellTyped, typed)
        async with visit.change() as conn:
            await farewell.leave(conn, account_id, form.farewell)
    except Invalid as invalid:
        return await _show_settings(visit, None, invalid.fields, 422)
    response = visit.go("/", "Your account is deleted. Other servers are being told.")
    session.clear_cookie(response, visit.runtime.settings)
    return response


ROUTES: list[Route] = [
    get("/@{handle}", profile_page),
    get("/notifications", notifications_page),
    post("/notifications/read", mark_read, limits.WRITE),
    get("/settings", settings_page),
    post("/settings", save_settings, limits.WRITE),
    post("/settings/password", change_password, None),
    post("/settings/farewell", say_farewell, None),
]
