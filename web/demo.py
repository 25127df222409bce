"""Fills an empty instance with the demo neighbourhood, through the same functions as real neighbours.

Everything happens in one transaction, in the order and at the times that the script tells, with the clock set back:
so accounts have an age, checks hold who is new, and decisions carry their date. A crash leaves nothing half done.
"""

import datetime as dt
import os
import random
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from moderation import cases, checks, decisions, reports, rules, screening
from moderation.criteria import parse_criteria
from server import clock, replay, site
from server.community import (
    access,
    accounts,
    actors,
    groups,
    media,
    memberships,
    notifications,
    polls,
    posts,
    revisions,
    votes,
)
from server.community.actors import Actor
from server.community.groups import Group
from server.community.media import Picture
from server.community.sessions import Viewer
from server.community.shrinking import Shrinking
from server.db import Conn
from server.errors import Refused
from server.ids import new_id, token
from server.runtime import Runtime
from server.urls import Urls
from web import demo_script
from web.demo_script import (
    GroupScript,
    PersonScript,
    PictureScript,
    PollScript,
    PostScript,
    ReplyScript,
    ThreadScript,
    VerdictScript,
)

LOGINS = "demo-logins.txt"
# Letters and digits that nobody takes for one another.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
EDITED_AFTER = dt.timedelta(hours=1)
REPORTED_AFTER = dt.timedelta(hours=1)
READ_UNTIL = dt.timedelta(hours=40)


async def fill(runtime: Runtime) -> Path:
    """Fill an empty instance; returns the file with the logins.

    Raises Refused where the address is not a loopback one, or somebody lives here already.
    """
    if not runtime.settings.loopback:
        raise Refused("not_loopback", "The demo is only for an address on this machine, such as http://127.0.0.1:8000.")
    logins = runtime.settings.data_dir / LOGINS
    with replay.true_time_afterwards():
        async with runtime.db.transaction() as conn:
            await site.LOCK.run(conn)
            if await actors.anybody(conn):
                raise Refused("not_new", "Somebody lives here already; the demo needs an empty database.")
            passwords = {login.name: _password() for login in demo_script.town().login}
            await Neighbourhood(conn, runtime, passwords).live()
            # Before the commit: a demo that nobody can log in to would be worse than a file without its demo.
            _write_logins(logins, passwords)
    runtime.waker.wake()
    return logins


def logins() -> list[tuple[str, str]]:
    """Name and role of those who can log in, for the pages that offer them."""
    return [(login.name, login.role) for login in demo_script.town().login]


def _password() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))


def _write_logins(path: Path, passwords: dict[str, str]) -> None:
    lines = [f"  {name:8} {passwords[name]}   {role}" for name, role in logins()]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(["Log in to the demo as", *lines]) + "\n")
    unfinished.replace(path)


def _poll(told: PollScript) -> polls.NewPoll:
    return polls.NewPoll(tuple(told.options), told.several, dt.timedelta(days=told.days))


