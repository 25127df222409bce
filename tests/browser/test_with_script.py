"""What JavaScript adds: thanks and replies in place, drafts that survive, the queue by keyboard, colours by choice."""

from collections.abc import AsyncIterator

import pytest
from PIL import Image
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.browser.demo_moot import MODERATOR, RESIDENT
from tests.browser.pages import ELM, PARKING
from tests.pictures import encoded, png
from tests.real_moot import until

PAPER = "getComputedStyle(document.documentElement).backgroundColor"
LIGHT, DARK = "rgb(251, 250, 246)", "rgb(24, 27, 24)"


@pytest.fixture
async def page(contexts: dict[str, BrowserContext]) -> AsyncIterator[Page]:
    opened = await contexts[RESIDENT].new_page()
    yield opened
    await opened.close()


async def stays(page: Page) -> bool:
    """Whether this is still the document that `page.evaluate("window.here = 1")` marked."""
    return bool(await page.evaluate("window.here === 1"))


async def test_thanks_happen_in_place(page: Page) -> None:
    await page.goto(ELM)
    await page.click('main h3 a:text("Street party")')
    await page.evaluate("window.here = 1")
    button = page.locator(".tree .thank button[aria-pressed=false]").first
    form = await button.evaluate("node => '#' + node.form.id")
    await button.click()
    await expect(page.locator(f"{form} button")).to_have_attribute("aria-pressed", "true")
    await page.click(f"{form} button")
    await expect(page.locator(f"{form} button")).to_have_attribute("aria-pressed", "false")
    assert await stays(page)


async def test_a_reply_is_written_where_it_belongs_and_its_draft_survives(page: Page) -> None:
    await page.goto(ELM)
    await page.click(PARKING)
    thread = page.url
    await page.evaluate("window.here = 1")
    article = page.locator('.tree article:has-text("The vests exist")').first
    await article.locator("a.reply").click()
    area = article.locator(".reply-form textarea")
    await expect(area).to_be_focused()
    assert await stays(page)
    await area.fill("I can wash the vests first.")
    await page.reload()
    await article.locator("a.reply").click()
    await expect(area).to_have_value("I can wash the vests first.")
    await article.locator(".reply-form button:text-is('Send reply')").click()
    await page.wait_for_url(lambda url: "#p" in url)
    await expect(page.locator(".tree .prose:has-text('I can wash the vests first.')")).to_be_visible()
    await page.goto(thread)
    await article.locator("a.reply").click()
    await expect(area).to_have_value("")


async def test_one_picture_after_the_other_is_asked_for_and_the_preview_keeps_them(page: Page) -> None:
    await page.goto(f"{ELM}/write")
    await page.evaluate("window.here = 1")
    await page.click("summary:text('Add pictures')")
    slots = page.locator("fieldset.slot:visible")
    await expect(slots).to_have_count(1)
    await page.set_input_files("#picture-1-file", {"name": "hat.png", "mimeType": "image/png", "buffer": png(900, 600)})
    await expect(slots).to_have_count(2)
    await page.fill("#picture-1-words", "A straw hat")
    await page.fill("#title", "Found")
    await page.click("main form button:text-is('Preview')")
    await expect(page.locator("#preview img.thumb")).to_be_visible()
    await expect(page.locator("#picture-1-words")).to_have_value("A straw hat")
    await expect(slots).to_have_count(2)
    assert await stays(page)
    await page.set_input_files(
        "#picture-2-file", {"name": "big.png", "mimeType": "image/png", "buffer": bytes((8 << 20) + 1)}
    )
    await page.click("main form button:text-is('Send')")
    assert await page.locator("#picture-2-file").evaluate("file => file.validationMessage") != ""
    assert await stays(page)
    await page.evaluate("document.querySelector('#picture-2-file').value = ''")
    await page.locator("#picture-2-file").dispatch_event("change")
    await page.click("main form button:text-is('Send')")
    await expect(page.locator("img[alt='A straw hat']")).to_be_visible()


