"""Objects that were deleted, and activities undone, before we knew them: what comes later has no effect.

Owns `tombstones`.
"""

from server.db import Command, Conn

ADD = Command("insert into tombstones (object_uri, actor_uri) values ($1, $2) on conflict do nothing")
FORGET = Command("delete from tombstones where object_uri = $1 and actor_uri = $2")
# Whatever comes later than this was not on its way any more.
FORGET_OLD = Command("delete from tombstones where created_at < clock_now() - interval '35 days'")
EXISTS = Command("select exists (select 1 from tombstones where object_uri = $1 and actor_uri = $2)")


async def add(conn: Conn, object_uri: str, actor_uri: str) -> None:
    await ADD.run(conn, object_uri, actor_uri)


async def exists(conn: Conn, object_uri: str, actor_uri: str) -> bool:
    return bool(await EXISTS.value(conn, object_uri, actor_uri))


async def forget(conn: Conn, object_uri: str, actor_uri: str) -> bool:
    """Its Delete was taken back; whether there was one."""
    return await FORGET.run(conn, object_uri, actor_uri) > 0
