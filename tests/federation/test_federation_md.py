"""FEDERATION.md is held to the code: what its examples show is what we send and take, and it names every refusal."""

import ast
import datetime as dt
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from federation import software
from federation.documents import CONTEXT
from federation.inbox import RECEIVERS
from federation.parse import ACTOR_TYPES, POST_TYPES
from moderation import cases, decisions, reports
from moderation.decisions import Judgement
from server import clock
from server.community import actors, polls, posts, votes
from server.community.polls import NewPoll
from server.community.posts import Draft, Post
from tests.conftest import BASE_URL
from tests.federation.peer import Document
from tests.federation.street import Street, addressed
from tests.federation.test_deeds_travel import Desk

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "FEDERATION.md").read_text()
EXAMPLES: dict[str, typing.Any] = {
    name: json.loads(text) for name, text in re.findall(r"^```json (\S+)$\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
}
MOOT, FORUM, SOCIAL = "https://moot.example", "https://forum.example", "https://social.example"
SAME_CONTEXT = "as above"

SENT = (
    "actor", "webfinger", "nodeinfo", "accept", "thread", "boost", "reply", "thank", "removal", "unboost", "restore",
    "notice", "poll", "ballot", "lock", "pin", "ban", "report", "pictures", "pictures-in-text",
)  # fmt: skip
TAKEN = ("follow", "mention", "page", "answer", "like", "flag", "delete", "question")
TAKEN_BY_POLLS = ("vote", "poll-vote")
ANNOUNCED = ("announced-thread", "announced-votes", "announced-lock")


def section(title: str) -> str:
    found = re.search(rf"^### {title}$(.*?)(?=^##+ |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[1]


def words(text: str) -> set[str]:
    return set(re.findall(r"`([\w.-]+)`", text))


class Plain:
    """Puts the names of the page in place of addresses, ids, times and keys that differ from run to run."""

    def __init__(self, street: Street) -> None:
        self.names = [
            (street.lemmy.base, FORUM), (street.lemmy.host, urlsplit(FORUM).netloc),
            (street.mastodon.base, SOCIAL), (street.mastodon.host, urlsplit(SOCIAL).netloc),
            (BASE_URL, MOOT), (urlsplit(BASE_URL).netloc, urlsplit(MOOT).netloc),
        ]  # fmt: skip
        self.numbers: dict[tuple[str, str], int] = {}

    def __call__(self, document: object) -> typing.Any:
        text = json.dumps(document)
        for ours, plain in self.names:
            text = text.replace(ours, plain)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", _moment, text)
        text = re.sub(r"(-----BEGIN PUBLIC KEY-----)[^\"]*", r"\1…", text)
        text = re.sub(r'"z6Mk\w+"', '"z6Mk…"', text)
        text = re.sub(r"(/ap/posts/|/ap/activities/|/media/|/t/|/notices/|#votes/)(\d{10,})", self._number, text)
        plain = without_proofs(json.loads(text))
        if isinstance(plain, dict) and plain.get("@context") == CONTEXT:
            plain["@context"] = SAME_CONTEXT
        return plain

    def _number(self, found: re.Match[str]) -> str:
        kind = "posts" if found[1] in ("/ap/posts/", "/t/", "#votes/") else found[1]
        number = self.numbers.setdefault((kind, found[2]), 1 + sum(known == kind for known, _ in self.numbers))
        return f"{found[1]}{number}"


def _moment(found: re.Match[str]) -> str:
    to_come = dt.datetime.fromisoformat(found[0]) > clock.now() + dt.timedelta(days=1)
    return "2026-11-29T10:00:00Z" if to_come else "2026-11-22T10:00:00Z"


def without_proofs(document: typing.Any) -> typing.Any:
    """The page leaves the proofs out, and the contexts that they cover within an Announce."""
    if not isinstance(document, dict):
        return document
    shown = {name: without_proofs(part) for name, part in document.items() if name != "proof"}
    if isinstance(inner := shown.get("object"), dict):
        inner.pop("@context", None)
    return shown


async def read(street: Street, path: str) -> Document:
    return typing.cast(Document, json.loads((await street.moot.get(path)).body))


async def decide(street: Street, post: Post, verb: str, reason: str) -> None:
    async with street.runtime.db.transaction() as conn:
        if verb == "remove":
            await decisions.remove_directly(conn, street.mia, post.id, street.rule_id, reason)
        elif verb == "restore":
            await decisions.restore(conn, street.mia, post.id, reason)
        else:
            case = await cases.open_of_post(conn, post.id)
            assert case is not None
            await decisions.decide(
                conn, street.mia, case.id, Judgement(verb, street.rule_id, reason), version=case.version
            )
    await street.settle()


async def sent(street: Street) -> dict[str, object]:
    """One of everything that the page shows us sending, by the name of its example."""
    made: dict[str, object] = {
        "actor": await read(street, "/ap/groups/elm_street"),
        "webfinger": await read(street, "/.well-known/webfinger?resource=acct:elm_street@moot.test"),
        "nodeinfo": await read(street, "/nodeinfo/2.1"),
        "accept": street.mastodon.of_type("Accept")[0],
    }
    thread = await street.write("A new crossing", "The council offers **two** places.")
    made["thread"] = street.lemmy.of_type("Announce(Create)")[0]
    made["boost"] = street.mastodon.of_type("Announce(id)")[0]
    made["reply"] = await read(street, (await street.write(None, "At the bridge.", parent=thread)).uri)
    async with street.runtime.db.transaction() as conn:
        await votes.thank(conn, await actors.by_id(conn, street.mia_id), thread)
    await street.settle()
    made["thank"] = street.lemmy.of_type("Announce(Like)")[0]
    await decide(street, thread, "remove", "This is an advertisement.")
    made["removal"] = street.lemmy.of_type("Announce(Delete)")[0]
    made["unboost"] = street.mastodon.of_type("Undo(Announce)")[0]
    await decide(street, thread, "restore", "We were wrong.")
    made["restore"] = street.lemmy.of_type("Announce(Undo)")[0]
    held = addressed(street, street.mastodon, street.max, "<p>Visit my casino</p>")
    held["object"]["id"] = held["object"]["id"].rpartition("/")[0] + "/7"
    assert (await street.moot.deliver(held)).status == 202
    await street.settle()
    await decide(street, await street.post(held["object"]["id"]), "refuse", "We have no place for it.")
    made["notice"] = street.mastodon.of_type("Create")[0]
    made |= await polled(street, thread) | await illustrated(street)
    return made | await moderated(street, thread)


async def illustrated(street: Street) -> dict[str, object]:
    """What of a thread with a link and a picture says so, to most, and to Lemmy."""
    picture = await street.picture("A plan of both places")
    shown = await street.write("A plan", "Look.", link="https://council.example/plan", pictures=(picture,))
    said = street.lemmy.of_type("Announce(Create)")[-1]["object"]["object"]
    return {
        "pictures": {"attachment": (await read(street, shown.uri))["attachment"]},
        "pictures-in-text": {name: said[name] for name in ("attachment", "source", "image")},
    }


async def polled(street: Street, thread: Post) -> dict[str, object]:
    """A poll of ours, and a vote of ours in somebody else's."""
    made: dict[str, object] = {}
    made["poll"] = await read(street, (await ask(street)).uri)
    question = example(street, "question", thread)
    street.mastodon.actor("nora")
    assert (await street.moot.deliver(question)).status == 202
    await street.settle()
    street.clear()
    asked = await street.post(question["object"]["id"])
    async with street.runtime.db.transaction() as conn:
        assert await polls.vote(conn, await actors.by_id(conn, street.ana_id), asked.id, [1])
    await street.settle()
    made["ballot"] = street.mastodon.of_type("Create")[0]
    return made


async def moderated(street: Street, thread: Post) -> dict[str, object]:
    """What a moderator does beyond deciding about a text, and a report that the author's server is told of."""
    desk = Desk(street)
    made: dict[str, object] = {}
    await desk.close(thread)
    made["lock"] = street.lemmy.of_type("Announce(Lock)")[0]
    await desk.pin(thread, pinned=True)
    made["pin"] = street.lemmy.of_type("Announce(Add)")[0]
    # The last that the forum hears: she was its only member.
    await desk.ban(street.lena)
    made["ban"] = street.lemmy.of_type("Announce(Block)")[0]
    theirs = addressed(street, street.mastodon, street.max, "<p>You fools.</p>")
    theirs["object"]["id"] = theirs["object"]["id"].rpartition("/")[0] + "/8"
    assert (await street.moot.deliver(theirs)).status == 202
    await street.settle()
    post, group = await street.post(theirs["object"]["id"]), await street.group(street.ana_id)
    async with street.runtime.db.transaction() as conn:
        ana = await actors.by_id(conn, street.ana_id)
        await reports.file_report(conn, ana, post, group, street.rule_id, "He sells.", forward=True)
    await street.settle()
    made["report"] = street.mastodon.of_type("Flag")[0]
    return made


async def ask(street: Street) -> Post:
    ana, group = await street.actor(street.ana_id), await street.group(street.ana_id)
    async with street.runtime.db.transaction() as conn:
        poll = NewPoll(("At the bridge", "At the school"), lasts=dt.timedelta(days=7))
        draft = Draft(author=ana, group=group, title="Where to?", source="The council asks us.", poll=poll)
        post = await posts.submit_post(conn, street.urls, draft)
    await street.settle()
    return await street.post(post.uri)


async def test_we_send_what_the_page_shows(street: Street) -> None:
    made = await sent(street)
    plain = Plain(street)
    assert EXAMPLES["context"] == CONTEXT
    for name in SENT:
        assert EXAMPLES[name] == plain(made[name]), name
    proof = typing.cast(Document, made["boost"])["proof"]
    assert EXAMPLES["proof"] == plain(proof | {"proofValue": "z5Ge…"})


async def test_we_send_of_a_private_group_what_the_page_shows(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update groups set visibility = 'private', join_mode = 'ask'")
    await street.write("A new crossing", "The council offers **two** places.")
    assert EXAMPLES["private"] == Plain(street)(street.lemmy.of_type("Announce(Create)")[0])
    assert street.mastodon.types() == ["Accept"]


def example(street: Street, name: str, thread: Post) -> Document:
    """An example of what others send, with this run's addresses in place of the page's."""
    text = json.dumps(EXAMPLES[name])
    for plain, real in (
        (f"{MOOT}/ap/posts/1", thread.uri),
        (MOOT, BASE_URL),
        (FORUM, street.lemmy.base),
        (SOCIAL, street.mastodon.base),
    ):
        text = text.replace(plain, real)
    return typing.cast(Document, json.loads(text))


async def outcome(street: Street, activity: Document) -> str:
    """How we answered, and with which effect."""
    answer = await street.moot.deliver(activity)
    assert answer.status == 202, answer.text
    async with street.runtime.db.read() as conn:
        found = await conn.fetchval("select outcome from seen_activities where uri = $1", activity["id"])
    await street.settle()
    return str(found)


async def test_we_take_what_the_page_shows(street: Street) -> None:
    thread = await street.write("A new crossing", "The council offers **two** places.")
    street.mastodon.actor("nora")
    for name in TAKEN:
        activity = example(street, name, thread)
        assert await outcome(street, activity) == "done", name
        if activity["type"] == "Create":
            assert (await street.post(activity["object"]["id"])).state == "published", name
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select thank_count from posts where id = $1", thread.id) == 1
        assert await conn.fetchval("select count(*) from reports") == 1


async def test_we_count_the_votes_that_the_page_shows(street: Street) -> None:
    poll = await ask(street)
    street.mastodon.actor("nora")
    for name in TAKEN_BY_POLLS:
        assert await outcome(street, example(street, name, poll)) == "done", name
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select counts from polls where post_id = $1", poll.id) == [0, 2]


async def test_we_take_what_a_group_elsewhere_announces(street: Street) -> None:
    there = street.lemmy
    garden = f"{there.base}/u/garden"
    there.actor("garden", "Group", attributedTo=f"{garden}/moderators")
    moderators = {"id": f"{garden}/moderators", "type": "OrderedCollection", "orderedItems": [f"{there.base}/u/gerda"]}
    there.documents["/u/garden/moderators"] = moderators
    group_id = await street.ask_to_join(there, "garden")
    assert await outcome(street, there.activity("Accept", garden, there.of_type("Follow")[0])) == "done"
    thread = await street.write("A new crossing", "Where?")
    announced = example(street, "announced-thread", thread)
    page = announced["object"]["object"]
    there.documents[page["id"].removeprefix(there.base)] = page
    assert await outcome(street, announced) == "done"
    assert await outcome(street, example(street, "announced-votes", thread)) == "done"
    assert await outcome(street, example(street, "announced-lock", thread)) == "done"
    post = await street.post(page["id"])
    assert (post.state, post.group_id, post.thank_count) == ("published", group_id, 0)
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select attested_count from posts where id = $1", post.id) == 1
    assert (post.locked, post.lock_reason) == (True, "All is said.")


def test_every_example_is_tried() -> None:
    assert set(EXAMPLES) == {"context", "private", "proof", *SENT, *TAKEN, *TAKEN_BY_POLLS, *ANNOUNCED}


def raised(kind: str) -> Iterator[str]:
    """The reasons with which the code of this floor refuses or ignores."""
    for path in (ROOT / "federation").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == kind:
                assert isinstance(node.args[0], ast.Constant), ast.unparse(node)
                yield str(node.args[0].value)


# Of errands and look-ups, which answer nobody.
NOT_ANSWERED = {"webfinger_no_actor", "webfinger_not_json", "ours"}


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("Unacceptable", "What is wrong with a document"),
        ("BadDocument", "What is wrong with a document"),
        ("BadSignature", "What is wrong with a signature"),
        ("Ignored", "What has no effect"),
    ],
)
def test_every_reason_is_named(kind: str, title: str) -> None:
    assert set(raised(kind)) - NOT_ANSWERED - words(section(title)) == set()


def test_no_reason_is_named_that_nobody_gives() -> None:
    given = {reason for kind in ("Unacceptable", "BadDocument", "BadSignature", "Ignored") for reason in raised(kind)}
    told = [
        cell.strip().strip("`")
        for title in ("What is wrong with a document", "What is wrong with a signature", "What has no effect")
        for cell in re.findall(r"^\| (`\w+`) \|", section(title), re.MULTILINE)
    ]
    assert set(told) - given - {"unknown_actor", "seen_before"} == set()
    assert len(told) == len(set(told))


def test_the_activities_that_are_taken_are_named() -> None:
    told = re.findall(r"^\| ((?:`\w+` )+)\|", section("Activities"), re.MULTILINE)
    assert sorted(name for cell in told for name in words(cell)) == sorted(RECEIVERS)


def test_the_types_and_the_software_are_named() -> None:
    assert POST_TYPES | set(ACTOR_TYPES) <= words(section("Objects"))
    rows = r"^\| (forum|microblog|warns|no polls|pictures in the text) \| (.+) \|$"
    told = dict(re.findall(rows, section("Forms"), re.MULTILINE))
    assert words(told["forum"]) == software.FORUMS
    assert words(told["microblog"]) == software.MICROBLOGS
    assert words(told["warns"]) == software.WARNERS
    assert words(told["no polls"]) == software.WITHOUT_POLLS
    assert words(told["pictures in the text"]) == software.PICTURES_IN_TEXT
