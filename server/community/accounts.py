"""Residents' accounts: sign-up in four modes, confirmation, approval. Owns accounts, account_tokens and invites."""

import datetime as dt
import hashlib
import re

from server import text
from server.community import actors, notifications
from server.community.passwords import check_new_password, hash_password, verify_password
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, NotFound, Refused
from server.ids import new_id, token
from server.messages import Message
from server.urls import Urls

# A strict ASCII local part: quotes, % and comments read differently in different mail servers (security.md G12).
EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
TOKEN_HOURS = {"confirm": 72, "reset": 2}
LANGUAGES = ("en", "de")
THEMES = ("system", "light", "dark")
# No hash of anything: it fits no password.
NO_PASSWORD = "!"  # noqa: S105


class Account(Row, frozen=True):
    actor_id: int
    name: str
    title: str
    email: str
    password_hash: str
    state: str
    admin: bool
    language: str
    timezone: str
    theme: str
    shows_groups: bool
    application: str | None
    created_at: dt.datetime
    confirmed_at: dt.datetime | None
    suspended_at: dt.datetime | None


_SELECT = """
    select c.actor_id, a.name, a.title, c.email, c.password_hash, c.state, c.admin, c.language, c.timezone, c.theme,
           c.shows_groups, c.application, c.created_at, c.confirmed_at, a.suspended_at
      from accounts c join actors a on a.id = c.actor_id"""

_BY_ID = Query(
    Account,
    _SELECT + """ where c.actor_id = $1""",
)
_BY_LOGIN = Query(
    Account,
    _SELECT
    + """
        where lower(c.email) = lower($1) or (a.name = lower($1) and a.host is null)""",
)
WAITING = Query(
    Account,
    _SELECT
    + """
        where c.state in ('waiting', 'unconfirmed') order by c.created_at""",
)
ADD = Command(
    """insert into accounts
           (actor_id, email, password_hash, state, admin, language, application, invite_id, confirmed_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, case when $9 then clock_now() end)"""
)
EMAIL_TAKEN = Command("select exists (select 1 from accounts where lower(email) = lower($1))")
ADD_TOKEN = Command(
    """insert into account_tokens (token_hash, account_id, purpose, expires_at)
       values ($1, $2, $3, clock_now() + make_interval(hours => $4))"""
)
# Deleting is what uses a token: of two that come at once, one finds it gone.
USE_TOKEN = Command(
    """delete from account_tokens where token_hash = $1 and purpose = $2 and expires_at > clock_now()
       returning account_id"""
)
END_RESETS = Command("delete from account_tokens where account_id = $1 and purpose = 'reset'")
FORGET_TOKENS = Command("delete from account_tokens where expires_at < clock_now()")
CONFIRM = Command(
    "update accounts set confirmed_at = clock_now(), state = $2 where actor_id = $1 and state = 'unconfirmed'"
)
ADMINS = Command("select array_agg(actor_id) from accounts where admin and state = 'active'")
SET_STATE = Command("update accounts set state = $2 where actor_id = $1 and state = $3")
SET_PASSWORD = Command("update accounts set password_hash = $2 where actor_id = $1")
SET_PREFERENCES = Command("update accounts set language = $2, timezone = $3, theme = $4 where actor_id = $1")
SHOW_GROUPS = Command("update accounts set shows_groups = $2 where actor_id = $1")
# Nothing is left that says who it was; the row stays for what refers to it.
CLOSE = Command(
    """update accounts set state = 'deleted', email = actor_id::text || '@deleted.invalid', password_hash = $2,
              application = null, admin = false
        where actor_id = $1"""
)
END_TOKENS = Command("delete from account_tokens where account_id = $1")
ADD_INVITE = Command(
    """insert into invites (id, token_hash, created_by, uses_left, expires_at)
       values ($1, $2, $3, $4, clock_now() + interval '14 days')"""
)
USE_INVITE = Command(
    """update invites set uses_left = uses_left - 1
        where token_hash = $1 and uses_left > 0 and expires_at > clock_now() returning id"""
)
INVITE_GOOD = Command(
    "select exists (select 1 from invites where token_hash = $1 and uses_left > 0 and expires_at > clock_now())"
)


