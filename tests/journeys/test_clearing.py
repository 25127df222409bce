"""What people of a server wrote before it was blocked stays, until an admin has all of it removed."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette

from moderation import deeds, instances, rules, suspensions
from moderation.rules import RuleForm
from server.community import actors, posts
from server.community.posts import Draft
from server.errors import NotFound
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.federation.peer import Document, Peer, peer
from tests.federation.street import Street, addressed
from tests.journeys.conftest import signed_in

ADMIN = "/admin/instances"
REASON = "Nothing but adverts came from there."


class Place:
    """Elm Street; Lena and Paul of `bad` have written there, and Max of another server has answered Lena."""

    def __init__(self, street: Street, ada: Browser) -> None:
        self.street = street
        self.ada = ada
        self.bad = street.lemmy

    async def open(self) -> None:
        self.lenas = await self.says(self.bad, self.street.lena, "The crossing is dark.")
        self.pauls = await self.says(self.bad, self.bad.actor("paul"), "Buy a lamp!")
        self.maxs = await self.says(
            self.street.mastodon, self.street.max, "Since May.", inReplyTo=self.lenas["object"]["id"]
        )
        form = (await self.ada.get(ADMIN)).form("Save")
        preview = await form.submit(host=self.bad.host, policy="blocked", reason="Adverts")
        assert "What people there wrote here before stays, and can still be read." in preview.words
        await preview.form("Do this").submit()
        self.street.clear()

    async def says(self, there: Peer, who: str, text: str, **more: object) -> Document:
        create = addressed(self.street, there, who, f"<p>{text}</p>", **more)
        assert (await self.street.moot.deliver(create)).status == 202
        await self.street.settle()
        return create

    async def states(self) -> list[str]:
        return [
            (await self.street.post(create["object"]["id"])).state for create in (self.lenas, self.pauls, self.maxs)
        ]

    async def clear(self, **typed: str) -> Answer:
        page = await (await self.ada.get(ADMIN)).follow(f"Remove what its people wrote : {self.bad.host}")
        answer = await page.form("Remove all of it").submit(**{"reason": REASON} | typed)
        await self.street.settle()
        return answer


@pytest.fixture
async def place(app: Starlette, runtime: Runtime) -> AsyncIterator[Place]:
    async with peer("127.0.0.5", "lemmy") as lemmy, peer("127.0.0.6", "mastodon") as mastodon:
        street = Street(runtime, lemmy, mastodon)
        await street.open()
        made = Place(street, await signed_in(app, "ada", admin=True))
        await made.open()
        yield made


async def test_it_stays_and_the_pages_say_so(place: Place) -> None:
    assert await place.states() == ["published"] * 3
    shown = await place.ada.get(ADMIN)
    assert "Nothing is taken from there, and nothing is sent. What its people wrote before stays." in shown.words
    page = await shown.follow(f"Remove what its people wrote : {place.bad.host}")
    assert "2 posts of theirs can be read here." in page.words


async def test_all_of_it_is_removed_with_reason_and_record(
    place: Place, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "REMOVED_AT_ONCE", 1)
    async with place.street.runtime.db.transaction() as conn:
        rule_id = await rules.add(conn, None, RuleForm("No advertising anywhere"), None)
    done = await place.clear(rule=str(rule_id))
    assert "What its people wrote is being removed." in done.words
    assert await place.states() == ["removed", "removed", "published"]
    # Who has copies is told, in the form that they obey; the blocked server is told nothing.
    assert (place.street.mastodon.types(), place.bad.inbox) == (["Undo(Announce)"] * 2, [])
    record = (await stranger.get("/record")).words
    assert "What people of a blocked server had written was removed." in record
    assert REASON in record
    assert place.bad.host not in record
    assert (await stranger.get("/g/elm_street/record")).words.count("A post was removed.") == 2
    again = await place.ada.get(f"{ADMIN}/clear?host={place.bad.host}")
    assert "Nothing that they wrote can be read here." in again.words


async def test_a_second_click_is_one_deed(place: Place) -> None:
    page = await place.ada.get(f"{ADMIN}/clear?host={place.bad.host}")
    for _ in range(2):
        assert (await page.form("Remove all of it").submit(reason=REASON)).status == 200
    assert await place.street.runtime.db.pool.fetchval("select count(*) from deeds") == 1


async def test_without_a_reason_nothing_is_removed(place: Place) -> None:
    page = await place.clear(reason=" ")
    assert (page.status, "Please say why, in a sentence: it stands in the record." in page.words) == (422, True)
    assert await place.states() == ["published"] * 3


async def test_only_admins_and_only_of_whom_they_block(app: Starlette, place: Place, stranger: Browser) -> None:
    moe = await signed_in(app, "moe")
    typed = {"host": place.bad.host, "reason": REASON}
    for browser in (stranger, moe):
        assert (await browser.get(f"{ADMIN}/clear?host={place.bad.host}")).status == 404
        assert (await browser.post(f"{ADMIN}/clear", typed)).status == 404
    for host in (place.street.mastodon.host, "127.0.0.5", "", "*", "\x00"):
        assert (await place.ada.get(f"{ADMIN}/clear?{urlencode({'host': host})}")).status == 404
        assert (await place.ada.post(f"{ADMIN}/clear", typed | {"host": host})).status == 404
    assert await place.states() == ["published"] * 3


async def test_it_reaches_subdomains_but_those_that_were_let_in(place: Place) -> None:
    street = place.street
    hosts = ("bad.example", "sub.bad.example:8443", "good.bad.example", "notbad.example")
    async with street.runtime.db.transaction() as conn:
        for host in hosts:
            author = await actors.save_remote(
                conn, kind="person", name="gus", host=host, uri=f"https://{host}/gus", url=None, title="Gus",
                about_html="",
            )  # fmt: skip
            assert author is not None
            draft = Draft(author=author, group=await street.group(), title="Hello", source="", uri=f"https://{host}/1")
            await posts.submit_post(conn, street.urls, draft)
    await street.settle()
    async with street.runtime.db.transaction() as conn:
        await instances.set_policy(conn, street.urls, "bad.example", "blocked", "", None)
        await instances.set_policy(conn, street.urls, "good.bad.example", "open", "", None)
    async with street.runtime.db.transaction() as conn:
        with pytest.raises(NotFound):
            await suspensions.clear(conn, street.mia, "bad.example", None, REASON)
    form = (await place.ada.get(f"{ADMIN}/clear?host=bad.example")).form("Remove all of it")
    await form.submit(reason=REASON)
    await street.settle()
    states = [(await street.post(f"https://{host}/1")).state for host in hosts]
    assert states == ["removed", "removed", "published", "published"]
