"""What moderators do to a thread as a whole: pin it to the top, close it for replies, and take that back."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from moderation import deeds
from server import limits, urls
from server.community import access, timelines
from server.community.timelines import ThreadHead
from server.db import Conn
from server.errors import Invalid, NotFound
from server.ids import parse_id
from server.messages import Message
from web import describe, forms
from web.pages.thread import group_of, moderates_here, post_id_of
from web.routing import get, post
from web.views.moderators import ClosePage
from web.views.residents import ConfirmActionPage
from web.visit import Visit

# Heading, explanation and button of what is only confirmed.
QUESTIONS = {
    "pin": (
        Message("Pin this thread to the top?"),
        Message("It stands first in the group, here and on other forums, until a moderator pins it no longer."),
        Message("Pin to the top"),
    ),
    "unpin": (
        Message("Pin this thread no longer?"),
        Message("It goes back to its place among the others."),
        Message("Pin no longer"),
    ),
    "open": (
        Message("Open this thread for replies again?"),
        Message("Everybody who may write in this group can reply to it again."),
        Message("Open for replies"),
    ),
}  # fmt: skip


class CloseTyped(forms.Form, frozen=True):
    rule: str = ""
    reason: str = ""


async def _thread(visit: Visit, conn: Conn) -> ThreadHead:
    """The published thread of one of our groups that the address names, for its moderators."""
    found = await timelines.thread_head(conn, visit.viewer, post_id_of(visit))
    if found.root_id != found.id or found.group_host is not None or found.state != "published":
        raise NotFound("thread")
    if not moderates_here(visit, found):
        raise NotFound("thread")
    return found


async def ask(visit: Visit) -> Response:
    """The question before a deed that needs no more than a yes."""
    access.check_signed_in(visit.viewer)
    deed = visit.request.url.path.rpartition("/")[2]
    async with visit.read() as conn:
        found = await _thread(visit, conn)
    heading, explanation, button = QUESTIONS[deed]
    page = ConfirmActionPage(
        heading=visit.say(heading),
        explanation=visit.say(explanation),
        action=f"/t/{found.id}/{deed}",
        button=visit.say(button),
        cancel_url=urls.thread_page(found.id),
        excerpt=found.title or found.excerpt,
        harmless=True,
    )
    return await visit.show(page)


async def pin(visit: Visit) -> Response:
    return await _pin(visit, pinned=True)


async def unpin(visit: Visit) -> Response:
    return await _pin(visit, pinned=False)


async def _pin(visit: Visit, *, pinned: bool) -> Response:
    await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    post_id = post_id_of(visit)
    async with visit.change() as conn:
        await deeds.pin_thread(conn, visit.viewer, post_id, pinned=pinned)
    return visit.go(urls.thread_page(post_id), "Done.")


async def close_page(visit: Visit) -> Response:
    return await _show_close(visit, {})


async def _show_close(
    visit: Visit, typed: Mapping[str, str], errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        found = await _thread(visit, conn)
        glance = await visit.look_beside(conn, found.group_id)
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    page = ClosePage(
        group=group_of(found),
        title=found.title or found.excerpt,
        action=f"/t/{found.id}/close",
        cancel_url=urls.thread_page(found.id),
        rules=describe.rules(glance) + describe.place_rules(visit, glance),
        rule=forms.field(typed, "rule", said),
        reason=forms.field(typed, "reason", said),
    )
    return await visit.show(page, status)


async def close(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    post_id = post_id_of(visit)
    try:
        form = forms.decode(CloseTyped, typed)
        async with visit.change() as conn:
            await deeds.close_thread(conn, visit.viewer, post_id, parse_id(form.rule), form.reason)
    except Invalid as invalid:
        return await _show_close(visit, typed, invalid.fields, 422)
    return visit.go(urls.thread_page(post_id), "Done.")


async def open_again(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    post_id = post_id_of(visit)
    async with visit.change() as conn:
        await deeds.open_thread(conn, visit.viewer, post_id)
    return visit.go(urls.thread_page(post_id), "Done.")


ROUTES: list[Route] = [
    get("/t/{post_id}/pin", ask),
    post("/t/{post_id}/pin", pin, limits.WRITE),
    get("/t/{post_id}/unpin", ask),
    post("/t/{post_id}/unpin", unpin, limits.WRITE),
    get("/t/{post_id}/close", close_page),
    post("/t/{post_id}/close", close, limits.WRITE),
    get("/t/{post_id}/open", ask),
    post("/t/{post_id}/open", open_again, limits.WRITE),
]
