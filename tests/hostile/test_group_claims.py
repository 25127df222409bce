"""B15: a group's server speaks for its own group alone, whatever it says that others have done."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import pytest

from server.community import actors, memberships, posts, votes
from tests.federation.peer import Document
from tests.federation.street import GROUP, Street, addressed
from tests.hostile.conftest import Liar


async def _lenas_thread(street: Street) -> Document:
    create = addressed(street, street.lemmy, street.lena, "<p>The crossing is dark.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "published"
    return create


async def _member(street: Street, uri: str) -> bool:
    async with street.runtime.db.read() as conn:
        actor = await actors.by_uri(conn, uri)
        assert actor is not None
        return await memberships.one(conn, actor.id, street.group_id) is not None


async def test_B15_it_deletes_nobodys_account(street: Street, liar: Liar) -> None:
    create = await _lenas_thread(street)
    await liar.announce(liar.claim("Delete", street.lena, street.lena))
    assert (await street.post(create["object"]["id"])).state == "published"
    assert await _member(street, street.lena)


async def test_B15_it_deletes_no_post_of_another_group_in_its_authors_name(street: Street, liar: Liar) -> None:
    create = await _lenas_thread(street)
    await liar.announce(liar.claim("Delete", street.lena, create["object"]["id"]))
    assert (await street.post(create["object"]["id"])).state == "published"


async def test_B15_it_bars_no_post_that_is_still_to_come(street: Street, liar: Liar) -> None:
    create = addressed(street, street.lemmy, street.lena, "<p>The crossing is dark.</p>")
    await liar.announce(liar.claim("Delete", street.lena, create["object"]["id"]))
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "published"


@pytest.mark.parametrize("embedded", [True, False])
async def test_B15_it_ends_nobodys_membership_elsewhere(street: Street, liar: Liar, embedded: bool) -> None:
    async with street.runtime.db.read() as conn:
        follow_uri = await conn.fetchval(
            "select follow_uri from memberships m join actors a on a.id = m.person_id where a.uri = $1", street.lena
        )
    follow = {"id": follow_uri, "type": "Follow", "actor": street.lena, "object": GROUP}
    await liar.announce(liar.claim("Undo", street.lena, follow if embedded else follow_uri))
    assert await _member(street, street.lena)


@pytest.mark.parametrize("embedded", [True, False])
async def test_B15_it_takes_back_no_thank_elsewhere(street: Street, liar: Liar, embedded: bool) -> None:
    thread = await street.write("The crossing", "Where?")
    like = street.lemmy.activity("Like", street.lena, thread.uri)
    assert (await street.moot.deliver(like)).status == 202
    assert (await street.post(thread.uri)).thank_count == 1
    await liar.announce(liar.claim("Undo", street.lena, like if embedded else like["id"]))
    assert (await street.post(thread.uri)).thank_count == 1


async def test_B15_it_thanks_nobody_elsewhere(street: Street, liar: Liar) -> None:
    thread = await street.write("The crossing", "Where?")
    await liar.announce([liar.claim("Like", street.lena, thread.uri), liar.claim("Dislike", street.max, thread.uri)])
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from votes") == 0
        assert await conn.fetchval("select count(*) from attested_votes") == 0


async def _attested(street: Street, page: Document) -> int:
    async with street.runtime.db.read() as conn:
        return int(await conn.fetchval("select attested_count from posts where uri = $1", page["id"]))


async def test_a_hundred_votes_that_it_makes_up_are_nobodys_thanks(street: Street, liar: Liar) -> None:
    """Shown as what it reports, counted for nobody, and at most so many."""
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.lena, page))
    for batch in range(2):
        voters = [f"{street.mastodon.base}/u/{batch}x{number}" for number in range(50)]
        await liar.announce([liar.claim("Like", voter, page["id"]) for voter in voters])
    assert (await street.post(page["id"])).thank_count == 0
    assert await _attested(street, page) == 100
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from actors where uri ~ '/u/[0-9]+x'") == 0
        assert await conn.fetchval("select count(*) from notifications where kind = 'thanked'") == 0


async def test_it_votes_for_none_of_ours_nor_for_the_author_nor_for_the_suspended(street: Street, liar: Liar) -> None:
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.lena, page))
    async with street.runtime.db.transaction() as conn:
        known = await actors.by_uri(conn, street.max)
        assert known is not None
        await actors.SUSPEND.run(conn, known.id)
    for voter in ("http://moot.test/ap/people/ana", street.lena, street.max):
        await liar.announce(liar.claim("Like", voter, page["id"]))
    assert await _attested(street, page) == 0


async def test_no_more_voters_are_kept_than_a_page_could_use(
    street: Street, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(votes, "MOST_ATTESTED", 3)
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.lena, page))
    await liar.announce([liar.claim("Like", street.mastodon.id("u"), page["id"]) for _ in range(9)])
    assert await _attested(street, page) == 3


async def test_a_malformed_vote_spoils_no_other(street: Street, liar: Liar) -> None:
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.lena, page))
    good = liar.claim("Like", street.mastodon.id("u"), page["id"])
    bad: list[object] = [
        {"type": "Like"}, {"type": "Like", "actor": [street.max], "object": page["id"], "id": liar.there.id()},
        {"type": "Undo", "object": {"type": "Like"}}, {"type": "Undo", "object": 7, "actor": street.max, "id": "x"},
        liar.claim("Undo", street.max, {"type": "Like", "object": {"id": [1]}}), liar.claim("Undo", street.max, "x"),
    ]  # fmt: skip
    await liar.announce([*bad, good])
    assert await _attested(street, page) == 1


async def test_B15_it_takes_nothing_out_of_another_group(street: Street, liar: Liar) -> None:
    async with street.runtime.db.transaction() as conn:
        # A thread that Lena wrote among the liars, and that Max's group is said to take back.
        await conn.execute("update actors set kind = 'group' where uri = $1", street.max)
        await conn.execute("insert into groups (actor_id) select id from actors where uri = $1", street.max)
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.lena, page))
    async with street.runtime.db.transaction() as conn:
        post = await posts.by_uri(conn, page["id"])
        assert post is not None
        await conn.execute(
            "update posts set group_id = (select id from actors where uri = $1) where id = $2", street.max, post.id
        )
    boost = {"id": street.mastodon.id(), "type": "Announce", "actor": street.max, "object": page["id"]}
    await liar.announce(liar.claim("Undo", street.max, boost))
    assert (await street.post(page["id"])).state == "published"


async def test_within_the_group_a_deletion_can_still_be_taken_back(street: Street, liar: Liar) -> None:
    """Said to be the author's own, and yet only the group's word: removed, not deleted for ever."""
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.lena, page))
    await liar.announce(liar.claim("Delete", street.lena, page["id"]))
    assert (await street.post(page["id"])).state == "removed"


async def test_B24_whom_we_suspended_comes_in_through_no_group(street: Street, liar: Liar) -> None:
    """B24."""
    async with street.runtime.db.transaction() as conn:
        lena = await actors.by_uri(conn, street.lena)
        assert lena is not None
        await actors.SUSPEND.run(conn, lena.id)
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.lena, page))
    assert await street.count_posts() == 0


@pytest.mark.parametrize("blocked", ["127.0.0.5", "host:port"])
async def test_B25_whom_we_block_is_not_even_asked(street: Street, liar: Liar, blocked: str) -> None:
    """B25: their posts and their votes reach us through no group either."""
    page = street.mastodon.note(street.max, "<p>Seeds</p>", type="Page", name="Seeds", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.max, page))
    host = street.lemmy.host if blocked == "host:port" else blocked
    async with street.runtime.db.transaction() as conn:
        await conn.execute("insert into instance_policies (host, policy) values ($1, 'blocked')", host)
    street.lemmy.fetched.clear()
    theirs = street.lemmy.note(street.lena, "<p>Casino</p>", type="Page", name="Casino", cc=[liar.uri])
    stranger = street.lemmy.actor("stranger")
    await liar.announce(liar.claim("Create", street.lena, theirs))
    await liar.announce([liar.claim("Like", stranger, page["id"]), liar.claim("Like", street.lena, page["id"])])
    assert await street.count_posts() == 1
    assert await _attested(street, page) == 0
    assert street.lemmy.fetched == []
