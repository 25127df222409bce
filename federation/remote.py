"""Actors and posts of other instances: found, fetched from their own host, kept. Owns the table `remote_actors`."""

import re
from urllib.parse import quote

import msgspec
import structlog

from federation import client, parse, senders
from federation.budget import FetchBudget
from federation.egress import FetchFailed
from federation.http import AnsweredStatus
from federation.parse import RemoteActor, Unacceptable
from moderation import instances
from server import jobs, text
from server.community import actors, groups, memberships, polls, posts
from server.community.actors import Actor
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, Refused
from server.runtime import Runtime
from server.urls import Urls, authority

log = structlog.get_logger(__name__)

HANDLE = re.compile(r"[@!]?(?P<name>[\w.\-]{1,64})@(?P<host>[a-zA-Z0-9.\-]{1,253}(?::\d{1,5})?)")


class Inboxes(Row, frozen=True):
    """Where an actor elsewhere takes activities."""

    actor_id: int
    inbox: str
    shared_inbox: str | None
    followers: str | None
    moderators: str | None


SAVE = Command(
    """
    insert into remote_actors (actor_id, inbox, shared_inbox, followers, outbox, featured, moderators)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (actor_id) do update set inbox = excluded.inbox, shared_inbox = excluded.shared_inbox,
           followers = excluded.followers, outbox = excluded.outbox, featured = excluded.featured,
           moderators = excluded.moderators, fetched_at = clock_now()"""
)
# The one that left and the one that took it in: neither takes part in another Move for a month.
MOVED = Command(
    """
    with lately as (select 1 from remote_actors
                     where actor_id in ($1, $2) and moved_at > clock_now() - interval '30 days')
    update remote_actors set moved_at = clock_now(), moved_to = case when actor_id = $1 then $3 else moved_to end
     where actor_id in ($1, $2) and not exists (select 1 from lately)"""
)
NEW_HOME = Query(
    actors.Actor,
    actors.SELECT
    + """join remote_actors r on r.moved_to = a.uri
     where r.actor_id = $1 and a.suspended_at is null and a.deleted_at is null""",
)
INBOXES = Query(
    Inboxes,
    "select actor_id, inbox, shared_inbox, followers, moderators from remote_actors where actor_id = $1",
)
OUTBOX = Command("select outbox from remote_actors where actor_id = $1")
BY_INBOX = Query(
    actors.Actor,
    actors.SELECT
    + """join remote_actors r on r.actor_id = a.id
     where (r.inbox = $1 or r.shared_inbox = $1) and a.deleted_at is null limit 20""",
)


async def outbox_of(conn: Conn, actor_id: int) -> str | None:
    uri: str | None = await OUTBOX.value(conn, actor_id)
    return uri


async def save_actor(conn: Conn, document: RemoteActor) -> Actor:
    """Keep what an actor's own document says. The caller fetched it from exactly its id (B3)."""
    actor = await actors.save_remote(
        conn,
        kind=document.kind,
        name=document.name,
        host=document.host,
        uri=document.uri,
        url=document.url,
        title=document.title,
        about_html=document.about_html,
    )
    if actor is None:
        # A person does not become a group, nor anybody one of ours (B19, B21).
        raise Unacceptable("kind_changed")
    await senders.keep_keys(conn, actor.uri)
    await SAVE.run(
        conn, actor.id, document.inbox, document.shared_inbox, document.followers, document.outbox,
        document.featured, document.moderators,
    )  # fmt: skip
    if actor.kind == "group":
        posting = "moderators" if document.moderators_only else "anyone"
        join_mode, visibility = ("ask", "private") if document.asks_first else ("open", "public")
        await groups.know_remote(conn, actor.id, posting=posting, join_mode=join_mode, visibility=visibility)
        if document.moderators is not None:
            args: dict[str, object] = {"group_id": actor.id}
            await jobs.enqueue(conn, "refresh_moderators", args, ordering=f"moderators:{actor.id}")
    return actor


async def mark_moved(conn: Conn, old_id: int, new_id: int, new_uri: str) -> bool:
    """Note that an actor has moved to another one; False where one of them took part in a Move within 30 days."""
    return await MOVED.run(conn, old_id, new_id, new_uri) > 0


async def new_home(conn: Conn, actor_id: int) -> Actor | None:
    """The actor to which one elsewhere has moved, as both sides said."""
    return await NEW_HOME.one(conn, actor_id)


async def inboxes(conn: Conn, actor_id: int) -> Inboxes | None:
    return await INBOXES.one(conn, actor_id)


async def read_actor(runtime: Runtime, uri: str, budget: FetchBudget | None = None) -> dict[str, object]:
    """An actor's document, from its own host. Raises FetchFailed or Unacceptable."""
    outgoing = await runtime.use(client.Outgoing)
    found = await outgoing.fetch_object(uri, budget)
    if Urls(runtime.settings.base_url).is_local(found.id):
        raise Unacceptable("local_id")
    return found.document


async def fetch_actor(runtime: Runtime, uri: str, budget: FetchBudget | None = None) -> Actor:
    """Fetch an actor from its own host and keep it. Raises FetchFailed or Unacceptable."""
    document = parse.parse_actor(await read_actor(runtime, uri, budget))
    async with runtime.db.transaction() as conn:
        return await save_actor(conn, document)


