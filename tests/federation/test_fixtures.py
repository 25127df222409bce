"""Every document that other servers really send is understood, or refused with a named reason; none raises."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation.decoding import BadDocument, decode_document
from federation.parse import ACTOR_TYPES, POST_TYPES, Unacceptable, parse_activity, parse_actor, parse_post, type_of
from tests.federation.peer import Moot, signed
from tests.federation.street import Street

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
UNDERSTOOD = {"actor", "post", "activity"}
# What a document may be refused for; a new reason is looked at by a person before it stands here.
REASONS = {
    "author_on_other_host", "collection", "inbox_on_other_host", "no_actor", "no_author", "no_id", "no_inbox",
    "no_name", "no_object", "no_type", "not_a_post", "not_json", "not_an_actor", "nothing_said", "several_authors",
    "several_parents",
}  # fmt: skip

pytestmark = pytest.mark.skipif(
    not FIXTURES.is_dir(), reason="the folder of real documents is not beside this checkout"
)


def documents() -> Iterator[tuple[str, bytes]]:
    for path in sorted(FIXTURES.rglob("*.json")) if FIXTURES.is_dir() else ():
        yield str(path.relative_to(FIXTURES)), path.read_bytes()
    for path in sorted((FIXTURES / "mastodon").glob("*.txt")):
        # Whole HTTP answers: the document begins behind the blank line.
        yield str(path.relative_to(FIXTURES)), path.read_bytes().replace(b"\r", b"").partition(b"\n\n")[2]


def read(raw: bytes) -> str:
    """What we make of a document: its kind, or why it is refused."""
    try:
        document = decode_document(raw)
        kind = type_of(document)
        if kind in ACTOR_TYPES:
            parse_actor(document)
            return "actor"
        if kind in POST_TYPES:
            parse_post(document)
            return "post"
        activity = parse_activity(document)
        inner = activity.inner
        if activity.type in ("Create", "Update") and inner is not None and type_of(inner) in POST_TYPES:
            parse_post(inner)
        return "activity"
    except BadDocument as bad:
        return f"refused: {bad.reason}"
    except Unacceptable as refused:
        return f"refused: {refused.reason}"


@pytest.mark.parametrize("name", [name for name, _ in documents()])
def test_a_real_document_is_understood_or_refused_by_name(name: str) -> None:
    raw = dict(documents())[name]
    verdict = read(raw)
    assert verdict in UNDERSTOOD or verdict.removeprefix("refused: ") in REASONS


def test_most_real_activities_and_posts_are_understood() -> None:
    verdicts = [read(raw) for _, raw in documents()]
    understood = sum(verdict in UNDERSTOOD for verdict in verdicts)
    assert understood > 200


async def test_no_real_activity_troubles_the_inbox(street: Street) -> None:
    """Each, as if a signed member had sent it: an answer with a reason, never a 5xx."""
    moot: Moot = street.moot
    answers = set()
    for name, raw in documents():
        try:
            document = decode_document(raw)
        except BadDocument:
            continue
        body = json.dumps(document | {"actor": street.max, "id": street.mastodon.id()}).encode()
        answer = await moot.post(body, signed("http://moot.test/ap/inbox", body, f"{street.max}#main-key"))
        assert answer.status < 500, name
        answers.add(answer.status)
        await asyncio.sleep(0)
    assert answers <= {202, 400, 403, 404}
