"""From rows to what templates show: threads, posts, groups, rules, notifications as this reader may see them."""

import datetime as dt
from collections.abc import Sequence
from urllib.parse import urlsplit

from markupsafe import Markup

from moderation.glance import Glance
from server import clock, urls
from server.community import media
from server.community.groups import Group, GroupLine
from server.community.media import Picture
from server.community.notifications import Notification
from server.community.timelines import OwnPost, Reply, ThreadHead, ThreadLine
from web import present
from web.views.parts import (
    GroupRef,
    GroupView,
    NoteView,
    Older,
    PersonView,
    PictureView,
    PostView,
    RuleView,
    ThreadRow,
)
from web.visit import Visit


def safe(html: str) -> Markup:
    """HTML that `server.text` has made safe before it was stored; the one place where pages trust a string."""
    return Markup(html)  # noqa: S704


def picture_view(picture: Picture) -> PictureView:
    """A picture of ours in both sizes, or the address of one from elsewhere, which no page of ours loads."""
    if not picture.id:
        return PictureView(picture.url, words=picture.words, host=urlsplit(picture.url).hostname or "")
    small = media.small_size(picture.width, picture.height)
    return PictureView(
        url=media.path_of(picture.id),
        id=str(picture.id),
        words=picture.words,
        small_url=media.path_of(picture.id, media.SMALL),
        width=picture.width,
        height=picture.height,
        small_width=small[0],
        small_height=small[1],
    )


def picture_views(pictures: media.Stored) -> list[PictureView]:
    return [picture_view(picture) for picture in media.read(pictures)] if pictures else []


def first_picture(pictures: media.Stored) -> PictureView | None:
    """What stands beside a post in a list: its first picture, if that can be shown."""
    return next((view for view in picture_views(pictures) if not view.host), None)


def excerpt(visit: Visit, words: str) -> str:
    """The beginning of a post where it is spoken of; some are a picture, a link or a poll and nothing else."""
    return words or visit.say("A post without words.")


def group_view(visit: Visit, group: Group | GroupLine) -> GroupView:
    """A group for a list or its own head, with the reader's own membership."""
    banned = isinstance(group, Group) and group.banned_until is not None and group.banned_until > clock.now()
    return GroupView(
        name=group.name,
        title=group.title or group.name,
        place=group.place,
        tagline=group.tagline,
        url=urls.group_page(group.name, group.host),
        initials=present.initials(group.title or group.name),
        tint=present.tint(group.id),
        host=group.host,
        member_count=group.member_count,
        thread_count=group.thread_count,
        join_mode=group.join_mode if isinstance(group, Group) else "open",  # type: ignore[arg-type]  # by the schema
        membership="banned" if banned else group.membership or "none",  # type: ignore[arg-type]  # by the schema
        moderator=isinstance(group, Group) and group.moderated_by_viewer,
        active=visit.time(group.active_at) if group.active_at else None,
        visibility=group.visibility,  # type: ignore[arg-type]  # by the schema
    )


def rules(glance: Glance) -> list[RuleView]:
    return [RuleView(str(rule.id), rule.number, rule.title, safe(rule.html), rule.version) for rule in glance.rules]


def place_rules(visit: Visit, glance: Glance) -> list[RuleView]:
    """The rules that hold everywhere here, marked as such where they stand beside a group's own."""
    marked = visit.say("%(rule)s (everywhere here)")
    return [
        RuleView(str(rule.id), rule.number, marked % {"rule": rule.title}, safe(rule.html), rule.version)
        for rule in glance.place_rules
    ]


def moderators(glance: Glance) -> list[PersonView]:
    return [present.person_view(person.id, person.name, None, person.title) for person in glance.moderators]


