"""What a moot holds of a group: its posts, who answers whom, who thanked for them, and what was removed."""

import dataclasses

from tests.real_moot import RealMoot

POSTS = """
    select p.uri, p.state, p.title, p.html, parent.uri as parent, root.uri as root, p.thank_count,
           array(select v.actor_id from votes v where v.post_id = p.id and v.value = 1) as voters,
           array(select a.uri from votes v join actors a on a.id = v.actor_id
                  where v.post_id = p.id and v.value = 1
                  union all select voter_uri from attested_votes t where t.post_id = p.id
                  order by 1) as thanked_by
      from posts p join actors g on g.id = p.group_id
      left join posts parent on parent.id = p.parent_id left join posts root on root.id = p.root_id
     where g.uri = $1 and p.position is not null and p.announced_at is not null"""


@dataclasses.dataclass(frozen=True)
class Held:
    """A post as one moot has it."""

    state: str
    title: str | None
    html: str
    parent: str | None
    root: str | None
    thanked_by: tuple[str, ...]


async def held_by(moot: RealMoot, group_uri: str) -> dict[str, Held]:
    async with moot.runtime.db.read() as conn:
        rows = await conn.fetch(POSTS, group_uri)
    for row in rows:
        assert row["thank_count"] == len(row["voters"]), row["uri"]
    return {
        row["uri"]: Held(
            row["state"], row["title"], row["html"], row["parent"], row["root"], tuple(row["thanked_by"])
        )
        for row in rows
    }  # fmt: skip


def differences(home: dict[str, Held], away: dict[str, Held]) -> list[str]:
    """What the two moots do not hold alike, in words.

    What was removed before it had travelled never comes, and what answers it has no place there.
    """
    found = []
    for uri, held in home.items():
        other = away.get(uri)
        if held.state == "removed":
            if other is not None and other.state != "removed":
                found.append(f"removed at home only: {uri}")
        elif other is None:
            if not _under_unknown(home, away, held):
                found.append(f"not away: {uri}")
        elif other != held:
            found.append(f"not alike: {held} {other}")
    return found + [f"not at home: {uri}" for uri in away if uri not in home]


def _under_unknown(home: dict[str, Held], away: dict[str, Held], held: Held) -> bool:
    while held.parent is not None:
        above = home[held.parent]
        if above.state == "removed" and held.parent not in away:
            return True
        held = above
    return False
