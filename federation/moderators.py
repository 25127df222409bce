"""Who moderates a group elsewhere, as that group's own collection says. Owns `moderator_lists`.

Only used to judge what arrives, and to let moderators on other servers know of reports: nobody moderates here by it.
"""

import datetime as dt

import structlog

from federation import client, remote
from federation.budget import FetchBudget
from federation.documents import Document
from federation.egress import FetchFailed
from federation.parse import Unacceptable, uri_of
from server import clock
from server.community import groups
from server.community.groups import Group
from server.db import Command, Conn, Query, Row
from server.errors import Refused
from server.runtime import Runtime
from server.urls import Urls, authority

log = structlog.get_logger(__name__)

MOST = 100
# How old a list may be when somebody acts who is not on it: they may be new.
FRESH = dt.timedelta(minutes=10)


class Listed(Row, frozen=True):
    """The collections that a group elsewhere names; `uris` is None where its moderators were never read."""

    group_id: int
    moderators: str | None
    featured: str | None
    uris: list[str] | None
    read_at: dt.datetime | None


LISTED = Query(
    Listed,
    """select r.actor_id as group_id, r.moderators, r.featured, l.uris, l.read_at
         from remote_actors r left join moderator_lists l on l.group_id = r.actor_id where r.actor_id = $1""",
)
IS_MODERATOR = Command("select $2 = any(uris) from moderator_lists where group_id = $1")
SAVE = Command(
    """insert into moderator_lists (group_id, uris) values ($1, $2)
       on conflict (group_id) do update set uris = excluded.uris, read_at = clock_now()"""
)
TAKE_IN = Command(
    """insert into moderator_lists (group_id, uris) values ($1, array[$2])
       on conflict (group_id) do update set uris = array_append(moderator_lists.uris, $2)
        where $2 <> all(moderator_lists.uris) and cardinality(moderator_lists.uris) < $3"""
)
LEAVE_OUT = Command("update moderator_lists set uris = array_remove(uris, $2) where group_id = $1")
# A group by its own id or by one of the two collections that its document names, which lie on its own host (parse.py).
GROUP_OF = Command(
    """
    select a.id from actors a
      join (select id from actors where uri = $1
            union all select actor_id from remote_actors where moderators = $1
            union all select actor_id from remote_actors where featured = $1) named on named.id = a.id
     where a.kind = 'group' and a.deleted_at is null limit 1"""
)


async def group_of(conn: Conn, target: str) -> int | None:
    """The group that a deed's target belongs to: itself, its moderators, or its pinned threads."""
    found: int | None = await GROUP_OF.value(conn, target)
    return found


async def collections_of(conn: Conn, group: Group) -> Listed | None:
    return await LISTED.one(conn, group.id)


async def is_moderator(conn: Conn, group: Group, uri: str) -> bool:
    return bool(await IS_MODERATOR.value(conn, group.id, uri))


async def change(conn: Conn, group: Group, uri: str, *, added: bool) -> None:
    """A moderator was made or unmade, by somebody who may."""
    if added:
        await TAKE_IN.run(conn, group.id, uri, MOST)
    else:
        await LEAVE_OUT.run(conn, group.id, uri)


async def listed(conn: Conn, group_id: int) -> list[str]:
    known = await LISTED.one(conn, group_id)
    return (known.uris or []) if known else []


async def read_again_for(runtime: Runtime, group_id: int, actor_uri: str) -> None:
    """Read the list anew where somebody acts who is not on it, unless it is fresh. Only errands call this."""
    async with runtime.db.read() as conn:
        known = await LISTED.one(conn, group_id)
    if known is None or actor_uri in (known.uris or []):
        return
    if known.read_at is None or clock.now() - known.read_at > FRESH:
        await refresh_moderators(runtime, group_id=group_id)


async def refresh_moderators(runtime: Runtime, *, group_id: int) -> None:
    """Errand: read a group's list from the group's own server, and get to know those who live elsewhere."""
    async with runtime.db.read() as conn:
        group = await groups.BY_ID.one(conn, group_id, None)
        known = await LISTED.one(conn, group_id)
    if group is None or known is None or known.moderators is None:
        return
    budget = FetchBudget()
    try:
        found = await (await runtime.use(client.Outgoing)).fetch_object(known.moderators, budget)
    except FetchFailed as failed:
        log.info("moderators not read", group=group.handle[:200], reason=failed.reason)
        return
    uris = _members(found.document)
    async with runtime.db.transaction() as conn:
        await SAVE.run(conn, group.id, uris)
    await _get_to_know(runtime, [uri for uri in uris if authority(uri) != group.host], budget.deeper())


def _members(collection: Document) -> list[str]:
    """Whoever stands in a collection that comes in one piece, as that of every forum does."""
    items = collection.get("orderedItems") or collection.get("items")
    uris = [uri_of(item) for item in items[:MOST]] if isinstance(items, list) else []
    return list(dict.fromkeys(uri for uri in uris if uri is not None))


async def _get_to_know(runtime: Runtime, uris: list[str], budget: FetchBudget) -> None:
    """Reports go to their servers too, so their inboxes must be known."""
    urls = Urls(runtime.settings.base_url)
    for uri in uris:
        if urls.is_local(uri):
            continue
        try:
            await remote.known_or_fetched(runtime, uri, budget)
        except (FetchFailed, Unacceptable, Refused) as why:
            log.info("moderator not known", uri=uri[:200], reason=str(why)[:200])
