"""Signing up in four modes, confirming, logging in and out, sessions, passwords."""

import re

import pytest
from starlette.applications import Starlette

from server import site
from server.community import accounts
from server.runtime import Runtime
from server.site import SiteCache
from tests.browser_like import Answer, Browser
from tests.conftest import BASE_URL, settings_for
from tests.journeys.conftest import PASSWORD, add_account, signed_in
from web.app import create_app

NEWCOMER = {"name": "mia", "email": "mia@post.example", "password": PASSWORD}


async def with_settings(runtime: Runtime, **changes: str) -> Browser:
    """A stranger at an instance with other settings over the same database."""
    settings = settings_for(runtime.settings.database_url, runtime.settings.data_dir, **changes)
    runtime.settings = settings
    return Browser(create_app(runtime))


async def mails(runtime: Runtime) -> list[tuple[str, str]]:
    rows = await runtime.db.pool.fetch("select recipient, body from mails order by id")
    return [(row["recipient"], row["body"]) for row in rows]


def link_in(body: str) -> str:
    """The path of the one link in a mail."""
    found = re.findall(r"https?://\S+", body)
    assert len(found) == 1
    assert found[0].startswith(BASE_URL + "/")
    return str(found[0].removeprefix(BASE_URL))


async def log_in(browser: Browser, name: str, password: str = PASSWORD) -> Answer:
    return await (await browser.get("/login")).form("Log in").submit(name=name, password=password)


async def test_open_sign_up_confirm_by_mail_and_log_in(runtime: Runtime) -> None:
    browser = await with_settings(runtime, SMTP_URL="smtp://127.0.0.1:1")
    sent = await (await browser.get("/signup")).form("Join").submit(**NEWCOMER)
    assert "mia@post.example" in sent.words
    early = await log_in(browser, "mia")
    assert (early.status, "session" in browser.cookies) == (403, False)
    [(recipient, body)] = await mails(runtime)
    assert recipient == "mia@post.example"
    opened = await browser.get(link_in(body))
    assert not await runtime.db.pool.fetchval("select confirmed_at from accounts")
    done = await opened.form("Confirm").submit()
    assert "confirmed" in done.words
    again = await opened.form("Confirm").submit()
    assert again.status == 410
    home = await log_in(browser, "mia@post.example")
    assert "Hello, mia" in home.words


async def test_a_mail_link_ignores_the_host_that_was_asked(runtime: Runtime) -> None:
    browser = await with_settings(runtime, SMTP_URL="smtp://127.0.0.1:1")
    browser.headers |= {"host": "evil.example", "x-forwarded-host": "evil.example"}
    await browser.post("/signup", NEWCOMER)
    [(_, body)] = await mails(runtime)
    assert link_in(body).startswith("/confirm?token=")


