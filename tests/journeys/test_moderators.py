"""Moderators review: what a check stops is seen by nobody else, and each decision reaches whom it concerns."""

import pytest
from starlette.applications import Starlette

from moderation import checks
from moderation.criteria import WordsCriteria
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.journeys.conftest import add_group, add_rule, signed_in, work
from tests.web.counting import counted

REASON = "Nobody had asked for it."


class Street:
    """Elm Street: Mia and Moe moderate, Ana and Ben live there, a check holds the word casino and flags shop."""

    def __init__(self, app: Starlette, runtime: Runtime) -> None:
        self.app = app
        self.runtime = runtime

    async def settle(self) -> "Street":
        self.mia, self.moe = await signed_in(self.app, "mia"), await signed_in(self.app, "moe")
        self.ana, self.ben = await signed_in(self.app, "ana"), await signed_in(self.app, "ben")
        self.ada = await signed_in(self.app, "ada", admin=True)
        self.stranger = Browser(self.app)
        self.group_id = await add_group(self.runtime, moderator="mia")
        self.rule = await add_rule(self.runtime, self.group_id, "No advertising")
        self.other_rule = await add_rule(self.runtime, self.group_id, "Be kind")
        await self.ben.post("/g/elm_street/join", {})
        await self.moe.post("/g/elm_street/join", {})
        async with self.runtime.db.transaction() as conn:
            await conn.execute(
                """update memberships set role = 'moderator'
                    where person_id = (select id from actors where name = 'moe')"""
            )
            for word, action in (("casino", "hold"), ("shop", "flag")):
                await checks.create_check(
                    conn, self.group_id, self.rule, WordsCriteria((word,)), action, await self.id_of("mia")
                )
        return self

    async def id_of(self, name: str) -> int:
        found: int = await self.runtime.db.pool.fetchval("select id from actors where name = $1", name)
        return found

    async def write(self, browser: Browser, text: str, title: str = "An offer") -> str:
        """A thread, screened; its path."""
        sent = await (await browser.get("/g/elm_street/write")).form("Send").submit(title=title, text=text)
        assert sent.status == 200, sent.words
        await work(self.runtime)
        return sent.path

    async def case(self, browser: Browser) -> Answer:
        """The first case of the queue."""
        queue = await browser.get("/queue")
        first = queue.soup.select_one("a[data-first]")
        assert first is not None, queue.words
        return await browser.get(str(first["href"]))


@pytest.fixture
async def street(app: Starlette, runtime: Runtime) -> Street:
    return await Street(app, runtime).settle()


def places(thread: str) -> list[str]:
    """Every page and address that could tell of a post."""
    post_id = thread.removeprefix("/t/")
    return ["/", "/groups", "/g/elm_street", "/g/elm_street?sort=newest", "/g/elm_street?sort=unanswered", "/@ana",
            thread, f"{thread}/history", "/record", "/g/elm_street/record", "/notifications", f"/ap/posts/{post_id}",
            "/ap/groups/elm_street/outbox", "/ap/groups/elm_street/outbox?page=1", "/ap/people/ana/outbox"]  # fmt: skip


async def test_a_held_post_is_seen_by_nobody_else_until_it_is_released(street: Street) -> None:
    thread = await street.write(street.ana, "Come to my casino tonight.")
    for reader in (street.ben, street.stranger):
        for place in places(thread):
            for headers in ({}, {"accept": "application/activity+json"}):
                answer = await reader.get(place, headers=headers)
                assert "casino tonight" not in answer.text, place
                assert "An offer" not in answer.text, place
    own = await street.ana.get(thread)
    assert "held for a moderator" in own.words
    assert "A check for this rule stopped it: Rule 1: No advertising" in own.words
    assert own.soup.find("a", href="/g/elm_street/rules#rule-1") is not None
    case = await street.case(street.mia)
    assert "Shall this be published?" in case.words
    assert "<mark>casino</mark>" in case.text
    assert "Rule 1: No advertising" in case.words
    assert "Nobody has judged this check here yet." in case.words
    after = await case.form("Release").submit()
    assert after.path == "/queue"
    assert "Nothing waits." in after.words
    await work(street.runtime)
    for place in (thread, "/g/elm_street", "/@ana"):
        assert "An offer" in (await street.stranger.get(place)).words
    sent = await street.stranger.get(f"/ap/posts/{thread.removeprefix('/t/')}")
    assert (sent.status, "casino tonight" in sent.text) == (200, True)
    assert "now everybody can see it" in (await street.ana.get("/notifications")).words


