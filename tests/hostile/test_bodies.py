"""D: what an inbox is sent must be taken or refused with 4xx; a 500 would come back for thirty days."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import json
import math
import random
import string
from collections.abc import Callable

import pytest

from federation import inbox
from server import text
from server.limits import Booked, Limit
from tests.conftest import BASE_URL
from tests.federation.peer import PUBLIC, Document, signed
from tests.federation.street import GROUP, Street, addressed
from tests.hostile.costs import FACTOR, is_linear

pytestmark = pytest.mark.slow

# The same letters in every run.
RANDOM = random.Random(7)


def _letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Letters that cannot be compressed, since an index takes 2,704 bytes after compression."""
    return "".join(RANDOM.choices(alphabet, k=count))


CJK = "".join(chr(c) for c in range(0x4E00, 0x9000))


@pytest.mark.parametrize(
    "long",
    ["&" * 60_000, "\u00a0" * 60_000, "<a>" * 20_000, "<b>" * 20_000, '<a href="http://a.de">' * 2_500, "<p>" * 20_000],
)
async def test_D5_text_that_grows_when_it_is_made_safe(street: Street, long: str) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>" + long)
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).html.startswith("<p>Hello.")


async def test_an_actor_whose_about_grows(street: Street) -> None:
    uri = street.mastodon.actor("windbag", summary="&" * 20_000)
    assert (await street.moot.deliver(street.mastodon.activity("Follow", uri, GROUP))).status == 202


@pytest.mark.parametrize("where", ["activity", "object", "actor", "parent", "follow", "both"])
@pytest.mark.parametrize("alphabet", [string.ascii_letters, CJK], ids=["ascii", "wide"])
async def test_D8_addresses_as_long_as_they_may_be(street: Street, where: str, alphabet: str) -> None:
    base = street.mastodon.base
    tail = _letters(2048 - len(base) - 10, alphabet)
    who = street.max
    create = addressed(street, street.mastodon, who, "<p>Hello.</p>")
    if where in ("actor", "both"):
        street.mastodon.documents[f"/{tail}"] = street.mastodon.documents["/u/max"] | {
            "id": f"{base}/{tail}",
            "publicKey": street.mastodon.documents["/u/max"]["publicKey"]
            | {"id": f"{base}/{tail}", "owner": f"{base}/{tail}"},
            "preferredUsername": "long",
        }
        who = f"{base}/{tail}"
        create["actor"] = create["object"]["attributedTo"] = who
    if where in ("activity", "both"):
        create["id"] = f"{base}/{tail}"
    if where in ("object", "both"):
        create["object"]["id"] = f"{base}/x{tail}"
    if where == "parent":
        create["object"]["inReplyTo"] = f"{base}/y{tail}"
    if where == "follow":
        create = street.mastodon.activity("Follow", who, GROUP, id=f"{base}/{tail}")
    if alphabet is CJK and who != street.max:
        pytest.skip("no header holds such a key id")
    answer = await street.moot.deliver(create, key=who if who != street.max else None)
    assert answer.status in (202, 400, 401), answer.text
    delete = street.mastodon.activity("Delete", street.max, f"{base}/z{tail}", id=f"{base}/w{tail}")
    assert (await street.moot.deliver(delete)).status in (202, 400)
    await street.settle()


NULLS: list[object] = [None, 0, 1, -1, 1.5, True, "", "x", [], [[]], {}, [None], [{}], {"id": None}, {"id": 1}, "1",
                       "@admin", "javascript:alert(1)", BASE_URL, GROUP, {"id": GROUP}, [GROUP, GROUP], "x" * 3000,
                       "http://[", "http://a:99999/", "http://\u212a.test/", [["http://x.test"]] * 30]  # fmt: skip
FIELDS = ("id", "type", "actor", "object", "to", "cc")
INNER = ("id", "type", "attributedTo", "content", "inReplyTo", "to", "cc", "tag", "name", "published", "url",
         "attachment", "contentMap", "source", "language", "summary", "mediaType", "audience", "context",
         "nameMap")  # fmt: skip


