"""Moderators write their group's rules and checks, set who may do what, and let people in."""

import csv
import io
import json

import pytest
from starlette.applications import Starlette

from server.runtime import Runtime
from tests.browser_like import Browser
from tests.journeys.conftest import add_group, add_rule, signed_in, work
from tests.web.counting import counted

PAGES = ["/g/elm_street/settings", "/g/elm_street/settings/rules", "/g/elm_street/settings/checks",
         "/g/elm_street/members"]  # fmt: skip


async def test_rules_are_added_changed_reordered_and_retired(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    mia = await signed_in(app, "mia")
    await add_group(runtime, moderator="mia")
    page = await (await mia.get("/g/elm_street/rules")).follow("Edit the rules")
    page = await page.form("Add the rule").submit(title="No advertising", body="Ask *first*.")
    assert "Saved." in page.words
    assert page.form("Add the rule").values["number"] == "2"
    page = await page.form("Add the rule").submit(title="Be kind")
    wrong = await page.form("Add the rule").submit(number="1", title="Stay on topic", body="Elm Street only.")
    assert wrong.status == 422
    assert "Rule 1 is “No advertising”." in wrong.words
    assert wrong.form("Add the rule").values["body"] == "Elm Street only."
    one = await mia.get(str(page.soup.select_one("a.act[href*='?edit=']")["href"]))  # type: ignore[index]
    form = one.form("Save as a new version")
    assert (form.values["title"], form.values["body"]) == ("No advertising", "Ask *first*.")
    wrong = await form.submit(title="", body="Ask the group first.")
    assert wrong.status == 422
    assert wrong.form("Save as a new version").values["body"] == "Ask the group first."
    await wrong.form("Save as a new version").submit(title="No advertisements")
    shown = await stranger.get("/g/elm_street/rules")
    assert "No advertisements" in shown.words
    assert "Version 2" in shown.words
    page = await mia.get("/g/elm_street/settings/rules")
    moved = await page.form("Down").submit()
    assert [title.get_text() for title in moved.soup.select("li h2")] == ["1. Be kind", "2. No advertisements"]
    question = await moved.follow("Retire : Be kind")
    assert "its checks end with it" in question.words
    assert "Be kind" in (await stranger.get("/g/elm_street/rules")).words
    await question.form("Retire").submit()
    assert "Be kind" not in (await stranger.get("/g/elm_street/rules")).words


CHECKS = [
    ("words", {"entries": ""}, "Please write at least one entry", {"entries": "casino\nfree money"}),
    ("domains", {"entries": "co.uk"}, "would strike every site", {"entries": "https://shop.example/x"}),
    ("newcomer", {"posts": "", "days": ""}, "Please give a number of posts", {"posts": "2", "days": "3"}),
    ("links", {"links": "many"}, "Please give a whole number", {"links": "3"}),
    ("repeated", {"times": "1", "hours": "5"}, "Please give a whole number", {"times": "2", "hours": "24"}),
    ("score", {"label": "toxicity", "threshold": "900"}, "from 1 to 100",
     {"label": "toxicity", "threshold": "90"}),
]  # fmt: skip


async def test_each_kind_of_check_is_added_and_changed(app: Starlette, runtime: Runtime) -> None:
    mia = await signed_in(app, "mia")
    group_id = await add_group(runtime, moderator="mia")
    rule = str(await add_rule(runtime, group_id, "No advertising"))
    for kind, bad, problem, good in CHECKS:
        page = await mia.get(f"/g/elm_street/settings/checks?kind={kind}")
        wrong = await page.form("Add the check").submit(rule=rule, **bad)
        assert (kind, wrong.status) == (kind, 422)
        assert problem in wrong.words
        kept = wrong.form("Add the check").values
        assert {name: kept[name] for name in bad} == bad
        wrong = await wrong.form("Add the check").submit(rule="", **good)
        assert "Please choose the rule" in wrong.words
        form = wrong.form("Add the check")
        for _ in range(2):
            assert (await form.submit(rule=rule)).status == 200
    rows = await runtime.db.pool.fetch("select kind, action, settings from checks order by id")
    assert [row["kind"] for row in rows] == [kind for kind, *_ in CHECKS]
    assert rows[-1]["settings"] == {"label": "toxicity", "least": 0.9}
    page = await mia.get("/g/elm_street/settings/checks")
    links = [str(link["href"]) for link in page.soup.select("a.act[href*='?edit=']")]
    for link, (_, _, _, good) in zip(links, CHECKS, strict=True):
        form = (await mia.get(link)).form("Save")
        stored = {name: value.removeprefix("https://").removesuffix("/x") for name, value in good.items()}
        assert {name: form.values[name] for name in good} == stored
        assert (await form.submit()).status == 200
    assert len(await runtime.db.pool.fetch("select 1 from checks")) == len(CHECKS)


async def test_a_score_may_only_flag_and_the_page_says_why(app: Starlette, runtime: Runtime) -> None:
    mia = await signed_in(app, "mia")
    group_id = await add_group(runtime, moderator="mia")
    rule = str(await add_rule(runtime, group_id, "Be kind"))
    page = await mia.get("/g/elm_street/settings/checks?kind=score")
    assert "It is often wrong, so it may only flag, never hold." in page.words
    assert not page.soup.select("input[name=then]")
    refused = await page.form("Add the check").submit(rule=rule, label="toxicity", threshold="90", then="hold")
    assert refused.status == 409
    assert "it cannot hold it" in refused.words
    assert await runtime.db.pool.fetchval("select count(*) from checks") == 0


async def test_a_check_is_switched_off_and_taken_away(app: Starlette, runtime: Runtime) -> None:
    mia = await signed_in(app, "mia")
    group_id = await add_group(runtime, moderator="mia")
    rule = str(await add_rule(runtime, group_id, "No advertising"))
    page = await mia.get("/g/elm_street/settings/checks")
    page = await page.form("Add the check").submit(rule=rule, entries="casino", then="hold")
    assert "Holds the post until a moderator has read it." in page.words
    off = await page.form("Switch off").submit()
    assert "switched off" in off.words
    sent = await (await mia.get("/g/elm_street/write")).form("Send").submit(title="Offer", text="My casino")
    await work(runtime)
    assert "being checked" not in (await mia.get(sent.path)).words
    assert await runtime.db.pool.fetchval("select count(*) from cases") == 0
    on = await off.form("Switch on").submit()
    assert "switched off" not in on.words
    question = await on.follow("Take away : Words and phrases")
    assert "casino" in question.words
    gone = await question.form("Take away").submit()
    assert "No checks yet" in gone.words


async def test_settings_are_saved_and_keep_what_was_typed(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    mia = await signed_in(app, "mia")
    await add_group(runtime, moderator="mia")
    form = (await mia.get("/g/elm_street/settings")).form("Save")
    assert (form.values["title"], form.values["discoverable"]) == ("Elm Street", "1")
    for bad in ({"title": ""}, {"tagline": "x" * 201}, {"join_mode": "never"}, {"posting": "x"}, {"language": "x"},
                {"about": "\x00"}):  # fmt: skip
        wrong = await form.submit(place="The far end", **bad)
        assert (bad, wrong.status) == (bad, 422)
        assert wrong.form("Save").values["place"] == "The far end"
    del form.values["discoverable"]
    saved = await form.submit(place="The far end", tagline="Our street.", join_mode="ask", hold_first_remote="1")
    assert "Saved." in saved.words
    assert "The far end" in (await stranger.get("/g/elm_street")).words
    assert "Elm Street" not in (await stranger.get("/groups")).words
    values = saved.form("Save").values
    assert (values["join_mode"], values["hold_first_remote"]) == ("ask", "1")
    assert "discoverable" not in values


async def test_people_are_let_in_and_made_moderators(app: Starlette, runtime: Runtime) -> None:
    mia, ben, eve = await signed_in(app, "mia"), await signed_in(app, "ben"), await signed_in(app, "eve")
    await add_group(runtime, moderator="mia", join_mode="ask")
    for asker in (ben, eve):
        await (await asker.get("/g/elm_street")).form("Ask to join").submit()
    page = await mia.get("/g/elm_street/members")
    page = await page.form("Let in").submit()
    page = await page.form("Refuse").submit()
    assert "They ask to join" not in page.words
    assert "You are now a member of Elm Street." in (await ben.get("/notifications")).words
    assert "did not accept your request" in (await eve.get("/notifications")).words
    last = await page.form("Make an ordinary member").submit()
    assert last.status == 409
    assert (await ben.get("/g/elm_street/members")).status == 404
    page = await page.form("Make a moderator").submit()
    assert (await ben.get("/g/elm_street/members")).status == 200
    await (await ben.get("/g/elm_street/members")).form("Make an ordinary member").submit()
    assert "asks to join" not in (await mia.get("/g/elm_street/members")).words
    for path in ("role", "accept"):
        assert (await mia.post(f"/g/elm_street/members/1/{path}", {"role": "moderator"})).status == 404
    assert (await ben.post("/g/elm_street/members/1/role", {"role": "king"})).status == 422


async def test_for_others_the_settings_do_not_exist(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    mia, carl = await signed_in(app, "mia"), await signed_in(app, "carl")
    group_id = await add_group(runtime, moderator="mia")
    await add_group(runtime, "mill_lane", moderator="carl")
    rule = await add_rule(runtime, group_id, "No advertising")
    page = await mia.get("/g/elm_street/settings/checks")
    await page.form("Add the check").submit(rule=str(rule), entries="casino")
    check = await runtime.db.pool.fetchval("select id from checks")
    mine = await runtime.db.pool.fetchval("select id from actors where name = 'mia'")
    forms = [*PAGES, *(f"/g/elm_street/settings/rules/{rule}{what}" for what in ("", "/retire", "/up", "/down")),
             *(f"/g/elm_street/settings/checks/{check}{what}" for what in ("", "/switch", "/retire")),
             *(f"/g/elm_street/members/{mine}/{what}" for what in ("accept", "refuse", "role"))]  # fmt: skip
    typed = {"title": "x", "role": "member", "entries": "x", "rule": str(rule)}
    for path in PAGES:
        assert (path, (await carl.get(path)).status) == (path, 404)
        assert (await stranger.get(path, follow=False)).header("location") == f"/login?next={path}"
    for path in forms[1:-3]:
        if path != "/g/elm_street/members":
            assert (path, (await carl.post(path, typed)).status) == (path, 404)
    assert (await carl.post("/g/elm_street/settings", typed)).status == 404
    for path in forms[-3:]:
        assert (path, (await carl.post(path, typed)).status) == (path, 404)
    # Nor may a moderator reach another group's rules and checks through the own group's pages.
    for path in [path.replace("elm_street", "mill_lane") for path in forms[4:-3]]:
        assert (path, (await carl.post(path, typed)).status) == (path, 404)
    assert (await carl.get(f"/g/mill_lane/settings/rules?edit={rule}")).status == 404
    assert (await carl.get(f"/g/mill_lane/settings/checks?edit={check}")).status == 404
    stolen = await carl.post("/g/mill_lane/settings/checks", {"kind": "words", "rule": str(rule), "entries": "x"})
    assert stolen.status == 422
    assert await runtime.db.pool.fetchval("select count(*) from checks") == 1


@pytest.mark.parametrize("admin", [False, True])
async def test_settings_take_at_most_four_statements(app: Starlette, runtime: Runtime, admin: bool) -> None:
    mia = await signed_in(app, "mia", admin=admin)
    group_id = await add_group(runtime, moderator="mia")
    rule = await add_rule(runtime, group_id, "No advertising")
    page = await mia.get("/g/elm_street/settings/checks")
    await page.form("Add the check").submit(rule=str(rule), entries="casino")
    check = await runtime.db.pool.fetchval("select id from checks")
    more = [f"/g/elm_street/settings/rules?edit={rule}", f"/g/elm_street/settings/checks?edit={check}", "/record",
            "/g/elm_street/record", "/g/elm_street/record.csv", "/lookup",
            "/g/elm_street/settings/servers"]  # fmt: skip
    place = ["/admin/rules", "/admin/checks", "/admin/instances", "/admin/instances/import", "/admin/instances/lists",
             "/admin/instances/blocked.csv", "/admin/people", "/groups/new"] if admin else []  # fmt: skip
    for path in [*PAGES, *more, *place]:
        async with counted(runtime) as statements:
            answer = await mia.get(path, follow=False)
        assert (path, answer.status) == (path, 200)
        assert len(statements) <= 4, (path, statements)


async def test_the_record_is_paged_and_taken_away(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    mia, ana = await signed_in(app, "mia"), await signed_in(app, "ana")
    group_id = await add_group(runtime, moderator="mia")
    rule = await add_rule(runtime, group_id, "No advertising")
    sent = await (await ana.get("/g/elm_street/write")).form("Send").submit(title="Offer", text="Buy secretly")
    await work(runtime)
    reason = '=HYPERLINK("https://bad.example")'
    typed = {"rule": str(rule), "reason": reason}
    assert (await mia.post(f"{sent.path}/remove", typed)).status == 200
    await runtime.db.pool.execute(
        """insert into decisions (id, case_id, post_id, revision, group_id, moderator_id, verb, rule_id, rule_version,
                                  reason, created_at)
           select n, null, post_id, revision, group_id, moderator_id, 'remove', rule_id, rule_version, 'Reason ' || n,
                  created_at - interval '40 days'
             from decisions, generate_series(1, 60) n"""
    )
    first = await stranger.get("/g/elm_street/record")
    assert len(first.soup.select("section")) == 2
    older = await first.follow("Older")
    assert "“Reason 1”" in older.words
    assert "Reason 60" not in older.words
    table = await stranger.get(first.link("Download as a table"))
    assert table.header("content-type") == "text/csv; charset=utf-8"
    assert "attachment" in str(table.header("content-disposition"))
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert (len(rows), rows[0]["reason"], rows[0]["rule_number"]) == (61, "'" + reason, "1")
    as_json = json.loads((await stranger.get(first.link("Download for programs (JSON)"))).text)
    assert (len(as_json), as_json[0]["reason"]) == (61, reason)
    for text in (first.text, table.text, json.dumps(as_json)):
        assert "secretly" not in text
        assert sent.path.removeprefix("/t/") not in text
    assert "Elm Street" in (await stranger.get("/record")).words
    assert (await stranger.get("/g/nowhere/record")).status == 404
    assert (await stranger.get("/g/nowhere/record.json")).status == 404
