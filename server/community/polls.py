"""Polls: a thread with options, one or several to choose. Owns the tables `polls` and `poll_votes`.

Options are given once, with the thread; a vote is given once and stays. Both hold for neighbours here and elsewhere
alike, since other servers know neither another option nor a vote taken back. Who has voted sees the totals, and
everybody does when the poll has closed, so that nobody is led by them.
"""

import datetime as dt
from collections.abc import Collection, Sequence

import msgspec

from server import clock, jobs, text
from server.community import notifications
from server.community.actors import Actor
from server.db import Command, Conn, Query, Row
from server.errors import Invalid, NotFound, Refused
from server.messages import Message
from server.runtime import Runtime

MOST_OPTIONS = 20
MAX_OPTION = 200
MOST_VOTES = 1 << 31
# Other servers are told of votes at most so often.
TELL_AFTER = dt.timedelta(minutes=5)


class NewPoll(msgspec.Struct, frozen=True):
    """A poll as it comes in with its thread: ours `lasts` from publication, one from elsewhere brings its totals."""

    options: tuple[str, ...]
    multiple: bool = False
    lasts: dt.timedelta | None = None
    closes_at: dt.datetime | None = None
    counts: tuple[int, ...] = ()
    voters: int = 0


class Poll(Row, frozen=True):
    """`ours`: its author lives here, so that votes are counted here."""

    post_id: int
    options: list[str]
    multiple: bool
    counts: list[int]
    voter_count: int
    closes_at: dt.datetime | None
    settled: bool
    ours: bool

    @property
    def closed(self) -> bool:
        return is_closed(self.closes_at)


class _Left(Row, frozen=True):
    post_id: int


class _Told(Row, frozen=True):
    author_id: int
    group_id: int


ADD = Command(
    """insert into polls (post_id, options, multiple, counts, voter_count, lasts, closes_at)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing"""
)
OPEN = Command(
    """update polls set closes_at = clock_now() + lasts
        where post_id = $1 and closes_at is null and lasts is not null returning closes_at"""
)
_SELECT = """
    select k.post_id, k.options, k.multiple, k.counts, k.voter_count, k.closes_at, k.settled, a.host is null as ours
      from polls k join posts p on p.id = k.post_id join actors a on a.id = p.author_id
     where k.post_id = $1"""
ONE = Query(Poll, _SELECT)
# Votes queue up here, so that nobody is counted twice.
LOCKED = Query(Poll, _SELECT + " for no key update of k")
CHOSEN = Command("select array_agg(choice::int8) from poll_votes where post_id = $1 and actor_id = $2")
GIVE = Command("insert into poll_votes (post_id, actor_id, choice) select $1, $2, unnest($3::int8[])")
# Counted anew each time, so that a total cannot part from the votes.
RECOUNT = Command(
    """update polls set
              counts = array(select count(v.choice) from generate_series(0, cardinality(options) - 1) o (choice)
                               left join poll_votes v on v.post_id = polls.post_id and v.choice = o.choice
                              group by o.choice order by o.choice),
              voter_count = (select count(distinct actor_id) from poll_votes v where v.post_id = polls.post_id)
        where post_id = $1"""
)
# Until its author's server says the new totals itself.
COUNT_ELSEWHERE = Command(
    """update polls set voter_count = voter_count + 1,
              counts = array(select c.n + (c.place - 1 = any($2::int8[]))::int
                               from unnest(counts) with ordinality c (n, place) order by c.place)
        where post_id = $1"""
)
SET_TOTALS = Command(
    "update polls set counts = $2, voter_count = $3, closes_at = $4, settled = settled or $5 where post_id = $1"
)
SET_TELLING = Command("update polls set telling = true where post_id = $1 and not telling")
TOLD = Command(
    "update polls set telling = false, tellings = tellings + 1 where post_id = $1 and telling returning tellings"
)
# Those who voted and live here, or elsewhere.
VOTERS = Command(
    """select array_agg(distinct v.actor_id) from poll_votes v join actors a on a.id = v.actor_id
        where v.post_id = $1 and (a.host is null) = $2 and a.deleted_at is null"""
)
# Whoever leaves takes their vote out of what is still open; what has been decided stays, and no longer says by whom.
FORGET_VOTER = Query(
    _Left,
    """
    with gone as (delete from poll_votes where actor_id = $1 returning post_id)
    select distinct k.post_id
      from polls k join gone on gone.post_id = k.post_id join posts p on p.id = k.post_id
      join actors a on a.id = p.author_id
     where a.host is null and (k.closes_at is null or k.closes_at > clock_now()) order by 1""",
)
# Of whoever is banned from a group the same, there alone; what has been decided stays as it was.
LEAVE_OUT = Query(
    _Left,
    """
    with gone as (
        delete from poll_votes v using polls k, posts p, actors a
         where v.actor_id = $1 and k.post_id = v.post_id and p.id = v.post_id and p.group_id = $2
           and a.id = p.author_id and a.host is null and (k.closes_at is null or k.closes_at > clock_now())
        returning v.post_id)
    select distinct post_id from gone order by 1""",
)
ABOUT = Query(_Told, "select author_id, group_id from posts where id = $1 and state = 'published'")
# With the words of a deleted thread its options go, and who chose what.
WIPE = Command(
    """
    with gone as (
        delete from polls k using posts p where p.id = k.post_id and p.wiped_at is not null returning k.post_id)
    delete from poll_votes v using gone where v.post_id = gone.post_id"""
)


