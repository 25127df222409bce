"""How a signature is read: one reading, one signature, and never an exception; rows A15, A18, A19 and D1."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.incoming import BadSignature, IncomingRequest
from federation.publickeys import PublicKey
from federation.signatures import MAX_BODY
from tests.federation.signed import (
    ALICE,
    ALICES_KEY,
    DATE,
    ED25519,
    HOST,
    KEY_ID,
    POST,
    UNIX,
    Headers,
    Keys,
    cavage,
    digest,
    refusal,
    request,
    rfc9421,
    verifier,
)


@pytest.mark.parametrize("algorithm", ["none", "hmac-sha256", "rsa-sha1", "rsa-sha512", "", "ecdsa-sha256"])
async def test_A15_an_algorithm_that_no_key_has_is_refused(algorithm: str) -> None:
    keys = Keys(ALICES_KEY)
    assert await refusal(cavage(algorithm=algorithm), keys=keys) == ("algorithm", 400)
    labelled = rfc9421(parameters=f';created={UNIX};keyid="{KEY_ID}";alg="{algorithm}"')
    assert await refusal(labelled, keys=keys) == ("algorithm", 400)
    assert keys.found == 0


async def test_A15_the_label_must_fit_the_key() -> None:
    ed25519 = Keys(PublicKey(KEY_ID, ALICE, ED25519.public_key()))
    assert await refusal(cavage(key=ED25519, algorithm="rsa-sha256"), keys=ed25519) == ("wrong_signature", 401)
    assert await refusal(cavage(algorithm="ed25519")) == ("wrong_signature", 401)
    labelled = rfc9421(parameters=f';created={UNIX};keyid="{KEY_ID}";alg="ed25519"')
    assert await refusal(labelled) == ("wrong_signature", 401)


async def test_A15_exactly_one_signature() -> None:
    one, two = dict(rfc9421()), dict(rfc9421(label="sig2"))
    both = [(name, f"{one[name]}, {two[name]}" if name.startswith("signature") else one[name]) for name in one]
    assert await refusal(both) == ("signature_malformed", 400)
    other_label = [*rfc9421()[:-1], ("signature", two["signature"])]
    assert await refusal(other_label) == ("signature_malformed", 400)


@pytest.mark.parametrize(
    "component", ['"@query-param";name="x"', '"content-digest";sf', '"date";req', '"@method";x=?1']
)
async def test_A15_components_with_parameters_are_refused(component: str) -> None:
    spelled = f'("@method" "@target-uri" {component});created={UNIX};keyid="{KEY_ID}"'
    assert await refusal(rfc9421(spelled=spelled)) == ("signature_malformed", 400)


async def test_A15_an_unknown_derived_component_is_refused() -> None:
    covered = ("@method", "@target-uri", "content-digest", "@status")
    assert await refusal(rfc9421(covered, values={"@status": "200"})) == ("component_unknown", 400)


async def test_A15_a_signed_header_that_is_not_there() -> None:
    headers = cavage((*POST, "x-gone"), values={"x-gone": ""})
    assert await refusal(headers) == ("signed_header_missing", 401)
    headers = cavage((*POST, "(created)"), values={"(created)": ""})
    assert await refusal(headers) == ("signed_header_missing", 401)


async def test_A18_forwarding_headers_do_not_speak_for_the_request() -> None:
    spoofed = [("x-forwarded-host", HOST), ("x-forwarded-path", "/ap/inbox"), ("forwarded", f"host={HOST}")]
    elsewhere = cavage(headers=[("host", "bystander.test"), ("date", DATE), ("digest", digest())])
    assert await refusal([*elsewhere, *spoofed]) == ("host_not_ours", 401)
    assert await refusal([*cavage(target="/other"), *spoofed]) == ("wrong_signature", 401)


def test_A18_the_signed_target_is_the_request_line() -> None:
    scope = {
        "method": "GET", "path": "/ä b", "raw_path": b"/%C3%A4%20b", "query_string": b"q=%20",
        "headers": [(b"Host", b"moot.example"), (b"x-forwarded-path", b"/evil"), (b"x-raw", b"\xe4")],
    }  # fmt: skip
    read = IncomingRequest.from_scope(scope, b"")
    assert (read.target, read.one("host"), read.one("x-raw")) == ("/%C3%A4%20b?q=%20", HOST, "ä")
    assert IncomingRequest.from_scope({**scope, "raw_path": None, "query_string": b""}, b"").target == "/%C3%A4%20b"


async def test_D1_a_body_over_the_limit_is_refused_unread() -> None:
    assert await refusal(cavage(), b"x" * (MAX_BODY + 1)) == ("body_too_large", 413)


MALFORMED = [
    "", ",", "x", "keyId", "keyId=", 'keyId="', f'keyId="{KEY_ID}"', f'keyId={KEY_ID},headers="date",signature="AA=="',
    f'keyId="{KEY_ID}",headers="(request-target) host date digest",signature="%%"',
    f'keyId="{KEY_ID}" headers="date" signature="AA=="', 'keyId="\\"",headers="date",signature="AA=="',
    f'keyId="{KEY_ID}",headers="(evil)",signature="AA=="', f'keyId="{KEY_ID}",headers="date  host",signature="AA=="',
    f'keyId="{KEY_ID}",headers="date",signature="AA==",created=-1',
    f'keyId="{KEY_ID}",headers="date",signature="AA==",created=1.5',
    f'keyId="{KEY_ID}",headers="date",signature="AA==",created=999999999999999',
    f'keyId="{KEY_ID}",headers="{" ".join(f"h{n}" for n in range(40))}",signature="AA=="',
]  # fmt: skip


@pytest.mark.parametrize("signature", MALFORMED)
async def test_A19_what_cannot_be_read_is_400(signature: str) -> None:
    headers = [*cavage()[:-1], ("signature", signature)]
    assert await refusal(headers) == ("signature_malformed", 400)


@pytest.mark.parametrize(
    "spelled", ["", "((", "()", "sig1", "sig1=", "sig1=()x", 'sig1=("@method"', "sig1=(a);created=1", "sig1=();created"]
)
async def test_A19_a_signature_input_that_cannot_be_read_is_400(spelled: str) -> None:
    headers = [(name, spelled if name == "signature-input" else value) for name, value in rfc9421()]
    assert await refusal(headers) == ("signature_malformed", 400)


async def test_A19_a_header_over_8_kib_is_refused_unread() -> None:
    headers = [*cavage()[:-1], ("signature", "a=1," * 3000)]
    assert await refusal(headers) == ("signature_too_long", 400)


PIECES = [
    'keyId="',
    '"',
    "=",
    ",",
    ";",
    "(",
    ")",
    ":",
    "sig1=",
    '"@method"',
    "created=",
    "1",
    "é",
    " ",
    KEY_ID,
    "headers=",
    "AA==",
]
NAMES = ["signature", "signature-input", "host", "date", "digest", "content-digest"]
JUNK = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), JUNK), max_size=8),
    st.sampled_from(["POST", "GET"]),
    st.text(max_size=20),
    st.binary(max_size=20),
)
async def test_A19_no_headers_raise_anything_else(headers: Headers, method: str, target: str, body: bytes) -> None:
    with pytest.raises(BadSignature) as bad:
        await verifier().verify(request(headers, body, method=method, target=target))
    assert bad.value.status in (400, 401, 403)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    st.sampled_from([cavage(), rfc9421()]), st.sampled_from(NAMES), st.integers(0, 400), st.characters(codec="latin-1")
)
async def test_A19_no_single_changed_character_still_verifies(
    headers: Headers, name: str, position: int, character: str
) -> None:
    """Only in places that mean nothing (the case of a digest's name, a space) may a character differ."""
    changed = [
        (header, value[:position] + character + value[position + 1 :] if header == name else value)
        for header, value in headers
    ]
    plain = [(header, re.sub(r"[ \t]+", "", value).lower()) for header, value in headers]
    if [(header, re.sub(r"[ \t]+", "", value).lower()) for header, value in changed] != plain:
        with pytest.raises(BadSignature):
            await verifier().verify(request(changed))
