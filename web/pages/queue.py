"""What waits for a moderator: the list, one case in its context, and the decision about it."""

from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moderation import cases, decisions, record, review, screening
from moderation.decisions import Judgement
from moderation.review import CaseDetails, CaseLine
from server import limits, text, urls
from server.community import access
from server.db import Conn
from server.errors import Invalid, NotFound, Refused
from server.ids import parse_id
from web import describe, describe_cases, forms
from web.pages.group import HANDLE
from web.routing import get, post
from web.views.moderators import CasePage, QueuePage
from web.views.parts import Pager, Tab
from web.views.residents import ErrorPage
from web.visit import Visit

UNDECIDED = ("submitted", "held", "published")
MAX_PAGE = 10_000


class DecisionTyped(forms.Form, frozen=True):
    version: str = ""
    verb: str = ""
    rule: str = ""
    reason: str = ""


def check_moderates(visit: Visit) -> None:
    """Strangers may log in first; for residents who moderate nothing these pages do not exist."""
    access.check_signed_in(visit.viewer)
    if not (visit.viewer.moderates or visit.viewer.admin):
        raise NotFound


async def queue_page(visit: Visit) -> Response:
    check_moderates(visit)
    query = visit.request.query_params
    handle = query.get("group", "")
    if handle and (HANDLE.fullmatch(handle) is None or not text.storable(handle)):
        raise NotFound("group")
    number = min(parse_id(query.get("page", "")) or 1, MAX_PAGE)
    async with visit.read() as conn:
        lines = await review.queue(
            conn, visit.viewer, handle=handle or None, limit=review.PAGE, offset=(number - 1) * review.PAGE
        )
        problem = await screening.scorer_problem(conn)
        glance = await visit.look_beside(conn)
    total = lines[0].total if lines else 0
    here = f"/queue?group={quote(handle, safe='@:')}&" if handle else "/queue?"
    several = len(glance.duties) > 1 or handle
    page = QueuePage(
        cases=[describe_cases.case_row(visit, line) for line in lines],
        total=total,
        filters=[
            Tab(visit.say("All"), "/queue", not handle),
            *(Tab(f"{duty.title} ({duty.waiting})", f"/queue?group={duty.name}", duty.name == handle)
              for duty in glance.duties),
        ] if several else (),
        scorer_problem=visit.say(problem) if problem else "",
        pager=Pager(
            newer=f"{here}page={number - 1}" if number > 1 else None,
            older=f"{here}page={number + 1}" if number * review.PAGE < total else None,
        ),
        undo_url=_undo_url(visit),
    )  # fmt: skip
    return await visit.show(page)


def _case_id(visit: Visit) -> int:
    case_id = parse_id(visit.request.path_params["case_id"])
    if case_id is None:
        raise NotFound("case")
    return case_id


async def case_page(visit: Visit) -> Response:
    return await _show_case(visit, None)


async def _show_case(
    visit: Visit, typed: Mapping[str, str] | None, errors: Mapping[str, str] | None = None, *, problem: str = "",
    status: int = 200,
) -> Response:  # fmt: skip
    """The case as it stands now; whoever opens it claims it, so that two do not read the same at once."""
    check_moderates(visit)
    async with visit.read() as conn:
        details = await review.case_details(conn, visit.viewer, _case_id(visit))
        line = details.line
        if line.state != "open" or line.post_state not in UNDECIDED:
            return await _decided(visit, conn, line)
        if line.claimed_by is None:
            await _claim(visit, conn, line)
        await visit.look_beside(conn, line.group_id if line.group_host is None else None)
    return await visit.show(_case_view(visit, details, typed, errors or {}, problem), status)


async def _claim(visit: Visit, conn: Conn, line: CaseLine) -> None:
    """Without a transaction, as one statement: a page that is only read needs none. Losing the race costs nothing."""
    try:
        await cases.claim(conn, visit.viewer, line.id)
    except Refused:
        return


async def _decided(visit: Visit, conn: Conn, line: CaseLine) -> Response:
    decision_id = await record.last_decision(conn, line.post_id)
    if decision_id is None:
        return visit.go("/queue", "This has been decided meanwhile.")
    return RedirectResponse(f"/decisions/{decision_id}", 302)


