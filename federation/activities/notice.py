"""A direct Note from a group to an author elsewhere: what was decided about their post, by which rule, and why."""

from federation import outbox, verdicts
from federation.documents import Document, instant
from server import text
from server.community import actors, posts
from server.db import Conn
from server.urls import Urls

TOLD = {"refuse": "did not publish", "remove": "removed"}


async def send_decision(conn: Conn, urls: Urls, decision_id: int) -> None:
    """One Note a verdict."""
    verdict = await verdicts.by_id(conn, decision_id)
    post = await posts.by_id(conn, verdict.post_id)
    author = await actors.by_id(conn, post.author_id)
    group = await actors.by_id(conn, verdict.group_id)
    if verdict.verb not in TOLD or author.local or not group.local:
        return
    host = author.host or ""
    name = f"@{author.name}@{host}"
    words = f"{name} The moderators of {group.title} {TOLD[verdict.verb]} your post. {verdict.public_reason}".strip()
    note_id = f"{group.uri}/notices/{decision_id}"
    note: Document = {
        "id": note_id,
        "type": "Note",
        "attributedTo": group.uri,
        "to": [author.uri],
        "cc": [],
        "content": f"<p>{text.escape(words)}</p>",
        "inReplyTo": post.uri,
        "published": instant(verdict.created_at),
        "tag": [{"type": "Mention", "href": author.uri, "name": name}],
    }
    document: Document = {"type": "Create", "actor": group.uri, "to": [author.uri], "cc": [], "object": note}
    activity = await outbox.record(conn, urls, group.id, document, event=f"notice:{decision_id}", public=False)
    await outbox.send(conn, activity, group.id, await outbox.inbox_of(conn, author.id), f"notice:{decision_id}")
