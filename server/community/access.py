"""The only way to read or change something on behalf of somebody: `access_*` returns it or raises NotFound.

`check_*` returns None or raises Refused. What a viewer may not see and what does not exist are the same answer.
"""

import datetime as dt

from server import clock
from server.community import groups, posts
from server.community.groups import FOR_GOOD, Group
from server.community.media import Media
from server.community.posts import Post
from server.community.sessions import Viewer
from server.db import Conn
from server.errors import NotFound, Refused
from server.messages import Message


def check_signed_in(viewer: Viewer) -> int:
    """The viewer's account id; Refused for a stranger."""
    if viewer.account_id is None:
        raise Refused("log_in", "Please log in first.")
    return viewer.account_id


def check_admin(viewer: Viewer) -> int:
    """The viewer's account id; NotFound for everybody but admins, who alone know these pages."""
    if viewer.account_id is None or not viewer.admin:
        raise NotFound
    return viewer.account_id


def may_moderate(viewer: Viewer, group: Group) -> bool:
    """Moderators in their group; admins in every group that is read here."""
    return viewer.signed_in and (group.moderated_by_viewer or viewer.admin)


def may_read(viewer: Viewer, group: Group) -> bool:
    """Whether what is written in a group is for this viewer. Lists ask the SQL function of this name."""
    if group.visibility == "public" or viewer.admin:
        return True
    if group.visibility == "local":
        return viewer.signed_in
    return group.joined


def may_know(viewer: Viewer, group: Group) -> bool:
    """Whether the viewer may know that there is this group: to join a private one, somebody must find it."""
    if may_read(viewer, group):
        return True
    return group.visibility == "private" and (group.discoverable or group.membership in ("asked", "invited"))


def keeps_from(group: Group) -> bool:
    """Whether a group of ours is not for this person from elsewhere, as whom it was read: to them it does not exist."""
    return group.local and group.visibility != "public" and not group.joined


async def instance_may_read(conn: Conn, group: Group, host: str | None) -> bool:
    """The same for the instance that is proven to ask, None for one that is not: it reads what its members read."""
    if group.visibility == "public":
        return True
    if group.visibility != "private" or host is None:
        return False
    return host == group.host or await groups.has_member_from(conn, group.id, host)


async def instance_may_see(conn: Conn, host: str | None, post: Post, group: Group) -> bool:
    """`may_see` for an instance."""
    return post.state == "published" and post.announced_at is not None and await instance_may_read(conn, group, host)


def may_see(viewer: Viewer, post: Post, group: Group) -> bool:
    """The one rule of sight for people; a stranger is whoever is not signed in."""
    if viewer.signed_in and viewer.account_id == post.author_id:
        return post.state != "deleted"
    if may_moderate(viewer, group):
        return post.state not in ("deleted", "submitted")
    # A post of ours in a group elsewhere is public once that group has announced it.
    return may_read(viewer, group) and post.state == "published" and post.announced_at is not None


async def access_group(conn: Conn, viewer: Viewer, name: str, host: str | None = None) -> Group:
    """A group that the viewer may know; whether they read what is written in it, says `may_read`."""
    group = await groups.BY_HANDLE.one(conn, name, host, viewer.account_id)
    if group is None or not may_know(viewer, group):
        raise NotFound("group")
    return group


async def access_readable_group(conn: Conn, viewer: Viewer, name: str, host: str | None = None) -> Group:
    """A group whose content the viewer may read."""
    group = await access_group(conn, viewer, name, host)
    if not may_read(viewer, group):
        raise NotFound("group")
    return group


async def access_group_by_id(conn: Conn, viewer: Viewer, group_id: int) -> Group:
    group = await groups.BY_ID.one(conn, group_id, viewer.account_id)
    if group is None or not may_know(viewer, group):
        raise NotFound("group")
    return group


async def access_moderated_group(conn: Conn, viewer: Viewer, name: str, host: str | None = None) -> Group:
    group = await access_group(conn, viewer, name, host)
    if not may_moderate(viewer, group):
        raise NotFound("group")
    return group


