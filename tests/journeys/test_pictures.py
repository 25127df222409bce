"""Pictures on threads and replies: kept with their form, checked with their text, shown and gone with their post."""

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette

from moderation import checks
from moderation.criteria import WordsCriteria
from server import housekeeping, limits
from server.community import accounts, posts
from server.limits import Limit
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.conftest import MovedClock
from tests.journeys.conftest import PASSWORD, add_group, add_rule, signed_in, work
from tests.pictures import BLUE, RED, bomb, is_near, opened, photograph, png
from tests.web.counting import counted

WRITE = "/g/elm_street/write"
CAT = "A grey cat on a windowsill"


async def street(app: Starlette, runtime: Runtime, visibility: str = "public") -> tuple[Browser, int]:
    ana = await signed_in(app, "ana")
    return ana, await add_group(runtime, moderator="ana", visibility=visibility, join_mode="ask")


async def show(browser: Browser, *files: bytes, words: str = CAT, **typed: str) -> Answer:
    """A new thread with pictures, all with the same words; the answer to its form."""
    form = (await browser.get(WRITE)).form("Send")
    for number, data in enumerate(files, start=1):
        form.files[f"file_{number}"] = (f"../../IMG_{number}.jpg", data)
        typed[f"words_{number}"] = words
    return await form.submit(**({"title": "A grey cat", "text": "On our sill."} | typed))


async def shown(browser: Browser, runtime: Runtime, *files: bytes, words: str = CAT, **typed: str) -> Answer:
    """A published thread with pictures."""
    thread = await show(browser, *files, words=words, **typed)
    assert thread.status == 200, thread.words
    await work(runtime)
    return await browser.get(thread.path)


def pictures_on(page: Answer) -> list[str]:
    """The addresses of the whole pictures on a page."""
    return [str(found["href"]) for found in page.soup.select(".pictures a")]


def files_in(runtime: Runtime) -> list[Path]:
    return [path for path in Path(runtime.settings.media_url).rglob("*") if path.is_file()]


async def test_a_thread_with_a_picture_is_written_checked_and_seen(
    app: Starlette, runtime: Runtime, stranger: Browser
) -> None:
    ana, _ = await street(app, runtime)
    thread = await show(ana, photograph(2000, 1500))
    (address,) = pictures_on(thread)
    assert (await ana.get(address)).status == 200
    assert (await stranger.get(address)).status == 404
    await work(runtime)
    page = await stranger.get(thread.path)
    image = page.soup.select(".pictures img")[0]
    assert (image["alt"], image["width"], image["height"], image["loading"]) == (CAT, "1600", "1200", "lazy")
    answer = await stranger.get(str(image["src"]))
    assert (answer.status, answer.header("content-type")) == (200, "image/webp")
    assert opened(answer.body).size == (1600, 1200)
    assert page.soup.select('meta[property="og:image"]')[0]["content"] == f"http://moot.test{address}"