async def test_without_mail_an_admin_lets_people_in(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    admin = await signed_in(app, "ana", admin=True)
    told = await (await stranger.get("/signup")).form("Join").submit(**NEWCOMER)
    assert "confirms your account by hand" in told.words
    waiting = await admin.get("/admin/accounts")
    assert "mia@post.example" in waiting.words
    done = await waiting.form("Let in").submit()
    assert "Nobody waits" in done.words
    assert "Hello, mia" in (await log_in(stranger, "mia")).words


async def test_an_application_waits_for_a_person(app: Starlette, runtime: Runtime) -> None:
    admin = await signed_in(app, "ana", admin=True)
    browser = await with_settings(runtime, SMTP_URL="smtp://127.0.0.1:1", REGISTRATION="application")
    form = (await browser.get("/signup")).form("Send application")
    empty = await form.submit(**NEWCOMER)
    assert (empty.status, "who you are" in empty.words) == (422, True)
    assert empty.form("Send application").values["email"] == "mia@post.example"
    assert PASSWORD not in empty.text
    sent = await form.submit(**NEWCOMER, application="I live at number 9.")
    assert "then your application is read" in sent.words
    link = await browser.get(link_in((await mails(runtime))[0][1]))
    assert "can read your application" in link.words
    await link.form("Confirm").submit()
    early = await log_in(browser, "mia")
    assert "being read" in early.words
    admin = Browser(create_app(runtime))
    await log_in(admin, "ana")
    waiting = await admin.get("/admin/accounts")
    assert "I live at number 9." in waiting.words
    await waiting.form("Refuse").submit()
    assert "was not accepted" in (await log_in(browser, "mia")).words
    assert "session" not in browser.cookies


async def test_by_invitation_only_with_a_link_that_works_once(app: Starlette, runtime: Runtime) -> None:
    await add_account(runtime, "ana", admin=True)
    browser = await with_settings(runtime, SMTP_URL="smtp://127.0.0.1:1", REGISTRATION="invite")
    assert "by invitation" in (await browser.get("/signup")).words
    refused = await browser.post("/signup", NEWCOMER)
    assert refused.status == 403
    admin = Browser(create_app(runtime))
    await log_in(admin, "ana")
    page = await (await admin.get("/invites")).form("Make a link").submit()
    fresh = page.soup.find(id="fresh")
    assert fresh is not None
    link = str(fresh["value"]).removeprefix(BASE_URL)
    wrong_uses = await (await admin.get("/invites")).form("Make a link").submit(uses="many")
    assert wrong_uses.status == 422
    form = (await browser.get(link)).form("Join")
    assert (await form.submit(**NEWCOMER)).status == 200
    second = await form.submit(name="tom", email="tom@post.example", password=PASSWORD)
    assert second.status == 403
    assert await runtime.db.pool.fetchval("select count(*) from accounts") == 2


async def test_closed_means_closed(runtime: Runtime) -> None:
    browser = await with_settings(runtime, REGISTRATION="closed")
    assert not (await browser.get("/signup")).has_button("Join")
    assert (await browser.post("/signup", NEWCOMER)).status == 403
    assert await runtime.db.pool.fetchval("select count(*) from accounts") == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Mia-Maria"), ("name", "admin"), ("name", "ana"), ("email", "mia"), ("email", '"a b"@post.example'),
     ("email", "ana@post.example"), ("password", "short")],
)  # fmt: skip
async def test_a_sign_up_that_does_not_fit_keeps_what_was_typed(
    runtime: Runtime, stranger: Browser, field: str, value: str
) -> None:
    await add_account(runtime, "ana")
    answer = await (await stranger.get("/signup")).form("Join").submit(**NEWCOMER | {field: value})
    assert answer.status == 422
    assert answer.soup.find(id=f"{field}-wrong") is not None
    if field != "password":
        assert answer.form("Join").values[field] == value
    assert await runtime.db.pool.fetchval("select count(*) from accounts") == 1


async def test_a_sign_up_says_all_that_does_not_fit_at_once(runtime: Runtime, stranger: Browser) -> None:
    form = (await stranger.get("/signup")).form("Join")
    answer = await form.submit(name="Mia Maria", email="mia", password="short")
    assert answer.status == 422
    assert all(answer.soup.find(id=f"{field}-wrong") is not None for field in ("name", "email", "password"))
    assert await runtime.db.pool.fetchval("select count(*) from accounts") == 0


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(runtime: Runtime, stranger: Browser) -> None:
    await add_account(runtime, "ana")
    answers = [await log_in(stranger, name, "not my password") for name in ("ana", "bob")]
    assert [answer.status for answer in answers] == [422, 422]
    first, second = [re.sub(r'name="idempotency_key" value="\w+"', "", answer.text) for answer in answers]
    assert first.replace('value="ana"', "") == second.replace('value="bob"', "")
    assert "session" not in stranger.cookies


async def test_the_session_cookie_is_new_at_every_log_in_and_ends_at_log_out(
    runtime: Runtime, stranger: Browser
) -> None:
    await add_account(runtime, "ana")
    stranger.cookies["session"] = "chosen-by-somebody-else"
    await log_in(stranger, "ana")
    first = stranger.cookies["session"]
    assert first != "chosen-by-somebody-else"
    await stranger.post("/login", {"name": "ana", "password": PASSWORD})
    second = stranger.cookies["session"]
    assert second != first
    assert await runtime.db.pool.fetchval("select count(*) from sessions") == 1
    await (await stranger.get("/")).form("Log out").submit()
    stranger.cookies["session"] = second
    assert (await stranger.get("/settings", follow=False)).status == 303


