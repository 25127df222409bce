"""What the pages for residents and visitors show."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from markupsafe import Markup
from msgspec import Struct

from web.views.parts import (
    Choice,
    Field,
    GroupRef,
    GroupView,
    NoteView,
    Older,
    Page,
    Pager,
    PersonView,
    PictureFields,
    PictureView,
    PollView,
    PostState,
    PostView,
    RuleView,
    SuspendedView,
    Tab,
    ThreadRow,
    TimeView,
)


class FrontPage(Page, frozen=True):
    template: ClassVar[str] = "front.html"
    public: ClassVar[bool] = True
    about: str
    groups: Sequence[GroupView]
    threads: Sequence[ThreadRow]
    contact: str = ""
    demo_logins: Sequence[tuple[str, str]] = ()


class Duty(Struct, frozen=True):
    """A group whose review queue waits for this reader."""

    group: GroupRef
    waiting: int
    url: str


class HomePage(Page, frozen=True):
    template: ClassVar[str] = "home.html"
    nav: ClassVar[str] = "home"
    notes: Sequence[NoteView]
    duties: Sequence[Duty]
    threads: Sequence[ThreadRow]
    groups: Sequence[GroupView]
    pager: Pager = Pager()
    seen_before: TimeView | None = None


class GroupsPage(Page, frozen=True):
    template: ClassVar[str] = "groups.html"
    nav: ClassVar[str] = "groups"
    public: ClassVar[bool] = True
    groups: Sequence[GroupView]
    remote: Sequence[GroupView] = ()
    pager: Pager = Pager()


class GroupPage(Page, frozen=True):
    """`sorts` are the three orders; `write_url` None comes with `why_not` as a sentence.

    Of a group elsewhere: `waiting` are the reader's threads that it has not shown yet, `original_url` is its own page.
    `readable`: what is written here is for the reader; without it the page says how to join.
    """

    template: ClassVar[str] = "group.html"
    nav: ClassVar[str] = "groups"
    public: ClassVar[bool] = True
    group: GroupView
    about: Markup
    rules: Sequence[RuleView]
    moderators: Sequence[PersonView]
    threads: Sequence[ThreadRow]
    sorts: Sequence[Tab]
    pager: Pager = Pager()
    answers_within: str = ""
    address: str = ""
    write_url: str | None = None
    why_not: str = ""
    rules_url: str = ""
    record_url: str | None = None
    members_url: str | None = None
    queue_url: str | None = None
    settings_url: str | None = None
    waiting: Sequence[ThreadRow] = ()
    older: Older | None = None
    original_url: str | None = None
    readable: bool = True


class Preview(Struct, frozen=True):
    """How a text will look, before it is sent."""

    title: str
    html: Markup
    link: str = ""
    link_host: str = ""
    options: Sequence[str] = ()


class ReplyForm(Struct, frozen=True):
    """A form for a reply; `to` is the post it answers, and its own id decides where on the page it stands."""

    to: str
    to_name: str
    action: str
    text: Field = Field()
    preview: Preview | None = None
    pictures: PictureFields = PictureFields()


class ThreadPage(Page, frozen=True):
    """`post.children` is the tree. `reply_in_place` is drawn below the reply it answers, `reply` at the end.

    `pin_url` and `close_url` are for moderators, and undo what is done already.
    """

    template: ClassVar[str] = "thread.html"
    nav: ClassVar[str] = "groups"
    public: ClassVar[bool] = True
    group: GroupView
    post: PostView
    title: str
    rules: Sequence[RuleView]
    reply_count: int = 0
    excerpt: str = ""
    link: str | None = None
    link_host: str | None = None
    picture_url: str = ""
    pinned: bool = False
    locked: bool = False
    lock_reason: str = ""
    pin_url: str | None = None
    close_url: str | None = None
    reply: ReplyForm | None = None
    reply_in_place: ReplyForm | None = None
    why_not: str = ""
    rules_url: str = ""
    moderators: Sequence[PersonView] = ()
    pager: Pager = Pager()
    poll: PollView | None = None


class PollFields(Struct, frozen=True):
    """The part of a form that asks for a poll; `begun`: something was typed there. `closing` may hold a refusal."""

    options: Sequence[Field]
    several: bool
    closes: Sequence[Choice]
    closing: Field = Field()
    begun: bool = False


class WritePage(Page, frozen=True):
    """The group's rules stand beside the form. `problem` is a refusal of the whole form."""

    template: ClassVar[str] = "write.html"
    nav: ClassVar[str] = "groups"
    group: GroupView
    rules: Sequence[RuleView]
    action: str
    title: Field = Field()
    text: Field = Field()
    link: Field = Field()
    problem: str = ""
    preview: Preview | None = None
    answers_within: str = ""
    poll: PollFields | None = None
    pictures: PictureFields = PictureFields()


class EditPage(Page, frozen=True):
    """`title` and `link` are None for a reply, which has neither."""

    template: ClassVar[str] = "edit.html"
    nav: ClassVar[str] = "groups"
    group: GroupView
    rules: Sequence[RuleView]
    action: str
    cancel_url: str
    text: Field
    title: Field | None = None
    link: Field | None = None
    problem: str = ""
    preview: Preview | None = None
    sent_back_for: str = ""
    options: Sequence[str] = ()
    pictures: PictureFields = PictureFields()