async def test_a_list_shows_a_small_one(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, _ = await street(app, runtime)
    await shown(ana, runtime, png(1000, 500))
    for browser, path in ((stranger, "/g/elm_street"), (ana, "/"), (stranger, "/@ana"), (stranger, "/")):
        (image,) = (await browser.get(path)).soup.select("img.thumb")
        assert (image["alt"], image["width"], image["height"]) == (CAT, "480", "240"), path
        assert opened((await stranger.get(str(image["src"]))).body).size == (480, 240)


async def test_four_pictures_stand_in_their_order(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, _ = await street(app, runtime)
    page = await shown(ana, runtime, *(png(100 + number, 80) for number in range(4)))
    found = [opened((await stranger.get(path)).body).size for path in pictures_on(page)]
    assert found == [(100, 80), (101, 80), (102, 80), (103, 80)]


async def test_a_picture_may_say_it_all(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, _ = await street(app, runtime)
    thread = await shown(ana, runtime, png(), text="")
    assert CAT in (await stranger.get("/g/elm_street")).words
    form = (await ana.get(thread.path)).form("Send reply")
    form.files["file_1"] = ("x.png", png())
    await form.submit(words_1="The cat again")
    await work(runtime)
    assert len(pictures_on(await stranger.get(thread.path))) == 2


async def test_a_picture_without_a_word_is_spoken_of_all_the_same(app: Starlette, runtime: Runtime) -> None:
    """Where others see the beginning of a text stands that there is none, and what it shows instead."""
    mia, group_id = await street(app, runtime)
    await add_rule(runtime, group_id, "No adverts")
    ben = await signed_in(app, "ben")
    thread = await shown(ben, runtime, png(), words="", text="")
    form = (await ben.get(thread.path)).form("Send reply")
    form.files["file_1"] = ("x.png", png())
    reply = (await form.submit()).soup.select_one(".tree .post")
    await work(runtime)
    assert reply is not None
    reply_id = str(reply["id"])[1:]
    report = await mia.get(f"/t/{reply_id}/report")
    assert ("A post without words." in report.words, len(report.soup.select("img.thumb"))) == (True, 1)
    await report.form("Send report").submit(rule=str(report.soup.select("input[name=rule]")[0]["value"]))
    case = await mia.get(str((await mia.get("/queue")).soup.select("ol.rows a.title")[0]["href"]))
    assert "Deleted by its author." not in case.words
    rule = case.soup.select("#rule option")[1]["value"]
    await case.form("Remove").submit(rule=str(rule), reason="An advert.", verb="remove")
    decision = await ben.get(f"/t/{reply_id}/decision")
    assert ("A post without words." in decision.words, len(decision.soup.select("img.thumb"))) == (True, 1)


async def test_what_was_fine_stays_when_the_form_comes_back(app: Starlette, runtime: Runtime) -> None:
    ana, _ = await street(app, runtime)
    again = await show(ana, png(50, 40), b"no picture at all", title="", text="On our sill.")
    assert again.status == 422
    assert "This file is not a picture that we can read" in again.words
    assert "Please write something here." in again.words
    form = again.form("Send")
    assert (form.values["text"], form.values["words_1"], form.values["words_2"]) == ("On our sill.", CAT, CAT)
    assert form.values["picture_1"]
    assert "picture_2" not in form.values
    assert len(again.soup.select("img.thumb")) == 1
    thread = await form.submit(title="A grey cat")
    assert thread.status == 200
    assert len(pictures_on(thread)) == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture that we can read"),
        (bomb(), "too many pixels"),
        (photograph(400, 300)[:900], "damaged"),
        (bytes(8 << 20) + b"x", "This file has 9 MB, and at most 8 fit."),
    ],
    ids=["another format", "too many pixels", "half a picture", "too large"],
)
async def test_each_bad_file_is_told_what_is_wrong_with_it(
    app: Starlette, runtime: Runtime, data: bytes, problem: str
) -> None:
    ana, _ = await street(app, runtime)
    again = await show(ana, data)
    assert again.status == 422
    assert problem in again.words
    assert again.form("Send").values["text"] == "On our sill."
    assert files_in(runtime) == []


async def test_words_that_are_too_long_are_shown_again(app: Starlette, runtime: Runtime) -> None:
    ana, _ = await street(app, runtime)
    again = await show(ana, png(), words="x" * 1501)
    assert again.status == 422
    assert "This is too long" in again.words
    assert again.form("Send").values["picture_1"]


async def test_the_preview_keeps_pictures_without_publishing(app: Starlette, runtime: Runtime) -> None:
    ana, _ = await street(app, runtime)
    form = (await ana.get(WRITE)).form("Preview")
    form.files["file_1"] = ("cat.png", png())
    preview = await form.submit(title="A cat", text="Here.", words_1=CAT)
    assert preview.has_button("Send")
    assert len(preview.soup.select("#preview img.thumb")) == 1
    assert [image["alt"] for image in preview.soup.select("#preview .pictures img")] == [CAT]
    thread = await preview.form("Send").submit()
    assert len(pictures_on(thread)) == 1


async def test_a_picture_is_taken_out_again(app: Starlette, runtime: Runtime) -> None:
    ana, _ = await street(app, runtime)
    again = await show(ana, png(), png(), title="")
    thread = await again.form("Send").submit(title="A cat", out_1="1")
    assert len(pictures_on(thread)) == 1


async def test_a_reply_keeps_its_pictures_beside_its_error(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, _ = await street(app, runtime)
    thread = await shown(ana, runtime)
    form = thread.form("Send reply")
    form.files |= {"file_1": ("a.png", png()), "file_2": ("b.png", b"?")}
    again = await form.submit(text="Look!", words_1="Her tail")
    assert again.status == 422
    assert "not a picture that we can read" in again.words
    assert [field["name"] for field in again.soup.select("[autofocus]")] == ["file_2"]
    kept = again.form("Send reply")
    assert (kept.values["text"], kept.values["words_1"]) == ("Look!", "Her tail")
    reply = await kept.submit()
    await work(runtime)
    assert [image["alt"] for image in (await stranger.get(reply.path)).soup.select(".pictures img")] == ["Her tail"]


async def test_nobody_uses_the_picture_of_another(app: Starlette, runtime: Runtime) -> None:
    ana, _ = await street(app, runtime)
    eve = await signed_in(app, "eve")
    kept = (await show(ana, png(), title="")).form("Send").values["picture_1"]
    assert (await eve.get(f"/media/{kept}/small.webp")).status == 404
    stolen = await (await eve.get(WRITE)).form("Send").submit(title="Mine", text="!", picture_1=kept)
    assert stolen.status == 422
    assert "This picture is no longer here." in stolen.words


async def test_a_picture_stands_on_one_post_alone(app: Starlette, runtime: Runtime) -> None:
    ana, _ = await street(app, runtime)
    form = (await show(ana, png(), title="")).form("Send")
    assert (await form.submit(title="One")).status == 200
    again = await form.submit(title="Two", idempotency_key="another")
    assert again.status == 422
    assert "This picture is no longer here." in again.words


async def test_the_same_form_twice_is_one_thread(app: Starlette, runtime: Runtime) -> None:
    ana, _ = await street(app, runtime)
    form = (await ana.get(WRITE)).form("Send")
    form.files["file_1"] = ("cat.png", png())
    first, second = await form.submit(title="A cat", text="!"), await form.submit(title="A cat", text="!")
    assert first.path == second.path
    assert len(pictures_on(second)) == 1


async def test_there_is_a_limit_to_pictures(app: Starlette, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PICTURES", Limit(2, 3600))
    ana, _ = await street(app, runtime)
    again = await show(ana, png(), png(), png())
    assert again.status == 429
    assert "Please wait a little." in again.words
    assert [name for name in again.form("Send").values if name.startswith("picture_")] == ["picture_1", "picture_2"]


async def test_strangers_send_no_files(app: Starlette, runtime: Runtime, stranger: Browser) -> None:
    ana, _ = await street(app, runtime)
    form = (await ana.get(WRITE)).form("Send")
    form.browser = stranger
    form.files["file_1"] = ("cat.png", png())
    assert (await form.submit(title="A cat", text="Keep me")).status == 401
    form.files["file_1"] = ("cat.png", bytes(2 << 20))
    assert (await form.submit(title="A cat", text="!")).status == 413
    assert files_in(runtime) == []


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
