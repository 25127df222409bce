"""A: whatever is wrong with a request, it is refused by name and leaves nothing behind, in no table and on no wire."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from tests.conftest import BASE_URL, MovedClock
from tests.federation.signed import ED25519, OTHER_RSA, Headers, content_digest, digest
from tests.federation.street import GROUP, addressed
from tests.federation.test_publickeys import huge_exponent, pem_of
from tests.hostile import forging
from tests.hostile.conftest import World
from tests.hostile.forging import cavage, date, rfc9421, sent
from tests.journeys.test_every_route import paths, routes

EVIL = b'{"type": "Delete"}'
NOT_DIGEST = ("(request-target)", "host", "date")
Forge = Callable[[bytes, str], Headers]


def _twice(headers: Headers, name: str) -> Headers:
    return [*headers, next(header for header in headers if header[0] == name)]


# What is wrong, by its row: how it is forged from an honest body and key id, and what is answered.
FORGED: dict[str, tuple[Forge, int, str]] = {
    "A1 unsigned": (lambda b, k: sent(("digest", digest(b))), 401, "unsigned"),
    "A1 input without signature": (lambda b, k: rfc9421(b, k)[:-1], 401, "unsigned"),
    "A3 other key": (lambda b, k: cavage(b, k, key=OTHER_RSA), 401, "wrong_signature"),
    "A4 no digest": (lambda b, k: cavage(b, k, NOT_DIGEST, headers=sent()), 401, "digest_not_signed"),
    "A4 digest not signed": (lambda b, k: cavage(b, k, NOT_DIGEST), 401, "digest_not_signed"),
    "A4 digest of another body": (
        lambda b, k: cavage(b, k, headers=sent(("digest", digest(EVIL)))), 401, "digest_mismatch"),
    "A4 digest by MD5": (
        lambda b, k: cavage(b, k, headers=sent(("digest", "MD5=1B2M2Y8AsgTpgAmY7PhCfg=="))),
        401, "digest_algorithm"),
    "A5 content-digest signed, digest added": (
        lambda b, k: [*cavage(b, k, (*NOT_DIGEST, "content-digest"),
                              headers=sent(("content-digest", content_digest(EVIL)))), ("digest", digest(b))],
        401, "digest_mismatch"),
    "A5 the same in RFC 9421": (
        lambda b, k: [*rfc9421(b, k, headers=sent(("content-digest", content_digest(EVIL)))), ("digest", digest(b))],
        401, "digest_mismatch"),
    "A6 host not signed": (lambda b, k: cavage(b, k, ("(request-target)", "date", "digest")), 401, "coverage"),
    "A6 made for a bystander": (
        lambda b, k: cavage(b, k, headers=sent(("digest", digest(b)), host="bystander.test")), 401, "host_not_ours"),
    "A6 made for a bystander's target": (
        lambda b, k: rfc9421(b, k, values={"@target-uri": "http://bystander.test/ap/inbox"}), 401, "wrong_signature"),
    "A6 another inbox": (lambda b, k: cavage(b, k, target="/ap/people/ana/inbox"), 401, "wrong_signature"),
    "A7 two hours old": (
        lambda b, k: cavage(b, k, headers=sent(("digest", digest(b)), when=date(hours=-2))), 401, "time_window"),
    "A7 from tomorrow": (
        lambda b, k: cavage(b, k, headers=sent(("digest", digest(b)), when=date(days=1))), 401, "time_window"),
    "A7 expired in 2001": (
        lambda b, k: cavage(b, k, more=",expires=1000000000"), 401, "expired"),
    "A7 created in 2001": (
        lambda b, k: rfc9421(b, k, parameters=f';created=1000000000;keyid="{k}"'), 401, "time_window"),
    "A7 without created": (lambda b, k: rfc9421(b, k, parameters=f';keyid="{k}"'), 401, "coverage"),
    "A8 keyId twice": (lambda b, k: cavage(b, k, more=f',keyId="{k}"'), 400, "duplicate_parameter"),
    "A8 signature twice": (lambda b, k: cavage(b, k, more=',signature="AA=="'), 400, "duplicate_parameter"),
    "A8 header twice": (lambda b, k: _twice(cavage(b, k), "signature"), 400, "duplicate_header"),
    "A8 host twice": (lambda b, k: _twice(cavage(b, k), "host"), 400, "duplicate_header"),
    "A11 acct": (lambda b, k: cavage(b, "acct:max@mastodon.example"), 401, "key_id_not_url"),
    "A11 data": (lambda b, k: cavage(b, "data:text/plain,x"), 401, "key_id_not_url"),
    "A11 did": (lambda b, k: cavage(b, "did:key:z6Mk"), 401, "key_id_not_url"),
    "A11 relative": (lambda b, k: cavage(b, "/u/max#main-key"), 401, "key_id_not_url"),
    "A11 ours": (lambda b, k: cavage(b, f"{BASE_URL}/ap/instance#main-key"), 401, "key_id_local"),
    "A15 algorithm none": (lambda b, k: cavage(b, k, algorithm="none"), 400, "algorithm"),
    "A15 hmac": (lambda b, k: cavage(b, k, algorithm="hmac-sha256"), 400, "algorithm"),
    "A15 ed25519 label, RSA key": (lambda b, k: cavage(b, k, algorithm="ed25519"), 401, "wrong_signature"),
    "A15 ed25519 signature, RSA key": (lambda b, k: cavage(b, k, key=ED25519), 401, "wrong_signature"),
    "A18 said by a proxy": (
        lambda b, k: [*cavage(b, k, headers=sent(("digest", digest(b)), host="bystander.test")),
                      ("x-forwarded-host", forging.HOST), ("forwarded", f"host={forging.HOST}")],
        401, "host_not_ours"),
    "A18 path said by a proxy": (
        lambda b, k: [*cavage(b, k, target="/elsewhere"), ("x-forwarded-path", "/elsewhere"),
                      ("x-original-url", "/elsewhere")],
        401, "wrong_signature"),
    "A19 garbage": (lambda b, k: [*sent(("digest", digest(b))), ("signature", "\xff\x00=,;(")], 400,
                    "signature_malformed"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
async def test_A3_no_refused_request_has_an_effect(world: World, what: str) -> None:
    """The answer, and then nothing: Misskey once said 401 and did it all the same.

    So it is for all that is FORGED: A1, A4, A5, A6, A7, A8, A11, A15, A18, A19.
    """
    forge, status, reason = FORGED[what]
    street = world.street
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    body = json.dumps(create).encode()
    async with world.assert_no_effect(asks=1 if reason == "wrong_signature" else 0):
        answer = await forging.ask(world.app, forge(body, f"{street.max}#main-key"), body)
    assert (answer.status, answer.reason) == (status, reason)


@pytest.mark.parametrize("honest", [cavage, rfc9421])
async def test_A3_the_same_request_unforged_has_its_effect(world: World, honest: Forge) -> None:
    """Else the test above would prove nothing."""
    street = world.street
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    body = json.dumps(create).encode()
    assert (await forging.ask(world.app, honest(body, f"{street.max}#main-key"), body)).status == 202
    await street.settle()
    assert (await street.post(create["object"]["id"])).state == "published"


def _inboxes(app: Starlette) -> list[str]:
    """Whatever takes a POST and is no form: found by walking the routes, so that a new one is asked too."""
    changing = {pattern for method, pattern in routes(list(app.routes)) if method not in ("GET", "HEAD")}
    return sorted(pattern for pattern in changing if pattern.startswith("/ap/"))


async def test_A1_no_inbox_takes_what_is_not_signed(world: World) -> None:
    """Every route is asked: the inboxes refuse an activity that nobody signed, and no form is an inbox."""
    street = world.street
    body = json.dumps(addressed(street, street.mastodon, street.max, "<p>Hello.</p>")).encode()
    assert len(_inboxes(world.app)) == 3
    async with world.assert_no_effect():
        for method, pattern in routes(list(world.app.routes)):
            if method in ("GET", "HEAD"):
                continue
            for path in paths(pattern, "1")[:2]:
                answer = await forging.ask(world.app, sent(), body, method=method, target=path)
                # To log out who is not logged in is nothing, and is answered with the front page.
                refused = {401, 404} if pattern in _inboxes(world.app) else {303, 403, 404, 415}
                assert answer.status in refused, (method, path, answer.body[:200])


SPELLED = (
    "{}/", "/{}", "{}//", "{};x", "{}?", "{}?x=1", "{}#x", "{}%00", "{}%20", "{}.json", "{}/../inbox", "{}/.",
    "{}/%2e%2e/inbox", "/x/..{}", "/%2fap/inbox", "/ap%2finbox", "/AP/INBOX", "/ap/./inbox", "/ap//inbox", "/uid/1{}",
    "/ap/people/ana/x{}", "{}/x", "\\ap\\inbox",
)  # fmt: skip


@pytest.mark.parametrize("spelled", SPELLED)
async def test_A2_no_spelling_of_an_inbox_goes_around_the_verifier(world: World, spelled: str) -> None:
    street = world.street
    body = json.dumps(addressed(street, street.mastodon, street.max, "<p>Hello.</p>")).encode()
    async with world.assert_no_effect():
        for pattern in _inboxes(world.app):
            for method in ("POST", "PUT", "PATCH", "DELETE", "GET", "QUERY", "post"):
                target = spelled.format(paths(pattern, "1")[0])
                answer = await forging.ask(world.app, sent(), body, method=method, target=target)
                # 307 leads to the same path without its last slash, where the verifier stands.
                harmless = {200, 303, 307} if method == "GET" else {307}
                assert answer.status in harmless or 400 <= answer.status < 500, (method, target, answer.status)


async def test_A7_the_same_bytes_twice_are_one_effect(world: World) -> None:
    street = world.street
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    body = json.dumps(create).encode()
    headers = cavage(body, f"{street.max}#main-key")
    assert (await forging.ask(world.app, headers, body)).status == 202
    await street.settle()
    async with world.assert_no_effect():
        answers = await asyncio.gather(*(forging.ask(world.app, headers, body) for _ in range(10)))
    assert {answer.status for answer in answers} == {202}
    assert await street.count_posts() == 1


@pytest.mark.parametrize(("hours", "status"), [(0.9, 202), (1.1, 401), (-0.9, 202), (-1.1, 401), (24 * 365, 401)])
async def test_A7_a_request_fits_for_an_hour(world: World, moved_clock: MovedClock, hours: float, status: int) -> None:
    street = world.street
    like = street.mastodon.activity("Like", street.max, f"{street.mastodon.base}/notes/0")
    body = json.dumps(like).encode()
    headers = cavage(body, f"{street.max}#main-key")
    await moved_clock.advance(hours=hours)
    async with world.assert_no_effect(but={"seen_activities"} if status == 202 else ()):
        assert (await forging.ask(world.app, headers, body)).status == status


async def test_A9_a_key_document_that_names_somebody_else_as_its_owner(world: World) -> None:
    """Row H of section 3: evil serves a key of its own and says that it is the victim's."""
    alice = await world.known(world.victim, "alice")
    stolen = world.evil.documents["/key"] = dict(world.victim.documents["/u/alice"]["publicKey"])
    stolen |= {"id": f"{world.evil.base}/key", "owner": alice}
    world.evil.documents["/key"] = stolen
    street = world.street
    for key_id in (f"{world.evil.base}/key", f"{world.evil.base}/key#main-key"):
        create = addressed(street, world.victim, alice, "<p>Hello.</p>")
        async with world.assert_no_effect(asks=3):
            answer = await street.moot.deliver(create, key=key_id)
        assert (answer.status, answer.text) == (401, '{"error":"key_unavailable"}')


