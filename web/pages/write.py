"""A new thread, with the group's rules beside the form."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from moderation import instances
from server import limits, text, urls
from server.community import access, posts
from server.community.actors import Actor
from server.community.groups import Group
from server.community.polls import NewPoll
from server.errors import Invalid, Refused, TooMany
from server.messages import Message
from web import describe, forms, picture_form, poll_form, uploads
from web.pages.group import handle_of, rules_group
from web.picture_form import Taken
from web.routing import get, post
from web.views.residents import Preview, WritePage
from web.visit import Visit

MAX_LINK = 2048
NOTHING_SAID = Message("Please write something here, give a link, or choose a picture.")
BARE_ADDRESS = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63}){1,10}([/?#]|\Z)")


class ThreadTyped(forms.Form, frozen=True):
    title: str = ""
    text: str = ""
    link: str = ""


class Written(forms.Form, frozen=True):
    """A thread's fields after all checks."""

    title: str = ""
    source: str = ""
    link: str | None = None


def check_written(form: ThreadTyped, *, with_more: bool = False) -> Written:
    """The fields as they will be stored; raises Invalid with all that does not fit at once.

    `with_more`: a poll or a picture may say all that there is to say.
    """
    wrong: dict[str, str] = {}
    title = source = ""
    link: str | None = None
    try:
        title = text.one_line(text.check_text("title", form.title, at_least=1, at_most=text.MAX_TITLE), text.MAX_TITLE)
        if not title:
            wrong["title"] = Message("Please write something here.")
    except Invalid as invalid:
        wrong |= invalid.fields
    try:
        source = text.check_text("text", form.text, at_most=text.MAX_SOURCE)
    except Invalid as invalid:
        wrong |= invalid.fields
    try:
        link = check_link(form.link)
    except Invalid as invalid:
        wrong |= invalid.fields
    if not wrong and not source and not link and not with_more:
        wrong["text"] = NOTHING_SAID
    if wrong:
        raise Invalid(wrong)
    return Written(form.idempotency_key, form.preview, title, source, link)


def check_thread(typed: Mapping[str, str], taken: Taken) -> tuple[Written, NewPoll | None]:
    """All fields of a new thread, its poll and its pictures; raises Invalid with all that does not fit at once."""
    form = forms.decode(ThreadTyped, typed)
    poll, wrong = None, {}
    try:
        poll = poll_form.check_poll(typed)
    except Invalid as invalid:
        wrong = invalid.fields
    written = Written()
    try:
        written = check_written(form, with_more=bool(poll or wrong or taken.pictures or taken.wrong))
    except Invalid as invalid:
        wrong = invalid.fields | wrong
    picture_form.check(taken, wrong)
    return written, poll


def check_link(typed: str) -> str | None:
    """An address of the web, or None for an empty field; raises Invalid for `link`."""
    link = typed.strip()
    if not link:
        return None
    problem = Invalid({"link": "Please give the address of a page, such as https://bakery.example/bread."})
    # People type addresses as shops print them.
    if BARE_ADDRESS.match(link):
        link = f"https://{link}"
    if len(link) > MAX_LINK or re.search(r"[\s<>\"\\\x00-\x1f]", link) or not text.storable(link):
        raise problem
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:
        raise problem from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise problem
    return link


async def write_page(visit: Visit) -> Response:
    return await _show(visit, {})


async def _show(
    visit: Visit, typed: Mapping[str, str], errors: Mapping[str, str] | None = None, *, taken: Taken | None = None,
    problem: str = "", preview: Preview | None = None, status: int = 200,
) -> Response:  # fmt: skip
    access.check_signed_in(visit.viewer)
    name, host = handle_of(visit)
    async with visit.read() as conn:
        group = await access.access_group(conn, visit.viewer, name, host)
        if not typed:
            access.check_may_post(group, None)
        glance = await visit.look_beside(conn, rules_group(group))
    said = {field: visit.say(wrong) for field, wrong in (errors or {}).items()}
    page = WritePage(
        group=describe.group_view(visit, group),
        rules=describe.rules(glance),
        action=f"/g/{group.handle}/write",
        title=forms.field(typed, "title", said),
        text=forms.field(typed, "text", said),
        link=forms.field(typed, "link", said),
        problem=problem,
        preview=preview,
        answers_within=group.answers_within,
        poll=poll_form.poll_fields(visit, typed, said),
        pictures=picture_form.picture_fields(visit, typed, taken or Taken()),
    )
    return await visit.show(page, status)


def preview_of(title: str, source: str, link: str | None, options: Sequence[str] = ()) -> Preview:
    html = describe.safe(text.render_markdown(source))
    return Preview(title, html, link or "", describe.link_host(link) or "", options)


async def write(visit: Visit) -> Response:
    async with uploads.read(visit) as (typed, files):
        access.check_signed_in(visit.viewer)
        taken = await picture_form.take(visit, typed, files)
    name, host = handle_of(visit)
    try:
        written, poll = check_thread(typed, taken)
        if written.preview:
            preview = preview_of(written.title, written.source, written.link, poll.options if poll else ())
            return await _show(visit, typed, taken=taken, preview=preview)
        await visit.count_hit("write", str(visit.viewer.account_id), limits.WRITE)
        async with visit.change() as conn:
            group = await access.access_group(conn, visit.viewer, name, host)
            access.check_may_post(group, None)
            await instances.check_reachable(conn, group.host)
            draft = _draft(await visit.me(conn), group, written, poll, taken)
            submitted = await posts.submit_post(conn, visit.urls, draft)
    except Invalid as invalid:
        return await _show(visit, typed, invalid.fields, taken=taken, status=422)
    except TooMany as refusal:
        return await _show(visit, typed, taken=taken, problem=visit.say(refusal.message), status=429)
    except Refused as refusal:
        return await _show(visit, typed, taken=taken, problem=visit.say(refusal.message), status=403)
    return visit.go(urls.thread_page(submitted.id))


def _draft(author: Actor, group: Group, written: Written, poll: NewPoll | None, taken: Taken) -> posts.Draft:
    return posts.Draft(
        author=author, group=group, title=written.title, link=written.link, source=written.source,
        language=group.language, idempotency_key=written.idempotency_key or None, poll=poll, pictures=taken.pictures,
    )  # fmt: skip


ROUTES: list[Route] = [
    get("/g/{handle}/write", write_page),
    post("/g/{handle}/write", write, None),
]
