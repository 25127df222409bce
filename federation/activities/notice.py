"""A direct Note from a group to somebody elsewhere: what was decided about them or their post, and why."""

from federation import outbox, verdicts
from federation.documents import Document, instant
from federation.verdicts import Deed
from server import text
from server.community import actors, posts
from server.community.actors import Actor
from server.community.groups import FOR_GOOD
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
    words = f"The moderators of {group.title} {TOLD[verdict.verb]} your post. {verdict.public_reason}"
    about: Document = {"inReplyTo": post.uri, "published": instant(verdict.created_at)}
    await _send(conn, urls, group, author, decision_id, words, about)


async def send_ban(conn: Conn, urls: Urls, deed: Deed) -> None:
    """The banned learn of it, and of its end before time; nobody else on their server does, unless it is a forum."""
    group = await actors.by_id(conn, deed.group_id)
    person = await actors.by_id(conn, deed.person_id or 0)
    if person.local:
        return
    if deed.verb == "unban":
        words = f"The moderators of {group.title} have lifted your ban. You may take part again."
    elif deed.until is None or deed.until >= FOR_GOOD:
        words = f"The moderators of {group.title} have banned you. {deed.public_reason}"
    else:
        words = f"The moderators of {group.title} have banned you until {deed.until:%Y-%m-%d}. {deed.public_reason}"
    await _send(conn, urls, group, person, deed.id, words, {"published": instant(deed.created_at)})


async def _send(
    conn: Conn, urls: Urls, group: Actor, person: Actor, number: int, words: str, about: Document
) -> None:  # fmt: skip
    name = f"@{person.name}@{person.host}"
    note: Document = {
        "id": f"{group.uri}/notices/{number}",
        "type": "Note",
        "attributedTo": group.uri,
        "to": [person.uri],
        "cc": [],
        "content": f"<p>{text.escape(f'{name} {words}'.strip())}</p>",
        "tag": [{"type": "Mention", "href": person.uri, "name": name}],
    } | about
    document: Document = {"type": "Create", "actor": group.uri, "to": [person.uri], "cc": [], "object": note}
    activity = await outbox.record(conn, urls, group.id, document, event=f"notice:{number}", public=False)
    await outbox.send(conn, activity, group.id, await outbox.inbox_of(conn, person.id), f"notice:{number}")
