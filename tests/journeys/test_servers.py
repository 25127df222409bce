"""Admins block and limit other servers, one by one and by lists; moderators do so for their group."""

import pytest
from starlette.applications import Starlette

from moderation import instances
from server.community import accounts, actors, groups, memberships, posts, sessions
from server.community.posts import Draft
from server.runtime import Runtime
from server.urls import Urls
from tests.browser_like import Answer, Browser
from tests.journeys.conftest import add_group, signed_in, work

ADMIN = "/admin/instances"
GROUP = "/g/elm_street/settings/servers"
BOUNDARY = "a-boundary"


async def befriend(runtime: Runtime, resident: str, *hosts: str) -> None:
    """On each server a group that the resident has joined, and a member of Elm Street."""
    async with runtime.db.transaction() as conn:
        person = await actors.by_handle(conn, resident, None)
        elm = await actors.by_handle(conn, "elm_street", None)
        assert person is not None
        assert elm is not None
        for host in hosts:
            for kind, name in (("group", "gardening"), ("person", "gus")):
                far = await actors.save_remote(
                    conn, kind=kind, name=name, host=host, uri=f"https://{host}/{name}", url=None, title=name.title(),
                    about_html="",
                )  # fmt: skip
                assert far is not None
                if kind == "group":
                    await groups.know_remote(conn, far.id, posting="anyone", join_mode="open")
                pair = (person, far) if kind == "group" else (far, elm)
                group = await groups.BY_ID.one(conn, pair[1].id, pair[0].id)
                assert group is not None
                if await memberships.join(conn, pair[0], group) == "asked":
                    await memberships.answer(conn, group, pair[0], accept=True)


async def browser_of(app: Starlette, name: str) -> Browser:
    """Another session of somebody who has an account."""
    runtime: Runtime = app.state.runtime
    async with runtime.db.transaction() as conn:
        account = await accounts.by_login(conn, name)
        assert account is not None
        secret = await sessions.open_session(conn, account, "Firefox/140 (Linux)")
    browser = Browser(app)
    browser.cookies["session"] = secret
    return browser


async def thread_elsewhere(runtime: Runtime, host: str) -> str:
    """A thread that the group there has announced; returns its page."""
    async with runtime.db.transaction() as conn:
        author, group = await actors.by_handle(conn, "gus", host), await actors.by_handle(conn, "gardening", host)
        assert author is not None
        assert group is not None
        seen = await groups.BY_ID.one(conn, group.id, author.id)
        assert seen is not None
        draft = Draft(author=author, group=seen, parent=None, title="Seeds", source="Who?", uri=f"https://{host}/1")
        post = await posts.submit_post(conn, Urls(runtime.settings.base_url), draft)
    await work(runtime)
    return f"/t/{post.id}"


async def set_rows(runtime: Runtime) -> dict[str, str]:
    rows = await runtime.db.pool.fetch("select host, policy from instance_policies order by host")
    return {row["host"]: row["policy"] for row in rows}


async def resting(runtime: Runtime) -> int:
    return int(await runtime.db.pool.fetchval("select count(*) from memberships where state = 'suspended'"))


async def uploaded(browser: Browser, words: bytes, **fields: str) -> Answer:
    """A file sent by the form, as browsers do it."""
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    parts.append(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="blocks.csv"\r\n')
    body = "".join(parts).encode() + b"Content-Type: text/csv\r\n\r\n" + words + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}", "sec-fetch-site": "same-origin"}
    return await browser.send("POST", f"{ADMIN}/import", body, headers)


@pytest.fixture
async def ada(app: Starlette, runtime: Runtime) -> Browser:
    """The admin of a place whose resident Mia moderates Elm Street; both have to do with garden.example."""
    ada = await signed_in(app, "ada", admin=True)
    await signed_in(app, "mia")
    await add_group(runtime, moderator="mia")
    await befriend(runtime, "mia", "garden.example", "town.example")
    return ada