@pytest.mark.parametrize("where", ["another host", "the same host"])
async def test_A10_nobody_signs_for_another_actor(world: World, where: str) -> None:
    """No host-level shortcut: each actor speaks for itself."""
    alice = await world.known(world.victim, "alice")
    there = world.evil if where == "another host" else world.victim
    mallory = await world.known(there, "mallory")
    street = world.street
    thread = await street.write("The crossing", "Where?")
    for activity in (
        addressed(street, world.victim, alice, "<p>Hello.</p>"),
        world.victim.activity("Follow", alice, GROUP),
        world.victim.activity("Like", alice, thread.uri),
        world.victim.activity("Delete", alice, f"{world.victim.base}/notes/9"),
        world.victim.activity("Update", alice, alice),
        world.victim.activity("Flag", alice, thread.uri),
    ):
        async with world.assert_no_effect():
            answer = await street.moot.deliver(activity, key=f"{mallory}#main-key")
        assert (answer.status, answer.text) == (401, '{"error":"signer_is_not_actor"}')


async def test_A10_an_activity_lies_at_the_host_of_its_actor(world: World) -> None:
    mallory = await world.known(world.evil, "mallory")
    create = addressed(world.street, world.evil, mallory, "<p>Hello.</p>") | {"id": world.victim.id()}
    async with world.assert_no_effect():
        answer = await world.street.moot.deliver(create)
    assert (answer.status, answer.text) == (400, '{"error":"id_on_other_host"}')