@pytest.mark.parametrize(("base", "name", "secure"), [("http", "session", False), ("https", "__Host-session", True)])
async def test_the_session_cookie_has_its_attributes(runtime: Runtime, base: str, name: str, secure: bool) -> None:
    await add_account(runtime, "ana")
    browser = await with_settings(runtime, BASE_URL=f"{base}://moot.test")
    answer = await browser.post("/login", {"name": "ana", "password": PASSWORD}, follow=False)
    [cookie] = [value for key, value in answer.headers if key == "set-cookie" and value.startswith(name)]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert ("secure" in attributes) is secure
    assert not any(part.startswith("domain") for part in attributes)


async def test_half_way_accounts_see_nothing_of_residents(app: Starlette, runtime: Runtime) -> None:
    browser = await signed_in(app, "ana")
    for change in ("state = 'waiting'", "state = 'refused'", "state = 'unconfirmed'"):
        await runtime.db.pool.execute(f"update accounts set {change}")
        assert (await browser.get("/settings", follow=False)).status == 303
    await runtime.db.pool.execute("update accounts set state = 'active'")
    assert (await browser.get("/settings", follow=False)).status == 200
    await runtime.db.pool.execute("update actors set suspended_at = now()")
    assert (await browser.get("/settings", follow=False)).status == 303
    assert "was not accepted" in (await log_in(Browser(app), "ana")).words


async def test_devices_are_listed_and_can_be_logged_out(app: Starlette, runtime: Runtime) -> None:
    here = await signed_in(app, "ana")
    there, eve = Browser(app), await signed_in(app, "eve")
    await log_in(there, "ana")
    page = await here.get("/sessions")
    assert "Firefox on Linux" in page.words
    others = [str(form["action"]) for form in page.soup.select("form.end")]
    assert len(others) == 1
    assert (await eve.post(others[0], {})).status == 404
    assert (await there.get("/settings", follow=False)).status == 200
    await page.form("Log out everywhere else").submit()
    assert (await there.get("/settings", follow=False)).status == 303
    await log_in(there, "ana")
    [other] = [str(form["action"]) for form in (await here.get("/sessions")).soup.select("form.end")]
    await here.post(other, {})
    assert (await there.get("/settings", follow=False)).status == 303
    assert (await here.get("/settings", follow=False)).status == 200


async def test_a_forgotten_password_ends_all_sessions(app: Starlette, runtime: Runtime) -> None:
    browser = await signed_in(app, "ana")
    other = Browser(app)
    asked = await (await other.get("/reset")).form("Send the link").submit(email="ana@post.example")
    unknown = await (await other.get("/reset")).form("Send the link").submit(email="bob@post.example")
    assert asked.words.replace("ana@", "") == unknown.words.replace("bob@", "")
    [(_, body)] = await mails(runtime)
    choose = await other.get(link_in(body))
    short = await choose.form("Set the password").submit(password="short")
    assert (short.status, "at least" in short.words) == (422, True)
    await choose.form("Set the password").submit(password="another long sentence")
    assert (await choose.form("Set the password").submit(password="a third sentence")).status == 410
    assert (await browser.get("/settings", follow=False)).status == 303
    assert (await log_in(other, "ana")).status == 422
    assert "Hello, ana" in (await log_in(other, "ana", "another long sentence")).words


async def test_a_new_password_needs_the_present_one(app: Starlette, runtime: Runtime) -> None:
    here, there = await signed_in(app, "ana"), Browser(app)
    await log_in(there, "ana")
    form = (await here.get("/settings")).form("Change the password")
    wrong = await form.submit(password="guessed", new_password="another long sentence")
    assert (wrong.status, "not your present password" in wrong.words) == (422, True)
    done = await form.submit(password=PASSWORD, new_password="another long sentence")
    assert "Your new password is set." in done.words
    assert (await there.get("/settings", follow=False)).status == 303