async def test_whoever_would_lose_something_is_named_before_a_block(runtime: Runtime, ada: Browser) -> None:
    form = (await ada.get(ADMIN)).form("Save")
    shown = await form.submit(host="Garden.example", policy="blocked", reason="Spam")
    assert "mia would no longer hear from Gardening at garden.example." in shown.words
    assert "Elm Street garden.example 1" in shown.words
    assert await set_rows(runtime) == {}
    done = await shown.form("Do this").submit()
    assert "garden.example blocked Spam" in done.words
    assert "ada · " in done.words
    assert (await set_rows(runtime), await resting(runtime)) == ({"garden.example": "blocked"}, 2)
    # Letting it in again takes nothing from anybody, so nobody is asked.
    back = await done.form("Take off the list").submit()
    assert "No server is on the list." in back.words
    assert (await set_rows(runtime), await resting(runtime)) == ({}, 0)


async def test_what_changed_since_the_preview_is_shown_anew(runtime: Runtime, ada: Browser) -> None:
    form = (await ada.get(ADMIN)).form("Save")
    shown = await form.submit(host="garden.example", policy="blocked")
    await befriend(runtime, "ada", "x.garden.example")
    again = await shown.form("Do this").submit()
    assert "Something has changed since you looked." in again.words
    assert await set_rows(runtime) == {}
    await again.form("Do this").submit()
    assert await resting(runtime) == 4


async def test_members_see_that_their_membership_rests(app: Starlette, runtime: Runtime, ada: Browser) -> None:
    ben = await signed_in(app, "ben")
    await befriend(runtime, "ben", "farm.example")
    thread = await thread_elsewhere(runtime, "farm.example")
    assert "Nothing can be sent" not in (await ben.get(thread)).words
    shown = await (await ada.get(ADMIN)).form("Save").submit(host="farm.example", policy="blocked")
    await shown.form("Do this").submit()
    assert "Nothing can be sent to that server" in (await ben.get(thread)).words
    assert (await ben.post(f"{thread}/reply", {"text": "Me too"})).status == 403
    page = await ben.get("/g/gardening@farm.example")
    assert "Your membership rests" in page.words
    assert not page.has_button("Join this group")
    assert "Your membership of Gardening rests" in (await ben.get("/notifications")).words
    assert "Nothing can be sent to that server" in page.words
    for path in ("write", "join"):
        typed = {"title": "Seeds", "text": "Who has some?"}
        assert (path, (await ben.post(f"/g/gardening@farm.example/{path}", typed)).status) == (path, 403)
    other = await signed_in(app, "otto")
    refused = await other.post("/g/gardening@farm.example/write", {"title": "Seeds", "text": "Who has some?"})
    assert (refused.status, "Nothing can be sent to that server" in refused.text) == (403, True)
    refused = await other.post("/g/gardening@farm.example/join", {})
    assert (refused.status, "Nothing can be sent to that server" in refused.text) == (403, True)
    assert (await other.post(f"{thread}/reply", {"text": "Me too"})).status == 403
    assert await runtime.db.pool.fetchval("select count(*) from posts") == 1


async def test_only_the_listed_may_take_part(runtime: Runtime, ada: Browser) -> None:
    await (await ada.get(ADMIN)).form("Save").submit(host="town.example", policy="open")
    shown = await (await ada.get(ADMIN)).form("Set it for all others").submit(policy="blocked")
    assert "mia would no longer hear from Gardening at garden.example." in shown.words
    assert "town.example" not in shown.words
    assert await set_rows(runtime) == {"town.example": "open"}
    page = await shown.form("Do this").submit()
    assert page.form("Set it for all others").values["policy"] == "blocked"
    async with runtime.db.read() as conn:
        assert await instances.is_blocked(conn, "garden.example")
        assert await instances.is_blocked(conn, "nobody.example")
        assert not await instances.is_blocked(conn, "town.example")
    wrong = await page.form("Set it for all others").submit(policy="burn")
    assert wrong.status == 422
    await page.form("Set it for all others").submit(policy="open")
    assert await resting(runtime) == 0


CSV = """#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate
garden.example,suspend,true,true,Harassment,false
soft.example,silence,false,false,,false
b*d.e*****e,suspend,true,true,,true
quiet.example,noop,false,false,,false
kept.example,silence,false,false,,false
"""


