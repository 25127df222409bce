"""What one drain takes up of an instance's lane at once, and what becomes of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from federation import followers, lanes, software
from federation.attempts import Attempt, Verdict
from federation.signing import NO_MORE, Signer
from moderation.instances import BLOCKED, Policies
from server.db import Row

FAILURES_IN_A_ROW = 5


class Delivery(Row, frozen=True):
    id: int
    host: str
    inbox: str
    activity_id: int
    sender_id: int
    ordering: str
    tries: int
    group_id: int | None

    def is_stopped(self, policies: Policies) -> bool:
        """Whether the group of which it is has blocked its instance (I-4)."""
        group_id = self.sender_id if self.group_id is None else self.group_id
        # Few groups have a list of their own, and every delivery asks.
        return group_id in policies.groups and policies.within(group_id, self.host) == BLOCKED


@dataclass(frozen=True)
class Load:
    """What the rows of one batch share: bodies by activity, signers by sender (none while its keys are being made).

    `followers`, by sender, for instances that compare them.
    """

    bodies: Mapping[int, bytes]
    signers: Mapping[int, Signer]
    followers: Mapping[int, followers.Followers]

    def more_headers(self, lane: lanes.Lane, row: "Delivery") -> Mapping[str, str]:
        """What is said of the sender's followers over there, beside an activity that is for all its followers."""
        known = self.followers.get(row.sender_id)
        if known is None or not software.compares_followers(lane.software):
            return NO_MORE
        digest = known.digests.get(lane.host)
        if digest is None or f'"{known.uri}/followers"'.encode() not in self.bodies[row.activity_id]:
            return NO_MORE
        return {followers.HEADER: followers.header(known.uri, digest)}


@dataclass
class Turn:
    """A leased lane's rows of one batch, and what became of them."""

    report: lanes.Report
    rows: list[Delivery] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    parked: list[tuple[int, float, str]] = field(default_factory=list)
    dropped: list[tuple[int, str]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    stuck: set[str] = field(default_factory=set)
    failed_in_a_row: int = 0
    answered: bool = False
    asked_at: float = field(default_factory=time.monotonic)

    @property
    def waited(self) -> float:
        """For how many seconds its instance has let us wait."""
        return time.monotonic() - self.asked_at

    @property
    def host(self) -> str:
        return self.report.lane.host

    def take(self, row: Delivery, policies: Policies) -> None:
        """Have a row to send, unless the group that it comes from has blocked this instance."""
        if row.is_stopped(policies):
            self.dropped.append((row.id, "blocked_in_group"))
        else:
            self.rows.append(row)

    def park(self, row: Delivery, wait: float, reason: str) -> None:
        """Set a row aside for `wait` seconds; later ones of its key wait behind it."""
        self.parked.append((row.id, wait, reason[:300]))
        self.stuck.add(row.ordering)

    def judge(self, row: Delivery, tried: Attempt) -> None:
        """Note what one attempt means for its row and its lane."""
        report = self.report
        self.failed_in_a_row = self.failed_in_a_row + 1 if tried.verdict is Verdict.PARK else 0
        self.answered = self.answered or tried.verdict is not Verdict.REST
        match tried.verdict:
            case Verdict.DONE:
                self.done.append(row.id)
                report.scheme, report.well, report.succeeded = tried.scheme, True, True
            case Verdict.DROP:
                self.dropped.append((row.id, tried.reason))
                report.well = True
                if tried.gone:
                    self.gone.append(row.inbox)
            case Verdict.PARK:
                self.park(row, lanes.backoff(row.tries), tried.reason)
                if self.failed_in_a_row >= FAILURES_IN_A_ROW:
                    report.error = f"{self.failed_in_a_row} in a row: {tried.reason}"
            case Verdict.REST:
                report.error, report.retry_after = tried.reason, tried.retry_after
                if tried.retry_after is None:
                    # Should this very row be what breaks the connection: the lane is due before it, for another one.
                    self.park(row, 2 * lanes.backoff(row.tries), tried.reason)

    def end(self) -> None:
        """Whoever answered, and not with five failures in a row, is well."""
        if self.report.error is None and self.answered:
            self.report.well = True
