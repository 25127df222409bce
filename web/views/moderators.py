"""What the pages for rules, review, decisions and the record show."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from markupsafe import Markup
from msgspec import Struct

from web.views.parts import (
    Choice,
    DeedVerb,
    Field,
    GroupRef,
    GroupView,
    JoinMode,
    Page,
    Pager,
    PersonView,
    PictureView,
    PostState,
    RuleView,
    Tab,
    TimeView,
    Verb,
    Visibility,
)

CheckKind = Literal["words", "domains", "newcomer", "links", "repeated", "score"]


class CaseRow(Struct, frozen=True):
    """One post that waits for a decision; `rule` is the first rule named by a check or a report."""

    url: str
    title: str
    excerpt: str
    author: PersonView
    group: GroupRef
    opened_for: Literal["hold", "flag", "report"]
    waiting: TimeView
    rule: RuleView | None = None
    report_count: int = 0
    claimed_by: PersonView | None = None
    reply: bool = False
    picture: PictureView | None = None


class QueuePage(Page, frozen=True):
    """`scorer_problem` is a sentence where the scorer is missing, slow or broken; plain checks go on without it."""

    template: ClassVar[str] = "queue.html"
    nav: ClassVar[str] = "queue"
    cases: Sequence[CaseRow]
    total: int
    filters: Sequence[Tab] = ()
    scorer_problem: str = ""
    pager: Pager = Pager()
    undo_url: str | None = None


class Finding(Struct, frozen=True):
    """Why the machine stopped a text: `right_here` of `judged_here` decisions agreed with this check in this group.

    `kind` is told in words; without `rule` nobody's rule stands behind it, and `kind` says it all.
    """

    rule: RuleView | None
    kind: str
    action: Literal["flag", "hold"]
    matched: Sequence[str] = ()
    label: str = ""
    score_percent: int | None = None
    right_here: int = 0
    judged_here: int = 0
    earlier_text: bool = False


class ReportView(Struct, frozen=True):
    reporter: PersonView
    time: TimeView
    rule: RuleView | None = None
    comment: str = ""


class PastPost(Struct, frozen=True):
    """One of the author's earlier posts in this group, or a decision about one."""

    excerpt: str
    url: str
    time: TimeView
    state: PostState
    rule: RuleView | None = None


class AuthorHistory(Struct, frozen=True):
    """What moderators need to know of an author, in this group only."""

    person: PersonView
    since: TimeView | None
    published: int
    refused: int
    removed: int
    recent: Sequence[PastPost] = ()


class ContextPost(Struct, frozen=True):
    """A post above the one in question, so that it is read in its conversation."""

    author: PersonView
    time: TimeView
    excerpt: str
    url: str


class CasePage(Page, frozen=True):
    """One case. `html` is the text with its matched words in <mark>; `held` chooses release/refuse or keep/remove.

    `published_too`: an earlier version is public, while a held change of it waits; then it can be removed as well.
    """

    template: ClassVar[str] = "case.html"
    nav: ClassVar[str] = "queue"
    group: GroupView
    author: PersonView
    time: TimeView
    html: Markup
    held: bool
    action: str
    version: int
    history: AuthorHistory
    rules: Sequence[RuleView]
    title: Markup = Markup("")
    pictures: Sequence[PictureView] = ()
    link: str = ""
    link_host: str = ""
    language: str = ""
    reply: bool = False
    edited: bool = False
    published_too: bool = False
    context: Sequence[ContextPost] = ()
    post_url: str = ""
    findings: Sequence[Finding] = ()
    reports: Sequence[ReportView] = ()
    not_scored: str = ""
    claimed_by: PersonView | None = None
    rule: Field = Field()
    reason: Field = Field()
    problem: str = ""
    left: int = 0
    skip_url: str | None = None
    undo_url: str | None = None


class RemovePage(Page, frozen=True):
    """A moderator removes a published post that no case points to."""

    template: ClassVar[str] = "remove.html"
    nav: ClassVar[str] = "queue"
    group: GroupView
    author: PersonView
    excerpt: str
    action: str
    cancel_url: str
    rules: Sequence[RuleView]
    rule: Field = Field()
    reason: Field = Field()
    picture: PictureView | None = None


class BanPage(Page, frozen=True):
    """A moderator bans somebody from a group; `days` are the lengths to choose from."""

    template: ClassVar[str] = "ban.html"
    nav: ClassVar[str] = "groups"
    group: GroupView
    person: PersonView
    action: str
    cancel_url: str
    rules: Sequence[RuleView]
    days: Sequence[Choice]
    days_error: Field = Field()
    rule: Field = Field()
    reason: Field = Field()
    remove_posts: bool = False


class BannedPage(Page, frozen=True):
    """What somebody who was banned is told, and moderators read; without `until` the ban has no end."""

    template: ClassVar[str] = "banned.html"
    nav: ClassVar[str] = "notifications"
    group: GroupView
    person: PersonView
    time: TimeView
    until: TimeView | None
    reason: str
    rule: RuleView | None = None
    removed_posts: bool = False
    own: bool = True
    over: bool = False
    contact: str = ""
    record_url: str = ""
    lift_url: str | None = None


