"""The demo neighbourhood as its TOML files tell it: people, groups, rules, checks, threads and what became of them."""

import datetime as dt
import re
import typing
from pathlib import Path

import msgspec

FOLDER = Path(__file__).resolve().parent / "demo_data"
GROUPS = ("elm_street", "mill_lane_garden", "repair_cafe")
_SPAN = re.compile(r"(\d+)([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_DATED = re.compile(r"(\d+)d (\d\d):(\d\d)")


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Anything told in the files; a word that nobody reads is an error."""


class SiteScript(Script, frozen=True, kw_only=True):
    title: str
    about: str
    contact: str
    accent: str


class Login(Script, frozen=True, kw_only=True):
    """Who gets a password, and as what."""

    name: str
    role: str


class PersonScript(Script, frozen=True, kw_only=True):
    name: str
    title: str
    joined: str
    about: str
    admin: bool = False
    shows_groups: bool = False


class Town(Script, frozen=True, kw_only=True):
    site: SiteScript
    login: list[Login]
    person: list[PersonScript]


class RuleScript(Script, frozen=True, kw_only=True):
    title: str
    body: str


class CheckScript(Script, frozen=True, kw_only=True):
    """`rule` is a number; the fields from `words` on are those of the kind's form."""

    rule: int
    kind: str
    action: str
    words: list[str] | None = None
    domains: list[str] | None = None
    posts: int | None = None
    days: int | None = None
    most: int | None = None
    times: int | None = None
    hours: int | None = None
    label: str | None = None
    least: float | None = None

    @property
    def form(self) -> dict[str, object]:
        return {name: value for name, value in msgspec.to_builtins(self).items() if value is not None}


class ReportScript(Script, frozen=True, kw_only=True):
    by: str
    rule: int
    after: str
    comment: str


class VerdictScript(Script, frozen=True, kw_only=True):
    """A moderator's decision, `after` the post; `reported_by` somebody an hour after it."""

    by: str
    after: str
    reason: str
    rule: int | None = None
    reported_by: str | None = None


class PictureScript(Script, frozen=True, kw_only=True):
    """A drawing beside the scripts, and what is said of it."""

    file: str
    words: str

    @property
    def data(self) -> bytes:
        return (FOLDER / self.file).read_bytes()


class PostScript(Script, frozen=True, kw_only=True):
    """A thread or a reply. `thanks` names people, separated by spaces; `edit` is the text an hour later."""

    by: str
    text: str
    thanks: str = ""
    edit: str | None = None
    report: ReportScript | None = None
    released: VerdictScript | None = None
    refused: VerdictScript | None = None
    removed: VerdictScript | None = None
    kept: VerdictScript | None = None
    picture: list[PictureScript] = []
    reply: list["ReplyScript"] = []

    @property
    def verdict(self) -> tuple[str, VerdictScript] | None:
        """The verb of its decision, and the decision."""
        told = {"release": self.released, "refuse": self.refused, "remove": self.removed, "keep": self.kept}
        return next(((verb, verdict) for verb, verdict in told.items() if verdict), None)


class ReplyScript(PostScript, frozen=True, kw_only=True):
    """`after` the post that it answers."""

    after: str


class PollScript(Script, frozen=True, kw_only=True):
    """`votes` names options by their number, from 1."""

    options: list[str]
    several: bool = False
    days: int
    votes: dict[str, list[int]]


class ThreadScript(PostScript, frozen=True, kw_only=True):
    when: str
    title: str
    link: str | None = None
    poll: PollScript | None = None


class GroupScript(Script, frozen=True, kw_only=True):
    name: str
    title: str
    place: str
    tagline: str
    created: str
    answers_within: str
    about: str
    moderators: list[str]
    members: list[str]
    rule: list[RuleScript]
    check: list[CheckScript]
    thread: list[ThreadScript]


S = typing.TypeVar("S", bound=Script)


def town() -> Town:
    return _read("town", Town)


def groups() -> list[GroupScript]:
    return [_read(name, GroupScript) for name in GROUPS]


def _read(name: str, kind: type[S]) -> S:
    return msgspec.toml.decode((FOLDER / f"{name}.toml").read_bytes(), type=kind)


def span(text: str) -> dt.timedelta:
    """`1d 2h` or `40m`."""
    return sum((dt.timedelta(**{_UNITS[unit]: int(count)}) for count, unit in _SPAN.findall(text)), dt.timedelta())


def moment(text: str, now: dt.datetime) -> dt.datetime:
    """`3d 18:20`, three days ago at that time, or a span such as `5h` ago."""
    if dated := _DATED.fullmatch(text):
        day = now - dt.timedelta(days=int(dated[1]))
        return day.replace(hour=int(dated[2]), minute=int(dated[3]), second=0, microsecond=0)
    return now - span(text)
