"""The demo neighbourhood: alive, reviewed, safe to log in to, and filled once."""

import datetime as dt
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from server import clock, site
from server.community import accounts, actors, media
from server.community.accounts import NO_PASSWORD
from server.errors import Refused
from server.runtime import Runtime
from tests.conftest import Databases, settings_for
from web import demo, demo_script
from web.demo_script import PostScript, ReplyScript, ThreadScript


class Filled:
    """A runtime with the demo in it, when it was filled, and the file that tells the passwords."""

    def __init__(self, runtime: Runtime, logins: Path, at: dt.datetime) -> None:
        self.runtime = runtime
        self.logins = logins
        self.at = at


@pytest.fixture(scope="module")
async def filled(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Filled]:
    dsn = await databases.copy()
    settings = settings_for(dsn, tmp_path_factory.mktemp("demo"), BASE_URL="http://127.0.0.1:8000")
    runtime = await Runtime.open(settings, dsn)
    at = clock.now()
    yield Filled(runtime, await demo.fill(runtime), at)
    await runtime.close()
    databases.drop(dsn)


async def test_it_looks_alive(filled: Filled) -> None:
    async with filled.runtime.db.read() as conn:
        counts = await conn.fetchrow(
            """select (select count(*) from groups) as groups, (select count(*) from accounts) as people,
                      count(*) filter (where parent_id is null) as threads, count(*) as posts,
                      count(*) filter (where edited_at is not null) as edited,
                      count(*) filter (where depth >= 2) as nested, count(distinct language) as languages
                 from posts where state = 'published'"""
        )
        assert (await site.current(conn)).demo
    assert counts is not None
    assert counts["groups"] == 3
    assert counts["people"] >= 12
    assert counts["threads"] >= 25
    assert counts["posts"] >= 100
    assert counts["edited"] >= 2
    assert counts["nested"] >= 10
    assert counts["languages"] == 2


async def test_neighbours_show_pictures_and_say_what_can_be_seen(filled: Filled) -> None:
    async with filled.runtime.db.read() as conn:
        found = await conn.fetch(
            """select p.pictures, p.state, m.key from posts p join media m on m.post_id = p.id order by m.created_at"""
        )
    assert [row["state"] for row in found] == ["published", "published", "held"]
    for row in found:
        (picture,) = media.read(row["pictures"])
        assert len(picture.words) > 40
        assert picture.width >= 900
        for size in (media.WHOLE, media.SMALL):
            assert (Path(filled.runtime.settings.media_url) / media.file_of(row["key"], size)).stat().st_size > 1000


async def test_neighbours_have_voted(filled: Filled) -> None:
    async with filled.runtime.db.read() as conn:
        found = await conn.fetch("select multiple, counts, voter_count, closes_at from polls order by closes_at")
        late = await conn.fetchval(
            """select count(*) from poll_votes v join polls k on k.post_id = v.post_id join posts p on p.id = k.post_id
                where v.created_at not between p.published_at and least(k.closes_at, $1)""",
            filled.at,
        )
    assert late == 0
    closed, still_open = found
    assert closed["closes_at"] < filled.at < still_open["closes_at"]
    assert (closed["multiple"], still_open["multiple"]) == (False, True)
    assert sum(closed["counts"]) == closed["voter_count"] == 9
    assert sum(still_open["counts"]) > still_open["voter_count"] == 10


async def test_nothing_happened_in_the_future_or_before_its_cause(filled: Filled) -> None:
    async with filled.runtime.db.read() as conn:
        latest = await conn.fetchval("select max(greatest(submitted_at, published_at, edited_at)) from posts")
        early = await conn.fetchval(
            """select count(*) from posts r join posts p on p.id = r.parent_id
                where r.submitted_at < p.submitted_at or r.position <= p.position"""
        )
        newcomers = await conn.fetchval(
            """select count(*) from posts p join accounts a on a.actor_id = p.author_id
                where a.created_at > p.submitted_at"""
        )
        unsorted = await conn.fetchval(
            "select count(*) from posts a join posts b on a.position < b.position where a.published_at > b.published_at"
        )
    assert latest <= filled.at
    assert (early, newcomers, unsorted) == (0, 0, 0)


