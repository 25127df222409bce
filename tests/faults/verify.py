"""The invariants, checked over the database and what a sink elsewhere took (I-1, I-2, I-3, I-7, no orphans)."""

from collections import Counter, defaultdict

from tests.federation.peer import Document
from tests.real_moot import RealMoot

# Each counts what must not be there.
BROKEN = {
    "a post has a wrong count of thanks": """
        select count(*) from posts p where thank_count <>
            (select count(*) from votes v where v.post_id = p.id and value = 1)""",
    "a post has a wrong count of what a group reports": """
        select count(*) from posts p where attested_count <>
            (select count(*) from attested_votes v where v.post_id = p.id)""",
    "a thread has a wrong count of replies": """
        select count(*) from posts p where parent_id is null and reply_count <>
            (select count(*) from posts r where r.root_id = p.id and r.id <> p.id and r.state = 'published')""",
    "a group has a wrong count of threads": """
        select count(*) from groups g where thread_count <>
            (select count(*) from posts p where p.group_id = g.actor_id and p.parent_id is null
                and p.state = 'published')""",
    "a post is published, and its revision is not": """
        select count(*) from posts p join revisions r on r.post_id = p.id and r.number = p.revision
         where p.state = 'published' and r.state <> 'published'""",
    "a post has no revision": """
        select count(*) from posts p where not exists (select 1 from revisions r where r.post_id = p.id)""",
    "a published post of a group of ours was not told to its readers": """
        select count(*) from posts p join actors g on g.id = p.group_id and g.host is null
         where p.state = 'published' and not exists (
            select 1 from activities a where a.post_id = p.id and a.type = 'Announce')""",
    "a decision was written twice": """
        select count(*) from (select 1 from decisions where case_id is not null group by case_id
            having count(*) > 1) twice""",
    "a decided case is open": """
        select count(*) from cases c join decisions d on d.case_id = c.id where c.state = 'open'""",
    "the author was told of a decision twice": """
        select count(*) from (select 1 from notifications where detail ? 'decision_id'
            group by account_id, detail ->> 'decision_id' having count(*) > 1) twice""",
    "a delivery was given up": "select count(*) from dropped_deliveries",
    "a job was parked": "select count(*) from jobs where parked_at is not null",
}


async def verify(moot: RealMoot, taken: list[Document], posts: list[str], activities: list[str]) -> None:
    """Assert them all, once the moot is at rest.

    `posts` are the ids of posts that were acknowledged to people, `activities` the ids of those answered with 202.
    """
    for problem, sql in BROKEN.items():
        assert await moot.value(sql) == 0, problem
    await _no_post_is_lost_or_double(moot, taken, posts)
    seen = Counter(await _column(moot, "select uri from seen_activities"))
    assert {uri: seen[uri] for uri in activities} == dict.fromkeys(activities, 1)
    written = set(await _column(moot, "select uri from activities"))
    assert {str(activity["id"]) for activity in taken} <= written, "the sink got what we know nothing of"


async def _no_post_is_lost_or_double(moot: RealMoot, taken: list[Document], posts: list[str]) -> None:
    assert len(posts) == len(set(posts))
    told: dict[str, set[str]] = defaultdict(set)
    for activity in taken:
        inner = activity["object"]
        if activity["type"] == "Announce" and isinstance(inner, dict) and inner["type"] == "Create":
            told[inner["object"]["id"]].add(activity["id"])
    for post_id in posts:
        uri = await moot.value("select uri from posts where id = $1 and state = 'published'", int(post_id))
        assert uri is not None, f"post {post_id} was acknowledged, and is not published"
        assert len(told[uri]) == 1, f"the sink knows {len(told[uri])} announces of post {post_id}, not one"
    keys = "select count(*) from (select 1 from posts group by author_id, html having count(*) > 1) twice"
    # Tests write each text once, so that a second one would come from a form that was taken twice.
    assert await moot.value(keys) == 0


async def _column(moot: RealMoot, sql: str) -> list[str]:
    async with moot.runtime.db.read() as conn:
        return [record[0] for record in await conn.fetch(sql)]
