"""Pictures on threads and replies: written, kept with their form, refused with a reason."""

import pytest
from starlette.applications import Starlette

from server import limits
from server.limits import Limit
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.journeys.conftest import add_rule, signed_in, work
from tests.journeys.picture_forms import CAT, WRITE, files_in, pictures_on, show, shown, street
from tests.pictures import bomb, opened, photograph, png


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
