"""Admins suspend one person of another server from the whole place, and let them in again."""

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from moderation import rules
from moderation.rules import RuleForm
from server.community import actors
from server.runtime import Runtime
from tests.browser_like import Answer, Browser
from tests.federation.peer import Document, peer
from tests.federation.street import Street, addressed
from tests.journeys.conftest import signed_in

REASON = "Sends the same to everybody."


class Place:
    """Elm Street, where Lena of another server has written a thread and thanked Ana; Ada runs the place."""

    def __init__(self, app: Starlette, street: Street, ada: Browser) -> None:
        self.app = app
        self.street = street
        self.ada = ada
        self.lena = f"/@lena@{street.lemmy.host}"

    async def open(self) -> None:
        self.create = await self.says("The crossing is dark.")
        self.ladder = await self.street.write("A ladder", "To lend.")
        like = self.street.lemmy.activity("Like", self.street.lena, self.ladder.uri)
        assert (await self.street.moot.deliver(like)).status == 202
        await self.street.settle()
        self.street.clear()

    async def says(self, text: str, answer: int = 202) -> Document:
        """Lena writes a thread, and is answered so."""
        create = addressed(self.street, self.street.lemmy, self.street.lena, f"<p>{text}</p>")
        assert (await self.street.moot.deliver(create)).status == answer
        await self.street.settle()
        return create

    async def suspend(self, **typed: str) -> Answer:
        page = await (await self.ada.get(self.lena)).follow("Suspend from this place")
        answer = await page.form("Suspend").submit(**{"reason": REASON} | typed)
        await self.street.settle()
        return answer

    async def state(self) -> str:
        return (await self.street.post(self.create["object"]["id"])).state


@pytest.fixture
async def place(app: Starlette, runtime: Runtime) -> AsyncIterator[Place]:
    async with peer("127.0.0.5", "lemmy") as lemmy, peer("127.0.0.6", "mastodon") as mastodon:
        street = Street(runtime, lemmy, mastodon)
        await street.open()
        made = Place(app, street, await signed_in(app, "ada", admin=True))
        await made.open()
        yield made


async def test_nothing_is_taken_any_more_and_what_was_written_stays(place: Place, stranger: Browser) -> None:
    page = await place.suspend()
    assert "Suspended. Nothing is taken from them any more." in page.words
    assert f"“{REASON}” suspended by ada" in page.words
    await place.says("Again.", 403)
    assert (await place.state(), (await place.street.post(place.ladder.uri)).thank_count) == ("published", 1)
    assert (await stranger.get(place.lena)).status == 404
    record = (await stranger.get("/record")).words
    assert "Somebody on another server was suspended from this place." in record
    assert REASON in record
    assert "lena" not in record.lower()
    # Of each group's own record it is no part.
    assert REASON not in (await stranger.get("/g/elm_street/record")).words


async def test_nothing_is_sent_because_they_are_a_member(place: Place) -> None:
    await place.suspend()
    await place.street.write("The crossing", "Where?")
    assert place.street.lemmy.inbox == []
    await (await place.ada.get(place.lena)).form("Lift the suspension").submit()
    await place.street.write("The bridge", "When?")
    assert place.street.lemmy.types() == ["Announce(Create)"]


async def test_it_is_lifted_where_it_is_listed(place: Place, stranger: Browser) -> None:
    await place.suspend()
    listed = await (await place.ada.get("/admin/instances")).follow("Suspended and deleted")
    assert REASON in listed.words
    lifted = await listed.form("Lift the suspension").submit()
    assert (lifted.path, "They may take part again." in lifted.words) == (place.lena, True)
    assert "Nobody at present." in (await place.ada.get("/admin/people")).words
    await place.says("Again.")
    record = (await stranger.get("/record")).words
    assert "A suspension from this place was lifted." in record
    assert "Somebody on another server was suspended from this place. reversed later" in record


async def test_all_that_they_wrote_is_removed_where_the_admin_says_so(place: Place, stranger: Browser) -> None:
    async with place.street.runtime.db.transaction() as conn:
        rule_id = await rules.add(conn, None, RuleForm("Nothing unlawful"), None)
    await place.suspend(remove_posts="1", rule=str(rule_id))
    assert await place.state() == "removed"
    assert (await place.street.post(place.ladder.uri)).state == "published"
    # Her own server is told in the form that it obeys.
    (removal,) = place.street.lemmy.of_type("Announce(Delete)")
    assert removal["object"]["object"] == place.create["object"]["id"]
    assert "Nothing unlawful" in removal["object"]["summary"]
    assert "A post was removed." in (await stranger.get("/g/elm_street/record")).words


async def test_a_second_click_is_one_deed(place: Place) -> None:
    form = (await (await place.ada.get(place.lena)).follow("Suspend from this place")).form("Suspend")
    lift = None
    for _ in range(2):
        shown = await form.submit(reason=REASON)
        lift = shown.form("Lift the suspension")
    assert lift is not None
    for _ in range(2):
        await lift.submit()
    found = await place.street.runtime.db.pool.fetch(
        "select verb, reversed_by is null as stands from deeds order by id"
    )
    assert [tuple(row) for row in found] == [("suspend", False), ("unsuspend", True)]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"reason": ""}, "Please say why, in a sentence: it stands in the record."),
        ({"reason": "\x00"}, "This text has characters that cannot be stored."),
        ({"rule": "7"}, "Please choose the rule that this is about."),
    ],
)
async def test_what_is_missing_is_said(place: Place, typed: dict[str, str], says: str) -> None:
    async with place.street.runtime.db.transaction() as conn:
        await rules.add(conn, None, RuleForm("Nothing unlawful"), None)
    page = await place.suspend(**typed)
    assert page.status == 422
    assert says in page.words
    await place.says("Again.")


async def test_only_admins_suspend_and_only_people_elsewhere(place: Place) -> None:
    street = place.street
    async with street.runtime.db.read() as conn:
        lena = await actors.by_uri(conn, street.lena)
    assert lena is not None
    moe = await signed_in(place.app, "moe")
    for shown in (await moe.get(place.lena), await place.ada.get("/@ana")):
        assert (shown.status, "Suspend from this place" in shown.words) == (200, False)
    for browser, person_id in (
        (moe, lena.id), (place.ada, street.ana_id), (place.ada, street.group_id), (place.ada, 7)
    ):  # fmt: skip
        for path in (f"/admin/people/{person_id}/suspend", f"/admin/people/{person_id}/unsuspend"):
            assert (await browser.post(path, {"reason": REASON})).status == 404
    assert await street.runtime.db.pool.fetchval("select count(*) from deeds") == 0
    await place.says("Again.")