async def test_the_true_time_is_back(filled: Filled) -> None:
    assert clock.offset() == dt.timedelta()
    async with filled.runtime.db.read() as conn:
        assert await conn.fetchval("select clock_now() = now()")


async def test_moderators_have_something_to_do_and_a_record(filled: Filled) -> None:
    async with filled.runtime.db.read() as conn:
        waiting = await conn.fetch("select opened_for, count(*) from cases where state = 'open' group by 1")
        decided = await conn.fetch("select verb, count(*) from decisions group by 1")
        unread = await conn.fetch(
            """select a.name from notifications n join actors a on a.id = n.account_id
                where n.read_at is null group by a.name"""
        )
        read = await conn.fetchval("select count(*) from notifications where read_at is not null")
    assert {row[0] for row in waiting} == {"hold", "flag", "report"}
    assert {row[0] for row in decided} == {"release", "refuse", "remove", "keep"}
    assert {"ana", "martha"} <= {row[0] for row in unread}
    assert read > 20


async def test_three_people_can_log_in_and_nobody_else(filled: Filled) -> None:
    assert stat.S_IMODE(filled.logins.stat().st_mode) == 0o600
    told = filled.logins.read_text()
    async with filled.runtime.db.read() as conn:
        for name, role in demo.logins():
            (line,) = [line for line in told.splitlines() if line.split()[0] == name]
            assert role in line
            account = await accounts.authenticate(conn, name, line.split()[1])
            assert account.admin == (name == "kofi")
        assert await conn.fetchval("select count(*) from accounts where password_hash <> $1", NO_PASSWORD) == 3
        with pytest.raises(Refused):
            await accounts.authenticate(conn, "gareth", NO_PASSWORD)


async def test_it_is_filled_once(filled: Filled) -> None:
    before = filled.logins.read_text()
    with pytest.raises(Refused) as refused:
        await demo.fill(filled.runtime)
    assert refused.value.code == "not_new"
    assert filled.logins.read_text() == before
    async with filled.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from groups") == 3


async def test_only_this_machine_may_have_it(runtime: Runtime) -> None:
    with pytest.raises(Refused) as refused:
        await demo.fill(runtime)
    assert refused.value.code == "not_loopback"
    async with runtime.db.read() as conn:
        assert not await actors.anybody(conn)


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("3d 18:20", dt.datetime(2026, 4, 28, 18, 20, tzinfo=dt.UTC)),
        ("40m", dt.datetime(2026, 5, 1, 8, 20, tzinfo=dt.UTC)),
        ("1d 2h", dt.datetime(2026, 4, 30, 7, 0, tzinfo=dt.UTC)),
    ],
)
def test_times_are_told_from_now(told: str, meant: dt.datetime) -> None:
    assert demo_script.moment(told, dt.datetime(2026, 5, 1, 9, 0, tzinfo=dt.UTC)) == meant


def told_by(
    posts: Sequence[PostScript], moment: dt.datetime | None, now: dt.datetime
) -> Iterator[tuple[str, dt.datetime]]:
    """Who writes when, replies included."""
    for post in posts:
        written = demo_script.moment(post.when, now) if isinstance(post, ThreadScript) else None
        if isinstance(post, ReplyScript):
            assert moment is not None
            written = moment + demo_script.span(post.after)
        assert written is not None
        yield post.by, written
        yield from told_by(post.reply, written, now)


@pytest.mark.parametrize("hour", range(24))
def test_nobody_writes_before_they_moved_in_at_whatever_time_of_day_it_starts(hour: int) -> None:
    now = dt.datetime(2026, 5, 1, hour, 30, tzinfo=dt.UTC)
    joined = {person.name: demo_script.moment(person.joined, now) for person in demo_script.town().person}
    early = [
        (name, group.name, written)
        for group in demo_script.groups()
        for name, written in told_by(group.thread, None, now)
        if written < max(joined[name], demo_script.moment(group.created, now))
    ]
    assert not early
