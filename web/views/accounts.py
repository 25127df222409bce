"""What the pages for coming in show: sign up, log in, devices, invites, applications, the demo's mail."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from msgspec import Struct

from web.views.parts import Field, Page, Pager, PersonView, RuleView, TimeView


class SignupPage(Page, frozen=True):
    """`question` is the site's own, asked when `mode` is application; `invited_by` names who sent the link."""

    template: ClassVar[str] = "signup.html"
    public: ClassVar[bool] = True
    mode: Literal["open", "application", "invite", "closed"]
    action: str
    name: Field = Field()
    email: Field = Field()
    password: Field = Field()
    application: Field = Field()
    question: str = ""
    invite: str = ""
    invited_by: str = ""
    contact: str = ""
    rules: Sequence[RuleView] = ()


class LoginPage(Page, frozen=True):
    """`problem` is one sentence that does not say which of name and password was wrong."""

    template: ClassVar[str] = "login.html"
    action: str
    name: Field = Field()
    problem: str = ""
    next: str = ""
    demo_logins: Sequence[tuple[str, str]] = ()


class ResetPage(Page, frozen=True):
    """A forgotten password: ask for a mail, choose a new one."""

    template: ClassVar[str] = "reset.html"
    state: Literal["ask", "sent", "choose", "expired"]
    action: str = ""
    email: Field = Field()
    password: Field = Field()


class ConfirmPage(Page, frozen=True):
    template: ClassVar[str] = "confirm.html"
    state: Literal["sent", "ready", "done", "expired"]
    email: str = ""
    action: str = ""
    again_action: str = ""
    mail_url: str | None = None
    read_first: bool = False


class ApplicationWaitingPage(Page, frozen=True):
    template: ClassVar[str] = "application_waiting.html"
    state: Literal["waiting", "refused", "unconfirmed"]
    email: str = ""
    contact: str = ""


class SessionView(Struct, frozen=True):
    """One device that is logged in."""

    device: str
    started: TimeView
    seen: TimeView
    end_url: str
    current: bool = False


class SessionsPage(Page, frozen=True):
    template: ClassVar[str] = "sessions.html"
    nav: ClassVar[str] = "profile"
    sessions: Sequence[SessionView]
    end_others_url: str


class InviteView(Struct, frozen=True):
    uses_left: int
    expires: TimeView
    end_url: str


class InvitesPage(Page, frozen=True):
    """`fresh_link` is shown once, right after it was made: only its hash is stored."""

    template: ClassVar[str] = "invites.html"
    nav: ClassVar[str] = "admin"
    action: str
    invites: Sequence[InviteView]
    fresh_link: str = ""
    uses: Field = Field("1")


class ApplicationView(Struct, frozen=True):
    """Somebody who waits to be let in, or whose mail address an admin must confirm."""

    person: PersonView
    email: str
    time: TimeView
    accept_url: str
    refuse_url: str
    answer: str = ""
    confirmed: bool = True


class AdminAccountsPage(Page, frozen=True):
    template: ClassVar[str] = "admin_accounts.html"
    nav: ClassVar[str] = "admin"
    applications: Sequence[ApplicationView]
    mail_works: bool = True
    pager: Pager = Pager()


class MailView(Struct, frozen=True):
    """`links` are the addresses found in the text, so that they can be followed."""

    to: str
    subject: str
    body: str
    time: TimeView
    links: Sequence[str] = ()


class MailOutboxPage(Page, frozen=True):
    template: ClassVar[str] = "mail_outbox.html"
    mails: Sequence[MailView]
