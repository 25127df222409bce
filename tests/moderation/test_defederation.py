"""What a change of policies would do, who would lose what, and memberships that rest while a block lasts."""

import pytest

from moderation import defederation, instances
from moderation.blocklists import Listed
from moderation.defederation import plan
from moderation.instances import Policies
from server.community import access, actors, groups, memberships
from server.community.actors import Actor
from server.community.groups import Group
from server.errors import Refused
from tests.moderation.conftest import Neighbourhood


def listed(**hosts: str) -> dict[str, Listed]:
    named = {name.replace("_", "."): policy for name, policy in hosts.items()}
    return {host: Listed(host, policy) for host, policy in named.items()}


def changed(now: dict[str, str], wanted: dict[str, Listed], *, weaken: bool = False) -> dict[str, str]:
    return {host: item.policy for host, item in plan(Policies(now), wanted, weaken=weaken).changes.items()}


def test_a_list_adds_and_makes_stricter() -> None:
    now = {"b.example": "limited", "c.example": "blocked"}
    found = plan(Policies(now), listed(a_example="blocked", b_example="blocked", c_example="blocked"))
    assert {host: item.policy for host, item in found.changes.items()} == {
        "a.example": "blocked",
        "b.example": "blocked",
    }
    assert (found.before, found.same) == ({"a.example": None, "b.example": "limited"}, 1)


def test_a_list_makes_nothing_weaker_unless_asked() -> None:
    now, wanted = {"a.example": "blocked"}, listed(a_example="limited", b_example="open")
    assert changed(now, wanted) == {"b.example": "open"}
    assert plan(Policies(now), wanted).kept == [("a.example", "limited", "blocked")]
    assert changed(now, wanted, weaken=True) == {"a.example": "limited", "b.example": "open"}


@pytest.mark.parametrize("parent_is", ["set", "listed"])
def test_nor_by_way_of_a_subdomain(parent_is: str) -> None:
    now = {"a.example": "blocked"} if parent_is == "set" else {}
    wanted = listed(x_a_example="limited") | ({} if now else listed(a_example="blocked"))
    assert "x.a.example" not in changed(now, wanted)
    assert changed(now, wanted, weaken=True)["x.a.example"] == "limited"


def test_while_only_the_listed_take_part_no_list_lets_anybody_in() -> None:
    now = {instances.OTHERS: "blocked"}
    assert changed(now, listed(a_example="limited", b_example="blocked")) == {"b.example": "blocked"}
    assert changed(now, listed(a_example="open"), weaken=True) == {"a.example": "open"}


async def far_actor(town: Neighbourhood, kind: str, name: str, host: str) -> Actor:
    async with town.runtime.db.transaction() as conn:
        made = await actors.save_remote(
            conn,
            kind=kind,
            name=name,
            host=host,
            uri=f"https://{host}/{name}",
            url=None,
            title=name.title(),
            about_html="",
        )
        assert made is not None
        if kind == "group":
            await groups.know_remote(conn, made.id, posting="anyone", join_mode="open")
        return made


async def join(town: Neighbourhood, person: Actor, group_id: int) -> None:
    async with town.runtime.db.transaction() as conn:
        group = await groups.BY_ID.one(conn, group_id, person.id)
        assert group is not None
        if await memberships.join(conn, person, group) == "asked" and not group.local:
            await memberships.answer(conn, group, person, accept=True)


async def group_as(town: Neighbourhood, person: Actor, group_id: int) -> Group:
    async with town.runtime.db.read() as conn:
        group = await groups.BY_ID.one(conn, group_id, person.id)
    assert group is not None
    return group


class Ties:
    """Ana belongs to gardening@garden.example; Gus of garden.example and Eva of eva.example to our group."""

    def __init__(self, town: Neighbourhood) -> None:
        self.town = town

    async def open(self) -> "Ties":
        self.ana = await self.town.actor("ana")
        self.gardening = await far_actor(self.town, "group", "gardening", "garden.example")
        self.gus = await far_actor(self.town, "person", "gus", "garden.example")
        self.eva = await far_actor(self.town, "person", "eva", "eva.example")
        await join(self.town, self.ana, self.gardening.id)
        for person in (self.gus, self.eva):
            await join(self.town, person, self.town.group_id)
        return self

    async def set(self, host: str, policy: str, group_id: int | None = None) -> int:
        async with self.town.runtime.db.transaction() as conn:
            await instances.set_policy(conn, self.town.urls, host, policy, "", None, group_id)
            return await defederation.settle(conn)

    async def states(self) -> dict[str, str | None]:
        return {
            "ana": (await group_as(self.town, self.ana, self.gardening.id)).membership,
            "gus": (await group_as(self.town, self.gus, self.town.group_id)).membership,
            "eva": (await group_as(self.town, self.eva, self.town.group_id)).membership,
        }


