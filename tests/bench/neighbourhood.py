"""The neighbourhood that is measured: made once by a fixed seed, loaded with COPY, then copied for each run."""

import datetime as dt
import hashlib
import itertools
import json
import random
import typing
from collections.abc import Sequence

import asyncpg

from federation import keys
from server import clock
from server.community.accounts import digest
from server.urls import Urls
from tests.bench import texts

BASE_URL = "http://moot.bench"
RESIDENTS = 500
GROUPS = 50
THREADS = 20_000
REPLIES = 100_000
VOTES = 150_000
MEMBERSHIPS_EACH = 8
LONG_THREAD = 200
# Instances elsewhere, each an address of its own on loopback; the first ones follow the busiest group.
HOSTS = 30
FOLLOWING_HOSTS = 20
PORT = 18080
PEOPLE_PER_HOST = 3
_BEGAN = dt.datetime(2025, 1, 6, 7, 0, tzinfo=dt.UTC)
_LASTED = dt.timedelta(days=500)

Conn = typing.Any
Rows = list[tuple[object, ...]]


class Known(typing.NamedTuple):
    """What the measuring side must know of the data; kept in the database itself, in the table `bench_known`."""

    sessions: list[str]
    group: str
    quiet_groups: list[str]
    long_thread: int
    # The newest of `group`.
    threads: list[int]
    remote_people: list[str]


def host(number: int) -> str:
    return f"127.66.0.{number + 1}:{PORT}"


def session_token(number: int) -> str:
    return f"bench-session-{number:04d}-{'x' * 24}"


