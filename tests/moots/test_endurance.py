"""Two Folkmoots of ten thousand posts each: join, read the past, then a minute in which nothing lives for long (X4)."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator

import pytest

from tests.browser_like import Answer
from tests.faults.test_restarts import UNLIMITED
from tests.moots.filler import Filler
from tests.moots.holding import differences, held_by
from tests.real_moot import RealMoot, WireBrowser, real_moot, shows_button, until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

LAUNCHER = ("-m", "tests.moots.launch")
SEED = 20261125
POSTS = 10_000
# Of Oakham's, those of the group that Brook's residents join.
JOINED = 4_000
CHAOS_SECONDS = 60
BACKFILL_SECONDS = 200
DRAIN_SECONDS = 150


class Place:
    """A moot with a group of its own, `home`, whose neighbours read it as `away`; its moderator is `judge`."""

    def __init__(self, moot: RealMoot, group: str, title: str, writers: tuple[str, ...], judge: str) -> None:
        self.moot = moot
        self.group = group
        self.title = title
        self.writers = writers
        self.judge = judge
        self.browsers: dict[str, WireBrowser] = {}
        self.uri = f"{moot.base}/ap/groups/{group}"

    async def open(self, dice: random.Random, joined: int) -> None:
        people = {name: await self.moot.add_resident(name) for name in (*self.writers, self.judge)}
        self.group_id = await self.moot.add_group(self.group, self.title, people[self.judge])
        elsewhere = await self.moot.add_group(f"{self.group}_archive", "Archive", people[self.judge])
        self.rule_id = await self.moot.value("select id from rules where group_id = $1", self.group_id)
        filler = Filler(self.moot, dice)
        authors = list(people.values())
        await filler.fill(self.group_id, authors, joined)
        await filler.fill(elsewhere, authors, POSTS - joined)
        async with self.moot.runtime.db.transaction() as conn:
            # The limit on writing has tests of its own.
            await conn.execute(UNLIMITED)
        await self.moot.start_both()
        for name in people:
            self.browsers[name] = await self.moot.signed_in(name)

    async def join(self, other: "Place") -> None:
        """All residents become members of the other place's group; the first one looks it up."""
        away = f"/g/{other.group}@{other.moot.host}"
        first = self.browsers[self.writers[0]]
        await (await first.get("/lookup")).form("Find it").submit(address=f"!{other.group}@{other.moot.host}")
        for name in self.writers:
            await (await self.browsers[name].get(away)).form("Join this group").submit()
            await shows_button(self.browsers[name], away, "Leave")


class Two:
    """Oakham and Brook."""

    def __init__(self, oakham: Place, brook: Place) -> None:
        self.places = (oakham, brook)
        self.oakham, self.brook = oakham, brook
        self.numbers = itertools.count(1)
        self.done: dict[str, int] = {"thread": 0, "reply": 0, "thank": 0, "removal": 0, "kill": 0}

    async def act(self, place: Place, name: str, dice: random.Random) -> None:
        """One resident does one thing in one of the two groups, and insists until it is answered."""
        group = dice.choice(self.places)
        where = group.group if group is place else f"{group.group}@{group.moot.host}"
        kind = dice.choices(("thread", "reply", "thank"), (2, 5, 4))[0]
        key = f"{name}-{next(self.numbers)}"
        target = None if kind == "thread" else await self.some_post(place, group, dice)
        if target is None:
            typed = {"title": f"About {key}", "text": f"A thread by {key}."}
            await self.post(place, name, f"/g/{where}/write", typed | {"idempotency_key": key})
        elif kind == "reply":
            root = await place.moot.value("select root_id from posts where id = $1", target)
            typed = {"to": str(target), "text": f"A reply by {key}."}
            await self.post(place, name, f"/t/{root}/reply", typed | {"idempotency_key": key})
        else:
            await self.post(place, name, f"/t/{target}/thank", {"thank": "1"})
        self.done[kind if target is not None else "thread"] += 1

    async def judge(self, place: Place, dice: random.Random) -> None:
        target = await self.some_post(place, place, dice, newest=60)
        if target is not None:
            typed = {"rule": str(place.rule_id), "reason": "It breaks the rule."}
            await self.post(place, place.judge, f"/t/{target}/remove", typed)
            self.done["removal"] += 1

    async def some_post(self, place: Place, group: Place, dice: random.Random, newest: int = 200) -> int | None:
        """One of the newest posts of a group as its readers see it at a place."""
        found: int | None = await place.moot.value(
            """select id from posts where group_id = (select id from actors where uri = $1) and state = 'published'
                and announced_at is not null order by id desc offset $2 limit 1""",
            group.uri, dice.randrange(newest),
        )  # fmt: skip
        return found

    async def post(self, place: Place, name: str, path: str, typed: dict[str, str]) -> None:
        async def once() -> Answer:
            return await place.browsers[name].post(path, typed, follow=False)

        answer = await place.moot.insist(once, 60)
        # What was removed meanwhile can neither be answered nor thanked for.
        assert answer.status in (303, 403, 404, 409, 422), (path, answer.status, answer.words[:300])

    async def kill_one(self, dice: random.Random) -> None:
        moot = dice.choice(self.places).moot
        role = dice.choice(("web", "worker"))
        if role in moot.processes:
            await moot.kill(role)
            moot.start(role)
            self.done["kill"] += 1

    async def chaos(self, dice: random.Random) -> None:
        """For a minute residents write, thank and remove on both sides while processes die and are started again."""
        ends = time.monotonic() + CHAOS_SECONDS

        async def keep(place: Place, name: str) -> None:
            own = random.Random(f"{SEED}-{name}")
            while time.monotonic() < ends:
                if name == place.judge:
                    await self.judge(place, own)
                    await asyncio.sleep(2 * own.random())  # moderators think before they remove
                else:
                    await self.act(place, name, own)

        async def keep_killing() -> None:
            while time.monotonic() < ends:
                await asyncio.sleep(2 + 4 * dice.random())  # the load itself is what happens in between
                await self.kill_one(dice)

        async with asyncio.TaskGroup() as group:
            for place in self.places:
                for name in (*place.writers, place.judge):
                    group.create_task(keep(place, name))
            group.create_task(keep_killing())

    async def apart(self) -> list[str]:
        """Where the two still differ, once neither has work left."""
        for place in self.places:
            left = "select (select count(*) from jobs) + (select count(*) from deliveries)"
            if count := await place.moot.value(left):
                return [f"{place.group}: {count} jobs and deliveries are left"]
        found: list[str] = []
        for home, away in (self.places, self.places[::-1]):
            held = await held_by(home.moot, home.uri)
            found += differences(held, await held_by(away.moot, home.uri))
        return found


