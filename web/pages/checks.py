"""What the machine looks for on behalf of a group's rules, or of those of the whole place."""

from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.routing import Route

from moderation import checks, criteria
from moderation.checks import Check, JudgedCheck
from moderation.criteria import (
    Criteria,
    DomainsCriteria,
    LinksCriteria,
    NewcomerCriteria,
    RepeatedCriteria,
    ScoreCriteria,
    WordsCriteria,
)
from moderation.scoring import Scoring
from server import limits
from server.db import Conn
from server.errors import Invalid, NotFound, Refused
from server.ids import parse_id
from web import describe, forms
from web.describe_cases import KINDS
from web.pages.scope import Scope, check_may_ask, scope_of
from web.routing import get, post
from web.views.moderators import CheckKind, ChecksEditPage, CheckView
from web.views.parts import Choice, RuleView, Tab
from web.views.residents import ConfirmActionPage
from web.visit import Visit

HERE = "/checks"
# The fields of criteria by those of our form, where they differ.
FIELDS = {"words": "entries", "domains": "entries", "most": "links", "least": "threshold"}


class CheckTyped(forms.Form, frozen=True):
    kind: str = "words"
    rule: str = ""
    then: str = "flag"
    entries: str = ""
    posts: str = ""
    days: str = ""
    links: str = ""
    times: str = ""
    hours: str = ""
    label: str = ""
    threshold: str = ""


async def checks_page(visit: Visit) -> Response:
    check_may_ask(visit)
    editing = visit.request.query_params.get("edit", "")
    async with visit.read() as conn:
        scope = await scope_of(visit, conn, HERE)
        return await _show(visit, conn, scope, {"kind": visit.request.query_params.get("kind", "")}, editing=editing)


async def _show(
    visit: Visit, conn: Conn, scope: Scope, typed: Mapping[str, str], errors: Mapping[str, str] | None = None, *,
    editing: str = "", problem: str = "", status: int = 200,
) -> Response:  # fmt: skip
    found = await checks.checks_of(conn, scope.group_id)
    glance = await visit.look_beside(conn, scope.group_id)
    edited = _edited(found, editing)
    shown = (_stored(edited) if edited else {}) | dict(typed)
    kind = edited.kind if edited else shown.get("kind", "")
    kind = kind if kind in criteria.KINDS else "words"
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    labels = (await visit.runtime.use(Scoring)).labels
    names = ("rule", "then", "entries", "posts", "days", "links", "times", "hours", "label", "threshold")
    page = ChecksEditPage(
        group=scope.view,
        checks=[_check_view(visit, scope.base, check) for check in found],
        rules=describe.rules(glance),
        kinds=[
            Tab(visit.say(KINDS[key]), f"{scope.base}{HERE}?kind={key}#form", key == kind) for key in criteria.KINDS
        ],
        kind=kind,  # type: ignore[arg-type]  # one of KINDS
        action=f"{scope.base}{HERE}/{edited.id}" if edited else f"{scope.base}{HERE}",
        editing=edited is not None,
        labels=[Choice(label, label, label == shown.get("label")) for label in labels],
        tabs=scope.tabs,
        of_rule=RuleView(str(edited.rule_id), edited.rule_number, edited.rule_title) if edited else None,
        cancel_url=f"{scope.base}{HERE}" if edited else "",
        problem=visit.say(problem) if problem else "",
        **{name: forms.field(shown, name, said) for name in names},
    )
    return await visit.show(page, status)


def _edited(found: Sequence[JudgedCheck], editing: str) -> JudgedCheck | None:
    if not editing:
        return None
    check = next((check for check in found if str(check.id) == editing), None)
    if check is None:
        raise NotFound("check")
    return check


def _stored(check: Check) -> dict[str, str]:
    """A check as its form would hold it."""
    fields = {"kind": check.kind, "rule": str(check.rule_id), "then": check.action}
    match check.criteria:
        case WordsCriteria(words=entries) | DomainsCriteria(domains=entries):
            return fields | {"entries": "\n".join(entries)}
        case NewcomerCriteria(posts=posts, days=days):
            return fields | {"posts": str(posts or ""), "days": str(days or "")}
        case LinksCriteria(most=most):
            return fields | {"links": str(most)}
        case RepeatedCriteria(times=times, hours=hours):
            return fields | {"times": str(times), "hours": str(hours)}
        case ScoreCriteria(label=label, least=least):
            return fields | {"label": label, "threshold": f"{least * 100:g}"}


def _check_view(visit: Visit, base: str, check: JudgedCheck) -> CheckView:
    told = criteria.describe(check.criteria)
    here = f"{base}{HERE}/{check.id}"
    kind: CheckKind = check.kind  # type: ignore[assignment]  # by the schema
    return CheckView(
        rule=RuleView(str(check.rule_id), check.rule_number, check.rule_title),
        kind=kind,
        action=check.action,  # type: ignore[arg-type]  # by the schema
        details=[visit.say(told)],
        enabled=check.enabled,
        edit_url=f"{base}{HERE}?edit={check.id}#form",
        toggle_url=f"{here}/switch",
        right_here=check.correct,
        judged_here=check.judged,
        retire_url=f"{here}/retire",
    )


