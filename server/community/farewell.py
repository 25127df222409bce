"""A resident leaves for good: they are out at once, what they wrote follows, and other servers are told.

Their name stays taken: another person under it would inherit what other servers still remember.
"""

from server import jobs
from server.community import accounts, actors, memberships, notifications, polls, posts, sessions, votes
from server.db import Conn
from server.errors import Invalid
from server.runtime import Runtime

POSTS_AT_ONCE = 100


async def leave(conn: Conn, account_id: int, password: str) -> None:
    """Close an account for somebody who knows its password; Invalid for `farewell` where others depend on them."""
    account = await accounts.by_id(conn, account_id)
    await accounts.check_password(account, password, "farewell")
    if account.admin and await accounts.is_last_admin(conn, account_id):
        raise Invalid({"farewell": "You are the only admin. Somebody else must become admin first."})
    if await memberships.moderates_alone(conn, account_id):
        raise Invalid({"farewell": "You are the only moderator of a group. Please make somebody else moderator first."})
    await accounts.close(conn, account_id)
    await sessions.revoke_all(conn, account_id)
    await actors.MARK_DELETED.run(conn, account_id)
    await _erase_soon(conn, account_id)


async def _erase_soon(conn: Conn, account_id: int) -> None:
    await jobs.enqueue(conn, "erase_person", {"account_id": account_id}, ordering=f"farewell:{account_id}")


async def erase_person(conn: Conn, _runtime: Runtime, *, account_id: int) -> None:
    """Job: take back what somebody wrote, some at a time, then their thanks and memberships; last, tell others."""
    ids = await posts.OF_AUTHOR.value(conn, account_id) or ()
    for post_id in ids[:POSTS_AT_ONCE]:
        await posts.delete_post(conn, await posts.by_id(conn, post_id, lock=True))
    if len(ids) > POSTS_AT_ONCE:
        await _erase_soon(conn, account_id)
        return
    await votes.forget_voter(conn, account_id)
    await polls.forget_voter(conn, account_id)
    await notifications.FORGET_ACCOUNT.run(conn, account_id)
    # Before the memberships: who followed them is told as well.
    await jobs.enqueue(conn, "spread_farewell", {"actor_id": account_id}, ordering=f"farewell:{account_id}")
    await memberships.end_all(conn, account_id)
