"""Votes that a group's server reports of others: on its word alone, so kept apart and within that group (B15)."""

import structlog

from federation import parse
from federation.parse import Activity, Unacceptable, type_of, uri_of
from moderation import instances
from server.community import posts, votes
from server.db import Conn
from server.runtime import Runtime
from server.urls import authority

log = structlog.get_logger(__name__)

VOTES = ("Like", "Dislike", "EmojiReact")


def is_vote(document: dict[str, object]) -> bool:
    """Whether what a group announces is a vote, or takes one back. An Undo of an id alone can be nothing else."""
    if type_of(document) != "Undo":
        return type_of(document) in VOTES
    undone = document.get("object")
    return not isinstance(undone, dict) or type_of(undone) in VOTES


async def take(conn: Conn, _runtime: Runtime, *, group_id: int, deeds: list[dict[str, object]]) -> None:
    """Job: book what a group reports. Nobody is asked: who votes there is known by address alone."""
    blocked: dict[str, bool] = {}
    # In one order everywhere, so that two batches do not wait for each other's posts.
    for deed in sorted(deeds, key=_post_uri):
        try:
            activity = parse.parse_activity(deed)
            host = authority(activity.actor) or ""
            if host not in blocked:
                blocked[host] = await instances.is_blocked(conn, host)
            if not blocked[host]:
                await _book(conn, activity, group_id)
        except Unacceptable as why:
            log.info("reported vote not taken", reason=why.reason)


def _post_uri(deed: dict[str, object]) -> str:
    what = deed.get("object")
    return uri_of(what.get("object") if isinstance(what, dict) and "object" in what else what) or ""


async def _book(conn: Conn, activity: Activity, group_id: int) -> None:
    undone = activity.inner if activity.type == "Undo" else None
    if activity.type == "Undo" and undone is None:
        await votes.unattest_by_uri(conn, activity.actor, activity.object_uri or "", group_id)
        return
    post = await posts.by_uri(conn, (uri_of(undone.get("object")) if undone else activity.object_uri) or "")
    if post is None or post.group_id != group_id or post.state != "published":
        return
    if undone is not None or activity.type == "Dislike":
        await votes.unattest(conn, activity.actor, post)
    else:
        await votes.attest(conn, activity.actor, post, activity.id)
