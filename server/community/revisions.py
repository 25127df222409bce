"""Every text a post ever had, each with its own state: an edit is screened like a post. Owns the table `revisions`."""

import datetime as dt
from collections.abc import Sequence

from server import jobs, text
from server.community import media
from server.db import Command, Conn, Query, Row
from server.errors import NotFound


class Revision(Row, frozen=True):
    post_id: int
    number: int
    state: str
    title: str | None
    link: str | None
    source: str
    html: str
    excerpt: str
    language: str
    pictures: media.Stored
    created_at: dt.datetime


class Text(Row, frozen=True):
    """What a revision says."""

    post_id: int
    title: str | None
    link: str | None
    source: str
    html: str
    excerpt: str
    language: str
    pictures: media.Stored


ADD = Command(
    """insert into revisions (post_id, number, title, link, source, html, excerpt, language, pictures,
                              idempotency_key)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
)
_SELECT = """select post_id, number, state, title, link, source, html, excerpt, language, pictures, created_at
    from revisions """

ONE = Query(
    Revision,
    _SELECT + """where post_id = $1 and number = $2""",
)
ALL = Query(
    Revision,
    _SELECT + """where post_id = $1 order by number desc""",
)
LATEST = Query(
    Revision,
    _SELECT + """where post_id = $1 order by number desc limit 1""",
)
SET_STATE = Command(
    """update revisions set state = $3, language = case when $4 = '' then language else $4 end
        where post_id = $1 and number = $2"""
)
SET_LANGUAGE = Command("update revisions set language = $3 where post_id = $1 and number = $2")
KEY_USED = Command("select exists (select 1 from revisions where post_id = $1 and idempotency_key = $2)")


async def add(conn: Conn, new: Text, *, number: int, idempotency_key: str | None = None) -> None:
    await ADD.run(
        conn, new.post_id, number, new.title, new.link, new.source, new.html, new.excerpt, new.language, new.pictures,
        idempotency_key,
    )  # fmt: skip


async def submit_edit(
    conn: Conn,
    post_id: int,
    *,
    title: str | None,
    link: str | None,
    source: str,
    html: text.SafeHtml | None = None,
    pictures: Sequence[media.Picture] | None = None,
    idempotency_key: str | None = None,
) -> int | None:
    """A new revision, screened before anybody else sees it; its number, or None where nothing would change.

    The caller holds the post's row lock, so numbers are given one after the other. Without `pictures` they stay.
    """
    latest = await LATEST.one(conn, post_id)
    if latest is None:
        raise NotFound("post")
    if idempotency_key and await KEY_USED.value(conn, post_id, idempotency_key):
        return None
    rendered = html if html is not None else text.render_markdown(source)
    shown = media.read(latest.pictures) if pictures is None else pictures
    kept = media.stored(shown)
    before = (latest.title, latest.link, latest.source, latest.html, latest.pictures)
    if before == (title, link, source, rendered, kept):
        return None
    await media.claim(conn, post_id, shown)
    number = latest.number + 1
    new = Text(post_id, title, link, source, rendered, media.excerpt(rendered, shown), latest.language, kept)
    await add(conn, new, number=number, idempotency_key=idempotency_key)
    await jobs.enqueue(conn, "screen_revision", {"post_id": post_id, "number": number}, ordering=f"post:{post_id}")
    return number


async def one(conn: Conn, post_id: int, number: int) -> Revision:
    revision = await ONE.one(conn, post_id, number)
    if revision is None:
        raise NotFound("revision")
    return revision


async def history(conn: Conn, post_id: int) -> list[Revision]:
    """All revisions, newest first; the caller shows only the published ones to readers."""
    return await ALL.all(conn, post_id)


async def latest(conn: Conn, post_id: int) -> Revision:
    revision = await LATEST.one(conn, post_id)
    if revision is None:
        raise NotFound("revision")
    return revision


async def set_state(conn: Conn, post_id: int, number: int, state: str, language: str = "") -> None:
    """Change a revision's state and, where it was found out meanwhile, name its language."""
    await SET_STATE.run(conn, post_id, number, state, language)


async def set_language(conn: Conn, post_id: int, number: int, language: str) -> None:
    await SET_LANGUAGE.run(conn, post_id, number, language)
