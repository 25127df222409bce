"""From cases and decisions to what moderators' pages show."""

from collections.abc import Sequence

from markupsafe import Markup

from moderation import cases
from moderation.record import BanStatement, Statement
from moderation.review import Accuracy, CaseDetails, CaseLine, Found, PastDecision, Reported
from server import urls
from server.messages import Message
from web import describe, marking, present
from web.views.moderators import AuthorHistory, CaseRow, ContextPost, Finding, PastPost, ReportView
from web.views.parts import GroupRef, GroupView, PersonView, PostState, RuleView
from web.visit import Visit

# What a finding is called where it is told; the words are translated there.
KINDS = {
    "words": Message("Words and phrases"),
    "domains": Message("Links to certain sites"),
    "newcomer": Message("New people"),
    "links": Message("Too many links"),
    "repeated": Message("The same text again"),
    "score": Message("Score of a trained reader"),
    cases.FIRST_REMOTE: Message("The first post here of somebody from another server"),
    cases.LIMITED_INSTANCE: Message("From a server whose posts are all read first"),
}
STATE_AFTER: dict[str, PostState] = {
    "release": "published", "keep": "published", "restore": "published", "refuse": "refused", "remove": "removed",
}  # fmt: skip


def case_row(visit: Visit, line: CaseLine) -> CaseRow:
    return CaseRow(
        url=f"/queue/{line.id}",
        title=line.thread_title or line.title or visit.say("Without a title"),
        excerpt=describe.excerpt(visit, line.excerpt),
        author=author(line),
        group=GroupRef(line.group_title, urls.group_page(line.group_name, line.group_host), line.group_host),
        opened_for=line.opened_for,  # type: ignore[arg-type]  # by the schema
        waiting=visit.time(line.opened_at),
        rule=next((rule for why in reasons(line) if (rule := rule_of(why))), None),
        report_count=len(line.reports),
        claimed_by=claimed_by(line),
        reply=line.reply,
        picture=describe.first_picture(line.pictures),
    )


def reasons(line: CaseLine) -> list[Found | Reported]:
    """Why a case was opened: what checks found, then what people reported."""
    return [*line.findings, *line.reports]


def author(line: CaseLine) -> PersonView:
    return present.person_view(line.author_id, line.author_name, line.author_host, line.author_title)


def claimed_by(line: CaseLine) -> PersonView | None:
    """Another moderator who has just opened it."""
    if line.claimed_by is None:
        return None
    return present.person_view(line.claimed_by, line.claimed_name or "", None, line.claimed_title or "")


def group(line: CaseLine | Statement | BanStatement) -> GroupView:
    """A case's or a ban's group, as far as its row tells."""
    title = line.group_title or line.group_name
    page = urls.group_page(line.group_name, line.group_host)
    return GroupView(
        line.group_name, title, "", "", page, present.initials(title), present.tint(line.group_id), line.group_host
    )


def rule_of(named: Found | Reported | PastDecision) -> RuleView | None:
    """The rule that a reason or a decision names, as it read then."""
    if named.rule_number is None or named.rule_title is None:
        return None
    rule_id = "" if isinstance(named, PastDecision) or named.rule_id is None else str(named.rule_id)
    return RuleView(rule_id, named.rule_number, named.rule_title)


def named_rule(line: CaseLine) -> str:
    """The id of the rule that the form begins with: what most likely grounds a decision."""
    named = [str(why.rule_id) for why in reasons(line) if why.rule_id is not None]
    return named[0] if named else ""


def finding(visit: Visit, line: CaseLine, found: Found, accuracy: dict[int, Accuracy]) -> Finding:
    judged = accuracy.get(found.check_id) if found.check_id is not None else None
    return Finding(
        rule=rule_of(found),
        kind=visit.say(KINDS.get(found.kind, found.kind)),
        action=found.action,  # type: ignore[arg-type]  # by the schema
        matched=found.matched,
        label=found.label or "",
        score_percent=round(found.score * 100) if found.score is not None else None,
        right_here=judged.correct if judged else 0,
        judged_here=judged.judged if judged else 0,
        earlier_text=found.revision != line.revision,
    )


def matched(line: CaseLine) -> list[str]:
    """The words that checks found in the text as it stands now."""
    return [word for found in line.findings if found.revision == line.revision for word in found.matched]


def marked_title(visit: Visit, line: CaseLine) -> Markup:
    if line.reply:
        return marking.mark_text(line.thread_title or "", ())
    return marking.mark_text(line.title or visit.say("Without a title"), matched(line))


def report(visit: Visit, filed: Reported) -> ReportView:
    return ReportView(
        reporter=present.person_view(filed.reporter_id, filed.reporter_name, filed.reporter_host, filed.reporter_title),
        time=visit.time(filed.created_at),
        rule=rule_of(filed),
        comment=filed.comment,
    )


def history(visit: Visit, details: CaseDetails) -> AuthorHistory:
    line = details.line
    return AuthorHistory(
        person=author(line),
        since=visit.time(line.author_since),
        published=line.published_here,
        refused=line.refused_here,
        removed=line.removed_here,
        recent=[
            PastPost(
                describe.excerpt(visit, past.excerpt),
                f"/decisions/{past.id}",
                visit.time(past.created_at),
                _state(past),
                rule_of(past),
            )
            for past in details.past
        ],
    )


def _state(past: PastDecision) -> PostState:
    return "published" if past.reversed else STATE_AFTER[past.verb]


def context(visit: Visit, details: CaseDetails) -> Sequence[ContextPost]:
    """The posts above, from the thread's first one on; a deleted one without its text."""
    return [
        ContextPost(
            author=present.person_view(above.author_id, above.author_name, above.author_host, above.author_title),
            time=visit.time(above.submitted_at),
            excerpt=(
                visit.say("Deleted by its author.")
                if above.state == "deleted"
                else describe.excerpt(visit, above.excerpt or above.title or "")
            ),
            url=urls.post_page(above.root_id, above.id),
        )
        for above in details.above
    ]


def text_of(line: CaseLine) -> Markup:
    """The text as its readers would see it, with a poll's options."""
    options = Markup("").join(Markup("<li>{}</li>").format(option) for option in line.options)
    whole = describe.safe(line.html) + (Markup("<ul>{}</ul>").format(options) if options else "")
    return marking.mark(whole, matched(line))
