"""Objects that were deleted before we knew them: a Create that comes later has no effect. Owns `tombstones`."""

from server.db import Command, Conn

ADD = Command("insert into tombstones (object_uri, actor_uri) values ($1, $2) on conflict do nothing")
EXISTS = Command("select exists (select 1 from tombstones where object_uri = $1 and actor_uri = $2)")


async def add(conn: Conn, object_uri: str, actor_uri: str) -> None:
    await ADD.run(conn, object_uri, actor_uri)


async def exists(conn: Conn, object_uri: str, actor_uri: str) -> bool:
    return bool(await EXISTS.value(conn, object_uri, actor_uri))
