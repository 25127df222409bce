"""How a thread stands in its group beyond what it says: pinned to the top, closed for replies."""

from server.community.posts import Post
from server.db import Command, Conn

MAX_REASON = 1000

SET_LOCKED = Command("update posts set locked = $2, lock_reason = $3 where id = $1 and locked <> $2")
SET_PINNED = Command("update posts set pinned = $2 where id = $1 and pinned <> $2")


async def close(conn: Conn, post: Post, reason: str) -> bool:
    """No more replies; False where the thread is closed already."""
    return bool(await SET_LOCKED.run(conn, post.id, True, reason[:MAX_REASON]))


async def open_again(conn: Conn, post: Post) -> bool:
    """Replies are welcome again; False where the thread is open."""
    return bool(await SET_LOCKED.run(conn, post.id, False, ""))


async def pin(conn: Conn, post: Post, pinned: bool) -> bool:
    """Stand first on the group's page, or no longer; False where it does so already."""
    return bool(await SET_PINNED.run(conn, post.id, pinned))
