"""Somebody points moderators to a post and to the rule that it breaks. Owns the table `reports`.

A report asks a person to look; however many there are, none hides anything by itself.
"""

from moderation import cases, rules
from server import jobs, text
from server.community import access, notifications, posts
from server.community.actors import Actor
from server.community.groups import Group
from server.community.posts import Post
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, NotFound, Refused
from server.ids import new_id
from server.runtime import Runtime

MAX_COMMENT = 4000


class Report(Row, frozen=True):
    id: int
    case_id: int
    post_id: int
    reporter_id: int
    rule_id: int | None
    comment: str
    uri: str | None
    forward: bool


class _Answer(Row, frozen=True):
    """What one reporter is told about the decision on their report."""

    reporter_id: int
    post_id: int
    group_id: int
    verb: str
    rule_number: int | None
    rule_title: str | None


ADD = Command(
    """insert into reports (id, case_id, post_id, reporter_id, rule_id, comment, uri, forward)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing"""
)
_SELECT = "select id, case_id, post_id, reporter_id, rule_id, comment, uri, forward from reports "
BY_ID = Query(Report, _SELECT + "where id = $1")
BY_URI = Query(Report, _SELECT + "where uri = $1")
BY_REPORTER = Query(Report, _SELECT + "where case_id = $1 and reporter_id = $2")
ANSWERS = Query(
    _Answer,
    """
    select r.reporter_id, r.post_id, d.group_id, d.verb, v.number as rule_number, v.title as rule_title
      from reports r join decisions d on d.id = $2
      left join rule_versions v on v.rule_id = d.rule_id and v.version = d.rule_version
     where r.case_id = $1 order by r.id""",
)


async def file_report(
    conn: Conn, reporter: Actor, post: Post, group: Group, rule_id: int | None, comment: str, uri: str | None = None,
    *, forward: bool = False,
) -> int:  # fmt: skip
    """Report a post that the reporter may see; returns the report's id, for a repeated one the first's.

    `group` must be as the reporter sees it. `forward`: other servers concerned may have it in the reporter's own words.

    A resident must name a rule (Invalid), where there is any: a group elsewhere, or a new one, may have none that is
    known here. A Flag from elsewhere, which brings its `uri`, may name none. Raises NotFound
    for what is not published, Refused: own_post, banned.
    """
    access.check_not_banned(group)
    if uri is not None and (known := await BY_URI.one(conn, uri)):
        return known.id
    # A report must not become a way to make moderators show what its writer may not see (security.md H8).
    post = await posts.by_id(conn, post.id, lock=True)
    if post.state != "published":
        raise NotFound("post")
    if post.author_id == reporter.id:
        raise Refused("own_post", "This is your own post. You can change or delete it.")
    named = rule_id is not None or (reporter.local and bool(await rules.for_group(conn, group.id)))
    rule = await rules.check_rule(conn, group.id, rule_id) if named else None
    comment = text.check_text("comment", comment, at_most=MAX_COMMENT)
    case_id = await cases.open_case(conn, post, post.revision, "report")
    report_id = new_id()
    if not await ADD.run(
        conn, report_id, case_id, post.id, reporter.id, rule.id if rule else None, comment, uri, forward
    ):
        return await _first(conn, case_id, reporter.id)
    # A group elsewhere must hear of it; the server of an author in a group of ours, only where the reporter says so.
    if reporter.local and (forward or not group.local):
        await jobs.enqueue(conn, "spread_report", {"report_id": report_id})
    return report_id


async def _first(conn: Conn, case_id: int, reporter_id: int) -> int:
    first = await BY_REPORTER.one(conn, case_id, reporter_id)
    # The other unique column: the address of somebody else's report.
    if first is None:
        raise Invalid({"uri": "There is another report under this address."})
    return first.id


async def by_id(conn: Conn, report_id: int) -> Report | None:
    """A report, whoever asks; only moderators and the job that sends it may."""
    return await BY_ID.one(conn, report_id)


async def tell_reporters(conn: Conn, _runtime: Runtime, *, case_id: int, decision_id: int) -> None:
    """Job: whoever reported learns what was decided, in a few words; reporters elsewhere cannot be told."""
    for answer in await ANSWERS.all(conn, case_id, decision_id):
        detail: dict[str, object] = {
            "verb": answer.verb,
            "rule_number": answer.rule_number,
            "rule_title": answer.rule_title,
        }
        await notifications.notify(
            conn, answer.reporter_id, "report_answered", post_id=answer.post_id, group_id=answer.group_id, detail=detail
        )
