"""A moot of real processes in a network of its own, where it has a name and stands behind a TLS front."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server.urls import Urls
from tests.conftest import settings_for
from tests.peers.network import Place
from tests.real_moot import RealMoot, WireBrowser, new_database


class NamedMoot(RealMoot):
    """Served at https://NAME; its own processes speak plain http with the front, which they believe about addresses.

    As in real life it may ask nobody but public addresses, over TLS.
    """

    def __init__(self, place: Place, dsn: str, folder: Path) -> None:
        super().__init__("127.0.0.1", dsn, folder)
        self.place = place
        self.host, self.base = place.name, place.origin
        self.urls = Urls(self.base)
        self.command = [*place.enter, *self.command]
        own = {
            "BASE_URL": self.base,
            "BIND": f"127.0.0.1:{place.port}",
            "TRUSTED_PROXIES": "127.0.0.0/8",
            "ALLOWED_NETWORKS": "",
        }
        self.settings = settings_for(dsn, folder, **own)
        self.environ |= {f"FOLKMOOT_{name}": value for name, value in own.items()} | place.environ

    def browser(self) -> WireBrowser:
        return WireBrowser(self.base, self.place.socket)

    async def signed_in(self, name: str) -> WireBrowser:
        browser = await super().signed_in(name)
        browser.cookies["__Host-session"] = browser.cookies.pop("session")
        return browser


@asynccontextmanager
async def named_moot(place: Place, cluster_dsn: str, folder: Path) -> AsyncIterator[NamedMoot]:
    folder.mkdir(parents=True, exist_ok=True)
    moot = NamedMoot(place, await new_database(cluster_dsn), folder)
    await moot.open()
    try:
        yield moot
    finally:
        await moot.close()
