"""Block lists as files: what a pasted or uploaded one would do, then doing it; and ours, to be taken away."""

from collections.abc import Mapping

import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moderation import blocklists, defederation, instances
from moderation.blocklists import Parsed
from moderation.defederation import Losses, Plan
from server import clock, limits
from server.community import access
from server.errors import Invalid
from web import describe_instances, forms
from web.pages.instances import HERE
from web.routing import get, post
from web.views.instances import InstancesImportPage, InstancesPreviewPage
from web.visit import Visit

IMPORT = f"{HERE}/import"
MULTIPART = "multipart/form-data"


class ImportTyped(forms.Form, frozen=True):
    words: str = ""
    default: str = instances.BLOCKED
    weaken: str = ""
    seen: str = ""


async def import_page(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    return await visit.show(InstancesImportPage(IMPORT))


async def preview(visit: Visit) -> Response:
    """The dry run: what a list would change, and who would lose what. Nothing is changed."""
    access.check_admin(visit.viewer)
    typed = await _fields(visit.request)
    try:
        form, parsed = _read(visit, typed)
    except Invalid as invalid:
        return await _form_again(visit, typed, invalid)
    async with visit.read() as conn:
        plan = defederation.plan(await instances.current(conn), parsed.listed, weaken=bool(form.weaken))
        losses = await defederation.losses(conn, _policies(plan))
    return await _show(visit, form, parsed, plan, losses)


async def apply(visit: Visit) -> Response:
    """Do what the preview showed; where something has changed meanwhile, show it anew."""
    account_id = access.check_admin(visit.viewer)
    typed = await _fields(visit.request)
    try:
        form, parsed = _read(visit, typed)
    except Invalid as invalid:
        return await _form_again(visit, typed, invalid)
    async with visit.change() as conn:
        plan = defederation.plan(await instances.current(conn), parsed.listed, weaken=bool(form.weaken))
        losses = await defederation.losses(conn, _policies(plan))
        if form.seen == defederation.fingerprint(_policies(plan), losses):
            rows = {host: (item.policy, item.reason) for host, item in plan.changes.items()}
            await instances.set_many(conn, rows, account_id)
            await defederation.settle(conn)
            return visit.go(HERE, "Saved.")
    return await _show(visit, form, parsed, plan, losses)


def _read(visit: Visit, typed: Mapping[str, str]) -> tuple[ImportTyped, Parsed]:
    form = forms.decode(ImportTyped, typed)
    if form.default not in instances.POLICIES:
        raise Invalid({"list": "Please choose open, limited or blocked."})
    if not form.words.strip():
        raise Invalid({"list": "Please paste a list, or choose a file."})
    return form, blocklists.parse(visit.urls, form.words, form.default)


async def _fields(request: Request) -> dict[str, str]:
    """The form's fields; the text of a chosen file counts before what was pasted."""
    if not request.headers.get("content-type", "").startswith(MULTIPART):
        return await forms.fields_of(request)
    # The whole body is bounded before this (web/guards.py), so a part is too.
    async with request.form(max_files=1, max_fields=20, max_part_size=1 << 20) as sent:
        typed = {name: value for name, value in sent.items() if isinstance(value, str)}
        upload = sent.get("file")
        if isinstance(upload, UploadFile) and upload.size:
            # What is no UTF-8 is read all the same: its lines are shown, and those that name no server are told.
            typed["words"] = (await upload.read()).decode("utf-8", errors="replace").replace("\x00", "\ufffd")
    request.state.typed = typed
    return typed


def _policies(plan: Plan) -> dict[str, str | None]:
    return {host: item.policy for host, item in plan.changes.items()}


async def _form_again(visit: Visit, typed: Mapping[str, str], invalid: Invalid) -> Response:
    said = {"words": " ".join(visit.say(wrong) for wrong in invalid.fields.values())}
    default = typed.get("default", instances.BLOCKED)
    page = InstancesImportPage(
        IMPORT,
        forms.field(typed, "words", said),
        default=default,  # type: ignore[arg-type]  # what is none of them ticks none
        weaken="weaken" in typed,
    )
    return await visit.show(page, 422)


async def _show(visit: Visit, form: ImportTyped, parsed: Parsed, plan: Plan, losses: Losses) -> Response:
    seen = defederation.fingerprint(_policies(plan), losses)
    sent = msgspec.structs.replace(form, seen=seen)
    page = InstancesPreviewPage(
        action=f"{IMPORT}/apply",
        cancel_url=HERE,
        losses=describe_instances.losses_view(losses),
        hidden=[(name, getattr(sent, name)) for name in ("words", "default", "weaken", "seen")],
        changes=describe_instances.plan_changes(plan),
        changes_total=len(plan.changes),
        kept=describe_instances.kept(plan),
        kept_total=len(plan.kept),
        problems=describe_instances.problems(visit, parsed.problems),
        problems_total=len(parsed.problems),
        same=plan.same,
        idle=parsed.idle,
        again=bool(form.seen),
        whole_list=True,
    )
    return await visit.show(page)


async def blocked_list(visit: Visit) -> Response:
    """What is limited or blocked here, as Mastodon and others read it."""
    access.check_admin(visit.viewer)
    async with visit.read() as conn:
        return _download(blocklists.write_blocks(await instances.policies(conn)), "blocked")


async def allowed_list(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    async with visit.read() as conn:
        return _download(blocklists.write_allowed(await instances.policies(conn)), "allowed")


def _download(words: str, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}-{clock.now():%Y-%m-%d}.csv"',
        "Cache-Control": "private, no-store",
    }
    return Response(words, 200, headers, "text/csv; charset=utf-8")


ROUTES: list[Route] = [
    get(IMPORT, import_page),
    post(IMPORT, preview, limits.WRITE),
    post(f"{IMPORT}/apply", apply, limits.WRITE),
    get(f"{HERE}/blocked.csv", blocked_list),
    get(f"{HERE}/allowed.csv", allowed_list),
]
