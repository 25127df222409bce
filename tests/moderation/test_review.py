"""What a moderator reads before deciding."""

from moderation import cases, decisions, reports, review, rules
from moderation.criteria import WordsCriteria
from moderation.decisions import Judgement
from moderation.rules import RuleForm
from server import db
from server.community import groups, memberships
from server.community.groups import GroupForm
from server.community.posts import Post
from tests.moderation.conftest import Neighbourhood
from tests.moderation.test_decisions import case_of, decide, report

CASINO = WordsCriteria(("casino",))


async def lines(town: Neighbourhood, name: str, group_id: int | None = None) -> list[review.CaseLine]:
    async with town.runtime.db.read() as conn:
        return await review.queue(conn, town.viewer(name), group_id=group_id)


async def test_the_queue_shows_the_held_text_with_its_reasons(town: Neighbourhood) -> None:
    check = await town.check(CASINO, "hold")
    await town.post("ana", "Bins on Monday", title="Rubbish")
    post = await town.post("ana", "Bins on Tuesday", title="Rubbish")
    await town.edit(post, "Come to my **casino**")
    (line,) = await lines(town, "mia")
    assert (line.source, line.revision, line.shown_revision, line.held) == ("Come to my **casino**", 2, 1, True)
    assert (line.author_name, line.published_here, line.removed_here, line.thread_title) == ("ana", 1, 0, "Rubbish")
    (found,) = line.findings
    assert (found.check_id, found.kind, found.action, found.matched) == (check, "words", "hold", ["casino"])
    assert (found.rule_number, found.rule_title) == (1, "No advertising")
    assert (line.total, line.reports) == (1, [])


async def test_holds_come_first_then_what_waits_longest(town: Neighbourhood) -> None:
    await town.check(WordsCriteria(("shop",)), "flag")
    await town.check(CASINO, "hold")
    flags = [await town.post("ana", f"My shop number {n}") for n in (1, 2)]
    hold = await town.post("ana", "Come to my casino")
    found = await lines(town, "mia")
    assert [line.post_id for line in found] == [hold.id, flags[0].id, flags[1].id]
    assert {line.total for line in found} == {3}
    async with town.runtime.db.read() as conn:
        details = await review.case_details(conn, town.viewer("mia"), found[1].id)
        last = await review.case_details(conn, town.viewer("mia"), found[2].id)
    assert (details.left, details.next_id) == (2, found[2].id)
    assert last.next_id is None


async def test_each_moderator_sees_their_groups_and_an_admin_all(town: Neighbourhood) -> None:
    await town.check(CASINO, "hold")
    async with town.runtime.db.transaction() as conn:
        other = await groups.create(conn, town.urls, "mill_lane", GroupForm(title="Mill Lane"))
        await memberships.add_moderator(conn, town.people["ben"], other)
    here = await town.post("ana", "Come to my casino")
    there = await town.post("ana", "Is this the right place?", group_id=other)
    async with town.runtime.db.transaction() as conn:
        await cases.open_case(conn, there, 1, "flag")

    def ids(found: list[review.CaseLine]) -> set[int]:
        return {line.post_id for line in found}

    assert ids(await lines(town, "mia")) == {here.id}
    assert ids(await lines(town, "ben")) == {there.id}
    assert ids(await lines(town, "ada")) == {here.id, there.id}
    assert ids(await lines(town, "ada", other)) == {there.id}
    assert ids(await lines(town, "ana")) == set()


async def test_the_queue_is_one_statement_however_long(town: Neighbourhood) -> None:
    await town.check(CASINO, "flag")
    for n in range(3):
        await report(town, "ben", await town.post("ana", f"My casino number {n}"))
    statements: list[str] = []
    async with town.runtime.db.read() as conn:
        conn.add_query_logger(lambda query: statements.append(query.query))
        found = await review.queue(conn, town.viewer("mia"))
    assert len(found) == 3
    assert len(statements) == 1


async def test_a_case_is_read_in_its_conversation(town: Neighbourhood) -> None:
    await town.check(CASINO, "hold")
    thread = await town.post("ben", "What shall we do on Friday?", title="Friday")
    middle = await town.post("mia", "Something with cards", parent=thread)
    reply = await town.post("ana", "My casino!", parent=middle)
    case = await case_of(town, reply)
    async with town.runtime.db.read() as conn:
        details = await review.case_details(conn, town.viewer("moe"), case.id)
    assert [(post.author_name, post.excerpt) for post in details.above] == [
        ("ben", "What shall we do on Friday?"),
        ("mia", "Something with cards"),
    ]
    assert (details.line.reply, details.line.thread_title) == (True, "Friday")


async def test_it_says_how_often_a_check_was_right_here(town: Neighbourhood) -> None:
    check = await town.check(CASINO, "hold")

    async def next_case() -> tuple[Post, cases.Case]:
        post = await town.post("ana", "Come to my casino")
        return post, await case_of(town, post)

    await decide(town, "mia", (await next_case())[1], "refuse", town.rule)
    await decide(town, "mia", (await next_case())[1], "release")
    _, waiting = await next_case()
    async with town.runtime.db.read() as conn:
        details = await review.case_details(conn, town.viewer("mia"), waiting.id)
    accuracy = details.accuracy[check]
    assert (accuracy.correct, accuracy.judged) == (1, 2)
    assert [(past.verb, past.rule_number) for past in details.past] == [("release", None), ("refuse", 1)]
    assert (details.line.published_here, details.line.refused_here) == (1, 1)


async def test_a_reversed_removal_does_not_speak_for_the_check(town: Neighbourhood) -> None:
    check = await town.check(CASINO, "flag")
    post = await town.post("ana", "Come to my casino")
    case = await case_of(town, post)
    await decide(town, "mia", case, "remove", town.rule)

    async def accuracy(conn: db.Conn) -> tuple[int, int]:
        found = (await review.case_details(conn, town.viewer("mia"), case.id)).accuracy[check]
        return found.correct, found.judged

    async with town.runtime.db.transaction() as conn:
        assert await accuracy(conn) == (1, 1)
        await decisions.restore(conn, town.viewer("moe"), post.id)
        assert await accuracy(conn) == (0, 1)


async def test_in_a_group_elsewhere_the_admins_decide_for_readers_here(town: Neighbourhood) -> None:
    group_id = await town.remote_group("gardens")
    await town.remote_person("zoe")
    post = await town.post("zoe", "Tomatoes are cheap at my shop", group_id=group_id)
    group, reporter = await town.group("ben", group_id), await town.actor("ben")
    async with town.runtime.db.transaction() as conn:
        everywhere = await rules.add(conn, None, RuleForm("No shops anywhere"), None)
        await reports.file_report(conn, reporter, post, group, everywhere, "A shop again")
    assert len(await town.told("ada", "case_opened")) == 1
    assert await lines(town, "mia") == []
    (line,) = await lines(town, "ada")
    async with town.runtime.db.transaction() as conn:
        judgement = Judgement("remove", everywhere, "Not for our readers.")
        await decisions.decide(conn, town.viewer("ada"), line.id, judgement, version=line.version)
    await town.work()
    assert (await town.read(post.id)).state == "removed"
    names = [job.name for job in town.spread]
    assert "spread_report" in names
    assert "spread_decision" not in names