async def look_up(runtime: Runtime, typed: str) -> Actor:
    """The group or person that somebody typed: a handle like `!street@lemmy.example`, or an address.

    Raises Invalid for the field `address` with a sentence for the person who typed it.
    """
    typed = text.one_line(typed, parse.MAX_URI)
    urls = Urls(runtime.settings.base_url)
    handle = HANDLE.fullmatch(typed)
    if handle and authority(f"https://{handle['host']}") == urls.host:
        raise Invalid({"address": "This one is at home here: you find it in the list of groups."})
    if not handle and (not parse.is_uri(typed) or urls.is_local(typed)):
        raise Invalid(
            {"address": "Please give an address like !street@lemmy.example or https://lemmy.example/c/street."}
        )
    try:
        await _check_not_blocked(runtime, handle["host"] if handle else authority(typed) or "")
        wanted = {"!": "Group", "@": "Person"}.get(typed[0], "") if handle else ""
        uri = await _webfinger(runtime, handle["name"], handle["host"], wanted) if handle else typed
        return await fetch_actor(runtime, uri, FetchBudget())
    except (FetchFailed, Unacceptable) as error:
        log.info("look-up failed", error=str(error)[:200])
        raise Invalid(
            {"address": "Nothing could be found there. Is the address right, and is that server up?"}
        ) from error


async def _check_not_blocked(runtime: Runtime, host: str) -> None:
    async with runtime.db.read() as conn:
        if await instances.is_blocked(conn, host):
            raise Invalid({"address": "Nothing is taken from that server here."})


KIND = "https://www.w3.org/ns/activitystreams#type"


async def _webfinger(runtime: Runtime, name: str, host: str, wanted: str = "") -> str:
    """The actor id behind a handle; of several, as on Lemmy, that of the `wanted` type."""
    outgoing = await runtime.use(client.Outgoing)
    resource = quote(f"acct:{name}@{host}", safe=":@")
    answer = await outgoing.get_json(
        f"{outgoing.scheme_for(host)}://{host}/.well-known/webfinger?resource={resource}", accept="application/jrd+json"
    )
    try:
        document = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unacceptable("webfinger_not_json") from None
    found = _links_to_actors(document)
    # One server may not say who lives on another one (B22).
    home = authority(f"{outgoing.scheme_for(host)}://{host}")
    at_home = [(uri, kind) for uri, kind in found if authority(uri) == home]
    if not at_home:
        raise Unacceptable("webfinger_no_actor")
    return next((uri for uri, kind in at_home if kind == wanted), at_home[0][0])


def _links_to_actors(document: object) -> list[tuple[str, str]]:
    """Ids with the type that is said of each."""
    links = document.get("links") if isinstance(document, dict) else None
    found = []
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "self" and "json" in str(link.get("type")):
            properties = link.get("properties")
            kind = properties.get(KIND) if isinstance(properties, dict) else ""
            if (uri := parse.uri_of(link.get("href"))) is not None:
                found.append((uri, str(kind)))
    return found


async def known_or_fetched(runtime: Runtime, uri: str, budget: FetchBudget) -> Actor:
    """An actor by id whose deeds somebody else tells us: ours, known, or fetched now.

    Raises Refused for whoever could not come in by themselves (B24, B25).
    """
    async with runtime.db.read() as conn:
        if await instances.is_blocked(conn, authority(uri) or ""):
            raise Refused("blocked_instance", "This server takes nothing from there.")
        known = await actors.by_uri(conn, uri)
    actor = known if known is not None and known.deleted_at is None else await fetch_actor(runtime, uri, budget)
    if actor.suspended_at is not None:
        raise Refused("suspended", "This actor was suspended here.")
    return actor


async def refresh_actor(runtime: Runtime, *, uri: str) -> None:
    """Errand: read an actor again after it said that it changed."""
    try:
        await fetch_actor(runtime, uri, FetchBudget())
    except Unacceptable as error:
        log.info("actor not refreshed", uri=uri[:200], reason=error.reason)


async def confirm_gone(runtime: Runtime, *, inbox: str) -> None:
    """Errand: an inbox answered 410. Ask for its actors themselves; those that are gone as well are forgotten."""
    async with runtime.db.read() as conn:
        suspects = await BY_INBOX.all(conn, inbox)
    outgoing = await runtime.use(client.Outgoing)
    for suspect in suspects:
        try:
            await outgoing.fetch_object(suspect.uri, FetchBudget(fetches=3))
        except AnsweredStatus as answer:
            if answer.status in (404, 410):
                async with runtime.db.transaction() as conn:
                    await forget_actor(conn, suspect)
        except FetchFailed as error:
            log.info("could not confirm", uri=suspect.uri[:200], reason=error.reason)


async def forget_actor(conn: Conn, actor: Actor) -> None:
    """An actor elsewhere is gone: its posts are deleted, its memberships and its votes in polls end."""
    for post_id in await posts.OF_AUTHOR.value(conn, actor.id) or ():
        await posts.delete_post(conn, await posts.by_id(conn, post_id, lock=True))
    await polls.forget_voter(conn, actor.id)
    await memberships.end_all(conn, actor.id)
    await senders.forget_keys(conn, actor.uri)
    await actors.MARK_DELETED.run(conn, actor.id)