async def access_post(conn: Conn, viewer: Viewer, post_id: int, *, lock: bool = False) -> tuple[Post, Group]:
    """A post that the viewer may see, and its group as they see it."""
    post = await posts.by_id(conn, post_id, lock=lock)
    # Not `access_group_by_id`: what somebody wrote stays theirs after they left the group.
    group = await groups.BY_ID.one(conn, post.group_id, viewer.account_id)
    if group is None or not may_see(viewer, post, group):
        raise NotFound("post")
    return post, group


async def access_own_post(conn: Conn, viewer: Viewer, post_id: int) -> tuple[Post, Group]:
    """A post that the viewer wrote, locked for a change."""
    post, group = await access_post(conn, viewer, post_id, lock=True)
    if not viewer.signed_in or post.author_id != viewer.account_id:
        raise NotFound("post")
    return post, group


async def access_moderated_post(conn: Conn, viewer: Viewer, post_id: int) -> tuple[Post, Group]:
    """A post in a group that the viewer moderates, locked for a decision."""
    post, group = await access_post(conn, viewer, post_id, lock=True)
    if not may_moderate(viewer, group):
        raise NotFound("post")
    return post, group


async def check_may_see_picture(conn: Conn, viewer: Viewer, picture: Media) -> None:
    """Whoever may see its post may see it; what is on no post yet, or in another text of it, is for fewer."""
    own = viewer.signed_in and viewer.account_id == picture.owner_id
    if picture.public or (own and picture.post_id is None):
        return
    if picture.post_id is None:
        raise NotFound("picture")
    _, group = await access_post(conn, viewer, picture.post_id)
    # A text that waits, or that another one has replaced, is for its author and for who decides about it.
    if not (picture.current or own or may_moderate(viewer, group)):
        raise NotFound("picture")


def check_not_banned(group: Group) -> None:
    """`group` is the group as the person in question sees it. The one place where a ban shuts every door."""
    if group.banned_until is not None and group.banned_until > clock.now():
        raise Refused("banned", why_banned(group.banned_until), until=group.banned_until)


def why_banned(until: dt.datetime) -> Message:
    """What the banned are told wherever they would write, reply, thank, report or join."""
    if until >= FOR_GOOD:
        return Message("The moderators of this group have banned you. You can read it, but not take part.")
    day = f"{until:%Y-%m-%d}"
    return Message(
        "The moderators of this group have banned you until %(day)s. You can read it, but not take part.", {"day": day}
    )


def check_may_post(group: Group, parent: Post | None) -> None:
    """Whether somebody may write here: `group` is the group as the author sees it. The same for every door."""
    check_not_banned(group)
    if group.membership == "suspended":
        raise Refused("suspended", "Nothing can be sent to that server at the moment.")
    if (group.posting == "members" or group.visibility == "private") and not group.joined:
        raise Refused("members_only", "Only members write in this group. You can join it.")
    if group.posting == "moderators" and parent is None and not (group.joined and group.role == "moderator"):
        raise Refused("moderators_only", "In this group only moderators start threads. You can reply to them.")
    if parent is not None and parent.state in ("removed", "deleted", "refused"):
        raise Refused("parent_gone", "What you reply to is no longer here.")


def check_unlocked(root: Post, group: Group) -> None:
    if root.locked and not (group.joined and group.role == "moderator"):
        raise Refused("locked", why_locked(root.lock_reason))


def why_locked(reason: str) -> Message:
    if reason:
        return Message("A moderator closed this thread: “%(reason)s” Nobody can reply any more.", {"reason": reason})
    return Message("This thread is closed. Nobody can reply any more.")


def check_may_vote(post: Post, group: Group) -> None:
    """Whether a vote counts: only on what is published, never on one's own, not by the banned."""
    if post.state != "published":
        raise NotFound("post")
    check_not_banned(group)


def check_may_choose(post: Post, group: Group) -> None:
    """Whether somebody's choice in a poll counts: as for a thank; where only members write, only members decide."""
    check_may_vote(post, group)
    if (group.posting == "members" or group.visibility == "private") and not group.joined:
        raise Refused("members_only", "Only members vote in this group. You can join it.")