class SignUp(Row, frozen=True):
    """What a newcomer typed. `invite` and `application` only where the mode asks for them."""

    name: str
    email: str
    password: str
    language: str = "en"
    application: str = ""
    invite: str = ""


def digest(secret: str) -> bytes:
    """What we keep of a token: its SHA-256, so that the table alone opens nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def check_email(email: str) -> str:
    email = email.strip()
    if len(email) > 254 or not EMAIL.fullmatch(email):
        raise Invalid({"email": "Please give an e-mail address like name@example.org."})
    return email


async def sign_up(conn: Conn, urls: Urls, mode: str, form: SignUp) -> int:
    """Add an account in state `unconfirmed` and return its id. Raises Refused where registration is closed."""
    invite_id = await _check_mode(conn, mode, form)
    email, application = _check_form(mode, form)
    if await EMAIL_TAKEN.value(conn, email):
        raise Invalid(
            {"email": "There is an account with this address already. You can log in, or ask for a new password."}
        )
    password_hash = await hash_password(form.password)
    actor_id = await actors.create_local(conn, urls, "person", form.name, form.name)
    language = form.language if form.language in LANGUAGES else "en"
    await ADD.run(
        conn, actor_id, email, password_hash, "unconfirmed", False, language, application or None, invite_id, False
    )
    return actor_id


def _check_form(mode: str, form: SignUp) -> tuple[str, str]:
    """The address and the application as they are stored; raises Invalid with all that does not fit at once."""
    wrong: dict[str, str] = {}
    email = application = ""
    try:
        actors.check_name(form.name)
    except Invalid as invalid:
        wrong |= invalid.fields
    try:
        email = check_email(form.email)
    except Invalid as invalid:
        wrong |= invalid.fields
    try:
        check_new_password(form.password)
    except Invalid as invalid:
        wrong |= invalid.fields
    try:
        application = text.check_text("application", form.application, at_most=2000)
    except Invalid as invalid:
        wrong |= invalid.fields
    if mode == "application" and not application and "application" not in wrong:
        wrong["application"] = Message("Please tell us in a sentence or two who you are.")
    if wrong:
        raise Invalid(wrong)
    return email, application


async def _check_mode(conn: Conn, mode: str, form: SignUp) -> int | None:
    if mode == "closed":
        raise Refused("registration_closed", "Nobody new can sign up here at the moment.")
    if mode == "invite":
        invite_id: int | None = await USE_INVITE.value(conn, digest(form.invite))
        if invite_id is None:
            raise Refused("invite_needed", "To sign up here you need an invitation link that is still good.")
        return invite_id
    return None


async def create(conn: Conn, urls: Urls, name: str, email: str, password: str | None, *, admin: bool = False) -> int:
    """An account that is ready at once: for the command line and the demo. Without a password nobody can log in."""
    email = check_email(email)
    if password is not None:
        check_new_password(password)
    if await EMAIL_TAKEN.value(conn, email):
        raise Invalid({"email": "There is an account with this address already."})
    password_hash = NO_PASSWORD if password is None else await hash_password(password)
    actor_id = await actors.create_local(conn, urls, "person", name, name)
    await ADD.run(conn, actor_id, email, password_hash, "active", admin, "en", None, None, True)
    return actor_id


async def issue_token(conn: Conn, account_id: int, purpose: str) -> str:
    """A new token for a link in a mail; it works once."""
    secret = token()
    await ADD_TOKEN.run(conn, digest(secret), account_id, purpose, TOKEN_HOURS[purpose])
    return secret


async def confirm(conn: Conn, secret: str, mode: str) -> Account:
    """Use a confirmation link. With applications the account then waits for a person; else it is active."""
    account_id = await USE_TOKEN.value(conn, digest(secret), "confirm")
    if account_id is None:
        raise Refused("link_used", "This link was used already, or it is too old. You can log in to get a new one.")
    if await CONFIRM.run(conn, account_id, "waiting" if mode == "application" else "active") and mode == "application":
        for admin_id in await ADMINS.value(conn) or []:
            await notifications.notify(conn, admin_id, "application", actor_id=account_id)
    return await by_id(conn, account_id)


async def approve(conn: Conn, account_id: int) -> Account:
    """An admin lets somebody in, also somebody whose mail could not be confirmed."""
    account = await by_id(conn, account_id)
    await _decide(conn, account, "active")
    return account


async def refuse(conn: Conn, account_id: int) -> Account:
    account = await by_id(conn, account_id)
    await _decide(conn, account, "refused")
    return account


async def _decide(conn: Conn, account: Account, state: str) -> None:
    """Of two admins at once one decides, and one letter goes out."""
    waits = account.state in ("waiting", "unconfirmed")
    if not waits or not await SET_STATE.run(conn, account.actor_id, state, account.state):
        raise Refused("not_waiting", "This application has been decided already.")


async def authenticate(conn: Conn, login: str, password: str) -> Account:
    """The account that `login` (name or e-mail) opens; Refused alike for a wrong name and a wrong password."""
    account = await _BY_LOGIN.one(conn, login.strip()) if text.storable(login) else None
    if not await verify_password(account.password_hash if account else None, password) or account is None:
        raise Refused("wrong_login", "Name or password do not fit. Please try again.")
    return account


async def reset_password(conn: Conn, secret: str, password: str) -> int:
    """Use a reset link. The caller ends all sessions of the account in the same transaction."""
    check_new_password(password)
    account_id: int | None = await USE_TOKEN.value(conn, digest(secret), "reset")
    if account_id is None:
        raise Refused("link_used", "This link was used already, or it is too old. Please ask for a new one.")
    await _set_password(conn, account_id, password)
    return account_id


async def change_password(conn: Conn, account_id: int, present: str, new: str) -> None:
    """A new password for somebody who knows the present one; the caller ends their other sessions."""
    account = await by_id(conn, account_id)
    await check_password(account, present, "present_password")
    check_new_password(new)
    await _set_password(conn, account_id, new)


async def check_password(account: Account, password: str, field: str) -> None:
    """Raise Invalid for `field` unless this is the account's password."""
    if not await verify_password(account.password_hash, password):
        raise Invalid({field: "This is not your present password."})


