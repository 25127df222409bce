"""Reads every text before anybody else does: publish, flag or hold, by the group's checks. Owns `screenings`."""

import datetime as dt
from collections.abc import Sequence

import msgspec

from moderation import cases, checks, instances
from moderation.cases import NewFinding
from moderation.checks import Check
from moderation.criteria import RepeatedCriteria, ScoreCriteria
from moderation.matching import Draft, Finding, History, run_check
from moderation.repetition import Fingerprint
from moderation.scorer import Scores
from moderation.scoring import Reading, Scoring
from server import clock, jobs, language
from server.community import media, posts, revisions
from server.community.posts import Post
from server.db import Command, Conn, Query, Row
from server.messages import Message
from server.runtime import Runtime

# A scorer that was away is asked again after so many minutes, twice.
RETRY_MINUTES = 5
ATTEMPTS = 3
WAITS_FOR_SCORER = Message("The scorer has not read it yet.")
# More of an author's earlier texts than this are not compared: each costs as much as reading a post.
MAX_RECENT = 40


class Subject(Row, frozen=True):
    """A text to be screened, its author and its group, in one row.

    `asked_before`: a person was asked to release an earlier text of this post.
    """

    state: str
    title: str | None
    link: str | None
    source: str
    html: str
    language: str
    options: list[str]
    pictures: media.Stored
    group_host: str | None
    group_language: str
    hold_first_remote: bool
    author_host: str | None
    account_since: dt.datetime | None
    screened: bool
    asked_before: bool

    @property
    def draft(self) -> Draft:
        return Draft(
            self.title or "", self.source, self.html, self.link, tuple(self.options), media.words_of(self.pictures),
            media.addresses_of(self.pictures), remote_author=self.author_host is not None,
        )  # fmt: skip


class Earlier(Row, frozen=True):
    """What the author sent before; `sent_at` is our clock's, as other servers' dates are only their word."""

    title: str
    source: str
    html: str
    options: list[str]
    pictures: media.Stored
    sent_at: dt.datetime


class Screening(Row, frozen=True):
    outcome: str
    scorer: str
    not_scored: str | None
    scores: dict[str, float]
    failed: bool


class Outcome(msgspec.Struct, frozen=True):
    """What a screening says: `action` is publish, flag or hold."""

    action: str
    findings: list[NewFinding]
    reading: Reading


SUBJECT = Query(
    Subject,
    """
    select r.state, r.title, r.link, r.source, r.html, r.language, coalesce(q.options, '{}') as options,
           r.pictures, g.host as group_host, gr.language as group_language, gr.hold_first_remote,
           a.host as author_host, c.created_at as account_since,
           exists (select 1 from screenings s where s.post_id = p.id and s.revision = r.number) as screened,
           exists (select 1 from cases k where k.post_id = p.id and k.state = 'open' and k.opened_for = 'hold')
               as asked_before
      from posts p join revisions r on r.post_id = p.id and r.number = $2
      join actors a on a.id = p.author_id left join accounts c on c.actor_id = p.author_id
      join groups gr on gr.actor_id = p.group_id join actors g on g.id = p.group_id
      left join polls q on q.post_id = p.id
     where p.id = $1""",
)
# Asked only where a check or the group wants to know: it reads the author's posts one by one.
PUBLISHED_HERE = Command(
    """select count(*) from (
            select 1 from posts where author_id = $1 and group_id = $2 and state = 'published' and id <> $3
             limit 101) counted"""
)
# Deleting a post and sending it again is what repeats look like, so deleted and refused ones count.
EARLIER = Query(
    Earlier,
    """
    select coalesce(r.title, '') as title, r.source, r.html, coalesce(q.options, '{}') as options,
           r.pictures, r.created_at as sent_at
      from posts p join revisions r on r.post_id = p.id and r.number = 1 left join polls q on q.post_id = p.id
     where p.author_id = $1 and p.id <> $2 and r.created_at > clock_now() - make_interval(hours => $3)
     order by p.id desc limit $4""",
)
RECORD = Command(
    """insert into screenings (post_id, revision, outcome, scorer, not_scored, scores, failed)
       values ($1, $2, $3, $4, $5, $6, $7)"""
)
RECORD_LATE = Command(
    """update screenings set scorer = $3, not_scored = $4, scores = $5, failed = $6,
              outcome = case when outcome = 'publish' then $7 else outcome end
        where post_id = $1 and revision = $2"""
)
ONE = Query(
    Screening,
    "select outcome, scorer, not_scored, scores, failed from screenings where post_id = $1 and revision = $2",
)
# The last text that the scorer was asked about and could have read.
LAST_SCORED = Command(
    """select not_scored from screenings where scorer <> '' and (failed or not_scored is null)
        order by screened_at desc limit 1"""
)


