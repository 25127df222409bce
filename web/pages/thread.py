"""A thread: its first post, its replies as a tree, and a reply written in place."""

import re
from collections.abc import Mapping, Sequence

import msgspec
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moderation import cases, instances
from moderation.cases import HeldFor
from server import clock, limits, text, urls
from server.community import access, media, notifications, posts, timelines
from server.community.timelines import Reply, ThreadHead
from server.db import Conn
from server.errors import Invalid, NotFound, TooMany
from server.ids import parse_id
from web import describe, describe_poll, forms, picture_form, present, problems, uploads
from web.negotiation import wants_activity
from web.picture_form import Taken
from web.routing import get, post
from web.views.parts import Field, GroupView, Pager, PictureFields, PostView, RuleView
from web.views.residents import Preview, ReplyForm, ThreadPage
from web.visit import Visit

PATH = re.compile(r"[0-9a-f]{16,1600}")


class ReplyTyped(forms.Form, frozen=True):
    to: str = ""
    text: str = ""


class Begun(msgspec.Struct, frozen=True):
    """A reply that was begun: to which post, what was typed, how it will look; or a vote that was not taken."""

    to: str = ""
    typed: Field = Field()
    preview: Preview | None = None
    pictures: PictureFields = picture_form.EMPTY
    poll_problem: str = ""

    @property
    def refused(self) -> bool:
        return bool(self.typed.error) or any(field.problem for field in self.pictures.fields)


def post_id_of(visit: Visit) -> int:
    """The post that the address names; NotFound for what is no id."""
    post_id = parse_id(visit.request.path_params["post_id"])
    if post_id is None:
        raise NotFound("post")
    return post_id


async def thread_page(visit: Visit) -> Response:
    post_id = post_id_of(visit)
    if wants_activity(visit.request):
        return RedirectResponse(visit.urls.post(post_id), 302, {"Vary": "Accept"})
    return await show_thread(visit, post_id, Begun(visit.request.query_params.get("reply", "")))


async def show_thread(visit: Visit, post_id: int, begun: Begun, status: int = 200) -> Response:
    """The page of a thread; a lone reply's address leads to its place in the thread."""
    viewer = visit.viewer
    after = visit.request.query_params.get("after", "")
    after = after if PATH.fullmatch(after) else ""
    async with visit.read() as conn:
        head = await timelines.thread_head(conn, viewer, post_id)
        if head.root_id is not None and head.root_id != post_id:
            return RedirectResponse(await _place(conn, head.root_id, post_id), 302)
        moderates = moderates_here(visit, head)
        replies = await _replies(conn, visit, head, after)
        shown, more = replies[: timelines.REPLIES_PAGE], replies[timelines.REPLIES_PAGE :]
        held = await cases.held_for(conn, waiting) if (waiting := _held(head, shown)) else []
        await visit.look_beside(conn, head.group_id if head.group_host is None else None)
    # The tree is built parents first, and what waits may answer any of the others.
    in_order = [reply for reply in shown if reply.path] + [reply for reply in shown if not reply.path]
    page = _thread_page(visit, head, in_order, moderates, begun, held)
    here = urls.thread_page(post_id)
    pager = Pager(newer=here if after else None, older=f"{here}?after={shown[-1].path}" if more else None)
    if begun.refused and page.reply is None and page.reply_in_place is None:
        # The thread was closed meanwhile: its page has no form left in which the text could stand.
        return await problems.plain(visit, status, begun.typed.error, kept=begun.typed.value)
    answer = await visit.show(_with_pager(page, pager), status)
    if viewer.account_id is not None and head.news:
        # Whoever reads the thread has read its news; a GET changes nothing else.
        async with visit.change() as conn:
            await notifications.mark_thread_read(conn, viewer.account_id, post_id)
    return answer


async def _replies(conn: Conn, visit: Visit, head: ThreadHead, after: str) -> list[Reply]:
    """One more than a page shows; of a private group that its author has left, none beside their own thread."""
    if not head.readable:
        return []
    moderates = moderates_here(visit, head)
    limit = timelines.REPLIES_PAGE + 1
    return await timelines.replies(conn, visit.viewer, head.id, moderates=moderates, after=after, limit=limit)


