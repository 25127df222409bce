"""Pages from templates: one environment a language, autoescape always on, an undefined name is an error."""

import functools
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes
from jinja2.runtime import Context
from markupsafe import Markup

from server.messages import Message
from web.escaping import escape
from web.views.parts import Chrome, Page

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
LANGUAGES = ("en", "de")


@functools.cache
def asset(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep the file for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:10]}"


@functools.cache
def translations(language: str) -> NullTranslations:
    """The texts of one language; English is the source, so it and unknown languages need no file.

    Compiled when the process first needs them, so that nobody can forget to compile a changed file.
    """
    file = _HERE / "locale" / language / "LC_MESSAGES" / "messages.po"
    if language not in LANGUAGES or not file.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return Translations(compiled)


class _Context(Context):
    """Calls macros and functions directly: none of ours asks for the context, which Jinja looks for at each call."""

    def call(self, called: Callable[..., object], /, *args: object, **kwargs: object) -> object:
        kwargs.pop("_block_vars", None)
        kwargs.pop("_loop_vars", None)
        return called(*args, **kwargs)


def say(language: str, message: str) -> str:
    """`message`, which is English, in another language, with its values filled in."""
    text = message.text if isinstance(message, Message) else message
    found = translations(language).gettext(text) if text else text
    return found % message.params if isinstance(message, Message) and message.params else found


class _Environment(Environment):
    """Jinja without costs that made up half of a long thread: the search for items, and Markup for every text."""

    context_class = _Context
    getattr = staticmethod(getattr)  # type: ignore[assignment]  # a missing one raises, which is stricter still

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        """Compiled templates import `escape` first of all; ours is imported after it and takes its name."""
        made = super()._generate(source, name, filename, defer_init)
        head, line, rest = made.partition("\nname = ")
        assert line, "jinja2 compiles templates in another form than 3.1 did"
        return f"{head}\nfrom web.escaping import escape{line}{rest}"


@functools.cache
def environment(language: str) -> Environment:
    made = _Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.globals["asset"] = asset
    _install_texts(made, translations(language))
    return made


def _install_texts(made: Environment, texts: NullTranslations) -> None:
    """`_`, `gettext` and `ngettext` in Jinja's new style, without its detours through context and Markup."""
    made.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    gettext = functools.cache(texts.gettext)
    ngettext = functools.lru_cache(4096)(texts.ngettext)
    # As in the new style, a text is a format also where nothing is filled in.
    plain = functools.cache(lambda message: Markup(gettext(message) % {}))  # noqa: S704  from the catalogue

    def one(message: str, /, **values: object) -> Markup:
        return _filled(gettext(message), values) if values else plain(message)

    def one_or_many(singular: str, plural: str, number: int, /, **values: object) -> Markup:
        return _filled(ngettext(singular, plural, number), {"num": number} | values)

    made.globals.update(_=one, gettext=one, ngettext=one_or_many)


def _filled(message: str, values: dict[str, object]) -> Markup:
    escaped = {name: value if type(value) is int else escape(value) for name, value in values.items()}
    return Markup(message % escaped)  # noqa: S704  a text of the catalogue, filled with escaped values


def render(page: Page, chrome: Chrome) -> str:
    """The whole HTML document of one page in the language of `chrome`."""
    return environment(chrome.language).get_template(page.template).render(page=page, chrome=chrome)
