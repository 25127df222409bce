"""Flag: a report, both ways."""

from federation import outbox
from federation.documents import Document
from federation.received import Ignored, Received
from moderation import reports
from server.community import access, actors, groups, posts
from server.community.sessions import STRANGER
from server.db import Conn
from server.urls import Urls

MAX_POSTS = 20
MAX_URI = 2048


async def receive(conn: Conn, got: Received) -> None:
    """A report from elsewhere, filed for the group of each reported post. It changes nothing by itself."""
    filed = 0
    for uri in _uris(got.activity.object):
        post = await posts.by_uri(conn, uri)
        if post is None:
            continue
        group = await groups.BY_ID.one(conn, post.group_id, None)
        # A report is no way to read or point at what its sender cannot see (H8).
        if group is None or not group.local or not access.may_see(STRANGER, post, group):
            continue
        # One activity may report several posts, a report is about one.
        own_uri = f"{got.activity.id[: MAX_URI - 4]}#{filed}" if filed else got.activity.id
        comment = _comment(got.activity.document)
        await reports.file_report(conn, got.sender, post, group, rule_id=None, comment=comment, uri=own_uri)
        filed += 1
    if not filed:
        raise Ignored("nothing_of_ours_reported")


def _uris(reported: object) -> list[str]:
    """Mastodon lists the account and the posts; Lemmy names one post."""
    values = reported if isinstance(reported, list) else [reported]
    found = [value.get("id") if isinstance(value, dict) else value for value in values[:MAX_POSTS]]
    return [value for value in found if isinstance(value, str)]


def _comment(document: Document) -> str:
    for field in ("content", "summary"):
        value = document.get(field)
        if isinstance(value, str) and value.strip():
            return value.strip()[:4000]
    return ""


async def send_report(conn: Conn, urls: Urls, report_id: int) -> None:
    """Pass a report on to the group's server, in the name of this instance: who reported stays here (H14)."""
    report = await reports.by_id(conn, report_id)
    if report is None:
        return
    post = await posts.by_id(conn, report.post_id)
    group = await actors.by_id(conn, post.group_id)
    instance = await actors.by_uri(conn, urls.instance_actor)
    if group.local or instance is None:
        return
    document: Document = {
        "type": "Flag",
        "actor": instance.uri,
        "to": [group.uri],
        "object": post.uri,
        "content": report.comment,
        "summary": report.comment,
    }
    activity = await outbox.record(conn, urls, instance.id, document, event=f"report:{report_id}", public=False)
    await outbox.send(conn, activity, instance.id, await outbox.inbox_of(conn, group.id), f"report:{report_id}")
