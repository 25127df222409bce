"""Undo of everything, in any order (X11, I-3)."""

import pytest

from server.community import actors, memberships
from tests.federation.peer import Document, Peer
from tests.federation.street import GROUP, Street, addressed


async def outcome(street: Street, activity: Document) -> str:
    answer = await street.moot.deliver(activity)
    if answer.status != 202:
        return answer.text
    async with street.runtime.db.read() as conn:
        return str(await conn.fetchval("select outcome from seen_activities where uri = $1", activity["id"]))


async def is_member(street: Street, uri: str) -> bool:
    async with street.runtime.db.read() as conn:
        actor = await actors.by_uri(conn, uri)
        return actor is not None and await memberships.one(conn, actor.id, street.group_id) is not None


@pytest.mark.parametrize("kind", ["Like", "Dislike", "EmojiReact"])
@pytest.mark.parametrize("embedded", [True, False])
async def test_a_vote_that_comes_after_its_undo_does_not_count(street: Street, kind: str, embedded: bool) -> None:
    thread = await street.write("The crossing", "Where?")
    vote = street.lemmy.activity(kind, street.lena, thread.uri)
    undo = street.lemmy.activity("Undo", street.lena, vote if embedded else vote["id"])
    assert await outcome(street, undo) == "nothing_yet"
    assert await outcome(street, vote) == "undone_before"
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from votes") == 0
    again = street.lemmy.activity("Like", street.lena, thread.uri)
    assert await outcome(street, again) == "done"
    assert (await street.post(thread.uri)).thank_count == 1


async def test_an_undone_vote_bars_nobody_elses(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    vote = street.lemmy.activity("Like", street.lena, thread.uri)
    stolen = street.mastodon.activity("Undo", street.max, {"id": vote["id"], "type": "Like", "object": thread.uri})
    assert await outcome(street, stolen) == "nothing_to_undo"
    assert await outcome(street, vote) == "done"


async def test_a_follow_that_comes_after_its_undo_lets_nobody_in(street: Street) -> None:
    nora = street.mastodon.actor("nora")
    follow = street.mastodon.activity("Follow", nora, GROUP)
    assert await outcome(street, street.mastodon.activity("Undo", nora, follow)) == "nothing_yet"
    assert await outcome(street, follow) == "undone_before"
    assert not await is_member(street, nora)


async def test_leaving_still_works(street: Street) -> None:
    follow = street.lemmy.activity("Follow", street.lena, GROUP)
    assert await outcome(street, street.lemmy.activity("Undo", street.lena, follow)) == "done"
    assert not await is_member(street, street.lena)


async def test_a_delete_is_taken_back_before_its_object_came(street: Street) -> None:
    create = addressed(street, street.lemmy, street.lena, "<p>The crossing is dark.</p>")
    delete = street.lemmy.activity("Delete", street.lena, create["object"]["id"])
    assert await outcome(street, delete) == "nothing_yet"
    assert await outcome(street, street.lemmy.activity("Undo", street.lena, delete)) == "done"
    assert await outcome(street, create) == "done"


async def test_what_was_deleted_here_does_not_come_back(street: Street) -> None:
    create = addressed(street, street.lemmy, street.lena, "<p>The crossing is dark.</p>")
    assert await outcome(street, create) == "done"
    await street.settle()
    delete = street.lemmy.activity("Delete", street.lena, create["object"]["id"])
    assert await outcome(street, delete) == "done"
    assert await outcome(street, street.lemmy.activity("Undo", street.lena, delete)) == "deleted_for_good"
    assert (await street.post(create["object"]["id"])).state == "deleted"


@pytest.mark.parametrize("kind", ["Move", "Undo", "Flag", "Whatever"])
async def test_what_has_no_undo_is_let_go(street: Street, kind: str) -> None:
    undone = street.lemmy.activity(kind, street.lena, GROUP)
    assert await outcome(street, street.lemmy.activity("Undo", street.lena, undone)) == "nothing_to_undo"


async def test_an_undo_of_somebody_elses_is_refused(street: Street) -> None:
    for kind in ("Follow", "Like", "Announce", "Delete", "Accept"):
        undone = street.lemmy.activity(kind, street.lena, GROUP)
        assert "not_yours" in await outcome(street, street.mastodon.activity("Undo", street.max, undone))


async def _garden(street: Street, there: Peer) -> tuple[str, int, Document]:
    """A group elsewhere that Ana has joined; its Accept."""
    uri = there.actor("garden", "Group")
    group_id = await street.ask_to_join(there, "garden")
    accept = there.activity("Accept", uri, there.of_type("Follow")[0])
    assert await outcome(street, accept) == "done"
    return uri, group_id, accept


async def _state(street: Street, group_id: int) -> str | None:
    async with street.runtime.db.read() as conn:
        membership = await memberships.one(conn, street.ana_id, group_id)
        return membership.state if membership is not None else None


async def test_a_group_takes_its_accept_back(street: Street) -> None:
    uri, group_id, accept = await _garden(street, street.lemmy)
    assert await _state(street, group_id) == "joined"
    assert await outcome(street, street.lemmy.activity("Undo", uri, accept)) == "done"
    assert await _state(street, group_id) == "refused"


async def test_nobody_takes_back_the_accept_of_another_group(street: Street) -> None:
    _uri, group_id, accept = await _garden(street, street.lemmy)
    other = street.lemmy.actor("other", "Group")
    forged = street.lemmy.activity("Undo", other, {name: accept[name] for name in ("id", "type", "object")})
    assert "no_actor" in await outcome(street, forged)
    forged = street.lemmy.activity("Undo", other, accept | {"actor": other})
    assert await outcome(street, forged) == "nothing_was_asked"
    assert await _state(street, group_id) == "joined"


async def test_a_boost_that_comes_after_its_undo_is_not_fetched(street: Street) -> None:
    uri, _group_id, _accept = await _garden(street, street.lemmy)
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[uri])
    boost = street.lemmy.activity("Announce", uri, page["id"])
    assert await outcome(street, street.lemmy.activity("Undo", uri, boost)) == "nothing_yet"
    assert await outcome(street, boost) == "undone_before"
    await street.settle()
    assert await street.count_posts() == 0


async def test_votes_come_in_a_collection_too(street: Street) -> None:
    """PieFed batches them."""
    uri, _group_id, _accept = await _garden(street, street.lemmy)
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[uri])
    assert await outcome(street, street.lemmy.activity("Announce", uri, page["id"])) == "done"
    await street.settle()
    votes = [
        street.mastodon.activity("Like", street.max, page["id"]),
        street.mastodon.activity("EmojiReact", street.mastodon.actor("nora"), page["id"], content="🌱"),
    ]
    batch = {"type": "OrderedCollection", "totalItems": 2, "orderedItems": votes}
    assert await outcome(street, street.lemmy.activity("Announce", uri, batch)) == "done"
    await street.settle()
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select attested_count from posts where uri = $1", page["id"]) == 2
