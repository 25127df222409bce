"""From policies, dry runs and lists to what the pages about other servers show."""

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlencode

from moderation import blocklists, subscriptions
from moderation.defederation import Losses, Plan
from moderation.instances import BLOCKED, Policy
from moderation.subscriptions import Subscription, Waiting
from moderation.suspensions import Suspended
from web import present
from web.views.instances import Change, GroupLoss, ListView, LossesView, PolicyView, Problem, ResidentLoss
from web.views.parts import SuspendedView
from web.visit import Visit

# A preview names so many of a kind and counts the rest.
SHOWN = 100
LISTS = "/admin/instances/lists"
CLEAR = "/admin/instances/clear"


def policy_view(visit: Visit, policy: Policy, edit_url: str, *, clears: bool) -> PolicyView:
    """`clears`: whether this is the list of the place, whose admins may remove what a blocked server has left."""
    return PolicyView(
        host=policy.host,
        policy=policy.policy,  # type: ignore[arg-type]  # by the schema
        reason=policy.reason,
        time=visit.time(policy.changed_at),
        edit_url=edit_url,
        by=policy.changed_by_name or "",
        from_list=policy.list_id is not None,
        clear_url=f"{CLEAR}?{urlencode({'host': policy.host})}" if clears and policy.policy == BLOCKED else None,
    )


def suspended_view(visit: Visit, one: Suspended) -> SuspendedView:
    return SuspendedView(
        person=present.person_view(one.person_id, one.name, one.host, one.title),
        time=visit.time(one.created_at),
        by=one.by,
        reason=one.reason,
        lift_action=f"/admin/people/{one.person_id}/unsuspend",
    )


def losses_view(losses: Losses) -> LossesView:
    return LossesView(
        cut=losses.cut[:SHOWN],
        cut_total=len(losses.cut),
        held=losses.held[:SHOWN],
        held_total=len(losses.held),
        back=losses.back[:SHOWN],
        residents=[
            ResidentLoss(
                present.person_view(loss.person_id, loss.name, None, loss.title),
                loss.target_title or loss.target_name,
                loss.target_host,
            )
            for loss in losses.residents[:SHOWN]
        ],
        residents_total=losses.residents_total,
        groups=[
            GroupLoss(loss.title or loss.name, loss.kind == "group", loss.lost, loss.hosts)
            for loss in losses.groups[:SHOWN]
        ],
    )


def plan_changes(plan: Plan) -> list[Change]:
    """The first changes of a plan, those that reach furthest first."""
    shown = list(plan.changes.values())[:SHOWN]
    return [_change(item.host, plan.before[item.host], item.policy, item.reason) for item in shown]


def kept(plan: Plan) -> list[Change]:
    """Servers for which the list is weaker than what is set: `after` is what the list says."""
    return [_change(host, standing, wanted) for host, wanted, standing in plan.kept[:SHOWN]]


def problems(visit: Visit, found: Sequence[blocklists.Problem]) -> list[Problem]:
    return [Problem(problem.number, problem.line, visit.say(problem.why)) for problem in found[:SHOWN]]


def changes_of(changes: Mapping[str, str | None], before: Mapping[str, str], reason: str = "") -> list[Change]:
    return [_change(host, before.get(host), policy, reason) for host, policy in changes.items()]


def list_view(visit: Visit, found: Subscription) -> ListView:
    return ListView(
        id=str(found.id),
        address=found.url,
        url=f"{LISTS}/{found.id}",
        hours=found.every_hours,
        entries=found.entries,
        waiting=found.waiting,
        fetched=visit.time(found.fetched_at) if found.fetched_at else None,
        problem=visit.say(subscriptions.problem(found.error)) if found.error else "",
        unreadable=found.unreadable,
    )


def waiting_changes(found: Sequence[Waiting], chosen: Collection[str] | None = None) -> list[Change]:
    return [
        Change(
            host=one.host,
            before=one.decided,  # type: ignore[arg-type]  # by the schema
            after=one.offered,  # type: ignore[arg-type]  # by the schema
            reason=one.reason,
            chosen=chosen is None or one.host in chosen,
            effect=one.effect,
        )
        for one in found
    ]


def _change(host: str, before: str | None, after: str | None, reason: str = "") -> Change:
    return Change(host, before, after, reason)  # type: ignore[arg-type]  # by the schema
