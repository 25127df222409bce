"""A person decides about a post: release or refuse what is held, keep or remove what is published. Owns `decisions`."""

import datetime as dt

import msgspec

from moderation import cases, rules
from moderation.cases import Case
from moderation.rules import Rule
from server import jobs, text
from server.community import access, actors, notifications, posts, revisions
from server.community.groups import Group
from server.community.posts import Post
from server.community.sessions import Viewer
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, Refused
from server.ids import new_id

MAX_REASON = 4000
HELD_VERBS = ("release", "refuse")
PUBLISHED_VERBS = ("keep", "remove")
AGAINST = ("refuse", "remove")
# What the author is told; that a post stays is no news to them.
_TOLD_AS = {"release": "released", "refuse": "refused", "remove": "removed", "restore": "restored"}


class Decision(Row, frozen=True):
    id: int
    case_id: int | None
    post_id: int
    revision: int
    group_id: int
    moderator_id: int
    verb: str
    rule_id: int | None
    rule_version: int | None
    reason: str
    reversed_by: int | None
    created_at: dt.datetime


class Judgement(msgspec.Struct, frozen=True):
    """What a moderator chose; `rule_id` is needed, and the reason too, where it goes against the author."""

    verb: str
    rule_id: int | None = None
    reason: str = ""


class Ground(msgspec.Struct, frozen=True):
    """On what a decision rests: who took it, by which rule, and why."""

    moderator_id: int | None
    rule_id: int | None
    rule_version: int | None
    reason: str


_SELECT = """
    select id, case_id, post_id, revision, group_id, moderator_id, verb, rule_id, rule_version, reason, reversed_by,
           created_at from decisions """

