"""What the moderators of a group elsewhere do to its threads and people is mirrored here, for our readers."""

import typing

import pytest

from federation import moderators
from server.community import access, memberships
from server.community.groups import FOR_GOOD
from server.errors import Refused
from tests.conftest import MovedClock
from tests.federation.allotment import Allotment
from tests.federation.peer import peer
from tests.federation.street import Street


@pytest.fixture
async def allotment(street: Street) -> Allotment:
    return await Allotment.joined(street, street.lemmy)


async def listed(allotment: Allotment) -> list[str]:
    async with allotment.street.runtime.db.read() as conn:
        return await moderators.listed(conn, allotment.group_id)


async def news(street: Street) -> list[str]:
    async with street.runtime.db.read() as conn:
        rows = await conn.fetch(
            "select kind from notifications where account_id = $1 and kind like '%ban%' order by id", street.ana_id
        )
    return [row["kind"] for row in rows]


async def test_the_list_is_read_from_the_groups_own_server(allotment: Allotment) -> None:
    assert await listed(allotment) == [allotment.mona]


@pytest.mark.parametrize("directly", [False, True])
async def test_a_thread_is_closed_with_its_reason_and_opened(
    street: Street, allotment: Allotment, directly: bool
) -> None:
    page = await allotment.thread()
    lock = allotment.deed("Lock", page["id"], summary="All is said.")
    if directly:
        assert await allotment.send(lock) == "done"
    else:
        await allotment.announce(lock)
    post = await street.post(page["id"])
    assert (post.locked, post.lock_reason) == (True, "All is said.")
    with pytest.raises(Refused, match="All is said"):
        access.check_unlocked(post, await allotment.group())
    undo = allotment.deed("Undo", lock)
    if directly:
        assert await allotment.send(undo) == "done"
    else:
        await allotment.announce(undo)
    assert not (await street.post(page["id"])).locked


@pytest.mark.parametrize("by_the_group", [False, True])
async def test_threads_are_pinned_and_not(street: Street, allotment: Allotment, by_the_group: bool) -> None:
    page = await allotment.thread()
    by, target = allotment.uri if by_the_group else "", f"{allotment.uri}/featured"

    async def pinned() -> bool:
        async with street.runtime.db.read() as conn:
            return bool(await conn.fetchval("select pinned from posts where uri = $1", page["id"]))

    await allotment.announce(allotment.deed("Add", page["id"], by, target=target))
    assert await pinned()
    await allotment.announce(allotment.deed("Remove", page["id"], by, target=target))
    assert not await pinned()


async def test_moderators_come_and_go(street: Street, allotment: Allotment) -> None:
    page, paul = await allotment.thread(), allotment.there.actor("paul")
    target = f"{allotment.uri}/moderators"
    await allotment.announce(allotment.deed("Add", paul, target=target))
    assert await listed(allotment) == [allotment.mona, paul]
    await allotment.announce(allotment.deed("Add", paul, target=target))
    await allotment.announce(allotment.deed("Lock", page["id"], paul))
    assert (await street.post(page["id"])).locked
    await allotment.announce(allotment.deed("Remove", paul, target=target))
    assert await listed(allotment) == [allotment.mona]


async def test_a_new_moderator_is_found_in_the_groups_own_list(
    street: Street, allotment: Allotment, moved_clock: MovedClock
) -> None:
    page, paul = await allotment.thread(), allotment.there.actor("paul")
    allotment.list_moderators(paul)
    await moved_clock.advance(minutes=30)
    await allotment.announce(allotment.deed("Lock", page["id"], paul))
    assert (await street.post(page["id"])).locked
    assert await listed(allotment) == [paul]


async def test_one_of_ours_who_is_banned_is_told_and_refused(street: Street, allotment: Allotment) -> None:
    ana = street.urls.actor("person", "ana")
    block = allotment.deed(
        "Block", ana, target=allotment.uri, summary="Spam", endTime="2099-11-01T12:23:50.151874Z"
    )  # fmt: skip
    await allotment.announce(block)
    group = await allotment.group()
    assert group.banned_until is not None
    assert (group.banned_until.year, group.membership) == (2099, "refused")
    with pytest.raises(Refused, match="banned you until 2099-11-01"):
        access.check_may_post(group, None)
    assert await news(street) == ["banned_elsewhere"]
    await allotment.announce(allotment.deed("Undo", block))
    assert (await allotment.group()).banned_until is None
    assert await news(street) == ["banned_elsewhere", "unbanned"]


async def test_a_ban_ends_by_either_name(allotment: Allotment) -> None:
    ana = allotment.street.urls.actor("person", "ana")
    await allotment.announce(
        allotment.deed("Block", ana, target=allotment.uri, expires="2099-11-01T12:23:50+00:00")
    )  # fmt: skip
    until = (await allotment.group()).banned_until
    assert until is not None
    assert until.year == 2099


@pytest.mark.parametrize(
    "end", [None, "soon", 7, "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"]
)
async def test_a_ban_without_an_end_that_can_be_read_has_none(allotment: Allotment, end: object) -> None:
    ana = allotment.street.urls.actor("person", "ana")
    more: dict[str, typing.Any] = {} if end is None else {"endTime": end}
    await allotment.announce(allotment.deed("Block", ana, target=allotment.uri, **more))
    assert (await allotment.group()).banned_until == FOR_GOOD


