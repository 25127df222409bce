"""A person decides, by a rule, once; the author and the reporters are told."""

import asyncio

import pytest

from moderation import cases, decisions, record, reports, review, rules
from moderation.criteria import WordsCriteria
from moderation.decisions import Judgement
from moderation.rules import RuleForm
from server import clock
from server.community import groups, memberships, posts, revisions
from server.community.groups import GroupForm
from server.community.posts import Post
from server.errors import Invalid, NotFound, Refused
from tests.conftest import MovedClock
from tests.moderation.conftest import Neighbourhood

CASINO = WordsCriteria(("casino",))
WHY = "This is an advertisement."


async def case_of(town: Neighbourhood, post: Post) -> cases.Case:
    async with town.runtime.db.read() as conn:
        case = await cases.open_of_post(conn, post.id)
    assert case is not None
    return case


async def has_case(town: Neighbourhood, post: Post) -> bool:
    async with town.runtime.db.read() as conn:
        return await cases.open_of_post(conn, post.id) is not None


async def decide(
    town: Neighbourhood, name: str, case: cases.Case, verb: str, rule: int | None = None, reason: str = WHY
) -> int:
    async with town.runtime.db.transaction() as conn:
        judgement = Judgement(verb, rule, reason)
        decision_id = await decisions.decide(conn, town.viewer(name), case.id, judgement, version=case.version)
    await town.work()
    return decision_id


async def held(town: Neighbourhood, author: str = "ana", **more: object) -> tuple[Post, cases.Case]:
    await town.check(CASINO, "hold")
    post = await town.post(author, "Come to my casino", **more)
    return post, await case_of(town, post)


async def flagged(town: Neighbourhood, author: str = "ana") -> tuple[Post, cases.Case]:
    await town.check(CASINO, "flag")
    post = await town.post(author, "Come to my casino")
    return post, await case_of(town, post)


async def report(town: Neighbourhood, name: str, post: Post, rule: int | None = -1, uri: str | None = None) -> int:
    group, reporter = await town.group(name), await town.actor(name)
    async with town.runtime.db.transaction() as conn:
        return await reports.file_report(
            conn, reporter, post, group, town.rule if rule == -1 else rule, "Have a look, please", uri
        )


async def test_release_publishes_spreads_and_tells_the_author(town: Neighbourhood) -> None:
    post, case = await held(town)
    decision_id = await decide(town, "mia", case, "release", reason="")
    assert (await town.read(post.id)).state == "published"
    assert town.spread_events(post) == ["create"]
    (told,) = await town.told("ana", "released")
    assert told["decision_id"] == str(decision_id)
    assert not await has_case(town, post)


async def test_refuse_tells_the_author_rule_and_reason(town: Neighbourhood) -> None:
    post, case = await held(town)
    decision_id = await decide(town, "mia", case, "refuse", town.rule)
    assert (await town.read(post.id)).state == "refused"
    assert town.spread_events(post) == []
    assert await town.told("ana", "refused") == [
        {"decision_id": str(decision_id), "rule_number": 1, "rule_title": "No advertising", "reason": WHY}
    ]
    async with town.runtime.db.read() as conn:
        told = await record.statement(conn, town.viewer("ana"), decision_id)
        for stranger in ("ben",):
            with pytest.raises(NotFound):
                await record.statement(conn, town.viewer(stranger), decision_id)
        assert (await record.statement(conn, town.viewer("moe"), decision_id)).id == decision_id
    assert (told.rule_number, told.checks, told.machine_involved, told.may_send_again) == (1, ["words"], True, True)
    assert "<em>about</em>" in told.rule_html


async def test_a_refused_post_can_be_changed_and_sent_again(town: Neighbourhood) -> None:
    post, case = await held(town)
    await decide(town, "mia", case, "refuse", town.rule)
    await town.edit(post, "Come to my garden")
    read = await town.read(post.id)
    assert (read.state, read.source) == ("published", "Come to my garden")


async def test_keep_leaves_the_post_and_bothers_nobody(town: Neighbourhood) -> None:
    post, case = await flagged(town)
    await decide(town, "mia", case, "keep", reason="")
    assert (await town.read(post.id)).state == "published"
    assert not await has_case(town, post)
    async with town.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from notifications where account_id = $1", town.people["ana"]) == 0


