"""Every page of the product, an address of each in the demo, and who looks at it."""

import typing
from urllib.parse import urljoin

import msgspec
from playwright.async_api import Page

from tests.browser.demo_moot import ADMIN, MODERATOR, RESIDENT, STRANGER


class Look(msgspec.Struct, frozen=True):
    """Who looks where: from `path` on along `links`, which are selectors, and `then` after the address so found."""

    who: str
    path: str
    links: tuple[str, ...] = ()
    then: str = ""


async def address_of(page: Page, look: Look) -> str:
    """Where `look` leads: from page to page along its links, to an address that no test can know before."""
    path = look.path
    for link in look.links:
        await page.goto(path)
        href = await page.locator(link).first.get_attribute("href")
        assert href, f"{link} leads nowhere on {path}"
        path = urljoin(path, href)
    return path.partition("#")[0] + look.then if look.then else path


def looks(path: str, *people: str) -> tuple[Look, ...]:
    return tuple(Look(who, path) for who in people)


def found(who: str, path: str, *links: str, then: str = "") -> tuple[Look, ...]:
    return (Look(who, path, links, then),)


SIZES = (390, 1280)
THEMES: tuple[typing.Literal["light", "dark"], ...] = ("light", "dark")
SECRET = "a" * 43
ELM = "/g/elm_street"
PARKING = 'main h3 a:text("Parking by the school crossing")'  # ana's, with replies, one of them edited
POWER_CUT = 'main h3 a:text("Power cut")'  # by clare, with a reply that is flagged
DISCOUNT = 'main h3 a:text("discount code")'  # ana's, held and released
CAT = 'main h3 a:text("A grey cat has moved")'  # by dorothy, with a picture
FILM = 'main h3 a:text("A film on the bakery wall")'  # a poll in which ana has not voted yet, and martha has
SHED = 'main h3 a:text("The shed door")'  # a poll that has closed
RETIRE = 'main a[href$="/retire"]'

