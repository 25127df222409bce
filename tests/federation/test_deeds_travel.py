"""What moderators of our groups do to people and threads: to forums as activities, to microblogs nothing of it."""

import typing

import pytest

from federation import spread
from moderation import deeds, reports, rules
from moderation.deeds import Ban
from moderation.rules import RuleForm
from server.community import groups, memberships
from server.community.actors import Actor, by_uri
from server.community.posts import Post
from server.db import Conn
from tests.federation.allotment import Allotment
from tests.federation.peer import PUBLIC, Document, peer
from tests.federation.street import GROUP, Street, addressed
from tests.federation.test_decisions_travel import outbox_items

MIA = "http://moot.test/ap/people/mia"


class Desk:
    """Mia at her desk: does one thing, and lets it travel."""

    def __init__(self, street: Street) -> None:
        self.street = street

    async def _do(self, what: typing.Callable[[Conn], typing.Awaitable[int | None]]) -> int:
        self.street.clear()
        async with self.street.runtime.db.transaction() as conn:
            deed_id = await what(conn)
        await self.street.settle()
        assert deed_id is not None
        return deed_id

    async def ban(self, uri: str, *, days: int | None = 7, remove: bool = False) -> int:
        group, person = await self.street.group(self.street.mia_id), await self.person(uri)
        form = Ban(days, self.street.rule_id, "Three times.", remove)
        return await self._do(lambda conn: deeds.ban(conn, self.street.mia, group, person, form))

    async def lift(self, uri: str) -> int:
        group, person = await self.street.group(self.street.mia_id), await self.person(uri)
        return await self._do(lambda conn: deeds.lift_ban(conn, self.street.mia, group, person))

    async def close(self, post: Post) -> int:
        rule = self.street.rule_id
        return await self._do(lambda conn: deeds.close_thread(conn, self.street.mia, post.id, rule, "All is said."))

    async def open(self, post: Post) -> int:
        return await self._do(lambda conn: deeds.open_thread(conn, self.street.mia, post.id))

    async def pin(self, post: Post, *, pinned: bool) -> int:
        return await self._do(lambda conn: deeds.pin_thread(conn, self.street.mia, post.id, pinned=pinned))

    async def role(self, role: str) -> int:
        group, ana = await self.street.group(self.street.mia_id), await self.street.actor(self.street.ana_id)
        return await self._do(lambda conn: deeds.set_role(conn, self.street.mia, group, ana, role))

    async def person(self, uri: str) -> Actor:
        async with self.street.runtime.db.read() as conn:
            person = await by_uri(conn, uri)
        assert person is not None
        return person


@pytest.fixture
def desk(street: Street) -> Desk:
    return Desk(street)


def bare(activity: Document) -> Document:
    """An activity within an Undo, which is what is proven."""
    return {name: value for name, value in activity.items() if name not in ("@context", "proof")}


def announced(street: Street, kind: str) -> Document:
    """The one activity of this kind that the group announced to the forum, without what proves it."""
    (found,) = street.lemmy.of_type(f"Announce({kind})")
    assert (found["actor"], found["to"], found["cc"]) == (GROUP, [PUBLIC], [f"{GROUP}/followers"])
    inner: Document = found["object"]
    assert (inner["actor"], inner["to"], inner["cc"], inner["audience"]) == (MIA, [PUBLIC], [GROUP], GROUP)
    return {name: value for name, value in inner.items() if name not in ("@context", "proof")}


async def test_a_ban_goes_to_forums_with_its_end_rule_and_reason(street: Street, desk: Desk) -> None:
    await desk.ban(street.lena)
    block = announced(street, "Block")
    assert (block["object"], block["target"], block["removeData"]) == (street.lena, GROUP, False)
    assert block["summary"] == "Rule 1, No advertising. Three times."
    assert str(block["endTime"]).endswith("Z")
    assert street.mastodon.inbox == []


