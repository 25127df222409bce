"""Log-ins: a random token in a cookie, its hash here; listed and revocable. Owns the table `sessions`."""

import datetime as dt

from server import text
from server.community import accounts
from server.db import Command, Conn, Query, Row
from server.errors import NotFound, Refused
from server.ids import new_id, token

DAYS = 60
SEEN_EVERY = dt.timedelta(minutes=10)


class Viewer(Row, frozen=True):
    """Who looks at a page. A stranger is `STRANGER`; any other has a confirmed, approved, unsuspended account."""

    account_id: int | None
    session_id: int | None
    name: str
    title: str
    admin: bool
    language: str | None
    timezone: str
    theme: str
    unread: int
    moderates: bool
    seen_at: dt.datetime | None

    @property
    def signed_in(self) -> bool:
        return self.account_id is not None


STRANGER = Viewer(None, None, "", "", False, None, "UTC", "system", 0, False, None)


class Session(Row, frozen=True):
    id: int
    user_agent: str
    created_at: dt.datetime
    seen_at: dt.datetime


# Whoever is suspended, refused or not yet let in has no viewer, whatever cookie they hold.
VIEWER = Query(
    Viewer,
    """
    select c.actor_id as account_id, s.id as session_id, a.name, a.title, c.admin, c.language, c.timezone, c.theme,
           (select count(*) from notifications n where n.account_id = c.actor_id and n.read_at is null)::int4 as unread,
           exists (select 1 from memberships m join actors g on g.id = m.target_id
                    where m.person_id = c.actor_id and m.role = 'moderator' and m.state = 'joined'
                      and g.host is null) as moderates,
           s.seen_at
      from sessions s join accounts c on c.actor_id = s.account_id join actors a on a.id = c.actor_id
     where s.token_hash = $1 and c.state = 'active' and a.suspended_at is null and a.deleted_at is null
       and s.seen_at > clock_now() - make_interval(days => $2)""",
)
ADD = Command("insert into sessions (id, token_hash, account_id, user_agent) values ($1, $2, $3, $4)")
SEEN = Command("update sessions set seen_at = clock_now() where id = $1")
OF_ACCOUNT = Query(
    Session, "select id, user_agent, created_at, seen_at from sessions where account_id = $1 order by seen_at desc"
)
REVOKE = Command("delete from sessions where id = $1 and account_id = $2")
REVOKE_ALL = Command("delete from sessions where account_id = $1 and id is distinct from $2")
FORGET = Command("delete from sessions where seen_at < clock_now() - make_interval(days => $1)")


async def open_session(conn: Conn, account: accounts.Account, user_agent: str) -> str:
    """A new session; returns the cookie's token. Refused for accounts that may not log in, with the reason."""
    if account.state == "unconfirmed":
        raise Refused("unconfirmed", "Please confirm your e-mail address first: use the link in the mail we sent.")
    if account.state == "waiting":
        raise Refused("waiting", "Your application is waiting for somebody to read it. You will get a mail.")
    if account.state != "active":
        raise Refused("not_let_in", "This account cannot log in.")
    if account.suspended_at is not None:
        raise Refused("suspended", "This account has been suspended.")
    secret = token()
    await ADD.run(conn, new_id(), accounts.digest(secret), account.actor_id, text.one_line(user_agent, 200))
    return secret


async def viewer(conn: Conn, secret: str) -> Viewer:
    """Who holds this cookie; STRANGER for one that opens nothing (any more)."""
    return await VIEWER.one(conn, accounts.digest(secret), DAYS) or STRANGER


async def touch(conn: Conn, session_id: int) -> None:
    await SEEN.run(conn, session_id)


async def of_account(conn: Conn, account_id: int) -> list[Session]:
    return await OF_ACCOUNT.all(conn, account_id)


async def revoke(conn: Conn, account_id: int, session_id: int) -> None:
    """End one session of this account; NotFound for somebody else's."""
    if not await REVOKE.run(conn, session_id, account_id):
        raise NotFound("session")


async def revoke_all(conn: Conn, account_id: int, keep: int | None = None) -> None:
    """End all sessions of an account, but for the one to keep."""
    await REVOKE_ALL.run(conn, account_id, keep)