async def screen_revision(conn: Conn, runtime: Runtime, *, post_id: int, number: int) -> None:
    """Job: let one text pass, flag it or hold it, once; a second run changes nothing."""
    post = await posts.by_id(conn, post_id, lock=True)
    subject = await SUBJECT.one(conn, post_id, number)
    # Of a removed post no text is let through; it is screened when the post comes back.
    if subject is None or subject.screened or subject.state != "submitted" or post.state in ("removed", "deleted"):
        return
    subject = _in_its_language(subject)
    outcome = await _screen(conn, runtime, post, subject)
    await RECORD.run(
        conn, post_id, number, outcome.action, outcome.reading.scorer, outcome.reading.not_scored,
        _values(outcome.reading.scores), outcome.reading.failed,
    )  # fmt: skip
    if outcome.reading.not_scored == WAITS_FOR_SCORER:
        await jobs.enqueue(conn, "score_revision", {"post_id": post_id, "number": number})
    await _act(conn, post, number, outcome, subject.language)


async def _act(conn: Conn, post: Post, number: int, outcome: Outcome, found_language: str) -> None:
    if outcome.action == "hold":
        await posts.hold_revision(conn, post, number, found_language)
        await cases.open_case(conn, post, number, "hold", outcome.findings)
        return
    await posts.publish_revision(conn, post, number, found_language)
    if outcome.action == "flag":
        await _flag(conn, post.id, number, outcome.findings)


async def _flag(conn: Conn, post_id: int, number: int, findings: Sequence[NewFinding]) -> None:
    post = await posts.by_id(conn, post_id)
    # Sent back with its parent: nobody will see it, so nobody need read it.
    if post.state not in ("refused", "removed", "deleted"):
        await cases.open_case(conn, post, number, "flag", findings)


def _in_its_language(subject: Subject) -> Subject:
    """With the language as detected, else as the author's server said, else the group's."""
    default = subject.language or subject.group_language
    found = language.detect(subject.draft.visible, default)[:20]
    return msgspec.structs.replace(subject, language=found)


async def _screen(conn: Conn, runtime: Runtime, post: Post, subject: Subject) -> Outcome:
    # A group elsewhere has no checks here, so its posts meet those of the instance alone.
    enabled = await checks.checks_for_screening(conn, post.group_id, instance_wide=True)
    scoring = await runtime.use(Scoring)
    reading = await _read(scoring, enabled, subject)
    history = await _history(conn, post, subject, enabled)
    findings = await _without_rule(conn, runtime, post, subject)
    findings += strike(enabled, subject.draft, history, reading.scores)
    # Who was asked about an earlier text decides about this one too: otherwise an author could try words out until the
    # checks let one through.
    if any(found.action == "hold" for found in findings) or subject.asked_before:
        return Outcome("hold", findings, reading)
    return Outcome("flag" if findings else "publish", findings, reading)


async def _read(scoring: Scoring, enabled: Sequence[Check], subject: Subject) -> Reading:
    if not any(check.kind == "score" for check in enabled):
        return Reading("")
    if not scoring.at_once:
        return Reading("", not_scored=WAITS_FOR_SCORER)
    return await scoring.read(subject.draft.visible, subject.language)


async def _history(conn: Conn, post: Post, subject: Subject, enabled: Sequence[Check]) -> History:
    now = clock.now()
    hours = max((c.hours for check in enabled if isinstance(c := check.criteria, RepeatedCriteria)), default=0)
    earlier = await EARLIER.all(conn, post.author_id, post.id, hours, MAX_RECENT) if hours else []
    return History(
        now=now,
        posts=await _published_here(conn, post) if any(check.kind == "newcomer" for check in enabled) else 0,
        account_days=(now - subject.account_since).days if subject.account_since else None,
        recent=[(_fingerprint(sent), sent.sent_at) for sent in earlier],
    )