class Neighbourhood:
    """The demo while it happens: a list of things to do, each at its time."""

    def __init__(self, conn: Conn, runtime: Runtime, passwords: dict[str, str]) -> None:
        self.conn = conn
        self.runtime = runtime
        self.passwords = passwords
        self.urls = Urls(runtime.settings.base_url)
        self.now = clock.now()
        self.town = demo_script.town()
        self.events: list[tuple[dt.datetime, int, Callable[[], Awaitable[None]]]] = []
        self.people: dict[str, Actor] = {}
        self.group_ids: dict[str, int] = {}
        self.rule_ids: dict[tuple[str, int], int] = {}
        self.post_ids: dict[int, int] = {}
        # Who thanks when is left to chance, but the same chance for everybody who tries the demo.
        self.chance = random.Random(7)

    def at(self, moment: dt.datetime, action: Callable[[], Awaitable[None]]) -> None:
        """Nothing happens later than a minute ago; what is told first happens first."""
        self.events.append((min(moment, self.now - dt.timedelta(minutes=1)), len(self.events), action))

    async def live(self) -> None:
        told = self.town.site
        await site.MARK_DEMO.run(self.conn)
        await site.UPDATE.run(self.conn, told.title, told.about, told.contact, told.accent)
        for person in self.town.person:
            self.at(self._moment(person.joined), partial(self.move_in, person))
        for group in demo_script.groups():
            self._tell_group(group)
        self.at(self.now - READ_UNTIL, self.read_notifications)
        for moment, _, action in sorted(self.events, key=lambda event: event[:2]):
            await replay.move_to(self.conn, moment)
            await action()

    def _moment(self, when: str) -> dt.datetime:
        return demo_script.moment(when, self.now)

    def _tell_group(self, group: GroupScript) -> None:
        created = self._moment(group.created)
        self.at(created, partial(self.found, group))
        joined = {person.name: self._moment(person.joined) for person in self.town.person}
        for name in [*group.moderators[1:], *group.members]:
            later = dt.timedelta(minutes=self.chance.randrange(5, 600))
            self.at(max(created, joined[name]) + later, partial(self.join, group, name))
        for thread in group.thread:
            self._tell_post(group, thread, None, self._moment(thread.when))

    def _tell_post(
        self, group: GroupScript, post: ThreadScript | ReplyScript, parent: PostScript | None, moment: dt.datetime
    ) -> None:
        self.at(moment, partial(self.write, group, post, parent))
        if post.edit is not None:
            self.at(moment + EDITED_AFTER, partial(self.edit, post))
        if (report := post.report) is not None:
            after = moment + demo_script.span(report.after)
            self.at(after, partial(self.report, group, post, report.by, report.rule, report.comment))
        seen = moment
        if post.verdict is not None:
            verb, verdict = post.verdict
            decided = moment + demo_script.span(verdict.after)
            seen = decided if verb == "release" else moment
            if (reporter := verdict.reported_by) is not None:
                self.at(moment + REPORTED_AFTER, partial(self.report, group, post, reporter, verdict.rule or 1, ""))
            self.at(decided, partial(self.decide, group, post, verb, verdict))
        for name in post.thanks.split():
            later = dt.timedelta(minutes=self.chance.expovariate(1 / 200))
            self.at(seen + dt.timedelta(minutes=2) + later, partial(self.thank, post, name))
        poll = post.poll if isinstance(post, ThreadScript) else None
        for name, numbers in poll.votes.items() if poll else ():
            later = dt.timedelta(minutes=10 + self.chance.expovariate(1 / 240))
            self.at(seen + later, partial(self.vote, post, name, numbers))
        for reply in post.reply:
            self._tell_post(group, reply, post, moment + demo_script.span(reply.after))

    async def move_in(self, person: PersonScript) -> None:
        email, password = f"{person.name}@hazelbrook.example", self.passwords.get(person.name)
        actor_id = await accounts.create(self.conn, self.urls, person.name, email, password, admin=person.admin)
        await actors.describe(self.conn, actor_id, person.title, person.about)
        await accounts.show_groups(self.conn, actor_id, person.shows_groups)
        self.people[person.name] = await actors.by_id(self.conn, actor_id)

    async def found(self, group: GroupScript) -> None:
        form = groups.GroupForm(
            title=group.title, about=group.about, place=group.place, tagline=group.tagline,
            answers_within=group.answers_within,
        )  # fmt: skip
        group_id = self.group_ids[group.name] = await groups.create(self.conn, self.urls, group.name, form)
        founder = self.people[group.moderators[0]]
        await memberships.add_moderator(self.conn, founder.id, group_id)
        for number, rule in enumerate(group.rule, start=1):
            new = rules.RuleForm(rule.title, rule.body, number)
            self.rule_ids[group.name, number] = await rules.add(self.conn, group_id, new, founder.id)
        for check in group.check:
            criteria = parse_criteria(check.kind, check.form)
            rule_id = self.rule_ids[group.name, check.rule]
            await checks.create_check(self.conn, group_id, rule_id, criteria, check.action, founder.id)

    async def join(self, group: GroupScript, name: str) -> None:
        person = self.people[name]
        seen = await self._group_as_seen(self.group_ids[group.name], person)
        await memberships.join(self.conn, person, seen)
        if name in group.moderators:
            await memberships.set_role(self.conn, seen, person.id, "moderator")

    async def _group_as_seen(self, group_id: int, person: Actor) -> Group:
        seen = await groups.BY_ID.one(self.conn, group_id, person.id)
        assert seen is not None
        return seen

    async def write(self, group: GroupScript, post: ThreadScript | ReplyScript, parent: PostScript | None) -> None:
        author = self.people[post.by]
        seen = await self._group_as_seen(self.group_ids[group.name], author)
        answered = await posts.by_id(self.conn, self.post_ids[id(parent)]) if parent else None
        access.check_may_post(seen, answered)
        thread = post if isinstance(post, ThreadScript) else None
        draft = posts.Draft(
            author=author, group=seen, parent=answered, source=post.text.strip(),
            title=thread.title if thread else None, link=thread.link if thread else None,
            poll=_poll(thread.poll) if thread and thread.poll else None,
            pictures=tuple([await self._picture(author, picture) for picture in post.picture]),
        )  # fmt: skip
        submitted = await posts.submit_post(self.conn, self.urls, draft)
        self.post_ids[id(post)] = submitted.id
        # Here and now, not at the worker's time: its job will find that nothing is left to do.
        await screening.screen_revision(self.conn, self.runtime, post_id=submitted.id, number=1)

    async def _picture(self, owner: Actor, told: PictureScript) -> Picture:
        """Not by `media.take_in`: its row is to be written with all the others, or not at all."""
        shrunk = await (await self.runtime.use(Shrinking)).shrink(told.data)
        media_id, key = new_id(), token()
        await media.add(self.conn, media_id, owner.id, key, shrunk)
        await media.write_files(self.runtime, key, shrunk)
        return Picture(words=told.words, id=media_id, width=shrunk.width, height=shrunk.height)

    async def edit(self, post: PostScript) -> None:
        assert post.edit is not None
        before = await posts.by_id(self.conn, self.post_ids[id(post)], lock=True)
        number = await revisions.submit_edit(
            self.conn, before.id, title=before.title, link=before.link, source=post.edit.strip()
        )
        assert number is not None
        await screening.screen_revision(self.conn, self.runtime, post_id=before.id, number=number)

    async def thank(self, post: PostScript, name: str) -> None:
        person, thanked = self.people[name], await posts.by_id(self.conn, self.post_ids[id(post)])
        access.check_may_vote(thanked, await self._group_as_seen(thanked.group_id, person))
        await votes.thank(self.conn, person, thanked)

    async def vote(self, post: PostScript, name: str, numbers: list[int]) -> None:
        person, asked = self.people[name], await posts.by_id(self.conn, self.post_ids[id(post)])
        access.check_may_choose(asked, await self._group_as_seen(asked.group_id, person))
        assert await polls.vote(self.conn, person, asked.id, [number - 1 for number in numbers])

    async def report(self, group: GroupScript, post: PostScript, by: str, rule: int, comment: str) -> None:
        reported, reporter = await posts.by_id(self.conn, self.post_ids[id(post)]), self.people[by]
        seen = await self._group_as_seen(reported.group_id, reporter)
        await reports.file_report(self.conn, reporter, reported, seen, self.rule_ids[group.name, rule], comment)

    async def decide(self, group: GroupScript, post: PostScript, verb: str, verdict: VerdictScript) -> None:
        case = await cases.open_of_post(self.conn, self.post_ids[id(post)])
        assert case is not None, f"no case: {post.text[:40]}"
        rule_id = self.rule_ids[group.name, verdict.rule] if verdict.rule else None
        judgement = decisions.Judgement(verb, rule_id, verdict.reason)
        await decisions.decide(self.conn, self._viewer(verdict.by), case.id, judgement, version=case.version)

    def _viewer(self, name: str) -> Viewer:
        person = self.people[name]
        return Viewer(person.id, None, name, person.title, False, "en", "UTC", "system", 0, True, None)

    async def read_notifications(self) -> None:
        """Who can log in has read what is older; the newest still waits for them."""
        for name in self.passwords:
            await notifications.READ.run(self.conn, self.people[name].id, new_id())