async def test_A12_a_document_about_another_key_is_kept_under_no_name(world: World) -> None:
    alice = await world.known(world.victim, "alice")
    async with world.street.runtime.db.transaction() as conn:
        await conn.execute("delete from remote_keys where owner_uri = $1", alice)
    world.evil.documents["/u/mallory"] = world.victim.documents["/u/alice"]
    mallory = f"{world.evil.base}/u/mallory"
    create = world.evil.activity("Create", mallory, world.evil.note(mallory, "<p>Hello.</p>", cc=[GROUP]))
    async with world.assert_no_effect(asks=3):
        answer = await world.street.moot.deliver(create)
    assert (answer.status, answer.text) == (401, '{"error":"key_unavailable"}')
    assert await world.watch.count("remote_keys") == 2  # Lena's and Max's


async def test_A13_a_thousand_bad_signatures_cause_two_requests_at_most(world: World) -> None:
    street = world.street
    body = json.dumps(addressed(street, street.mastodon, street.max, "<p>Hello.</p>")).encode()
    forged = cavage(body, f"{street.max}#main-key", key=OTHER_RSA)
    nobodys = cavage(body, f"{street.mastodon.base}/u/nobody#main-key", key=OTHER_RSA)
    async with world.assert_no_effect(asks=2):
        for _ in range(25):
            both = [forging.ask(world.app, headers, body) for headers in (forged, nobodys) for _ in range(20)]
            assert {answer.status for answer in await asyncio.gather(*both)} <= {401, 429}