async def test_sending_back_needs_a_rule_and_a_reason_and_the_author_reads_both(street: Street) -> None:
    thread = await street.write(street.ana, "Come to my casino tonight.")
    case = await street.case(street.mia)
    form = case.form("Send back")
    assert form.values["rule"] == str(street.rule)
    wrong = await form.submit()
    assert wrong.status == 422
    assert "Please tell the author why" in wrong.words
    wrong = await wrong.form("Send back").submit(rule="", reason=REASON)
    assert wrong.status == 422
    assert "Please choose the rule" in wrong.words
    assert wrong.form("Send back").values["reason"] == REASON
    await wrong.form("Send back").submit(rule=str(street.rule), reason=REASON)
    await work(street.runtime)
    for reader in (street.ben, street.stranger):
        assert (await reader.get(thread)).status == 404
    told = await street.ana.get("/notifications")
    decision = await told.follow("“An offer” was sent back to you. See why, and what you can do.")
    assert decision.path.startswith("/decisions/")
    assert "Rule 1: No advertising" in decision.words
    assert REASON in decision.words
    edit = await decision.follow("Change it and send again")
    await edit.form("Save").submit(text="Come to my garden tonight.")
    await work(street.runtime)
    assert "garden" in (await street.mia.get(thread)).words
    for reader in (street.ben, street.stranger):
        assert (await reader.get(decision.path)).status in (200, 404)
        assert REASON not in (await reader.get(decision.path)).words


async def reported(street: Street, thread: str) -> None:
    page = await (await street.ben.get(thread)).follow("Report")
    await page.form("Send report").submit(rule=str(street.other_rule), comment="He said worse before.")


async def test_a_report_becomes_a_case_and_is_kept(street: Street) -> None:
    thread = await street.write(street.ana, "You lazy lot.")
    await reported(street, thread)
    case = await street.case(street.moe)
    assert "Shall this stay?" in case.words
    assert "Reported by ben" in case.words
    assert "“He said worse before.”" in case.words
    assert "Rule 2: Be kind" in case.words
    assert case.form("Keep").values["rule"] == str(street.other_rule)
    await case.form("Keep").submit()
    await work(street.runtime)
    assert "Decided for the author 0 0 1" in (await street.stranger.get("/g/elm_street/record")).words
    assert "You lazy lot." in (await street.stranger.get(thread)).words
    assert "Your report about “An offer” was looked at." in (await street.ben.get("/notifications")).words
    assert "Nothing waits." in (await street.mia.get("/queue")).words


async def test_a_removed_post_leaves_a_placeholder_and_a_public_reason(street: Street) -> None:
    thread = await street.write(street.ana, "You lazy lot.")
    await (await street.ben.get(thread)).form("Send reply").submit(text="Thank you very much.")
    await reported(street, thread)
    case = await street.case(street.mia)
    after = await case.form("Remove").submit(reason=REASON)
    assert after.has_button("Put it back")
    await work(street.runtime)
    shown = await street.stranger.get(thread)
    assert "A moderator removed this text." in shown.words
    assert "lazy" not in shown.text
    assert "Thank you very much." in shown.words
    assert "lazy" not in (await street.stranger.get("/g/elm_street")).text
    told = await (await street.ana.get("/notifications")).follow(
        "“An offer” was removed. See why, and what you can do."
    )
    assert "Rule 2: Be kind" in told.words
    assert REASON in told.words
    record = await street.stranger.get("/g/elm_street/record")
    assert "A post was removed." in record.words
    assert REASON in record.words
    assert "ana" not in record.words.split()
    decision = await (await street.moe.get(thread)).follow("Why, and what you can do")
    assert "This post was removed" in decision.words
    assert decision.has_button("Put it back")
    back = await after.form("Put it back").submit()
    assert "It is back." in back.words
    await work(street.runtime)
    assert "You lazy lot." in (await street.stranger.get(thread)).words
    assert "reversed later" in (await street.stranger.get("/g/elm_street/record")).words