@pytest.mark.parametrize("kind", ["Create", "Update", "Undo", "Announce", "Flag"])
async def test_B5_B6_D4_every_field_of_every_wrong_type(
    street: Street, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D4, B5, B6: never a 500, and nobody else's row changes."""
    traffic = await street.runtime.use(inbox.Traffic)
    monkeypatch.setattr(traffic, "booked", Booked(street.runtime.db, Limit(100_000, 60), 1_000))
    thread = await street.write("The crossing", "Where?")
    for field in (*FIELDS, *(f"object.{name}" for name in INNER)):
        for value in NULLS:
            note = street.mastodon.note(street.max, "<p>Hello.</p>", cc=[GROUP], inReplyTo=thread.uri)
            activity: Document = street.mastodon.activity(kind, street.max, dict(note), to=[PUBLIC])
            if field.startswith("object."):
                activity["object"][field.removeprefix("object.")] = value
            else:
                activity[field] = value
            body = json.dumps(activity).encode()
            answer = await street.moot.post(body, signed(f"{BASE_URL}/ap/inbox", body, f"{street.max}#main-key"))
            assert answer.status in (202, 400, 401, 403, 404), (field, value, answer.text)
    await street.settle()
    after = await street.post(thread.uri)
    assert (after.state, after.html, after.author_id) == ("published", thread.html, street.ana_id)


@pytest.mark.parametrize("published", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
                                       "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z", "1e400", ""])  # fmt: skip
async def test_D6_no_date_moves_a_post(street: Street, published: str) -> None:
    """D6."""
    first = addressed(street, street.mastodon, street.max, "<p>First.</p>", published=published)
    second = addressed(street, street.mastodon, street.max, "<p>Second.</p>")
    for create in (first, second):
        assert (await street.moot.deliver(create)).status == 202
        await street.settle()
    early, late = await street.post(first["object"]["id"]), await street.post(second["object"]["id"])
    assert (early.position or 0) < (late.position or 0)
    assert early.submitted_at <= late.submitted_at


async def test_C13_D8_endless_lists_are_read_to_a_limit(street: Street) -> None:
    """D8, C13."""
    many = [f"https://h{number}.example/u" for number in range(12_000)]
    tags = [{"type": "Mention", "href": uri} for uri in many[:3_000]]
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>", tag=tags)
    create["object"]["to"] = [PUBLIC, GROUP, *many]
    street.mastodon.fetched.clear()
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "published"


LONGEST = 60_000
UNITS = {
    "links": "[a](", "brackets": "[", "emphasis": "*a_", "quotes": ">", "mail": "a@a.", "autolinks": "<http://",
    "references": "[a]: b\n", "refuse": "[a][", "lists": "- ", "entities": "&", "stars": "*", "strong": "**a ",
    "strike": "~~a", "backslash": "\\", "urls": "www.", "slashes": "http://a/", "images": "![", "comments": "<!--",
    "cdata": "<![CDATA[", "hosts": "a.", "parens": "(", "queries": 'http://a?"', "open": "http://a/(",
    "quoted": '"http://a.de',
}  # fmt: skip
HOSTILE: dict[str, Callable[[int], str]] = {
    "code": lambda size: "`" * (size // 2) + "a" * (size // 2),
    "ticks": lambda size: "".join("`" * n + "a" for n in range(math.isqrt(2 * size))),
    "tables": lambda size: "a|" * (size // 4) + "\n" + "-|" * (size // 4) + "\n",
    "nested": lambda size: "".join(" " * n + "- a\n" for n in range(math.isqrt(2 * size))),
    "mixed": lambda size: "http://a.de/" + "(" * size,
}


@pytest.mark.parametrize("name", [*UNITS, *HOSTILE])
def test_C18_markdown_that_costs(name: str) -> None:
    """E7 too: a text that grows with its square would take minutes; the slowest honest one takes two seconds."""

    def of(size: int) -> str:
        return UNITS[name] * (size // len(UNITS[name])) if name in UNITS else HOSTILE[name](size)

    assert is_linear(text.render_markdown, of(LONGEST // FACTOR), of(LONGEST), no_weapon=0.5)