def thread_row(visit: Visit, line: ThreadLine, *, with_group: bool) -> ThreadRow:
    return ThreadRow(
        title=line.title,
        url=urls.thread_page(line.id),
        author=present.person_view(line.author_id, line.author_name, line.author_host, line.author_title),
        time=visit.time(line.submitted_at),
        group=group_ref(line.group_name, line.group_host, line.group_title) if with_group else None,
        excerpt=line.excerpt,
        reply_count=line.reply_count,
        thank_count=line.thank_count,
        link_host=link_host(line.link),
        pinned=line.pinned,
        locked=line.locked,
        poll=line.poll,
        picture=first_picture(line.pictures),
        waiting_for=line.group_host if line.waiting else None,
    )


def older(group: Group) -> Older | None:
    """How far the reading of the group's past is; None where it is not being read."""
    if group.older_about is None:
        return None
    return Older(group.older_here or 0, group.older_about)


def own_row(visit: Visit, post: OwnPost, author: PersonView) -> ThreadRow:
    """A thread or reply on its author's page."""
    title = post.title or post.thread_title or visit.say("Without a title")
    return ThreadRow(
        title=title if post.root_id == post.id else visit.say("Reply in “%(title)s”") % {"title": title},
        url=urls.post_page(post.root_id, post.id),
        author=author,
        time=visit.time(post.submitted_at),
        group=group_ref(post.group_name, post.group_host, post.group_title),
        excerpt=post.excerpt,
        reply_count=post.reply_count,
        thank_count=post.thank_count,
        state=post.state,  # type: ignore[arg-type]  # by the schema
        poll=post.poll,
        picture=first_picture(post.pictures),
    )


def group_ref(name: str, host: str | None, title: str) -> GroupRef:
    return GroupRef(title or name, urls.group_page(name, host), host)


def link_host(link: str | None) -> str | None:
    """The host of a link, always shown beside it, since its text could say anything."""
    return urlsplit(link).hostname if link else None


def head_view(visit: Visit, head: ThreadHead, may_reply: bool, moderates: bool) -> PostView:
    """A thread's first post, without its replies."""
    return _post_view(
        visit, head, root_id=head.id, may_reply=may_reply, moderates=moderates, language=head.language,
        waiting_for=head.group_host if head.announced_at is None else None,
        original_url=head.url if head.author_host else None, members=_members(head, moderates),
    )  # fmt: skip


def reply_view(visit: Visit, reply: Reply, head: ThreadHead, may_reply: bool, moderates: bool) -> PostView:
    return _post_view(
        visit, reply, root_id=head.id, may_reply=may_reply, moderates=moderates, language="",
        waiting_for=head.group_host if reply.announced_at is None else None, original_url=None,
        members=_members(head, moderates),
    )  # fmt: skip


def _members(head: ThreadHead, moderates: bool) -> str | None:
    """Where moderators of a group of ours find the people of its threads."""
    return f"/g/{head.group_name}/members" if moderates and head.group_host is None else None


def _post_view(
    visit: Visit, post: ThreadHead | Reply, *, root_id: int, may_reply: bool, moderates: bool, language: str,
    waiting_for: str | None, original_url: str | None, members: str | None,
) -> PostView:  # fmt: skip
    own = visit.viewer.account_id == post.author_id
    published = post.state == "published"
    here = f"/t/{post.id}"
    reply_url = f"#reply-{post.id}" if post.id == root_id else f"/t/{root_id}?reply={post.id}#p{post.id}"
    return PostView(
        id=str(post.id),
        author=present.person_view(post.author_id, post.author_name, post.author_host, post.author_title),
        html=safe(post.html),
        pictures=picture_views(post.pictures),
        time=visit.time(post.submitted_at),
        permalink=urls.post_page(root_id, post.id),
        state=post.state,  # type: ignore[arg-type]  # by the schema
        language=language,
        waiting_for=waiting_for if published else None,
        edited=visit.time(post.edited_at) if post.edited_at else None,
        history_url=f"{here}/history" if post.edited_at else None,
        thank_count=post.thank_count,
        attested_count=post.attested_count,
        thanked_by_me=post.thanked,
        thank_url=f"{here}/thank" if published and not own else None,
        reply_url=reply_url if published and may_reply else None,
        report_url=f"{here}/report" if published and not own else None,
        edit_url=f"{here}/edit" if own and post.state not in ("removed", "deleted") else None,
        delete_url=f"{here}/delete" if own and post.state != "deleted" else None,
        remove_url=f"{here}/remove" if moderates and published else None,
        ban_url=f"{members}/{post.author_id}/ban" if members and not own else None,
        decision_url=f"{here}/decision" if (own or moderates) and post.state in ("refused", "removed") else None,
        from_host=post.author_host,
        original_url=original_url,
    )


