"""What a running process has at hand: settings, the database, the waker, and things that floors above open once."""

import typing

from server import jobs
from server.db import Database
from server.settings import Settings


class Resource(typing.Protocol):
    """Something opened once a process, such as the outgoing HTTP client or a scorer."""

    @classmethod
    async def open(cls, runtime: "Runtime") -> typing.Self: ...

    async def close(self) -> None: ...


T = typing.TypeVar("T", bound=Resource)


class Runtime:
    """Given to web handlers, jobs and loops. Floors above add their own resources through `use`."""

    def __init__(self, settings: Settings, db: Database, waker: "jobs.Waker") -> None:
        self.settings = settings
        self.db = db
        self.waker = waker
        self._resources: dict[type[Resource], Resource] = {}

    @classmethod
    async def open(cls, settings: Settings, dsn: str, *, pool_size: int = 8) -> "Runtime":
        db = await Database.connect(dsn, size=pool_size)
        return cls(settings, db, jobs.Waker(db))

    async def use(self, kind: type[T]) -> T:
        """The process's one `kind`, opened on first use."""
        if kind not in self._resources:
            self._resources[kind] = await kind.open(self)
        return typing.cast(T, self._resources[kind])

    def provide(self, kind: type[T], resource: T) -> None:
        """Put `resource` where `use(kind)` will find it."""
        self._resources[kind] = resource

    async def close(self) -> None:
        for resource in self._resources.values():
            await resource.close()
        await self.waker.close()
        await self.db.close()
