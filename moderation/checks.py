"""What the machine looks for on behalf of a rule, in a group or in the whole instance. Owns the table `checks`."""

import datetime as dt

import msgspec

from moderation.criteria import Criteria, ScoreCriteria
from server.db import Command, Conn, Query, Row
from server.errors import NotFound, Refused
from server.ids import new_id
from server.messages import Message

ACTIONS = ("flag", "hold")
# Each check runs on each post, so their number is what a post may cost.
MAX_PER_GROUP = 100


class Check(Row, frozen=True):
    """A check and the rule in whose name it strikes; `group_id` None means every group of the instance."""

    id: int
    group_id: int | None
    rule_id: int
    kind: str
    settings: dict[str, object]
    action: str
    enabled: bool
    created_by: int | None
    created_at: dt.datetime
    rule_number: int
    rule_version: int
    rule_title: str

    @property
    def criteria(self) -> Criteria:
        criteria: Criteria = msgspec.convert({**self.settings, "kind": self.kind}, Criteria)
        return criteria


class JudgedCheck(Check, frozen=True):
    """A check with its record in its own group: of `judged` decisions, `correct` went its way and still stand."""

    judged: int
    correct: int


_COLUMNS = """
    select c.id, c.group_id, c.rule_id, c.kind, c.settings, c.action, c.enabled, c.created_by, c.created_at,
           r.number as rule_number, r.version as rule_version, r.title as rule_title"""
_FROM = """
      from checks c join rules r on r.id = c.rule_id"""
_SELECT = _COLUMNS + _FROM

# How often people decided about what a check had found, and how often by its rule and for good.
JUDGED = """
    select f.check_id, count(distinct d.id)::int4 as judged,
           (count(distinct d.id) filter (
                where d.verb in ('refuse', 'remove') and d.rule_id = f.rule_id and d.reversed_by is null)
           )::int4 as correct
      from findings f join decisions d on d.case_id = f.case_id and d.verb <> 'restore'
     where f.check_id is not null"""

# A retired rule takes its checks with it: nobody may be held for a rule that is no more.
FOR_SCREENING = Query(
    Check,
    _SELECT
    + """
     where c.enabled and r.retired_at is null and (c.group_id = $1 or ($2 and c.group_id is null))
     order by c.id""",
)
IN_GROUP = Query(
    JudgedCheck,
    _COLUMNS
    + ", coalesce(j.judged, 0) as judged, coalesce(j.correct, 0) as correct"
    + _FROM
    + " left join lateral ("
    + JUDGED
    + """ and f.check_id = c.id group by f.check_id) j on true
     where c.group_id is not distinct from $1 and c.retired_at is null and r.retired_at is null
     order by r.number, c.id""",
)
ONE = Query(Check, _SELECT + " where c.id = $1 and c.group_id is not distinct from $2 and c.retired_at is null")
COUNT = Command("select count(*) from checks where group_id is not distinct from $1 and retired_at is null")
# The rule must belong to the same group: a moderator of one group may not write checks for another's rule.
CREATE = Command(
    """
    insert into checks (id, group_id, rule_id, kind, settings, action, created_by)
    select $1, $2, r.id, $4, $5, $6, $7
      from rules r where r.id = $3 and r.group_id is not distinct from $2 and r.retired_at is null"""
)
UPDATE = Command(
    """
    update checks set kind = $3, settings = $4, action = $5
     where id = $1 and group_id is not distinct from $2 and retired_at is null"""
)
ENABLE = Command(
    "update checks set enabled = $3 where id = $1 and group_id is not distinct from $2 and retired_at is null"
)
RETIRE = Command(
    """
    update checks set enabled = false, retired_at = clock_now()
     where id = $1 and group_id is not distinct from $2 and retired_at is null"""
)


async def checks_for_screening(conn: Conn, group_id: int, *, instance_wide: bool) -> list[Check]:
    """Enabled checks of a group, and with `instance_wide` those of the whole instance."""
    return await FOR_SCREENING.all(conn, group_id, instance_wide)


async def checks_of(conn: Conn, group_id: int | None) -> list[JudgedCheck]:
    """All checks of a group, or with None of the whole instance, by rule; those switched off too."""
    return await IN_GROUP.all(conn, group_id)


async def check_of(conn: Conn, group_id: int | None, check_id: int) -> Check:
    """Raises NotFound unless the check belongs to the group (or, with None, to the instance)."""
    if (check := await ONE.one(conn, check_id, group_id)) is None:
        raise NotFound("check")
    return check


async def create_check(
    conn: Conn, group_id: int | None, rule_id: int, criteria: Criteria, action: str, created_by: int
) -> int:
    """A new check, enabled; returns its id. Raises Refused, or NotFound where the group has no such rule."""
    check_action(criteria, action)
    if await COUNT.value(conn, group_id) >= MAX_PER_GROUP:
        raise Refused(
            "too_many_checks",
            Message("There are %(most)d checks already; please remove one first.", {"most": MAX_PER_GROUP}),
        )
    kind, settings = _stored(criteria)
    check_id = new_id()
    if not await CREATE.run(conn, check_id, group_id, rule_id, kind, settings, action, created_by):
        raise NotFound("rule")
    return check_id


async def update_check(conn: Conn, group_id: int | None, check_id: int, criteria: Criteria, action: str) -> None:
    """Changes what the check looks for and does; raises Refused or NotFound."""
    check_action(criteria, action)
    kind, settings = _stored(criteria)
    if not await UPDATE.run(conn, check_id, group_id, kind, settings, action):
        raise NotFound("check")


async def enable_check(conn: Conn, group_id: int | None, check_id: int, *, enabled: bool) -> None:
    """Switches the check on or off; raises NotFound."""
    if not await ENABLE.run(conn, check_id, group_id, enabled):
        raise NotFound("check")


async def retire_check(conn: Conn, group_id: int | None, check_id: int) -> None:
    """Removes the check from all lists; its findings keep pointing to it. Raises NotFound."""
    if not await RETIRE.run(conn, check_id, group_id):
        raise NotFound("check")


def check_action(criteria: Criteria, action: str) -> None:
    """Raises Refused unless a check with these criteria may do `action`."""
    if action not in ACTIONS:
        raise Refused("no_such_action", "A check can flag a post or hold it.")
    # A number from a machine may only flag, until its measured precision in the group has earned more.
    if isinstance(criteria, ScoreCriteria) and action != "flag":
        raise Refused("score_may_only_flag", "A score can flag a post for review; it cannot hold it.")


def _stored(criteria: Criteria) -> tuple[str, dict[str, object]]:
    settings: dict[str, object] = msgspec.to_builtins(criteria)
    return str(settings.pop("kind")), settings