@pytest.fixture
async def ties(town: Neighbourhood) -> Ties:
    return await Ties(town).open()


async def test_the_dry_run_names_who_would_lose_what(town: Neighbourhood, ties: Ties) -> None:
    async with town.runtime.db.read() as conn:
        found = await defederation.losses(conn, {"garden.example": "blocked", "eva.example": "limited"})
    assert (found.cut, found.held, found.back) == (["garden.example"], ["eva.example"], [])
    assert [(loss.name, loss.target_title, loss.target_host) for loss in found.residents] == [
        ("ana", "Gardening", "garden.example")
    ]
    ((group, lost, hosts),) = [(loss.name, loss.lost, loss.hosts) for loss in found.groups]
    assert (group, lost, hosts) == ("oak_street", 1, ["garden.example"])
    assert await ties.states() == {"ana": "joined", "gus": "joined", "eva": "joined"}


async def test_a_block_lets_memberships_rest_and_its_end_restores_them(town: Neighbourhood, ties: Ties) -> None:
    members = (await town.group()).member_count
    assert await ties.set("garden.example", "blocked") == 2
    assert await ties.states() == {"ana": "suspended", "gus": "suspended", "eva": "joined"}
    assert (await town.group()).member_count == members - 1
    assert await ties.set("garden.example", "blocked") == 0
    group = await group_as(town, ties.ana, ties.gardening.id)
    with pytest.raises(Refused) as refused:
        access.check_may_post(group, None)
    assert refused.value.code == "suspended"
    async with town.runtime.db.transaction() as conn:
        with pytest.raises(Refused):
            await memberships.join(conn, ties.ana, group)
    assert await ties.set("garden.example", "limited") == 2
    assert await ties.states() == {"ana": "joined", "gus": "joined", "eva": "joined"}
    assert (await town.group()).member_count == members
    told = await town.runtime.db.pool.fetch("select kind from notifications where account_id = $1", ties.ana.id)
    kinds = [row["kind"] for row in told]
    assert [kind for kind in kinds if kind.startswith("membership")] == ["membership_rests", "membership_resumes"]


async def test_with_only_the_listed_all_others_rest(town: Neighbourhood, ties: Ties) -> None:
    async with town.runtime.db.read() as conn:
        found = await defederation.losses(conn, {instances.OTHERS: "blocked"})
    assert found.cut == ["eva.example", "garden.example"]
    await ties.set("garden.example", "open")
    assert await ties.set(instances.OTHERS, "blocked") == 1
    assert await ties.states() == {"ana": "joined", "gus": "joined", "eva": "suspended"}
    async with town.runtime.db.read() as conn:
        assert await instances.policy_of(conn, "nobody.example") == "blocked"
        assert await instances.policy_of(conn, "sub.garden.example") == "open"
    assert await ties.set(instances.OTHERS, "open") == 1


async def test_a_groups_policy_holds_in_that_group_alone(town: Neighbourhood, ties: Ties) -> None:
    assert await ties.set("garden.example", "blocked", town.group_id) == 1
    assert await ties.states() == {"ana": "joined", "gus": "suspended", "eva": "joined"}
    async with town.runtime.db.read() as conn:
        policies = await instances.current(conn)
        with pytest.raises(Refused):
            await instances.check_welcome_in(conn, town.group_id, "garden.example")
        with pytest.raises(Refused):
            await instances.check_welcome_in(conn, town.group_id, "garden.example", policies)
        await instances.check_welcome_in(conn, ties.gardening.id, "garden.example")
        await instances.check_welcome_in(conn, ties.gardening.id, "garden.example", policies)
        await instances.check_welcome_in(conn, town.group_id, None)
    assert policies.of("garden.example") == "open"


@pytest.mark.parametrize(("place", "group", "counts"), [
    ("limited", "open", "limited"), ("limited", "blocked", "blocked"), ("blocked", "open", "blocked"),
    ("open", "limited", "limited"),
])  # fmt: skip
async def test_of_group_and_place_the_stricter_counts(
    town: Neighbourhood, ties: Ties, place: str, group: str, counts: str
) -> None:
    await ties.set("garden.example", place)
    await ties.set("garden.example", group, town.group_id)
    async with town.runtime.db.read() as conn:
        assert (await instances.current(conn)).within(town.group_id, "garden.example") == counts


async def test_a_limited_server_is_held_in_the_group_that_says_so(town: Neighbourhood, ties: Ties) -> None:
    await ties.set("remote.example", "limited", town.group_id)
    await town.remote_person("rex")
    assert (await town.post("rex", "Hello from afar")).state == "held"