def _held(head: ThreadHead, replies: Sequence[Reply]) -> list[int]:
    """What waits for a moderator on this page; readers whom it does not concern are shown none of it."""
    held = [head.id] if head.state == "held" else []
    return held + [reply.id for reply in replies if reply.state == "held"]


def _with_rules(view: PostView, held: Sequence[HeldFor]) -> PostView:
    found = tuple(RuleView("", rule.number, rule.title) for rule in held if str(rule.post_id) == view.id)
    return msgspec.structs.replace(view, held_for=found) if found else view


async def _place(conn: Conn, root_id: int, reply_id: int) -> str:
    """Where a reply stands in its thread, which may be several pages long."""
    behind = await timelines.page_of_reply(conn, reply_id)
    return f"/t/{root_id}?after={behind}#p{reply_id}" if behind else urls.post_page(root_id, reply_id)


def moderates_here(visit: Visit, head: ThreadHead) -> bool:
    return visit.viewer.admin or (head.role == "moderator" and head.membership == "joined" and head.group_host is None)


def _with_pager(page: ThreadPage, pager: Pager) -> ThreadPage:
    return page if pager == Pager() else msgspec.structs.replace(page, pager=pager)


def why_not_reply(visit: Visit, head: ThreadHead) -> str:
    """Why the reader cannot reply, or nothing: the rules of `access.check_may_post`, on what this page has read."""
    if not visit.viewer.signed_in:
        return visit.say("Log in to reply.")
    if head.state != "published":
        return visit.say("You can reply once this thread is published.") if head.state in ("submitted", "held") else ""
    if head.banned_until is not None and head.banned_until > clock.now():
        return visit.say(access.why_banned(head.banned_until))
    if head.locked and not (head.role == "moderator" and head.membership == "joined"):
        return visit.say(access.why_locked(head.lock_reason))
    if head.membership == "suspended":
        return visit.say("Nothing can be sent to that server at the moment.")
    if (head.posting == "members" or head.visibility == "private") and head.membership != "joined":
        return visit.say("Only members write in this group. You can join it.")
    return ""


def _thread_page(
    visit: Visit, head: ThreadHead, replies: list[Reply], moderates: bool, begun: Begun, held: Sequence[HeldFor]
) -> ThreadPage:
    why_not = why_not_reply(visit, head)
    may_reply = not why_not and head.state == "published"
    views = [describe.reply_view(visit, reply, head, may_reply, moderates) for reply in replies]
    if held:
        views = [_with_rules(view, held) for view in views]
    children = describe.tree(views, replies, head.id)
    top = _with_rules(describe.head_view(visit, head, may_reply, moderates), held)
    top = msgspec.structs.replace(top, children=children, descendants=len(views))
    answered = next((view for view in views if view.id == begun.to), None)
    may_change = moderates and head.group_host is None and head.state == "published"
    glance = visit.glance
    assert glance is not None
    return ThreadPage(
        group=group_of(head),
        post=top,
        title=head.title or visit.say("Without a title"),
        rules=describe.rules(glance),
        reply_count=head.reply_count,
        excerpt=head.excerpt,
        link=head.link,
        link_host=describe.link_host(head.link),
        picture_url=_picture_to_share(visit, head),
        pinned=head.pinned,
        locked=head.locked,
        lock_reason=head.lock_reason,
        pin_url=f"/t/{head.id}/{'unpin' if head.pinned else 'pin'}" if may_change else None,
        close_url=f"/t/{head.id}/{'open' if head.locked else 'close'}" if may_change else None,
        reply=_reply_form(head, top, Begun() if answered else begun) if may_reply else None,
        reply_in_place=_reply_form(head, answered, begun) if may_reply and answered else None,
        why_not=why_not,
        rules_url=f"{urls.group_page(head.group_name)}/rules" if head.group_host is None else "/rules",
        moderators=describe.moderators(glance),
        poll=describe_poll.poll_view(visit, head, begun.poll_problem),
    )


