"""E: no text of anybody's becomes markup, on any page, in any language."""

import re

import pytest
from bs4 import BeautifulSoup
from starlette.applications import Starlette

from moderation import checks, reports, rules
from moderation.criteria import WordsCriteria
from moderation.rules import RuleForm
from server.community import actors, groups, posts
from tests.browser_like import Browser
from tests.federation.peer import PUBLIC
from tests.federation.street import GROUP, Street, addressed
from tests.hostile.test_visibility import resident

pytestmark = pytest.mark.slow

# Each closes another context: text, attribute in either quotes, script, comment, title, textarea, CSS.
EVIL = """casino"'><script>alert(1)</script><img src=x onerror=alert(1)>--></title></textarea><svg/onload=alert(1)>"""
VECTORS = (
    EVIL, "<a href=\"javascript:alert(1)\">x</a>",
    "<a href='JaVa\tScRiPt:alert(1)'>x</a>", "<a href=\"//evil.test\">x</a>",
    "<a href=\"/logout\">x</a>", "<math><mtext><table><mglyph><style><!--</style><img src=x onerror=alert(1)>",
    "<svg><style><a title=\"</style><img src=x onerror=alert(1)>\">", "<p style=\"background:url(//evil.test)\">x</p>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>", "<form action=//evil.test><button>x</button></form>",
    "<input autofocus onfocus=alert(1)>", "<base href=//evil.test>",
    "<meta http-equiv=refresh content=0;url=//evil.test>",
    "<link rel=stylesheet href=//evil.test>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>", "[x](javascript:alert(1))", "<javascript:alert(1)>",
    "![x](https://evil.test/pixel.png)", "[x](https://evil.test \"'><script>alert(1)</script>\")",
    "[a]: javascript:alert(1)\n[a]",
    "<https://evil.test/'onmouseover='alert(1)>", "`<script>alert(1)</script>`", "{{ 7*7 }}{% raw %}", "%(name)s %s %",
)  # fmt: skip
OURS = {"script", "link", "meta", "form", "input", "button", "svg", "style"}


def dangers(html: str) -> list[str]:
    """What a browser would run, load or send elsewhere."""
    soup = BeautifulSoup(html, "lxml")
    found = []
    for tag in soup.find_all(True):
        where = f"<{tag.name}> {str(tag)[:150]}"
        ours = tag.name == "img" and str(tag.get("src", "")).startswith("/static/")
        if tag.name in ("iframe", "object", "embed", "base", "math", "img", "video", "audio", "style") and not ours:
            found.append(where)
        for name, value in tag.attrs.items():
            text = " ".join(value) if isinstance(value, list) else str(value)
            if name.startswith("on") or name in ("style", "srcdoc", "srcset", "ping", "background"):
                found.append(where)
            if name in ("src", "action", "formaction", "data") and not text.startswith(("/", "#")):
                found.append(where)
            if name in ("src", "action", "formaction", "href") and re.match(
                r"[\s\x00-\x1f]*(javascript|data|vbscript):|//", text, re.IGNORECASE
            ):
                found.append(where)
        if tag.name == "script" and (tag.string or not str(tag.get("src", "")).startswith("/static/")):
            found.append(where)
        if tag.name == "meta" and tag.get("http-equiv"):
            found.append(where)
        if tag.name == "link" and not re.match(r"/(static|t)/|http://moot\.test", str(tag.get("href"))):
            found.append(where)
    return found


async def _everything_evil(street: Street) -> list[int]:
    """Every field that somebody can fill, here or elsewhere, filled with markup; ids of posts."""
    async with street.runtime.db.transaction() as conn:
        await conn.execute(
            "update groups set place = $1, tagline = $2, answers_within = $3", EVIL[:100], EVIL, EVIL[:100]
        )
        await actors.describe(conn, street.group_id, EVIL, "\n\n".join(VECTORS))
        await actors.describe(conn, street.ana_id, EVIL, "\n\n".join(VECTORS))
        await rules.add(conn, street.group_id, RuleForm(EVIL[:80], "\n\n".join(VECTORS)), street.mia_id)
        await rules.add(conn, None, RuleForm(EVIL[:80], "\n\n".join(VECTORS)), street.mia_id)
        words = WordsCriteria(words=("alert",))
        await checks.create_check(conn, street.group_id, street.rule_id, words, "flag", street.mia_id)
    street.mastodon.documents["/u/max"] |= {"name": EVIL, "summary": "".join(VECTORS), "url": "javascript:alert(1)"}
    await street.moot.deliver(street.mastodon.activity("Update", street.max, street.max))
    source = "\n\n".join(vector for vector in VECTORS if "casino" not in vector)
    title = EVIL.replace("casino", "")
    made = [await street.write(title, source), await street.write(EVIL, EVIL)]
    for vector in (*VECTORS, "".join(VECTORS)):
        content = vector.replace("casino", "")
        create = addressed(street, street.mastodon, street.max, content or "x", name=title, inReplyTo=made[0].uri)
        create["object"] |= {
            "url": "javascript:alert(1)", "language": {"identifier": '"><script>alert(1)</script>'},
            "attachment": [{"type": "Link", "href": "https://evil.test/\"'><script>alert(1)</script>"}],
        }  # fmt: skip
        assert (await street.moot.deliver(create)).status == 202
    page = street.mastodon.note(
        street.max, EVIL, type="Page", name=title, cc=[GROUP], url="https://evil.test/'\"><script>"
    )
    assert (await street.moot.deliver(street.mastodon.activity("Create", street.max, page, to=[PUBLIC]))).status == 202
    flag = street.lemmy.activity("Flag", street.lena, made[0].uri, content=EVIL, summary=EVIL)
    assert (await street.moot.deliver(flag)).status == 202
    await street.settle()
    async with street.runtime.db.read() as conn:
        return [row["id"] for row in await conn.fetch("select id from posts order by id")]