async def test_a_list_is_shown_before_it_is_taken_over(runtime: Runtime, ada: Browser) -> None:
    await (await ada.get(ADMIN)).form("Save").submit(host="kept.example", policy="blocked")
    form = (await ada.get(f"{ADMIN}/import")).form("Show what would change")
    shown = await form.submit(words=CSV)
    assert "mia would no longer hear from Gardening at garden.example." in shown.words
    assert "2 servers" in shown.words
    assert "Harassment" in shown.words
    assert "4 b*d.e*****e,suspend,true,true,,true Parts of the name are hidden by *" in shown.words
    assert "kept.example blocked the list says: read first" in shown.words
    assert "For 1 server the list asks for nothing." in shown.words
    assert await set_rows(runtime) == {"kept.example": "blocked"}
    await shown.form("Do this").submit()
    wanted = {"garden.example": "blocked", "kept.example": "blocked", "soft.example": "limited"}
    assert (await set_rows(runtime), await resting(runtime)) == (wanted, 2)
    again = await form.submit(words=CSV)
    assert "2 servers of the list are so already." in again.words
    assert not again.has_button("Do this")
    weaker = await form.submit(words=CSV, weaken="1")
    await weaker.form("Do this").submit()
    assert (await set_rows(runtime))["kept.example"] == "limited"


async def test_a_list_that_changed_its_effect_is_shown_anew(runtime: Runtime, ada: Browser) -> None:
    shown = await (await ada.get(f"{ADMIN}/import")).form("Show what would change").submit(words="garden.example")
    await befriend(runtime, "ada", "x.garden.example")
    again = await shown.form("Do this").submit()
    assert "Something has changed since you looked." in again.words
    assert await set_rows(runtime) == {}


async def test_a_thousand_lines_come_in_one_file(runtime: Runtime, ada: Browser) -> None:
    lines = "".join(f"s{n}.example,suspend,Spam number {n}\r\n" for n in range(1000))
    shown = await uploaded(ada, b"\xef\xbb\xbf" + lines.encode(), default="blocked")
    assert shown.status == 200
    assert "1000 servers" in shown.words
    assert "And 900 more." in shown.words
    done = await shown.form("Do this").submit()
    assert "1000 servers on the list." in done.words
    assert len(await set_rows(runtime)) == 1000
    assert len(shown.body) < 200_000


@pytest.mark.parametrize("wrong", [b"", b"x" * 600_001, b"a.example\n" * 10_001])
async def test_a_list_that_cannot_be_read_changes_nothing(runtime: Runtime, ada: Browser, wrong: bytes) -> None:
    assert (await uploaded(ada, wrong, default="blocked")).status == 422
    assert (await uploaded(ada, b"a.example", default="burn")).status == 422
    assert (await uploaded(ada, b"x" * (1 << 20), default="blocked")).status == 413
    assert "1 line that cannot be used" in (await uploaded(ada, b"\xff\x00\xfe", default="blocked")).words
    assert await set_rows(runtime) == {}


async def test_a_long_list_has_pages_and_can_be_searched(runtime: Runtime, ada: Browser) -> None:
    async with runtime.db.transaction() as conn:
        rows = {f"s{n:03}.example": ("blocked", "") for n in range(120)}
        await instances.set_many(conn, rows | {"other.example": ("limited", "")}, None)
    page = await ada.get(ADMIN)
    names = [heading.get_text() for heading in page.soup.select("main li h2")]
    assert (len(names), names[0]) == (50, "other.example")
    page = await (await page.follow("Next page")).follow("Next page")
    assert [heading.get_text() for heading in page.soup.select("main li h2")][-1] == "s119.example"
    assert "First page" in page.words
    found = await ada.get(f"{ADMIN}?q=OTHER")
    assert [heading.get_text() for heading in found.soup.select("main li h2")] == ["other.example"]
    assert "No server on the list has this" in (await ada.get(f"{ADMIN}?q=%25")).words
    for strange in ("?q=%00", "?after=%00", "?edit=%00", "?edit=*"):
        assert (await ada.get(ADMIN + strange)).status == 200


