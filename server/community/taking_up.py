"""Posts of ours in groups elsewhere: their authors learn which of them were not shown there."""

import datetime as dt

from server.community import notifications
from server.db import Conn, Query, Row

WITHIN = dt.timedelta(days=7)


class Waiting(Row, frozen=True):
    """A post that its group has not announced."""

    id: int
    author_id: int
    group_id: int


NOT_TAKEN_UP = Query(
    Waiting,
    """
    select id, author_id, group_id from posts
     where state = 'published' and announced_at is null and published_at < clock_now() - $1::interval
       and not exists (select 1 from notifications n where n.post_id = posts.id and n.kind = 'not_taken')
     limit 100""",
)


async def tell_authors(conn: Conn) -> None:
    """Authors learn that a group elsewhere has not shown their post within a week."""
    for post in await NOT_TAKEN_UP.all(conn, WITHIN):
        await notifications.notify(conn, post.author_id, "not_taken", post_id=post.id, group_id=post.group_id)