# By the path of its route; a route that is missing here fails a test.
PAGES: dict[str, tuple[Look, ...]] = {
    "/": looks("/", STRANGER, RESIDENT, MODERATOR),
    "/groups": looks("/groups", STRANGER, RESIDENT),
    "/g/{handle}": looks(ELM, STRANGER, RESIDENT, MODERATOR) + looks("/g/repair_cafe?sort=unanswered", MODERATOR),
    "/g/{handle}/rules": looks(f"{ELM}/rules", STRANGER, MODERATOR),
    "/g/{handle}/record": looks(f"{ELM}/record", STRANGER),
    "/g/{handle}/write": looks(f"{ELM}/write", RESIDENT),
    "/t/{post_id}": found(STRANGER, ELM, PARKING)
    + found(RESIDENT, ELM, PARKING)
    + found(MODERATOR, ELM, PARKING)
    + found(RESIDENT, ELM, POWER_CUT, "a.reply")
    + found(RESIDENT, ELM, CAT)
    + found(RESIDENT, ELM, FILM)
    + found(MODERATOR, ELM, FILM)
    + found(STRANGER, "/g/mill_lane_garden", SHED),
    "/t/{post_id}/edit": found(RESIDENT, ELM, PARKING, then="/edit"),
    "/t/{post_id}/delete": found(RESIDENT, ELM, PARKING, then="/delete"),
    "/t/{post_id}/report": found(RESIDENT, ELM, POWER_CUT, then="/report"),
    "/t/{post_id}/remove": found(MODERATOR, ELM, POWER_CUT, then="/remove"),
    "/t/{post_id}/pin": found(MODERATOR, ELM, POWER_CUT, then="/pin"),
    "/t/{post_id}/close": found(MODERATOR, ELM, POWER_CUT, then="/close"),
    "/t/{post_id}/history": found(STRANGER, ELM, PARKING, 'main a[href$="/history"]'),
    "/t/{post_id}/decision": found(RESIDENT, ELM, DISCOUNT, then="/decision"),
    "/decisions/{decision_id}": found(RESIDENT, "/notifications", 'main a[href^="/decisions/"]')
    + found(MODERATOR, "/queue", 'main ol a:text("Power cut")', 'aside a[href^="/decisions/"]'),
    "/@{handle}": looks("/@martha", STRANGER) + looks("/@ana", RESIDENT),
    "/notifications": looks("/notifications", RESIDENT, MODERATOR),
    "/settings": looks("/settings", RESIDENT),
    "/sessions": looks("/sessions", RESIDENT),
    "/login": looks("/login?name=ana", STRANGER),
    "/reset": looks("/reset", STRANGER),
    "/reset/new": looks(f"/reset/new?token={SECRET}", STRANGER),
    "/signup": looks("/signup", STRANGER),
    "/confirm": looks(f"/confirm?token={SECRET}", STRANGER),
    "/admin/accounts": looks("/admin/accounts", ADMIN),
    "/admin/instances": looks("/admin/instances", ADMIN),
    "/admin/people": looks("/admin/people", ADMIN),
    "/admin/instances/import": looks("/admin/instances/import", ADMIN),
    "/admin/instances/lists": looks("/admin/instances/lists", ADMIN),
    "/admin/rules": looks("/admin/rules", ADMIN),
    "/admin/checks": looks("/admin/checks", ADMIN),
    "/groups/new": looks("/groups/new", ADMIN),
    "/lookup": looks("/lookup", RESIDENT),
    "/g/{handle}/settings": looks(f"{ELM}/settings", MODERATOR),
    "/g/{handle}/settings/rules": looks(f"{ELM}/settings/rules", MODERATOR),
    "/g/{handle}/settings/checks": looks(f"{ELM}/settings/checks", MODERATOR)
    + looks(f"{ELM}/settings/checks?kind=newcomer", MODERATOR)
    + looks(f"{ELM}/settings/checks?kind=score", MODERATOR),
    "/g/{handle}/settings/servers": looks(f"{ELM}/settings/servers", MODERATOR),
    "/g/{handle}/settings/rules/{rule_id}/retire": found(MODERATOR, f"{ELM}/settings/rules", RETIRE),
    "/g/{handle}/settings/checks/{check_id}/retire": found(MODERATOR, f"{ELM}/settings/checks", RETIRE),
    "/g/{handle}/members": looks(f"{ELM}/members", MODERATOR),
    "/g/{handle}/members/{person_id}/ban": found(MODERATOR, f"{ELM}/members", 'main a[href$="/ban"]'),
    "/invites": looks("/invites", ADMIN),
    "/about": looks("/about", STRANGER),
    "/rules": looks("/rules", STRANGER, ADMIN),
    "/help": looks("/help", STRANGER),
    "/privacy": looks("/privacy", STRANGER),
    "/mail": looks("/mail", STRANGER),
    "/queue": looks("/queue", MODERATOR) + looks("/queue?group=elm_street", MODERATOR),
    "/queue/{case_id}": found(MODERATOR, "/queue", 'main ol a:text("Driveways")')
    + found(MODERATOR, "/queue", 'main ol a:text("Power cut")')
    + found(ADMIN, "/queue", "main ol a.title"),
    "/record": looks("/record", STRANGER),
    "404": looks("/nobody-made-this-page", STRANGER, RESIDENT),
}

# Routes that answer a GET with no page of HTML, or with one that is looked at elsewhere.
NOT_PAGES = {
    "/media/{media_id}/{name}": "a picture, which is looked at in its thread",
    "/static/{name:path}": "style, script and icon",
    "/admin/rules/{rule_id}/retire": "the page of a group's rule, and the demo has no rule for everybody to retire",
    "/admin/checks/{check_id}/retire": "the page of a group's check, and the demo has no check for everybody",
    "/t/{post_id}/unpin": "the page of pinning, with other words",
    "/t/{post_id}/open": "the page of pinning, with other words",
    "/bans/{deed_id}": "the demo bans nobody; its pieces are those of a decision",
    "/admin/people/{person_id}/suspend": "the demo knows nobody on other servers; its pieces are those of a ban",
    "/admin/instances/clear": "the demo blocks no server; its pieces are those of a ban",
    "/admin/instances/lists/{list_id}": "the demo subscribes to no list, which would be on another server",
    "/admin/instances/blocked.csv": "a download",
    "/admin/instances/allowed.csv": "a download",
    "/healthz": "for whoever watches the processes",
    "/readyz": "for whoever watches the processes",
    "/metrics": "for whoever measures",
    "/record.csv": "a download",
    "/record.json": "a download",
    "/g/{handle}/record.csv": "a download",
    "/g/{handle}/record.json": "a download",
}