async def test_a_moderator_removes_a_post_on_sight(street: Street) -> None:
    thread = await street.write(street.ana, "You lazy lot.")
    page = await (await street.mia.get(thread)).follow("Remove (moderator)")
    assert "You lazy lot." in page.words
    wrong = await page.form("Remove").submit(reason=REASON)
    assert wrong.status == 422
    assert wrong.form("Remove").values["reason"] == REASON
    done = await wrong.form("Remove").submit(rule=str(street.other_rule))
    assert "This post was removed" in done.words
    assert done.has_button("Put it back")
    own = await street.mia.get(await street.write(street.mia, "My own."))
    refused = await street.mia.post(f"{own.path}/remove", {"rule": str(street.rule), "reason": REASON})
    assert refused.status == 409


async def test_two_moderators_at_once_decide_once(street: Street) -> None:
    await street.write(street.ana, "Come to my casino tonight.")
    mias, mos = await street.case(street.mia), await street.case(street.moe)
    assert "mia opened this a moment ago" in mos.words
    assert "mia is looking at it" in (await street.moe.get("/queue")).words
    await mias.form("Release").submit()
    late = await mos.form("Send back").submit(reason=REASON)
    assert late.status == 409
    assert "Another moderator has decided this meanwhile." in late.words
    assert REASON in late.text
    again = await mias.form("Release").submit()
    assert again.status == 200
    assert await street.runtime.db.pool.fetchval("select count(*) from decisions") == 1


async def test_a_decision_about_a_text_that_changed_meanwhile_is_asked_again(street: Street) -> None:
    thread = await street.write(street.ana, "Come to my casino tonight.")
    case = await street.case(street.mia)
    await (await street.ana.get(f"{thread}/edit")).form("Save").submit(text="Come to my casino for free.")
    await work(street.runtime)
    again = await case.form("Send back").submit(reason=REASON)
    assert again.status == 409
    assert "The author has changed this text meanwhile." in again.words
    assert "for free" in again.words
    assert again.form("Send back").values["reason"] == REASON
    assert (await again.form("Send back").submit()).status == 200


async def test_the_next_case_follows_without_going_back(street: Street) -> None:
    for number in range(3):
        await street.write(street.ana, f"My casino number {number}.", f"Offer {number}")
    case = await street.case(street.mia)
    assert "2 more wait" in case.words
    following = await case.form("Release").submit()
    assert "Decided. Here is the next one." in following.words
    assert "Offer 1" in following.words
    later = await following.follow("Later")
    assert "Offer 2" in later.words
    assert "1 more waits" in later.words


async def test_for_others_the_review_does_not_exist(street: Street) -> None:
    thread = await street.write(street.ana, "Come to my casino tonight.")
    public = await street.write(street.ana, "On our sill.", "A cat")
    case = (await street.case(street.mia)).path
    for path in ("/queue", case, f"{public}/remove"):
        assert (await street.ben.get(path)).status == 404
        assert (await street.stranger.get(path, follow=False)).header("location") == f"/login?next={path}"
    typed = {"verb": "release", "version": "1", "rule": str(street.rule), "reason": REASON}
    for path in (case, f"{public}/remove", f"{public}/restore", f"{thread}/remove"):
        for nobody in (street.ben, street.ana):
            assert (await nobody.post(path, typed)).status == 404, path
    carl = await signed_in(street.app, "carl")
    await add_group(street.runtime, "mill_lane", moderator="carl")
    assert "casino" not in (await carl.get("/queue")).text
    assert "casino" not in (await carl.get("/queue?group=elm_street")).text
    for answer in (await carl.get(case), await carl.post(case, typed), await carl.post(f"{public}/remove", typed)):
        assert answer.status == 404
    assert "casino" in (await street.ada.get(case)).text
    assert await street.runtime.db.pool.fetchval("select count(*) from decisions") == 0


