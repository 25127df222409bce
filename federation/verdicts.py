"""Moderators' decisions as other instances are told of them."""

import datetime as dt

from federation.documents import PUBLIC
from server.db import Command, Conn, Query, Row
from server.errors import NotFound


class Verdict(Row, frozen=True):
    """A decision with the rule it rests on, as that rule read at the time, and who took it."""

    id: int
    post_id: int
    group_id: int
    verb: str
    reason: str
    created_at: dt.datetime
    moderator_id: int
    moderator_uri: str
    rule_number: int | None
    rule_title: str | None

    @property
    def public_reason(self) -> str:
        """One line for a person on another server."""
        rule = f"Rule {self.rule_number}, {self.rule_title}." if self.rule_number is not None else ""
        return f"{rule} {self.reason}".strip()


BY_ID = Query(
    Verdict,
    """
    select d.id, d.post_id, d.group_id, d.verb, d.reason, d.created_at, a.id as moderator_id, a.uri as moderator_uri,
           v.number as rule_number, v.title as rule_title
      from decisions d join actors a on a.id = d.moderator_id
      left join rule_versions v on v.rule_id = d.rule_id and v.version = d.rule_version
     where d.id = $1""",
)


class Deed(Row, frozen=True):
    """What a moderator did to a person or a thread (moderation/deeds.py), with the addresses that others know.

    `author_id` is of the thread."""

    id: int
    verb: str
    until: dt.datetime | None
    removes_posts: bool
    reason: str
    created_at: dt.datetime
    moderator_id: int
    moderator_uri: str
    group_id: int
    group_uri: str
    visibility: str
    person_id: int | None
    post_id: int | None
    author_id: int | None
    object_uri: str
    rule_number: int | None
    rule_title: str | None

    @property
    def public(self) -> bool:
        return self.visibility == "public"

    @property
    def readers(self) -> list[str]:
        """Whom it is for, as `PostRow.readers`: deeds are done in groups of ours."""
        return [PUBLIC] if self.public else [self.group_uri, f"{self.group_uri}/followers"]

    @property
    def public_reason(self) -> str:
        rule = f"Rule {self.rule_number}, {self.rule_title}." if self.rule_number is not None else ""
        return f"{rule} {self.reason}".strip()


_SELECT_DEED = """
    select d.id, d.verb, d.until, d.removes_posts, d.reason, d.created_at, d.moderator_id, m.uri as moderator_uri,
           d.group_id, g.uri as group_uri, gr.visibility, d.person_id, d.post_id, p.author_id,
           coalesce(a.uri, p.uri) as object_uri,
           v.number as rule_number, v.title as rule_title
      from deeds d join actors m on m.id = d.moderator_id join actors g on g.id = d.group_id
      join groups gr on gr.actor_id = d.group_id
      left join actors a on a.id = d.person_id left join posts p on p.id = d.post_id
      left join rule_versions v on v.rule_id = d.rule_id and v.version = d.rule_version"""
DEED = Query(Deed, _SELECT_DEED + " where d.id = $1")
REVERSED_BY = Query(Deed, _SELECT_DEED + " where d.reversed_by = $1")
REMOVED_HERE = Command(
    """select coalesce((select verb = 'remove' from decisions
                         where post_id = $1 and verb in ('remove', 'restore') order by id desc limit 1), false)"""
)


async def by_id(conn: Conn, decision_id: int) -> Verdict:
    verdict = await BY_ID.one(conn, decision_id)
    if verdict is None:
        raise NotFound("decision")
    return verdict


async def deed(conn: Conn, deed_id: int) -> Deed:
    found = await DEED.one(conn, deed_id)
    if found is None:
        raise NotFound("deed")
    return found


async def reversed_by(conn: Conn, deed_id: int) -> Deed | None:
    """The deed that this one took back."""
    return await REVERSED_BY.one(conn, deed_id)


async def removed_here(conn: Conn, post_id: int) -> bool:
    """Whether our own moderators or admins took the post out, and have not put it back."""
    return bool(await REMOVED_HERE.value(conn, post_id))
