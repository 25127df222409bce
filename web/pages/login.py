"""Logging in and out, a forgotten password, and the devices that are logged in."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from server import limits
from server.community import access, accounts, sessions
from server.errors import Invalid, NotFound, Refused
from server.ids import parse_id
from server.messages import Message
from web import devices, forms, letters, session
from web.pages.signup import not_in_yet
from web.routing import get, post
from web.views.accounts import LoginPage, ResetPage, SessionsPage, SessionView
from web.views.parts import Field
from web.visit import Visit, demo_logins


class LogInTyped(forms.Form, frozen=True):
    name: str = ""
    password: str = ""
    next: str = "/"


async def login_page(visit: Visit) -> Response:
    query = visit.request.query_params
    if visit.viewer.signed_in:
        return visit.go(forms.safe_path(query.get("next", "/")))
    return await _show(visit, {"name": query.get("name", "")[:254], "next": query.get("next", "/")})


async def _show(visit: Visit, typed: Mapping[str, str], problem: str = "", status: int = 200) -> Response:
    following = forms.safe_path(typed.get("next", "/"))
    said = visit.say(problem) if problem else ""
    page = LoginPage("/login", Field(typed.get("name", "")), said, following, demo_logins(visit))
    return await visit.show(page, status)


async def log_in(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    try:
        form = forms.decode(LogInTyped, typed)
        await visit.count_hit("log_in", visit.client, limits.SIGN_IN)
        # Also by the name tried, since whoever tries passwords can do it from many addresses.
        await visit.count_hit("log_in", form.name.strip().lower()[:100], limits.SIGN_IN)
        async with visit.read() as conn:
            account = await accounts.authenticate(conn, form.name, form.password)
    except Invalid:
        return await _show(visit, typed, Message("Name or password do not fit. Please try again."), 422)
    except Refused as refusal:
        return await _show(visit, typed, refusal.message, 429 if refusal.code == "too_many" else 422)
    try:
        return await _open_session(visit, account, form.next)
    except Refused as refusal:
        return await not_in_yet(visit, account, refusal)


async def _open_session(visit: Visit, account: accounts.Account, following: str) -> Response:
    """A new session with a new token, whatever the browser came with; the one it held ends."""
    async with visit.change() as conn:
        secret = await sessions.open_session(conn, account, visit.request.headers.get("user-agent", ""))
        if visit.viewer.account_id is not None and visit.viewer.session_id is not None:
            await sessions.revoke(conn, visit.viewer.account_id, visit.viewer.session_id)
    response = visit.go(forms.safe_path(following))
    session.set_cookie(response, visit.runtime.settings, secret)
    return response


async def log_out(visit: Visit) -> Response:
    if visit.viewer.account_id is not None and visit.viewer.session_id is not None:
        async with visit.change() as conn:
            await sessions.revoke(conn, visit.viewer.account_id, visit.viewer.session_id)
    response = visit.go("/", "You are logged out.")
    session.clear_cookie(response, visit.runtime.settings)
    return response


async def sessions_page(visit: Visit) -> Response:
    account_id = access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        found = await sessions.of_account(conn, account_id)
    views = [
        SessionView(
            device=devices.describe(visit.say, one.user_agent),
            started=visit.time(one.created_at),
            seen=visit.time(one.seen_at),
            end_url=f"/sessions/{one.id}/end",
            current=one.id == visit.viewer.session_id,
        )
        for one in found
    ]
    return await visit.show(SessionsPage(views, "/sessions/end-others"))


async def end_session(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    account_id = access.check_signed_in(visit.viewer)
    session_id = parse_id(visit.request.path_params["session_id"])
    if session_id is None:
        raise NotFound("session")
    async with visit.change() as conn:
        await sessions.revoke(conn, account_id, session_id)
    return visit.go("/sessions", "That device is logged out.")


async def end_others(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    account_id = access.check_signed_in(visit.viewer)
    async with visit.change() as conn:
        await sessions.revoke_all(conn, account_id, visit.viewer.session_id)
    return visit.go("/sessions", "All other devices are logged out.")


async def reset_page(visit: Visit) -> Response:
    return await visit.show(ResetPage("ask", "/reset"))


async def ask_reset(visit: Visit) -> Response:
    """A mail with a link; the answer is the same whether there is such an account."""
    typed = await forms.fields_of(visit.request)
    email = typed.get("email", "").strip()
    try:
        accounts.check_email(email)
    except Invalid as invalid:
        wrong = Field(email, visit.say(invalid.fields["email"]))
        return await visit.show(ResetPage("ask", "/reset", email=wrong), 422)
    await visit.count_hit("reset", email.lower(), limits.MAIL_AGAIN)
    async with visit.change() as conn:
        account = await accounts.by_login(conn, email)
        if account is not None and account.state == "active":
            secret = await accounts.issue_token(conn, account.actor_id, "reset")
            await letters.post_reset(conn, visit.urls, visit.site.title, account, secret)
    return await visit.show(ResetPage("sent", email=Field(email)))


async def new_password_page(visit: Visit) -> Response:
    secret = forms.secret_of(visit.request)
    return await visit.show(ResetPage("choose", f"/reset/new?token={secret}"))


async def set_new_password(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    secret = forms.secret_of(visit.request)
    try:
        async with visit.change() as conn:
            account_id = await accounts.reset_password(conn, secret, typed.get("password", ""))
            # Whoever knew the old password loses what it opened, in the same transaction.
            await sessions.revoke_all(conn, account_id)
    except Invalid as invalid:
        wrong = Field("", visit.say(invalid.fields["password"]))
        return await visit.show(ResetPage("choose", f"/reset/new?token={secret}", password=wrong), 422)
    except Refused:
        return await visit.show(ResetPage("expired"), 410)
    return visit.go("/login", "Your new password is set. Please log in with it.")


ROUTES: list[Route] = [
    get("/login", login_page),
    post("/login", log_in, None),
    post("/logout", log_out, limits.WRITE),
    get("/sessions", sessions_page),
    post("/sessions/end-others", end_others, limits.WRITE),
    post("/sessions/{session_id}/end", end_session, limits.WRITE),
    get("/reset", reset_page),
    post("/reset", ask_reset, limits.SIGN_IN),
    get("/reset/new", new_password_page),
    post("/reset/new", set_new_password, limits.SIGN_IN),
]
