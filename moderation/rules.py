"""The numbered rules of a group, and those of the whole instance. Owns the tables `rules` and `rule_versions`.

A decision names a rule and its version; so no version is ever changed, and a retired rule keeps all of them.
"""

import datetime as dt
from collections.abc import Sequence

from server import text, urls
from server.community import groups
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, NotFound
from server.ids import new_id
from server.messages import Message

MAX_TITLE = 120
MAX_BODY = 4000
MAX_NUMBER = 99


class Rule(Row, frozen=True):
    """A rule as it stands now; `group_id` None means that it holds in every group here."""

    id: int
    group_id: int | None
    number: int
    title: str
    body: str
    html: str
    version: int
    created_at: dt.datetime
    changed_at: dt.datetime

    @property
    def instance_wide(self) -> bool:
        return self.group_id is None


class RuleVersion(Row, frozen=True):
    """What a rule said at one time."""

    rule_id: int
    version: int
    number: int
    title: str
    body: str
    created_at: dt.datetime


class RuleForm(Row, frozen=True):
    """What a moderator writes; without `number` a new rule comes last, and a changed one stays in its place."""

    title: str
    body: str = ""
    number: int | None = None


_SELECT = """
    select id, group_id, number, title, body, html, version, created_at, changed_at
      from rules """

FOR_GROUP = Query(
    Rule, _SELECT + "where (group_id = $1 or group_id is null) and retired_at is null order by group_id is null, number"
)
OF_INSTANCE = Query(Rule, _SELECT + "where group_id is null and retired_at is null order by number")
BY_ID = Query(Rule, _SELECT + "where id = $1 and (group_id = $2 or group_id is null) and retired_at is null")
LOCKED = Query(
    Rule,
    _SELECT + "where group_id is not distinct from $1::int8 and retired_at is null order by number for update",
)
ADD = Command("insert into rules (id, group_id, number, title, body, html) values ($1, $2, $3, $4, $5, $6)")
CHANGE = Command(
    """update rules set number = $2, title = $3, body = $4, html = $5, version = version + 1, changed_at = clock_now()
        where id = $1"""
)
RENUMBER = Command(
    """update rules r set number = new.number, version = version + 1, changed_at = clock_now()
         from unnest($1::int8[]) with ordinality as new (id, number)
        where r.id = new.id and r.number <> new.number"""
)
RETIRE = Command(
    """update rules set retired_at = clock_now()
        where id = $1 and group_id is not distinct from $2::int8 and retired_at is null"""
)
# Remembers the present wording of every rule here whose version is not written down yet.
REMEMBER = Command(
    """insert into rule_versions (rule_id, version, number, title, body, changed_by)
       select id, version, number, title, body, $2 from rules where group_id is not distinct from $1::int8
       on conflict do nothing"""
)
VERSIONS = Query(
    RuleVersion,
    """select rule_id, version, number, title, body, created_at
         from rule_versions where rule_id = $1 order by version desc""",
)
# One at a time writes the rules of a group: two who add a rule at once must not both take the next number.
LOCK = Command("select pg_advisory_xact_lock(hashtextextended('rules', coalesce($1::int8, 0)))")


async def for_group(conn: Conn, group_id: int | None) -> list[Rule]:
    """The group's own rules, then the instance's (`instance_wide`); with None the instance's alone."""
    return await (OF_INSTANCE.all(conn) if group_id is None else FOR_GROUP.all(conn, group_id))


async def by_id(conn: Conn, group_id: int | None, rule_id: int) -> Rule:
    """A rule that holds in the group: its own or the instance's; raises NotFound."""
    if (rule := await BY_ID.one(conn, rule_id, group_id)) is None:
        raise NotFound("rule")
    return rule


async def check_rule(conn: Conn, group_id: int | None, rule_id: int | None) -> Rule:
    """The rule that a form named; raises Invalid where none was chosen or it does not hold in this group, or here."""
    rule = None if rule_id is None else await BY_ID.one(conn, rule_id, group_id)
    if rule is None:
        raise Invalid({"rule": "Please choose the rule that this is about."})
    return rule


async def versions(conn: Conn, rule_id: int) -> list[RuleVersion]:
    """Everything the rule ever said, newest first."""
    return await VERSIONS.all(conn, rule_id)


async def add(conn: Conn, group_id: int | None, form: RuleForm, changed_by: int | None) -> int:
    """A new rule; returns its id. Raises Invalid by field."""
    await LOCK.run(conn, group_id)
    others = await LOCKED.all(conn, group_id)
    number = form.number if form.number is not None else max((rule.number for rule in others), default=0) + 1
    title, body = _check(form, number, others)
    rule_id = new_id()
    await ADD.run(conn, rule_id, group_id, number, title, body, text.render_markdown(body))
    await _changed(conn, group_id, changed_by)
    return rule_id


async def change(conn: Conn, group_id: int | None, rule_id: int, form: RuleForm, changed_by: int | None) -> None:
    """A new version of a rule; the same words again change nothing. Raises NotFound, or Invalid by field."""
    await LOCK.run(conn, group_id)
    known = {rule.id: rule for rule in await LOCKED.all(conn, group_id)}
    if (rule := known.pop(rule_id, None)) is None:
        raise NotFound("rule")
    number = rule.number if form.number is None else form.number
    title, body = _check(form, number, list(known.values()))
    if (number, title, body) == (rule.number, rule.title, rule.body):
        return
    await CHANGE.run(conn, rule_id, number, title, body, text.render_markdown(body))
    await _changed(conn, group_id, changed_by)


async def reorder(conn: Conn, group_id: int | None, rule_ids: Sequence[int], changed_by: int | None) -> None:
    """Number the rules 1, 2, 3 … in this order; raises Invalid unless each rule is named once."""
    await LOCK.run(conn, group_id)
    rules = await LOCKED.all(conn, group_id)
    if sorted(rule_ids) != sorted(rule.id for rule in rules):
        raise Invalid({"order": "The rules have changed meanwhile. Please look at them again."})
    if await RENUMBER.run(conn, list(rule_ids)):
        await _changed(conn, group_id, changed_by)


async def retire(conn: Conn, group_id: int | None, rule_id: int, changed_by: int | None) -> None:
    """Take a rule out of force, and its checks with it; decisions that name it stay readable. Raises NotFound."""
    if not await RETIRE.run(conn, rule_id, group_id):
        raise NotFound("rule")
    await _changed(conn, group_id, changed_by)


def permalink(group_name: str, rule: Rule, group_host: str | None = None) -> str:
    """The path of a rule on its page."""
    page = "" if rule.instance_wide else urls.group_page(group_name, group_host)
    return f"{page}/rules#rule-{rule.number}"


def _check(form: RuleForm, number: int, others: Sequence[Rule]) -> tuple[str, str]:
    title = text.one_line(text.check_text("title", form.title, at_least=1, at_most=MAX_TITLE), MAX_TITLE)
    body = text.check_text("body", form.body, at_most=MAX_BODY)
    if not title:
        raise Invalid({"title": "Please write the rule in one line."})
    if not 1 <= number <= MAX_NUMBER:
        raise Invalid({"number": Message("A rule has a number from 1 to %(most)d.", {"most": MAX_NUMBER})})
    for other in others:
        if other.number == number:
            values = {"number": number, "title": other.title}
            raise Invalid({"number": Message("Rule %(number)d is “%(title)s”. Please choose another number.", values)})
    return title, body


async def _changed(conn: Conn, group_id: int | None, changed_by: int | None) -> None:
    await REMEMBER.run(conn, group_id, changed_by)
    if group_id is not None:
        await groups.announce_change(conn, group_id)
