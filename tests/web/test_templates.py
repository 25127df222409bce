"""Every template renders with its view model alone, escapes what it shows, and keeps to the content security policy."""

import gzip
import re
from html.parser import HTMLParser

import msgspec
import pytest
from markupsafe import Markup

from tests.web.sample_pages import PAGES, chrome
from tests.web.samples import ELM, POST, REPLIES, RULES
from web import present
from web.render import LANGUAGES, STATIC, asset, environment, render
from web.views.parts import Page, PostView
from web.views.residents import ErrorPage, ThreadPage

EVIL = '<script>alert(1)</script>" onmouseover="x'


class Outline(HTMLParser):
    """What a document is made of: its elements in order, its ids, and the elements that were never closed."""

    VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "use", "path", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.crossed.append(tag)

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(params=sorted(PAGES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_template_has_a_sample() -> None:
    pieces = {"layout.html", "macros.html", "icons.html", "pictures.html", "poll.html", "replies.html"}
    assert {page.template for page in PAGES.values()} == set(environment("en").list_templates()) - pieces


def test_a_page_is_whole_and_sound(name: str) -> None:
    outline = Outline(render(PAGES[name], chrome(name)))
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert outline.open == []
    assert outline.crossed == []
    assert sorted(set(ids), key=str) == sorted(ids, key=str)
    assert len(outline.all("h1")) == 1
    assert len(outline.all("main")) == 1


def test_every_field_has_a_label_and_every_description_exists(name: str) -> None:
    outline = Outline(render(PAGES[name], chrome(name)))
    ids = {attributes.get("id") for _, attributes in outline.elements}
    labelled = {attributes.get("for") for attributes in outline.all("label")}
    fields = [
        a for a in outline.all("input", "textarea", "select") if a.get("type") not in ("hidden", "radio", "checkbox")
    ]
    assert [field for field in fields if field.get("id") not in labelled] == []
    for _, attributes in outline.elements:
        for reference in ("aria-describedby", "aria-labelledby"):
            assert set((attributes.get(reference) or "").split()) <= ids


def test_no_page_needs_inline_script_or_style_or_another_host(name: str) -> None:
    outline = Outline(render(PAGES[name], chrome(name)))
    for tag, attributes in outline.elements:
        assert tag != "style"
        assert "style" not in attributes
        assert [key for key in attributes if key.startswith(("on", "hx-on"))] == []
    assert all((script.get("src") or "").startswith("/static/") for script in outline.all("script"))
    assert all((link.get("href") or "").startswith("/") for link in outline.all("link"))
    assert outline.all("iframe", "object", "base") == []
    for image in outline.all("img"):
        addresses = [
            image.get("src") or "",
            *(part.split()[0] for part in (image.get("srcset") or "").split(",") if part),
        ]
        assert all(re.fullmatch(r"/media/\d+/\w+\.webp", address) for address in addresses)
        assert all(image.get(name) for name in ("alt", "width", "height"))


def test_every_form_that_changes_something_is_a_post_to_a_path_of_ours(name: str) -> None:
    for form in Outline(render(PAGES[name], chrome(name))).all("form"):
        assert (form.get("action") or "").startswith("/")
        assert form.get("method") in ("post", "get")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_its_language(language: str) -> None:
    assert f'<html lang="{language}" dir="ltr"' in render(PAGES["front"], chrome("front", language=language))


# The fields that hold what somebody typed, here or on another server.
WRITTEN = {
    "about", "address", "answer", "body", "comment", "contact", "device", "email", "error", "exact", "excerpt",
    "explanation", "heading", "host", "initials", "kept_text", "label", "link_host", "name", "place", "problem",
    "question", "reason", "subject", "tagline", "text", "title", "value", "waiting_for", "why_not", "words",
}  # fmt: skip


def poisoned(value: object) -> object:
    """The same view model with every plain text replaced by an attack; Markup, addresses and choices stay."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, msgspec.Struct):
        changed = {
            field: EVIL
            if isinstance(held := getattr(value, field), str)
            and not isinstance(held, Markup)
            and held
            and field in WRITTEN
            else poisoned(held)
            for field in value.__struct_fields__
        }
        return msgspec.structs.replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(EVIL if isinstance(part, str) else poisoned(part) for part in value)
    return value


def test_what_people_wrote_is_escaped_everywhere(name: str) -> None:
    page = poisoned(PAGES[name])
    assert isinstance(page, Page)
    text = render(page, chrome(name, site_title=EVIL))
    assert "&lt;script&gt;alert" in text
    assert "<script>alert" not in text
    assert [a for _, a in Outline(text).elements if "onmouseover" in a] == []


def test_no_template_lifts_the_escaping() -> None:
    source = "".join(path.read_text() for path in (STATIC.parent / "templates").iterdir())
    assert re.findall(r"\|\s*safe\b|autoescape false|Markup", source) == []


def test_a_stranger_is_offered_the_way_in_and_no_news() -> None:
    text = render(PAGES["front"], chrome("front"))
    assert "/login" in text
    assert "/notifications" not in text


def test_what_a_reader_may_not_do_is_not_offered() -> None:
    bare = PostView("7", POST.author, Markup("<p>Hello</p>"), POST.time, "/t/7")
    text = render(ThreadPage(ELM, bare, "A thread", RULES, why_not="Log in to reply."), chrome("thread"))
    for word in ("/t/7/", "<textarea", "Report", "Edit", "Delete", "Remove"):
        assert word not in text
    assert "Log in to reply." in text


def test_the_reply_form_stands_below_the_reply_it_answers() -> None:
    text = render(PAGES["thread_reply"], chrome("thread_reply"))
    assert text.index('id="p101"') < text.index('id="reply-101"') < text.index('id="p102"')


def test_a_removed_reply_leaves_a_placeholder_without_its_author() -> None:
    text = render(PAGES["thread"], chrome("thread"))
    gone = text[text.index('id="p107"') :]
    assert "A moderator removed this reply" in gone
    assert "Otto" not in gone[: gone.index("</article>")]


@pytest.mark.parametrize(
    ("theme", "media"), [("system", "screen and (prefers-color-scheme: dark)"), ("dark", "screen"), ("light", None)]
)
def test_the_dark_sheet_follows_the_system_or_the_choice(theme: str, media: str | None) -> None:
    sheets = Outline(render(PAGES["help"], chrome("help", theme))).all("link")  # type: ignore[arg-type]
    assert [sheet.get("media") for sheet in sheets if "dark.css" in (sheet.get("href") or "")] == (
        [media] if media else []
    )


def test_private_pages_are_kept_out_of_search() -> None:
    assert 'content="noindex"' in render(PAGES["settings"], chrome("settings"))
    assert 'content="noindex"' not in render(PAGES["thread"], chrome("thread"))


def test_an_error_keeps_what_was_typed() -> None:
    page = ErrorPage(413, "Too long", "Shorten it.", kept_text="What <I> wrote")
    assert "What &lt;I&gt; wrote</textarea>" in render(page, chrome("error"))


def test_the_first_page_with_everything_it_loads_is_below_60_kb() -> None:
    page = render(PAGES["front"], chrome("front"))
    files = re.findall(r'(?:href|src)="/static/([^?"]+)', page)
    parts = [page.encode(), *((STATIC / file).read_bytes() for file in files)]
    assert len(files) == 6
    assert sum(len(gzip.compress(part, 3)) for part in parts) < 60_000


def test_a_thread_of_200_replies_is_below_120_kb() -> None:
    many = [
        msgspec.structs.replace(REPLIES[at % 6], id=str(1000 + at), permalink=f"/t/100#p{1000 + at}")
        for at in range(200)
    ]
    tree = present.reply_tree(many, ["100" if at % 5 == 0 else str(999 + at) for at in range(200)])
    page = ThreadPage(ELM, msgspec.structs.replace(POST, children=tree), "A long thread", RULES, 200)
    text = render(page, chrome("thread"))
    assert text.count("<article") == 201
    assert len(gzip.compress(text.encode(), 3)) < 120_000


def test_a_static_address_changes_with_its_content() -> None:
    assert re.fullmatch(r"/static/folkmoot\.css\?v=[0-9a-f]{10}", asset("folkmoot.css"))
    assert asset("dark.css") != asset("print.css")
