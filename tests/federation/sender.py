"""A group of ours that says things, for tests of what becomes of them."""

from federation import delivery, keys
from server.ids import new_id
from server.runtime import Runtime
from server.urls import Urls
from tests.federation.sinks import Sink


class Sender:
    """A group of ours that says things."""

    def __init__(self, runtime: Runtime, actor_id: int, uri: str, public: keys.PublicKeys) -> None:
        self.runtime = runtime
        self.actor_id = actor_id
        self.uri = uri
        self.public = public

    async def say(self, *targets: Sink, about: str = "post:1", inbox: str | None = None) -> str:
        """Enqueue one activity for these sinks; returns its id."""
        activity_id = new_id()
        uri = Urls(self.runtime.settings.base_url).activity(activity_id)
        for target in targets:
            target.trust(keys.rsa_key_id(self.uri), self.uri, self.public.rsa)
        async with self.runtime.db.transaction() as conn:
            await conn.execute(
                "insert into activities (id, uri, actor_id, type, body) values ($1, $2, $3, 'Create', $4)",
                activity_id, uri, self.actor_id, f'{{"id": "{uri}", "type": "Create"}}',
            )  # fmt: skip
            inboxes = [(target.host, inbox or target.inbox) for target in targets]
            assert await delivery.enqueue(conn, activity_id, self.actor_id, inboxes, about) == len(targets)
        return uri

    async def drain(self) -> dict[str, int]:
        return dict(await delivery.drain_once(self.runtime))

    async def waiting(self) -> int:
        async with self.runtime.db.read() as conn:
            return int(await conn.fetchval("select count(*) from deliveries"))

    async def drop_notes(self) -> list[str]:
        async with self.runtime.db.read() as conn:
            return [row["reason"] for row in await conn.fetch("select reason from dropped_deliveries order by id")]