async def _published_here(conn: Conn, post: Post) -> int:
    """How many other posts the author has published in this group; counts up to 101."""
    counted: int = await PUBLISHED_HERE.value(conn, post.author_id, post.group_id, post.id)
    return counted


def _fingerprint(sent: Earlier) -> Fingerprint:
    pictures = media.words_of(sent.pictures)
    return Draft(sent.title, sent.source, sent.html, options=tuple(sent.options), pictures=pictures).fingerprint


async def _without_rule(conn: Conn, runtime: Runtime, post: Post, subject: Subject) -> list[NewFinding]:
    """What holds a post from elsewhere before any check is asked."""
    if subject.author_host is None:
        return []
    found = []
    policies = await runtime.use(instances.PolicySnapshot)
    if (await policies.current()).within(post.group_id, subject.author_host) != instances.OPEN:
        found.append(NewFinding(cases.LIMITED_INSTANCE, "hold"))
    if subject.hold_first_remote and not post.was_published and not await _published_here(conn, post):
        found.append(NewFinding(cases.FIRST_REMOTE, "hold"))
    return found


def strike(enabled: Sequence[Check], draft: Draft, history: History, scores: Scores | None) -> list[NewFinding]:
    """What the checks find in a text."""
    struck = [(check, run_check(check.criteria, draft, history, scores)) for check in enabled]
    return [_found(check, finding) for check, finding in struck if finding]


def _found(check: Check, finding: Finding) -> NewFinding:
    return NewFinding(
        kind=finding.kind,
        action=check.action,
        rule_id=check.rule_id,
        rule_version=check.rule_version,
        check_id=check.id,
        matched=finding.matched,
        score=finding.score,
        label=finding.label,
    )


async def score_revision(runtime: Runtime, *, post_id: int, number: int, attempt: int = 1) -> None:
    """Errand: ask a slow scorer about a text that plain checks have dealt with; it can only flag."""
    async with runtime.db.read() as conn:
        subject = await SUBJECT.one(conn, post_id, number)
    if subject is None or not subject.screened:
        return
    scoring = await runtime.use(Scoring)
    reading = await scoring.read(subject.draft.visible, subject.language)
    async with runtime.db.transaction() as conn:
        await _score_late(conn, post_id, number, subject, reading)
        if reading.failed and attempt < ATTEMPTS:
            args: dict[str, object] = {"post_id": post_id, "number": number, "attempt": attempt + 1}
            due_at = clock.now() + dt.timedelta(minutes=RETRY_MINUTES * attempt)
            await jobs.enqueue(conn, "score_revision", args, due_at=due_at)


async def _score_late(conn: Conn, post_id: int, number: int, subject: Subject, reading: Reading) -> None:
    post = await posts.by_id(conn, post_id, lock=True)
    screening = await screening_of(conn, post_id, number)
    # An errand may run twice: what the scorer has read once stays as it was.
    if screening is None or (screening.scorer and not screening.failed):
        return
    enabled = await checks.checks_for_screening(conn, post.group_id, instance_wide=True)
    scored = [check for check in enabled if isinstance(check.criteria, ScoreCriteria)]
    findings = strike(scored, subject.draft, History(now=clock.now()), reading.scores)
    await RECORD_LATE.run(
        conn, post_id, number, reading.scorer, reading.not_scored, _values(reading.scores), reading.failed,
        "flag" if findings else "publish",
    )  # fmt: skip
    # A text that a person has refused, or that a newer one has replaced, needs nobody's eyes any more.
    if findings and (await revisions.latest(conn, post_id)).number == number:
        await _flag(conn, post_id, number, findings)


def _values(scores: Scores | None) -> dict[str, float]:
    return {label: round(value, 4) for label, value in scores.values.items()} if scores else {}


async def screening_of(conn: Conn, post_id: int, number: int) -> Screening | None:
    """How a text was screened, and what the scorer said."""
    return await ONE.one(conn, post_id, number)


async def scorer_problem(conn: Conn) -> str | None:
    """Why the scorer could not read the last text that it was asked about, in plain words; None where it did."""
    problem: str | None = await LAST_SCORED.value(conn)
    return problem
