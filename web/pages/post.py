"""What people do with one post: thank, edit, read its earlier versions, delete, report."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from moderation import reports
from server import limits, text, urls
from server.community import access, media, polls, posts, revisions, timelines, votes
from server.community.groups import Group
from server.community.posts import Post
from server.community.timelines import ThreadHead
from server.errors import Invalid, NotFound, Refused, TooMany
from server.ids import parse_id
from web import describe, forms, picture_form, present, uploads
from web.pages.group import rules_group
from web.pages.thread import group_of, moderates_here, post_id_of
from web.pages.write import NOTHING_SAID, ThreadTyped, Written, check_written, preview_of
from web.picture_form import Taken
from web.routing import get, post
from web.views.residents import (
    ConfirmActionPage,
    EditPage,
    HistoryPage,
    Preview,
    ReportPage,
    RevisionView,
)
from web.visit import Visit


def page_of(found: Post | ThreadHead) -> str:
    return urls.post_page(found.root_id, found.id)


def _after(visit: Visit, found: Post, group: Group) -> str:
    """Where to go after a change: whoever has left a private group sees none of its pages any more."""
    return page_of(found) if access.may_read(visit.viewer, group) else "/"


def is_thread(found: ThreadHead) -> bool:
    return found.root_id == found.id


async def thank(visit: Visit) -> Response:
    """Give a thank, or take it back; a second click on the same button changes nothing."""
    typed = await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    async with visit.change() as conn:
        found, group = await access.access_post(conn, visit.viewer, post_id_of(visit))
        access.check_may_vote(found, group)
        me = await visit.me(conn)
        if typed.get("thank") == "0":
            await votes.take_back(conn, me, found)
        else:
            await votes.thank(conn, me, found)
    return visit.go(page_of(found))


async def edit_page(visit: Visit) -> Response:
    return await _show_edit(visit, None)


async def _show_edit(
    visit: Visit,
    typed: Mapping[str, str] | None,
    errors: Mapping[str, str] | None = None,
    *,
    taken: Taken | None = None,
    problem: str = "",
    preview: Preview | None = None,
    status: int = 200,
) -> Response:
    access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        found = await timelines.thread_head(conn, visit.viewer, post_id_of(visit))
        _check_own(visit, found)
        latest = await revisions.latest(conn, found.id)
        glance = await visit.look_beside(conn, found.group_id if found.group_host is None else None)
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    shown = typed or {"title": latest.title or "", "text": latest.source, "link": latest.link or ""}
    page = EditPage(
        group=group_of(found),
        rules=describe.rules(glance),
        action=f"/t/{found.id}/edit",
        cancel_url=page_of(found),
        text=forms.field(shown, "text", said),
        title=forms.field(shown, "title", said) if is_thread(found) else None,
        link=forms.field(shown, "link", said) if is_thread(found) else None,
        problem=visit.say(problem) if problem else "",
        preview=preview,
        options=found.options or (),
        pictures=picture_form.picture_fields(
            visit, typed or {}, taken or picture_form.of_text(media.read(latest.pictures))
        ),
    )
    return await visit.show(page, status)


def _check_own(visit: Visit, found: Post | ThreadHead) -> None:
    """Only the author edits and deletes; for everybody else these pages do not exist."""
    if found.author_id != visit.viewer.account_id:
        raise NotFound("post")
    if found.state in ("removed", "deleted"):
        raise Refused("gone", "This post was taken away, so it cannot be changed any more.")


async def edit(visit: Visit) -> Response:
    async with uploads.read(visit) as (typed, files):
        access.check_signed_in(visit.viewer)
        taken = await picture_form.take(visit, typed, files, post_id_of(visit))
    try:
        written = check_edit(typed, taken)
        if written.preview:
            shown = preview_of(written.title if "title" in typed else "", written.source, written.link)
            return await _show_edit(visit, typed, taken=taken, preview=shown)
        await visit.count_hit("write", str(visit.viewer.account_id), limits.WRITE)
        async with visit.change() as conn:
            found, group = await access.access_own_post(conn, visit.viewer, post_id_of(visit))
            _check_own(visit, found)
            access.check_not_banned(group)
            said = bool(written.source or written.link or taken.pictures)
            if found.is_thread and not said and await polls.ONE.one(conn, found.id) is None:
                raise Invalid({"text": NOTHING_SAID})
            number = await revisions.submit_edit(
                conn,
                found.id,
                title=written.title if found.is_thread else None,
                link=written.link if found.is_thread else None,
                source=written.source,
                pictures=taken.pictures,
                idempotency_key=written.idempotency_key or None,
            )
    except Invalid as invalid:
        return await _show_edit(visit, typed, invalid.fields, taken=taken, status=422)
    except TooMany as refusal:
        return await _show_edit(visit, typed, taken=taken, problem=refusal.message, status=429)
    return visit.go(_after(visit, found, group), "Your change is being checked." if number else "")


def check_edit(typed: Mapping[str, str], taken: Taken) -> Written:
    """The new fields of a thread, or of a reply, which has no title; raises Invalid with all that does not fit."""
    form = forms.decode(ThreadTyped, typed)
    written, wrong = Written(), {}
    try:
        if "title" in typed:
            # Of a poll the options may say all; whether it is one is known when its row is read.
            written = check_written(form, with_more=True)
        else:
            alone = bool(taken.pictures or taken.wrong)
            written = check_written(ThreadTyped(form.idempotency_key, form.preview, "-", form.text), with_more=True)
            text.check_text("text", form.text, at_least=0 if alone else 1, at_most=text.MAX_SOURCE)
    except Invalid as invalid:
        wrong = invalid.fields
    picture_form.check(taken, wrong)
    return written


async def history_page(visit: Visit) -> Response:
    """All versions that the reader may see: published ones, and to the author and moderators also the others."""
    async with visit.read() as conn:
        found = await timelines.thread_head(conn, visit.viewer, post_id_of(visit))
        versions = await revisions.history(conn, found.id)
    insider = found.author_id == visit.viewer.account_id or moderates_here(visit, found)
    if not insider and found.state != "published":
        raise NotFound("post")
    seen = [version for version in versions if insider or version.state == "published"]
    words = [version.source or text.plain(version.html) for version in seen]
    pictures = [_said_of_pictures(visit, version) for version in seen]
    in_group = visit.say("A reply in %(group)s") % {"group": group_of(found).title}
    page = HistoryPage(
        title=(found.title or visit.say("Without a title")) if is_thread(found) else in_group,
        url=page_of(found),
        author=present.person_view(found.author_id, found.author_name, found.author_host, found.author_title),
        revisions=[
            RevisionView(
                number=version.number,
                time=visit.time(version.created_at),
                state=version.state,  # type: ignore[arg-type]  # by the schema
                parts=present.changes(words_before, words_after),
                pictures=present.lines_changed(shown_before, shown_after),
                title=version.title or "",
            )
            for version, words_after, words_before, shown_after, shown_before in zip(
                seen, words, [*words[1:], ""], pictures, [*pictures[1:], []], strict=True
            )
        ],
    )
    return await visit.show(page)


def _said_of_pictures(visit: Visit, version: revisions.Revision) -> list[str]:
    """What stands for each picture: one that was taken out is shown to nobody any more, but what it showed is told."""
    return [
        visit.say("Picture: %(words)s") % {"words": picture.words}
        if picture.words
        else visit.say("A picture without a description")
        for picture in media.read(version.pictures)
    ]


async def delete_page(visit: Visit) -> Response:
    access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        found = await timelines.thread_head(conn, visit.viewer, post_id_of(visit))
    if found.author_id != visit.viewer.account_id:
        raise NotFound("post")
    page = ConfirmActionPage(
        heading=visit.say("Delete this thread?") if is_thread(found) else visit.say("Delete this reply?"),
        explanation=visit.say(
            "It disappears here at once, and the other servers are asked to delete their copies. The replies stay. "
            "After 30 days text and pictures are wiped here too."
        ),
        action=f"/t/{found.id}/delete",
        button=visit.say("Delete"),
        cancel_url=page_of(found),
        excerpt=describe.excerpt(visit, found.excerpt),
    )
    return await visit.show(page)


async def delete(visit: Visit) -> Response:
    await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    async with visit.change() as conn:
        found, group = await access.access_own_post(conn, visit.viewer, post_id_of(visit))
        await posts.delete_post(conn, found)
    if not found.is_thread and found.root_id is not None:
        return visit.go(_after(visit, found, group).partition("#")[0], "Deleted.")
    return visit.go(f"/g/{group.handle}" if access.may_read(visit.viewer, group) else "/", "Deleted.")


async def report_page(visit: Visit) -> Response:
    return await _show_report(visit, {})


async def _show_report(
    visit: Visit, typed: Mapping[str, str], errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    access.check_signed_in(visit.viewer)
    async with visit.read() as conn:
        found = await timelines.thread_head(conn, visit.viewer, post_id_of(visit))
        if found.state != "published" or found.author_id == visit.viewer.account_id:
            raise NotFound("post")
        group = await access.access_group_by_id(conn, visit.viewer, found.group_id)
        glance = await visit.look_beside(conn, rules_group(group))
    said = {name: visit.say(wrong) for name, wrong in (errors or {}).items()}
    page = ReportPage(
        group=describe.group_view(visit, group),
        rules=[*describe.rules(glance), *describe.place_rules(visit, glance)],
        author=present.person_view(found.author_id, found.author_name, found.author_host, found.author_title),
        excerpt=describe.excerpt(visit, found.excerpt),
        picture=describe.first_picture(found.pictures),
        post_url=page_of(found),
        action=f"/t/{found.id}/report",
        rule=forms.field(typed, "rule", said),
        comment=forms.field(typed, "comment", said),
        answers_within=group.answers_within,
        # The group's own server hears of it anyway.
        author_host=found.author_host if found.author_host != found.group_host else None,
        forward=typed.get("forward") == "1",
    )
    return await visit.show(page, status)


class ReportTyped(forms.Form, frozen=True):
    rule: str = ""
    comment: str = ""
    forward: str = ""


async def report(visit: Visit) -> Response:
    typed = await forms.fields_of(visit.request)
    account_id = access.check_signed_in(visit.viewer)
    try:
        form = forms.decode(ReportTyped, typed)
        await visit.count_hit("report", str(account_id), limits.REPORT)
        found = await _file(visit, form)
    except Invalid as invalid:
        return await _show_report(visit, typed, invalid.fields, 422)
    except TooMany as refusal:
        return await _show_report(visit, typed, {"comment": refusal.message}, 429)
    return visit.go(page_of(found), "Thank you. The moderators will read your report.")


async def _file(visit: Visit, form: ReportTyped) -> Post:
    async with visit.change() as conn:
        found, group = await access.access_post(conn, visit.viewer, post_id_of(visit))
        me, forward = await visit.me(conn), form.forward == "1"
        await reports.file_report(conn, me, found, group, parse_id(form.rule), form.comment, forward=forward)
        return found


ROUTES: list[Route] = [
    post("/t/{post_id}/thank", thank, limits.WRITE),
    get("/t/{post_id}/edit", edit_page),
    post("/t/{post_id}/edit", edit, None),
    get("/t/{post_id}/history", history_page),
    get("/t/{post_id}/delete", delete_page),
    post("/t/{post_id}/delete", delete, limits.WRITE),
    get("/t/{post_id}/report", report_page),
    post("/t/{post_id}/report", report, None),
]
