"""Two Folkmoots in secure mode, each of which asks the other to prove who it is, and a private group between them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.federation.peer import ACTIVITY
from tests.moots.conftest import TwoMoots
from tests.real_moot import real_moot, seen, shows_button, thread_at, write

pytestmark = pytest.mark.slow


@pytest.fixture
async def secure(cluster: str, tmp_path: Path) -> AsyncIterator[TwoMoots]:
    async with AsyncExitStack() as stack:
        there = []
        for name, address in (("oakham", "127.0.0.23"), ("brook", "127.0.0.24")):
            folder = tmp_path / name
            folder.mkdir()
            moot = await stack.enter_async_context(real_moot(address, cluster, folder))
            moot.environ["FOLKMOOT_SECURE_MODE"] = "true"
            there.append(moot)
        made = TwoMoots(*there)
        await made.open()
        async with made.oakham.runtime.db.transaction() as conn:
            await conn.execute("update groups set visibility = 'private', join_mode = 'ask'")
        yield made


async def test_a_private_group_between_two_who_trust_nobody_unproven(secure: TwoMoots) -> None:
    """Neither waits for the other's key for ever: the instance's own actor is served to everybody."""
    page = await secure.ben.get("/lookup")
    found = await page.form("Find it").submit(address=f"!elm_street@{secure.oakham.host}")
    assert "members only" in found.words, found.words
    await found.form("Ask to join").submit()
    members = await seen(secure.mia, "/g/elm_street/members", f"Whoever runs {secure.brook.host} will get a copy")
    await members.form("Let in").submit()
    await shows_button(secure.ben, secure.away, "Leave")
    at_home = await write(secure.mia, "/g/elm_street", "The key", "It lies under the pot.")
    away = await thread_at(secure.ben, secure.away, "The key")
    page = await secure.ben.get(away)
    assert "It lies under the pot." in page.words
    await page.form("Send reply").submit(text="Found it, thank you.")
    await seen(secure.mia, at_home, "Found it, thank you.")
    for moot, thread in ((secure.brook, away), (secure.oakham, at_home)):
        stranger = moot.browser()
        assert (await stranger.get(thread)).status == 404
        assert "The key" not in (await stranger.get("/")).words
    assert "For members only" in (await secure.brook.browser().get(secure.away)).words
    assert (
        await secure.oakham.browser().send("GET", "/ap/groups/elm_street", headers={"accept": ACTIVITY})
    ).status == 401
