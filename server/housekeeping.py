"""Forgets what may not be kept: expired sessions and tokens, deleted texts and pictures after 30 days, and more.

And ends what a ban that has run out had suspended.
"""

import asyncio

from server import limits, mail
from server.community import accounts, media, notifications, polls, posts, sessions, taking_up, votes
from server.runtime import Runtime
from server.worker import Wake

EVERY_SECONDS = 3600.0
BANS_AT_ONCE = 1000


async def run(runtime: Runtime, _wake: Wake) -> None:
    """Loop: once an hour."""
    await tidy(runtime)
    await asyncio.sleep(EVERY_SECONDS)


async def tidy(runtime: Runtime) -> None:
    """Each kind in its own transaction, so that one that fails holds up no other."""
    old = (limits.FORGET, mail.FORGET, accounts.FORGET_TOKENS, notifications.FORGET, posts.WIPE, polls.WIPE)
    for forget in old:
        async with runtime.db.transaction() as conn:
            await forget.run(conn)
    async with runtime.db.transaction() as conn:
        # After the texts to which they belong.
        await media.forget(conn)
    async with runtime.db.transaction() as conn:
        await taking_up.tell_authors(conn)
    async with runtime.db.transaction() as conn:
        await sessions.FORGET.run(conn, sessions.DAYS)
    async with runtime.db.read() as conn:
        ended = await votes.without_ban(conn, BANS_AT_ONCE)
    for one in ended:
        async with runtime.db.transaction() as conn:
            await votes.give_back(conn, one)