async def test_a_ban_for_good_names_no_end(street: Street, desk: Desk) -> None:
    await desk.ban(street.lena, days=None, remove=True)
    block = announced(street, "Block")
    assert "endTime" not in block
    assert block["removeData"] is True


async def test_a_lifted_ban_is_the_undo_of_that_block(street: Street, desk: Desk) -> None:
    await desk.ban(street.lena)
    block = announced(street, "Block")
    await desk.lift(street.lena)
    undo = announced(street, "Undo")
    assert undo["object"] == bare(block)
    assert street.mastodon.inbox == []


async def test_whoever_is_banned_on_a_microblog_is_told_and_nobody_else_there(street: Street, desk: Desk) -> None:
    await desk.ban(street.max)
    # Put out of the group, and told why.
    assert sorted(street.mastodon.types()) == ["Create", "Reject"]
    note = street.mastodon.of_type("Create")[0]
    assert note["to"] == [street.max]
    assert "have banned you until" in note["object"]["content"]
    assert "Rule 1, No advertising. Three times." in note["object"]["content"]
    await desk.lift(street.max)
    assert street.mastodon.types() == ["Create"]
    assert "lifted your ban" in street.mastodon.inbox[0]["object"]["content"]


async def test_a_member_elsewhere_who_is_banned_gets_no_more_threads(street: Street, desk: Desk) -> None:
    await desk.ban(street.max)
    street.clear()
    await street.write("The crossing", "Where?")
    assert street.mastodon.inbox == []
    assert street.lemmy.types() == ["Announce(Create)"]


async def test_what_the_banned_wrote_is_taken_down_in_each_servers_form(street: Street, desk: Desk) -> None:
    activity = addressed(street, street.lemmy, street.lena, "<p>Who has a ladder?</p>")
    assert (await street.moot.deliver(activity)).status == 202
    await street.settle()
    boost = street.mastodon.of_type("Announce(id)")[-1]["id"]
    await desk.ban(street.lena, remove=True)
    assert sorted(street.lemmy.types()) == ["Announce(Block)", "Announce(Delete)", "Create", "Reject"]
    assert [undo["object"]["id"] for undo in street.mastodon.inbox] == [boost]
    assert (await street.post(activity["object"]["id"])).state == "removed"


async def test_a_closed_thread_travels_as_lock_and_in_its_document(street: Street, desk: Desk) -> None:
    thread = await street.write("The crossing", "Where?")
    await desk.close(thread)
    lock = announced(street, "Lock")
    assert (lock["object"], lock["summary"]) == (thread.uri, "Rule 1, No advertising. All is said.")
    assert '"commentsEnabled":false' in (await street.moot.get(thread.uri)).text
    assert street.mastodon.inbox == []
    await desk.open(thread)
    assert announced(street, "Undo")["object"] == bare(lock)
    assert '"commentsEnabled":true' in (await street.moot.get(thread.uri)).text
    assert street.mastodon.inbox == []


async def test_a_closed_thread_takes_no_reply_by_the_inbox(street: Street, desk: Desk) -> None:
    thread = await street.write("The crossing", "Where?")
    await desk.close(thread)
    reply = addressed(street, street.mastodon, street.max, "<p>Here.</p>", inReplyTo=thread.uri)
    answer = await street.moot.deliver(reply)
    assert (answer.status, "locked" in answer.text) == (403, True)
    assert await street.count_posts() == 1


async def test_pins_travel_as_add_and_remove_of_featured(street: Street, desk: Desk) -> None:
    thread = await street.write("The crossing", "Where?")
    await desk.pin(thread, pinned=True)
    add = announced(street, "Add")
    assert (add["object"], add["target"]) == (thread.uri, f"{GROUP}/featured")
    assert thread.uri in (await street.moot.get(f"{GROUP}/featured")).text
    assert '"stickied":true' in (await street.moot.get(thread.uri)).text
    await desk.pin(thread, pinned=False)
    remove = announced(street, "Remove")
    assert (remove["object"], remove["target"]) == (thread.uri, f"{GROUP}/featured")
    assert thread.uri not in (await street.moot.get(f"{GROUP}/featured")).text
    assert street.mastodon.inbox == []