def tree(views: Sequence[PostView], replies: Sequence[Reply], root_id: int) -> tuple[PostView, ...]:
    parents = [str(reply.parent_id or root_id) for reply in replies]
    return present.reply_tree(views, parents)


# How a stored notification is told; what has no sentence of its own is told as plain news about a post.
NOTE_KINDS = {
    "reply": "reply", "mention": "mention", "thanked": "thank", "held": "held", "parent_refused": "parent_refused",
    "released": "released", "refused": "refused", "kept": "kept", "removed": "removed", "restored": "restored",
    "report_answered": "report_answered", "joined_group": "joined", "asked_to_join": "join_asked",
    "not_let_in": "join_refused", "made_moderator": "made_moderator", "case_opened": "case",
    "removed_elsewhere": "removed_elsewhere", "put_out": "put_out", "banned": "banned", "unbanned": "unbanned",
    "banned_elsewhere": "banned_elsewhere", "closed": "closed", "invited": "invited",
    "membership_rests": "rests", "membership_resumes": "resumes", "policy_list_changed": "list_changed",
    "application": "application", "not_taken": "not_taken", "follow": "follow",
    "private_message": "private_message", "moved_along": "moved_along", "moved_away": "moved_away",
    "poll_closed": "poll_closed", "ban_moved": "ban_moved",
}  # fmt: skip
ABOUT_A_DECISION = ("refused", "removed", "released", "kept", "restored")


def note_view(visit: Visit, note: Notification) -> NoteView:
    return NoteView(
        kind=NOTE_KINDS.get(note.kind, "other"),  # type: ignore[arg-type]  # the values are the literal's
        url=_note_url(note),
        time=visit.time(note.created_at),
        actor=(
            present.person_view(note.actor_id, note.actor_name or "", note.actor_host, note.actor_title or "")
            if note.actor_id is not None
            else None
        ),
        group=(
            group_ref(note.group_name, note.group_host, note.group_title or "") if note.group_name is not None else None
        ),
        title=note.thread_title or "",
        excerpt=_note_excerpt(note),
        host=note.group_host or "",
        unread=note.read_at is None,
        until=visit.time(dt.datetime.fromisoformat(str(ends))) if (ends := note.detail.get("until")) else None,
    )


def _note_excerpt(note: Notification) -> str:
    if note.kind == "banned_elsewhere":
        # The reason that their moderators gave; of ours, the page of the ban tells it.
        return str(note.detail.get("reason") or "")
    return (note.post_excerpt or "") if note.kind in ("reply", "mention", "held", "refused", "removed") else ""


def _note_url(note: Notification) -> str:
    decision_id = note.detail.get("decision_id")
    if note.kind in ABOUT_A_DECISION and isinstance(decision_id, str):
        return f"/decisions/{decision_id}"
    deed_id = note.detail.get("deed_id")
    if note.kind == "banned" and isinstance(deed_id, str):
        return f"/bans/{deed_id}"
    if note.kind == "asked_to_join" and note.group_name is not None:
        return f"{urls.group_page(note.group_name)}/members"
    if note.kind == "policy_list_changed":
        return "/admin/instances/lists"
    if note.kind == "application":
        return "/admin/accounts"
    if note.kind == "case_opened":
        return "/queue"
    if note.kind in ("private_message", "ban_moved") and note.actor_name is not None:
        return urls.person_page(note.actor_name, note.actor_host)
    if note.post_id is not None:
        return urls.post_page(note.root_id, note.post_id)
    if note.group_name is not None:
        return urls.group_page(note.group_name, note.group_host)
    return "/notifications"