async def test_remove_and_restore(town: Neighbourhood) -> None:
    post, case = await flagged(town)
    removal = await decide(town, "mia", case, "remove", town.rule)
    assert (await town.read(post.id)).state == "removed"
    async with town.runtime.db.transaction() as conn:
        restored = await decisions.restore(conn, town.viewer("moe"), post.id, "A mistake of ours.")
    await town.work()
    assert (await town.read(post.id)).state == "published"
    assert town.spread_events(post) == ["create", f"remove:{removal}", f"restore:{restored}"]
    assert [len(await town.told("ana", kind)) for kind in ("removed", "restored")] == [1, 1]
    async with town.runtime.db.read() as conn:
        first = await decisions.by_id(conn, removal)
        entries = await record.page(conn, town.group_id)
        numbers = await record.counts(conn, town.group_id, clock.now(), clock.now())
    assert first is not None
    assert first.reversed_by == restored
    assert [(entry.verb, entry.reversed) for entry in entries] == [("restore", False), ("remove", True)]
    by_rule = {count.rule_number: (count.removed, count.refused, count.kept, count.restored) for count in numbers}
    assert by_rule == {1: (1, 0, 0, 0), None: (0, 0, 0, 1)}


async def test_a_moderator_removes_what_nobody_had_pointed_to(town: Neighbourhood) -> None:
    post = await town.post("ana", "Buy my windows")
    async with town.runtime.db.transaction() as conn:
        await decisions.remove_directly(conn, town.viewer("mia"), post.id, town.rule, WHY)
    assert (await town.read(post.id)).state == "removed"
    async with town.runtime.db.transaction() as conn:
        with pytest.raises(Refused, match="not published"):
            await decisions.remove_directly(conn, town.viewer("mia"), post.id, town.rule, WHY)


async def test_a_direct_removal_decides_the_open_case(town: Neighbourhood) -> None:
    post, case = await flagged(town)
    async with town.runtime.db.transaction() as conn:
        decision_id = await decisions.remove_directly(conn, town.viewer("mia"), post.id, town.rule, WHY)
        decision = await decisions.by_id(conn, decision_id)
    assert decision is not None
    assert decision.case_id == case.id
    assert not await has_case(town, post)


async def test_residents_can_neither_see_nor_decide_a_case(town: Neighbourhood) -> None:
    post, case = await held(town)
    for name in ("ana", "ben"):
        with pytest.raises(NotFound):
            await decide(town, name, case, "release")
        async with town.runtime.db.transaction() as conn:
            with pytest.raises(NotFound):
                await review.case_details(conn, town.viewer(name), case.id)
            with pytest.raises(NotFound):
                await cases.claim(conn, town.viewer(name), case.id)
            with pytest.raises(NotFound):
                await decisions.remove_directly(conn, town.viewer(name), post.id, town.rule, WHY)
            with pytest.raises(NotFound):
                await decisions.restore(conn, town.viewer(name), post.id)
            assert await review.queue(conn, town.viewer(name)) == []
    assert (await town.read(post.id)).state == "held"


async def test_moderators_of_another_group_cannot_decide(town: Neighbourhood) -> None:
    _, case = await held(town)
    async with town.runtime.db.transaction() as conn:
        other = await groups.create(conn, town.urls, "mill_lane", GroupForm(title="Mill Lane"))
        await memberships.add_moderator(conn, town.people["ben"], other)
    with pytest.raises(NotFound):
        await decide(town, "ben", case, "release")


async def test_nobody_decides_about_their_own_post(town: Neighbourhood) -> None:
    post, case = await held(town, "mia")
    assert len(await town.told("moe", "case_opened")) == 1
    assert await town.told("mia", "case_opened") == []
    with pytest.raises(Refused) as refusal:
        await decide(town, "mia", case, "release")
    assert refusal.value.code == "own_post"
    await decide(town, "ada", case, "release")
    assert (await town.read(post.id)).state == "published"
    async with town.runtime.db.transaction() as conn:
        with pytest.raises(Refused, match="You wrote this yourself"):
            await decisions.remove_directly(conn, town.viewer("mia"), post.id, town.rule, WHY)


@pytest.mark.parametrize("verb", ["keep", "remove", "restore", "burn"])
async def test_a_verb_that_does_not_fit_a_held_post_is_refused(town: Neighbourhood, verb: str) -> None:
    _, case = await held(town)
    with pytest.raises(Refused) as refusal:
        await decide(town, "mia", case, verb, town.rule)
    assert refusal.value.code == "verb_does_not_fit"


@pytest.mark.parametrize("verb", ["release", "refuse", "restore"])
async def test_a_verb_that_does_not_fit_a_published_post_is_refused(town: Neighbourhood, verb: str) -> None:
    post, case = await flagged(town)
    with pytest.raises(Refused) as refusal:
        await decide(town, "mia", case, verb, town.rule)
    assert refusal.value.code == "verb_does_not_fit"
    async with town.runtime.db.transaction() as conn:
        with pytest.raises(Refused, match="not removed"):
            await decisions.restore(conn, town.viewer("mia"), post.id)