PAGES = (
    "/", "/groups", "/g/elm_street", "/g/elm_street/rules", "/rules", "/g/elm_street/write", "/g/elm_street/record",
    "/g/elm_street/members", "/g/elm_street/settings", "/g/elm_street/settings/rules", "/g/elm_street/settings/checks",
    "/@ana", "/@max@{host}", "/notifications", "/settings", "/queue", "/record", "/about", "/signup", "/sessions",
    "/login?next=javascript:alert(1)", "/login?next=\"><script>alert(1)</script>",
    "/login?name=\"><script>alert(1)</script>",
    "/signup?invite=\"><script>alert(1)</script>", "/reset/new?token=\"><script>",
    "/lookup?address=\"><script>alert(1)</script>",
    "/g/elm_street?sort=\"><script>", "/\"><script>alert(1)</script>",
    "/admin/accounts", "/admin/instances", "/admin/groups",
)  # fmt: skip


FIELDS = (
    "title", "text", "link", "name", "about", "comment", "rule", "email", "password", "next", "invite", "application",
    "address", "to", "timezone", "language", "theme", "new_password",
)  # fmt: skip
FORMS = (
    "/g/elm_street/write", "/settings", "/settings/password", "/login", "/signup", "/reset", "/confirm/again",
    "/lookup",
)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "de"])
async def test_no_page_holds_markup_of_others(street: Street, app: Starlette, language: str) -> None:
    ids = await _everything_evil(street)
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update accounts set language = $1, admin = (actor_id = $2)", language, street.mia_id)
        cases = [row["id"] for row in await conn.fetch("select id from cases")]
        first = await posts.by_id(conn, ids[0])
        group = await groups.BY_ID.one(conn, street.group_id, street.mia_id)
        assert group is not None
        reporter = await actors.by_id(conn, street.mia_id)
        await reports.file_report(conn, reporter, first, group, street.rule_id, EVIL)
    assert len(cases) >= 2
    pages = [page.format(host=street.mastodon.host) for page in PAGES] + [f"/queue/{case}" for case in cases]
    for one in [*ids[:3], ids[-1]]:
        pages += [f"/t/{one}{part}" for part in ("", "/history", "/edit", "/delete", "/report", "/remove")]
    shown = 0
    people = [await resident(street, app, "ana", street.ana_id), await resident(street, app, "mia", street.mia_id)]
    for browser in (Browser(app), *people):
        for page in pages:
            browser.cookies |= {"language": language, "said": "%3Cscript%3E"}
            answer = await browser.get(page)
            assert answer.status < 500, page
            if "text/html" in (answer.header("content-type") or ""):
                shown += answer.status == 200
                assert dangers(answer.text) == [], page
                assert 'lang="' + language in answer.text, page
    assert shown > 60


async def test_what_was_typed_comes_back_as_text(street: Street, app: Starlette) -> None:
    """The second way of each text to a page: a form that does not fit, and a preview."""
    ana = await resident(street, app, "ana", street.ana_id)
    evil = dict.fromkeys(FIELDS, EVIL)
    thread = await street.write("The crossing", "Where?")
    of_thread = [f"/t/{thread.id}/{what}" for what in ("reply", "edit", "report")]
    for path in (*FORMS, *of_thread):
        for preview in ("", "1"):
            for browser in (ana, Browser(app)):
                answer = await browser.post(path, evil | {"preview": preview})
                assert answer.status < 500, path
                assert dangers(answer.text) == [], path


ELSEWHERE = (
    "//evil.test", "/\\evil.test", "https:evil.test", "/%2f%2fevil.test/..//", "/%09/evil.test", "\t//evil.test",
    "///evil.test", "/\u2028/evil.test", "javascript:alert(1)", "@evil.test",
)  # fmt: skip


@pytest.mark.parametrize("path", ELSEWHERE)
async def test_log_in_leads_to_no_other_place(street: Street, app: Starlette, path: str) -> None:
    """E9."""
    browser = Browser(app)
    typed = {"name": "ana", "password": "a long sentence", "next": path}
    answer = await browser.post("/login", typed, follow=False)
    where = answer.header("location") or ""
    assert answer.status == 303
    assert re.fullmatch(r"/(?![/\\\t]).*", where)
