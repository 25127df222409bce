"""The values that several pages share, and the frame around every page."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from markupsafe import Markup
from msgspec import Struct

PostState = Literal["submitted", "held", "published", "refused", "removed", "deleted"]
JoinMode = Literal["open", "ask", "invite"]
Visibility = Literal["public", "private", "local"]
Theme = Literal["system", "light", "dark"]
NoteKind = Literal[
    "reply", "thank", "released", "refused", "kept", "removed", "restored", "report_answered", "joined",
    "join_asked", "join_refused", "case", "application", "not_taken", "follow", "mention", "held",
    "parent_refused", "made_moderator", "removed_elsewhere", "put_out", "banned", "unbanned", "banned_elsewhere",
    "closed", "private_message", "moved_along", "moved_away", "ban_moved", "poll_closed", "rests", "resumes",
    "list_changed", "invited", "other",
]  # fmt: skip
Verb = Literal["release", "refuse", "keep", "remove", "restore"]
DeedVerb = Literal[
    "ban", "unban", "lock", "unlock", "pin", "unpin", "promote", "demote", "suspend", "unsuspend", "clear"
]  # fmt: skip


class TimeView(Struct, frozen=True):
    """One moment: `iso` for machines, `text` as "10 minutes ago", `exact` for the tooltip."""

    iso: str
    text: str
    exact: str


class PersonView(Struct, frozen=True):
    """A person; `host` is None for ours, `handle` is `@ana` or `@ana@lemmy.example`, `tint` is 0 to 7."""

    name: str
    handle: str
    initials: str
    tint: int
    url: str
    host: str | None = None


class GroupRef(Struct, frozen=True):
    """Enough of a group to name it and link to it."""

    title: str
    url: str
    host: str | None = None


class GroupView(Struct, frozen=True):
    """A group as lists and its own head show it; `membership` is the reader's own state."""

    name: str
    title: str
    place: str
    tagline: str
    url: str
    initials: str
    tint: int
    host: str | None = None
    member_count: int = 0
    thread_count: int = 0
    join_mode: JoinMode = "open"
    membership: Literal["none", "asked", "invited", "joined", "refused", "banned", "suspended"] = "none"
    moderator: bool = False
    active: TimeView | None = None
    visibility: Visibility = "public"

    @property
    def join_url(self) -> str:
        return f"{self.url}/join"

    @property
    def leave_url(self) -> str:
        return f"{self.url}/leave"


class RuleView(Struct, frozen=True):
    """One numbered rule; `html` is its text, already safe; `id` is what forms send."""

    id: str
    number: int
    title: str
    html: Markup = Markup("")
    version: int = 1
    changed: TimeView | None = None


class SuspendedView(Struct, frozen=True):
    """Somebody elsewhere who is kept out of the whole place, for admins; `lift_action` lets them take part again."""

    person: PersonView
    time: TimeView
    by: str
    reason: str
    lift_action: str


class Answered(Struct, frozen=True):
    """The post that a deep reply answers, named where indentation no longer shows it."""

    name: str
    permalink: str


class PictureView(Struct, frozen=True):
    """A picture; `words` say what can be seen. One from elsewhere has only its address and the `host` of that."""

    url: str
    id: str = ""
    words: str = ""
    small_url: str = ""
    width: int = 0
    height: int = 0
    small_width: int = 0
    small_height: int = 0
    host: str = ""


class PostView(Struct, frozen=True):
    """A thread's first post or a reply. An address that is None stands for what this reader may not do.

    `attested_count`: further thanks, which the group's server reports.
    """

    id: str
    author: PersonView
    html: Markup
    time: TimeView
    permalink: str
    pictures: Sequence[PictureView] = ()
    state: PostState = "published"
    language: str = ""
    waiting_for: str | None = None
    edited: TimeView | None = None
    history_url: str | None = None
    thank_count: int = 0
    attested_count: int = 0
    thanked_by_me: bool = False
    thank_url: str | None = None
    reply_url: str | None = None
    report_url: str | None = None
    edit_url: str | None = None
    delete_url: str | None = None
    remove_url: str | None = None
    ban_url: str | None = None
    decision_url: str | None = None
    held_for: Sequence[RuleView] = ()
    from_host: str | None = None
    original_url: str | None = None
    by_moderator: bool = False
    depth: int = 0
    answers: Answered | None = None
    descendants: int = 0
    children: tuple["PostView", ...] = ()


