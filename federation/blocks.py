"""What a block keeps from leaving, asked of the database when something is about to: it counts once it is committed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from moderation import instances
from server.db import Conn, Query, Row


class _Set(Row, frozen=True):
    group_id: int | None
    host: str
    policy: str


SET = Query(
    _Set,
    """select null::int8 as group_id, host, policy from instance_policies where host = any($1::text[])
       union all select group_id, host, policy from group_policies where host = any($1::text[])""",
)


@dataclass(frozen=True)
class Blocks:
    """`hosts` get nothing of this place, and nothing of the group in each of `pairs` does its host get."""

    hosts: Collection[str] = frozenset()
    pairs: Collection[tuple[int, str]] = frozenset()

    def stop(self, sender_id: int, host: str) -> bool:
        return host in self.hosts or (sender_id, host) in self.pairs


async def upon(conn: Conn, hosts: Iterable[str]) -> Blocks:
    """What is blocked now of what may go to these hosts, in one query."""
    names = {host: instances.covering_names(host) for host in hosts}
    set_by: dict[int | None, dict[str, str]] = defaultdict(dict)
    for row in await SET.all(conn, list({name for covering in names.values() for name in covering})):
        set_by[row.group_id][row.host] = row.policy
    place = set_by.pop(None, {})
    return Blocks(
        {host for host, covering in names.items() if _closest(covering, place) == instances.BLOCKED},
        {
            (group_id, host)
            for group_id, policies in set_by.items()
            if group_id is not None
            for host, covering in names.items()
            if _closest(covering, policies) == instances.BLOCKED
        },
    )


def _closest(covering: Sequence[str], policies: Mapping[str, str]) -> str | None:
    """The policy of the longest name, which is the most exact one."""
    return next((policies[name] for name in covering if name in policies), None)
