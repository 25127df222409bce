"""What a change of policies would do, told before anything is done; and memberships that rest while a block lasts.

Nothing is ended by a block: both sides' memberships wait, and are what they were when it is lifted.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping

import msgspec

from moderation import instances
from moderation.blocklists import Listed
from moderation.instances import BLOCKED, LIMITED, OPEN, STRICTNESS, Policies
from server.community import memberships, notifications
from server.community.memberships import Tie
from server.db import Conn, Query, Row

LIVING = ("asked", "joined")
SHOWN = 100


class ResidentsLoss(Row, frozen=True):
    """Somebody of ours who would no longer hear from a group or a person elsewhere."""

    person_id: int
    name: str
    title: str
    target_name: str
    target_host: str
    target_title: str
    total: int


class GroupsLoss(Row, frozen=True):
    """A group of ours, or one of our people, that would lose readers elsewhere."""

    name: str
    title: str
    kind: str
    lost: int
    hosts: list[str]


RESIDENTS_LOSE = Query(
    ResidentsLoss,
    """select p.id as person_id, p.name, p.title, t.name as target_name, t.host as target_host, t.title as target_title,
              (count(*) over ())::int4 as total
         from memberships m join actors p on p.id = m.person_id and p.host is null
         join actors t on t.id = m.target_id
        where t.host = any($1::text[]) and m.state in ('asked', 'joined')
        order by p.name, t.name limit $2""",
)
GROUPS_LOSE = Query(
    GroupsLoss,
    """select t.name, t.title, t.kind, count(*)::int4 as lost,
              (array_agg(distinct p.host order by p.host))[1:10] as hosts
         from memberships m join actors p on p.id = m.person_id
         join actors t on t.id = m.target_id and t.host is null
         join unnest($1::text[], $2::int8[]) as tie (host, group_id)
              on tie.host = p.host and tie.group_id is not distinct from case when t.kind = 'group' then t.id end
        where m.state in ('asked', 'joined')
        group by t.id, t.name, t.title, t.kind order by 4 desc, 1""",
)


class Losses(msgspec.Struct, frozen=True):
    """Who would lose what. `held`: servers with ties to us whose posts would wait; `back`: servers that return."""

    cut: list[str] = []
    held: list[str] = []
    back: list[str] = []
    residents: list[ResidentsLoss] = []
    groups: list[GroupsLoss] = []

    @property
    def residents_total(self) -> int:
        return self.residents[0].total if self.residents else 0

    @property
    def readers_total(self) -> int:
        return sum(group.lost for group in self.groups)

    @property
    def harm(self) -> bool:
        """Whether anybody's membership would rest."""
        return bool(self.residents or self.groups)


class Plan(msgspec.Struct, frozen=True):
    """What a list would change. `kept` are rows that are stricter than the list, with what they are now."""

    changes: dict[str, Listed]
    before: dict[str, str | None]
    kept: list[tuple[str, str, str]]
    same: int


def plan(now: Policies, listed: Mapping[str, Listed], *, weaken: bool = False) -> Plan:
    """Compare a list with what is set. A subdomain is judged after the domain above it, which may cover it."""
    running = Policies(now.place)
    changes: dict[str, Listed] = {}
    before: dict[str, str | None] = {}
    kept: list[tuple[str, str, str]] = []
    same = 0
    for item in sorted(listed.values(), key=lambda item: (item.host.count("."), item.host)):
        named = running.named(item.host)
        standing = running.of(item.host)
        if named == item.policy:
            same += 1
        elif STRICTNESS[item.policy] < STRICTNESS[standing] and not weaken:
            kept.append((item.host, item.policy, standing))
        else:
            changes[item.host], before[item.host] = item, named
            running.place[item.host] = item.policy
    return Plan(changes, before, kept, same)


def fingerprint(changes: Mapping[str, str | None], losses: Losses) -> str:
    """Names what a person has been shown, so that nothing else is done in its place."""
    shown = [sorted((host, policy or "") for host, policy in changes.items()), losses.cut, losses.held]
    shown += [losses.residents_total, losses.readers_total]
    return hashlib.sha256(msgspec.json.encode(shown)).hexdigest()[:32]


async def losses(conn: Conn, changes: Mapping[str, str | None], group_id: int | None = None) -> Losses:
    """The dry run: who would lose what if these rows were set (None: taken away), here or in one group."""
    before = await instances.current(conn)
    after = before.with_changes(changes, group_id)
    ties = await memberships.ties(conn, *LIVING)
    cut = _blocked(after, ties) - _blocked(before, ties)
    back = await memberships.ties(conn, "suspended")
    returning = _blocked(before, back) - _blocked(after, back)
    held = {tie.host for tie in ties if _policy(after, tie) == LIMITED and _policy(before, tie) == OPEN}
    hosts = sorted({tie.host for tie in cut if tie.group_id is None})
    return Losses(
        cut=sorted({tie.host for tie in cut}),
        held=sorted(held),
        back=sorted({tie.host for tie in returning}),
        residents=await RESIDENTS_LOSE.all(conn, hosts, SHOWN) if hosts else [],
        groups=await GROUPS_LOSE.all(conn, *_columns(cut)) if cut else [],
    )


async def settle(conn: Conn) -> int:
    """Bring memberships into line with the policies in force; returns how many changed. A second run changes none."""
    policies = await instances.current(conn)
    living = await memberships.ties(conn, *LIVING)
    resting = await memberships.ties(conn, "suspended")
    suspended = await memberships.suspend(conn, _blocked(policies, living))
    resumed = await memberships.resume(conn, set(resting) - _blocked(policies, resting))
    for changed, kind in ((suspended, "membership_rests"), (resumed, "membership_resumes")):
        for one in changed:
            # Who is here learns it: nobody's group falls silent without a word.
            if one.person_is_local and one.target_is_group:
                await notifications.notify(conn, one.person_id, kind, group_id=one.target_id)
    return len(suspended) + len(resumed)


def _blocked(policies: Policies, ties: Iterable[Tie]) -> set[Tie]:
    return {tie for tie in ties if _policy(policies, tie) == BLOCKED}


def _policy(policies: Policies, tie: Tie) -> str:
    return policies.of(tie.host) if tie.group_id is None else policies.within(tie.group_id, tie.host)


def _columns(ties: Collection[Tie]) -> tuple[list[str], list[int | None]]:
    return [tie.host for tie in ties], [tie.group_id for tie in ties]