async def test_settings_are_kept_and_what_does_not_fit_is_shown(app: Starlette, runtime: Runtime) -> None:
    ana = await signed_in(app, "ana")
    form = (await ana.get("/settings")).form("Save")
    saved = await form.submit(name="Ana Brandt", about="I *bake*.", timezone="Europe/Berlin", theme="dark")
    assert "Saved." in saved.words
    assert saved.form("Save").values["timezone"] == "Europe/Berlin"
    assert 'data-theme="dark"' in saved.text
    assert "<em>bake</em>" in (await ana.get("/@ana")).text
    for wrong in ({"timezone": "Mars/Olympus"}, {"theme": "loud"}, {"language": "tlh"}, {"name": "x" * 201}):
        answer = await form.submit(**wrong)
        assert answer.status == 422
    assert await runtime.db.pool.fetchval("select timezone from accounts") == "Europe/Berlin"


async def test_log_in_leads_back_but_never_to_another_site(runtime: Runtime, stranger: Browser) -> None:
    await add_account(runtime, "ana")
    for following, where in (
        ("/help", "/help"), ("//evil.example", "/"), ("/\\evil.example", "/"), ("https:evil.example", "/"),
        ("https://evil.example/", "/"), ("/\tevil", "/"), ("javascript:alert(1)", "/"),
    ):  # fmt: skip
        typed = {"name": "ana", "password": PASSWORD, "next": following}
        answer = await stranger.post("/login", typed, follow=False)
        assert (following, answer.header("location")) == (following, where)


async def test_too_many_tries_to_log_in_are_refused(app: Starlette, runtime: Runtime) -> None:
    await add_account(runtime, "ana")
    answers = [
        await Browser(app, client=f"192.0.2.{number}").post("/login", {"name": "ana", "password": "guess"})
        for number in range(11)
    ]
    assert [answer.status for answer in answers] == [422] * 10 + [429]
    # A right password, too, waits: else the limit would tell which guess was right.
    late = await Browser(app, client="192.0.2.99").post("/login", {"name": "ana", "password": PASSWORD})
    assert late.status == 429


async def test_the_demo_shows_its_mail_and_nobody_else_does(app: Starlette, runtime: Runtime) -> None:
    assert (await Browser(app).get("/mail")).status == 404
    async with runtime.db.transaction() as conn:
        await site.MARK_DEMO.run(conn)
    await (await runtime.use(SiteCache)).close()
    assert (await Browser(app).get("/mail")).status == 404
    demo = await with_settings(runtime, BASE_URL="http://127.0.0.1:8000")
    demo.base = "http://127.0.0.1:8000"
    await demo.post("/signup", NEWCOMER)
    page = await demo.get("/mail")
    assert "mia@post.example" in page.words
    with_server = await with_settings(runtime, BASE_URL="http://127.0.0.1:8000", SMTP_URL="smtp://127.0.0.1:1")
    assert (await with_server.get("/mail")).status == 404


async def test_two_who_want_the_same_name_at_once_get_one_account(runtime: Runtime, stranger: Browser) -> None:
    await stranger.post("/signup", NEWCOMER)
    async with runtime.db.read() as conn:
        assert await accounts.by_login(conn, "mia") is not None
    again = await stranger.post("/signup", NEWCOMER | {"email": "other@post.example"})
    assert again.status == 422


async def test_the_demo_names_whom_one_can_be_and_nobody_else_does(runtime: Runtime, stranger: Browser) -> None:
    assert "This is a demo" not in (await stranger.get("/")).words
    async with runtime.db.transaction() as conn:
        await site.MARK_DEMO.run(conn)
    await (await runtime.use(SiteCache)).close()
    assert "This is a demo" not in (await stranger.get("/")).words
    visitor = await with_settings(runtime, BASE_URL="http://127.0.0.1:8000")
    front = await visitor.get("/")
    assert "This is a demo" in front.words
    name = front.soup.select("section.note a")[0].get_text()
    assert (await visitor.get(f"/login?name={name}")).form("Log in").values["name"] == name