async def test_a_decision_against_the_author_needs_a_rule_of_this_group_and_a_reason(town: Neighbourhood) -> None:
    post, case = await held(town)
    async with town.runtime.db.transaction() as conn:
        other = await groups.create(conn, town.urls, "mill_lane", GroupForm(title="Mill Lane"))
        foreign = await rules.add(conn, other, RuleForm("No dogs"), None)
        retired = await rules.add(conn, town.group_id, RuleForm("No cats"), None)
        await rules.retire(conn, town.group_id, retired, None)
        everywhere = await rules.add(conn, None, RuleForm("Nothing illegal"), None)
    for rule in (None, foreign, retired):
        with pytest.raises(Invalid) as wrong:
            await decide(town, "mia", case, "refuse", rule)
        assert list(wrong.value.fields) == ["rule"]
    with pytest.raises(Invalid) as wrong:
        await decide(town, "mia", case, "refuse", town.rule, reason="  ")
    assert list(wrong.value.fields) == ["reason"]
    with pytest.raises(Invalid) as wrong:
        await decide(town, "mia", case, "refuse", town.rule, reason="x" * 4001)
    assert (await town.read(post.id)).state == "held"
    await decide(town, "mia", case, "refuse", everywhere)
    assert (await town.read(post.id)).state == "refused"


async def test_of_two_moderators_at_once_one_decides(town: Neighbourhood) -> None:
    post, case = await held(town)
    results = await asyncio.gather(
        decide(town, "mia", case, "release"), decide(town, "moe", case, "refuse", town.rule), return_exceptions=True
    )
    refusals = [result for result in results if isinstance(result, Refused)]
    assert [refusal.code for refusal in refusals] == ["decided_already"]
    async with town.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from decisions where post_id = $1", post.id) == 1


async def test_a_text_that_changed_meanwhile_must_be_read_again(town: Neighbourhood) -> None:
    post, case = await held(town)
    await town.edit(post, "Come to my other casino")
    with pytest.raises(Refused) as refusal:
        await decide(town, "mia", case, "release")
    assert refusal.value.code == "changed"
    assert (await town.read(post.id)).state == "held"
    await decide(town, "mia", await case_of(town, post), "release")
    assert (await town.read(post.id)).source == "Come to my other casino"


async def test_a_published_post_can_be_removed_while_a_change_of_it_is_held(town: Neighbourhood) -> None:
    await town.check(CASINO, "hold")
    post = await town.post("ana", "Bins on Tuesday")
    await town.edit(post, "Come to my casino")
    await decide(town, "mia", await case_of(town, post), "remove", town.rule)
    read = await town.read(post.id)
    assert (read.state, read.source) == ("removed", "Bins on Tuesday")
    async with town.runtime.db.transaction() as conn:
        # The change went with the post, and does not come back with it.
        assert (await revisions.one(conn, post.id, 2)).state == "refused"
        await decisions.restore(conn, town.viewer("moe"), post.id)
    await town.work()
    assert (await town.read(post.id)).source == "Bins on Tuesday"


async def test_a_refused_change_leaves_the_text_that_readers_see(town: Neighbourhood) -> None:
    await town.check(CASINO, "hold")
    post = await town.post("ana", "Bins on Tuesday")
    await town.edit(post, "Come to my casino")
    await decide(town, "mia", await case_of(town, post), "refuse", town.rule)
    read = await town.read(post.id)
    assert (read.state, read.source) == ("published", "Bins on Tuesday")
    assert town.spread_events(post) == ["create"]


async def test_refusing_a_change_does_not_answer_reports_of_the_text_that_readers_see(town: Neighbourhood) -> None:
    await town.check(CASINO, "hold")
    post = await town.post("ana", "Bins on Tuesday")
    await report(town, "ben", post)
    await town.edit(post, "Come to my casino")
    held_case = await case_of(town, post)
    await decide(town, "mia", held_case, "refuse", town.rule)
    case = await case_of(town, post)
    assert (case.id, case.opened_for, case.revision) == (held_case.id, "report", 1)
    assert await town.told("ben", "report_answered") == []
    await decide(town, "mia", case, "keep", reason="")
    assert await town.told("ben", "report_answered") == [{"verb": "keep", "rule_number": None, "rule_title": None}]


async def test_a_reply_waits_for_its_held_parent_and_shares_its_fate(town: Neighbourhood) -> None:
    parent, case = await held(town)
    innocent = await town.post("ana", "And bring your friends", parent=parent)
    caught = await town.post("ben", "Is it a big casino?", parent=parent)
    assert (innocent.state, caught.state) == ("submitted", "held")
    await decide(town, "mia", case, "refuse", town.rule)
    assert [(await town.read(post.id)).state for post in (innocent, caught)] == ["refused", "refused"]
    assert len(await town.told("ben", "parent_refused")) == 1
    assert not await has_case(town, caught)
    late = await town.submit("ben", "Where is it?", parent=await town.read(parent.id))
    await town.work()
    assert (await town.read(late.id)).state == "refused"
    assert len(await town.told("ben", "parent_refused")) == 2