async def test_moderators_travel_as_add_and_remove_of_moderators(street: Street, desk: Desk) -> None:
    async with street.runtime.db.transaction() as conn:
        await memberships.join(conn, await street.actor(street.ana_id), await street.group(street.ana_id))
    await desk.role("moderator")
    add = announced(street, "Add")
    ana = street.urls.actor("person", "ana")
    assert (add["object"], add["target"]) == (ana, f"{GROUP}/moderators")
    assert ana in (await street.moot.get(f"{GROUP}/moderators")).text
    await desk.role("member")
    assert announced(street, "Remove")["object"] == ana
    # Microblogs read the group's own document again, as after any change of it, and nothing else.
    assert set(street.mastodon.types()) <= {"Update"}


async def test_a_deed_is_written_once_and_can_be_read_at_its_id(street: Street, desk: Desk) -> None:
    thread = await street.write("The crossing", "Where?")
    deed_id = await desk.close(thread)
    lock = announced(street, "Lock")
    announce_id = street.lemmy.of_type("Announce(Lock)")[0]["id"]
    async with street.runtime.db.transaction() as conn:
        await spread.spread_deed(conn, street.runtime, deed_id=deed_id)
    await street.settle()
    # Sent twice it is still the same, which whoever has it already lets go.
    assert {sent["id"] for sent in street.lemmy.of_type("Announce(Lock)")} == {announce_id}
    assert '"type":"Lock"' in (await street.moot.get(str(lock["id"]))).text
    assert '"type":"Announce"' in (await street.moot.get(announce_id)).text
    # What is announced for readers' timelines is only threads and replies.
    assert len(await outbox_items(street, "groups/elm_street")) == 2


async def test_a_report_goes_to_the_group_and_its_moderators_elsewhere_without_the_reporter(street: Street) -> None:
    async with peer("127.0.0.7", "piefed") as far:
        garden = await Allotment.joined(street, street.lemmy)
        petra = far.actor("petra")
        garden.list_moderators(garden.mona, petra)
        assert await garden.send(garden.there.activity("Update", garden.uri, garden.uri)) == "done"
        page = await garden.thread()
        await _report(street, page, "See the **third** line.")
        flag = garden.there.of_type("Flag")[-1]
        assert flag["actor"] == street.urls.instance_actor
        assert flag["object"] == page["id"]
        rule = "http://moot.test/rules#rule-1"
        assert flag["content"] == flag["summary"] == f"Rule 1, Be kind ({rule}). See the **third** line."
        assert far.of_type("Flag") == [flag]
        assert street.mastodon.of_type("Flag") == []
        assert "ana" not in str(flag)


async def _report(street: Street, page: Document, comment: str, **more: bool) -> None:
    post = await street.post(page["id"])
    async with street.runtime.db.transaction() as conn:
        rule = await rules.add(conn, None, RuleForm("Be kind"), None)
        group = await groups.BY_ID.one(conn, post.group_id, street.ana_id)
        assert group is not None
        await reports.file_report(conn, await street.actor(street.ana_id), post, group, rule, comment, **more)  # type: ignore[arg-type]
    await street.settle()


@pytest.mark.parametrize("forward", [False, True])
async def test_the_authors_own_server_hears_of_it_only_where_the_reporter_says_so(
    street: Street, forward: bool
) -> None:
    activity = addressed(street, street.mastodon, street.max, "<p>You fool.</p>")
    assert (await street.moot.deliver(activity)).status == 202
    await street.settle()
    street.clear()
    await _report(street, activity["object"], "Unkind.", forward=forward)
    flags = street.mastodon.of_type("Flag")
    assert len(flags) == forward
    assert street.lemmy.of_type("Flag") == []
    if forward:
        assert flags[0]["actor"] == street.urls.instance_actor
        assert flags[0]["content"].endswith("Unkind.")
