"""What leaves: activities written once, and one delivery row for each inbox that should have them. Owns `activities`.

Who gets which form is decided by the reader's software: forums get the group's Announce of the whole activity,
microblogs only see a new thread as a boost (an Announce of its id), and an unknown server gets both for threads.
"""

import typing

import msgspec

from federation import delivery, keys, software
from federation.documents import CONTEXT, Document
from server.db import Command, Conn, Query, Row
from server.ids import new_id
from server.urls import Urls

# A post's text in its three spellings fits; whatever else somebody packs around it is not sent to everybody.
MAX_PASSED_ON = 256 << 10


class Reader(Row, frozen=True):
    """An inbox of a follower's instance, and what software reads it."""

    host: str
    inbox: str
    software: str | None


class Stored(Row, frozen=True):
    id: int
    uri: str
    actor_id: int
    type: str
    post_id: int | None
    event: str | None
    body: str
    public: bool


ADD = Command(
    """insert into activities (id, uri, actor_id, type, post_id, event, body, public)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing"""
)
BY_ID = Query(Stored, "select id, uri, actor_id, type, post_id, event, body, public from activities where id = $1")
BY_EVENT = Query(
    Stored,
    """select id, uri, actor_id, type, post_id, event, body, public from activities
        where actor_id = $1 and event = $2""",
)
# The boost of a thread that microblogs hold now: after a restore, the later one.
CURRENT_BOOST = Query(
    Stored,
    """select id, uri, actor_id, type, post_id, event, body, public from activities
        where actor_id = $1 and post_id = $2 and type = 'Announce' and event like '%:boost' order by id desc limit 1""",
)
LATEST_OF = Query(
    Stored,
    """select id, uri, actor_id, type, post_id, event, body, public from activities
        where actor_id = $1 and post_id = $2 and type = $3 order by id desc limit 1""",
)
LATEST_OF_POST = Query(
    Stored,
    """select id, uri, actor_id, type, post_id, event, body, public from activities
        where post_id = $1 and type = $2 order by id desc limit 1""",
)
# One row an inbox: many members of one instance share its inbox.
READERS = Query(
    Reader,
    """
    select distinct on (2) a.host, coalesce(r.shared_inbox, r.inbox) as inbox, l.software
      from remote_actors r join actors a on a.id = r.actor_id left join lanes l on l.host = a.host
     where r.actor_id in (select person_id from memberships where target_id = $1 and state = 'joined'
                          union all select unnest($2::int8[]))
       and a.deleted_at is null and a.suspended_at is null
     order by 2""",
)
INBOX_OF = Query(
    Reader,
    """
    select a.host, coalesce(r.shared_inbox, r.inbox) as inbox, l.software
      from actors a join remote_actors r on r.actor_id = a.id left join lanes l on l.host = a.host
     where a.id = $1 and a.host is not null and a.deleted_at is null""",
)
PERSONAL_INBOX_OF = Query(
    Reader,
    """
    select a.host, r.inbox, l.software
      from actors a join remote_actors r on r.actor_id = a.id left join lanes l on l.host = a.host
     where a.id = $1 and a.host is not null and a.deleted_at is null""",
)
LATEST_FOLLOW = Query(
    Stored,
    """select id, uri, actor_id, type, post_id, event, body, public from activities
        where actor_id = $1 and type = 'Follow' and body::jsonb ->> 'object' = $2 order by id desc limit 1""",
)
KEEP_RECEIVED = Command(
    """insert into received_activities (post_id, revision, body) values ($1, $2, $3)
       on conflict (post_id, revision) do update set body = excluded.body"""
)
RECEIVED = Command("select body from received_activities where post_id = $1 and revision = $2")


class Outgoing(typing.NamedTuple):
    """An activity on its way: its row's id, its address, and its body as bytes are sent."""

    id: int
    uri: str
    document: Document


async def record(
    conn: Conn,
    urls: Urls,
    actor_id: int,
    document: Document,
    *,
    post_id: int | None = None,
    event: str | None = None,
    public: bool = True,
) -> Outgoing:
    """Write an activity once, with its address and its actor's proof.

    `event` names what happens once an actor, such as `12:create`.
    """
    activity_id = new_id()
    uri = urls.activity(activity_id)
    whole: Document = await keys.prove(conn, actor_id, {"@context": CONTEXT, "id": uri} | document)
    body = msgspec.json.encode(whole).decode()
    if not await ADD.run(conn, activity_id, uri, actor_id, str(document["type"]), post_id, event, body, public):
        earlier = await BY_EVENT.one(conn, actor_id, event)
        assert earlier is not None
        return Outgoing(earlier.id, earlier.uri, msgspec.json.decode(earlier.body))
    return Outgoing(activity_id, uri, whole)


async def send(
    conn: Conn, activity: Outgoing, sender_id: int, readers: list[Reader], ordering: str, group_id: int | None = None
) -> None:
    """One delivery row for each inbox; inboxes that have one already are left alone. `group_id`: whose members read."""
    inboxes = sorted({(reader.host, reader.inbox) for reader in readers})
    if inboxes:
        await delivery.enqueue(conn, activity.id, sender_id, inboxes, ordering, group_id)


async def readers_of(conn: Conn, actor_id: int, *also: int) -> list[Reader]:
    """The inboxes of everybody elsewhere who follows this actor, and of these others."""
    return await READERS.all(conn, actor_id, also)


async def inbox_of(conn: Conn, actor_id: int | None) -> list[Reader]:
    """The inbox of one actor elsewhere, as a list; empty for one of ours."""
    reader = await INBOX_OF.one(conn, actor_id) if actor_id is not None else None
    return [reader] if reader else []


def forums(readers: list[Reader]) -> list[Reader]:
    """Who reads a group's Announce of whole activities: all that are not known to be microblogs."""
    return [reader for reader in readers if not software.is_microblog(reader.software)]


def known_forums(readers: list[Reader]) -> list[Reader]:
    """Who counts votes: servers known to be forums."""
    return [reader for reader in readers if software.is_forum(reader.software)]


def microblogs(readers: list[Reader]) -> list[Reader]:
    """Who gets a new thread as a boost: all that are not known to be forums."""
    return [reader for reader in readers if not software.is_forum(reader.software)]


def known_microblogs(readers: list[Reader]) -> list[Reader]:
    """Who has read replies by walking a thread, and was told of none."""
    return [reader for reader in readers if software.is_microblog(reader.software)]


def announce(group_uri: str, what: object, to: list[str]) -> Document:
    """A group's Announce, of a whole activity (FEP-1b12) or of a thread's id (a boost).

    `to` is whom the thing in the group is for (`PostRow.readers`); Lemmy wants Public in `to`, not in `cc`.
    """
    # A proof covers the context.
    if isinstance(what, dict) and "proof" not in what:
        what = {name: value for name, value in what.items() if name != "@context"}
    return {"type": "Announce", "actor": group_uri, "to": to, "cc": [f"{group_uri}/followers"], "object": what}


async def keep_received(conn: Conn, post_id: int, revision: int, raw: bytes) -> None:
    """Keep the activity that brought a post or its revision: our Announce carries it as it was written."""
    if len(raw) <= MAX_PASSED_ON:
        await KEEP_RECEIVED.run(conn, post_id, revision, raw.decode())


async def received(conn: Conn, post_id: int, revision: int) -> Document | None:
    return as_received(await RECEIVED.value(conn, post_id, revision))


def as_received(body: str | None) -> Document | None:
    return msgspec.json.decode(body) if body is not None else None
