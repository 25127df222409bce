"""People, groups and the instance itself, ours and others': who may act at all. Owns the table `actors`."""

import datetime as dt
import re

from server import jobs, text
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, NotFound
from server.ids import new_id
from server.urls import Urls

# Lemmy's patterns take no hyphen, so ours give none.
NAME = re.compile(r"[a-z0-9_]{3,30}")
RESERVED = {
    "admin", "administrator", "root", "system", "instance", "moderator", "moderators", "support", "help", "abuse",
    "postmaster", "webmaster", "folkmoot", "everyone", "all", "here",
}  # fmt: skip


class Actor(Row, frozen=True):
    id: int
    kind: str
    name: str
    host: str | None
    uri: str
    url: str | None
    title: str
    about_source: str
    about_html: str
    created_at: dt.datetime
    suspended_at: dt.datetime | None
    deleted_at: dt.datetime | None

    @property
    def local(self) -> bool:
        return self.host is None

    @property
    def handle(self) -> str:
        return self.name if self.host is None else f"{self.name}@{self.host}"


_COLUMNS = "id, kind, name, host, uri, url, title, about_source, about_html, created_at, suspended_at, deleted_at"
# For others too, who join what they know of an actor.
SELECT = "select a." + _COLUMNS.replace(", ", ", a.") + " from actors a "

BY_ID = Query(
    Actor,
    SELECT + """where id = $1""",
)
BY_URI = Query(
    Actor,
    SELECT + """where uri = $1""",
)
BY_HANDLE = Query(
    Actor,
    SELECT + """where lower(name) = lower($1) and coalesce(host, '') = coalesce($2, '')""",
)
ADD = Command(
    """insert into actors (id, kind, name, host, uri, url, title, about_source, about_html)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
)
UPSERT_REMOTE = Query(
    Actor,
    """insert into actors (id, kind, name, host, uri, url, title, about_html) values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (uri) do update set url = excluded.url, title = excluded.title, about_html = excluded.about_html,
              deleted_at = null
        where actors.kind = excluded.kind and actors.host is not null
       returning """
    + _COLUMNS,
)
DESCRIBE = Command("update actors set title = $2, about_source = $3, about_html = $4 where id = $1 and host is null")
RENAME_AWAY = Command(
    """update actors set name = left(name, 200) || '~' || id::text
        where lower(name) = lower($1) and host = $2 and uri <> $3"""
)
SUSPEND = Command("update actors set suspended_at = clock_now() where id = $1 and suspended_at is null")
UNSUSPEND = Command("update actors set suspended_at = null where id = $1 and suspended_at is not null")
MARK_DELETED = Command(
    """update actors set deleted_at = clock_now(), title = '', about_source = '', about_html = '' where id = $1"""
)
ANYBODY = Command("select exists (select 1 from actors where kind <> 'application')")
NAME_TAKEN = Command("select exists (select 1 from actors where lower(name) = lower($1) and host is null)")


def check_name(name: str) -> str:
    """A name for a person or a group of ours; raises Invalid with the rule it breaks."""
    lowered = name.strip().lower()
    if not NAME.fullmatch(lowered):
        raise Invalid({"name": "A name has 3 to 30 letters a to z, digits or _ (no spaces or hyphens)."})
    if lowered in RESERVED:
        raise Invalid({"name": "This name is reserved. Please choose another one."})
    return lowered


async def create_local(conn: Conn, urls: Urls, kind: str, name: str, title: str, about: str = "") -> int:
    """Add one of our own actors and the job that makes its keys. People and groups share one name space."""
    name = check_name(name)
    title = text.one_line(text.check_text("title", title, at_most=text.MAX_TITLE), text.MAX_TITLE) or name
    if await NAME_TAKEN.value(conn, name):
        raise Invalid({"name": "This name is taken. Please choose another one."})
    actor_id = new_id()
    html = text.sanitise(text.render_markdown(about), text.MAX_ABOUT_HTML)
    await ADD.run(conn, actor_id, kind, name, None, urls.actor(kind, name), None, title, about, html)
    await jobs.enqueue(conn, "make_keys", {"actor_id": actor_id}, ordering=f"actor:{actor_id}")
    return actor_id


async def describe(conn: Conn, actor_id: int, title: str, about: str) -> None:
    """Change how a person or group of ours presents itself, here and elsewhere."""
    title = text.one_line(text.check_text("title", title, at_most=text.MAX_TITLE), text.MAX_TITLE)
    about = text.check_text("about", about, at_most=10_000)
    html = text.sanitise(text.render_markdown(about), text.MAX_ABOUT_HTML)
    await DESCRIBE.run(conn, actor_id, title, about, html)
    await jobs.enqueue(conn, "spread_actor", {"actor_id": actor_id}, ordering=f"actor:{actor_id}")


async def save_remote(
    conn: Conn, *, kind: str, name: str, host: str, uri: str, url: str | None, title: str, about_html: str
) -> Actor | None:
    """Add or refresh an actor of another instance. None where `uri` is known as another kind: a kind never changes."""
    # A name that moved to a new id on its own host belongs to the new id.
    await RENAME_AWAY.run(conn, name, host, uri)
    shown = text.one_line(title, text.MAX_TITLE)
    about = text.sanitise(about_html, text.MAX_ABOUT_HTML)
    return await UPSERT_REMOTE.one(conn, new_id(), kind, name, host, uri, url, shown, about)


async def by_id(conn: Conn, actor_id: int) -> Actor:
    actor = await BY_ID.one(conn, actor_id)
    if actor is None:
        raise NotFound("actor")
    return actor


async def suspend(conn: Conn, actor_id: int) -> bool:
    """Take nothing from this actor any more; False where that is so already."""
    return bool(await SUSPEND.run(conn, actor_id))


async def unsuspend(conn: Conn, actor_id: int) -> bool:
    return bool(await UNSUSPEND.run(conn, actor_id))


async def anybody(conn: Conn) -> bool:
    """Whether any person or group is known here: a new database knows none."""
    return bool(await ANYBODY.value(conn))


async def by_uri(conn: Conn, uri: str) -> Actor | None:
    return await BY_URI.one(conn, uri)


async def by_handle(conn: Conn, name: str, host: str | None) -> Actor | None:
    return await BY_HANDLE.one(conn, name, host)


ADD_INSTANCE = Command(
    """insert into actors (id, kind, name, uri, title) values ($1, 'application', 'instance', $2, $3)
       on conflict do nothing"""
)


async def ensure_instance_actor(conn: Conn, urls: Urls) -> None:
    """The actor in whose name this instance fetches and reports."""
    actor_id = new_id()
    if await ADD_INSTANCE.run(conn, actor_id, urls.instance_actor, urls.host):
        await jobs.enqueue(conn, "make_keys", {"actor_id": actor_id}, ordering=f"actor:{actor_id}")
