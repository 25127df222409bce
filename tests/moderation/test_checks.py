"""Checks in the database: whose they are, which run, and what may not be."""

import pytest

from moderation import checks
from moderation.criteria import LinksCriteria, ScoreCriteria, WordsCriteria
from server.db import Conn
from server.errors import NotFound, Refused
from server.ids import new_id
from server.runtime import Runtime

WORDS = WordsCriteria(("free money", "Ärger"))


async def make_group(conn: Conn, name: str) -> int:
    group_id = new_id()
    await conn.execute(
        "insert into actors (id, kind, name, uri) values ($1, 'group', $2, $3)",
        group_id, name, f"http://moot.test/ap/groups/{name}",
    )  # fmt: skip
    return group_id


async def make_rule(conn: Conn, group_id: int | None) -> int:
    rule_id = new_id()
    await conn.execute(
        "insert into rules (id, group_id, number, title) values ($1, $2, 1, 'No advertising')", rule_id, group_id
    )
    return rule_id


async def test_a_check_is_kept_changed_and_retired(runtime: Runtime) -> None:
    async with runtime.db.transaction() as conn:
        group = await make_group(conn, "pine_lane")
        rule = await make_rule(conn, group)
        check_id = await checks.create_check(conn, group, rule, WORDS, "hold", group)
        (check,) = await checks.checks_for_screening(conn, group, instance_wide=True)
        assert (check.id, check.criteria, check.action, check.rule_title) == (check_id, WORDS, "hold", "No advertising")
        await checks.update_check(conn, group, check_id, LinksCriteria(2), "flag")
        changed = await checks.check_of(conn, group, check_id)
        assert (changed.criteria, changed.action) == (LinksCriteria(2), "flag")
        await checks.enable_check(conn, group, check_id, enabled=False)
        assert await checks.checks_for_screening(conn, group, instance_wide=True) == []
        assert [row.enabled for row in await checks.checks_of(conn, group)] == [False]
        await checks.retire_check(conn, group, check_id)
        assert await checks.checks_of(conn, group) == []
        with pytest.raises(NotFound):
            await checks.enable_check(conn, group, check_id, enabled=True)


async def test_instance_wide_checks_run_where_the_caller_says_so(runtime: Runtime) -> None:
    async with runtime.db.transaction() as conn:
        group, other = await make_group(conn, "pine_lane"), await make_group(conn, "beech_row")
        everywhere = await checks.create_check(conn, None, await make_rule(conn, None), WORDS, "flag", group)
        here = await checks.create_check(conn, group, await make_rule(conn, group), WORDS, "flag", group)
        await checks.create_check(conn, other, await make_rule(conn, other), WORDS, "flag", group)
        with_all = await checks.checks_for_screening(conn, group, instance_wide=True)
        alone = await checks.checks_for_screening(conn, group, instance_wide=False)
        assert [check.id for check in with_all] == [everywhere, here]
        assert [check.id for check in alone] == [here]


async def test_a_retired_rule_takes_its_checks_with_it(runtime: Runtime) -> None:
    async with runtime.db.transaction() as conn:
        group = await make_group(conn, "pine_lane")
        rule = await make_rule(conn, group)
        await checks.create_check(conn, group, rule, WORDS, "hold", group)
        await conn.execute("update rules set retired_at = clock_now() where id = $1", rule)
        assert await checks.checks_for_screening(conn, group, instance_wide=True) == []
        with pytest.raises(NotFound):
            await checks.create_check(conn, group, rule, WORDS, "hold", group)


async def test_nobody_reaches_the_checks_of_another_group(runtime: Runtime) -> None:
    async with runtime.db.transaction() as conn:
        group, other = await make_group(conn, "pine_lane"), await make_group(conn, "beech_row")
        rule = await make_rule(conn, group)
        check_id = await checks.create_check(conn, group, rule, WORDS, "hold", group)
        for stranger in (other, None):
            with pytest.raises(NotFound):
                await checks.create_check(conn, stranger, rule, WORDS, "hold", other)
            with pytest.raises(NotFound):
                await checks.check_of(conn, stranger, check_id)
            with pytest.raises(NotFound):
                await checks.update_check(conn, stranger, check_id, LinksCriteria(0), "flag")
            with pytest.raises(NotFound):
                await checks.enable_check(conn, stranger, check_id, enabled=False)
            with pytest.raises(NotFound):
                await checks.retire_check(conn, stranger, check_id)
        assert (await checks.check_of(conn, group, check_id)).criteria == WORDS


async def test_a_score_may_flag_and_never_hold(runtime: Runtime) -> None:
    score = ScoreCriteria("toxicity", 0.9)
    async with runtime.db.transaction() as conn:
        group = await make_group(conn, "pine_lane")
        rule = await make_rule(conn, group)
        with pytest.raises(Refused, match="cannot hold"):
            await checks.create_check(conn, group, rule, score, "hold", group)
        held = await checks.create_check(conn, group, rule, WORDS, "hold", group)
        with pytest.raises(Refused, match="cannot hold"):
            await checks.update_check(conn, group, held, score, "hold")
        with pytest.raises(Refused, match="flag a post or hold"):
            await checks.create_check(conn, group, rule, WORDS, "remove", group)
        assert await checks.create_check(conn, group, rule, score, "flag", group)


async def test_the_number_of_checks_has_an_end(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MAX_PER_GROUP", 1)
    async with runtime.db.transaction() as conn:
        group = await make_group(conn, "pine_lane")
        rule = await make_rule(conn, group)
        check_id = await checks.create_check(conn, group, rule, WORDS, "hold", group)
        with pytest.raises(Refused, match="remove one first"):
            await checks.create_check(conn, group, rule, WORDS, "hold", group)
        await checks.retire_check(conn, group, check_id)
        assert await checks.create_check(conn, group, rule, WORDS, "hold", group)