async def test_A13_C15_invented_keys_are_soon_looked_for_no_more(world: World) -> None:
    """Nobody must sign anything to name keys, of as many hosts as they can spell: so many a minute from one address."""
    street = world.street
    body = json.dumps(addressed(street, street.mastodon, street.max, "<p>Hello.</p>")).encode()
    before = await world.watch.tables()
    # Sixty, or twice that where a minute ends in between.
    async with world.assert_no_effect(asks=120):
        answers = []
        for number in range(500):
            key_id = f"http://h{number}.invented.test/key"
            answers.append((await forging.ask(world.app, cavage(body, key_id, key=OTHER_RSA), body)).status)
    assert set(answers) == {401, 429}
    after = await world.watch.tables()
    assert sum(after[name][0] - before[name][0] for name in ("missing_keys", "rate_limits")) <= 2 * 120
    # From elsewhere all goes on as before.
    assert (await street.moot.deliver(json.loads(body))).status == 202


async def test_A13_an_actor_that_we_cannot_take_is_asked_for_once(world: World) -> None:
    """Its key is good, so that every request is proven; its document is not, and then leads to another's server."""
    mallory = world.evil.actor("mallory")
    del world.evil.documents["/u/mallory"]["inbox"]
    body = json.dumps(addressed(world.street, world.evil, mallory, "<p>Hello.</p>")).encode()
    honest = cavage(body, f"{mallory}#main-key")
    async with world.assert_no_effect(asks=1):
        assert (await forging.ask(world.app, honest, body)).reason == "no_inbox"
        far = f"{world.bystander.base}/heavy"
        world.evil.answers["/u/mallory"] = lambda: web.Response(status=302, headers={"location": far})
        for _ in range(100):
            assert (await forging.ask(world.app, honest, body)).status in (401, 429)
    assert world.bystander.fetched == []


WEAK = rsa.generate_private_key(65537, 1024)
KEYS = {
    "RSA of 1024 bits": pem_of(WEAK), "RSA of 16384 bits": huge_exponent(16384, 65537),
    "an exponent of 3072 bits": huge_exponent(3072, (1 << 3071) + 1),
    "elliptic": pem_of(ec.generate_private_key(ec.SECP256R1())), "long": pem_of(WEAK) + "x" * (8 << 10),
    "nothing": "", "private": "-----BEGIN PRIVATE KEY-----", "a list": [pem_of(WEAK)],
}  # fmt: skip


@pytest.mark.parametrize("kind", [*KEYS, "eleven keys", "two keys under one id"])
async def test_A14_no_key_outside_our_limits_proves_anything(world: World, kind: str) -> None:
    """One that can be broken, one that takes 49 ms a time, and those that are none."""
    uri = world.victim.actor("alice")
    listed = world.victim.documents["/u/alice"]["publicKey"]
    if kind in KEYS:
        listed["publicKeyPem"] = KEYS[kind]
    elif kind == "eleven keys":
        others = [listed | {"id": f"{uri}#{number}"} for number in range(10)]
        world.victim.documents["/u/alice"]["publicKey"] = [*others, listed]
    else:
        world.victim.documents["/u/alice"]["publicKey"] = [listed, listed | {"publicKeyPem": pem_of(WEAK)}]
    body = json.dumps(addressed(world.street, world.victim, uri, "<p>Hello.</p>")).encode()
    signer = WEAK if "1024" in kind else forging.PEERS_KEY
    async with world.assert_no_effect(asks=2):
        answer = await forging.ask(world.app, cavage(body, f"{uri}#main-key", key=signer), body)
    assert (answer.status, answer.reason) == (401, "key_unavailable")