BY_ID = Query(Decision, _SELECT + "where id = $1")
LAST_REMOVAL = Query(Decision, _SELECT + "where post_id = $1 and verb = 'remove' order by id desc limit 1")
LAST_OF_POST = Command("select id from decisions where post_id = $1 order by id desc limit 1")
ADD = Command(
    """insert into decisions
           (id, case_id, post_id, revision, group_id, moderator_id, verb, rule_id, rule_version, reason)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
)
REVERSE = Command("update decisions set reversed_by = $2 where id = $1")


def verbs_for(post: Post, revision_state: str) -> tuple[str, ...]:
    """What can be decided about a post whose case concerns a revision in this state."""
    if revision_state == "held" or post.state in ("submitted", "held"):
        # A published post may be removed whatever becomes of the change that its author would like to make.
        return (*HELD_VERBS, "remove") if post.state == "published" else HELD_VERBS
    return PUBLISHED_VERBS if post.state == "published" else ()


async def decide(conn: Conn, viewer: Viewer, case_id: int, judgement: Judgement, *, version: int) -> int:
    """Decide a case as it was read in its `version`; returns the decision's id.

    Raises NotFound, Invalid (rule, reason), or Refused: decided_already, changed, own_post, verb_does_not_fit.
    """
    case, post, group = await cases.access_case(conn, viewer, case_id)
    if case.state != "open":
        raise Refused("decided_already", "Another moderator has decided this meanwhile.")
    if case.version != version:
        raise Refused("changed", "The author has changed this text meanwhile. Please read it again.")
    revision = await revisions.one(conn, post.id, case.revision)
    if judgement.verb not in verbs_for(post, revision.state):
        raise Refused("verb_does_not_fit", "This cannot be decided about the post as it stands now.")
    return await _decide(conn, viewer, post, group, judgement, case)


async def remove_directly(conn: Conn, viewer: Viewer, post_id: int, rule_id: int | None, reason: str) -> int:
    """Remove a published post that a moderator came across; an open case about it is decided with it."""
    post, group = await access.access_moderated_post(conn, viewer, post_id)
    if post.state != "published":
        raise Refused("not_published", "This post is not published.")
    case = await cases.open_of_post(conn, post.id)
    return await _decide(conn, viewer, post, group, Judgement("remove", rule_id, reason), case)


async def remove_after_ban(conn: Conn, post: Post, ban: Ground) -> None:
    """Remove a post with all that its author wrote in a group; the ban has told them why, once for all."""
    case = await cases.open_of_post(conn, post.id)
    decision_id = new_id()
    await _record(conn, decision_id, case, post, post.revision, "remove", ban)
    await _change_post(conn, post, post.revision, "remove", decision_id)
    if case is not None:
        await _settle(conn, post, case, "remove", decision_id)


async def restore(conn: Conn, viewer: Viewer, post_id: int, reason: str = "") -> int:
    """Show a removed post again; the record then says that its removal was reversed."""
    post, group = await access.access_moderated_post(conn, viewer, post_id)
    if post.state != "removed":
        raise Refused("not_removed", "This post was not removed.")
    decision_id = await _decide(conn, viewer, post, group, Judgement("restore", None, reason), None)
    if removal := await LAST_REMOVAL.one(conn, post.id):
        await REVERSE.run(conn, removal.id, decision_id)
    # A change that the author sent while the post was away has waited for this.
    latest = await revisions.latest(conn, post.id)
    if latest.state == "submitted":
        args: dict[str, object] = {"post_id": post.id, "number": latest.number}
        await jobs.enqueue(conn, "screen_revision", args, ordering=f"post:{post.id}")
    return decision_id


async def by_id(conn: Conn, decision_id: int) -> Decision | None:
    """A decision, whoever asks; pages read `record`."""
    return await BY_ID.one(conn, decision_id)


async def _decide(conn: Conn, viewer: Viewer, post: Post, group: Group, judgement: Judgement, case: Case | None) -> int:
    # Nobody judges in their own cause, not even a group's only moderator: an admin can.
    if post.author_id == viewer.account_id:
        raise Refused("own_post", "You wrote this yourself. Please leave it to another moderator.")
    rule, reason = await _ground(conn, group, judgement)
    revision = case.revision if case else post.revision
    decision_id = new_id()
    ground = Ground(viewer.account_id, rule.id if rule else None, rule.version if rule else None, reason)
    await _record(conn, decision_id, case, post, revision, judgement.verb, ground)
    await _change_post(conn, post, revision, judgement.verb, decision_id)
    await _tell(conn, post, group, judgement.verb, decision_id, rule, reason)
    if case is not None:
        await _settle(conn, post, case, judgement.verb, decision_id)
    return decision_id


async def _record(
    conn: Conn, decision_id: int, case: Case | None, post: Post, revision: int, verb: str, ground: Ground
) -> None:
    await ADD.run(
        conn, decision_id, case.id if case else None, post.id, revision, post.group_id, ground.moderator_id, verb,
        ground.rule_id, ground.rule_version, ground.reason,
    )  # fmt: skip


async def _settle(conn: Conn, post: Post, case: Case, verb: str, decision_id: int) -> None:
    """Close the case, unless only a change was sent back and the text that readers see is in question too."""
    if verb == "refuse" and post.was_published and await cases.return_to(conn, case.id, post.revision):
        return
    await cases.close(conn, post.id)
    await jobs.enqueue(conn, "report_closed", {"case_id": case.id, "decision_id": decision_id})


async def _ground(conn: Conn, group: Group, judgement: Judgement) -> tuple[Rule | None, str]:
    reason = text.check_text("reason", judgement.reason, at_most=MAX_REASON)
    if judgement.verb not in AGAINST:
        return None, reason
    rule = await rules.check_rule(conn, group.id, judgement.rule_id)
    if not reason:
        raise Invalid({"reason": "Please tell the author why, in a sentence of your own."})
    return rule, reason


async def _change_post(conn: Conn, post: Post, revision: int, verb: str, decision_id: int) -> None:
    match verb:
        case "release":
            await posts.publish_revision(conn, post, revision)
        case "refuse":
            await posts.refuse_revision(conn, post, revision)
        case "remove":
            latest = await revisions.latest(conn, post.id)
            if latest.state == "held":
                await revisions.set_state(conn, post.id, latest.number, "refused")
            await posts.remove_post(conn, post, decision_id)
        case "restore":
            await posts.restore_post(conn, post, decision_id)


async def _tell(
    conn: Conn, post: Post, group: Group, verb: str, decision_id: int, rule: Rule | None, reason: str
) -> None:
    """Tell the author, here or elsewhere."""
    if verb not in _TOLD_AS:
        return
    author = await actors.by_id(conn, post.author_id)
    if author.local:
        detail: dict[str, object] = {
            "decision_id": str(decision_id),
            "rule_number": rule.number if rule else None,
            "rule_title": rule.title if rule else None,
            "reason": reason,
        }
        await notifications.notify(conn, author.id, _TOLD_AS[verb], post_id=post.id, group_id=group.id, detail=detail)
    elif verb in AGAINST and group.local:
        # About a group elsewhere we decide only for our own readers, and do not speak in its name.
        args: dict[str, object] = {"decision_id": decision_id}
        await jobs.enqueue(conn, "spread_decision", args, ordering=f"post:{post.id}")
