"""Many at once: one effect, and counts that equal a recount."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from starlette.applications import Starlette

from server import limits
from server.community import accounts, actors, groups, memberships, posts, votes
from server.db import Conn
from server.errors import MootError, Refused, TooMany
from server.runtime import Runtime
from tests.browser_like import Browser
from tests.federation.street import GROUP, Street, addressed

Deed = Callable[[Conn], Awaitable[object]]


async def at_once(runtime: Runtime, deeds: list[Deed]) -> list[object]:
    """Each in a transaction of its own that begins before any other ends; what each returned or raised."""
    ready = asyncio.Barrier(len(deeds))

    async def one(deed: Deed) -> object:
        async with runtime.db.transaction() as conn:
            await conn.fetchval("select 1")
            await ready.wait()
            return await deed(conn)

    return await asyncio.gather(*map(one, deeds), return_exceptions=True)


async def while_open(runtime: Runtime, first: Deed, second: Deed) -> list[object]:
    """The second begins when the first has done its deed and not yet committed: it waits, or it has seen too little."""
    async with runtime.db.transaction() as conn:
        await first(conn)
        waiting = asyncio.create_task(at_once(runtime, [second]))
        await asyncio.wait({waiting}, timeout=0.5)
    return await waiting


def faults(answers: list[object]) -> list[object]:
    return [answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, MootError)]


async def _counts(runtime: Runtime) -> list[tuple[int, int]]:
    """Each kept count beside its recount."""
    async with runtime.db.read() as conn:
        rows = await conn.fetch(
            """
            select member_count as kept, (select count(*) from memberships m
                where m.target_id = g.actor_id and m.state = 'joined') as counted from groups g
            union all
            select thank_count, (select count(*) from votes v where v.post_id = p.id and v.value = 1) from posts p
            union all
            select attested_count, (select count(*) from attested_votes v where v.post_id = p.id) from posts p
            union all
            select reply_count, (select count(*) from posts r where r.root_id = p.id and r.id <> p.id
                and r.state = 'published') from posts p where p.parent_id is null
            union all
            select thread_count, (select count(*) from posts p where p.group_id = g.actor_id and p.parent_id is null
                and p.state = 'published') from groups g"""
        )
    return [(row["kept"], row["counted"]) for row in rows]


async def _all_counts_are_true(runtime: Runtime) -> bool:
    return all(kept == counted for kept, counted in await _counts(runtime))


async def test_A7_the_same_activity_in_two_inboxes_twenty_times(street: Street) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    paths = ["/ap/inbox", "/ap/groups/elm_street/inbox"] * 10
    answers = await asyncio.gather(*(street.moot.deliver(create, path=path) for path in paths))
    assert {answer.status for answer in answers} == {202}
    await street.settle()
    assert await street.count_posts() == 1
    assert len([sent for sent in street.lemmy.inbox if sent["type"] == "Announce"]) == 1


async def test_votes_of_one_person_in_every_order(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    mia = await street.actor(street.mia_id)
    deeds: list[Deed] = [
        lambda conn: votes.thank(conn, mia, thread),
        lambda conn: votes.take_back(conn, mia, thread),
        lambda conn: votes.dislike(conn, mia, thread, uri="http://peer.test/1"),
    ]
    for turn in range(12):
        answers = await at_once(street.runtime, (deeds[turn % 3 :] + deeds[: turn % 3])[: 2 + turn % 2])
        assert faults(answers) == []
        assert await _all_counts_are_true(street.runtime)


async def test_joining_and_leaving_at_once(street: Street) -> None:
    ana = await street.actor(street.ana_id)

    async def join(conn: Conn) -> object:
        group = await groups.BY_ID.one(conn, street.group_id, street.ana_id)
        assert group is not None
        return await memberships.join(conn, ana, group)

    async def leave(conn: Conn) -> object:
        group = await groups.BY_ID.one(conn, street.group_id, street.ana_id)
        assert group is not None
        await memberships.leave(conn, ana, group)
        return None

    stale = await street.group(street.ana_id)
    for deeds in ([lambda conn: memberships.join(conn, ana, stale)] * 4, [join, leave] * 2, [leave] * 3, [join, leave]):
        assert faults(await at_once(street.runtime, list(deeds))) == []
        assert await _all_counts_are_true(street.runtime)


async def test_two_moderators_answer_one_wish(street: Street) -> None:
    ana, group = await street.actor(street.ana_id), await street.group(street.ana_id)
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update groups set join_mode = 'ask'")
        await memberships.ASK.one(conn, ana.id, group.id, "asked", None)
    answers = await at_once(
        street.runtime, [lambda conn: memberships.answer(conn, group, ana, accept=True) for _ in range(4)]
    )
    assert faults(answers) == []
    assert await _all_counts_are_true(street.runtime)
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from notifications where kind = 'joined_group'") == 1


async def test_the_last_two_moderators_leave_at_once(street: Street) -> None:
    ana, mia = await street.actor(street.ana_id), await street.actor(street.mia_id)
    async with street.runtime.db.transaction() as conn:
        await memberships.add_moderator(conn, ana.id, street.group_id)
    as_ana, as_mia = await street.group(ana.id), await street.group(mia.id)
    answers = await while_open(
        street.runtime,
        lambda conn: memberships.leave(conn, ana, as_ana),
        lambda conn: memberships.leave(conn, mia, as_mia),
    )
    assert faults(answers) == []
    async with street.runtime.db.read() as conn:
        assert await memberships.MODERATOR_COUNT.value(conn, street.group_id) == 1


async def test_the_last_two_moderators_dismiss_each_other_at_once(street: Street) -> None:
    ana, group = await street.actor(street.ana_id), await street.group()
    async with street.runtime.db.transaction() as conn:
        await memberships.add_moderator(conn, ana.id, street.group_id)
    await while_open(
        street.runtime,
        lambda conn: memberships.set_role(conn, group, street.ana_id, "member"),
        lambda conn: memberships.set_role(conn, group, street.mia_id, "member"),
    )
    async with street.runtime.db.read() as conn:
        assert await memberships.MODERATOR_COUNT.value(conn, street.group_id) == 1


async def test_deleting_and_removing_at_once_counts_once(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    reply = await street.write(None, "By the school.", thread)

    async def delete(conn: Conn) -> object:
        await posts.delete_post(conn, await posts.by_id(conn, reply.id, lock=True))
        return None

    assert faults(await at_once(street.runtime, [delete] * 4)) == []
    await street.settle()
    assert await _all_counts_are_true(street.runtime)


@pytest.mark.parametrize("purpose", ["confirm", "reset"])
async def test_a_link_opens_once(street: Street, purpose: str) -> None:
    """G9."""
    async with street.runtime.db.transaction() as conn:
        secret = await accounts.issue_token(conn, street.ana_id, purpose)

    async def use(conn: Conn) -> object:
        if purpose == "confirm":
            return await accounts.confirm(conn, secret, "open")
        return await accounts.reset_password(conn, secret, "a new long sentence")

    answers = await at_once(street.runtime, [use] * 8)
    assert faults(answers) == []
    assert sum(not isinstance(answer, MootError) for answer in answers) == 1


async def test_an_invitation_for_one_lets_one_in(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        secret = await accounts.invite(conn, street.mia_id)

    def sign_up(number: int) -> Deed:
        form = accounts.SignUp(f"guest_{number}", f"g{number}@post.example", "a long sentence", invite=secret)
        return lambda conn: accounts.sign_up(conn, street.urls, "invite", form)

    answers = await at_once(street.runtime, [sign_up(number) for number in range(8)])
    assert faults(answers) == []
    assert sum(not isinstance(answer, MootError) for answer in answers) == 1


async def test_an_application_is_decided_once(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update accounts set state = 'waiting' where actor_id = $1", street.ana_id)
    answers = await while_open(
        street.runtime,
        lambda conn: accounts.approve(conn, street.ana_id),
        lambda conn: accounts.refuse(conn, street.ana_id),
    )
    assert [type(answer) for answer in answers] == [Refused]


async def test_a_limit_counts_all_who_come_at_once(street: Street) -> None:
    limit = limits.Limit(3, 900)
    answers = await at_once(street.runtime, [lambda conn: limits.count(conn, "race", limit)] * 8)
    assert sum(answer is None for answer in answers) == 3


async def test_those_who_come_at_once_share_what_is_booked(street: Street) -> None:
    """A busy server elsewhere sends a hundred activities at once: none is refused before its limit is reached."""
    booked = limits.Booked(street.runtime.db, limits.Limit(100, 900), 20)
    answers = await asyncio.gather(*(booked.count("busy") for _ in range(120)), return_exceptions=True)
    assert sum(isinstance(answer, TooMany) for answer in answers) == 20
    assert answers.count(True) == 5


async def test_follows_at_once_count_one_member(street: Street) -> None:
    nora = street.mastodon.actor("nora")
    follows = [street.mastodon.activity("Follow", nora, GROUP) for _ in range(8)]
    answers = await asyncio.gather(*(street.moot.deliver(follow) for follow in follows))
    assert {answer.status for answer in answers} == {202}
    assert await _all_counts_are_true(street.runtime)
    async with street.runtime.db.read() as conn:
        actor = await actors.by_uri(conn, nora)
    assert actor is not None


async def test_seen_is_written_with_the_effect_or_not_at_all(street: Street) -> None:
    """What failed here is sent again, and is not taken for a repeat then: neither after a fault nor after a refusal."""
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    async with street.runtime.db.transaction() as conn:
        await conn.execute(
            """create function fault() returns trigger language plpgsql as $$ begin raise 'a fault'; end $$;
               create trigger fault before insert on posts for each row execute function fault()"""
        )
    with pytest.raises(asyncpg.RaiseError):
        await street.moot.deliver(create)
    async with street.runtime.db.transaction() as conn:
        await conn.execute("drop trigger fault on posts")
        await conn.execute("update groups set posting = 'members'")
    nora = street.mastodon.actor("nora")
    early = addressed(street, street.mastodon, nora, "<p>May I?</p>")
    assert (await street.moot.deliver(early)).status == 403
    assert (await street.moot.deliver(street.mastodon.activity("Follow", nora, GROUP))).status == 202
    for activity in (create, early):
        assert (await street.moot.deliver(activity)).status == 202
        await street.settle()
        assert (await street.post(activity["object"]["id"])).state == "published"


async def test_D14_two_hundred_edits_of_one_post_at_once(street: Street, app: Starlette) -> None:
    """They wait for each other and for nobody else: a page is read meanwhile, and the last edit stands in the end."""
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    note = create["object"]
    edits = [
        street.mastodon.activity("Update", street.max, note | {"content": f"<p>Edit {number}.</p>"})
        for number in range(200)
    ]
    sending = asyncio.gather(*(street.moot.deliver(edit) for edit in edits))
    pages = [await Browser(app).get("/g/elm_street") for _ in range(3)]
    assert {page.status for page in pages} == {200}
    assert {answer.status for answer in await sending} == {202}
    await street.settle()
    async with street.runtime.db.read() as conn:
        kept = await conn.fetchrow(
            """select count(*) as edits, (array_agg(html order by number desc))[1] as last from revisions
                where post_id = (select id from posts where uri = $1)""",
            note["id"],
        )
    assert kept is not None
    assert kept["edits"] == 201
    assert (await street.post(note["id"])).html == kept["last"]
