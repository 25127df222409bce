"""Two Folkmoots of real processes on loopback: Oakham, where the group is, and Brook, whose residents take part."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.real_moot import RealMoot, real_moot, shows_button


class TwoMoots:
    """`ana` lives in Oakham and `mia` moderates its group Elm Street; `ben` lives in Brook."""

    def __init__(self, oakham: RealMoot, brook: RealMoot) -> None:
        self.oakham = oakham
        self.brook = brook
        self.away = f"/g/elm_street@{oakham.host}"

    async def open(self) -> None:
        mia = await self.oakham.add_resident("mia")
        await self.oakham.add_resident("ana")
        await self.brook.add_resident("ben")
        await self.oakham.add_group("elm_street", "Elm Street", mia)
        await asyncio.gather(self.oakham.start_both(), self.brook.start_both())
        # Their keys are being made; until then nobody could believe them.
        await asyncio.gather(self.oakham.at_rest(), self.brook.at_rest())
        self.mia = await self.oakham.signed_in("mia")
        self.ana = await self.oakham.signed_in("ana")
        self.ben = await self.brook.signed_in("ben")

    async def ben_joins(self) -> None:
        """Through the pages: look the group up, join it, and be let in by its server."""
        page = await self.ben.get("/lookup")
        found = await page.form("Find it").submit(address=f"!elm_street@{self.oakham.host}")
        assert "Elm Street" in found.words, found.words
        await found.form("Join this group").submit()
        await shows_button(self.ben, self.away, "Leave")


@pytest.fixture(scope="module")
async def moots(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TwoMoots]:
    async with AsyncExitStack() as stack:
        oakham = await stack.enter_async_context(real_moot("127.0.0.21", cluster, tmp_path_factory.mktemp("oakham")))
        brook = await stack.enter_async_context(real_moot("127.0.0.22", cluster, tmp_path_factory.mktemp("brook")))
        made = TwoMoots(oakham, brook)
        await made.open()
        await made.ben_joins()
        yield made
        for moot in (oakham, brook):
            for role in ("web", "worker"):
                assert "Traceback" not in moot.said(role), moot.said(role)[-3000:]
