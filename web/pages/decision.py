"""One decision for the author of a post and its moderators; removing a post on sight, and putting it back."""

from collections.abc import Mapping

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moderation import decisions, record
from moderation.record import Statement
from server import limits, urls
from server.community import access, timelines
from server.community.timelines import ThreadHead
from server.db import Conn
from server.errors import Invalid, NotFound
from server.ids import parse_id
from web import describe, describe_cases, forms, present
from web.pages.thread import group_of, moderates_here, post_id_of
from web.routing import get, post
from web.views.moderators import DecisionPage, RemovePage
from web.views.parts import RuleView
from web.visit import Visit


class RemovalTyped(forms.Form, frozen=True):
    rule: str = ""
    reason: str = ""


async def decision_page(visit: Visit) -> Response:
    access.check_signed_in(visit.viewer)
    decision_id = parse_id(visit.request.path_params["decision_id"])
    if decision_id is None:
        raise NotFound("decision")
    async with visit.read() as conn:
        found = await record.statement(conn, visit.viewer, decision_id)
    return await visit.show(_decision_view(visit, found))


def _decision_view(visit: Visit, found: Statement) -> DecisionPage:
    own = found.author_id == visit.viewer.account_id
    gone = found.post_state == "deleted"
    moderates = found.viewer_moderates or visit.viewer.admin
    removed = found.verb == "remove" and found.post_state == "removed" and not found.reversed
    return DecisionPage(
        verb=found.verb,  # type: ignore[arg-type]  # by the schema
        group=describe_cases.group(found),
        time=visit.time(found.created_at),
        excerpt=visit.say("Deleted by its author.") if gone else describe.excerpt(visit, found.excerpt),
        picture=None if gone else describe.first_picture(found.pictures),
        post_url=None if gone else urls.post_page(found.root_id, found.post_id),
        rule=_rule_view(found),
        reason=found.reason,
        found_by_check=found.machine_involved,
        reply=found.reply,
        resubmit_url=f"/t/{found.post_id}/edit" if own and found.may_send_again else None,
        record_url=f"{urls.group_page(found.group_name)}/record" if found.group_host is None else "/record",
        contact=visit.site.contact,
        restore_url=f"/t/{found.post_id}/restore" if moderates and removed and not own else None,
        own=own,
        reversed=found.reversed,
    )


def _rule_view(found: Statement) -> RuleView | None:
    if found.rule_number is None or found.rule_title is None:
        return None
    return RuleView("", found.rule_number, found.rule_title, describe.safe(found.rule_html))


async def last_decision(visit: Visit) -> Response:
    """From a post to the newest decision about it."""
    access.check_signed_in(visit.viewer)
    post_id = post_id_of(visit)
    async with visit.read() as conn:
        found, group = await access.access_post(conn, visit.viewer, post_id)
        if found.author_id != visit.viewer.account_id and not access.may_moderate(visit.viewer, group):
            raise NotFound("decision")
        decision_id = await record.last_decision(conn, post_id)
    if decision_id is None:
        raise NotFound("decision")
    return RedirectResponse(f"/decisions/{decision_id}", 302)


async def remove_page(visit: Visit) -> Response:
    return await _show_remove(visit, {})


async def _show_remove(
    visit: Visit, typed: Mapping[str, str], errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        found = await _moderated(visit, conn)
        glance = await visit.look_beside(conn, found.group_id if found.group_host is None else None)
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    page = RemovePage(
        group=group_of(found),
        author=present.person_view(found.author_id, found.author_name, found.author_host, found.author_title),
        excerpt=describe.excerpt(visit, found.excerpt or found.title or ""),
        picture=describe.first_picture(found.pictures),
        action=f"/t/{found.id}/remove",
        cancel_url=urls.post_page(found.root_id, found.id),
        rules=describe.rules(glance) + describe.place_rules(visit, glance),
        rule=forms.field(typed, "rule", said),
        reason=forms.field(typed, "reason", said),
    )
    return await visit.show(page, status)


async def _moderated(visit: Visit, conn: Conn) -> ThreadHead:
    """The published post that the address names, for its moderators."""
    found = await timelines.thread_head(conn, visit.viewer, post_id_of(visit))
    if found.state != "published" or not moderates_here(visit, found):
        raise NotFound("post")
    return found


async def remove(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    post_id = post_id_of(visit)
    try:
        form = forms.decode(RemovalTyped, typed)
        async with visit.change() as conn:
            decision_id = await decisions.remove_directly(conn, visit.viewer, post_id, parse_id(form.rule), form.reason)
    except Invalid as invalid:
        return await _show_remove(visit, typed, invalid.fields, 422)
    return visit.go(f"/decisions/{decision_id}", "Removed. The author is told why.")


async def restore(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    post_id = post_id_of(visit)
    async with visit.change() as conn:
        await decisions.restore(conn, visit.viewer, post_id)
    return visit.go(urls.thread_page(post_id), "It is back.")


ROUTES: list[Route] = [
    get("/decisions/{decision_id}", decision_page),
    get("/t/{post_id}/decision", last_decision),
    get("/t/{post_id}/remove", remove_page),
    post("/t/{post_id}/remove", remove, limits.WRITE),
    post("/t/{post_id}/restore", restore, limits.WRITE),
]
