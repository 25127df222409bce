"""Every text is read before anybody else sees it: publish, flag or hold."""

import asyncpg
import pytest

from moderation import cases, decisions, instances, screening
from moderation.criteria import NewcomerCriteria, RepeatedCriteria, ScoreCriteria, WordsCriteria
from moderation.decisions import Judgement
from moderation.scorer import ScorerUnavailable
from moderation.scoring import Scoring
from server.community import access, posts
from server.errors import NotFound, Refused
from server.runtime import Runtime
from tests.moderation.conftest import Neighbourhood, StubScorer

CASINO = WordsCriteria(("casino",))


async def visible(town: Neighbourhood, name: str, post_id: int) -> bool:
    async with town.runtime.db.read() as conn:
        try:
            await access.access_post(conn, town.viewer(name), post_id)
        except NotFound:
            return False
    return True


async def test_an_honest_post_is_published_and_spread(town: Neighbourhood) -> None:
    post = await town.post("ana", "Who knows when the bins are emptied this week?")
    assert post.state == "published"
    assert post.language == "en"
    assert town.spread_events(post) == ["create"]
    async with town.runtime.db.read() as conn:
        screened = await screening.screening_of(conn, post.id, 1)
        assert await cases.open_of_post(conn, post.id) is None
    assert screened is not None
    assert (screened.outcome, screened.scorer, screened.not_scored) == ("publish", "", None)


async def test_a_word_check_holds_a_post_that_only_author_and_moderators_see(town: Neighbourhood) -> None:
    await town.check(CASINO, "hold")
    post = await town.post("ana", "Visit my c4sino tonight")
    assert post.state == "held"
    assert town.spread_events(post) == []
    seen = [name for name in ("ana", "ben", "mia", "moe", "ada") if await visible(town, name, post.id)]
    assert seen == ["ana", "mia", "moe", "ada"]
    assert len(await town.told("ana", "held")) == 1
    assert len(await town.told("mia", "case_opened")) == 1
    assert await town.told("ben", "case_opened") == []
    assert await town.told("ada", "case_opened") == []


async def test_a_flag_publishes_and_queues(town: Neighbourhood) -> None:
    await town.check(CASINO, "flag")
    post = await town.post("ana", "The casino on Mill Lane has closed")
    assert post.state == "published"
    assert town.spread_events(post) == ["create"]
    async with town.runtime.db.read() as conn:
        case = await cases.open_of_post(conn, post.id)
    assert case is not None
    assert case.opened_for == "flag"


async def test_a_second_run_changes_nothing(town: Neighbourhood) -> None:
    await town.check(CASINO, "flag")
    post = await town.post("ana", "The casino on Mill Lane has closed")
    async with town.runtime.db.transaction() as conn:
        await screening.screen_revision(conn, town.runtime, post_id=post.id, number=1)
    await town.work()
    assert town.spread_events(post) == ["create"]
    async with town.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from findings") == 1
        assert await conn.fetchval("select count(*) from screenings") == 1


async def test_an_edit_is_screened_while_readers_see_the_text_before(town: Neighbourhood) -> None:
    await town.check(CASINO, "hold")
    post = await town.post("ana", "Bins on Tuesday")
    number = await town.edit(post, "Come to my casino")
    read = await town.read(post.id)
    assert (read.state, read.source) == ("published", "Bins on Tuesday")
    assert town.spread_events(post) == ["create"]
    async with town.runtime.db.read() as conn:
        case = await cases.open_of_post(conn, post.id)
    assert case is not None
    assert case.revision == number
    async with town.runtime.db.transaction() as conn:
        await decisions.decide(conn, town.viewer("mia"), case.id, Judgement("release"), version=case.version)
    await town.work()
    read = await town.read(post.id)
    assert (read.state, read.source) == ("published", "Come to my casino")
    assert town.spread_events(post) == ["create", "update:2"]


async def test_an_author_cannot_try_words_out_until_the_checks_let_one_through(town: Neighbourhood) -> None:
    await town.check(CASINO, "hold")
    post = await town.post("ana", "Come to my casino")
    await town.edit(post, "Come to my ca-si-no")
    read = await town.read(post.id)
    assert read.state == "held"
    async with town.runtime.db.read() as conn:
        case = await cases.open_of_post(conn, post.id)
    assert case is not None
    assert (case.revision, case.version) == (2, 2)
    assert len(await town.told("mia", "case_opened")) == 1


