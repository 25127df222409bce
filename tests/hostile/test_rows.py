"""The threat table is complete, and each test that it names is there and says which row it stands for."""

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.hostile.rows import ROWS, SECTIONS, NotOurs, Shown

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"(?<![A-Za-z0-9])([A-FH]\d{1,2})(?![A-Za-z0-9])")


@functools.cache
def named_tests() -> dict[str, set[str]]:
    """Every test by `file::name`, with the rows that its name, its docstring or its module's docstring names."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text())
        whole = set(ROW.findall(ast.get_docstring(module) or ""))
        for node in module.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                own = set(ROW.findall(node.name.replace("_", " ") + " " + (ast.get_docstring(node) or "")))
                found[f"{path.relative_to(ROOT / 'tests')}::{node.name}"] = own | whole
    return found


def test_the_table_has_every_row() -> None:
    expected = [f"{section}{number}" for section, numbers in SECTIONS.items() for number in numbers]
    assert list(ROWS) == expected


@pytest.mark.parametrize("row", [row for row, entry in ROWS.items() if isinstance(entry, Shown)])
def test_each_row_has_its_test(row: str) -> None:
    entry = ROWS[row]
    assert isinstance(entry, Shown)
    assert row in named_tests().get(entry.test, set()), f"no test {entry.test} that names {row}"


def test_each_row_that_is_not_ours_says_why() -> None:
    assert [row for row, entry in ROWS.items() if isinstance(entry, NotOurs) and len(entry.why) < 20] == []