class Builder:
    """Makes rows in the order in which tables need one another."""

    def __init__(self) -> None:
        self.dice = random.Random(20261122)
        self.urls = Urls(BASE_URL)
        self.tables: dict[str, tuple[Sequence[str], Rows]] = {}
        self.counter = itertools.count(1)
        self.residents: list[int] = []
        self.remote_people: list[tuple[int, str]] = []
        self.groups: list[int] = []
        self.votes: set[tuple[int, int]] = set()

    def id_at(self, moment: dt.datetime) -> int:
        """An id as the product makes them, unique and ordered by its moment."""
        return (int(moment.timestamp() * 1000) << 20) | next(self.counter) % (1 << 20)

    def add(self, table: str, columns: str, *values: object) -> None:
        self.tables.setdefault(table, (columns.split(), []))[1].append(values)

    def build(self, own_keys: dict[str, tuple[str, str]]) -> Known:
        self._people()
        self._groups()
        self._own_keys(own_keys)
        self._elsewhere(own_keys["rsa"][1])
        self._memberships()
        busy_threads, long_thread = self._posts()
        self._votes()
        self._notifications()
        quiet = [texts.group(number)[0] for number in range(GROUPS)]
        return Known(
            sessions=[session_token(number) for number in range(RESIDENTS)],
            group=quiet[0],
            quiet_groups=quiet[1:],
            long_thread=long_thread,
            threads=busy_threads[-400:],
            remote_people=[uri for _, uri in self.remote_people],
        )

    def _actor(self, kind: str, name: str, title: str, host: str | None = None) -> int:
        actor_id = self.id_at(_BEGAN)
        uri = self.urls.actor(kind, name) if host is None else f"http://{host}/u/{name}"
        about = " ".join(texts.paragraphs(self.dice, 2, 4))
        self.add(
            "actors", "id kind name host uri title about_source about_html created_at",
            actor_id, kind, name, host, uri, title, about if host is None else "", f"<p>{about}</p>\n", _BEGAN,
        )  # fmt: skip
        return actor_id

    def _people(self) -> None:
        for number in range(RESIDENTS):
            name, title = texts.person(number)
            actor_id = self._actor("person", name, title)
            self.residents.append(actor_id)
            self.add(
                "accounts", "actor_id email password_hash state confirmed_at",
                actor_id, f"{name}@example.org", "!", "active", _BEGAN,
            )  # fmt: skip
            self.add(
                "sessions", "id token_hash account_id user_agent",
                self.id_at(_BEGAN), digest(session_token(number)), actor_id, "Firefox/140 (Linux)",
            )  # fmt: skip

    def _groups(self) -> None:
        for number in range(GROUPS):
            name, title = texts.group(number)
            group_id = self._actor("group", name, title)
            self.groups.append(group_id)
            self.add(
                "groups", "actor_id place tagline language answers_within active_at",
                group_id, title.split(" of ")[-1], "What happens on our doorstep", "en", "a day", _BEGAN + _LASTED,
            )  # fmt: skip
            self._rules(group_id)

    def _rules(self, group_id: int) -> None:
        checks = (
            ("words", {"words": ["buy now", "free money", "casino", "crypto signals"]}, "hold"),
            ("links", {"most": 4}, "hold"),
            ("score", {"label": "toxicity", "least": 0.85}, "flag"),
        )
        titles = ("Nothing for sale but among neighbours", "No lists of links", "Speak as you would across the fence")
        for number, (title, (kind, settings, action)) in enumerate(zip(titles, checks, strict=True), start=1):
            rule_id = self.id_at(_BEGAN)
            body = " ".join(texts.paragraphs(self.dice, 1, 2))
            self.add("rules", "id group_id number title body html",
                     rule_id, group_id, number, title, body, f"<p>{body}</p>\n")  # fmt: skip
            self.add("checks", "id group_id rule_id kind settings action",
                     self.id_at(_BEGAN), group_id, rule_id, kind, json.dumps(settings), action)  # fmt: skip

    def _own_keys(self, made: dict[str, tuple[str, str]]) -> None:
        """One pair for all: making a thousand takes minutes, and no cost measured here depends on which key it is."""
        for actor_id in (*self.residents, *self.groups):
            for kind, (private, public) in made.items():
                self.add("own_keys", "actor_id kind private_pem public_text", actor_id, kind, private, public)

    def _elsewhere(self, public_pem: str) -> None:
        """Forums with people whose keys we know, as after their first message."""
        for number in range(HOSTS):
            self.add("lanes", "host software software_version software_checked_at",
                     host(number), "lemmy", "0.19.14", _BEGAN + 2 * _LASTED)  # fmt: skip
            for _ in range(PEOPLE_PER_HOST):
                name, title = texts.person(RESIDENTS + len(self.remote_people))
                actor_id = self._actor("person", name, title, host(number))
                uri = f"http://{host(number)}/u/{name}"
                self.remote_people.append((actor_id, uri))
                self.add("remote_actors", "actor_id inbox shared_inbox",
                         actor_id, f"{uri}/inbox", f"http://{host(number)}/inbox")  # fmt: skip
                self.add("remote_keys", "key_id owner_uri public_pem", f"{uri}#main-key", uri, public_pem)

    def _memberships(self) -> None:
        columns = "person_id target_id state role created_at"
        for number, group_id in enumerate(self.groups):
            self.add("memberships", columns, self.residents[number], group_id, "joined", "moderator", _BEGAN)
        for number, resident in enumerate(self.residents):
            others = [group_id for place, group_id in enumerate(self.groups) if place != number]
            for group_id in self.dice.sample(others, MEMBERSHIPS_EACH):
                self.add("memberships", columns, resident, group_id, "joined", "member", _BEGAN)
        for actor_id, _ in self.remote_people[: FOLLOWING_HOSTS * PEOPLE_PER_HOST]:
            self.add("memberships", columns, actor_id, self.groups[0], "joined", "member", _BEGAN)

    def _posts(self) -> tuple[list[int], int]:
        """Threads with their replies, in the order of time; returns the ids of the busiest group's and the long one."""
        sizes = self._sizes()
        writers = [*self.residents, *(actor_id for actor_id, _ in self.remote_people)]
        weights = [1 / (place + 3) for place in range(GROUPS)]
        long_place = THREADS - 100
        busy: list[int] = []
        long_thread = 0
        for place, size in enumerate(sizes):
            moment = _BEGAN + _LASTED * (place / THREADS)
            group_id = self.groups[0] if place == long_place else self.dice.choices(self.groups, weights)[0]
            replies = LONG_THREAD if place == long_place else size
            thread_id = _Thread(self, writers, group_id, moment).write(replies)
            if place == long_place:
                long_thread = thread_id
            elif group_id == self.groups[0]:
                busy.append(thread_id)
        return busy, long_thread

    def _sizes(self) -> list[int]:
        """How many replies each thread has: a few have many, a fifth has none."""
        shares = [self.dice.paretovariate(1.3) if self.dice.random() > 0.2 else 0.0 for _ in range(THREADS)]
        scale = REPLIES / sum(shares)
        return [min(int(share * scale + self.dice.random()), 150) for share in shares]

    def _votes(self) -> None:
        posts = [typing.cast(int, row[0]) for row in self.tables["posts"][1]]
        while len(self.votes) < VOTES:
            self.votes.add((self.dice.choice(posts), self.dice.choice(self.residents)))
        for post_id, actor_id in self.votes:
            self.add("votes", "post_id actor_id value", post_id, actor_id, 1)

    def _notifications(self) -> None:
        """Everybody has some news, a little of it unread."""
        replies = self.tables["posts"][1]
        for resident in self.residents:
            for unread in (False, False, False, False, True, True):
                told = self.dice.choice(replies)
                # Old news is forgotten.
                moment = clock.now()
                self.add(
                    "notifications", "id account_id kind actor_id post_id group_id detail read_at created_at",
                    self.id_at(moment), resident, "reply", told[3], told[0], told[2], "{}",
                    None if unread else moment, moment,
                )  # fmt: skip