LINKED_DATA = {"type": "RsaSignature2017", "creator": "http://victim.test/u/alice#main-key",
               "created": "2026-11-25T12:00:00Z", "signatureValue": "c2lnbmF0dXJl"}  # fmt: skip


@pytest.mark.parametrize("where", ["object", "@graph", "@included", "@reverse", "@context"])
async def test_A16_what_a_linked_data_signature_says_is_not_read(world: World, where: str) -> None:
    """The tree that we read is the one that the HTTP signature covers; another tree of the same graph is nothing."""
    street = world.street
    mallory = await world.known(world.evil, "mallory")
    alice = await world.known(world.victim, "alice")
    create = addressed(street, world.victim, alice, "<p>Hello.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    delete = world.victim.activity("Delete", alice, create["object"]["id"], signature=LINKED_DATA)
    wrapped = world.evil.activity("Undo", mallory, {"type": "Announce", "id": world.evil.id(), "actor": mallory})
    wrapped["signature"] = LINKED_DATA
    if where == "object":
        wrapped["object"] = delete
    elif where == "@context":
        wrapped["@context"] = {"actor": "as:target", "target": "as:actor", "object": "as:origin", "origin": "as:object"}
        wrapped |= {"target": alice, "origin": create["object"]["id"]}
    else:
        wrapped[where] = {"as:actor": [delete]} if where == "@reverse" else [delete]
    # That mallory takes back a boost of their own, should it ever come, is theirs to say.
    async with world.assert_no_effect(but={"seen_activities", "tombstones"}):
        assert (await street.moot.deliver(wrapped)).status in (202, 400)
    async with world.assert_no_effect():
        assert (await street.moot.deliver(delete, key=f"{mallory}#main-key")).status == 401


@pytest.mark.slow
async def test_A19_no_header_makes_us_fail(world: World) -> None:
    """The parser is total: whatever stands in the headers, the answer is a refusal and nothing happens."""
    street = world.street
    body = json.dumps(addressed(street, street.mastodon, street.max, "<p>Hello.</p>")).encode()
    older, newer = cavage(body, f"{street.max}#main-key"), rfc9421(body, f"{street.max}#main-key")
    # Each with the headers on which its proof depends: a digest that nobody signed may be one that we do not know.
    forged = [(older, name) for name in ("signature", "signature-input", "digest", "date", "host")]
    forged += [(newer, name) for name in ("signature", "signature-input", "content-digest", "host")]
    alphabet = st.characters(max_codepoint=255)
    asked: list[Headers] = []
    pieces = st.sampled_from(
        ['keyId="', '"', ",", ";", "=", ":", "(", ")", "sig1", "created=", "9" * 20, "\x00", "\xff"]
    )
    junk = st.one_of(st.text(alphabet, max_size=200), st.lists(pieces, max_size=20).map("".join))

    @settings(max_examples=300, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(forged), junk, st.booleans())
    def collect(honest: tuple[Headers, str], value: str, added: bool) -> None:
        headers, name = honest
        kept = headers if added else [header for header in headers if header[0] != name]
        asked.append([*kept, (name, value)])

    collect()
    async with world.assert_no_effect(asks=1):
        for headers in asked:
            answer = await forging.ask(world.app, headers, body)
            assert answer.status in (400, 401, 413, 415), headers


def test_A3_every_reason_of_the_verifier_is_tried() -> None:
    """FORGED and the tests of the verifier name each reason for which a request is refused."""
    root = Path(__file__).resolve().parents[2]
    given_reasons = set()
    for module in ("signatures", "digests", "signature_headers", "incoming"):
        text = (root / "federation" / f"{module}.py").read_text()
        given_reasons |= set(re.findall(r'BadSignature\("(\w+)"', text))
    tried = "".join(path.read_text() for path in (root / "tests").rglob("test_*.py"))
    assert [reason for reason in sorted(given_reasons) if f'"{reason}"' not in tried] == []
