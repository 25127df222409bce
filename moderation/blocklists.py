"""Block lists as files: Mastodon's CSV, and plain lists with a name a line. Reads them, and writes ours."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from moderation import instances
from moderation.instances import BLOCKED, LIMITED, OPEN, Policy
from server import text
from server.errors import Invalid
from server.messages import Message
from server.urls import Urls

MAX_TEXT = 600_000
MAX_LINES = 10_000
MAX_REASON = 500
# A quoted comment may run over several lines, but no stray quote swallows the rest of a list.
MAX_QUOTED_LINES = 20
COLUMNS = ("#domain", "#severity", "#reject_media", "#reject_reports", "#public_comment", "#obfuscate")
SEVERITIES = {
    "suspend": BLOCKED, "block": BLOCKED, "blocked": BLOCKED, "reject": BLOCKED, "defederate": BLOCKED,
    "silence": LIMITED, "limit": LIMITED, "limited": LIMITED, "quarantine": LIMITED, "filter": LIMITED,
    "open": OPEN, "allow": OPEN, "allowed": OPEN, "accept": OPEN,
}  # fmt: skip
NOTHING = frozenset({"noop", "none", "media", "media_removal", "reject_media"})
_COMMENTS = ("public_comment", "comment", "reason", "private_comment", "description")
_TRUE_OR_FALSE = frozenset({"true", "false", ""})
_COMMENT_AFTER = re.compile(r"\s+(?:#|//|;)\s*")
# What spreadsheets take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Listed(msgspec.Struct, frozen=True):
    """What a list asks for one server, in our words."""

    host: str
    policy: str
    reason: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A line that asks for nothing we could do, and why."""

    number: int
    line: str
    why: str


class Parsed(msgspec.Struct, frozen=True):
    """`idle`: servers that the list names without asking for anything (`noop`)."""

    listed: dict[str, Listed]
    problems: list[Problem]
    idle: int = 0


def parse(urls: Urls, words: str, default: str = BLOCKED) -> Parsed:
    """What a list says; `default` is for lines that name a server and no more. Raises Invalid for `list`.

    Of several lines for one server the strictest counts.
    """
    if len(words) > MAX_TEXT or words.count("\n") > MAX_LINES:
        raise Invalid({"list": Message("This list is too long: at most %(most)d lines fit.", {"most": MAX_LINES})})
    listed: dict[str, Listed] = {}
    problems: list[Problem] = []
    idle = 0
    columns: list[str] | None = None
    for number, raw in _records(words.removeprefix("\ufeff")):
        cells = _cells(raw)
        if not cells:
            continue
        if columns is None and cells[0].strip().lower().lstrip("#").strip() == "domain":
            columns = [cell.strip().lower().lstrip("#").strip() for cell in cells]
            continue
        if cells[0].startswith(("#", "//", ";")):
            continue
        try:
            found = _read(urls, cells, columns, default)
        except Invalid as invalid:
            problems.append(Problem(number, text.one_line(raw, 100), next(iter(invalid.fields.values()))))
            continue
        if found is None:
            idle += 1
        elif found.host not in listed or _is_stricter(found.policy, listed[found.host].policy):
            listed[found.host] = found
    return Parsed(listed, problems, idle)


def _is_stricter(one: str, other: str) -> bool:
    return instances.STRICTNESS[one] > instances.STRICTNESS[other]


def _records(words: str) -> Iterator[tuple[int, str]]:
    """Each record with the number of its first line."""
    lines = words.splitlines()
    at = 0
    while at < len(lines):
        number, record = at + 1, lines[at]
        at += 1
        if record.count('"') % 2 and "," in record and not record.lstrip().startswith("#"):
            for more in range(min(MAX_QUOTED_LINES, len(lines) - at)):
                if lines[at + more].count('"') % 2:
                    record = "\n".join([record, *lines[at : at + more + 1]])
                    at += more + 1
                    break
        yield number, record


def _cells(record: str) -> list[str]:
    record = record.strip()
    if not record:
        return []
    if "," in record:
        try:
            return next(csv.reader(io.StringIO(record)), [])
        except csv.Error:
            return [record]
    name, *comment = _COMMENT_AFTER.split(record, maxsplit=1)
    return [name, "", *comment] if comment else [name]


def _read(urls: Urls, cells: Sequence[str], columns: Sequence[str] | None, default: str) -> Listed | None:
    """One line; None where it asks for nothing. Raises Invalid with the reason why it cannot be taken."""
    named = dict(zip(columns or _order(cells), cells, strict=False))
    if not all(text.storable(cell) for cell in cells):
        raise Invalid({"host": "This text has characters that cannot be stored."})
    domain = named.get("domain", "").strip()
    # A policy reaches subdomains anyway.
    domain = domain.removeprefix("*.") if domain.count("*") == 1 else domain
    if "*" in domain:
        raise Invalid({"host": "Parts of the name are hidden by *, so nobody can tell which server it is."})
    host = instances.check_host(urls, domain)
    severity = named.get("severity", "").strip().lower()
    if severity in NOTHING:
        return None
    if severity and severity not in SEVERITIES:
        raise Invalid({"policy": Message("“%(word)s” is no severity that we know.", {"word": severity[:40]})})
    reason = next((named[name].strip() for name in _COMMENTS if named.get(name, "").strip()), "")
    return Listed(host, SEVERITIES.get(severity, default), " ".join(reason.split())[:MAX_REASON])


def _order(cells: Sequence[str]) -> Sequence[str]:
    """The columns of a line in a list without a head: Mastodon's, or a name, a severity and a reason."""
    if len(cells) >= 5 and all(cell.strip().lower() in _TRUE_OR_FALSE for cell in cells[2:4]):
        return [column.lstrip("#") for column in COLUMNS]
    return ("domain", "severity", "reason")


def write_blocks(rows: Iterable[Policy]) -> str:
    """Limited and blocked servers as Mastodon's CSV, which most servers and tools read."""
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        if row.policy != OPEN:
            hard = "true" if row.policy == BLOCKED else "false"
            severity = "suspend" if row.policy == BLOCKED else "silence"
            writer.writerow([row.host, severity, hard, hard, _shown(row.reason), "false"])
    return sheet.getvalue()


def write_allowed(rows: Iterable[Policy]) -> str:
    """Servers that are open by name, as Mastodon's list of allowed ones."""
    return "".join(["#domain\n", *(f"{row.host}\n" for row in rows if row.policy == OPEN)])


def _shown(reason: str) -> str:
    """Reasons are people's own words: a spreadsheet must show them, and not reckon with them."""
    return f"'{reason}" if reason.startswith(_FORMULA) else reason