async def test_a_reply_is_published_after_its_released_parent(town: Neighbourhood) -> None:
    parent, case = await held(town)
    reply = await town.post("ben", "Where is it?", parent=parent)
    await decide(town, "mia", case, "release")
    assert (await town.read(reply.id)).state == "published"
    assert town.spread_events(reply) == ["create"]


async def test_a_deleted_post_waits_for_nobody(town: Neighbourhood) -> None:
    post, case = await held(town)
    async with town.runtime.db.transaction() as conn:
        await posts.delete_post(conn, await posts.by_id(conn, post.id, lock=True))
        assert await review.queue(conn, town.viewer("mia")) == []
    await town.work()
    assert not await has_case(town, post)
    with pytest.raises(Refused):
        await decide(town, "mia", case, "release")
    assert (await town.read(post.id)).state == "deleted"


async def test_the_remote_author_of_a_removed_post_is_told_by_a_job(town: Neighbourhood) -> None:
    await town.remote_person("zoe")
    _, case = await flagged(town, "zoe")
    decision_id = await decide(town, "mia", case, "remove", town.rule)
    assert [job.args for job in town.spread if job.name == "spread_decision"] == [{"decision_id": decision_id}]


async def test_a_claim_is_another_moderators_for_ten_minutes(town: Neighbourhood, moved_clock: MovedClock) -> None:
    _, case = await held(town)
    async with town.runtime.db.transaction() as conn:
        await cases.claim(conn, town.viewer("mia"), case.id)
        await cases.claim(conn, town.viewer("mia"), case.id)
        with pytest.raises(Refused) as refusal:
            await cases.claim(conn, town.viewer("moe"), case.id)
        (line,) = await review.queue(conn, town.viewer("moe"))
        (own,) = await review.queue(conn, town.viewer("mia"))
    assert refusal.value.code == "claimed"
    assert (line.claimed_name, own.claimed_name) == ("mia", None)
    await moved_clock.advance(minutes=11)
    async with town.runtime.db.transaction() as conn:
        await cases.claim(conn, town.viewer("moe"), case.id)
    await decide(town, "moe", case, "release")
    async with town.runtime.db.transaction() as conn:
        with pytest.raises(Refused) as refusal:
            await cases.claim(conn, town.viewer("moe"), case.id)
    assert refusal.value.code == "decided_already"


async def test_reports_open_one_case_and_hide_nothing(town: Neighbourhood) -> None:
    await town.remote_person("zoe")
    post = await town.post("ana", "Buy my windows")
    first = await report(town, "ben", post)
    assert await report(town, "ben", post) == first
    remote = await report(town, "zoe", post, rule=None, uri="https://remote.example/flags/1")
    assert await report(town, "zoe", post, rule=None, uri="https://remote.example/flags/1") == remote
    assert (await town.read(post.id)).state == "published"
    assert len(await town.told("mia", "case_opened")) == 1
    case = await case_of(town, post)
    assert case.opened_for == "report"
    async with town.runtime.db.read() as conn:
        (line,) = await review.queue(conn, town.viewer("mia"))
    assert [(one.reporter_name, one.rule_number) for one in line.reports] == [("ben", 1), ("zoe", None)]
    await decide(town, "mia", case, "remove", town.rule)
    assert await town.told("ben", "report_answered") == [
        {"verb": "remove", "rule_number": 1, "rule_title": "No advertising"}
    ]


async def test_a_report_needs_a_rule_and_a_post_of_somebody_else_that_one_can_see(town: Neighbourhood) -> None:
    post = await town.post("ana", "Buy my windows")
    with pytest.raises(Invalid) as wrong:
        await report(town, "ben", post, rule=None)
    assert list(wrong.value.fields) == ["rule"]
    with pytest.raises(Refused) as refusal:
        await report(town, "ana", post)
    assert refusal.value.code == "own_post"
    hidden, _ = await held(town)
    with pytest.raises(NotFound):
        await report(town, "ben", hidden)
    async with town.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from reports") == 0


async def test_a_foreign_reports_address_cannot_be_taken(town: Neighbourhood) -> None:
    await town.remote_person("zoe")
    post, other = await town.post("ana", "Buy my windows"), await town.post("ben", "Buy my doors")
    uri = "https://remote.example/flags/1"
    assert await report(town, "zoe", post, rule=None, uri=uri) == await report(town, "zoe", other, rule=None, uri=uri)
    assert not await has_case(town, other)
