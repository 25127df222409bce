"""The public record names rules and reasons, and neither authors nor reporters."""

import msgspec
import pytest

from moderation import decisions, record
from server import clock
from server.community.sessions import STRANGER
from server.errors import NotFound
from tests.moderation.conftest import Neighbourhood
from tests.moderation.test_decisions import case_of, decide, report


async def test_nobody_who_wrote_or_reported_is_named(town: Neighbourhood) -> None:
    post = await town.post("ana", "Buy my windows", title="Windows")
    await report(town, "ben", post)
    await decide(town, "mia", await case_of(town, post), "remove", town.rule)
    async with town.runtime.db.read() as conn:
        (entry,) = await record.page(conn, town.group_id)
    shown = msgspec.json.encode(record.public_row(entry)).decode()
    assert (entry.moderator_name, entry.rule_number, entry.rule_title) == ("mia", 1, "No advertising")
    for secret in ("ana", "ben", str(post.id), "Windows", "windows", "Have a look"):
        assert secret not in shown


async def test_pages_go_backwards_in_time(town: Neighbourhood) -> None:
    for n in range(3):
        post = await town.post("ana", f"Buy my window number {n}")
        async with town.runtime.db.transaction() as conn:
            await decisions.remove_directly(conn, town.viewer("mia"), post.id, town.rule, f"Reason {n}.")
    async with town.runtime.db.read() as conn:
        first = await record.page(conn, town.group_id, limit=2)
        second = await record.page(conn, None, before=first[-1].id, limit=2)
        (count,) = await record.counts(conn, None, clock.now(), clock.now())
    assert [entry.reason for entry in first + second] == ["Reason 2.", "Reason 1.", "Reason 0."]
    assert (count.removed, count.rule_title) == (3, "No advertising")
    assert count.month.day == 1


async def test_a_group_that_is_not_public_keeps_its_record(town: Neighbourhood) -> None:
    post = await town.post("ana", "Buy my windows")
    async with town.runtime.db.transaction() as conn:
        await decisions.remove_directly(conn, town.viewer("mia"), post.id, town.rule, "An advertisement.")
        await conn.execute("update groups set visibility = 'private'")
        assert await record.page(conn, None) == []
        assert await record.counts(conn, None, clock.now(), clock.now()) == []


async def test_a_statement_is_for_its_author_and_reads_as_the_rule_did(town: Neighbourhood) -> None:
    post = await town.post("ana", "Buy my windows")
    async with town.runtime.db.transaction() as conn:
        decision_id = await decisions.remove_directly(conn, town.viewer("mia"), post.id, town.rule, "It sells.")
        await conn.execute("update rules set title = 'Changed since', version = 2")
        told = await record.statement(conn, town.viewer("ana"), decision_id)
        assert await record.last_decision(conn, post.id) == decision_id
        for viewer in (STRANGER, town.viewer("ben")):
            with pytest.raises(NotFound):
                await record.statement(conn, viewer, decision_id)
        with pytest.raises(NotFound):
            await record.statement(conn, town.viewer("ana"), 1)
    assert (told.rule_title, told.reason, told.machine_involved, told.may_send_again) == (
        "No advertising",
        "It sells.",
        False,
        False,
    )
