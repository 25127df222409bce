"""Flag: a report, both ways."""

from federation import moderators, outbox
from federation.documents import Document
from federation.received import Ignored, Received
from moderation import instances, reports, rules
from moderation.reports import Report
from server.community import access, actors, groups, posts
from server.community.actors import Actor
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
        group = await groups.BY_ID.one(conn, post.group_id, got.sender.id)
        # A report is no way to read or point at what its sender cannot see (H8).
        if group is None or not group.local or not await access.instance_may_see(conn, got.sender.host, post, group):
            continue
        await instances.check_welcome_in(conn, group.id, got.sender.host, got.policies)
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
    """Pass a report on in the name of this instance: who reported stays here (H14).

    It goes to a group elsewhere and to its moderators on other servers; to the author's own server only where the
    reporter said so, since that one has no part in the group.
    """
    report = await reports.by_id(conn, report_id)
    if report is None:
        return
    post = await posts.by_id(conn, report.post_id)
    group = await actors.by_id(conn, post.group_id)
    instance = await actors.by_uri(conn, urls.instance_actor)
    if instance is None:
        return
    readers = await _judges(conn, group)
    if report.forward:
        readers += await outbox.inbox_of(conn, post.author_id)
    words = await _words(conn, urls, group, report)
    document: Document = {
        "type": "Flag",
        "actor": instance.uri,
        "to": [group.uri],
        "object": post.uri,
        "content": words,
        "summary": words,
    }
    activity = await outbox.record(conn, urls, instance.id, document, event=f"report:{report_id}", public=False)
    await outbox.send(conn, activity, instance.id, readers, f"report:{report_id}")


async def _judges(conn: Conn, group: Actor) -> list[outbox.Reader]:
    """The servers of those who decide in a group elsewhere: its own, and those of its moderators (lemmy#4744)."""
    if group.local:
        return []
    readers = await outbox.inbox_of(conn, group.id)
    for uri in await moderators.listed(conn, group.id):
        moderator = await actors.by_uri(conn, uri)
        readers += await outbox.inbox_of(conn, moderator.id) if moderator is not None else []
    return readers


async def _words(conn: Conn, urls: Urls, group: Actor, report: Report) -> str:
    """The rule with its address, which they may not have, and what the reporter wrote."""
    rule = await rules.BY_ID.one(conn, report.rule_id, group.id)
    if rule is None:
        return report.comment
    address = urls.absolute(rules.permalink(group.name, rule, group.host))
    return f"Rule {rule.number}, {rule.title} ({address}). {report.comment}".strip()
