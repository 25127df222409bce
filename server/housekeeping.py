"""Forgets what may not be kept: expired sessions and tokens, deleted texts and pictures after 30 days, and more."""

import asyncio

from server import limits, mail
from server.community import accounts, media, notifications, polls, posts, sessions, taking_up
from server.runtime import Runtime
from server.worker import Wake

EVERY_SECONDS = 3600.0


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