async def is_last_admin(conn: Conn, account_id: int) -> bool:
    return list(await ADMINS.value(conn) or []) == [account_id]


async def close(conn: Conn, account_id: int) -> None:
    """End an account for good; nobody can log in to it any more."""
    await CLOSE.run(conn, account_id, NO_PASSWORD)
    await END_TOKENS.run(conn, account_id)


async def _set_password(conn: Conn, account_id: int, password: str) -> None:
    """Links in older mails, which somebody else may have asked for and read, open nothing any more (G3)."""
    await SET_PASSWORD.run(conn, account_id, await hash_password(password))
    await END_RESETS.run(conn, account_id)


async def set_preferences(conn: Conn, account_id: int, language: str, timezone: str, theme: str) -> None:
    if language not in LANGUAGES:
        raise Invalid({"language": "Please choose one of the languages offered."})
    if theme not in THEMES:
        raise Invalid({"theme": "Please choose one of the looks offered."})
    if len(timezone) > 60 or not text.storable(timezone):
        raise Invalid({"timezone": "Please choose one of the time zones offered."})
    await SET_PREFERENCES.run(conn, account_id, language, timezone, theme)


async def show_groups(conn: Conn, account_id: int, shows: bool) -> None:
    """Whether others may know to which public groups somebody belongs."""
    await SHOW_GROUPS.run(conn, account_id, shows)


async def invite(conn: Conn, created_by: int, uses: int = 1) -> str:
    """A new invitation; returns the secret of its link, which is shown once."""
    secret = token()
    await ADD_INVITE.run(conn, new_id(), digest(secret), created_by, uses)
    return secret


async def invite_is_good(conn: Conn, secret: str) -> bool:
    return bool(await INVITE_GOOD.value(conn, digest(secret)))


async def waiting(conn: Conn) -> list[Account]:
    """Who waits for an admin, oldest first."""
    return await WAITING.all(conn)


async def by_id(conn: Conn, account_id: int) -> Account:
    account = await _BY_ID.one(conn, account_id)
    if account is None:
        raise NotFound("account")
    return account


async def by_login(conn: Conn, login: str) -> Account | None:
    return await _BY_LOGIN.one(conn, login.strip()) if text.storable(login) else None
