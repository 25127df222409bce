"""A private group on another server, seen from here: for those who joined it, and nobody else."""

from collections.abc import AsyncIterator

import pytest

from tests.browser_like import Browser
from tests.federation.peer import Document, Peer, peer
from tests.hostile.private_street import SECRET, Private


class Walled:
    """The private group `allotment` of the server `there`, which Ana has joined and Bert has not."""

    def __init__(self, private: Private, there: Peer) -> None:
        self.private = private
        self.there = there
        self.uri = there.actor("allotment", "Group", manuallyApprovesFollowers=True)
        self.members = [self.uri, f"{self.uri}/followers"]

    async def open(self) -> None:
        ana = await self.private.browser(self.private.street.ana_id)
        found = await (await ana.get("/lookup")).form("Find it").submit(address=f"!allotment@{self.there.host}")
        await found.form("Ask to join").submit()
        await self.private.street.settle()
        accept = self.there.activity("Accept", self.uri, self.there.of_type("Follow")[0])
        assert (await self.private.street.moot.deliver(accept)).status == 202
        await self.private.street.settle()
        self.page = f"/g/allotment@{self.there.host}"

    async def announce(self, page: Document) -> None:
        create = self.there.activity("Create", page["attributedTo"], page, to=page["to"])
        activity = self.there.activity("Announce", self.uri, create, to=self.members)
        assert (await self.private.street.moot.deliver(activity)).status == 202
        await self.private.street.settle()


@pytest.fixture
async def walled(private: Private) -> AsyncIterator[Walled]:
    async with peer("127.0.0.9", "lemmy") as there:
        made = Walled(private, there)
        await made.open()
        yield made


async def test_a_private_group_elsewhere_is_for_its_members_here(walled: Walled) -> None:
    private, there = walled.private, walled.there
    addressed = {"to": walled.members, "audience": walled.uri}
    page = there.note(there.actor("otto"), f"<p>A {SECRET}.</p>", type="Page", name="Bulbs", **addressed)
    await walled.announce(page)
    ana, bert = await private.browser(private.street.ana_id), await private.browser(private.bert_id)
    thread = await private.street.post(page["id"])
    for path in (walled.page, f"/t/{thread.id}", "/", f"/@otto@{there.host}"):
        assert SECRET in (await ana.get(path)).text, path
        for browser in (bert, Browser(private.app)):
            assert SECRET not in (await browser.get(path)).text, path
    assert "For members only" in (await bert.get(walled.page)).words
    # What is not even for its members comes in by no group.
    await walled.announce(there.note(there.actor("otto"), "<p>Psst.</p>", to=[f"{there.base}/u/otto/followers"]))
    assert await private.street.runtime.db.pool.fetchval("select count(*) from posts where html like '%Psst%'") == 0
    # Once its server calls it public, what was written before stays with its members.
    there.actor("allotment", "Group")
    update = there.activity("Update", walled.uri, there.documents["/u/allotment"])
    assert (await private.street.moot.deliver(update)).status == 202
    await private.street.settle()
    assert SECRET not in (await bert.get(f"/t/{thread.id}")).text


async def test_what_our_people_write_there_goes_there_alone(walled: Walled, outside: Peer) -> None:
    private, there, moot = walled.private, walled.there, walled.private.street.moot
    outside.inbox.clear()
    private.street.clear()
    there.inbox.clear()
    ana = await private.browser(private.street.ana_id)
    form = (await ana.get(f"{walled.page}/write")).form("Send")
    await form.submit(title=f"The {SECRET}", text=f"For @max@{outside.host}")
    await private.street.settle()
    assert there.types() == ["Create"]
    create = there.inbox[0]
    assert (create["to"], create["cc"]) == (walled.members, [])
    assert create["object"]["to"] == walled.members
    assert [*outside.inbox, *private.forum.inbox, *private.microblog.inbox] == []
    uri = create["object"]["id"]
    assert (await moot.read_as(walled.uri, uri)).status == 200
    assert (await moot.get(uri)).status == 404
    # A third server reads it once the group's own says that it has a member there.
    assert (await moot.read_as(private.max, uri)).status == 404
    there.documents["/u/allotment/followers"] = {"id": f"{walled.uri}/followers", "type": "Collection"}
    assert (await moot.read_as(private.street.lena, uri)).status == 200
    asked = there.fetched.count("/u/allotment/followers")
    assert (await moot.read_as(private.street.lena, uri)).status == 200
    assert there.fetched.count("/u/allotment/followers") == asked
