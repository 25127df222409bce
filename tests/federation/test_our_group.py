"""One of our groups, read by a forum (Lemmy) and a microblog (Mastodon): who gets what, and what is refused."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import pytest

from server.community import groups, posts, revisions, votes
from server.community.groups import GroupForm
from tests.federation.peer import Document
from tests.federation.street import GROUP, Street, addressed


async def test_a_follow_is_accepted_and_counts_as_a_member(street: Street) -> None:
    assert street.lemmy.types() == ["Accept"]
    assert street.mastodon.types() == ["Accept"]
    assert street.lemmy.inbox[0]["object"]["actor"] == street.lena
    assert (await street.group()).member_count == 3


async def test_a_thread_reaches_forums_whole_and_microblogs_as_a_boost(street: Street) -> None:
    street.clear()
    post = await street.write("The crossing", "Two places are **offered**.")
    assert street.lemmy.types() == ["Announce(Create)"]
    assert street.mastodon.types() == ["Announce(id)"]
    create = street.lemmy.inbox[0]["object"]
    assert create["object"]["type"] == "Article"
    assert create["object"]["name"] == "The crossing"
    assert create["object"]["content"] == "<p>Two places are <strong>offered</strong>.</p>\n"
    assert street.mastodon.inbox[0]["object"] == post.uri
    for activity in (street.lemmy.inbox[0], create, street.mastodon.inbox[0]):
        assert (await street.moot.get(activity["id"])).status == 200


async def test_a_reply_goes_to_forums_alone(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    street.clear()
    await street.write(None, "At the bridge.", parent=thread)
    assert street.lemmy.types() == ["Announce(Create)"]
    assert street.mastodon.types() == []
    assert street.lemmy.inbox[0]["object"]["object"]["inReplyTo"] == thread.uri


async def test_an_edit_and_a_delete_reach_both(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    street.clear()
    async with street.runtime.db.transaction() as conn:
        await revisions.submit_edit(conn, thread.id, title="The crossing", link=None, source="Where exactly?")
    await street.settle()
    assert street.lemmy.types() == ["Announce(Update)"]
    assert street.mastodon.types() == ["Update"]
    street.clear()
    async with street.runtime.db.transaction() as conn:
        await posts.delete_post(conn, await posts.by_id(conn, thread.id, lock=True))
    await street.settle()
    assert sorted(street.lemmy.types()) == ["Announce(Delete)", "Delete"]
    assert street.mastodon.types() == ["Delete"]
    gone = await street.moot.get(thread.uri)
    assert gone.status == 410
    assert b"Tombstone" in gone.body


async def test_a_mastodon_post_that_mentions_the_group_becomes_a_thread(street: Street) -> None:
    street.clear()
    mention = '<p><span class="h-card"><a href="x">@elm_street</a></span> Who has a ladder?</p><p>For a day.</p>'
    tag = [{"type": "Mention", "href": GROUP, "name": "@elm_street@moot.test"}]
    activity = addressed(street, street.mastodon, street.max, mention, tag=tag)
    assert (await street.moot.deliver(activity)).status == 202
    await street.settle()
    post = await street.post(activity["object"]["id"])
    assert (post.state, post.title) == ("published", "Who has a ladder?")
    # The forum gets the activity as its author's server wrote it.
    announced = street.lemmy.of_type("Announce(Create)")[0]["object"]
    assert announced["id"] == activity["id"]
    assert announced["object"] == activity["object"]
    assert street.mastodon.types() == ["Announce(id)"]


async def test_replies_from_both_kinds_find_their_place(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    first = addressed(street, street.lemmy, street.lena, "<p>At the bridge.</p>", inReplyTo=thread.uri)
    assert (await street.moot.deliver(first)).status == 202
    await street.settle()
    second = addressed(
        street, street.mastodon, street.max, '<p><a href="x">@lena</a> Yes!</p>', inReplyTo=first["object"]["id"]
    )
    assert (await street.moot.deliver(second)).status == 202
    await street.settle()
    reply = await street.post(second["object"]["id"])
    parent = await street.post(first["object"]["id"])
    assert (reply.parent_id, reply.root_id, reply.depth) == (parent.id, thread.id, 2)
    assert reply.html == "<p>Yes!</p>"
    assert (await street.post(thread.uri)).reply_count == 2


async def test_a_reply_before_its_parent_waits_and_is_fetched_for(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    parent = street.lemmy.note(street.lena, "<p>First</p>", cc=[GROUP], inReplyTo=thread.uri)
    late = addressed(street, street.mastodon, street.max, "<p>Second</p>", inReplyTo=parent["id"])
    assert (await street.moot.deliver(late)).status == 202
    await street.settle()
    reply, fetched = await street.post(late["object"]["id"]), await street.post(parent["id"])
    assert (reply.state, reply.parent_id) == ("published", fetched.id)
    assert fetched.root_id == thread.id


async def test_thanks_are_counted_once_and_taken_back(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    like = street.mastodon.activity("Like", street.max, thread.uri)
    street.clear()
    for activity in (like, like, street.mastodon.activity("Like", street.max, thread.uri)):
        assert (await street.moot.deliver(activity)).status == 202
    await street.settle()
    assert (await street.post(thread.uri)).thank_count == 1
    assert street.lemmy.types() == ["Announce(Like)"]
    assert street.mastodon.types() == []
    undo = street.mastodon.activity("Undo", street.max, like)
    assert (await street.moot.deliver(undo)).status == 202
    await street.settle()
    assert (await street.post(thread.uri)).thank_count == 0


async def test_a_dislike_is_kept_but_not_counted_or_announced(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    street.clear()
    assert (await street.moot.deliver(street.lemmy.activity("Dislike", street.lena, thread.uri))).status == 202
    await street.settle()
    assert (await street.post(thread.uri)).thank_count == 0
    assert street.lemmy.types() == []
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select value from votes") == -1


async def test_our_thank_goes_to_its_author_and_to_forums(street: Street) -> None:
    activity = addressed(street, street.mastodon, street.max, "<p>Who has a ladder?</p>")
    await street.moot.deliver(activity)
    await street.settle()
    post = await street.post(activity["object"]["id"])
    street.clear()
    ana = await street.actor(street.ana_id)
    async with street.runtime.db.transaction() as conn:
        await votes.thank(conn, ana, post)
    await street.settle()
    assert street.mastodon.types() == ["Like"]
    assert street.lemmy.types() == ["Announce(Like)"]
    async with street.runtime.db.transaction() as conn:
        await votes.take_back(conn, ana, post)
    await street.settle()
    assert street.mastodon.types() == ["Like", "Undo(Like)"]
    assert street.mastodon.inbox[1]["object"]["id"] == street.mastodon.inbox[0]["id"]


async def test_a_remote_author_edits_and_deletes(street: Street) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Who has a ladder?</p>")
    await street.moot.deliver(create)
    await street.settle()
    street.clear()
    edited = create["object"] | {"content": "<p>Who has a long ladder?</p>"}
    update = street.mastodon.activity("Update", street.max, edited)
    assert (await street.moot.deliver(update)).status == 202
    await street.settle()
    assert (await street.post(edited["id"])).html == "<p>Who has a long ladder?</p>"
    assert street.lemmy.of_type("Announce(Update)")[0]["object"]["id"] == update["id"]
    deleted = street.mastodon.activity("Delete", street.max, {"type": "Tombstone", "id": edited["id"]})
    assert (await street.moot.deliver(deleted)).status == 202
    await street.settle()
    assert (await street.post(edited["id"])).state == "deleted"
    assert street.lemmy.of_type("Announce(Delete)")[0]["object"]["id"] == deleted["id"]
    assert street.mastodon.of_type("Undo(Announce)")[0]["object"]["object"] == edited["id"]


async def test_a_delete_before_its_create_wins(street: Street) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Never mind</p>")
    delete = street.mastodon.activity("Delete", street.max, create["object"]["id"])
    assert (await street.moot.deliver(delete)).status == 202
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert await street.count_posts() == 0


async def test_leaving_ends_the_membership(street: Street) -> None:
    follow = {"type": "Follow", "actor": street.lena, "object": GROUP, "id": street.lemmy.id()}
    assert (await street.moot.deliver(street.lemmy.activity("Undo", street.lena, follow))).status == 202
    await street.settle()
    assert (await street.group()).member_count == 2
    street.clear()
    await street.write("The crossing", "Where?")
    assert street.lemmy.inbox == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"actor": "http://127.0.0.6:1/u/nobody"}, 401),
        ({"id": "https://elsewhere.example/1"}, 400),
        ({"id": None}, 400),
        ({"type": "Collection"}, 400),
    ],
)
async def test_an_activity_that_is_not_the_signers_changes_nothing(
    street: Street, change: Document, status: int
) -> None:
    activity = addressed(street, street.mastodon, street.max, "<p>x</p>") | change
    answer = await street.moot.deliver(activity, key=f"{street.max}#main-key")
    await street.settle()
    assert (answer.status, await street.count_posts()) == (status, 0)


async def test_unsigned_and_altered_requests_are_401_and_change_nothing(street: Street) -> None:
    activity = addressed(street, street.mastodon, street.max, "<p>x</p>")
    unsigned = await street.moot.post(str(activity).replace("'", '"').encode(), {})
    assert unsigned.status == 401
    assert await street.count_posts() == 0


async def test_D13_a_body_of_another_kind_is_not_read(street: Street) -> None:
    answer = await street.moot.post(b"{}", {"content-type": "text/plain"})
    assert (answer.status, answer.text) == (415, '{"error":"not_activity_json"}')


async def test_nobody_writes_in_anothers_name(street: Street) -> None:
    note = street.mastodon.note(street.mastodon.actor("mara"), "<p>x</p>", cc=[GROUP])
    answer = await street.moot.deliver(street.mastodon.activity("Create", street.max, note))
    assert (answer.status, answer.text) == (400, '{"error":"author_is_not_actor"}')
    assert await street.count_posts() == 0


async def test_nobody_changes_or_deletes_anothers_post(street: Street) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Mine</p>")
    await street.moot.deliver(create)
    await street.settle()
    mallory = street.mastodon.actor("mallory")
    stolen = create["object"] | {"attributedTo": mallory, "content": "<p>Stolen</p>"}
    assert (await street.moot.deliver(street.mastodon.activity("Update", mallory, stolen))).status == 400
    assert (await street.moot.deliver(street.mastodon.activity("Delete", mallory, stolen["id"]))).status == 400
    assert (await street.moot.deliver(street.mastodon.activity("Create", mallory, stolen))).status == 403
    await street.settle()
    post = await street.post(create["object"]["id"])
    assert (post.state, post.html) == ("published", "<p>Mine</p>")


async def test_what_is_not_public_or_not_for_us_is_let_go(street: Street) -> None:
    direct = street.mastodon.note(street.max, "<p>Secret</p>", to=[GROUP])
    assert (await street.moot.deliver(street.mastodon.activity("Create", street.max, direct))).status == 202
    elsewhere = street.mastodon.note(street.max, "<p>For my followers</p>")
    assert (await street.moot.deliver(street.mastodon.activity("Create", street.max, elsewhere))).status == 202
    await street.settle()
    assert await street.count_posts() == 0


async def test_members_only_is_said_to_strangers_elsewhere(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        await groups.change(conn, street.group_id, GroupForm(title="Elm Street", posting="members"))
    outsider = street.mastodon.actor("olga")
    answer = await street.moot.deliver(addressed(street, street.mastodon, outsider, "<p>Hello</p>"))
    assert (answer.status, answer.text) == (403, '{"error":"members_only"}')
    assert await street.count_posts() == 0


async def test_a_deleted_account_takes_its_posts_along(street: Street) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Mine</p>")
    await street.moot.deliver(create)
    await street.settle()
    assert (await street.moot.deliver(street.mastodon.activity("Delete", street.max, street.max))).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "deleted"
    assert (await street.group()).member_count == 2


async def test_a_strangers_farewell_costs_no_fetch(street: Street) -> None:
    ghost = f"{street.mastodon.base}/u/ghost"
    before = len(street.mastodon.fetched)
    assert (await street.moot.deliver(street.mastodon.activity("Delete", ghost, ghost))).status == 202
    assert len(street.mastodon.fetched) == before