class OptionView(Struct, frozen=True):
    """One option of a poll. `place` is what the form sends; `votes` and `percent` only count where totals are shown."""

    place: int
    text: str
    votes: int = 0
    percent: int = 0
    chosen: bool = False


class PollView(Struct, frozen=True):
    """A poll as this reader may see it. `vote_url` is None for whoever cannot vote; `why_not` may say why.

    `totals`: whether they are shown: to who voted, and to everybody when it has closed. `counted_at` is another server.
    """

    options: Sequence[OptionView]
    multiple: bool = False
    totals: bool = False
    voters: int = 0
    closed: bool = False
    closes: TimeView | None = None
    voted: bool = False
    vote_url: str | None = None
    why_not: str = ""
    counted_at: str = ""
    problem: str = ""


class ThreadRow(Struct, frozen=True):
    """One line of a list of threads; `group` is None on the group's own page."""

    title: str
    url: str
    author: PersonView
    time: TimeView
    group: GroupRef | None = None
    excerpt: str = ""
    reply_count: int = 0
    thank_count: int = 0
    link_host: str | None = None
    state: PostState = "published"
    waiting_for: str | None = None
    unread: bool = False
    pinned: bool = False
    locked: bool = False
    poll: bool = False
    picture: PictureView | None = None


class Older(Struct, frozen=True):
    """Older posts of a group elsewhere that are being read: so many are here, of `about` so many (0: not known yet)."""

    here: int
    about: int


class Pager(Struct, frozen=True):
    """Addresses of the neighbouring pages of a list."""

    newer: str | None = None
    older: str | None = None


class Field(Struct, frozen=True):
    """What was typed into one form field and, after a refusal, one sentence on what is wrong with it."""

    value: str = ""
    error: str = ""


class PictureField(Struct, frozen=True):
    """One of the pictures that a form may bring: one that was taken in already, or a file yet to be chosen."""

    number: int
    picture: PictureView | None = None
    words: Field = Field()
    problem: str = ""

    @property
    def begun(self) -> bool:
        return self.picture is not None or bool(self.problem or self.words.value or self.words.error)


class PictureFields(Struct, frozen=True):
    """The part of a form that asks for pictures; `begun`: something was chosen or typed there."""

    fields: Sequence[PictureField] = ()

    @property
    def begun(self) -> bool:
        return any(field.begun for field in self.fields)

    @property
    def taken(self) -> list[PictureView]:
        """What goes with the text as the form stands now."""
        return [field.picture for field in self.fields if field.picture is not None]


class Choice(Struct, frozen=True):
    """One option of a select or radio group."""

    value: str
    label: str
    chosen: bool = False


class Tab(Struct, frozen=True):
    """One of several views of the same list."""

    label: str
    url: str
    current: bool = False


class Flash(Struct, frozen=True):
    """One sentence about what just happened, shown once."""

    text: str
    kind: Literal["good", "bad"] = "good"


class NoteView(Struct, frozen=True):
    """A notification. `kind` chooses the sentence; the other fields are the words it needs."""

    kind: NoteKind
    url: str
    time: TimeView
    actor: PersonView | None = None
    group: GroupRef | None = None
    title: str = ""
    excerpt: str = ""
    host: str = ""
    unread: bool = False
    until: TimeView | None = None


class Chrome(Struct, frozen=True):
    """The frame of every page: the site, the reader, and what the header and footer show."""

    site_title: str
    path: str
    form_key: str
    language: str = "en"
    direction: Literal["ltr", "rtl"] = "ltr"
    theme: Theme = "system"
    accent: Literal["green", "blue", "plum", "rust", "slate"] = "green"
    viewer: PersonView | None = None
    admin: bool = False
    unread: int = 0
    waiting_cases: int | None = None
    applications: int = 0
    languages: Sequence[Choice] = ()
    flashes: Sequence[Flash] = ()
    can_sign_up: bool = True
    demo_mail: bool = False


class Page(Struct, frozen=True):
    """What `render` takes; each page names its template and nav entry, and whether robots may list it."""

    template: ClassVar[str]
    nav: ClassVar[str] = ""
    public: ClassVar[bool] = False
