"""D, C13, C16, C18: whatever a document holds, it is taken or refused by name, and costs what its length costs."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import json
import tracemalloc
import typing
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from federation import decoding, inbox, parse, remote, senders
from federation.decoding import BadDocument
from federation.incoming import BadSignature, IncomingRequest
from federation.parse import Unacceptable
from federation.signature_headers import read_signature
from server import text
from server.community import actors
from server.limits import Booked, Limit
from server.runtime import Runtime
from tests.conftest import BASE_URL
from tests.federation.peer import PUBLIC, Document
from tests.federation.street import GROUP, Street, addressed
from tests.hostile import forging
from tests.hostile.conftest import World
from tests.hostile.costs import FACTOR, is_linear

QUIRKS: dict[str, tuple[str, str]] = {
    "depth": ('"x": ' + "[" * 200_000 + "]" * 200_000, "too_deep"),
    "objects in objects": ('"x": ' + '{"x":' * 40 + "1" + "}" * 40, "too_deep"),
    "5,000 digits": ('"x": ' + "9" * 5000, "number_out_of_range"),
    "beyond 2^53": ('"x": 9007199254740993', "number_out_of_range"),
    "infinite": ('"x": 1e999', "number_out_of_range"),
    "NaN": ('"x": NaN', "not_json"),
    "Infinity": ('"x": -Infinity', "not_json"),
    "a key twice": ('"type": "Like"', "duplicate_key"),
    "a key twice, spelled differently": ('"\\u0074ype": "Like"', "duplicate_key"),
    "NUL": ('"x": "\\u0000"', "unstorable_text"),
    "NUL in a key": ('"\\u0000": 1', "unstorable_text"),
    "half a pair": ('"x": "\\ud83d"', "unstorable_text"),
    "halves in the wrong order": ('"x": "\\ude00\\ud83d"', "unstorable_text"),
    "not UTF-8": ('"x": "\xff"', "not_utf8"),
    "a raw line break": ('"x": "\n"', "not_json"),
}


async def _refused(world: World, body: bytes, reason: str) -> None:
    async with world.assert_no_effect():
        answer = await forging.ask(world.app, forging.cavage(body, f"{world.street.max}#main-key"), body)
    assert (answer.status, answer.reason) == (400, reason)


@pytest.mark.parametrize("quirk", QUIRKS)
async def test_D2_D3_no_quirk_of_json_gets_in(world: World, quirk: str) -> None:
    street = world.street
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    inserted, reason = QUIRKS[quirk]
    body = (json.dumps(create)[:-1] + ", " + inserted + "}").encode("latin-1" if "\xff" in inserted else "utf-8")
    await _refused(world, body, reason)


STRINGS = ("id", "type", "actor", "summary", "object.id", "object.content", "object.name", "object.summary",
           "object.url", "object.inReplyTo", "object.published", "object.language", "object.mediaType",
           "object.attributedTo")  # fmt: skip


@pytest.mark.parametrize("bad", ["\x00", "\ud800", "\udc00x"], ids=["NUL", "high", "low"])
async def test_D3_no_field_takes_what_no_database_stores(world: World, bad: str) -> None:
    street = world.street
    for field in STRINGS:
        create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
        where: Document = create["object"] if field.startswith("object.") else create
        name = field.removeprefix("object.")
        where[name] = str(where.get(name, "x")) + bad
        await _refused(world, json.dumps(create).encode(), "unstorable_text")


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-1000, 1000), st.floats(allow_nan=False, allow_infinity=False), TEXT,
    st.sampled_from([GROUP, BASE_URL, PUBLIC, "http://evil.test/x", "javascript:x", "2026-11-25T12:00:00Z", "Note"]),
)  # fmt: skip
NAMES = st.sampled_from(
    ["id", "type", "actor", "object", "attributedTo", "to", "cc", "tag", "name", "content", "contentMap", "nameMap",
     "url", "href", "source", "mediaType", "attachment", "inReplyTo", "published", "language", "summary", "audience",
     "context", "target", "items", "first", "endTime", "oneOf", "anyOf", "replies", "proof", "@context"]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(inbox.RECEIVERS))
async def test_D4_no_shape_of_an_activity_makes_us_fail(world: World, kind: str) -> None:
    """ActivityStreams as nobody writes it: taken or refused, and nobody else's post is touched."""
    street = world.street
    traffic = await street.runtime.use(inbox.Traffic)
    traffic.booked = Booked(street.runtime.db, Limit(100_000, 60), 1_000)
    thread = await street.write("The crossing", "Where?")
    made: list[Document] = []

    @settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(NAMES, VALUES, max_size=6), st.dictionaries(NAMES, VALUES, max_size=8), st.booleans())
    def invent(outer: Document, inner: Document, keep: bool) -> None:
        note = street.mastodon.note(street.max, "<p>Hello.</p>", cc=[GROUP], inReplyTo=thread.uri) | inner
        activity = street.mastodon.activity(kind, street.max, note, to=[PUBLIC])
        made.append(activity | outer | ({"actor": street.max, "id": activity["id"], "type": kind} if keep else {}))

    invent()
    for activity in made:
        body = json.dumps(activity).encode()
        answer = await forging.ask(world.app, forging.cavage(body, f"{street.max}#main-key"), body)
        assert answer.status in (202, 400, 401, 403, 404), (activity, answer.reason)
    await street.settle()
    after = await street.post(thread.uri)
    assert (after.state, after.html, after.author_id) == ("published", thread.html, street.ana_id)
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from jobs where parked_at is not null") == 0


