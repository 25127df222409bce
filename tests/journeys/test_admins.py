"""Admins make groups, write the rules of the place, and set what other servers may do."""

import pytest
from starlette.applications import Starlette

from federation import lookup
from server.community import actors, groups
from server.errors import Invalid
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.journeys.conftest import add_group, signed_in, work

PAGES = ["/admin/rules", "/admin/checks", "/admin/instances", "/groups/new"]


async def test_an_admin_makes_a_group_and_moderates_it(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ada = await signed_in(app, "ada", admin=True)
    page = await (await ada.get("/groups")).follow("Make a group here")
    form = page.form("Make the group")
    for bad in ({"name": "no-hyphens"}, {"name": "ada"}, {"title": ""}, {"name": "\x00"}):
        wrong = await form.submit(**({"name": "oak_street", "title": "Oak Street", "tagline": "Ours."} | bad))
        assert (bad, wrong.status) == (bad, 422)
        assert wrong.form("Make the group").values["tagline"] == "Ours."
    made = await form.submit(name="Oak_Street", title="Oak Street", tagline="Ours.")
    assert made.path == "/g/oak_street/settings/rules"
    shown = await stranger.get("/g/oak_street")
    assert "Oak Street" in shown.words
    assert "ada" in [who.get_text() for who in shown.soup.select("aside a.who")]
    assert await runtime.db.pool.fetchval("select count(*) from groups") == 1


async def test_rules_and_checks_of_the_place_hold_in_every_group(app: Starlette, runtime: Runtime) -> None:
    ada, mia = await signed_in(app, "ada", admin=True), await signed_in(app, "mia")
    await add_group(runtime, moderator="mia")
    page = await ada.get("/admin/rules")
    await page.form("Add the rule").submit(title="Nothing unlawful")
    rule = str(await runtime.db.pool.fetchval("select id from rules where group_id is null"))
    page = await ada.get("/admin/checks")
    page = await page.form("Add the check").submit(rule=rule, entries="casino", then="hold")
    assert "Nothing unlawful" in page.words
    await (await ada.get("/g/elm_street/write")).form("Send").submit(title="Offer", text="My casino")
    await work(runtime)
    case = await mia.get(str((await mia.get("/queue")).soup.select_one("a[data-first]")["href"]))  # type: ignore[index]
    assert "Nothing unlawful (everywhere here)" in case.words
    assert case.form("Send back").values["rule"] == rule
    assert (await mia.get(f"/g/elm_street/settings/rules?edit={rule}")).status == 404
    assert (await mia.post(f"/g/elm_street/settings/rules/{rule}/retire", {})).status == 404
    assert "Nothing unlawful" in (await ada.get("/rules")).words


async def test_an_admin_sets_what_a_server_may_do(app: Starlette, runtime: Runtime) -> None:
    ada = await signed_in(app, "ada", admin=True)
    form = (await ada.get("/admin/instances")).form("Save")
    for bad in ({"host": "co.uk"}, {"host": "moot.test"}, {"host": "::"}, {"policy": "burn"}, {"reason": "\x00"}):
        wrong = await form.submit(**({"host": "bad.example", "policy": "blocked", "reason": "Spam"} | bad))
        assert (bad, wrong.status) == (bad, 422)
        assert "bad.example" in wrong.text or bad.get("host", "") in wrong.text
    saved = await form.submit(host="https://Bad.example/", policy="blocked", reason="Spam")
    assert "bad.example" in saved.words
    change = await ada.get(str(saved.soup.select_one("a.act[href*='?edit=']")["href"]))  # type: ignore[index]
    assert change.form("Save").values["reason"] == "Spam"
    await change.form("Save").submit(policy="limited")
    rows = await runtime.db.pool.fetch("select host, policy, reason from instance_policies")
    assert [tuple(row) for row in rows] == [("bad.example", "limited", "Spam")]


async def test_for_others_these_pages_do_not_exist(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    mia = await signed_in(app, "mia")
    await add_group(runtime, moderator="mia")
    typed = {"title": "Mine", "name": "mine_all", "host": "a.example", "policy": "blocked", "entries": "x"}
    for path in PAGES:
        for nobody in (mia, stranger):
            assert (path, (await nobody.get(path)).status) == (path, 404)
            assert (path, (await nobody.post(path, typed)).status) == (path, 404)
    for path in ("/admin/rules/1", "/admin/rules/1/retire", "/admin/checks/1", "/admin/checks/1/switch"):
        assert (path, (await mia.post(path, typed)).status) == (path, 404)
    assert await runtime.db.pool.fetchval("select count(*) from rules") == 0
    assert "Make a group here" not in (await mia.get("/groups")).words


async def test_a_group_elsewhere_is_found_and_shown(
    app: Starlette, runtime: Runtime, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await signed_in(app, "ana")
    asked: list[str] = []

    async def found(runtime: Runtime, typed: str) -> lookup.Found:
        asked.append(typed)
        if typed == "nobody":
            raise Invalid({"address": "Nothing could be found there."})
        kind, _, name = typed.partition(" ")
        async with runtime.db.transaction() as conn:
            actor = await actors.save_remote(
                conn, kind=kind, name=name, host="lemmy.example", uri=f"https://lemmy.example/{name}",
                url=None, title=name.title(), about_html="<p>Seeds and soil.</p>",
            )  # fmt: skip
            assert actor is not None
            if kind == "group":
                await groups.know_remote(conn, actor.id, posting="anyone", join_mode="open")
            return lookup.Found(actor=actor)

    monkeypatch.setattr(lookup, "look_up", found)
    page = await ana.get("/lookup?address=group%20gardening")
    assert asked == []
    shown = await page.form("Find it").submit()
    assert "Gardening" in shown.words
    assert "lemmy.example learns your name" in shown.words
    joined = await shown.form("Join this group").submit()
    assert joined.path == "/g/gardening@lemmy.example"
    assert joined.has_button("Take it back")
    wrong = await page.form("Find it").submit(address="nobody")
    assert (wrong.status, wrong.form("Find it").values["address"]) == (422, "nobody")
    person = await page.form("Find it").submit(address="person tom")
    assert (person.status, person.path) == (200, "/@tom@lemmy.example")
    assert (await page.form("Find it").submit(address="\x00")).status == 422
    statuses: list[int] = []
    while 429 not in statuses and len(statuses) < 50:
        wrong = await page.form("Find it").submit(address="nobody")
        statuses.append(wrong.status)
    assert statuses[-1] == 429
    assert wrong.header("retry-after") is not None
    before = len(asked)
    assert (await stranger.post("/lookup", {"address": "group x"}, follow=False)).status == 303
    assert (await stranger.get("/lookup", follow=False)).status == 303
    assert len(asked) == before
