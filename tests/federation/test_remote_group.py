"""A group of another server, read and written to from here."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import dataclasses

import pytest

from federation import remote
from server import housekeeping
from server.community import groups, memberships, posts, votes
from server.community.groups import Group
from server.community.memberships import Membership
from server.community.posts import Draft, Post
from server.errors import Invalid
from tests.browser_like import Browser
from tests.conftest import MovedClock
from tests.federation.peer import PUBLIC, Document, Peer
from tests.federation.street import Street
from web.app import create_app


@dataclasses.dataclass
class Garden:
    """The group `garden` of the server `there`, which Ana has joined."""

    street: Street
    there: Peer
    uri: str
    group_id: int

    async def group(self) -> Group:
        async with self.street.runtime.db.read() as conn:
            group = await groups.BY_ID.one(conn, self.group_id, self.street.ana_id)
        assert group is not None
        return group

    async def membership(self) -> Membership:
        async with self.street.runtime.db.read() as conn:
            found = await memberships.one(conn, self.street.ana_id, self.group_id)
        assert found is not None
        return found

    async def say(self, kind: str, what: object, **more: object) -> int:
        """The group sends an activity; returns the answer's status."""
        activity = self.there.activity(kind, self.uri, what, to=[PUBLIC], **more)
        answer = await self.street.moot.deliver(activity)
        await self.street.settle()
        return answer.status

    async def thread(self, author: str, title: str, content: str) -> Document:
        """Somebody's thread that the group announces."""
        page = self.there.note(author, content, type="Page", name=title, cc=[self.uri], audience=self.uri)
        assert await self.say("Announce", self.there.activity("Create", author, page)) == 202
        return page

    async def write(self, title: str, source: str) -> Post:
        ana, group = await self.street.actor(self.street.ana_id), await self.group()
        async with self.street.runtime.db.transaction() as conn:
            draft = Draft(author=ana, group=group, title=title, source=source)
            post = await posts.submit_post(conn, self.street.urls, draft)
        await self.street.settle()
        return await self.street.post(post.uri)


@pytest.fixture
async def garden(street: Street) -> Garden:
    there = street.lemmy
    uri = there.actor("garden", "Group", attributedTo=f"{there.base}/u/garden/moderators")
    made = Garden(street, there, uri, await street.ask_to_join(there, "garden"))
    follow = there.of_type("Follow")[0]
    assert (await made.membership()).state == "asked"
    assert await made.say("Accept", follow) == 202
    street.clear()
    return made


async def test_joining_is_a_follow_that_the_group_accepts(garden: Garden) -> None:
    assert (await garden.membership()).state == "joined"


async def test_B16_only_the_group_itself_answers_our_follow(street: Street, garden: Garden) -> None:
    membership = await garden.membership()
    impostor = street.mastodon.actor("impostor", "Group")
    reject = street.mastodon.activity("Reject", impostor, membership.follow_uri)
    assert (await street.moot.deliver(reject)).status == 202
    assert (await garden.membership()).state == "joined"


async def test_an_announced_thread_is_read_from_its_own_address(street: Street, garden: Garden) -> None:
    page = await garden.thread(street.lena, "Seeds", "<p>Who swaps seeds?</p>")
    post = await street.post(page["id"])
    assert (post.state, post.title, post.group_id) == ("published", "Seeds", garden.group_id)
    assert page["id"].removeprefix(garden.there.base) in garden.there.fetched


async def test_what_the_group_says_of_a_post_is_not_believed_against_its_author(street: Street, garden: Garden) -> None:
    page = garden.there.note(street.lena, "<p>True</p>", type="Page", name="Seeds", cc=[garden.uri])
    forged = page | {"content": "<p>Forged</p>"}
    await garden.say("Announce", garden.there.activity("Create", street.lena, forged))
    assert (await street.post(page["id"])).html == "<p>True</p>"


async def test_a_boost_by_id_alone_is_enough(street: Street, garden: Garden) -> None:
    page = garden.there.note(street.lena, "<p>Who swaps seeds?</p>", type="Page", name="Seeds", cc=[garden.uri])
    assert await garden.say("Announce", page["id"]) == 202
    assert (await street.post(page["id"])).state == "published"


async def test_a_group_that_nobody_here_joined_adds_nothing(street: Street) -> None:
    group = street.lemmy.actor("strangers", "Group")
    page = street.lemmy.note(street.lena, "<p>Spam</p>", type="Page", name="Spam", cc=[group])
    activity = street.lemmy.activity("Announce", group, page["id"])
    assert (await street.moot.deliver(activity)).status == 202
    await street.settle()
    assert await street.count_posts() == 0


