"""Writing the rules of a group, or of the whole place: add, change, reorder, retire."""

from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.routing import Route

from moderation import checks, rules
from moderation.checks import Check
from moderation.rules import Rule, RuleForm
from server import limits
from server.db import Conn
from server.errors import Invalid, NotFound
from server.ids import parse_id
from web import describe, forms
from web.pages.scope import Scope, check_may_ask, scope_of
from web.routing import get, post
from web.views.moderators import EditableRule, RulesEditPage
from web.views.parts import RuleView
from web.views.residents import ConfirmActionPage
from web.visit import Visit

HERE = "/rules"


class RuleTyped(forms.Form, frozen=True):
    number: str = ""
    title: str = ""
    body: str = ""


async def edit_rules_page(visit: Visit) -> Response:
    check_may_ask(visit)
    editing = visit.request.query_params.get("edit", "")
    async with visit.read() as conn:
        scope = await scope_of(visit, conn, HERE)
        if editing:
            return await _show_one(visit, conn, scope, await _rule(conn, scope, editing), None)
        return await _show_all(visit, conn, scope, {})


async def _rule(conn: Conn, scope: Scope, named: str) -> Rule:
    """A rule of exactly this scope: a group's moderators do not change the rules of the whole place."""
    rule_id = parse_id(named)
    if rule_id is None:
        raise NotFound("rule")
    rule = next((rule for rule in await rules.for_group(conn, scope.group_id) if rule.id == rule_id), None)
    if rule is None or rule.group_id != scope.group_id:
        raise NotFound("rule")
    return rule


async def _show_all(
    visit: Visit, conn: Conn, scope: Scope, typed: Mapping[str, str], errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    found = await checks.checks_of(conn, scope.group_id)
    glance = await visit.look_beside(conn, scope.group_id)
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    views = describe.rules(glance)
    following = str(max((rule.number for rule in views), default=0) + 1)
    page = RulesEditPage(
        group=scope.view,
        rules=[_editable(scope.base, views, place, found) for place in range(len(views))],
        action=f"{scope.base}{HERE}",
        number=forms.field(typed, "number", said, following),
        title=forms.field(typed, "title", said),
        body=forms.field(typed, "body", said),
        tabs=scope.tabs,
    )
    return await visit.show(page, status)


def _editable(base: str, views: Sequence[RuleView], place: int, found: Sequence[Check]) -> EditableRule:
    rule = views[place]
    here = f"{base}{HERE}/{rule.id}"
    return EditableRule(
        rule=rule,
        edit_url=f"{base}{HERE}?edit={rule.id}#form",
        retire_url=f"{here}/retire",
        check_count=sum(str(check.rule_id) == rule.id for check in found),
        up_url=f"{here}/up" if place else None,
        down_url=f"{here}/down" if place < len(views) - 1 else None,
    )


async def _show_one(
    visit: Visit, conn: Conn, scope: Scope, rule: Rule, typed: Mapping[str, str] | None,
    errors: Mapping[str, str] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    """One rule alone, so that its wording has all attention."""
    await visit.look_beside(conn)
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    shown = {"number": str(rule.number), "title": rule.title, "body": rule.body} | dict(typed or {})
    page = RulesEditPage(
        group=scope.view,
        rules=(),
        action=f"{scope.base}{HERE}/{rule.id}",
        editing=str(rule.id),
        number=forms.field(shown, "number", said),
        title=forms.field(shown, "title", said),
        body=forms.field(shown, "body", said),
        tabs=scope.tabs,
        cancel_url=f"{scope.base}{HERE}",
    )
    return await visit.show(page, status)


def _form(typed: Mapping[str, str]) -> RuleForm:
    form = forms.decode(RuleTyped, typed)
    number = parse_id(form.number.strip()) if form.number.strip() else None
    if form.number.strip() and (number is None or number > rules.MAX_NUMBER):
        raise Invalid({"number": f"A rule has a number from 1 to {rules.MAX_NUMBER}."})
    return RuleForm(form.title, form.body, number)


async def add_rule(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    account_id = check_may_ask(visit)
    try:
        async with visit.change() as conn:
            scope = await scope_of(visit, conn)
            await rules.add(conn, scope.group_id, _form(typed), account_id)
    except Invalid as invalid:
        async with visit.read() as conn:
            return await _show_all(visit, conn, await scope_of(visit, conn, HERE), typed, invalid.fields, 422)
    return visit.go(f"{scope.base}{HERE}", "Saved.")


async def change_rule(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    account_id = check_may_ask(visit)
    named = visit.request.path_params["rule_id"]
    try:
        async with visit.change() as conn:
            scope = await scope_of(visit, conn)
            rule = await _rule(conn, scope, named)
            await rules.change(conn, scope.group_id, rule.id, _form(typed), account_id)
    except Invalid as invalid:
        async with visit.read() as conn:
            scope = await scope_of(visit, conn, HERE)
            return await _show_one(visit, conn, scope, await _rule(conn, scope, named), typed, invalid.fields, 422)
    return visit.go(f"{scope.base}{HERE}", "Saved.")


async def retire_page(visit: Visit) -> Response:
    """A question first: the rule takes its checks with it, and a thumb may have meant the link beside it."""
    check_may_ask(visit)
    async with visit.read() as conn:
        scope = await scope_of(visit, conn, HERE)
        rule = await _rule(conn, scope, visit.request.path_params["rule_id"])
    page = ConfirmActionPage(
        heading=visit.say("Retire this rule?"),
        explanation=visit.say(
            "It no longer holds, and its checks end with it. That cannot be undone. Decisions that name it stay."
        ),
        action=f"{scope.base}{HERE}/{rule.id}/retire",
        button=visit.say("Retire"),
        cancel_url=f"{scope.base}{HERE}",
        excerpt=f"{rule.number}. {rule.title}",
    )
    return await visit.show(page)


async def retire_rule(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    account_id = check_may_ask(visit)
    async with visit.change() as conn:
        scope = await scope_of(visit, conn)
        rule = await _rule(conn, scope, visit.request.path_params["rule_id"])
        await rules.retire(conn, scope.group_id, rule.id, account_id)
    return visit.go(f"{scope.base}{HERE}", "Saved.")


async def rule_up(visit: Visit) -> Response:
    return await _move(visit, -1)


async def rule_down(visit: Visit) -> Response:
    return await _move(visit, 1)


async def _move(visit: Visit, by: int) -> Response:
    await forms.fields_of(visit.request)
    account_id = check_may_ask(visit)
    async with visit.change() as conn:
        scope = await scope_of(visit, conn)
        moved = (await _rule(conn, scope, visit.request.path_params["rule_id"])).id
        order = [rule.id for rule in await rules.for_group(conn, scope.group_id) if rule.group_id == scope.group_id]
        place = order.index(moved)
        order.insert(max(0, place + by), order.pop(place))
        await rules.reorder(conn, scope.group_id, order, account_id)
    return visit.go(f"{scope.base}{HERE}", "Saved.")


def _routes(base: str) -> list[Route]:
    return [
        get(base, edit_rules_page),
        post(base, add_rule, limits.WRITE),
        post(f"{base}/{{rule_id}}", change_rule, limits.WRITE),
        get(f"{base}/{{rule_id}}/retire", retire_page),
        post(f"{base}/{{rule_id}}/retire", retire_rule, limits.WRITE),
        post(f"{base}/{{rule_id}}/up", rule_up, limits.WRITE),
        post(f"{base}/{{rule_id}}/down", rule_down, limits.WRITE),
    ]


ROUTES: list[Route] = [*_routes("/g/{handle}/settings/rules"), *_routes("/admin/rules")]