async def test_a_removed_post_lets_no_edit_through_until_it_is_back(town: Neighbourhood) -> None:
    post = await town.post("ana", "Bins on Tuesday")
    async with town.runtime.db.transaction() as conn:
        await decisions.remove_directly(conn, town.viewer("mia"), post.id, town.rule, "An advertisement.")
    await town.edit(post, "Bins on Wednesday")
    assert (await town.read(post.id)).source == "Bins on Tuesday"
    async with town.runtime.db.transaction() as conn:
        await decisions.restore(conn, town.viewer("moe"), post.id)
    await town.work()
    read = await town.read(post.id)
    assert (read.state, read.source) == ("published", "Bins on Wednesday")


async def test_newcomers_are_held_until_they_have_published_here(town: Neighbourhood) -> None:
    await town.check(NewcomerCriteria(posts=1, days=0), "hold")
    first = await town.post("ana", "Hello, I have moved into number 7")
    assert first.state == "held"
    async with town.runtime.db.transaction() as conn:
        case = await cases.open_of_post(conn, first.id)
        assert case is not None
        await decisions.decide(conn, town.viewer("mia"), case.id, Judgement("release"), version=case.version)
    second = await town.post("ana", "Does anybody have a ladder?")
    assert (await town.read(first.id)).state == "published"
    assert second.state == "published"


async def test_repeats_are_found_even_after_deletion(town: Neighbourhood) -> None:
    await town.check(RepeatedCriteria(times=2, hours=24), "hold")
    advert = "Cheap windows and doors, fitted by friendly experts near you"
    first = await town.post("ana", advert)
    assert first.state == "published"
    async with town.runtime.db.transaction() as conn:
        await posts.delete_post(conn, await posts.by_id(conn, first.id, lock=True))
    assert (await town.post("ana", advert + "!")).state == "held"
    assert (await town.post("ben", advert)).state == "published"


async def test_the_first_post_from_elsewhere_is_held_where_the_group_asks_for_it(town: Neighbourhood) -> None:
    await town.remote_person("zoe")
    assert (await town.post("zoe", "Hello from another town")).state == "published"
    async with town.runtime.db.transaction() as conn:
        await conn.execute("update groups set hold_first_remote = true")
    await town.remote_person("yan")
    held = await town.post("yan", "Good evening from another town")
    assert held.state == "held"
    assert (await town.post("zoe", "A second hello from another town")).state == "published"
    assert (await town.post("ben", "Hello from number 9")).state == "published"
    async with town.runtime.db.read() as conn:
        kinds = await conn.fetch("select kind, rule_id, action from findings")
    assert [tuple(row) for row in kinds] == [("first_remote", None, "hold")]


async def test_everything_from_a_limited_instance_is_held(town: Neighbourhood) -> None:
    await town.remote_person("zoe", "forum.remote.example")
    assert (await town.post("zoe", "Hello from another town")).state == "published"
    async with town.runtime.db.transaction() as conn:
        await instances.set_policy(conn, town.urls, "Remote.example", "limited", "Much spam", town.people["ada"])
    assert (await town.post("zoe", "Another hello from another town")).state == "held"


@pytest.mark.parametrize(
    ("scorer", "reason"),
    [
        (StubScorer(error=ScorerUnavailable("The model is missing.")), "The model is missing."),
        (StubScorer(error=RuntimeError("boom")), "The scorer failed while reading this text."),
        (None, "No scorer is set up on this server."),
    ],
)
async def test_without_a_scorer_plain_checks_work_and_the_queue_says_so(
    town: Neighbourhood, scorer: StubScorer | None, reason: str
) -> None:
    town.runtime.provide(Scoring, Scoring(scorer))
    await town.check(ScoreCriteria("toxicity", 0.5), "flag")
    await town.check(CASINO, "hold")
    held = await town.post("ana", "Come to my casino tonight, everybody")
    fine = await town.post("ben", "Bins are emptied on Tuesday this week")
    assert (held.state, fine.state) == ("held", "published")
    async with town.runtime.db.read() as conn:
        screened = await screening.screening_of(conn, fine.id, 1)
        problem = await screening.scorer_problem(conn)
    assert screened is not None
    assert (screened.not_scored, screened.failed) == (reason, True)
    assert problem == reason


async def test_a_score_flags_and_never_holds(town: Neighbourhood) -> None:
    scorer = StubScorer(0.97)
    town.runtime.provide(Scoring, Scoring(scorer))
    await town.check(ScoreCriteria("toxicity", 0.9), "flag")
    post = await town.post("ana", "You are the worst neighbours anybody could have")
    assert post.state == "published"
    async with town.runtime.db.read() as conn:
        found = await conn.fetchrow("select kind, label, score, action from findings")
        assert await screening.scorer_problem(conn) is None
    assert found is not None
    assert (found["kind"], found["label"], found["action"]) == ("score", "toxicity", "flag")
    assert found["score"] == pytest.approx(0.97)


