"""This instance itself: its name, its base address, whether it is a demo."""

import time

from server.db import Command, Conn, Query, Row
from server.errors import ConfigurationError
from server.runtime import Runtime
from server.settings import Settings

CACHE_SECONDS = 30.0


class Site(Row, frozen=True):
    base_url: str
    title: str
    about: str
    contact: str
    accent: str
    demo: bool


CURRENT = Query(Site, "select base_url, title, about, contact, accent, demo from site")
CREATE = Command("insert into site (base_url) values ($1) on conflict do nothing")
UPDATE = Command("update site set title = $1, about = $2, contact = $3, accent = $4")
MARK_DEMO = Command("update site set demo = true")
# Whoever fills the demo holds this to the end, so that two who start at once do not both fill it.
LOCK = Command("select 1 from site for update")


async def settle(conn: Conn, settings: Settings) -> Site:
    """The site's row, made at the first start. Raises ConfigurationError for another base address than then."""
    await CREATE.run(conn, settings.base_url)
    site = await current(conn)
    # All our ids that other servers keep begin with the first address: under another one nothing would match.
    if site.base_url != settings.base_url:
        raise ConfigurationError(
            f"this database belongs to {site.base_url}; FOLKMOOT_BASE_URL now says {settings.base_url}. "
            "The address of an instance cannot change once others may know it."
        )
    return site


async def current(conn: Conn) -> Site:
    site = await CURRENT.one(conn)
    if site is None:
        raise ConfigurationError("this database has not been set up: run `folkmoot migrate`")
    return site


class SiteCache:
    """The site as each page needs it, read again after a while so that a change reaches all processes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._site: Site | None = None
        self._read_at = 0.0

    @classmethod
    async def open(cls, runtime: Runtime) -> "SiteCache":
        return cls(runtime)

    async def get(self) -> Site:
        if self._site is None or time.monotonic() - self._read_at > CACHE_SECONDS:
            async with self._runtime.db.read() as conn:
                self._site = await current(conn)
            self._read_at = time.monotonic()
        return self._site

    async def close(self) -> None:
        self._site = None