async def test_our_post_waits_until_the_group_announces_it(street: Street, garden: Garden) -> None:
    post = await garden.write("Seeds", "Who swaps **seeds**?")
    assert (post.state, post.announced_at) == ("published", None)
    create = garden.there.of_type("Create")[0]
    assert (create["object"]["id"], create["object"]["type"]) == (post.uri, "Article")
    # The group's server reads it before it announces it.
    assert (await street.moot.get(post.uri)).status == 200
    assert await garden.say("Announce", create) == 202
    assert (await street.post(post.uri)).announced_at is not None


async def test_a_post_that_breaks_our_rules_never_reaches_the_group(street: Street, garden: Garden) -> None:
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update rules set group_id = null")
        await conn.execute("update checks set group_id = null")
    post = await garden.write("Evening", "Come to the casino")
    assert post.state == "held"
    assert garden.there.inbox == []
    assert (await street.moot.get(post.uri)).status == 404


async def test_our_thank_goes_to_the_group(street: Street, garden: Garden) -> None:
    page = await garden.thread(street.lena, "Seeds", "<p>Who swaps seeds?</p>")
    street.clear()
    ana = await street.actor(street.ana_id)
    async with street.runtime.db.transaction() as conn:
        await votes.thank(conn, ana, await posts.by_id(conn, (await street.post(page["id"])).id))
    await street.settle()
    assert garden.there.types() == ["Like"]


async def _thanks(street: Street, uri: str) -> tuple[int, int]:
    """What people told us themselves, and what the group reports of others."""
    async with street.runtime.db.read() as conn:
        row = await conn.fetchrow("select thank_count, attested_count from posts where uri = $1", uri)
    assert row is not None
    return row["thank_count"], row["attested_count"]


@pytest.mark.parametrize("kind", ["Like", "EmojiReact"])
async def test_votes_that_the_group_announces_are_counted_apart(street: Street, garden: Garden, kind: str) -> None:
    page = await garden.thread(street.lena, "Seeds", "<p>Who swaps seeds?</p>")
    voter = garden.there.actor("victor")
    like = garden.there.activity(kind, voter, page["id"])
    garden.there.fetched.clear()
    # PieFed sends them in lists.
    assert await garden.say("Announce", [like, like]) == 202
    assert await _thanks(street, page["id"]) == (0, 1)
    assert await garden.say("Announce", garden.there.activity("Undo", voter, like)) == 202
    assert await _thanks(street, page["id"]) == (0, 0)
    # Nobody is asked who votes: a batch would cost a request for each.
    assert garden.there.fetched == []


async def thank(garden: Garden, post: Post, *, take_back: bool = False) -> None:
    """Mia does, who may see what still waits, since she runs the server."""
    mia = await garden.street.actor(garden.street.mia_id)
    async with garden.street.runtime.db.transaction() as conn:
        if take_back:
            assert await votes.take_back(conn, mia, post)
        else:
            await votes.thank(conn, mia, post)


async def test_a_thank_for_what_still_waits_is_told_of_once_the_group_took_it_up(
    street: Street, garden: Garden
) -> None:
    post = await garden.write("Leaves", "Who has a rake?")
    await thank(garden, post)
    await street.settle()
    assert street.lemmy.of_type("Like") == []
    await garden.say("Announce", street.lemmy.of_type("Create")[0])
    (like,) = street.lemmy.of_type("Like")
    await garden.say("Announce", street.lemmy.of_type("Create")[0])
    assert street.lemmy.of_type("Like") == [like]
    assert (like["actor"], like["object"]) == ("http://moot.test/ap/people/mia", post.uri)
    await thank(garden, post, take_back=True)
    await street.settle()
    assert [undo["object"]["id"] for undo in street.lemmy.of_type("Undo(Like)")] == [like["id"]]


async def test_a_thank_in_the_moment_in_which_the_group_takes_it_up_is_told_of_once(
    street: Street, garden: Garden
) -> None:
    """Its own job has not run yet when the Announce comes."""
    post = await garden.write("Leaves", "Who has a rake?")
    await thank(garden, post)
    await garden.say("Announce", street.lemmy.of_type("Create")[0])
    assert len(street.lemmy.of_type("Like")) == 1


async def test_a_thank_that_was_taken_back_while_it_waited_is_never_told_of(street: Street, garden: Garden) -> None:
    post = await garden.write("Leaves", "Who has a rake?")
    await thank(garden, post)
    await thank(garden, post, take_back=True)
    await street.settle()
    await garden.say("Announce", street.lemmy.of_type("Create")[0])
    assert (street.lemmy.of_type("Like"), street.lemmy.of_type("Undo(Like)")) == ([], [])


async def test_an_announced_undo_may_name_the_vote_by_its_id_alone(street: Street, garden: Garden) -> None:
    page = await garden.thread(street.lena, "Seeds", "<p>Who swaps seeds?</p>")
    like = garden.there.activity("Like", garden.there.actor("victor"), page["id"])
    assert await garden.say("Announce", like) == 202
    undo = garden.there.activity("Undo", garden.there.actor("victor"), like["id"])
    assert await garden.say("Announce", undo) == 202
    assert await _thanks(street, page["id"]) == (0, 0)


