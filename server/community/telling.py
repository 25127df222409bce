"""Whom a new post concerns: the author of what it answers, and those whom it mentions by name."""

import re

from server import text
from server.community import notifications
from server.community.actors import by_handle
from server.db import Conn

MENTION = re.compile(r"(?<![\w@/.])@([a-z0-9_]{3,30})\b(?!@)", re.IGNORECASE)
MAX_MENTIONS = 10


async def tell_of_post(
    conn: Conn, *, post_id: int, group_id: int, author_id: int, html: str, answers: int | None
) -> None:
    """Each is told once; `answers` is the author of the parent."""
    told = {author_id}
    if answers is not None:
        await notifications.notify(conn, answers, "reply", actor_id=author_id, post_id=post_id, group_id=group_id)
        told.add(answers)
    for name in list(dict.fromkeys(MENTION.findall(text.plain(html))))[:MAX_MENTIONS]:
        mentioned = await by_handle(conn, name, None)
        if mentioned is not None and mentioned.kind == "person" and mentioned.id not in told:
            told.add(mentioned.id)
            await notifications.notify(
                conn, mentioned.id, "mention", actor_id=author_id, post_id=post_id, group_id=group_id
            )