BROKEN_MARKUP = (
    "<math><annotation>", "<math><annotation encoding>x", "<svg><foreignObject><math><mi><p>", "<table><a><tr><a>",
    "<a href>", "<a href=''>", "<ol start='x'>", "<ol start='99999999999999999999'>", "<p" * 500, "</p>" * 500, "<!--",
    "<![CDATA[x", "<?xml x?>", "<a href='http://[::1'>x</a>", "<a href='http://\ud83d\ude00'>x</a>", "&#xD800;",
    "&#0;x", "&#x110000;", "\u202e<b>\u2066", "<select><option><svg>", "<template><p>", "<noscript><p>", "<plaintext>",
)  # fmt: skip


@pytest.mark.parametrize("markup", BROKEN_MARKUP)
async def test_D5_no_markup_makes_the_sanitiser_fail(world: World, markup: str) -> None:
    street = world.street
    markup = markup.encode("utf-16", "surrogatepass").decode("utf-16")
    create = addressed(street, street.mastodon, street.max, f"<p>Hello.</p>{markup}", name=f"Hello {markup}")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    post = await street.post(create["object"]["id"])
    assert (post.state, post.html[:13]) == ("published", "<p>Hello.</p>")


TIMES = (
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z", "2026-11-25T24:00:00Z", "2026-11-25T23:59:60Z", "1970-01-01T00:00:00Z", "1e400", "",
    "2026-W48-3", "20261125", "-2026-11-25T00:00:00Z", "٢٠٢٦-11-25T00:00:00Z", "2026-11-25T00:00:00+99:99", "now",
)  # fmt: skip


@pytest.mark.parametrize("published", TIMES)
async def test_D6_no_time_pins_or_hides_a_post(street: Street, published: str) -> None:
    stamped = {"published": published, "updated": published, "endTime": published, "startTime": published}
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>", **stamped)
    later = addressed(street, street.mastodon, street.max, "<p>Later.</p>")
    for activity in (create, later):
        assert (await street.moot.deliver(activity | {"published": published})).status == 202
        await street.settle()
    first, second = await street.post(create["object"]["id"]), await street.post(later["object"]["id"])
    assert (first.position or 0) < (second.position or 0)
    async with street.runtime.db.read() as conn:
        ahead = "select count(*) from posts where greatest(submitted_at, published_at) > clock_now()"
        assert await conn.fetchval(ahead) == 0


# Each may hold as many elements as a body has room for.
LISTS = ("to", "cc", "tag", "attachment", "url", "audience", "context", "inReplyTo", "attributedTo", "type", "name",
         "content", "oneOf", "anyOf", "replies", "likes", "@context", "object")  # fmt: skip


