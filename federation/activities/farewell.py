"""Delete of an actor: one of our people left for good, and every server that may know of them is told.

Owns the table `farewells`.
"""

from federation import outbox
from federation.documents import PUBLIC, Document
from server.community import actors
from server.db import Command, Conn, Query, Row
from server.runtime import Runtime
from server.urls import Urls


class Told(Row, frozen=True):
    """What became of a farewell: inboxes it went to, those that took it, those it waits for, those that never did."""

    asked: int
    confirmed: int
    waiting: int
    given_up: int


# Whoever read a group may have kept a copy, whether they followed the person or not.
EVERYBODY = Query(
    outbox.Reader,
    """
    select distinct on (2) a.host, coalesce(r.shared_inbox, r.inbox) as inbox, l.software
      from remote_actors r join actors a on a.id = r.actor_id left join lanes l on l.host = a.host
     where a.deleted_at is null order by 2""",
)
SAY = Command(
    """insert into farewells (actor_id, activity_id, activity_uri, asked) values ($1, $2, $3, $4)
       on conflict do nothing"""
)
TOLD = Query(
    Told,
    """
    select f.asked, f.asked - s.waiting - s.given_up as confirmed, s.waiting, s.given_up
      from farewells f
     cross join lateral (
        select (select count(*)::int from deliveries d where d.activity_id = f.activity_id) as waiting,
               (select count(*)::int from dropped_deliveries d where d.activity_uri = f.activity_uri) as given_up) s
     where f.actor_id = $1""",
)


async def spread(conn: Conn, runtime: Runtime, *, actor_id: int) -> None:
    """Job: one Delete, signed by the one who left, to every inbox that we know; tried for 30 days like all else."""
    actor = await actors.by_id(conn, actor_id)
    document: Document = {"type": "Delete", "actor": actor.uri, "to": [PUBLIC], "object": actor.uri}
    urls = Urls(runtime.settings.base_url)
    activity = await outbox.record(conn, urls, actor.id, document, event="farewell", public=False)
    readers = await EVERYBODY.all(conn)
    await SAY.run(conn, actor.id, activity.id, activity.uri, len(readers))
    await outbox.send(conn, activity, actor.id, readers, f"actor:{actor.id}")


async def told(conn: Conn, actor_id: int) -> Told | None:
    """How far the farewell has come, for whoever asks on behalf of the one who left."""
    return await TOLD.one(conn, actor_id)
