"""Pictures of the main pages for docs/screenshots: `python -m tests.browser.screenshots`."""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from tests.browser.demo_moot import MODERATOR, RESIDENT, ROOT, STRANGER, DemoMoot, chromium, context_of, demo_moot
from tests.browser.pages import ELM, PARKING, SIZES, THEMES, Look, address_of

FOLDER = ROOT / "docs" / "screenshots"
# The same each time: the addresses of groups in the pictures show it.
PORT = 8008
TALLEST = {390: 1600, 1280: 1150}
WHOLE = {"queue"}
SHOTS = {
    "home": Look(RESIDENT, "/"),
    "front": Look(STRANGER, "/"),
    "group": Look(RESIDENT, ELM),
    "thread": Look(RESIDENT, ELM, (PARKING,)),
    "queue": Look(MODERATOR, "/queue", ('main ol a:text("Driveways")',)),
    "rules": Look(STRANGER, f"{ELM}/rules"),
}


async def take_all(moot: DemoMoot, folder: Path, language: str = "en-GB") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    async with chromium() as browser:
        for name, look in SHOTS.items():
            await take(browser, moot, folder, name, look, language)


async def take(browser: Browser, moot: DemoMoot, folder: Path, name: str, look: Look, language: str) -> None:
    """One page in each width and theme, no taller than TALLEST where it is not one of WHOLE."""
    context = await context_of(browser, moot, look.who, locale=language)
    page = await context.new_page()
    await page.goto(await address_of(page, look))
    for width in SIZES:
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)
            await page.set_viewport_size({"width": width, "height": 800})
            height = await page.evaluate("document.documentElement.scrollHeight")
            # A window as high as the picture, so that what sticks to its lower edge stands there in the picture too.
            shown = height if name in WHOLE else max(800, min(height, TALLEST[width]))
            await page.set_viewport_size({"width": width, "height": shown})
            await page.screenshot(path=folder / f"{name}-{width}-{theme}.png")
    await context.close()


def main() -> None:
    # Not in a temporary folder of ours alone: PostgreSQL's own account must reach it when this runs as root.
    with tempfile.TemporaryDirectory(prefix="moot-screenshots-") as made:
        Path(made).chmod(0o755)
        with demo_moot(Path(made), PORT) as moot:
            asyncio.run(take_all(moot, FOLDER))


if __name__ == "__main__":
    main()