async def test_what_is_set_can_be_taken_elsewhere(runtime: Runtime, ada: Browser) -> None:
    async with runtime.db.transaction() as conn:
        rows = {"bad.example": ("blocked", "Spam"), "soft.example": ("limited", ""), "good.example": ("open", "")}
        await instances.set_many(conn, rows, None)
        await instances.set_policy(conn, Urls(runtime.settings.base_url), instances.OTHERS, "limited", "", None)
    blocked = await ada.get(f"{ADMIN}/blocked.csv")
    assert blocked.text.splitlines()[1:] == [
        "bad.example,suspend,true,true,Spam,false",
        "soft.example,silence,false,false,,false",
    ]
    assert (await ada.get(f"{ADMIN}/allowed.csv")).text == "#domain\ngood.example\n"
    assert "attachment" in (blocked.header("content-disposition") or "")


async def test_moderators_set_it_for_their_group(app: Starlette, runtime: Runtime, ada: Browser) -> None:
    mia = await browser_of(app, "mia")
    form = (await mia.get(GROUP)).form("Save")
    shown = await form.submit(host="garden.example", policy="blocked", reason="They quarrel here")
    assert "Elm Street garden.example 1" in shown.words
    # What residents read elsewhere is none of this group's business.
    assert "would no longer hear" not in shown.words
    page = await shown.form("Do this").submit()
    assert page.path == GROUP
    assert "garden.example blocked They quarrel here" in page.words
    assert await set_rows(runtime) == {}
    assert await resting(runtime) == 1
    assert "garden.example" not in (await ada.get(ADMIN)).words
    assert (await form.submit(host="co.uk", policy="blocked")).status == 422
    await page.form("Take off the list").submit()
    assert await resting(runtime) == 0


async def test_nobody_else_reads_what_is_blocked(
    app: Starlette, runtime: Runtime, ada: Browser, stranger: Browser
) -> None:
    """H13: strangers, unconfirmed accounts, residents, and moderators of other groups get 404."""
    ben, new, otto = await signed_in(app, "ben"), await signed_in(app, "new"), await signed_in(app, "otto")
    await runtime.db.pool.execute("update accounts set state = 'unconfirmed' where email like 'new@%'")
    await add_group(runtime, "oak_street", moderator="otto")
    mia = await browser_of(app, "mia")
    await (await ada.get(ADMIN)).form("Save").submit(host="bad.example", policy="blocked", reason="Spam")
    await (await mia.get(GROUP)).form("Save").submit(host="worse.example", policy="blocked", reason="Spam")
    for_admins = [ADMIN, f"{ADMIN}/import", f"{ADMIN}/blocked.csv", f"{ADMIN}/allowed.csv", f"{ADMIN}/lists"]
    there = (await (await ada.get(f"{ADMIN}/lists")).form("Subscribe").submit(address="https://l.example/x")).path
    names = ("host", "policy", "words", "address", "hours", "version", "take")
    values = ("x.example", "blocked", "x.example", "https://x.example", "1", "0", "1")
    typed = dict(zip(names, values, strict=True))
    for nobody in (stranger, ben, new, otto, mia):
        for path in [*for_admins, there, *([] if nobody is mia else [GROUP])]:
            answer = await nobody.get(path, follow=False)
            assert (path, answer.status, "bad.example" in answer.text) == (path, 404, False)
        forms = [ADMIN + more for more in ("", "/forget", "/others", "/import", "/import/apply", "/lists")]
        forms += [f"{there}/{more}" for more in ("decide", "fetch", "remove")]
        for path in [*forms, *([] if nobody is mia else [GROUP, f"{GROUP}/others"])]:
            assert (path, (await nobody.post(path, typed, follow=False)).status) == (path, 404)
        for public in ("/about", "/record", "/g/elm_street", "/g/elm_street/record", "/rules"):
            words = (await nobody.get(public)).text
            assert "bad.example" not in words
            assert "worse.example" not in words
    assert await set_rows(runtime) == {"bad.example": "blocked"}
    assert await runtime.db.pool.fetchval("select count(*) from policy_lists") == 1
    assert await runtime.db.pool.fetchval("select count(*) from jobs where name = 'fetch_policy_list'") == 1
    # A group's moderators do not read the place's list, nor each other's.
    assert "bad.example" not in (await mia.get(GROUP)).words
    assert "worse.example" in (await ada.get(GROUP)).words
