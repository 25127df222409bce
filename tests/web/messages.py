"""The texts that people read, from templates and code; `python -m tests.web.messages` brings catalogues up to date."""

import ast
import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[2]
LOCALE = ROOT / "web" / "locale"
LANGUAGES = ("de",)
FLOORS = ("server", "moderation", "federation", "web")
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2)}
MARKS = {"say", "Message"}

Found = tuple[int, str | None, str, list[str]]


def texts_of_code(fileobj: io.BufferedReader, keywords: object, tags: object, options: object) -> Iterator[Found]:
    """What `say` or `Message` is called with, what is Refused, and what is Invalid about which field."""
    for node in ast.walk(ast.parse(fileobj.read())):
        if isinstance(node, ast.Call):
            for text in _said(node):
                yield node.lineno, None, text, []


def _said(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in MARKS and call.args:
        yield from _constants(call.args[0])
    elif name == "Refused" and len(call.args) > 1:
        yield from _constants(call.args[1])
    elif name == "Invalid" and call.args and isinstance(call.args[0], ast.Dict):
        for value in call.args[0].values:
            yield from _constants(value)


def _constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)


def template_of_all() -> Catalog:
    """Every text, without a translation."""
    catalog = Catalog(project="Folkmoot", copyright_holder="Folkmoot's authors", charset="utf-8")
    for folder in FLOORS:
        method = [("**.py", "tests.web.messages:texts_of_code"), ("templates/**.html", "jinja2")]
        options = {"templates/**.html": {"trimmed": "true"}}
        found = extract_from_dir(
            ROOT / folder, method, options, keywords={"_": None, "gettext": None, "ngettext": (1, 2)}
        )
        for path, line, message, comments, context in sorted(found, key=lambda one: one[:2]):
            catalog.add(message, None, [(f"{folder}/{path}", line)], auto_comments=comments, context=context)
    return catalog


def po_path(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language)


def texts_of(value: object) -> tuple[str, ...]:
    """The text, or the singular and plurals."""
    return (str(value or ""),) if not isinstance(value, tuple | list) else tuple(str(text) for text in value)


def update(language: str) -> None:
    """Add new texts to the catalogue, and drop those that are gone; the product compiles it when it starts."""
    path = po_path(language)
    catalog = read(language)
    catalog.update(template_of_all(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    with path.open("wb") as file:
        # Without line numbers, so that a catalogue changes only where a text does.
        write_po(file, catalog, width=120, include_lineno=False, sort_output=True, omit_header=False)
    left = [message.id for message in catalog if message.id and not all(texts_of(message.string))]
    print(f"{language}: {len(catalog)} texts, {len(left)} without a translation")


if __name__ == "__main__":
    for each in LANGUAGES:
        update(each)
