"""Folkmoot in German: the demo's pages, its refusals and its mails hold no sentence of the English source."""

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from bs4 import BeautifulSoup
from bs4.element import NavigableString

from server import mail
from server.community import accounts, sessions
from server.messages import Message
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.conftest import Databases, settings_for
from tests.web import messages
from web import demo, render
from web.app import create_app

BASE = "http://127.0.0.1:8000"
ELM = "/g/elm_street"
VALUE = re.compile(r"%\(\w+\)[sd]")
SHOWN = ("title", "aria-label", "placeholder", "alt", "content")
# What the demo's neighbours wrote themselves, in English.
THEIRS = re.compile(r"^(rules?|ana|a resident|new)$", re.IGNORECASE)


def english() -> tuple[set[str], list[re.Pattern[str]]]:
    """The texts that German says otherwise: those without values, and patterns for those with some."""
    plain, patterns = set(), []
    for message in messages.read("de"):
        pairs = zip(messages.texts_of(message.id), messages.texts_of(message.string), strict=False)
        for source, text in pairs:
            if source == text or THEIRS.match(source):
                continue
            if "%(" not in source:
                plain.add(source)
            elif "%(count)s" in source or len(VALUE.sub("", source)) > 12:
                parts = re.split(r"(%\(\w+\)[sd])", source)
                wild = (
                    r"\d+" if part == "%(count)s" else ".+" if VALUE.match(part) else re.escape(part) for part in parts
                )
                patterns.append(re.compile("".join(wild)))
    return plain, patterns


PLAIN, PATTERNS = english()


def said(soup: BeautifulSoup) -> Iterator[str]:
    """Every text that a reader sees or hears, blanks collapsed; not the neighbours' own words."""
    for written in soup.select(".prose, .excerpt, script, style"):
        written.decompose()
    for text in soup.find_all(string=True):
        if type(text) is NavigableString:
            yield " ".join(text.split())
    for element in soup.find_all(True):
        yield from (" ".join(str(element[name]).split()) for name in SHOWN if element.get(name))


def leaks(answer: Answer) -> list[str]:
    found = [text for text in said(answer.soup) if text]
    return [text for text in found if text in PLAIN or any(pattern.fullmatch(text) for pattern in PATTERNS)]


class Town:
    """The demo, and browsers of those who live there and read German."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def browser(self, name: str = "") -> Browser:
        browser = Browser(create_app(self.runtime), base=BASE)
        browser.headers["accept-language"] = "de-AT,de;q=0.8,en;q=0.5"
        if name:
            async with self.runtime.db.transaction() as conn:
                account = await accounts.by_login(conn, name)
                assert account is not None
                await accounts.set_preferences(conn, account.actor_id, "de", "Europe/Vienna", "system")
                browser.cookies["session"] = await sessions.open_session(conn, account, "Firefox/140 (Linux)")
        return browser


@pytest.fixture(scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    dsn = await databases.copy()
    runtime = await Runtime.open(settings_for(dsn, tmp_path_factory.mktemp("german"), BASE_URL=BASE), dsn)
    await demo.fill(runtime)
    yield Town(runtime)
    await runtime.close()
    databases.drop(dsn)


PAGES = {
    "": ["/", "/groups", ELM, f"{ELM}/rules", f"{ELM}/record", "/record", "/rules", "/about", "/help", "/privacy",
         "/login", "/signup", "/reset", "/nobody-made-this"],
    "ana": ["/", ELM, f"{ELM}/write", "/@ana", "/notifications", "/settings", "/sessions", "/lookup"],
    "martha": ["/queue", f"{ELM}/members", f"{ELM}/settings", f"{ELM}/settings/rules", f"{ELM}/settings/checks",
               f"{ELM}/settings/checks?kind=score", f"{ELM}/settings/servers"],
    "kofi": ["/admin/accounts", "/invites", "/admin/instances", "/admin/instances/import",
             "/admin/instances/lists", "/admin/rules", "/admin/checks", "/groups/new"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in PAGES.items() for path in paths])
async def test_no_english_stands_on_a_german_page(town: Town, name: str, path: str) -> None:
    answer = await (await town.browser(name)).get(path)
    assert answer.status == (404 if "nobody" in path else 200)
    assert '<html lang="de"' in answer.text
    assert leaks(answer) == []


async def test_english_is_noticed(town: Town) -> None:
    """Else the tests around this one would prove nothing."""
    browser = await town.browser()
    browser.headers["accept-language"] = "en"
    assert len(leaks(await browser.get(ELM))) > 10


async def test_a_thread_and_what_one_can_do_with_it(town: Town) -> None:
    ana = await town.browser("ana")
    thread = await (await ana.get(ELM)).follow("Parking by the school crossing again")
    own, others = thread.path, (await (await ana.get(ELM)).follow("Tall ladder to lend")).path
    for path in (own, f"{own}/edit", f"{own}/delete", others, f"{others}/report"):
        answer = await ana.get(path)
        assert answer.status == 200
        assert leaks(answer) == []
    martha = await town.browser("martha")
    members = await martha.get(f"{ELM}/members")
    ban = str(members.soup.select_one('main a[href$="/ban"]')["href"])  # type: ignore[index]
    for path in (f"{own}/pin", f"{own}/close", f"{own}/open", f"{own}/unpin", ban):
        answer = await martha.get(path)
        assert answer.status == 200
        assert leaks(answer) == []


async def test_a_case_and_its_decision(town: Town) -> None:
    martha = await town.browser("martha")
    case = await (await martha.get("/queue")).follow("Driveways like new!")
    assert leaks(case) == []
    refused = await case.form("Zurückschicken").submit(reason="")
    assert refused.status == 422
    assert leaks(refused) == []
    decided = await refused.form("Zurückschicken").submit(reason="Das ist Werbung.")
    assert decided.status == 200
    assert leaks(decided) == []


async def test_refusals_with_values_in_them(town: Town) -> None:
    stranger = await town.browser()
    refused = (
        await (await stranger.get("/signup"))
        .form("Beitreten")
        .submit(name="a b", email="nobody", password="short", application="")
    )
    assert refused.status == 422
    assert leaks(refused) == []
    ana = await town.browser("ana")
    refused = await (await ana.get(f"{ELM}/write")).form("Senden").submit(title="x" * 300, text="", link="nowhere")
    assert refused.status == 422
    assert "300 Zeichen" in refused.words
    assert leaks(refused) == []


async def test_a_mail_in_german(town: Town) -> None:
    stranger = await town.browser()
    await (await stranger.get("/reset")).form("Den Link schicken").submit(email="ana@hazelbrook.example")
    async with town.runtime.db.read() as conn:
        (letter,) = await mail.newest(conn)
    assert letter.subject == "Ein neues Passwort für Hazelbrook Neighbours"
    assert letter.body.startswith("Hallo ana,")


def test_a_message_is_english_until_it_is_translated() -> None:
    message = Message("Please choose at least %(least)d characters.", {"least": 8})
    assert message == "Please choose at least 8 characters."
    assert render.say("de", message) == "Bitte wähle mindestens 8 Zeichen."
    assert render.say("de", "No such text") == "No such text"
    assert render.say("de", "") == ""