async def test_a_dislike_takes_the_place_of_an_announced_like(street: Street, garden: Garden) -> None:
    page = await garden.thread(street.lena, "Seeds", "<p>Who swaps seeds?</p>")
    voter = garden.there.actor("victor")
    assert await garden.say("Announce", garden.there.activity("Like", voter, page["id"])) == 202
    assert await garden.say("Announce", garden.there.activity("Dislike", voter, page["id"])) == 202
    assert await _thanks(street, page["id"]) == (0, 0)


@pytest.mark.parametrize(("kind", "thanks"), [("Like", (1, 0)), ("Dislike", (0, 0))])
async def test_a_vote_of_ones_own_takes_the_place_of_what_the_group_reports(
    street: Street, garden: Garden, kind: str, thanks: tuple[int, int]
) -> None:
    page = await garden.thread(street.lena, "Seeds", "<p>Who swaps seeds?</p>")
    reported = street.mastodon.activity("Like", street.max, page["id"])
    assert await garden.say("Announce", reported) == 202
    assert await _thanks(street, page["id"]) == (0, 1)
    own = await street.moot.deliver(street.mastodon.activity(kind, street.max, page["id"]))
    assert own.status == 202
    assert await _thanks(street, page["id"]) == thanks
    # The group's word neither adds to it nor takes it away.
    assert await garden.say("Announce", reported) == 202
    assert await garden.say("Announce", street.mastodon.activity("Undo", street.max, reported)) == 202
    assert await _thanks(street, page["id"]) == thanks


async def test_the_page_says_who_reports_them(street: Street, garden: Garden) -> None:
    page = await garden.thread(street.lena, "Seeds", "<p>Who swaps seeds?</p>")
    likes = [garden.there.activity("Like", garden.there.id("u"), page["id"]) for _ in range(3)]
    assert await garden.say("Announce", likes) == 202
    browser = Browser(create_app(street.runtime))
    post = await street.post(page["id"])
    shown = await browser.get(f"/t/{post.id}")
    assert f"3 thanks that {garden.there.host} reports" in shown.text
    async with street.runtime.db.transaction() as conn:
        await votes.thank(conn, await street.actor(street.ana_id), post)
    shown = await browser.get(f"/t/{post.id}")
    assert f"and 3 that {garden.there.host} reports" in shown.text


async def test_the_group_removes_and_restores_what_stands_in_it(street: Street, garden: Garden) -> None:
    page = await garden.thread(street.lena, "Seeds", "<p>Buy seeds</p>")
    moderator = garden.there.actor("moderator")
    delete = garden.there.activity("Delete", moderator, page["id"], summary="No advertising")
    assert await garden.say("Announce", delete) == 202
    assert (await street.post(page["id"])).state == "removed"
    assert await garden.say("Announce", garden.there.activity("Undo", moderator, delete)) == 202
    assert (await street.post(page["id"])).state == "published"


async def test_a_group_removes_nothing_from_another_group(street: Street, garden: Garden) -> None:
    thread = await street.write("The crossing", "Where?")
    moderator = garden.there.actor("moderator")
    delete = garden.there.activity("Delete", moderator, thread.uri)
    assert await garden.say("Announce", delete) == 202
    assert await garden.say("Undo", {"type": "Announce", "object": thread.uri, "actor": garden.uri}) == 202
    assert (await street.post(thread.uri)).state == "published"


async def test_an_edit_that_the_group_announces_is_read_from_its_own_address(street: Street, garden: Garden) -> None:
    page = await garden.thread(street.lena, "Seeds", "<p>Who swaps seeds?</p>")
    page["content"] = "<p>Who gives seeds away?</p>"
    assert await garden.say("Announce", garden.there.activity("Update", street.lena, page)) == 202
    assert (await street.post(page["id"])).html == "<p>Who gives seeds away?</p>"


@pytest.mark.parametrize("typed", ["elm_street@moot.test", "http://moot.test/ap/groups/elm_street", "nonsense", ""])
async def test_a_look_up_says_what_is_wrong_with_an_address(street: Street, typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        await remote.look_up(street.runtime, typed)
    assert "address" in refused.value.fields


async def test_a_look_up_of_nothing_says_so(street: Street) -> None:
    with pytest.raises(Invalid):
        await remote.look_up(street.runtime, f"!nobody@{street.lemmy.host}")


async def test_an_author_is_told_once_that_a_group_did_not_take_a_post_up(
    street: Street, garden: Garden, moved_clock: MovedClock
) -> None:
    await garden.write("Seeds", "Who swaps seeds?")
    await moved_clock.advance(days=8)
    for _ in range(2):
        await housekeeping.tidy(street.runtime)
    async with street.runtime.db.read() as conn:
        told = await conn.fetch("select account_id from notifications where kind = 'not_taken'")
    assert [row["account_id"] for row in told] == [street.ana_id]