class DiffPart(Struct, frozen=True):
    """A run of words that stayed, came or went between two revisions."""

    kind: Literal["same", "added", "gone"]
    text: str


class RevisionView(Struct, frozen=True):
    """One version of a text, newest first, with what changed since the version before it, also in its pictures."""

    number: int
    time: TimeView
    state: PostState
    parts: Sequence[DiffPart]
    title: str = ""
    pictures: Sequence[DiffPart] = ()


class HistoryPage(Page, frozen=True):
    template: ClassVar[str] = "history.html"
    nav: ClassVar[str] = "groups"
    title: str
    url: str
    author: PersonView
    revisions: Sequence[RevisionView]


class ReportPage(Page, frozen=True):
    template: ClassVar[str] = "report.html"
    nav: ClassVar[str] = "groups"
    group: GroupView
    rules: Sequence[RuleView]
    author: PersonView
    excerpt: str
    post_url: str
    action: str
    rule: Field = Field()
    comment: Field = Field()
    answers_within: str = ""
    author_host: str | None = None
    forward: bool = False
    picture: PictureView | None = None


class ConfirmActionPage(Page, frozen=True):
    """A question before something that a second click does not undo; every text is a whole sentence.

    `harmless`: it can be taken back as easily as it is done.
    """

    template: ClassVar[str] = "confirm_action.html"
    heading: str
    explanation: str
    action: str
    button: str
    cancel_url: str
    excerpt: str = ""
    harmless: bool = False


class ProfilePage(Page, frozen=True):
    template: ClassVar[str] = "profile.html"
    nav: ClassVar[str] = "profile"
    public: ClassVar[bool] = True
    person: PersonView
    about: Markup
    groups: Sequence[GroupRef]
    posts: Sequence[ThreadRow]
    since: TimeView | None = None
    pager: Pager = Pager()
    is_me: bool = False
    original_url: str | None = None
    moved_to: PersonView | None = None
    suspend_url: str | None = None
    suspended: SuspendedView | None = None


class NotificationsPage(Page, frozen=True):
    template: ClassVar[str] = "notifications.html"
    nav: ClassVar[str] = "notifications"
    notes: Sequence[NoteView]
    pager: Pager = Pager()
    newest: str = ""


class LookupPage(Page, frozen=True):
    """`found` is the group behind the address that was typed; `found_url` leads to a thread that is being checked."""

    template: ClassVar[str] = "lookup.html"
    nav: ClassVar[str] = "groups"
    action: str
    address: Field = Field()
    found: GroupView | None = None
    about: str = ""
    found_url: str = ""


class RulesPage(Page, frozen=True):
    """The rules of a group, or of the whole place where `group` is None."""

    template: ClassVar[str] = "rules.html"
    nav: ClassVar[str] = "groups"
    public: ClassVar[bool] = True
    rules: Sequence[RuleView]
    group: GroupView | None = None
    record_url: str | None = None
    edit_url: str | None = None


class MembersPage(Page, frozen=True):
    template: ClassVar[str] = "members.html"
    nav: ClassVar[str] = "groups"
    group: GroupView
    members: Sequence["MemberView"]
    asking: Sequence["MemberView"] = ()
    banned: Sequence["BannedView"] = ()
    pager: Pager = Pager()
    tabs: Sequence[Tab] = ()
    invited: Sequence["MemberView"] = ()
    invite_action: str = ""
    invite: Field = Field()


class MemberView(Struct, frozen=True):
    """A member, or somebody who asked; the addresses are None for readers who may not decide.

    `copy_to` is the server that gets a copy of all that is written in the group as long as they belong to it;
    `unseen`: software that shows nothing of a private group.
    """

    person: PersonView
    since: TimeView
    role: Literal["member", "moderator"] = "member"
    accept_url: str | None = None
    refuse_url: str | None = None
    role_url: str | None = None
    ban_url: str | None = None
    out_url: str | None = None
    copy_to: str = ""
    unseen: bool = False


class BannedView(Struct, frozen=True):
    """Somebody who may not take part; without `until` for good."""

    person: PersonView
    until: TimeView | None
    lift_url: str


class AboutPage(Page, frozen=True):
    template: ClassVar[str] = "about.html"
    public: ClassVar[bool] = True
    about: str
    contact: str
    admins: Sequence[PersonView]
    rules: Sequence[RuleView] = ()


class HelpPage(Page, frozen=True):
    template: ClassVar[str] = "help.html"
    public: ClassVar[bool] = True


class PrivacyPage(Page, frozen=True):
    template: ClassVar[str] = "privacy.html"
    public: ClassVar[bool] = True
    contact: str = ""


class ErrorPage(Page, frozen=True):
    """What happened and the next step, in whole sentences; `rule` when a rule or limit stands behind it."""

    template: ClassVar[str] = "error.html"
    status: int
    heading: str
    explanation: str
    next_url: str = "/"
    next_label: str = ""
    kept_text: str = ""


class SettingsPage(Page, frozen=True):
    template: ClassVar[str] = "settings.html"
    nav: ClassVar[str] = "profile"
    action: str
    name: Field
    about: Field
    shows_groups: bool
    languages: Sequence[Choice]
    timezones: Sequence[Choice]
    themes: Sequence[Choice]
    timezone: Field = Field()
    email: str = ""
    password_action: str = ""
    password: Field = Field()
    new_password: Field = Field()
    farewell_action: str = ""
    farewell: Field = Field()
