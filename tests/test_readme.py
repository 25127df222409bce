"""What README.md says exists: commands, settings, folders, the functions of its tours, pictures and pages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from server.commands import app
from server.settings import VARIABLES

FLOORS = ("server", "moderation", "federation", "web")
ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
TOUR_STOP = re.compile(r"`([\w/]+\.py):([\w.]+)`")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def section(title: str, level: str = "##") -> str:
    """The text below a heading, up to the next one of its level or above."""
    found = re.search(rf"^{level} {title}$(.*?)(?=^#{{2,{len(level)}}} |\Z)", README, re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a table without its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def names(command: typer.Typer, before: str) -> Iterator[str]:
    for one in command.registered_commands:
        assert one.callback is not None
        yield f"{before} {one.name or one.callback.__name__}"
    for group in command.registered_groups:
        assert group.typer_instance is not None
        yield from names(group.typer_instance, f"{before} {group.name}")


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    table = re.findall(r"^\| `(\w+)` \| (?:`([^`]*)` )?\| (.+) \|$", section("Settings", "###"), re.MULTILINE)
    assert {name: default for name, default, _ in table} == VARIABLES
    assert [name for name, _, _ in table] == list(VARIABLES)
    assert [name for name, _, said in table if not said.endswith(".")] == []


def test_every_command_stands_in_the_table() -> None:
    told = [cells[0].strip("`") for cells in rows(section("Commands", "###"))]
    assert sorted(told) == sorted(names(app, "folkmoot"))


def test_the_map_names_what_is_there() -> None:
    table = rows(section("A map of the house"))
    places = [place for cells in table for place in re.findall(r"`([\w./-]+)`", cells[0])]
    assert [place for place in places if not (ROOT / place).is_dir()] == []
    files = [name for cells in table for name in re.findall(r"`(\w+/[\w/]*\.\w+)`", cells[1])]
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_the_map_leaves_no_folder_out() -> None:
    mapped = {place.rstrip("/") for place in re.findall(r"`([\w./-]+)/`", section("A map of the house"))}
    packages = {str(path.parent.relative_to(ROOT)) for floor in FLOORS for path in (ROOT / floor).rglob("*.py")}
    assert packages <= mapped


@pytest.mark.parametrize(("file", "name"), sorted(set(TOUR_STOP.findall(README))))
def test_every_stop_of_the_tours_exists(file: str, name: str) -> None:
    body: list[ast.stmt] = ast.parse((ROOT / file).read_text()).body
    for part in name.split("."):
        found = [
            node
            for node in body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == part
        ]
        assert found, f"{file} has no {name}"
        body = found[0].body


def test_there_are_five_tours() -> None:
    tours = [part for part in section("Five tours", "###").split("\n\n") if part.strip().startswith("**")]
    assert len(tours) == 5
    assert all(len(TOUR_STOP.findall(tour)) >= 5 for tour in tours)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Pictures too."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
    stops = TOUR_STOP.findall(page.read_text())
    assert [file for file, _ in stops if not (ROOT / file).is_file()] == []


def test_the_make_targets_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        told = set(re.findall(r"`make ([\w-]+)", page.read_text()))
        assert told <= targets, page.name


NOTES = sorted((ROOT / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.name)
def test_a_decision_is_dated_short_and_true_about_files(note: Path) -> None:
    text = note.read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-[a-z-]+\.md", note.name)
    assert re.match(r"# \S.+\n\n", text)
    assert text.count("\n") <= 25
    named = re.findall(r"`((?:server|moderation|federation|web|tests|migrations)/[\w/]+\.\w+)`", text)
    assert [path for path in named if not (ROOT / path).is_file()] == []
