"""The main job in a browser without JavaScript: sign up, write, reply, thank, decide."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.demo_moot import ADMIN, MODERATOR, RESIDENT, STRANGER, DemoMoot, context_of
from tests.browser.pages import ELM
from tests.pictures import png

CHECKED_WITHIN = 30_000


@pytest.fixture(scope="module")
async def plain(moot: DemoMoot, browser: Browser) -> AsyncIterator[dict[str, BrowserContext]]:
    people = (STRANGER, RESIDENT, MODERATOR, ADMIN)
    made = {who: await context_of(browser, moot, who, java_script_enabled=False) for who in people}
    yield made
    for context in made.values():
        await context.close()


async def reload_until(page: Page, selector: str) -> None:
    """The worker checks a post in its own time, and a page without script does not hear of it: look again."""
    for _ in range(CHECKED_WITHIN // 500):
        if await page.locator(selector).count():
            return
        await page.wait_for_timeout(500)
        await page.reload()
    raise AssertionError(f"{selector} did not appear on {page.url}")


async def test_a_stranger_signs_up_confirms_and_is_let_in(plain: dict[str, BrowserContext]) -> None:
    page = await plain[STRANGER].new_page()
    await page.goto("/")
    await page.click("main a.btn:text('Join')")
    await page.fill("#name", "rosa_l")
    await page.fill("#email", "rosa@hazelbrook.example")
    await page.fill("#password", "three green bottles")
    await page.fill("#application", "I moved into number 8 last week.")
    await page.click("main form button.btn")
    await expect(page.locator("h1")).to_have_text("Look into your mail")
    await page.click("main a:text('read the mail here')")
    await page.click("main a[href*='/confirm?token=']")
    await page.click("main button:text('Confirm')")
    await expect(page.locator("h1")).to_contain_text("Your application is being read")

    admin = await plain[ADMIN].new_page()
    await admin.goto("/admin/accounts")
    await expect(admin.locator("main")).to_contain_text("I moved into number 8 last week.")
    await admin.click("main button:has-text('Let in')")

    await page.goto("/login?name=rosa_l")
    await page.fill("#password", "three green bottles")
    await page.click("main form button")
    await expect(page.locator("h1")).to_have_text("Hello, rosa_l")
    await page.close()
    await admin.close()


async def test_what_does_not_fit_is_said_beside_what_was_typed(plain: dict[str, BrowserContext]) -> None:
    page = await plain[RESIDENT].new_page()
    await page.goto(f"{ELM}/write")
    await page.fill("#title", "A thread about nothing")
    await page.click("main form button:text-is('Send')")
    await expect(page.locator("#text-wrong")).to_have_text(
        "Please write something here, give a link, or choose a picture."
    )
    await expect(page.locator("#title")).to_have_value("A thread about nothing")
    await page.close()


async def test_a_thread_is_written_answered_and_thanked(plain: dict[str, BrowserContext]) -> None:
    page = await plain[RESIDENT].new_page()
    await page.goto(ELM)
    await page.click("main a:text('Write')")
    await page.fill("#title", "Who has seen the blue wheelbarrow?")
    await page.fill("#text", "It stood by the shed on **Sunday**.")
    await page.click("main form button:text-is('Preview')")
    await expect(page.locator("#preview strong")).to_have_text("Sunday")
    await expect(page.locator("#preview-title")).to_be_in_viewport()
    await page.click("main form button:text-is('Send')")
    await expect(page.locator("h1")).to_have_text("Who has seen the blue wheelbarrow?")
    await reload_until(page, ".reply-form")

    neighbour = await plain[MODERATOR].new_page()
    await neighbour.goto(page.url)
    await neighbour.click("article .thank button")
    await expect(neighbour.locator("article .thank button")).to_have_text("Thanked 1")
    await neighbour.fill(".reply-form textarea", "Behind the compost, I think.")
    await neighbour.click(".reply-form button:text-is('Send reply')")
    await reload_until(neighbour, ".tree .prose:has-text('Behind the compost')")
    await page.reload()
    await expect(page.locator(".tree .who")).to_have_text("Martha Oakes")
    await page.close()
    await neighbour.close()


async def test_pictures_are_chosen_described_and_kept(plain: dict[str, BrowserContext]) -> None:
    page = await plain[RESIDENT].new_page()
    await page.goto(f"{ELM}/write")
    await page.fill("#text", "By the gate.")
    await page.click("summary:text('Add pictures')")
    await expect(page.locator("fieldset.slot")).to_have_count(4)
    await page.set_input_files("#picture-1-file", {"name": "hat.png", "mimeType": "image/png", "buffer": png(900, 600)})
    await page.fill("#picture-1-words", "A straw hat on a fence post")
    await page.set_input_files("#picture-2-file", {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
    await page.evaluate("document.querySelector('#title').removeAttribute('required')")
    await page.click("main form button:text-is('Send')")
    await expect(page.locator("#picture-2-wrong")).to_contain_text("not a picture that we can read")
    await expect(page.locator("#picture-1-words")).to_have_value("A straw hat on a fence post")
    await expect(page.locator("fieldset.slot img.thumb")).to_be_visible()
    await page.fill("#title", "Found: a straw hat")
    await page.click("main form button:text-is('Send')")
    await expect(page.locator("h1")).to_have_text("Found: a straw hat")
    picture = page.locator("img[alt='A straw hat on a fence post']")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 900
    await page.close()


async def test_a_held_post_waits_and_is_sent_back_with_its_rule(plain: dict[str, BrowserContext]) -> None:
    page = await plain[RESIDENT].new_page()
    await page.goto(f"{ELM}/write")
    await page.fill("#title", "Half price on garden gnomes")
    await page.fill("#text", "A special offer, today only.")
    await page.click("main form button:text-is('Send')")
    await reload_until(page, ".note:has-text('a moderator reads it first')")
    stranger = await plain[STRANGER].new_page()
    unseen = await stranger.goto(page.url)
    assert unseen is not None
    assert unseen.status == 404

    moderator = await plain[MODERATOR].new_page()
    await moderator.goto("/queue")
    await moderator.click("main ol a:text('garden gnomes')")
    await expect(moderator.locator("article mark").first).to_have_text("special offer")
    await moderator.click("button[value=refuse]")
    await expect(moderator.locator("#reason-wrong")).to_be_visible()
    await moderator.fill("#reason", "Gnomes belong on the board at the bakery.")
    await moderator.click("button[value=refuse]")
    await expect(moderator.locator(".flash")).to_contain_text("Decided.")

    await page.reload()
    await page.click("main a:text('Why, and what you can do')")
    await expect(page.locator("main")).to_contain_text("Gnomes belong on the board at the bakery.")
    await expect(page.locator("main")).to_contain_text("Rule 3: No adverts")
    for opened in (page, stranger, moderator):
        await opened.close()
