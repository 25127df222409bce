"""Delete of an actor: one of our people left for good, and every server that may know of them is told.

Owns the table `farewells`.
"""

import datetime as dt

from federation import outbox
from federation.documents import PUBLIC, Document
from server.community import actors
from server.db import Command, Conn, Query, Row
from server.runtime import Runtime
from server.urls import Urls


class Told(Row, frozen=True):
    """What became of a farewell: inboxes it went to, those that took it, those it waits for, those that never did."""

    said_at: dt.datetime
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
# After 30 days nobody is asked any more, and after 90 nothing tells who did not take it.
TOLD = Query(
    Told,
    """
    with lately as (
        select activity_id, activity_uri, asked, said_at from farewells
         where said_at > clock_now() - interval '60 days' order by said_at desc limit $1),
    never as (
        select activity_uri, count(*)::int as given_up from dropped_deliveries
         where activity_uri in (select activity_uri from lately) group by 1)
    select f.said_at, f.asked, f.asked - w.waiting - coalesce(n.given_up, 0) as confirmed, w.waiting,
           coalesce(n.given_up, 0) as given_up
      from lately f left join never n on n.activity_uri = f.activity_uri
     cross join lateral (
        select count(*)::int as waiting from deliveries d where d.activity_id = f.activity_id) w
     order by f.said_at desc""",
)
FORGET = Command("delete from farewells where said_at < clock_now() - interval '90 days'")


async def spread(conn: Conn, runtime: Runtime, *, actor_id: int) -> None:
    """Job: one Delete, signed by the one who left, to every inbox that we know; tried for 30 days like all else."""
    actor = await actors.by_id(conn, actor_id)
    document: Document = {"type": "Delete", "actor": actor.uri, "to": [PUBLIC], "object": actor.uri}
    urls = Urls(runtime.settings.base_url)
    activity = await outbox.record(conn, urls, actor.id, document, event="farewell", public=False)
    readers = await EVERYBODY.all(conn)
    await SAY.run(conn, actor.id, activity.id, activity.uri, len(readers))
    await outbox.send(conn, activity, actor.id, readers, f"actor:{actor.id}")


async def told(conn: Conn, limit: int = 20) -> list[Told]:
    """How far the farewells of the last weeks have come, the latest first; whose they were is nobody's business now."""
    return await TOLD.all(conn, limit)
