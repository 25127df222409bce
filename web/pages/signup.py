"""Coming in: sign up in four modes, confirm by mail, and what those see who are not in yet."""

from collections.abc import Mapping

import asyncpg
from starlette.responses import Response
from starlette.routing import Route

from server import limits
from server.community import accounts
from server.community.accounts import Account, SignUp
from server.db import Conn
from server.errors import Invalid, Refused, TooMany
from web import describe, forms, letters
from web.routing import get, post
from web.views.accounts import ApplicationWaitingPage, ConfirmPage, SignupPage
from web.visit import Visit, shows_mail


class SignUpTyped(forms.Form, frozen=True):
    name: str = ""
    email: str = ""
    password: str = ""
    application: str = ""
    invite: str = ""


async def signup_page(visit: Visit) -> Response:
    return await _show(visit, {"invite": visit.request.query_params.get("invite", "")[:100]})


async def _show(
    visit: Visit, typed: Mapping[str, str], errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    mode = visit.runtime.settings.registration
    invite = typed.get("invite", "")
    async with visit.read() as conn:
        if mode == "invite" and invite and not await accounts.invite_is_good(conn, invite):
            invite = ""
        glance = await visit.look_beside(conn)
    said = {name: visit.say(problem) for name, problem in (errors or {}).items()}
    page = SignupPage(
        mode=mode,  # type: ignore[arg-type]  # the setting has the same values
        action="/signup",
        name=forms.field(typed, "name", said),
        email=forms.field(typed, "email", said),
        # Never sent back: a password belongs in no page.
        password=forms.field({}, "password", said),
        application=forms.field(typed, "application", said),
        invite=invite,
        contact=visit.site.contact,
        rules=describe.rules(glance),
    )
    return await visit.show(page, status)


async def sign_up(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    try:
        form = forms.decode(SignUpTyped, typed)
        await visit.count_hit("sign_up", visit.client, limits.SIGN_UP)
        account = await _add(visit, form)
    except Invalid as invalid:
        return await _show(visit, typed, invalid.fields, 422)
    except TooMany as refusal:
        return await _show(visit, typed, {"name": refusal.message}, 429)
    if not mail_works(visit):
        return await visit.show(ApplicationWaitingPage("unconfirmed", account.email, visit.site.contact))
    return await visit.show(_sent(visit, account.email))


async def _add(visit: Visit, form: SignUpTyped) -> Account:
    wanted = SignUp(form.name, form.email, form.password, visit.language, form.application, form.invite)
    try:
        async with visit.change() as conn:
            account_id = await accounts.sign_up(conn, visit.urls, visit.runtime.settings.registration, wanted)
            account = await accounts.by_id(conn, account_id)
            await _mail_link(visit, conn, account)
            return account
    except asyncpg.UniqueViolationError:
        # Two people, or one twice, asked for the same name or address in the same moment.
        raise Invalid({"name": "This name is taken. Please choose another one."}) from None


async def _mail_link(visit: Visit, conn: Conn, account: Account) -> None:
    if mail_works(visit):
        secret = await accounts.issue_token(conn, account.actor_id, "confirm")
        await letters.post_confirmation(conn, visit.urls, visit.site.title, account, secret)


def mail_works(visit: Visit) -> bool:
    """Whether a mail reaches anybody; else an admin confirms accounts."""
    return bool(visit.runtime.settings.smtp_url) or shows_mail(visit)


def _sent(visit: Visit, email: str) -> ConfirmPage:
    return ConfirmPage(
        "sent",
        email,
        again_action="/confirm/again",
        mail_url="/mail" if shows_mail(visit) else None,
        read_first=visit.runtime.settings.registration == "application",
    )


async def not_in_yet(visit: Visit, account: Account, refusal: Refused) -> Response:
    """For somebody who knows their password but may not log in (yet)."""
    if refusal.code == "unconfirmed" and mail_works(visit):
        return await visit.show(_sent(visit, account.email), 403)
    if refusal.code in ("unconfirmed", "waiting"):
        return await visit.show(ApplicationWaitingPage(refusal.code, account.email, visit.site.contact), 403)  # type: ignore[arg-type]
    return await visit.show(ApplicationWaitingPage("refused", account.email, visit.site.contact), 403)


async def confirm_page(visit: Visit) -> Response:
    """A click confirms, not the opening of the link: mail scanners open links too."""
    secret = forms.secret_of(visit.request)
    read_first = visit.runtime.settings.registration == "application"
    return await visit.show(ConfirmPage("ready", action=f"/confirm?token={secret}", read_first=read_first))


async def confirm(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    secret = forms.secret_of(visit.request)
    try:
        async with visit.change() as conn:
            account = await accounts.confirm(conn, secret, visit.runtime.settings.registration)
    except Refused:
        return await visit.show(ConfirmPage("expired"), 410)
    if account.state == "waiting":
        return await visit.show(ApplicationWaitingPage("waiting", account.email, visit.site.contact))
    return await visit.show(ConfirmPage("done"))


async def mail_again(visit: Visit) -> Response:
    """Another confirmation mail; the answer is the same whether there is such an account."""
    typed = await forms.fields_of(visit.request)
    email = accounts.check_email(typed.get("email", ""))
    await visit.count_hit("confirm_again", email.lower(), limits.MAIL_AGAIN)
    async with visit.change() as conn:
        account = await accounts.by_login(conn, email)
        if account is not None and account.state == "unconfirmed":
            await _mail_link(visit, conn, account)
    return await visit.show(_sent(visit, email))


ROUTES: list[Route] = [
    get("/signup", signup_page),
    post("/signup", sign_up, None),
    get("/confirm", confirm_page),
    post("/confirm", confirm, limits.SIGN_IN),
    post("/confirm/again", mail_again, limits.SIGN_IN),
]