async def test_what_the_banned_wrote_goes_if_the_group_says_so(street: Street, allotment: Allotment) -> None:
    page, ours = await allotment.thread(), await allotment.ours()
    ana = street.urls.actor("person", "ana")
    await allotment.announce(allotment.deed("Block", ana, target=allotment.uri, removeData=True))
    assert (await street.post(ours.uri)).state == "removed"
    assert (await street.post(page["id"])).state == "published"
    await allotment.announce(allotment.deed("Block", allotment.gil, target=allotment.uri, removeData=True))
    assert (await street.post(page["id"])).state == "removed"


@pytest.mark.parametrize(("restores", "state"), [(True, "published"), (False, "removed"), ("yes", "removed")])
async def test_it_comes_back_with_the_end_of_the_ban_if_the_group_says_so(
    street: Street, allotment: Allotment, restores: object, state: str
) -> None:
    ours, kept = await allotment.ours(), await allotment.ours()
    await allotment.hide_here(kept)
    ban = allotment.deed("Block", street.urls.actor("person", "ana"), target=allotment.uri, removeData=True)
    await allotment.announce(ban)
    assert (await street.post(ours.uri)).state == "removed"
    await allotment.announce(allotment.deed("Undo", ban, restoreData=restores))
    assert (await street.post(ours.uri)).state == state
    # What the people who run this place took away is not the group's to give back.
    assert (await street.post(kept.uri)).state == "removed"


async def test_a_ban_there_shuts_nothing_here(street: Street, allotment: Allotment) -> None:
    ana = street.urls.actor("person", "ana")
    post = await street.write("At home", "Here I may.")
    await allotment.announce(allotment.deed("Block", ana, target=allotment.uri, removeData=True))
    home = await street.group(street.ana_id)
    assert home.banned_until is None
    assert (await street.post(post.uri)).state == "published"
    access.check_may_post(home, None)


async def test_it_counts_once_who_is_banned_twice(street: Street, allotment: Allotment) -> None:
    ana = street.urls.actor("person", "ana")
    before = (await allotment.group()).member_count
    for _ in range(2):
        await allotment.announce(allotment.deed("Block", ana, target=allotment.uri))
    assert (await allotment.group()).member_count == before - 1
    async with street.runtime.db.transaction() as conn:
        with pytest.raises(Refused):
            await memberships.join(conn, await street.actor(street.ana_id), await allotment.group())


@pytest.mark.parametrize(
    ("kind", "what", "more", "reason"),
    [
        # Mastodon's, of one person by another.
        ("Block", "ana", {}, "no_group"),
        # Lemmy's, from a whole server.
        ("Block", "ana", {"target": "site"}, "other_target"),
        ("Block", "nobody", {"target": "group"}, "unknown_person"),
        ("Block", "ana", {"target": "featured"}, "other_target"),
        # NodeBB's move of a topic from one category to another.
        ("Add", "thread", {"target": "site"}, "other_target"),
        ("Remove", "thread", {"target": "group"}, "other_target"),
        ("Add", "nobody", {"target": "featured"}, "unknown_post"),
        ("Lock", "nobody", {}, "unknown_post"),
        ("Lock", "reply", {}, "not_a_thread"),
        ("Undo", "follow", {}, "nothing_to_undo"),
        ("Warn", "thread", {}, "warning"),
        ("Resolve", "thread", {}, "report_resolved"),
    ],
)
async def test_what_has_no_effect_says_why(
    street: Street, allotment: Allotment, kind: str, what: str, more: dict[str, str], reason: str
) -> None:
    page = await allotment.thread()
    answer = allotment.there.note(allotment.gil, "<p>I do.</p>", inReplyTo=page["id"], cc=[allotment.uri])
    await allotment.announce(allotment.there.activity("Create", allotment.gil, answer))
    things: dict[str, object] = {
        "ana": street.urls.actor("person", "ana"), "nobody": f"{allotment.there.base}/u/nobody", "thread": page["id"],
        "reply": answer["id"], "site": f"{allotment.there.base}/", "group": allotment.uri,
        "featured": f"{allotment.uri}/featured",
        "follow": {"type": "Block", "actor": allotment.mona, "object": page["id"]},
    }  # fmt: skip
    if kind == "Undo":
        things["follow"] = {"type": "Accident", "actor": allotment.mona, "object": page["id"]}
    targets: dict[str, typing.Any] = {name: things[value] for name, value in more.items()}
    assert await allotment.send(allotment.deed(kind, things[what], **targets)) == reason


async def test_moderators_on_other_servers_become_known(street: Street, allotment: Allotment) -> None:
    async with peer("127.0.0.7", "piefed") as far:
        allotment.list_moderators(allotment.mona, far.actor("petra"), f"{street.lemmy.base}/u/gone")
        assert await allotment.send(allotment.there.activity("Update", allotment.uri, allotment.uri)) == "done"
        async with street.runtime.db.read() as conn:
            assert await conn.fetchval("select count(*) from actors where uri = $1", f"{far.base}/u/petra") == 1
