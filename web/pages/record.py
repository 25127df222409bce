"""The public record: what was decided by which rule and why, by month; to read, page through and take away."""

import csv
import datetime as dt
import io
from collections.abc import Sequence
from itertools import groupby

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from moderation import record
from moderation.record import Count, Entry
from server import clock, urls
from server.community import access
from server.community.groups import FOR_GOOD, Group
from server.db import Conn
from server.ids import parse_id
from web import describe, present
from web.pages.group import handle_of
from web.routing import get
from web.views.moderators import RecordEntry, RecordMonth, RecordPage, RuleCount
from web.views.parts import GroupRef, Pager, RuleView
from web.visit import Visit

# A download holds this many of the newest decisions; older ones are in the download that begins before them.
DOWNLOAD = 5000
# What spreadsheets take for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def group_record(visit: Visit) -> Response:
    name, host = handle_of(visit)
    async with visit.read() as conn:
        group = await access.access_readable_group(conn, visit.viewer, name, host)
        return await _show(visit, conn, group)


async def site_record(visit: Visit) -> Response:
    async with visit.read() as conn:
        return await _show(visit, conn, None)


async def _show(visit: Visit, conn: Conn, group: Group | None) -> Response:
    before = _before(visit)
    group_id = group.id if group else None
    found = await record.page(conn, group_id, before, record.PAGE + 1)
    shown, older = found[: record.PAGE], found[record.PAGE :]
    counts = await record.counts(conn, group_id, shown[-1].created_at, shown[0].created_at) if shown else []
    view = describe.group_view(visit, group) if group else None
    here = f"{view.url}/record" if view else "/record"
    page = RecordPage(
        months=_months(visit, shown, counts, with_group=group is None),
        group=view,
        download_url=f"{here}.csv" if found else "",
        json_url=f"{here}.json" if found else "",
        pager=Pager(
            newer=here if before != record.END else None,
            older=f"{here}?before={shown[-1].id}" if older else None,
        ),
    )
    return await visit.show(page)


def _before(visit: Visit) -> int:
    return parse_id(visit.request.query_params.get("before", "")) or record.END


def _months(visit: Visit, entries: Sequence[Entry], counts: Sequence[Count], *, with_group: bool) -> list[RecordMonth]:
    """Entries and numbers by month in UTC, as everybody has the same record."""
    by_month: dict[tuple[int, int], list[Count]] = {}
    for count in counts:
        by_month.setdefault(_month(count.month), []).append(count)
    return [
        RecordMonth(
            label=present.month_label(dt.date(*month, 1), visit.language),
            counts=[_rule_count(count) for count in by_month.get(month, ()) if _says_something(count)],
            entries=[_entry(visit, entry, with_group=with_group) for entry in group],
        )
        for month, group in groupby(entries, key=lambda entry: _month(entry.created_at))
    ]


def _month(moment: dt.datetime) -> tuple[int, int]:
    at = moment.astimezone(dt.UTC)
    return at.year, at.month


def _says_something(count: Count) -> bool:
    """Restored posts have no column: they stand at the removals that they reverse."""
    return bool(count.removed or count.refused or count.kept)


def _rule_count(count: Count) -> RuleCount:
    return RuleCount(count.rule_number, count.rule_title or "", count.removed, count.refused, count.kept)


def _entry(visit: Visit, entry: Entry, *, with_group: bool) -> RecordEntry:
    rule = None
    if entry.rule_number is not None and entry.rule_title is not None:
        rule = RuleView("", entry.rule_number, entry.rule_title)
    group = None
    if with_group and entry.group_name is not None:
        page = urls.group_page(entry.group_name, entry.group_host)
        group = GroupRef(entry.group_title or entry.group_name, page, entry.group_host)
    return RecordEntry(
        verb=entry.verb,  # type: ignore[arg-type]  # by the schema
        time=visit.time(entry.created_at),
        moderator=present.person_view(entry.moderator_id, entry.moderator_name, None, entry.moderator_title),
        rule=rule,
        reason=entry.reason,
        reversed=entry.reversed,
        group=group,
        until=visit.time(entry.until) if entry.until is not None and entry.until < FOR_GOOD else None,
        person=entry.person_title or "",
    )


async def download_group(visit: Visit) -> Response:
    name, host = handle_of(visit)
    async with visit.read() as conn:
        group = await access.access_readable_group(conn, visit.viewer, name, host)
        entries = await record.page(conn, group.id, _before(visit), DOWNLOAD)
    return _download(visit, entries, group.name)


async def download_site(visit: Visit) -> Response:
    async with visit.read() as conn:
        entries = await record.page(conn, None, _before(visit), DOWNLOAD)
    return _download(visit, entries, "record")


def _download(visit: Visit, entries: Sequence[Entry], name: str) -> Response:
    rows = [record.public_row(entry) for entry in entries]
    kind = visit.request.url.path.rpartition(".")[2]
    headers = {
        "Content-Disposition": f'attachment; filename="{name}-{clock.now():%Y-%m-%d}.{kind}"',
        "Cache-Control": "no-cache",
    }
    if entries and len(entries) == DOWNLOAD:
        headers["Link"] = f'<{visit.request.url.path}?before={entries[-1].id}>; rel="next"'
    if kind == "json":
        return Response(msgspec.json.encode(rows), 200, headers, "application/json")
    return Response(_csv(rows), 200, headers, "text/csv; charset=utf-8")


def _csv(rows: Sequence[dict[str, object]]) -> str:
    sheet = io.StringIO()
    if rows:
        writer = csv.DictWriter(sheet, list(rows[0]))
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return sheet.getvalue()


def _cell(value: object) -> object:
    """Reasons are people's own words: a spreadsheet must show them, and not reckon with them."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


ROUTES: list[Route] = [
    get("/record", site_record),
    get("/record.csv", download_site),
    get("/record.json", download_site),
    get("/g/{handle}/record", group_record),
    get("/g/{handle}/record.csv", download_group),
    get("/g/{handle}/record.json", download_group),
]