def is_closed(closes_at: dt.datetime | None) -> bool:
    return closes_at is not None and closes_at <= clock.now()


def clean_option(typed: str) -> str:
    return text.one_line(typed, MAX_OPTION)


async def add(conn: Conn, post_id: int, new: NewPoll) -> None:
    """Attach a poll to a thread that has just been submitted; it is screened with the thread's text."""
    counts = list(new.counts) or [0] * len(new.options)
    await ADD.run(conn, post_id, list(new.options), new.multiple, counts, new.voters, new.lasts, new.closes_at)


async def open_poll(conn: Conn, post_id: int) -> None:
    """Its thread is published: from now on it can be voted in, and its time runs."""
    closes_at = await OPEN.value(conn, post_id)
    if closes_at is not None:
        await jobs.enqueue(conn, "close_poll", {"post_id": post_id}, due_at=closes_at)


async def vote(conn: Conn, person: Actor, post_id: int, choices: Collection[int]) -> bool:
    """Count a vote once; False where the person had voted already. `access.check_may_choose` was asked before.

    People elsewhere choose several options one by one, as each choice comes as a message of its own.
    """
    poll = await LOCKED.one(conn, post_id)
    if poll is None:
        raise NotFound("poll")
    if poll.closed:
        raise Refused("poll_closed", "This poll has closed, so it takes no votes any more.")
    _check_choices(poll, choices)
    before = await CHOSEN.value(conn, post_id, person.id) or []
    new = sorted(set(choices) - set(before))
    if not new or (before and (person.local or not poll.multiple)):
        return False
    await GIVE.run(conn, post_id, person.id, new)
    if not poll.ours:
        await COUNT_ELSEWHERE.run(conn, post_id, new)
        await jobs.enqueue(conn, "spread_poll_vote", {"person_id": person.id, "post_id": post_id})
        return True
    await RECOUNT.run(conn, post_id)
    await tell(conn, post_id)
    return True


def _check_choices(poll: Poll, choices: Collection[int]) -> None:
    if not choices or not all(0 <= choice < len(poll.options) for choice in choices):
        raise Invalid({"choice": Message("Please choose one of the options.")})
    if len(choices) > 1 and not poll.multiple:
        raise Invalid({"choice": Message("Please choose only one of the options.")})


async def chosen(conn: Conn, post_id: int, person_id: int) -> list[int]:
    """What somebody voted for, in the order of the options."""
    return sorted(await CHOSEN.value(conn, post_id, person_id) or [])


async def forget_voter(conn: Conn, person_id: int) -> None:
    """Somebody is gone for good, here or elsewhere, and with them who chose what."""
    await _count_anew(conn, await FORGET_VOTER.all(conn, person_id))


async def leave_out(conn: Conn, person_id: int, group_id: int) -> None:
    """Somebody is banned from a group: in its open polls they have no say, unless they may vote again in time."""
    await _count_anew(conn, await LEAVE_OUT.all(conn, person_id, group_id))


async def _count_anew(conn: Conn, left: Sequence[_Left]) -> None:
    for poll in left:
        await LOCKED.one(conn, poll.post_id)
        await RECOUNT.run(conn, poll.post_id)
        await tell(conn, poll.post_id)


async def take_totals(conn: Conn, post_id: int, told: NewPoll, *, asked: bool) -> bool:
    """What the author's server says of its own poll; whether anything is new. Who speaks was checked by the caller.

    After its end nobody tells us a poll's totals: its server is asked for them once (`asked`).
    """
    poll = await LOCKED.one(conn, post_id)
    if poll is None or poll.ours or poll.settled or (poll.closed and not asked):
        return False
    by_name = dict(zip(told.options, told.counts, strict=True))
    # Other options would be another poll, which nobody here has seen, nor our checks.
    if set(by_name) != set(poll.options) or told.multiple != poll.multiple:
        return False
    counts = [by_name[option] for option in poll.options]
    closes_at = poll.closes_at if poll.closed or told.closes_at is None else told.closes_at
    new = (counts, told.voters, closes_at) != (poll.counts, poll.voter_count, poll.closes_at)
    await SET_TOTALS.run(conn, post_id, counts, told.voters, closes_at, poll.closed)
    return new


async def tell(conn: Conn, post_id: int) -> None:
    """Let other servers know the totals: in a while, together with those of the votes that come until then."""
    if await SET_TELLING.run(conn, post_id):
        await jobs.enqueue(conn, "spread_poll", {"post_id": post_id}, due_at=clock.now() + TELL_AFTER)


async def close_poll(conn: Conn, _runtime: Runtime, *, post_id: int) -> None:
    """Job: a poll of ours has ended. Its author and all who voted here are told, and other servers."""
    about = await ABOUT.one(conn, post_id)
    if about is None:
        return
    for account_id in sorted({about.author_id, *await voters(conn, post_id, local=True)}):
        await notifications.notify(conn, account_id, "poll_closed", post_id=post_id, group_id=about.group_id)
    # At once. What was due later will find that nothing is left to tell.
    await SET_TELLING.run(conn, post_id)
    await jobs.enqueue(conn, "spread_poll", {"post_id": post_id})


async def voters(conn: Conn, post_id: int, *, local: bool) -> Sequence[int]:
    return await VOTERS.value(conn, post_id, local) or ()