async def test_a_preview_that_went_wrong_does_not_become_a_thread(page: Page) -> None:
    await page.goto(f"{ELM}/write")
    await page.fill("#title", "Not yet")
    await page.fill("#text", "I am still thinking.")

    async def busy(route: Route) -> None:
        await route.fulfill(status=503, body="busy")

    await page.route("**/write", busy, times=1)
    await page.click("main form button:text-is('Preview')")
    await expect(page.locator("#preview-title")).to_be_visible()
    assert page.url.partition("#")[0].endswith("/write")


async def test_a_large_photograph_is_made_smaller_before_it_is_sent(page: Page) -> None:
    """Sooner there, also from a camera whose pictures we would refuse; and upright, as it is seen in the camera."""
    photo = encoded(Image.effect_noise((4800, 3600), 90).convert("RGB"), "JPEG", quality=60, exif=turned())
    assert len(photo) > 3 << 20
    await page.goto(f"{ELM}/write")
    await page.click("summary:text('Add pictures')")
    await page.set_input_files("#picture-1-file", {"name": "IMG.jpg", "mimeType": "image/jpeg", "buffer": photo})
    smaller = "document.querySelector('#picture-1-file').files[0].size < 2 << 20"
    await until(lambda: page.evaluate(smaller), "a smaller photograph")
    await page.fill("#title", "Grey")
    await page.fill("#picture-1-words", "Nothing but grey")
    await page.click("main form button:text-is('Send')")
    picture = page.locator("img[alt='Nothing but grey']")
    await expect(picture).to_be_visible()
    assert (await picture.get_attribute("width"), await picture.get_attribute("height")) == ("1200", "1600")


def turned() -> Image.Exif:
    """What a camera writes that was held upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


async def test_the_queue_by_keyboard(contexts: dict[str, BrowserContext]) -> None:
    page = await contexts[MODERATOR].new_page()
    await page.goto("/queue")
    cases = page.locator("main ol a.title")
    assert await cases.count() >= 2
    await page.keyboard.press("j")
    await expect(cases.nth(0)).to_be_focused()
    await page.keyboard.press("j")
    await expect(cases.nth(1)).to_be_focused()
    await page.keyboard.press("k")
    await expect(cases.nth(0)).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/queue/*")
    first = page.url
    await page.keyboard.press("s")
    await page.wait_for_url(lambda url: url != first)
    # A letter typed as part of a reason decides nothing.
    here = page.url
    await page.locator("#reason").press_sequentially("rbkxs")
    await expect(page.locator("#reason")).to_have_value("rbkxs")
    assert page.url == here
    await page.fill("#reason", "")
    await page.close()


async def test_a_menu_closes_on_escape_and_gives_the_focus_back(page: Page) -> None:
    await page.goto("/")
    summary = page.locator("header details.menu summary").first
    await summary.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("header details.menu").first).to_have_attribute("open", "")
    await page.keyboard.press("Escape")
    await expect(page.locator("header details.menu[open]")).to_have_count(0)
    await expect(summary).to_be_focused()


async def test_light_and_dark_follow_the_system_until_somebody_chooses(page: Page) -> None:
    await page.emulate_media(color_scheme="dark")
    await page.goto("/settings")
    assert await page.evaluate(PAPER) == DARK
    await page.emulate_media(color_scheme="light")
    assert await page.evaluate(PAPER) == LIGHT
    await choose(page, "dark")
    assert await page.evaluate(PAPER) == DARK
    await page.emulate_media(color_scheme="dark")
    await choose(page, "light")
    assert await page.evaluate(PAPER) == LIGHT
    await choose(page, "system")
    assert await page.evaluate(PAPER) == DARK


async def choose(page: Page, theme: str) -> None:
    await page.check(f"input[name=theme][value={theme}]")
    await page.click("main form[action='/settings'] button")
    await expect(page.locator(".flash")).to_have_text("Saved.")
