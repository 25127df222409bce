"""B23, B25: a blocked server comes in by no spelling and by no path, neither here nor into a group that blocks it."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import pytest

from federation import housekeeping, remote, software
from moderation import defederation, instances
from server.community import actors, groups, memberships, revisions
from server.community.groups import GroupForm
from server.errors import Invalid
from tests.conftest import MovedClock
from tests.federation.peer import PUBLIC, Document
from tests.federation.polling import DAYS, a_vote, ask, counts
from tests.federation.street import GROUP, Street, addressed
from tests.hostile.conftest import Liar

SPELLINGS = (
    "evil.example", "EVIL.example", "evil.example.", "evil.example:443", "https://evil.example/",
    "HTTPS://Evil.Example:443", "www.evil.example", "a.b.evil.example", "evil\u3002example", "\uff45vil.example",
    "evil.example:8443", " evil.example/u/me ",
)  # fmt: skip


@pytest.mark.parametrize(
    "blocked", ["evil.example", "EVIL.Example.", "https://evil.example:443/about", "\uff45vil\u3002example"]
)
async def test_B23_no_spelling_evades_a_block(street: Street, blocked: str) -> None:
    """B23: however the admin, and however the server itself, spells its name."""
    async with street.runtime.db.transaction() as conn:
        await instances.set_policy(conn, street.urls, blocked, "blocked", "", None)
    snapshot = await street.runtime.use(instances.PolicySnapshot)
    for spelling in SPELLINGS:
        async with street.runtime.db.read() as conn:
            assert await instances.is_blocked(conn, spelling), spelling
        assert await snapshot.is_blocked(spelling), spelling
    for other in ("notevil.example", "evil.example.org", "example"):
        assert not await snapshot.is_blocked(other), other
    # What carries a user is no name of a server at all.
    assert await snapshot.is_blocked("good@evil.example")


async def test_B23_an_idn_is_one_server_in_each_alphabet(street: Street) -> None:
    """B23."""
    async with street.runtime.db.transaction() as conn:
        await instances.set_policy(conn, street.urls, "xn--bcher-kva.example", "blocked", "", None)
        for spelling in ("bücher.example", "BÜCHER.example", "www.bücher.example.", "xn--bcher-KVA.example:443"):
            assert await instances.is_blocked(conn, spelling), spelling


async def block(street: Street, host: str, where: str) -> None:
    async with street.runtime.db.transaction() as conn:
        if where == "by not being listed":
            await instances.set_policy(conn, street.urls, street.mastodon.host, "open", "", None)
            await instances.set_policy(conn, street.urls, instances.OTHERS, "blocked", "", None)
        elif where == "by not being listed in the group":
            open_here = street.mastodon.host
            await instances.set_policy(conn, street.urls, open_here, "open", "", None, street.group_id)
            await instances.set_policy(conn, street.urls, instances.OTHERS, "blocked", "", None, street.group_id)
        else:
            group_id = street.group_id if where == "in the group" else None
            await instances.set_policy(conn, street.urls, host, "blocked", "", None, group_id)
        await defederation.settle(conn)


WAYS = ("here", "in the group", "by not being listed", "by not being listed in the group")


async def effects(street: Street) -> tuple[int, ...]:
    async with street.runtime.db.read() as conn:
        return tuple(
            [
                await conn.fetchval(f"select count(*) from {table}")
                for table in ("posts", "revisions", "votes", "reports", "notifications")
            ]
        )


def deeds(street: Street, thread: str, theirs: str) -> dict[str, Document]:
    """What a server could try by Lena, a member, and by somebody new; each has an effect while the server is open."""
    lemmy, lena, newcomer = street.lemmy, street.lena, street.lemmy.actor("newcomer")
    reply = addressed(street, lemmy, newcomer, "<p>Me too.</p>", inReplyTo=thread)
    edited = lemmy.documents[theirs.removeprefix(lemmy.base)] | {"content": "<p>Edited.</p>"}
    return {
        "a thread": addressed(street, lemmy, newcomer, "<p>Hello.</p>", type="Page", name="Hello"),
        "a reply": reply,
        "an edit": lemmy.activity("Update", lena, edited, to=[PUBLIC], cc=[GROUP]),
        "a vote": lemmy.activity("Like", lena, thread),
        "a report": lemmy.activity("Flag", lena, thread),
        "a membership": lemmy.activity("Follow", newcomer, GROUP),
    }


@pytest.mark.parametrize("where", WAYS)
@pytest.mark.parametrize("deed", ["a thread", "a reply", "an edit", "a vote", "a report", "a membership"])
async def test_B25_no_path_leads_past_a_block(street: Street, deed: str, where: str) -> None:
    """B25: six paths, each refused with nothing changed."""
    thread = await street.write("The crossing", "Where?")
    create = addressed(street, street.lemmy, street.lena, "<p>The crossing is dark.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    await block(street, street.lemmy.host, where)
    before, members = await effects(street), (await street.group()).member_count
    street.clear()
    answer = await street.moot.deliver(deeds(street, thread.uri, create["object"]["id"])[deed])
    await street.settle()
    assert answer.status in (401, 403)
    assert await effects(street) == before
    assert (await street.group()).member_count == members
    assert (await street.post(create["object"]["id"])).html == "<p>The crossing is dark.</p>"
    assert street.lemmy.inbox == []


@pytest.mark.parametrize("where", [*WAYS, "nowhere"])
async def test_B25_nobody_chooses_in_a_poll_past_a_block(street: Street, where: str) -> None:
    post = await ask(street)
    newcomer = street.lemmy.actor("newcomer")
    if where != "nowhere":
        await block(street, street.lemmy.host, where)
    answer = await street.moot.deliver(a_vote(street.lemmy, newcomer, post, DAYS[0]))
    chosen, voters = await counts(street, post)
    assert (answer.status in (401, 403), sum(chosen), voters) == ((False, 1, 1) if where == "nowhere" else (True, 0, 0))


@pytest.mark.parametrize("deed", ["a thread", "a reply", "an edit", "a vote", "a report", "a membership"])
async def test_each_of_these_works_where_nothing_is_blocked(street: Street, deed: str) -> None:
    """So that the refusals above are the block's."""
    thread = await street.write("The crossing", "Where?")
    create = addressed(street, street.lemmy, street.lena, "<p>The crossing is dark.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    before, members = await effects(street), (await street.group()).member_count
    answer = await street.moot.deliver(deeds(street, thread.uri, create["object"]["id"])[deed])
    await street.settle()
    assert answer.status == 202
    assert (await effects(street), (await street.group()).member_count) != (before, members)


@pytest.mark.parametrize("where", WAYS)
async def test_nothing_goes_to_a_blocked_server(street: Street, where: str) -> None:
    """Neither what is new nor, once it is open again, what was written meanwhile."""
    await block(street, street.lemmy.host, where)
    street.clear()
    await street.write("The crossing", "Where?")
    assert street.lemmy.inbox == []
    assert street.mastodon.types() == ["Announce(id)"]


IN_THE_GROUP = ("in the group", "by not being listed in the group")


@pytest.mark.parametrize("where", WAYS)
async def test_what_waits_for_a_server_is_not_sent_once_it_is_blocked(
    street: Street, moved_clock: MovedClock, where: str
) -> None:
    """What Ana herself says to those who follow her is no matter of the group's."""
    follow = street.lemmy.activity("Follow", street.lena, street.urls.actor("person", "ana"))
    assert (await street.moot.deliver(follow)).status == 202
    await street.settle()
    street.clear()
    await street.lemmy.stop()
    await street.write("The crossing", "Where?")
    await block(street, street.lemmy.host, where)
    await street.lemmy.resume()
    await moved_clock.advance(hours=12)
    await street.settle()
    assert street.lemmy.types() == (["Create"] if where in IN_THE_GROUP else [])
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from deliveries") == 0
        notes = {row["reason"] for row in await conn.fetch("select reason from dropped_deliveries")}
    assert notes == ({"blocked_in_group"} if where in IN_THE_GROUP else {"blocked"})


@pytest.mark.parametrize("follows", ["the group", "Ana"])
@pytest.mark.parametrize("what", ["an edit", "the totals of a poll"])
async def test_what_is_said_to_a_groups_readers_alone_is_the_groups_to_stop(
    street: Street, moved_clock: MovedClock, what: str, follows: str
) -> None:
    """Microblogs obey no Announce of an Update, so that they get it from its author, because they read the group."""
    thread = await ask(street) if what != "an edit" else await street.write("The crossing", "Where?")
    if follows == "Ana":
        follow = street.mastodon.activity("Follow", street.max, street.urls.actor("person", "ana"))
        assert (await street.moot.deliver(follow)).status == 202
        await street.settle()
    await street.mastodon.stop()
    street.clear()
    if what == "an edit":
        async with street.runtime.db.transaction() as conn:
            await revisions.submit_edit(conn, thread.id, title=thread.title, link=None, source="At the school.")
    else:
        assert (await street.moot.deliver(a_vote(street.lemmy, street.lena, thread, DAYS[0]))).status == 202
        await moved_clock.advance(minutes=20)
    await street.settle()
    await block(street, street.mastodon.host, "in the group")
    await street.mastodon.resume()
    await moved_clock.advance(hours=12)
    await street.settle()
    assert street.mastodon.types() == ([] if follows == "the group" else ["Update"])


@pytest.mark.parametrize("where", IN_THE_GROUP)
async def test_a_groups_block_stops_nothing_of_another_group(
    street: Street, moved_clock: MovedClock, where: str
) -> None:
    async with street.runtime.db.transaction() as conn:
        oak = await groups.create(conn, street.urls, "oak_street", GroupForm(title="Oak Street"))
        await memberships.add_moderator(conn, street.mia_id, oak)
    follow = street.lemmy.activity("Follow", street.lena, street.urls.actor("group", "oak_street"))
    await street.settle()
    street.clear()
    await street.lemmy.stop()
    assert (await street.moot.deliver(follow)).status == 202
    await street.settle()
    await block(street, street.lemmy.host, where)
    await street.lemmy.resume()
    await moved_clock.advance(hours=12)
    await street.settle()
    assert street.lemmy.types() == ["Accept"]


async def test_a_block_of_the_group_ends_nothing_elsewhere(street: Street, liar: Liar) -> None:
    """What a group's moderators set reaches their own group and no other."""
    await block(street, street.lemmy.host, "in the group")
    page = street.lemmy.note(street.lena, "<p>Seeds</p>", type="Page", name="Seeds", cc=[liar.uri])
    await liar.announce(liar.claim("Create", street.lena, page))
    assert (await street.post(page["id"])).state == "published"


async def test_B25_a_fetched_post_meets_the_groups_block_too(street: Street, liar: Liar) -> None:
    """B25: a Create by its id alone is fetched by an errand, which asks the same question."""
    await block(street, street.lemmy.host, "in the group")
    newcomer = street.lemmy.actor("newcomer")
    page = street.lemmy.note(newcomer, "<p>Seeds</p>", type="Page", name="Seeds", cc=[GROUP])
    by_id = street.lemmy.activity("Create", newcomer, page["id"], to=[PUBLIC], cc=[GROUP])
    assert (await street.moot.deliver(by_id)).status == 202
    await street.settle()
    assert await street.count_posts() == 0


async def test_a_member_may_still_leave_and_delete(street: Street) -> None:
    """A group's block keeps nobody's words or membership against their will."""
    create = addressed(street, street.lemmy, street.lena, "<p>The crossing is dark.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    await block(street, street.lemmy.host, "in the group")
    gone = street.lemmy.activity("Delete", street.lena, create["object"]["id"])
    assert (await street.moot.deliver(gone)).status == 202
    follow = {"type": "Follow", "id": street.lemmy.id(), "actor": street.lena, "object": GROUP}
    assert (await street.moot.deliver(street.lemmy.activity("Undo", street.lena, follow))).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "deleted"
    async with street.runtime.db.read() as conn:
        lena = await actors.by_uri(conn, street.lena)
        assert lena is not None
        assert await memberships.one(conn, lena.id, street.group_id) is None


@pytest.mark.parametrize("where", ["here", "by not being listed"])
async def test_a_blocked_server_is_not_asked_for_anything(street: Street, where: str) -> None:
    """Neither for a group that somebody looks up here, nor for what software it runs."""
    await block(street, street.lemmy.host, where)
    await street.runtime.db.pool.execute("update lanes set software_checked_at = null")
    street.lemmy.fetched.clear()
    for typed in (f"@lena@{street.lemmy.host}", street.lena):
        with pytest.raises(Invalid):
            await remote.look_up(street.runtime, typed)
    await software.refresh_software(street.runtime, host=street.lemmy.host)
    assert street.lemmy.fetched == []


async def test_whoever_joined_in_the_second_of_the_block_rests_soon(street: Street) -> None:
    """The housekeeping brings memberships into line with what is set."""
    async with street.runtime.db.transaction() as conn:
        await instances.set_policy(conn, street.urls, street.lemmy.host, "blocked", "", None)
    assert (await street.group()).member_count == 3
    await housekeeping.tidy(street.runtime)
    assert (await street.group()).member_count == 2
