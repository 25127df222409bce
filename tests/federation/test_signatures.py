"""Who sent a request: every forgery of the threat table's rows A1 to A13 is refused by its name."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import datetime as dt

import pytest

from federation.publickeys import PublicKey
from federation.signatures import VerifiedRequest, Verifier
from tests.federation.signed import (
    ALICE,
    ALICES_KEY,
    BLOCKED,
    BODY,
    DATE,
    ED25519,
    EVIL_BODY,
    GET,
    HOST,
    KEY_ID,
    NOW,
    OTHER_RSA,
    POST,
    RSA,
    UNIX,
    Headers,
    Keys,
    accepted,
    b64,
    cavage,
    content_digest,
    digest,
    is_blocked,
    refusal,
    request,
    rfc9421,
    verifier,
)

NEW_POST = ("(request-target)", "host", "date", "content-digest")

# What honest servers send


async def test_an_honest_request_of_either_dialect_is_its_signers() -> None:
    assert await accepted(cavage())
    assert await accepted(rfc9421())
    assert await accepted(cavage(GET, method="GET", target="/x?page=1"), b"", "GET", "/x?page=1")
    headers = rfc9421(("@method", "@target-uri"), method="GET", target="/x?page=1", headers=[("host", HOST)])
    assert await accepted(headers, b"", "GET", "/x?page=1")


@pytest.mark.parametrize(
    "headers",
    [
        cavage(algorithm="hs2019"),  # GoToSocial
        cavage(algorithm=None),
        cavage((*POST[:2], "digest", "(created)"), more=f",created={UNIX}", values={"(created)": str(UNIX)}),
        cavage((*POST[:2], "digest", "(created)"), more=f', created="{UNIX}"', values={"(created)": str(UNIX)}),
        cavage((*POST, "x-more"), headers=[("host", HOST), ("date", DATE), ("digest", digest()), ("x-more", "1")]),
        cavage(headers=[("host", f"{HOST}:443"), ("date", DATE), ("digest", digest())]),
        cavage(headers=[("host", HOST), ("date", DATE), ("digest", digest().replace("SHA", "sha"))]),
        cavage(NEW_POST, headers=[("host", HOST), ("date", DATE), ("content-digest", content_digest())]),
        rfc9421(parameters=f';keyid="{KEY_ID}";alg="rsa-v1_5-sha256";created={UNIX};nonce="x";expires={UNIX + 60}'),
        rfc9421(("@method", "@authority", "@path", "content-digest")),  # bovine
        rfc9421(("@method", "@authority", "@path", "@query", "content-digest"), values={"@query": "?"}),
        rfc9421(("@method", "@request-target", "host", "@scheme", "content-digest")),
        rfc9421(spelled=f'( "@method"  "@target-uri" "content-digest" ); created={UNIX}; keyid="{KEY_ID}"'),
    ],
)  # fmt: skip
async def test_the_spellings_of_other_servers_are_read(headers: Headers) -> None:
    assert await accepted(headers)


async def test_spaces_between_parameters_are_legal() -> None:
    headers = [(name, value.replace('",', '", ') if name == "signature" else value) for name, value in cavage()]
    assert await accepted(headers)


async def test_an_ed25519_key_signs_in_both_dialects() -> None:
    keys = Keys(PublicKey(KEY_ID, ALICE, ED25519.public_key()))
    for headers in (rfc9421(key=ED25519), cavage(key=ED25519, algorithm="hs2019")):
        assert (await verifier(keys).verify(request(headers))).signer_uri == ALICE


async def test_a_changed_key_is_fetched_once_more() -> None:
    old = PublicKey(KEY_ID, ALICE, OTHER_RSA.public_key())
    keys = Keys(old, newer=ALICES_KEY)
    assert (await verifier(keys).verify(request(cavage()))).signer_uri == ALICE
    assert (keys.found, keys.refetched) == (1, 1)
    keys = Keys(ALICES_KEY)
    await verifier(keys).verify(request(cavage()))
    assert keys.refetched == 0


# Forgeries


async def test_A1_an_unsigned_request_is_nobodys() -> None:
    assert await refusal([("host", HOST), ("date", DATE), ("digest", digest())]) == ("unsigned", 401)
    assert await refusal([*rfc9421()[:-1]]) == ("unsigned", 401)


def test_A3_only_a_verifier_makes_a_verified_request() -> None:
    with pytest.raises(TypeError):
        VerifiedRequest(ALICE, KEY_ID, BODY, None, object())


async def test_A4_digest_missing() -> None:
    assert await refusal(cavage(GET, headers=[("host", HOST), ("date", DATE)])) == ("digest_not_signed", 401)


async def test_A4_digest_not_signed() -> None:
    assert await refusal(cavage(GET, headers=[("host", HOST), ("date", DATE), ("digest", digest())])) == (
        "digest_not_signed",
        401,
    )
    assert await refusal(rfc9421(("@method", "@target-uri"))) == ("digest_not_signed", 401)


async def test_A4_digest_of_another_body() -> None:
    assert await refusal(cavage(), EVIL_BODY) == ("digest_mismatch", 401)
    assert await refusal(rfc9421(), EVIL_BODY) == ("digest_mismatch", 401)


@pytest.mark.parametrize("value", ["MD5=1B2M2Y8AsgTpgAmY7PhCfg==", "unixsum=30637"])
async def test_A4_digest_by_another_algorithm(value: str) -> None:
    headers = cavage(headers=[("host", HOST), ("date", DATE), ("digest", value)])
    assert await refusal(headers) == ("digest_algorithm", 401)


@pytest.mark.parametrize(
    "value", ["", "SHA-256", "SHA-256=", "SHA-256=!", "SHA-256=abc", f"{digest()},", f"{digest()};q=1"]
)
async def test_A4_digest_that_cannot_be_read(value: str) -> None:
    headers = cavage(headers=[("host", HOST), ("date", DATE), ("digest", value)])
    assert await refusal(headers) == ("digest_malformed", 400)


async def test_A4_one_wrong_digest_among_right_ones() -> None:
    headers = cavage(headers=[("host", HOST), ("date", DATE), ("digest", f"{digest()},{digest(EVIL_BODY)}")])
    assert await refusal(headers) == ("digest_mismatch", 401)
    headers = cavage(headers=[("host", HOST), ("date", DATE), ("digest", f"{digest()},SHA-512={b64(b'x' * 64)}")])
    assert await refusal(headers) == ("digest_mismatch", 401)


async def test_A4_a_get_with_a_body_needs_its_digest_too() -> None:
    assert await refusal(cavage(GET, method="GET"), BODY, method="GET") == ("digest_not_signed", 401)


async def test_A5_the_signed_digest_must_be_the_bodys_whatever_the_other_says() -> None:
    sent = [("host", HOST), ("date", DATE), ("content-digest", content_digest(BODY))]
    swapped = cavage((*GET, "content-digest"), headers=sent)
    assert await refusal([*swapped, ("digest", digest(EVIL_BODY))], EVIL_BODY) == ("digest_mismatch", 401)
    assert await refusal([*rfc9421(), ("digest", digest(EVIL_BODY))], EVIL_BODY) == ("digest_mismatch", 401)


async def test_A5_an_unsigned_digest_beside_the_signed_one_must_be_right_too() -> None:
    assert await refusal([*rfc9421(), ("digest", digest(EVIL_BODY))]) == ("digest_mismatch", 401)
    assert await refusal([*cavage(), ("content-digest", content_digest(EVIL_BODY))]) == ("digest_mismatch", 401)
    assert await accepted([*rfc9421(), ("digest", digest())])


async def test_A6_the_host_must_be_signed() -> None:
    assert await refusal(cavage(("(request-target)", "date", "digest"))) == ("coverage", 401)
    assert await refusal(rfc9421(("@method", "@path", "content-digest"))) == ("coverage", 401)


@pytest.mark.parametrize("host", ["bystander.test", "moot.example:8443", "moot.example.evil.test", "moot.example.", ""])
async def test_A6_a_signature_for_another_host_says_nothing_to_us(host: str) -> None:
    headers = cavage(headers=[("host", host), ("date", DATE), ("digest", digest())])
    assert await refusal(headers) == ("host_not_ours", 401)
    sent = [("host", host), ("content-digest", content_digest())]
    assert await refusal(rfc9421(headers=sent)) == ("host_not_ours", 401)


async def test_A6_a_target_uri_elsewhere_does_not_verify_here() -> None:
    for values in ({"@target-uri": "https://bystander.test/ap/inbox"}, {"@target-uri": f"http://{HOST}/ap/inbox"}):
        assert await refusal(rfc9421(values=values)) == ("wrong_signature", 401)
    covered = ("@method", "@authority", "@path", "content-digest")
    assert await refusal(rfc9421(covered, values={"@authority": "bystander.test"})) == ("wrong_signature", 401)


@pytest.mark.parametrize(
    ("covered", "method"),
    [
        (("host", "date", "digest"), "POST"),
        (("(request-target)", "host", "digest"), "POST"),
        (("date",), "GET"),
        (("(request-target)", "date"), "GET"),
    ],
)
async def test_A6_target_host_and_time_must_be_signed(covered: tuple[str, ...], method: str) -> None:
    body = BODY if method == "POST" else b""
    assert await refusal(cavage(covered, method=method), body, method=method) == ("coverage", 401)


@pytest.mark.parametrize(
    "covered",
    [
        (),
        ("@method",),
        ("@target-uri", "content-digest"),
        ("@method", "content-digest"),
        ("@method", "@authority", "content-digest"),
    ],
)
async def test_A6_rfc9421_must_cover_method_target_and_time(covered: tuple[str, ...]) -> None:
    assert await refusal(rfc9421(covered)) == ("coverage", 401)
    assert await refusal(rfc9421(parameters=f';keyid="{KEY_ID}"')) == ("coverage", 401)


async def test_A6_the_query_is_part_of_what_is_signed() -> None:
    asked = "/x?page=secret"
    host = [("host", HOST)]
    signed = cavage(GET, method="GET", target="/x")
    assert await refusal(signed, b"", method="GET", target=asked) == ("wrong_signature", 401)
    signed = rfc9421(("@method", "@target-uri"), method="GET", target="/x", headers=host)
    assert await refusal(signed, b"", method="GET", target=asked) == ("wrong_signature", 401)
    signed = rfc9421(("@method", "@authority", "@path"), method="GET", target="/x", headers=host)
    assert await refusal(signed, b"", method="GET", target=asked) == ("coverage", 401)


@pytest.mark.parametrize(
    ("minutes", "fits"), [(-59, True), (-61, False), (59, True), (61, False), (-13 * 60, False), (60 * 24 * 365, False)]
)
async def test_A7_a_date_fits_for_an_hour(minutes: int, fits: bool) -> None:
    for headers in (cavage(), rfc9421()):
        later = NOW - dt.timedelta(minutes=minutes)
        if fits:
            assert (await verifier(now=later).verify(request(headers))).signer_uri == ALICE
        else:
            assert await refusal(headers, now=later) == ("time_window", 401)


async def test_A7_twelve_hours_only_with_a_signed_end() -> None:
    later = NOW + dt.timedelta(hours=11)
    end = UNIX + 12 * 3600
    covered = (*POST[:2], "digest", "(created)", "(expires)")
    values = {"(created)": str(UNIX), "(expires)": str(end)}
    signed = cavage(covered, more=f",created={UNIX},expires={end}", values=values)
    unsigned_end = cavage(covered[:-1], more=f",created={UNIX},expires={end}", values=values)
    in_rfc9421 = rfc9421(parameters=f';created={UNIX};expires={end};keyid="{KEY_ID}"')
    for headers in (signed, in_rfc9421):
        assert (await verifier(now=later).verify(request(headers))).signer_uri == ALICE
        assert await refusal(headers, now=later + dt.timedelta(hours=2)) == ("time_window", 401)
    assert await refusal(unsigned_end, now=later) == ("time_window", 401)


@pytest.mark.parametrize("end", [1_000_000_000, UNIX - 3601, UNIX - 1])
async def test_A7_an_end_that_has_passed_ends_it(end: int) -> None:
    covered = (*POST, "(expires)")
    assert await refusal(cavage(covered, more=f",expires={end}", values={"(expires)": str(end)})) == ("expired", 401)
    assert await refusal(cavage(more=f",expires={end}")) == ("expired", 401)
    assert await refusal(rfc9421(parameters=f';created={UNIX};expires={end};keyid="{KEY_ID}"')) == ("expired", 401)


async def test_A7_every_signed_time_must_fit() -> None:
    stale = str(UNIX - 7200)
    headers = cavage((*POST, "(created)"), more=f",created={stale}", values={"(created)": stale})
    assert await refusal(headers) == ("time_window", 401)
    sent = [("host", HOST), ("date", "Sun, 22 Nov 2026 09:00:00 GMT"), ("content-digest", content_digest())]
    headers = rfc9421(("@method", "@target-uri", "content-digest", "date"), headers=sent)
    assert await refusal(headers) == ("time_window", 401)


async def test_A7_a_signed_time_that_is_not_there_is_none() -> None:
    headers = cavage((*POST[:2], "digest", "(created)"), values={"(created)": ""})
    assert await refusal(headers) == ("time_window", 401)


@pytest.mark.parametrize(
    "date", ["", "wrong date", "22 Nov 2026", "Sun, 31 Feb 2026 12:00:00 GMT", "Sun, 22 Nov 2026 12:00:00 +0000", "0"]
)
async def test_A7_a_date_that_cannot_be_read_is_none(date: str) -> None:
    headers = cavage(headers=[("host", HOST), ("date", date), ("digest", digest())])
    assert await refusal(headers) == ("date_malformed", 400)


@pytest.mark.parametrize(
    "more", [f',keyId="{ALICE}"', ',signature="AA=="', ',headers="date"', ',algorithm="hs2019"', f',KEYID="{ALICE}"']
)
async def test_A8_a_parameter_twice_is_refused(more: str) -> None:
    assert await refusal(cavage(more=more)) == ("duplicate_parameter", 400)


async def test_A8_a_parameter_or_component_twice_is_refused_in_rfc9421() -> None:
    twice = rfc9421(parameters=f';created={UNIX};keyid="{KEY_ID}";keyid="{ALICE}"')
    assert await refusal(twice) == ("duplicate_parameter", 400)
    covered = ("@method", "@target-uri", "content-digest", "@method")
    assert await refusal(rfc9421(covered)) == ("signature_malformed", 400)
    assert await refusal(cavage((*POST, "date"))) == ("signature_malformed", 400)


@pytest.mark.parametrize("name", ["host", "date", "digest", "content-digest", "signature", "signature-input"])
async def test_A8_a_header_twice_is_refused(name: str) -> None:
    headers = rfc9421() if name in ("content-digest", "signature-input") else cavage()
    twice = [*headers, next(header for header in headers if header[0] == name)]
    assert await refusal(twice) == ("duplicate_header", 400)


async def test_A9_a_key_whose_owner_lies_elsewhere_is_not_believed() -> None:
    evil_key = PublicKey("https://evil.example/k", ALICE, RSA.public_key())
    keys = Keys(evil_key, newer=evil_key)
    assert await refusal(cavage(key_id="https://evil.example/k"), keys=keys) == ("wrong_signature", 401)


async def test_A9_a_key_source_that_answers_another_key_is_not_believed() -> None:
    other = PublicKey(f"{ALICE}#other", ALICE, RSA.public_key())
    keys = Keys(PublicKey(KEY_ID, ALICE, OTHER_RSA.public_key()), newer=other)
    assert await refusal(cavage(), keys=keys) == ("wrong_signature", 401)


@pytest.mark.parametrize(
    ("key_id", "reason"),
    [
        ("acct:alice@victim.example", "key_id_not_url"),
        ("data:text/plain,x", "key_id_not_url"),
        ("did:key:z6Mk", "key_id_not_url"),
        ("/users/alice#main-key", "key_id_not_url"),
        ("https://alice@victim.example/k", "key_id_not_url"),
        ("https://victim.example\\@evil.example/k", "signature_malformed"),
        ("http://victim.example/users/alice#main-key", "key_id_not_https"),
        (f"https://{HOST}/ap/instance#main-key", "key_id_local"),
        ("https://MOOT.example:443/ap/instance#main-key", "key_id_local"),
        (f"https://{BLOCKED}/k", "blocked"),
        (f"https://{BLOCKED.upper()}:443/k", "blocked"),
    ],
)
async def test_A11_a_key_id_is_a_url_of_an_instance_that_may_speak_to_us(key_id: str, reason: str) -> None:
    keys = Keys(ALICES_KEY)
    status = {"blocked": 403, "signature_malformed": 400}.get(reason, 401)
    assert await refusal(cavage(key_id=key_id), keys=keys) == (reason, status)
    assert keys.found == 0  # nothing is fetched before it is judged


async def test_A11_http_keys_only_where_the_address_policy_allows_http() -> None:
    key_id = "http://127.0.0.2:8001/ap/people/ana#main-key"
    keys = Keys(PublicKey(key_id, "http://127.0.0.2:8001/ap/people/ana", RSA.public_key()))
    sent = [("host", "127.0.0.1:8000"), ("date", DATE), ("digest", digest())]
    loopback = Verifier("http://127.0.0.1:8000", keys, lambda: NOW, is_blocked, plain_http=True)
    assert (await loopback.verify(request(cavage(headers=sent, key_id=key_id)))).key_id == key_id


async def test_A13_a_bad_signature_asks_for_its_key_twice_at_most() -> None:
    keys = Keys(ALICES_KEY, newer=ALICES_KEY)
    assert await refusal(cavage(key=OTHER_RSA), keys=keys) == ("wrong_signature", 401)
    assert (keys.found, keys.refetched) == (1, 1)
    assert await refusal(cavage(), keys=Keys(None)) == ("key_unavailable", 401)