BAD = [
    ({}, 422), ({"version": "x", "verb": "release"}, 422), ({"version": "1", "verb": "burn"}, 409),
    ({"version": "1", "verb": "keep"}, 409), ({"version": "1", "verb": "refuse", "rule": "9" * 30}, 422),
    ({"version": "1", "verb": "refuse", "reason": "x" * 4001}, 422), ({"version": "1", "reason": "\x00"}, 422),
    ({"version": "9" * 25, "verb": "release"}, 422), ({"version": "7", "verb": "release"}, 409),
]  # fmt: skip


async def test_bad_input_is_refused_and_decides_nothing(street: Street) -> None:
    await street.write(street.ana, "Come to my casino tonight.")
    case = await street.case(street.mia)
    for typed, status in BAD:
        assert (typed, (await street.mia.post(case.path, typed)).status) == (typed, status)
    for path in ("/queue/x", "/queue/1", f"/queue/{'9' * 30}", "/decisions/1", "/decisions/x", "/t/1/decision",
                 "/queue?group=a%20b"):  # fmt: skip
        assert (path, (await street.mia.get(path)).status) == (path, 404)
    assert (await street.mia.get("/queue?group=%00")).status in (400, 404)
    assert (await street.mia.get("/queue?page=x")).status == 200
    assert await street.runtime.db.pool.fetchval("select count(*) from decisions") == 0


async def test_pages_of_the_review_take_at_most_four_statements(street: Street) -> None:
    thread = await street.write(street.ana, "My shop by the bridge.")
    await (await street.ben.get(thread)).form("Send reply").submit(text="A casino!")
    await work(street.runtime)
    cases = [str(link["href"]) for link in (await street.mia.get("/queue")).soup.select("a.title")]
    assert len(cases) == 2
    removed = (
        await (await street.mia.get(f"{thread}/remove")).form("Remove").submit(rule=str(street.rule), reason=REASON)
    )
    cases = [path for path in cases if (await street.moe.get(path)).path == path]
    shown = await street.write(street.ana, "On our sill.", "A cat")
    for path in ("/queue", "/queue?group=elm_street", *cases, removed.path, f"{shown}/remove"):
        async with counted(street.runtime) as statements:
            answer = await street.mia.get(path, follow=False)
        assert (path, answer.status) == (path, 200)
        assert len(statements) <= 4, (path, statements)


async def test_home_says_once_for_each_group_what_waits(street: Street) -> None:
    for title in ("One", "Two"):
        await street.write(street.ana, f"Come to my casino, {title}.", title)
    home = await street.mia.get("/")
    assert "2 posts in Elm Street wait for a moderator." in home.words
    assert "A post in Elm Street waits for a moderator." not in home.words
    assert "A post in Elm Street waits for a moderator." in (await street.mia.get("/notifications")).words


async def test_the_author_of_a_held_reply_reads_by_which_rule(street: Street) -> None:
    thread = await street.write(street.ana, "Come to my garden tonight.")
    await (await street.ben.get(thread)).form("Send reply").submit(text="Or to my casino.")
    await work(street.runtime)
    stopped = "A check for this rule stopped it: Rule 1: No advertising"
    assert stopped in (await street.ben.get(thread)).words
    assert stopped not in (await street.ana.get(thread)).words
