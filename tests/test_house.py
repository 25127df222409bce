"""The rules of the house that a machine can check. An exception stands in EXCEPTIONS, with its reason."""

import ast
import re
import statistics
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.worker import EFFECTS, ERRANDS, LOOPS, resolve

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("server", "moderation", "federation", "web")
MOST_LINES = 400
LONGEST_FUNCTION = 60
VAGUE = {"utils", "helpers", "common", "misc", "base", "util", "helper"}
EXCEPTIONS: dict[str, str] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def product() -> list[Path]:
    return [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_files_and_functions_are_small() -> None:
    lengths = []
    found = []
    for path in product():
        lines = path.read_text().count("\n")
        if lines > MOST_LINES:
            found.append(f"{name_of(path)}: {lines} lines")
        for function in functions(path):
            length = (function.end_lineno or 0) - function.lineno + 1
            lengths.append(length)
            if length > LONGEST_FUNCTION:
                found.append(f"{name_of(path)}:{function.name}: {length} lines")
    assert [one for one in found if one.partition(":")[0] not in EXCEPTIONS] == []
    assert statistics.median(lengths) < 15


def test_names_say_what_is_inside() -> None:
    assert [name_of(path) for path in product() if path.stem in VAGUE] == []


def test_every_module_says_what_it_is_for() -> None:
    missing = [name_of(path) for path in product() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert missing == []


def test_no_sql_above_its_floor() -> None:
    """Pages ask functions; only the floors below speak SQL."""
    sql = re.compile(r"\b(Query|Command)\(")
    assert [name_of(path) for path in (ROOT / "web").rglob("*.py") if sql.search(path.read_text())] == []


def test_sql_is_never_put_together_from_values() -> None:
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in product()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("Query", "Command")
        and any(isinstance(part, ast.JoinedStr) for argument in node.args for part in ast.walk(argument))
    ]
    assert found == []


def test_each_table_has_one_owner() -> None:
    """Only one module writes a table."""
    schema = "".join(path.read_text() for path in sorted((ROOT / "migrations").glob("*.sql")))
    tables = set(re.findall(r"create table (\w+)", schema))
    writing = re.compile(r"\b(?:insert into|update|delete from)\s+(\w+)")
    writers: dict[str, set[str]] = {}
    for path in product():
        for table in writing.findall(path.read_text()):
            if table in tables:
                writers.setdefault(table, set()).add(name_of(path))
    shared = {table: sorted(owners) for table, owners in writers.items() if len(owners) > 1}
    assert {table: owners for table, owners in shared.items() if table not in SHARED_TABLES} == {}


# table: why more than one module writes it.
SHARED_TABLES = {
    "activities": "federation/housekeeping.py forgets old ones",
    "deliveries": "a lane that recovers frees its rows in the statement that says so",
    "dropped_deliveries": "federation/housekeeping.py forgets old ones",
    "groups": "posts.py notes a group's last sign of life in the statement that publishes a reply",
    "jobs": "posts.py enqueues the screening of a new post in the statement that adds it",
    "lanes": "adding deliveries makes their lanes in the same statement",
    "posts": "votes.py keeps the total beside the vote in one statement, so that the two cannot part; "
    "standing.py keeps apart what moderators do to a thread as a whole",
    "revisions": "posts.py wipes a deleted post and its revisions in one statement",
    "seen_activities": "federation/housekeeping.py forgets old ones",
}


def test_transactions_open_only_where_requests_jobs_and_loops_begin() -> None:
    allowed = re.compile(
        r"^(web/|server/(worker|jobs|db|migrate|setup|commands|checkup|housekeeping|mail|working|site|starting|replay)\.py)"
    )
    # What waits for the network cannot run inside a transaction: an errand opens its own around the effect.
    errands = {target.partition(":")[0].replace(".", "/") + ".py" for target in (*ERRANDS.values(), *LOOPS.values())}
    errands |= {"federation/inbox.py", "federation/lookup.py", "federation/remote.py", "federation/senders.py"}
    found = [
        name_of(path)
        for path in product()
        if ".transaction()" in path.read_text() and not allowed.match(name_of(path)) and name_of(path) not in errands
    ]
    assert found == []


def test_every_job_and_loop_exists() -> None:
    for target in (*EFFECTS.values(), *ERRANDS.values(), *LOOPS.values()):
        assert callable(resolve(target)), target


def test_every_enqueued_job_is_known_and_gets_its_parameters() -> None:
    known = EFFECTS | ERRANDS
    found = []
    for path in product():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("enqueue") and len(node.args) >= 3:
                name = node.args[1]
                if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value not in known:
                    found.append(f"{name_of(path)}:{node.lineno}: {name.value}")
    assert found == []


def test_the_import_contracts_cover_every_floor() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(FLOORS) <= set(settings["root_packages"])
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"}
    assert packages == set(FLOORS)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


# Spelled in parts, so that this file does not name what it looks for.
REGISTRIES = ("pypi." + "org", "files.python" + "hosted.org", "registry.npm" + "js.org", "deb." + "debian.org")


def test_no_file_names_a_package_registry() -> None:
    found = []
    for path in tracked():
        text = path.read_bytes()
        found += [f"{name_of(path)}: {host}" for host in REGISTRIES if host.encode() in text]
    assert found == []


@pytest.mark.parametrize("pattern", [r"\bTODO\b", r"\bFIXME\b", r"\bXXX\b", r"NotImplementedError"])
def test_nothing_is_left_half_done(pattern: str) -> None:
    assert [name_of(path) for path in product() if re.search(pattern, path.read_text())] == []


def test_one_client_goes_out() -> None:
    """Whatever leaves passes the one guarded client."""
    other = re.compile(r"aiohttp\.ClientSession\(|^(import|from) (requests|httpx|urllib\.request)\b", re.MULTILINE)
    found = [name_of(path) for path in product() if other.search(path.read_text())]
    assert found == ["federation/http.py"]
