"""Votes that a group's server reports of others: on its word alone, so kept apart and within that group (B15)."""

import structlog

from federation import parse
from federation.parse import Activity, Unacceptable, type_of, uri_of
from moderation import instances
from server import clock, jobs
from server.community import posts, votes
from server.db import Command, Conn
from server.runtime import Runtime
from server.urls import authority

log = structlog.get_logger(__name__)

VOTES = ("Like", "Dislike", "EmojiReact")
# A vote may overtake the post that it is about, while that one is fetched and screened: seconds, as a rule.
ATTEMPTS = 4
ON_ITS_WAY = Command("select exists (select 1 from jobs where ordering = left('announced:' || $1::text, 200))")


def is_vote(document: dict[str, object]) -> bool:
    """Whether what a group announces is a vote, or takes one back. An Undo of an id alone can be nothing else."""
    if type_of(document) != "Undo":
        return type_of(document) in VOTES
    undone = document.get("object")
    return not isinstance(undone, dict) or type_of(undone) in VOTES


async def take(
    conn: Conn, _runtime: Runtime, *, group_id: int, deeds: list[dict[str, object]], attempt: int = 1
) -> None:
    """Job: book what a group reports. Nobody is asked: who votes there is known by address alone."""
    blocked: dict[str, bool] = {}
    too_early: list[dict[str, object]] = []
    # In one order everywhere, so that two batches do not wait for each other's posts.
    for deed in sorted(deeds, key=_post_uri):
        try:
            activity = parse.parse_activity(deed)
            host = authority(activity.actor) or ""
            if host not in blocked:
                blocked[host] = await instances.is_blocked(conn, host)
            if not blocked[host] and not await _book(conn, activity, group_id):
                too_early.append(deed)
        except Unacceptable as why:
            log.info("reported vote not taken", reason=why.reason)
    if too_early and attempt < ATTEMPTS:
        args: dict[str, object] = {"group_id": group_id, "deeds": too_early, "attempt": attempt + 1}
        due_at = clock.now() + jobs.backoff(attempt)
        await jobs.enqueue(conn, "take_attested_votes", args, ordering=f"votes:{group_id}", due_at=due_at)


def _post_uri(deed: dict[str, object]) -> str:
    what = deed.get("object")
    return uri_of(what.get("object") if isinstance(what, dict) and "object" in what else what) or ""


async def _book(conn: Conn, activity: Activity, group_id: int) -> bool:
    """False where the post is still on its way."""
    undone = activity.inner if activity.type == "Undo" else None
    if activity.type == "Undo" and undone is None:
        await votes.unattest_by_uri(conn, activity.actor, activity.object_uri or "", group_id)
        return True
    uri = (uri_of(undone.get("object")) if undone else activity.object_uri) or ""
    post = await posts.by_uri(conn, uri)
    if post is None:
        return not await ON_ITS_WAY.value(conn, uri)
    if post.group_id != group_id or post.state != "published":
        return post.group_id != group_id or post.state != "submitted"
    if undone is not None or activity.type == "Dislike":
        await votes.unattest(conn, activity.actor, post)
    else:
        await votes.attest(conn, activity.actor, post, activity.id)
    return True
