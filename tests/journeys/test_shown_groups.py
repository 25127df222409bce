"""To which groups somebody belongs is theirs to say: their page names none before, and never a closed one."""

import pytest
from starlette.applications import Starlette

from server.community import actors, groups, memberships
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.journeys.conftest import add_group, signed_in
from tests.web.counting import counted

GROUPS: dict[str, dict[str, object]] = {
    "elm_street": {"title": "Elm Street"},
    "allotments": {"title": "Allotments", "discoverable": False},
    "garden_club": {"title": "Garden Club", "visibility": "private", "join_mode": "ask"},
    "cellar": {"title": "Cellar", "visibility": "local"},
}


async def show_groups(browser: Browser, *, shown: bool) -> None:
    """Tick the box in the settings, or clear it, as a browser sends it."""
    typed = (await browser.get("/settings")).form("Save").values
    typed.pop("shows_groups", None)
    await browser.post("/settings", typed | ({"shows_groups": "1"} if shown else {}))


async def named(browser: Browser, path: str = "/@mia") -> list[str]:
    """The groups that somebody's page names, as this reader sees it."""
    page = await browser.get(path)
    assert page.status == 200
    return [link.get_text() for link in page.soup.select("aside a[href^='/g/']")]


@pytest.fixture
async def mia(app: Starlette, runtime: Runtime) -> Browser:
    """Mia belongs to a group of each kind."""
    browser = await signed_in(app, "mia")
    for name, form in GROUPS.items():
        await add_group(runtime, name, moderator="mia", **form)
    return browser


async def test_nobody_is_told_before_somebody_wishes_it(mia: Browser, stranger: Browser) -> None:
    assert (await mia.get("/settings")).soup.select("input[name=shows_groups][checked]") == []
    assert await named(stranger) == []
    assert await named(mia) == []


async def test_who_wishes_it_is_found_with_their_public_groups(app: Starlette, mia: Browser, stranger: Browser) -> None:
    await show_groups(mia, shown=True)
    assert len((await mia.get("/settings")).soup.select("input[name=shows_groups][checked]")) == 1
    neighbour, admin = await signed_in(app, "ben"), await signed_in(app, "ada", admin=True)
    for reader in (stranger, neighbour, admin, mia):
        # Neither what is for members or neighbours alone, nor what stands in no list.
        assert await named(reader) == ["Elm Street"]
    await show_groups(mia, shown=False)
    assert await named(stranger) == []


async def test_a_group_to_which_somebody_does_not_belong_yet_or_any_more_is_not_named(
    app: Starlette, runtime: Runtime, mia: Browser, stranger: Browser
) -> None:
    ben = await signed_in(app, "ben")
    await show_groups(ben, shown=True)
    await (await ben.get("/g/elm_street")).form("Join this group").submit()
    assert await named(stranger, "/@ben") == ["Elm Street"]
    await runtime.db.pool.execute("update groups set join_mode = 'ask'")
    await (await ben.get("/g/elm_street")).form("Leave").submit()
    await (await ben.get("/g/elm_street")).form("Ask to join").submit()
    assert await named(stranger, "/@ben") == []


async def test_a_group_elsewhere_is_named_with_its_server(runtime: Runtime, mia: Browser, stranger: Browser) -> None:
    await show_groups(mia, shown=True)
    async with runtime.db.transaction() as conn:
        there = await actors.save_remote(
            conn, kind="group", name="bees", host="lemmy.example", uri="https://lemmy.example/c/bees", url=None,
            title="Bees", about_html="",
        )  # fmt: skip
        assert there is not None
        await groups.know_remote(conn, there.id, posting="anyone", join_mode="open")
        person, group = await actors.by_handle(conn, "mia", None), await groups.BY_ID.one(conn, there.id, None)
        assert person is not None
        assert group is not None
        await memberships.join(conn, person, group)
        await memberships.SET_STATE.run(conn, person.id, group.id, "joined")
    assert await named(stranger) == ["Bees", "Elm Street"]
    assert "from lemmy.example" in (await stranger.get("/@mia")).soup.get_text(" ")
    await runtime.db.pool.execute("update actors set suspended_at = now() where id = $1", there.id)
    assert await named(stranger) == ["Elm Street"]


async def test_a_page_with_groups_takes_no_more_statements_than_others(
    runtime: Runtime, mia: Browser, stranger: Browser
) -> None:
    await show_groups(mia, shown=True)
    for reader in (stranger, mia):
        async with counted(runtime) as statements:
            await reader.get("/@mia")
        assert len(statements) <= 4, statements


async def test_what_was_ticked_is_kept_when_something_else_does_not_fit(mia: Browser) -> None:
    form = (await mia.get("/settings")).form("Save")
    answer = await form.submit(timezone="Moon/Crater", shows_groups="1")
    assert (answer.status, len(answer.soup.select("input[name=shows_groups][checked]"))) == (422, 1)
    assert (await mia.get("/settings")).soup.select("input[name=shows_groups][checked]") == []