class ClosePage(Page, frozen=True):
    """A moderator closes a thread for replies. A rule may be named."""

    template: ClassVar[str] = "close.html"
    nav: ClassVar[str] = "groups"
    group: GroupView
    title: str
    action: str
    cancel_url: str
    rules: Sequence[RuleView]
    rule: Field = Field()
    reason: Field = Field()


class RecordEntry(Struct, frozen=True):
    """`until` is the end of a ban that has one, `person` whoever became or was moderator."""

    verb: Verb | DeedVerb
    time: TimeView
    moderator: PersonView | None = None
    rule: RuleView | None = None
    reason: str = ""
    reversed: bool = False
    group: GroupRef | None = None
    until: TimeView | None = None
    person: str = ""


class RuleCount(Struct, frozen=True):
    """How often a rule was the ground of decisions in one month; without number those that needed none."""

    number: int | None
    title: str
    removed: int
    refused: int
    kept: int


class RecordMonth(Struct, frozen=True):
    """`label` is the month in the reader's language."""

    label: str
    counts: Sequence[RuleCount]
    entries: Sequence[RecordEntry]


class RecordPage(Page, frozen=True):
    template: ClassVar[str] = "record.html"
    nav: ClassVar[str] = "groups"
    public: ClassVar[bool] = True
    months: Sequence[RecordMonth]
    group: GroupView | None = None
    download_url: str = ""
    pager: Pager = Pager()
    json_url: str = ""


class DecisionPage(Page, frozen=True):
    """What the author of a post is told, and moderators read; an address is None where there is no such step."""

    template: ClassVar[str] = "decision.html"
    nav: ClassVar[str] = "notifications"
    verb: Verb
    group: GroupView
    time: TimeView
    excerpt: str
    post_url: str | None = None
    rule: RuleView | None = None
    reason: str = ""
    found_by_check: bool = False
    reply: bool = False
    resubmit_url: str | None = None
    record_url: str | None = None
    contact: str = ""
    restore_url: str | None = None
    own: bool = True
    reversed: bool = False
    picture: PictureView | None = None


class GroupSettingsPage(Page, frozen=True):
    """Without `group` a new one is made, and `name` is asked for. `may_choose`: who may read is not settled yet."""

    template: ClassVar[str] = "group_settings.html"
    nav: ClassVar[str] = "groups"
    group: GroupView | None
    action: str
    title: Field
    place: Field
    tagline: Field
    about: Field
    answers_within: Field
    languages: Sequence[Choice]
    join_mode: JoinMode
    posting: Literal["anyone", "members", "moderators"]
    hold_first_remote: bool
    discoverable: bool
    tabs: Sequence[Tab] = ()
    name: Field | None = None
    problem: str = ""
    visibility: Visibility = "public"
    may_choose: bool = True


class RulesEditPage(Page, frozen=True):
    """`editing` is the id of the rule in the form, empty for a new one; then the others are not listed."""

    template: ClassVar[str] = "rules_edit.html"
    nav: ClassVar[str] = "groups"
    group: GroupView | None
    rules: Sequence["EditableRule"]
    action: str
    editing: str = ""
    number: Field = Field()
    title: Field = Field()
    body: Field = Field()
    tabs: Sequence[Tab] = ()
    cancel_url: str = ""
    problem: str = ""


class EditableRule(Struct, frozen=True):
    rule: RuleView
    edit_url: str
    retire_url: str
    check_count: int = 0
    up_url: str | None = None
    down_url: str | None = None


class CheckView(Struct, frozen=True):
    """A check with its numbers; `details` is what it looks for, e.g. the words, one a line."""

    rule: RuleView
    kind: CheckKind
    action: Literal["flag", "hold"]
    details: Sequence[str]
    enabled: bool
    edit_url: str
    toggle_url: str
    right_here: int = 0
    judged_here: int = 0
    retire_url: str = ""


class ChecksEditPage(Page, frozen=True):
    """One form a kind: `kind` is the one that is open. Fields that a kind does not use stay empty.

    A check that is changed keeps its rule, which `of_rule` names.
    """

    template: ClassVar[str] = "checks_edit.html"
    nav: ClassVar[str] = "groups"
    group: GroupView | None
    checks: Sequence[CheckView]
    rules: Sequence[RuleView]
    kinds: Sequence[Tab]
    kind: CheckKind
    action: str
    editing: bool = False
    rule: Field = Field()
    then: Field = Field("flag")
    entries: Field = Field()
    posts: Field = Field()
    days: Field = Field()
    links: Field = Field()
    times: Field = Field()
    hours: Field = Field()
    label: Field = Field()
    labels: Sequence[Choice] = ()
    threshold: Field = Field()
    tabs: Sequence[Tab] = ()
    of_rule: RuleView | None = None
    cancel_url: str = ""
    problem: str = ""
