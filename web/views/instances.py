"""What the pages about other servers show: what is set, what would change, and the lists that others keep."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from msgspec import Struct

from web.views.parts import Field, GroupView, Page, PersonView, RuleView, SuspendedView, Tab, TimeView

PolicyName = Literal["open", "limited", "blocked"]


class PolicyView(Struct, frozen=True):
    """What is set about another server, and by whom; `from_list`: a subscription brought it."""

    host: str
    policy: PolicyName
    reason: str
    time: TimeView
    edit_url: str
    by: str = ""
    from_list: bool = False
    clear_url: str | None = None


class InstancesPage(Page, frozen=True):
    """With `group` what holds in that group alone. `others`: what holds for servers that are not listed."""

    template: ClassVar[str] = "instances.html"
    nav: ClassVar[str] = "admin"
    policies: Sequence[PolicyView]
    action: str
    host: Field = Field()
    policy: Field = Field("limited")
    reason: Field = Field()
    others: PolicyName = "open"
    total: int = 0
    search: str = ""
    next_url: str | None = None
    first_url: str | None = None
    group: GroupView | None = None
    tabs: Sequence[Tab] = ()


class FarewellView(Struct, frozen=True):
    """Somebody here deleted their account: of `asked` inboxes elsewhere so many took the news, and so on."""

    time: TimeView
    asked: int
    confirmed: int
    waiting: int
    given_up: int


class ClearPage(Page, frozen=True):
    """An admin removes what a blocked server's people wrote; `left` posts of theirs can be read here."""

    template: ClassVar[str] = "clear.html"
    nav: ClassVar[str] = "admin"
    host: str
    left: int
    action: str
    cancel_url: str
    rules: Sequence[RuleView]
    rule: Field = Field()
    reason: Field = Field()


class PeoplePage(Page, frozen=True):
    """Who is kept out of the place, and how far the news of deleted accounts has come."""

    template: ClassVar[str] = "people.html"
    nav: ClassVar[str] = "admin"
    suspended: Sequence[SuspendedView]
    farewells: Sequence[FarewellView]


class SuspendPage(Page, frozen=True):
    """An admin suspends somebody on another server."""

    template: ClassVar[str] = "suspend.html"
    nav: ClassVar[str] = "admin"
    person: PersonView
    action: str
    rules: Sequence[RuleView]
    rule: Field = Field()
    reason: Field = Field()
    remove_posts: bool = False


class Change(Struct, frozen=True):
    """One server in a preview; None: nothing is set about it."""

    host: str
    before: PolicyName | None
    after: PolicyName | None
    reason: str = ""
    chosen: bool = True
    effect: bool = True


class ResidentLoss(Struct, frozen=True):
    person: PersonView
    target: str
    host: str


class GroupLoss(Struct, frozen=True):
    """`group`: it is a group that loses members, otherwise a person who loses readers."""

    title: str
    group: bool
    lost: int
    hosts: Sequence[str]


class LossesView(Struct, frozen=True):
    """Who would lose what, the first of each kind; the totals count all."""

    cut: Sequence[str] = ()
    cut_total: int = 0
    held: Sequence[str] = ()
    held_total: int = 0
    back: Sequence[str] = ()
    residents: Sequence[ResidentLoss] = ()
    residents_total: int = 0
    groups: Sequence[GroupLoss] = ()


class Problem(Struct, frozen=True):
    number: int
    line: str
    why: str


class InstancesPreviewPage(Page, frozen=True):
    """The dry run. `hidden` goes back with the button; `again`: something has changed since the reader looked.

    `whole_list`: among what goes back is a list of servers, which another encoding would make too long.
    """

    template: ClassVar[str] = "instances_preview.html"
    nav: ClassVar[str] = "admin"
    action: str
    cancel_url: str
    losses: LossesView
    hidden: Sequence[tuple[str, str]]
    changes: Sequence[Change] = ()
    changes_total: int = 0
    kept: Sequence[Change] = ()
    kept_total: int = 0
    problems: Sequence[Problem] = ()
    problems_total: int = 0
    same: int = 0
    idle: int = 0
    others: PolicyName | None = None
    again: bool = False
    whole_list: bool = False
    group: GroupView | None = None


class InstancesImportPage(Page, frozen=True):
    template: ClassVar[str] = "instances_import.html"
    nav: ClassVar[str] = "admin"
    action: str
    words: Field = Field()
    default: PolicyName = "blocked"
    weaken: bool = False


class ListView(Struct, frozen=True):
    """A block list that others keep; `problem` is why it could not be read the last time."""

    id: str
    address: str
    url: str
    hours: int
    entries: int
    waiting: int
    fetched: TimeView | None = None
    problem: str = ""
    unreadable: int = 0


class InstancesListsPage(Page, frozen=True):
    template: ClassVar[str] = "instances_lists.html"
    nav: ClassVar[str] = "admin"
    lists: Sequence[ListView]
    action: str
    address: Field = Field()
    hours: Field = Field("24")


class InstancesListPage(Page, frozen=True):
    """The changes of one list that wait for a person; `version` says which state of the list they are of."""

    template: ClassVar[str] = "instances_list.html"
    nav: ClassVar[str] = "admin"
    found: ListView
    changes: Sequence[Change]
    losses: LossesView
    action: str
    version: int
    problem: str = ""