class _Thread:
    """One thread being written."""

    COLUMNS = (
        "id uri group_id author_id parent_id root_id depth path state position title source html excerpt language "
        "reply_count active_position announced_at submitted_at published_at"
    )

    def __init__(self, builder: Builder, writers: list[int], group_id: int, moment: dt.datetime) -> None:
        self.builder = builder
        self.dice = builder.dice
        self.writers = writers
        self.group_id = group_id
        self.moment = moment

    def write(self, replies: int) -> int:
        thread_id = self.builder.id_at(self.moment)
        times = sorted(self.moment + dt.timedelta(hours=self.dice.expovariate(1 / 30)) for _ in range(replies))
        ids = [self.builder.id_at(moment) for moment in times]
        last = max([thread_id, *ids])
        self._add(thread_id, thread_id, None, 0, "", self.moment, replies, last)
        tree = [(thread_id, 0, "")]
        for reply_id, moment in zip(ids, times, strict=True):
            # Half of all replies answer what was written last, as people do.
            parent, depth, path = tree[-1] if self.dice.random() < 0.5 else self.dice.choice(tree)
            tree.append((reply_id, depth + 1, f"{path}{reply_id:016x}"))
            self._add(reply_id, thread_id, parent, depth + 1, tree[-1][2], moment, 0, None)
        return thread_id

    def _add(
        self, post_id: int, root_id: int, parent_id: int | None, depth: int, path: str, moment: dt.datetime,
        reply_count: int, active: int | None,
    ) -> None:  # fmt: skip
        title = texts.title(self.dice) if parent_id is None else None
        written = texts.paragraphs(self.dice, *((2, 8) if parent_id is None else (1, 4)))
        source = "\n\n".join(written)
        html = "".join(f"<p>{paragraph}</p>\n" for paragraph in written)
        excerpt = source.replace("\n\n", " ")[:300]
        self.builder.add(
            "posts", self.COLUMNS,
            post_id, self.builder.urls.post(post_id), self.group_id, self.dice.choice(self.writers), parent_id, root_id,
            depth, path, "published", post_id, title, source, html, excerpt, "en", reply_count, active, moment, moment,
            moment,
        )  # fmt: skip
        self.builder.add(
            "revisions", "post_id number state title source html excerpt language created_at",
            post_id, 1, "published", title, source, html, excerpt, "en", moment,
        )  # fmt: skip


COUNTS = """
    update groups g set thread_count = c.threads from (
        select group_id, count(*) as threads from posts where parent_id is null group by group_id) c
     where c.group_id = g.actor_id;
    update groups g set member_count = c.members from (
        select target_id, count(*) as members from memberships group by target_id) c
     where c.target_id = g.actor_id;
    update posts p set thank_count = c.thanks from (
        select post_id, count(*) as thanks from votes group by post_id) c
     where c.post_id = p.id"""


def fingerprint() -> str:
    """Changes when the data would be made otherwise."""
    sources = [module for module in (__file__, texts.__file__) if module]
    digest_of = hashlib.sha256()
    for source in sources:
        with open(source, "rb") as file:  # noqa: PTH123  one of our own sources
            digest_of.update(file.read())
    return digest_of.hexdigest()[:16]


async def fill(conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Load the neighbourhood into a migrated, empty database."""
    builder = Builder()
    known = builder.build(await keys._make())
    async with conn.transaction():
        # The rows fit one another by construction; checking each reference would take most of the time.
        await conn.execute("set local session_replication_role = replica")
        for table, (columns, rows) in builder.tables.items():
            await conn.copy_records_to_table(table, records=rows, columns=list(columns))
        await conn.execute(COUNTS)
        await conn.execute("create table bench_known (known text)")
        await conn.execute("insert into bench_known values ($1)", json.dumps(known._asdict()))
    await conn.execute("vacuum analyze")


async def known(conn: "asyncpg.Connection[asyncpg.Record]") -> Known:
    return Known(**json.loads(await conn.fetchval("select known from bench_known")))