@pytest.fixture(scope="module")
async def two(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Two]:
    dice = random.Random(SEED)
    folders = [tmp_path_factory.mktemp(name) for name in ("oakham", "brook")]
    async with (
        real_moot("127.0.0.23", cluster, folders[0], LAUNCHER) as oakham,
        real_moot("127.0.0.24", cluster, folders[1], LAUNCHER) as brook,
    ):
        made = Two(
            Place(oakham, "elm_street", "Elm Street", ("ana", "cleo"), "mia"),
            Place(brook, "mill_lane", "Mill Lane", ("ben", "dina"), "nina"),
        )
        await made.oakham.open(dice, JOINED)
        await made.brook.open(dice, 0)
        # Their keys are being made; until then nobody could believe them.
        await asyncio.gather(oakham.at_rest(), brook.at_rest())
        yield made


async def test_both_sides_hold_the_same_after_a_minute_of_crashes(two: Two) -> None:
    oakham, brook = two.places
    begun = time.monotonic()
    await oakham.join(brook)
    await brook.join(oakham)
    told = await _read_the_past(brook, oakham)
    read = time.monotonic()
    await two.chaos(random.Random(SEED))
    over = time.monotonic()
    apart = ["not looked yet"]

    async def alike() -> bool:
        nonlocal apart
        apart = await two.apart()
        return not apart

    for place in two.places:
        await place.moot.ready()
    try:
        await until(alike, "both sides hold the same", DRAIN_SECONDS)
    except AssertionError:
        said = [place.moot.said(role)[-2000:] for place in two.places for role in ("web", "worker")]
        raise AssertionError("\n".join([f"{len(apart)} differences", *apart[:10], *said])) from None
    finally:
        later = time.monotonic() - over
        print(f"\npast read in {read - begun:.0f} s, told: {told}; {two.done}; alike {later:.0f} s later")
    assert two.done["kill"] >= 8
    assert min(two.done.values()) >= 5, two.done
    for place in two.places:
        # Whoever answers what was removed meanwhile is refused; nothing else was given up.
        assert await place.moot.value("select count(*) from dropped_deliveries where reason <> 'status_403'") == 0


async def _read_the_past(brook: Place, oakham: Place) -> list[str]:
    """Wait for the end, and see on the group's page how far it is; its reader dies once on the way."""
    away = f"/g/{oakham.group}@{oakham.moot.host}"
    told: dict[int, str] = {}

    async def over() -> bool:
        here: int | None = await brook.moot.value("select older_here from groups where older_here is not null")
        if here is None:
            return bool(await brook.moot.value("select count(*) from backfills where ended_at is not null"))
        # Each look at the page costs those who read time too: twenty will do.
        if here // (JOINED // 20) not in told:
            page = await brook.moot.insist(lambda: brook.browsers["ben"].get(away))
            notice = page.soup.select_one(".older")
            told[here // (JOINED // 20)] = " ".join(notice.get_text(" ").split()) if notice is not None else ""
            if len(told) == 6:
                await brook.moot.kill("worker")
                brook.moot.start("worker")
        return False

    await until(over, "the past is read", BACKFILL_SECONDS)
    await brook.moot.at_rest()
    held = await held_by(brook.moot, oakham.uri)
    assert differences(await held_by(oakham.moot, oakham.uri), held) == []
    assert len(held) >= JOINED
    said = [words for words in told.values() if " of about " in words]
    assert len(said) >= 6, told
    # What it said halfway was not far from the truth.
    assert JOINED / 2 < int(said[len(said) // 2].split(" of about ")[1].split()[0]) < JOINED * 2, said
    return [said[0], said[len(said) // 2], said[-1]]