@pytest.mark.parametrize("field", LISTS)
@pytest.mark.parametrize("element", [1, "http://a.b/1", {"type": "Mention", "href": "http://a.b/"}, []], ids=str)
async def test_D8_a_hundred_thousand_elements_are_read_to_a_limit(
    world: World, field: str, element: typing.Any
) -> None:
    street = world.street
    count = min(100_000, (1 << 20) // (len(json.dumps(element)) + 2) - 100)
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    create["object"] = create["object"] | {field: [element] * count}
    if field in ("to", "cc", "audience"):
        create["object"][field] = [PUBLIC, GROUP] + create["object"][field]
    body = json.dumps(create, separators=(",", ":")).encode()
    assert len(body) < 1 << 20
    before = await world.watch.tables()
    asked = len(world.watch.asked)
    answer = await forging.ask(world.app, forging.cavage(body, f"{street.max}#main-key"), body)
    assert answer.status in (202, 400, 403), answer.reason
    await street.settle()
    after = await world.watch.tables()
    assert sum(after[name][0] - before[name][0] for name in after) < 30
    # An Accept to nobody, a fetch of nobody: only our own readers hear of it.
    assert [
        url for url in world.watch.asked[asked:] if street.mastodon.host not in url and "127.0.0.5" not in url
    ] == []


async def test_D8_strangers_documents_take_little_memory(runtime: Runtime) -> None:
    """A signed GET is enough to have an actor fetched, and read a megabyte of brackets takes 25."""
    document = json.dumps({"id": "https://evil.example/u/0", "x": [{}] * 250_000}, separators=(",", ":")).encode()
    known = await runtime.use(senders.Senders)
    tracemalloc.start()
    try:
        for number in range(40):
            known.keep_document(f"https://evil.example/u/{number}", decoding.decode_document(document))
        assert tracemalloc.get_traced_memory()[0] < 10 << 20
    finally:
        tracemalloc.stop()
    # The latest are there, each as it came, and taken once.
    assert known.document("https://evil.example/u/39") == json.loads(document)
    assert known.take_document("https://evil.example/u/39") is not None
    assert known.document("https://evil.example/u/39") is None
    assert known.document("https://evil.example/u/0") is None


async def test_C13_nobody_is_fetched_for_being_addressed(world: World) -> None:
    street = world.street
    world.evil.actor("u1")
    many = [f"{world.evil.base}/u/u{number}" for number in range(10_000)]
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    create["object"] |= {"to": [PUBLIC, GROUP, *many], "tag": [{"type": "Mention", "href": one} for one in many[:3000]]}
    create |= {"to": [PUBLIC, *many[:100]], "cc": [GROUP]}
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "published"
    assert world.evil.fetched == []
    assert world.evil.inbox == []


@pytest.mark.parametrize("where", ["activity", "object", "actor"])
async def test_C16_no_context_is_ever_fetched(world: World, where: str) -> None:
    """It would be a request to anybody, and its answer could give our words another meaning."""
    street = world.street
    context = [f"{world.evil.base}/context", {"@import": f"{world.evil.base}/import", "@vocab": f"{world.evil.base}/"}]
    hostile: Document = {"@context": context}
    nora = street.mastodon.actor("nora")
    street.mastodon.documents["/u/nora"] |= hostile if where == "actor" else {}
    create = addressed(street, street.mastodon, nora, "<p>Hello.</p>", **(hostile if where == "object" else {}))
    assert (await street.moot.deliver(create | (hostile if where == "activity" else {}))).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "published"
    assert world.evil.fetched == []


def _signature(value: str) -> object:
    headers = (("host", "moot.test"), ("signature", value), ("signature-input", value))
    for kept in (headers[:2], headers):
        try:
            read_signature(IncomingRequest("POST", "/ap/inbox", kept, b""))
        except BadSignature:
            continue
    return None


def _document(value: str) -> object:
    try:
        return parse.parse_post(decoding.decode_document(value.encode()))
    except (BadDocument, Unacceptable):
        return None


# Every reader of foreign text with the most that it is given, and what would make a careless one slow.
READERS: dict[str, tuple[Callable[[str], object], int]] = {
    "sanitise": (text.sanitise, text.MAX_SOURCE), "plain": (lambda s: text.plain(text.sanitise(s)), text.MAX_SOURCE),
    "one line": (lambda s: text.one_line(s, 200), text.MAX_SOURCE),
    "title": (lambda s: parse.title_from(text.sanitise(s)), text.MAX_SOURCE),
    "mentions": (lambda s: parse.strip_leading_mentions(text.sanitise(s)), text.MAX_SOURCE),
    "handle": (remote.HANDLE.fullmatch, parse.MAX_URI), "signature": (_signature, 8 << 10),
    "document": (_document, 1 << 20), "time": (parse.parse_time, 1 << 20),
}  # fmt: skip
UNITS = (
    "@a", "@a@a", " @a", "<a>@a</a>", '<a href="x">@a</a> ', "<span><a >@", "<p>", "</p>", "<", "&", "&amp", "\u00a0",
    " ", "\n", "a.", "a-", "\\", '"', '"\\', "{", "[", '{"a":', '["', "(", '("', ',a="', ';a="', "=:", "9", "\u202e",
    "é", "<br>", "<!--", '<a href="', "@" + "a." * 20,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_C18_every_reader_of_foreign_text_takes_linear_time(reader: str) -> None:
    read, longest = READERS[reader]

    def of(unit: str, size: int) -> str:
        return unit * (size // len(unit)) + "!"

    assert [unit for unit in UNITS if not is_linear(read, of(unit, longest // FACTOR), of(unit, longest))] == []


async def test_D7_every_text_in_the_database_has_its_length(street: Street) -> None:
    """The last line of defence behind every form and parser."""
    unbounded = """
        select c.relname || '.' || a.attname
          from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public' and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
           and a.atttypid in ('text'::regtype, 'varchar'::regtype, 'text[]'::regtype)
           and not exists (select 1 from pg_constraint k where k.conrelid = c.oid and k.contype in ('c', 'f')
                                                           and a.attnum = any(k.conkey))
         order by 1"""
    async with street.runtime.db.read() as conn:
        found = [row[0] for row in await conn.fetch(unbounded)]
    assert [name for name in found if name not in BOUNDED_ELSEWHERE] == []


BOUNDED_ELSEWHERE = {
    "backfills.seen": "digests of pages, whose number the errand limits",
    "deliveries.host": "copied from lanes.host, which has a length",
    "findings.matched": "pieces of a post, which has a length, found by words of a check, which has one",
    "schema_migrations.name": "names of our own files",
    "moderator_lists.uris": "ids within the limits of parse.py, whose number the reader limits",
    "own_keys.private_pem": "made by ourselves",
    "own_keys.public_text": "made by ourselves",
}

ODD_NAMES = {
    "\u202eana": "ana", "a\u200bna": "ana", "\u2066ana\u2069": "ana", "\ufeffana": "ana", "a\u00adna": "a\u00adna",
    "ana\n\nana": "ana ana", "\u0085ana": "ana",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_D12_no_name_turns_or_hides_letters(world: World, name: str) -> None:
    street = world.street
    nora = street.mastodon.actor("nora")
    street.mastodon.documents["/u/nora"]["name"] = name
    create = addressed(street, street.mastodon, nora, "<p>Hello.</p>", name=f"Title {name}", type="Page")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    async with street.runtime.db.read() as conn:
        actor = await actors.by_uri(conn, nora)
    assert actor is not None
    assert actor.title == ODD_NAMES[name]
    assert (await street.post(create["object"]["id"])).title == f"Title {ODD_NAMES[name]}"


@pytest.mark.parametrize(
    "host", ["аpple.test", "ａpple.test", "bank.example∕evil.test", "ba\u00adnk.test", "bank。test"]
)
def test_D12_a_host_is_shown_as_it_is_looked_up(host: str) -> None:
    """In the letters of the wire, in which nothing looks like something else."""
    document: Document = {
        "id": f"https://{host}/u",
        "type": "Person",
        "preferredUsername": "ana",
        "inbox": f"https://{host}/i",
    }
    try:
        shown = parse.parse_actor(document).host
    except Unacceptable:
        return
    assert shown.isascii()
    assert "∕" not in shown


@pytest.mark.parametrize("name", ["ana@evil.test", "ana/x", "", " ", "\u202e", "a" * 300, "@", "\u200b"])
async def test_D12_a_user_name_holds_no_other_address(world: World, name: str) -> None:
    uri = world.evil.actor("odd")
    world.evil.documents["/u/odd"]["preferredUsername"] = name
    answer = await world.street.moot.deliver(world.evil.activity("Follow", uri, GROUP))
    if answer.status == 202:
        async with world.street.runtime.db.read() as conn:
            found = await actors.by_uri(conn, uri)
        assert found is not None
        assert len(found.name) <= 64
        assert found.name.strip()
        assert "@" not in found.name


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "application/octet-stream", "text/plain", "image/png", ""]
)
async def test_D13_a_body_of_another_kind_is_refused_before_it_is_read(world: World, kind: str) -> None:
    read: list[str] = []
    answered: list[Message] = []

    async def receive() -> Message:
        read.append("read")
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Message) -> None:
        answered.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/ap/inbox", "raw_path": b"/ap/inbox", "query_string": b"", "root_path": "", "client": ("127.0.0.2", 1),
        "server": ("moot.test", 80), "headers": [(b"host", b"moot.test"), (b"content-type", kind.encode())],
    }  # fmt: skip
    async with world.assert_no_effect():
        await world.app(typing.cast(typing.Any, scope), receive, send)
    assert (answered[0]["status"], read) == (415, [])