def _picture_to_share(visit: Visit, head: ThreadHead) -> str:
    """What other sites show beside a link to a thread that everybody may read."""
    ours = next((picture for picture in media.read(head.pictures) if picture.id), None)
    if ours is None or head.visibility != "public" or head.state != "published":
        return ""
    return visit.urls.absolute(media.path_of(ours.id))


def group_of(head: ThreadHead) -> GroupView:
    """A thread's group, as far as its head tells."""
    title = head.group_title or head.group_name
    page = urls.group_page(head.group_name, head.group_host)
    return GroupView(
        head.group_name, title, "", "", page, present.initials(title), present.tint(head.group_id), head.group_host,
        visibility=head.visibility,  # type: ignore[arg-type]  # by the schema
    )  # fmt: skip


def _reply_form(head: ThreadHead, answered: PostView, begun: Begun) -> ReplyForm:
    return ReplyForm(
        answered.id, answered.author.name, f"/t/{head.id}/reply", begun.typed, begun.preview, begun.pictures
    )


async def reply(visit: Visit) -> Response:
    """A reply to the thread or to one of its replies; screened before anybody else sees it."""
    async with uploads.read(visit) as (typed, files):
        access.check_signed_in(visit.viewer)
        taken = await picture_form.take(visit, typed, files)
    root_id = post_id_of(visit)
    try:
        form, source = check_reply(typed, taken)
        if form.preview:
            preview = Preview("", describe.safe(text.render_markdown(source)))
            pictures = picture_form.picture_fields(visit, typed, taken)
            return await show_thread(visit, root_id, Begun(form.to, Field(source), preview, pictures))
        await visit.count_hit("write", str(visit.viewer.account_id), limits.WRITE)
        written = await _submit(visit, root_id, form, source, taken)
    except Invalid as invalid:
        problem = " ".join(
            visit.say(invalid.fields[name]) for name in ("text", "idempotency_key") if name in invalid.fields
        )
        return await _again(visit, root_id, typed, taken, problem, 422)
    except TooMany as refusal:
        return await _again(visit, root_id, typed, taken, visit.say(refusal.message), 429)
    return visit.go(urls.post_page(written.root_id, written.id))


def check_reply(typed: Mapping[str, str], taken: Taken) -> tuple[ReplyTyped, str]:
    """The fields of a reply and its text; raises Invalid with all that does not fit at once."""
    form = forms.decode(ReplyTyped, typed)
    alone = bool(taken.pictures or taken.wrong)
    source, wrong = "", {}
    try:
        source = text.check_text("text", form.text, at_least=0 if alone else 1, at_most=text.MAX_SOURCE)
    except Invalid as invalid:
        wrong = invalid.fields
    picture_form.check(taken, wrong)
    return form, source


async def _again(
    visit: Visit, root_id: int, typed: Mapping[str, str], taken: Taken, problem: str, status: int
) -> Response:
    """The thread once more, with what was typed and what is wrong with it."""
    shown, pictures = Field(typed.get("text", ""), problem), picture_form.picture_fields(visit, typed, taken)
    return await show_thread(visit, root_id, Begun(typed.get("to", ""), shown, pictures=pictures), status)


async def _submit(visit: Visit, root_id: int, form: ReplyTyped, source: str, taken: Taken) -> posts.Post:
    parent_id = parse_id(form.to) if form.to else root_id
    if parent_id is None:
        raise NotFound("post")
    async with visit.change() as conn:
        root, group = await access.access_post(conn, visit.viewer, root_id)
        parent = root if parent_id == root_id else (await access.access_post(conn, visit.viewer, parent_id))[0]
        # Somebody else's thread as `to` would put the reply where its form never stood.
        if parent.root_id != root.id:
            raise NotFound("post")
        access.check_may_post(group, parent)
        await instances.check_reachable(conn, group.host)
        access.check_unlocked(root, group)
        draft = posts.Draft(
            author=await visit.me(conn), group=group, parent=parent, source=source, language=group.language,
            idempotency_key=form.idempotency_key or None, pictures=taken.pictures,
        )  # fmt: skip
        return await posts.submit_post(conn, visit.urls, draft)


ROUTES: list[Route] = [
    get("/t/{post_id}", thread_page),
    post("/t/{post_id}/reply", reply, None),
]