def _criteria(form: CheckTyped, labels: Sequence[str]) -> Criteria:
    """What was typed as criteria; raises Invalid by the fields of our form."""
    fields: dict[str, object] = {
        "words": form.entries, "domains": form.entries, "posts": form.posts, "days": form.days, "most": form.links,
        "times": form.times, "hours": form.hours, "label": form.label, "least": _share(form.threshold),
    }  # fmt: skip
    try:
        return criteria.parse_criteria(form.kind, fields, labels=labels)
    except Invalid as invalid:
        if "least" in invalid.fields:
            raise Invalid({"threshold": "Please give a number from 1 to 100."}) from None
        raise Invalid({FIELDS.get(name, name): wrong for name, wrong in invalid.fields.items()}) from None


def _share(typed: str) -> str:
    """Percent as a share of one; what is no number stays as it is, to be refused."""
    try:
        return str(float(typed.strip().replace(",", ".")) / 100)
    except ValueError:
        return typed


async def add_check(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    account_id = check_may_ask(visit)
    labels = (await visit.runtime.use(Scoring)).labels
    try:
        async with visit.change() as conn:
            scope = await scope_of(visit, conn)
            form = forms.decode(CheckTyped, typed)
            wanted = _criteria(form, labels)
            if not await _is_there(conn, scope, form, wanted):
                await _create(conn, scope, form, wanted, account_id)
    except (Invalid, Refused) as problem:
        return await _again(visit, typed, problem)
    return visit.go(f"{scope.base}{HERE}", "Saved.")


async def _create(conn: Conn, scope: Scope, form: CheckTyped, wanted: Criteria, account_id: int) -> None:
    rule_id = parse_id(form.rule)
    try:
        if rule_id is None:
            raise NotFound("rule")
        await checks.create_check(conn, scope.group_id, rule_id, wanted, form.then, account_id)
    except NotFound:
        raise Invalid({"rule": "Please choose the rule that this check serves."}) from None


async def _is_there(conn: Conn, scope: Scope, form: CheckTyped, wanted: Criteria) -> bool:
    """Whether exactly this check exists: the form was sent twice."""
    return any(
        (str(check.rule_id), check.action, check.criteria) == (form.rule, form.then, wanted)
        for check in await checks.checks_of(conn, scope.group_id)
    )


async def change_check(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    check_may_ask(visit)
    named = visit.request.path_params["check_id"]
    labels = (await visit.runtime.use(Scoring)).labels
    try:
        async with visit.change() as conn:
            scope = await scope_of(visit, conn)
            check = await checks.check_of(conn, scope.group_id, _check_id(named))
            form = forms.decode(CheckTyped, {**typed, "kind": check.kind})
            await checks.update_check(conn, scope.group_id, check.id, _criteria(form, labels), form.then)
    except (Invalid, Refused) as problem:
        return await _again(visit, typed, problem, editing=named)
    return visit.go(f"{scope.base}{HERE}", "Saved.")


def _check_id(named: str) -> int:
    check_id = parse_id(named)
    if check_id is None:
        raise NotFound("check")
    return check_id


async def _again(visit: Visit, typed: Mapping[str, str], problem: Invalid | Refused, editing: str = "") -> Response:
    """The form as it was typed, with what is wrong beside each field."""
    errors = problem.fields if isinstance(problem, Invalid) else {}
    # What stands against no field of this form is told above all of them.
    told = problem.message if isinstance(problem, Refused) else errors.get("kind") or errors.get("idempotency_key", "")
    status = 422 if isinstance(problem, Invalid) else 409
    async with visit.read() as conn:
        scope = await scope_of(visit, conn, HERE)
        return await _show(visit, conn, scope, typed, errors, editing=editing, problem=told, status=status)


async def switch_check(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    check_may_ask(visit)
    async with visit.change() as conn:
        scope = await scope_of(visit, conn)
        check_id = _check_id(visit.request.path_params["check_id"])
        await checks.enable_check(conn, scope.group_id, check_id, enabled=typed.get("enabled") == "1")
    return visit.go(f"{scope.base}{HERE}", "Saved.")


async def retire_page(visit: Visit) -> Response:
    """A question first: a list of words was work, and a thumb may have meant the button beside it."""
    check_may_ask(visit)
    async with visit.read() as conn:
        scope = await scope_of(visit, conn, HERE)
        found = _edited(await checks.checks_of(conn, scope.group_id), visit.request.path_params["check_id"])
    if found is None:
        raise NotFound("check")
    page = ConfirmActionPage(
        heading=visit.say("Take this check away?"),
        explanation=visit.say("That cannot be undone. To pause it, switch it off."),
        action=f"{scope.base}{HERE}/{found.id}/retire",
        button=visit.say("Take away"),
        cancel_url=f"{scope.base}{HERE}",
        excerpt=visit.say(criteria.describe(found.criteria)),
    )
    return await visit.show(page)


async def retire_check(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    check_may_ask(visit)
    async with visit.change() as conn:
        scope = await scope_of(visit, conn)
        await checks.retire_check(conn, scope.group_id, _check_id(visit.request.path_params["check_id"]))
    return visit.go(f"{scope.base}{HERE}", "Saved.")


def _routes(base: str) -> list[Route]:
    return [
        get(base, checks_page),
        post(base, add_check, limits.WRITE),
        post(f"{base}/{{check_id}}", change_check, limits.WRITE),
        post(f"{base}/{{check_id}}/switch", switch_check, limits.WRITE),
        get(f"{base}/{{check_id}}/retire", retire_page),
        post(f"{base}/{{check_id}}/retire", retire_check, limits.WRITE),
    ]


ROUTES: list[Route] = [*_routes("/g/{handle}/settings/checks"), *_routes("/admin/checks")]
