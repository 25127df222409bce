"""B27 and the like: what finds its way into a group without anybody having sent it there."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import json

from server.community import groups, memberships, posts
from server.community.groups import GroupForm
from tests.federation.peer import PUBLIC
from tests.federation.street import Street, addressed
from tests.hostile.conftest import Liar, World


async def test_B27_a_reply_drags_no_thread_into_a_group_that_was_not_written_for_it(street: Street) -> None:
    """Anybody may answer anything in public and name our group; who wrote the first post did not."""
    private = street.lemmy.note(street.lena, "<p>My own affair.</p>")
    create = addressed(street, street.mastodon, street.max, "<p>Look at this!</p>", inReplyTo=private["id"])
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    async with street.runtime.db.read() as conn:
        assert await posts.by_uri(conn, private["id"]) is None
    assert (await street.post(create["object"]["id"])).state == "submitted"


async def test_a_thread_written_for_the_group_is_fetched_for_its_reply(street: Street) -> None:
    group = street.urls.actor("group", "elm_street")
    note = street.lemmy.note(street.lena, "<p>The crossing is dark.</p>", cc=[group])
    between = street.lemmy.note(street.lena, "<p>Since May.</p>", inReplyTo=note["id"])
    create = addressed(street, street.mastodon, street.max, "<p>Indeed.</p>", inReplyTo=between["id"])
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert [(await street.post(uri)).state for uri in (note["id"], between["id"], create["object"]["id"])] == (
        ["published"] * 3
    )


async def test_a_waiting_reply_does_not_slip_into_another_group(street: Street) -> None:
    """It was let in by the rules of the group that it named: the other one's were never asked."""
    async with street.runtime.db.transaction() as conn:
        quiet = await groups.create(conn, street.urls, "quiet", GroupForm(title="Quiet", posting="members"))
        await memberships.add_moderator(conn, street.mia_id, quiet)
    await street.settle()
    thread = street.lemmy.note(street.lena, "<p>For members.</p>", cc=[street.urls.actor("group", "quiet")])
    lena_joins = street.lemmy.activity("Follow", street.lena, street.urls.actor("group", "quiet"))
    assert (await street.moot.deliver(lena_joins)).status == 202
    path = thread["id"].removeprefix(street.lemmy.base)
    hidden = street.lemmy.documents.pop(path)
    reply = addressed(street, street.mastodon, street.max, "<p>I am no member.</p>", inReplyTo=thread["id"])
    assert (await street.moot.deliver(reply)).status == 202
    await street.settle()
    street.lemmy.documents[path] = hidden
    create = street.lemmy.activity("Create", street.lena, hidden, to=[PUBLIC])
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(hidden["id"])).state == "published"
    stray = await street.post(reply["object"]["id"])
    assert (stray.state, stray.parent_id, stray.group_id) == ("submitted", None, street.group_id)


async def test_whoever_said_farewell_and_comes_back_has_a_name_again(street: Street) -> None:
    farewell = street.mastodon.activity("Delete", street.max, street.max)
    assert (await street.moot.deliver(farewell)).status == 202
    create = addressed(street, street.mastodon, street.max, "<p>Back again.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    async with street.runtime.db.read() as conn:
        row = await conn.fetchrow("select title, deleted_at from actors where uri = $1", street.max)
    assert row is not None
    assert (row["title"], row["deleted_at"]) == ("Max", None)
    # A second farewell costs nothing once they are gone.
    del street.mastodon.documents["/u/max"]
    for _ in range(2):
        assert (await street.moot.deliver(street.mastodon.activity("Delete", street.max, street.max))).status == 202


async def test_a_post_too_large_to_forward_stops_no_queue(street: Street) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>", padding="")
    create["object"]["padding"] = "x" * ((1 << 20) - len(json.dumps(create).encode()) - 10)
    assert (await street.moot.deliver(create)).status in (202, 400, 413)
    await street.settle()
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from jobs where tries > 0") == 0
    assert all(len(json.dumps(sent)) < 1 << 19 for sent in street.lemmy.inbox)


async def test_C11_a_long_chain_of_parents_is_asked_for_a_few_times_only(street: Street) -> None:
    """C11."""
    parent = street.lemmy.note(street.lena, "<p>The first.</p>")["id"]
    for number in range(60):
        parent = street.lemmy.note(street.lena, f"<p>{number}</p>", inReplyTo=parent)["id"]
    street.lemmy.fetched.clear()
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>", inReplyTo=parent)
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert len(street.lemmy.fetched) <= 20
    assert await street.count_posts() <= 20


async def test_C11_parents_that_answer_each_other_end(street: Street) -> None:
    one = street.lemmy.note(street.lena, "<p>One</p>")
    two = street.lemmy.note(street.lena, "<p>Two</p>", inReplyTo=one["id"])
    one["inReplyTo"] = two["id"]
    street.lemmy.fetched.clear()
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>", inReplyTo=one["id"])
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert len(street.lemmy.fetched) <= 20


async def test_C11_a_long_list_of_a_group_is_fetched_within_one_budget(world: World, liar: Liar) -> None:
    """One activity, fifty addresses of somebody else's server: twenty requests, whoever is named."""
    authors = [world.bystander.actor(f"u{number}") for number in range(50)]
    notes = [world.bystander.note(who, "<p>Hello.</p>", cc=[liar.uri], name="Hello", type="Page") for who in authors]
    asked = len(world.watch.asked)
    await liar.announce([note["id"] for note in notes])
    assert len(world.watch.asked) - asked <= 20
    asked = len(world.watch.asked)
    await liar.announce([liar.claim("Delete", who, note["id"]) for who, note in zip(authors, notes, strict=True)])
    assert len(world.watch.asked) - asked <= 20
