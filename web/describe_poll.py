"""From a thread's head to its poll as this reader may see it."""

from server import clock
from server.community import polls
from server.community.timelines import ThreadHead
from web.views.parts import OptionView, PollView
from web.visit import Visit


def poll_view(visit: Visit, head: ThreadHead, problem: str = "") -> PollView | None:
    """Totals are for those who voted and, when the poll has closed, for everybody: nobody is led by them."""
    if head.options is None or head.counts is None:
        return None
    closed = polls.is_closed(head.closes_at)
    chosen = head.chosen or []
    why_not = _why_not(visit, head)
    voters = head.voters or 0
    # A server elsewhere may say of votes and voters what it likes.
    whole = max(voters, *head.counts, 1)
    return PollView(
        options=[
            OptionView(place, option, votes, round(100 * votes / whole), place in chosen)
            for place, (option, votes) in enumerate(zip(head.options, head.counts, strict=True))
        ],
        multiple=bool(head.multiple),
        totals=closed or bool(chosen),
        voters=voters,
        closed=closed,
        closes=visit.time(head.closes_at) if head.closes_at else None,
        voted=bool(chosen),
        vote_url=f"/t/{head.id}/poll" if not (closed or chosen or why_not) else None,
        why_not="" if closed or chosen else why_not,
        counted_at=head.author_host or "",
        problem=problem,
    )


def _why_not(visit: Visit, head: ThreadHead) -> str:
    """Why the reader cannot vote, or nothing: the rules of `access.check_may_choose`, on what the page has read."""
    if not visit.viewer.signed_in:
        return visit.say("Log in to vote.")
    if head.state != "published":
        return visit.say("You can vote once this thread is published.")
    if head.banned_until is not None and head.banned_until > clock.now():
        return visit.say("You cannot take part in this group at the moment.")
    if (head.posting == "members" or head.visibility == "private") and head.membership != "joined":
        return visit.say("Only members vote in this group. You can join it.")
    return ""
