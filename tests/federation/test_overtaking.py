"""What a group announces may overtake the post that it is about, while that one is fetched and screened (X11)."""

from server import worker
from tests.conftest import MovedClock
from tests.federation.peer import PUBLIC, Document
from tests.federation.street import Street
from tests.federation.village import Village


async def announce(village: Village, what: Document) -> None:
    activity = village.there.activity("Announce", village.uri, what, to=[PUBLIC])
    assert (await village.street.moot.deliver(activity)).status == 202


async def in_disorder(street: Street, moved_clock: MovedClock) -> None:
    """Errands first, and what they leave to screening long after them; then all, as time passes."""
    while await worker.run_errand(street.runtime):
        pass
    for _ in range(4):
        await street.settle()
        await moved_clock.advance(seconds=40)
    await street.settle()


async def test_a_removal_reaches_a_post_that_is_still_being_screened(
    street: Street, village: Village, moved_clock: MovedClock
) -> None:
    await village.join()
    page = village.thread("Pills", days_ago=0, listed=False)
    await announce(village, village.there.activity("Create", village.lena, page))
    moderator = village.there.actor("moderator")
    await announce(village, village.there.activity("Delete", moderator, page["id"]))
    await in_disorder(street, moved_clock)
    assert (await street.post(page["id"])).state == "removed"


async def test_a_reported_vote_is_counted_once_its_post_is_published(
    street: Street, village: Village, moved_clock: MovedClock
) -> None:
    await village.join()
    page = village.thread("Seeds", days_ago=0, listed=False)
    await announce(village, village.there.activity("Create", village.lena, page))
    voter = village.there.actor("victor")
    like = village.there.activity("Like", voter, page["id"])
    await announce(village, like)
    # The vote is booked by a job of its own, before the errand has even fetched the post.
    while await worker.run_effect(street.runtime):
        pass
    await in_disorder(street, moved_clock)
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select attested_count from posts where uri = $1", page["id"]) == 1
    await announce(village, village.there.activity("Undo", voter, like))
    await in_disorder(street, moved_clock)
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select attested_count from posts where uri = $1", page["id"]) == 0


async def test_a_vote_on_what_never_comes_is_let_go(street: Street, village: Village, moved_clock: MovedClock) -> None:
    await village.join()
    voter = village.there.actor("victor")
    await announce(village, village.there.activity("Like", voter, f"{village.there.base}/notes/none"))
    await in_disorder(street, moved_clock)
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from jobs") == 0


async def test_a_reply_under_what_was_removed_meanwhile_stays(
    street: Street, village: Village, moved_clock: MovedClock
) -> None:
    """The group keeps it under a placeholder, and so do we."""
    await village.join()
    page = village.thread("Seeds", days_ago=0, listed=False)
    await announce(village, village.there.activity("Create", village.lena, page))
    await street.settle()
    moderator = village.there.actor("moderator")
    await announce(village, village.there.activity("Delete", moderator, page["id"]))
    await street.settle()
    reply = village.reply(page, "Too late?", days_ago=0, listed=False)
    await announce(village, village.there.activity("Create", village.lena, reply))
    await street.settle()
    assert (await street.post(reply["id"])).state == "published"