async def test_a_score_may_not_hold_by_form_or_by_database(town: Neighbourhood) -> None:
    with pytest.raises(Refused) as refusal:
        await town.check(ScoreCriteria("toxicity", 0.9), "hold")
    assert refusal.value.code == "score_may_only_flag"
    check = await town.check(ScoreCriteria("toxicity", 0.9), "flag")
    async with town.runtime.db.read() as conn:
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute("update checks set action = 'hold' where id = $1", check)


async def test_a_language_that_the_scorer_does_not_read_is_not_scored(town: Neighbourhood) -> None:
    scorer = StubScorer(0.97)
    town.runtime.provide(Scoring, Scoring(scorer))
    await town.check(ScoreCriteria("toxicity", 0.9), "flag")
    post = await town.post("ana", "Wann wird in dieser Woche eigentlich der Müll abgeholt?", title=None)
    assert scorer.asked == []
    async with town.runtime.db.read() as conn:
        screened = await screening.screening_of(conn, post.id, 1)
        assert await screening.scorer_problem(conn) is None
    assert screened is not None
    assert screened.not_scored == "The scorer does not read this language."
    assert screened.scores == {}


async def test_no_score_is_asked_for_where_no_check_needs_one(town: Neighbourhood) -> None:
    scorer = StubScorer(0.97)
    town.runtime.provide(Scoring, Scoring(scorer))
    await town.post("ana", "You are the worst neighbours anybody could have")
    assert scorer.asked == []


async def test_a_slow_scorer_flags_after_publication(town: Neighbourhood) -> None:
    scorer = StubScorer(0.97)
    town.runtime.provide(Scoring, Scoring(scorer, at_once=False))
    await town.check(ScoreCriteria("toxicity", 0.9), "flag")
    post = await town.submit("ana", "You are the worst neighbours anybody could have")
    async with town.runtime.db.transaction() as conn:
        await screening.screen_revision(conn, town.runtime, post_id=post.id, number=1)
    assert (await town.read(post.id)).state == "published"
    assert scorer.asked == []
    await town.work()
    async with town.runtime.db.read() as conn:
        case = await cases.open_of_post(conn, post.id)
        screened = await screening.screening_of(conn, post.id, 1)
    assert case is not None
    assert case.opened_for == "flag"
    assert screened is not None
    assert (screened.outcome, screened.scorer, screened.not_scored) == ("flag", "stub", None)


async def test_a_slow_scorer_that_is_away_is_asked_again_twice(town: Neighbourhood) -> None:
    scorer = StubScorer(0.97, ScorerUnavailable("Detoxify is still being loaded."))
    town.runtime.provide(Scoring, Scoring(scorer, at_once=False))
    await town.check(ScoreCriteria("toxicity", 0.9), "flag")
    post = await town.post("ana", "You are the worst neighbours anybody could have")
    assert post.state == "published"
    async with town.runtime.db.transaction() as conn:
        assert await screening.scorer_problem(conn) == "Detoxify is still being loaded."
        await conn.execute("update jobs set due_at = clock_now()")
    await town.work()
    async with town.runtime.db.transaction() as conn:
        await conn.execute("update jobs set due_at = clock_now()")
    await town.work()
    assert len(scorer.asked) == 3
    async with town.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from jobs where name = 'score_revision'") == 0


async def test_the_setting_chooses_the_scorer(runtime: Runtime) -> None:
    scoring = await runtime.use(Scoring)
    assert scoring.labels == ("toxicity",)
    assert scoring.at_once
    reading = await scoring.read("Thank you for the lovely evening", "en")
    assert reading.scorer == "light"
    assert reading.scores is not None


async def test_a_slow_score_is_taken_once(town: Neighbourhood) -> None:
    town.runtime.provide(Scoring, Scoring(StubScorer(0.97), at_once=False))
    await town.check(ScoreCriteria("toxicity", 0.9), "flag")
    post = await town.post("ana", "You are the worst neighbours anybody could have")
    await screening.score_revision(town.runtime, post_id=post.id, number=1)
    async with town.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from findings") == 1


async def test_a_slow_score_of_a_deleted_post_asks_nobody(town: Neighbourhood) -> None:
    town.runtime.provide(Scoring, Scoring(StubScorer(0.97), at_once=False))
    await town.check(ScoreCriteria("toxicity", 0.9), "flag")
    post = await town.submit("ana", "You are the worst neighbours anybody could have")
    async with town.runtime.db.transaction() as conn:
        await screening.screen_revision(conn, town.runtime, post_id=post.id, number=1)
        await posts.delete_post(conn, await posts.by_id(conn, post.id, lock=True))
    await screening.score_revision(town.runtime, post_id=post.id, number=1)
    assert await town.told("mia", "case_opened") == []