def _case_view(
    visit: Visit, details: CaseDetails, typed: Mapping[str, str] | None, errors: Mapping[str, str], problem: str
) -> CasePage:
    line, glance = details.line, visit.glance
    assert glance is not None
    said = {name: visit.say(wrong) for name, wrong in errors.items()}
    shown = typed if typed is not None else {"rule": describe_cases.named_rule(line)}
    return CasePage(
        group=describe_cases.group(line),
        author=describe_cases.author(line),
        time=visit.time(line.submitted_at),
        html=describe_cases.text_of(line),
        pictures=describe.picture_views(line.pictures),
        held=line.held,
        action=f"/queue/{line.id}",
        version=line.version,
        history=describe_cases.history(visit, details),
        rules=describe.rules(glance) + describe.place_rules(visit, glance),
        title=describe_cases.marked_title(visit, line),
        link=line.link or "",
        link_host=describe.link_host(line.link) or "",
        language=line.language,
        reply=line.reply,
        edited=line.revision > 1,
        published_too=line.held and line.post_state == "published",
        context=describe_cases.context(visit, details),
        post_url=urls.post_page(line.root_id, line.post_id),
        findings=[describe_cases.finding(visit, line, found, details.accuracy) for found in line.findings],
        reports=[describe_cases.report(visit, filed) for filed in line.reports],
        not_scored=visit.say(line.not_scored) if line.not_scored else "",
        claimed_by=describe_cases.claimed_by(line),
        rule=forms.field(shown, "rule", said),
        reason=forms.field(shown, "reason", said),
        problem=visit.say(problem) if problem else "",
        left=details.left,
        skip_url=f"/queue/{details.next_id}" if details.next_id else "/queue",
        undo_url=_undo_url(visit),
    )


def _undo_url(visit: Visit) -> str | None:
    """Where the removal just made can be taken back; whether one may is asked there."""
    removed = parse_id(visit.request.query_params.get("removed", ""))
    return f"/t/{removed}/restore" if removed is not None else None


async def decide(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    check_moderates(visit)
    case_id = _case_id(visit)
    try:
        form = forms.decode(DecisionTyped, typed)
        async with visit.change() as conn:
            return await _decide(visit, conn, case_id, form)
    except Invalid as invalid:
        return await _show_case(visit, typed, invalid.fields, status=422)
    except Refused as refusal:
        if refusal.code == "decided_already":
            return await _too_late(visit, case_id, typed)
        return await _show_case(visit, typed, problem=refusal.message, status=409)


async def _decide(visit: Visit, conn: Conn, case_id: int, form: DecisionTyped) -> Response:
    version = parse_id(form.version)
    if version is None:
        raise Invalid({"version": "This form is damaged. Please load the page again."})
    judgement = Judgement(form.verb, parse_id(form.rule), form.reason)
    decision_id = await decisions.decide(conn, visit.viewer, case_id, judgement, version=version)
    decided = await decisions.by_id(conn, decision_id)
    assert decided is not None
    following = await review.next_case(conn, visit.viewer, case_id)
    where = f"/queue/{following}" if following else "/queue"
    if form.verb == "remove":
        return visit.go(f"{where}?removed={decided.post_id}")
    return visit.go(where, "Decided. Here is the next one." if following else "Decided.")


async def _too_late(visit: Visit, case_id: int, typed: Mapping[str, str]) -> Response:
    """Somebody decided while this one wrote; the same form sent twice has its first answer."""
    async with visit.read() as conn:
        details = await review.case_details(conn, visit.viewer, case_id)
        decision_id = await record.last_decision(conn, details.line.post_id)
        decided = await decisions.by_id(conn, decision_id) if decision_id else None
    if decided and decided.moderator_id == visit.viewer.account_id and decided.verb == typed.get("verb"):
        return visit.go("/queue", "Decided.")
    page = ErrorPage(
        status=409,
        heading=visit.say("Somebody was faster"),
        explanation=visit.say("Another moderator has decided this meanwhile. Your decision was not stored."),
        next_url=f"/decisions/{decided.id}" if decided else "/queue",
        next_label=visit.say("See the decision") if decided else visit.say("Back to the review"),
        kept_text=typed.get("reason", ""),
    )
    return await visit.show(page, 409)


ROUTES: list[Route] = [
    get("/queue", queue_page),
    get("/queue/{case_id}", case_page),
    post("/queue/{case_id}", decide, limits.WRITE),
]
