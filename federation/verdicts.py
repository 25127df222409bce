"""Moderators' decisions as other instances are told of them."""

import datetime as dt

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
REMOVED_HERE = Command(
    """select coalesce((select verb = 'remove' from decisions
                         where post_id = $1 and verb in ('remove', 'restore') order by id desc limit 1), false)"""
)


async def by_id(conn: Conn, decision_id: int) -> Verdict:
    verdict = await BY_ID.one(conn, decision_id)
    if verdict is None:
        raise NotFound("decision")
    return verdict


async def removed_here(conn: Conn, post_id: int) -> bool:
    """Whether our own moderators or admins took the post out, and have not put it back."""
    return bool(await REMOVED_HERE.value(conn, post_id))
