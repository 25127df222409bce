"""What becomes of pictures when their post is held, removed, edited or deleted: who sees them, when their files go."""

import re

import pytest
from starlette.applications import Starlette

from moderation import checks
from moderation.criteria import WordsCriteria
from server import housekeeping
from server.community import accounts, posts
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.conftest import MovedClock
from tests.journeys.conftest import PASSWORD, add_rule, signed_in, work
from tests.journeys.picture_forms import CAT, files_in, pictures_on, show, shown, street
from tests.pictures import BLUE, RED, is_near, opened, photograph, png
from tests.web.counting import counted


async def test_a_held_picture_is_for_its_author_and_the_moderators(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    """What is said of a picture is checked like the text, and the moderator sees what they decide about."""
    mia, group_id = await street(app, runtime)
    rule_id = await add_rule(runtime, group_id, "No adverts")
    async with runtime.db.read() as conn:
        mia_id = (await accounts.by_login(conn, "ana")).actor_id  # type: ignore[union-attr]
    async with runtime.db.transaction() as conn:
        await checks.create_check(conn, group_id, rule_id, WordsCriteria(("special offer",)), "hold", mia_id)
    ben, eve = await signed_in(app, "ben"), await signed_in(app, "eve")
    thread = await shown(ben, runtime, png(), words="A poster: SPECIAL OFFER")
    assert "held for a moderator" in thread.words
    (address,) = pictures_on(thread)
    queue = await mia.get("/queue")
    assert len(queue.soup.select("img.thumb")) == 1
    case = await mia.get(str(queue.soup.select("ol.rows a.title")[0]["href"]))
    assert pictures_on(case) == [address]
    assert "A poster: SPECIAL OFFER" in case.words
    assert [(await one.get(address)).status for one in (ben, mia, eve, stranger)] == [200, 200, 404, 404]
    await case.form("Release").submit()
    await work(runtime)
    assert (await stranger.get(address)).status == 200


async def test_a_removed_picture_is_kept_for_the_decision_alone(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    mia, group_id = await street(app, runtime)
    await add_rule(runtime, group_id, "No adverts")
    ben = await signed_in(app, "ben")
    thread = await shown(ben, runtime, png())
    (address,) = pictures_on(thread)
    question = await mia.get(f"{thread.path}/remove")
    rule = question.soup.select("option")[1]["value"]
    await question.form("Remove").submit(rule=str(rule), reason="An advert.")
    await work(runtime)
    assert [(await one.get(address)).status for one in (ben, mia, stranger)] == [200, 200, 404]
    assert pictures_on(await stranger.get(thread.path)) == []
    assert (await stranger.get("/g/elm_street")).soup.select("img.thumb") == []


async def test_a_deleted_picture_is_gone_at_once_and_its_file_after_30_days(
    app: Starlette, runtime: Runtime, stranger: Browser, moved_clock: MovedClock
) -> None:
    """F7: nothing is left, neither in the folder nor in a row."""
    ana, _ = await street(app, runtime)
    thread = await shown(ana, runtime, png())
    (address,) = pictures_on(thread)
    await (await ana.get(f"{thread.path}/delete")).form("Delete").submit()
    assert [(await one.get(address)).status for one in (ana, stranger)] == [404, 404]
    assert len(files_in(runtime)) == 2
    await moved_clock.advance(days=31)
    await housekeeping.tidy(runtime)
    await work(runtime)
    assert files_in(runtime) == []
    assert (await ana.get(address)).status == 404


async def test_pictures_of_a_form_that_nobody_sent_are_swept(
    app: Starlette, runtime: Runtime, moved_clock: MovedClock
) -> None:
    ana, _ = await street(app, runtime)
    await show(ana, png(), title="")
    thread = await shown(ana, runtime, png())
    assert len(files_in(runtime)) == 4
    await moved_clock.advance(hours=25)
    await housekeeping.tidy(runtime)
    await work(runtime)
    assert len(files_in(runtime)) == 2
    assert (await ana.get(pictures_on(thread)[0])).status == 200


async def test_an_account_that_goes_takes_its_pictures_along(
    app: Starlette, runtime: Runtime, stranger: Browser, moved_clock: MovedClock
) -> None:
    """F7: of the posts, and those of forms that were never sent."""
    await street(app, runtime)
    ben = await signed_in(app, "ben")
    thread = await shown(ben, runtime, png())
    await show(ben, png(), title="")
    (address,) = pictures_on(thread)
    await (await ben.get("/settings")).form("Delete my account").submit(farewell=PASSWORD)
    await work(runtime)
    assert (await stranger.get(address)).status == 404
    await moved_clock.advance(days=31)
    await housekeeping.tidy(runtime)
    await work(runtime)
    assert files_in(runtime) == []


async def test_an_edit_changes_pictures_once_it_was_checked(
    app: Starlette, runtime: Runtime, stranger: Browser, moved_clock: MovedClock
) -> None:
    """Readers go on seeing the old pictures until then, and never again what was taken out."""
    ana, _ = await street(app, runtime)
    ben = await signed_in(app, "ben")
    thread = await shown(ana, runtime, png(50, 40), png(60, 40))
    before = pictures_on(thread)
    form = (await ana.get(f"{thread.path}/edit")).form("Save")
    assert form.values["words_1"] == CAT
    form.files["file_3"] = ("new.png", png(70, 40))
    await form.submit(out_1="1", words_2="Her tail", words_3="Her paw")
    assert pictures_on(await stranger.get(thread.path)) == before
    await work(runtime)
    page = await stranger.get(thread.path)
    assert [image["alt"] for image in page.soup.select(".pictures img")] == ["Her tail", "Her paw"]
    after = pictures_on(page)
    assert (after[0], len(after)) == (before[1], 2)
    assert [(await one.get(before[0])).status for one in (ana, ben, stranger)] == [200, 404, 404]
    history = await stranger.get(f"{thread.path}/history")
    newest = history.soup.select("section:has(#v2) li")
    assert [line.get_text() for line in newest] == [
        f"Picture: {CAT}", f"Picture: {CAT}", "Picture: Her tail", "Picture: Her paw",
    ]  # fmt: skip
    assert history.soup.select("section img") == []
    await moved_clock.advance(days=31)
    await housekeeping.tidy(runtime)
    await work(runtime)
    assert (await ana.get(before[0])).status == 404
    assert [(await stranger.get(path)).status for path in after] == [200, 200]


async def test_an_edit_that_waits_shows_its_pictures_to_nobody_else(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    ana, _ = await street(app, runtime)
    thread = await shown(ana, runtime)
    form = (await ana.get(f"{thread.path}/edit")).form("Save")
    form.files["file_1"] = ("new.png", png())
    await form.submit(text="Look!", words_1=CAT)
    number = (await ana.get(f"{thread.path}/edit")).form("Save").values["picture_1"]
    address = f"/media/{number}/whole.webp"
    assert [(await one.get(address)).status for one in (ana, stranger)] == [200, 404]


async def test_what_a_picture_tells_of_its_maker_is_taken_out(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    """F5: no place, no camera, no comment; and it stands upright."""
    ana, _ = await street(app, runtime)
    page = await shown(ana, runtime, photograph(60, 40, orientation=6))
    (address,) = pictures_on(page)
    for path in (address, address.replace("whole", "small")):
        data = (await stranger.get(path)).body
        assert not re.search(rb"SECRET|EXIF|XMP|ICCP", data)
        image = opened(data)
        assert image.size == (40, 60)
        assert is_near(image, (20, 10), RED)
        assert is_near(image, (20, 50), BLUE)
        assert not image.getexif()


async def test_who_may_keep_a_picture(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, _ = await street(app, runtime)
    page = await shown(ana, runtime, png())
    (address,) = pictures_on(page)
    public = await stranger.get(address)
    assert public.header("cache-control") == "public, max-age=604800, immutable"
    assert public.header("content-security-policy") == "default-src 'none'; sandbox"
    assert public.header("x-content-type-options") == "nosniff"
    tag = public.header("etag")
    assert tag
    again = await stranger.get(address, headers={"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")
    kept = (await show(ana, png(), title="")).form("Send").values["picture_1"]
    private = await ana.get(f"/media/{kept}/whole.webp")
    assert private.header("cache-control") == "private, no-cache"


@pytest.mark.parametrize("visibility", ["private", "local"])
async def test_a_closed_group_shows_its_pictures_to_its_own(
    app: Starlette, runtime: Runtime, stranger: Browser, visibility: str
) -> None:
    ana, _ = await street(app, runtime, visibility=visibility)
    eve = await signed_in(app, "eve")
    page = await shown(ana, runtime, png())
    (address,) = pictures_on(page)
    seen = await ana.get(address)
    assert (seen.status, seen.header("cache-control")) == (200, "private, no-cache")
    assert (await eve.get(address)).status == (200 if visibility == "local" else 404)
    assert (await stranger.get(address)).status == 404


@pytest.mark.parametrize("path", ["/media/x/whole.webp", "/media/1/other.webp", "/media/1/whole.webp"])
async def test_there_is_nothing_else(stranger: Browser, path: str) -> None:
    assert (await stranger.get(path)).status == 404


async def test_pictures_cost_a_page_no_statement(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, _ = await street(app, runtime)
    thread = await shown(ana, runtime, png(), png())
    for path, most in ((thread.path, 4), ("/g/elm_street", 4), ("/", 4)):
        await ana.get(path)
        async with counted(runtime) as statements:
            await ana.get(path)
        assert len(statements) <= most, (path, statements)
    async with counted(runtime) as statements:
        await stranger.get(pictures_on(thread)[0])
    assert len(statements) == 1


async def test_a_refused_text_keeps_its_picture_for_the_next_try(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    ana, _ = await street(app, runtime)
    thread = await show(ana, png())
    post_id = int(thread.path.removeprefix("/t/"))
    async with runtime.db.transaction() as conn:
        await posts.refuse_revision(conn, await posts.by_id(conn, post_id, lock=True), 1)
    (address,) = pictures_on(await ana.get(thread.path))
    assert [(await one.get(address)).status for one in (ana, stranger)] == [200, 404]
