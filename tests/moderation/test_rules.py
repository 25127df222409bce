"""Numbered rules with versions."""

import pytest

from moderation import rules
from moderation.rules import RuleForm
from server.db import Conn
from server.errors import Invalid, NotFound
from tests.moderation.conftest import Neighbourhood


async def numbers(conn: Conn, group_id: int | None) -> list[tuple[int, str]]:
    return [(rule.number, rule.title) for rule in await rules.for_group(conn, group_id)]


async def test_a_groups_rules_come_before_the_instances(town: Neighbourhood) -> None:
    async with town.runtime.db.transaction() as conn:
        await rules.add(conn, None, RuleForm("Nothing illegal"), None)
        await rules.add(conn, town.group_id, RuleForm("Be kind"), town.people["mia"])
        found = await rules.for_group(conn, town.group_id)
        assert [(rule.number, rule.title, rule.instance_wide) for rule in found] == [
            (1, "No advertising", False),
            (2, "Be kind", False),
            (1, "Nothing illegal", True),
        ]
        assert await numbers(conn, None) == [(1, "Nothing illegal")]
        assert rules.permalink("oak_street", found[1]) == "/g/oak_street/rules#rule-2"
        assert rules.permalink("oak_street", found[2]) == "/rules#rule-1"


async def test_a_change_keeps_the_earlier_version_and_tells_other_servers(town: Neighbourhood) -> None:
    async with town.runtime.db.transaction() as conn:
        await rules.change(conn, town.group_id, town.rule, RuleForm("No shops", "None."), town.people["mia"])
        await rules.change(conn, town.group_id, town.rule, RuleForm("No shops", "None."), town.people["mia"])
        rule = await rules.by_id(conn, town.group_id, town.rule)
        known = await rules.versions(conn, town.rule)
    await town.work()
    assert (rule.version, rule.title, rule.html) == (2, "No shops", "<p>None.</p>\n")
    assert [(one.version, one.title) for one in known] == [(2, "No shops"), (1, "No advertising")]
    assert [job.args for job in town.spread if job.name == "spread_actor"] == [{"actor_id": town.group_id}]


async def test_rules_are_numbered_anew_in_one_go(town: Neighbourhood) -> None:
    async with town.runtime.db.transaction() as conn:
        second = await rules.add(conn, town.group_id, RuleForm("Be kind"), None)
        third = await rules.add(conn, town.group_id, RuleForm("No cars"), None)
        await rules.reorder(conn, town.group_id, [third, town.rule, second], town.people["mia"])
        assert await numbers(conn, town.group_id) == [(1, "No cars"), (2, "No advertising"), (3, "Be kind")]
        assert [(one.version, one.number) for one in await rules.versions(conn, town.rule)] == [(2, 2), (1, 1)]
        assert (await rules.by_id(conn, town.group_id, second)).version == 2
        for wrong in ([third, town.rule], [third, town.rule, second, second], []):
            with pytest.raises(Invalid):
                await rules.reorder(conn, town.group_id, wrong, None)


async def test_a_retired_rule_gives_its_number_back(town: Neighbourhood) -> None:
    async with town.runtime.db.transaction() as conn:
        await rules.retire(conn, town.group_id, town.rule, town.people["mia"])
        with pytest.raises(NotFound):
            await rules.by_id(conn, town.group_id, town.rule)
        with pytest.raises(NotFound):
            await rules.retire(conn, town.group_id, town.rule, None)
        with pytest.raises(NotFound):
            await rules.change(conn, town.group_id, town.rule, RuleForm("Again"), None)
        await rules.add(conn, town.group_id, RuleForm("Be kind"), None)
        assert await numbers(conn, town.group_id) == [(1, "Be kind")]
        assert len(await rules.versions(conn, town.rule)) == 1


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (RuleForm(""), "title"),
        (RuleForm("\u202e"), "title"),
        (RuleForm("x" * 121), "title"),
        (RuleForm("a\x00b"), "title"),
        (RuleForm("Fine", "x" * 4001), "body"),
        (RuleForm("Fine", number=0), "number"),
        (RuleForm("Fine", number=100), "number"),
        (RuleForm("Fine", number=1), "number"),
    ],
)
async def test_a_form_that_does_not_fit_is_refused_by_field(town: Neighbourhood, form: RuleForm, field: str) -> None:
    async with town.runtime.db.transaction() as conn:
        second = await rules.add(conn, town.group_id, RuleForm("Be kind"), None)
        with pytest.raises(Invalid) as added:
            await rules.add(conn, town.group_id, form, None)
        with pytest.raises(Invalid) as changed:
            await rules.change(conn, town.group_id, second, form, None)
    assert [list(added.value.fields), list(changed.value.fields)] == [[field], [field]]


async def test_another_groups_rule_is_out_of_reach(town: Neighbourhood) -> None:
    async with town.runtime.db.transaction() as conn:
        for act in (
            rules.change(conn, None, town.rule, RuleForm("Mine now"), None),
            rules.retire(conn, None, town.rule, None),
        ):
            with pytest.raises(NotFound):
                await act
        assert await numbers(conn, town.group_id) == [(1, "No advertising")]
