"""Our own signatures: the exact bytes that the strictest readers want, made anew at every attempt; row A20."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import datetime as dt
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.httpdate import http_date, parse_http_date
from federation.publickeys import PublicKey
from federation.signatures import Verifier
from federation.signing import Signer
from tests.federation.signed import ALICE, DATE, ED25519, HOST, KEY_ID, NOW, RSA, Keys, digest, is_blocked, request

INBOX = f"https://{HOST}/ap/inbox"
BODY = b'{"type":"Like"}'


def pem_of(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


SIGNER = Signer.from_pem(KEY_ID, pem_of(RSA))


async def signer_of(
    headers: dict[str, str],
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
    *,
    method: str = "POST",
    target: str = "/ap/inbox",
) -> str:
    keys = Keys(PublicKey(KEY_ID, ALICE, key.public_key()))
    sent = [(name.lower(), value) for name, value in headers.items()]
    verifier = Verifier(f"https://{HOST}", keys, lambda: NOW, is_blocked)
    body = BODY if method == "POST" else b""
    return (await verifier.verify(request(sent, body, method=method, target=target))).signer_uri


def test_cavage_is_spelled_as_piefed_and_lemmy_want_it() -> None:
    headers = SIGNER.sign_cavage("POST", INBOX, BODY, NOW)
    assert list(headers) == ["Host", "Date", "Digest", "Signature"]
    assert (headers["Host"], headers["Date"], headers["Digest"]) == (HOST, DATE, digest(BODY))
    shape = (
        r'keyId="{}",algorithm="rsa-sha256",headers="\(request-target\) host date digest",signature="[A-Za-z0-9+/=]+"'
    )
    assert re.fullmatch(shape.format(re.escape(KEY_ID)), headers["Signature"])
    get = SIGNER.sign_cavage("GET", INBOX, None, NOW)
    assert "Digest" not in get
    assert 'headers="(request-target) host date"' in get["Signature"]


def test_rfc9421_is_spelled_as_mastodon_signs() -> None:
    headers = SIGNER.sign_rfc9421("POST", INBOX, BODY, NOW)
    covered = '("@method" "@target-uri" "content-digest")'
    assert headers["Signature-Input"] == f'sig1={covered};created={int(NOW.timestamp())};keyid="{KEY_ID}"'
    assert re.fullmatch(r"sig1=:[A-Za-z0-9+/=]+:", headers["Signature"])
    assert "Content-Digest" not in SIGNER.sign_rfc9421("GET", INBOX, None, NOW)


async def test_our_verifier_reads_what_we_sign() -> None:
    for sign in (SIGNER.sign_cavage, SIGNER.sign_rfc9421):
        assert await signer_of(sign("POST", INBOX, BODY, NOW), RSA) == ALICE
        url = "https://MOOT.example:443/x%20y?page=1&a=%2F"
        assert await signer_of(sign("GET", url, None, NOW), RSA, method="GET", target="/x%20y?page=1&a=%2F") == ALICE
    new_kind = Signer.from_pem(KEY_ID, pem_of(ED25519))
    assert await signer_of(new_kind.sign_rfc9421("POST", INBOX, BODY, NOW), ED25519) == ALICE


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8000/x", "127.0.0.1:8000"),
        ("https://A.example:443/x", "a.example"),
        ("http://[::1]:81/", "[::1]:81"),
    ],
)
def test_the_host_keeps_an_odd_port_and_loses_the_default_one(url: str, host: str) -> None:
    assert SIGNER.sign_cavage("GET", url, None, NOW)["Host"] == host


def test_A20_a_retry_is_signed_with_the_time_of_the_retry() -> None:
    later = NOW + dt.timedelta(days=2)
    for sign, header in ((SIGNER.sign_cavage, "Date"), (SIGNER.sign_rfc9421, "Signature-Input")):
        first, retry = sign("POST", INBOX, BODY, NOW), sign("POST", INBOX, BODY, later)
        assert first[header] != retry[header]
        assert first["Signature"] != retry["Signature"]
    assert SIGNER.sign_cavage("POST", INBOX, BODY, later)["Date"] == "Tue, 24 Nov 2026 12:00:00 GMT"


def test_a_key_of_another_kind_is_no_signer() -> None:
    with pytest.raises(ValueError, match="neither RSA nor Ed25519"):
        Signer.from_pem(KEY_ID, pem_of(ec.generate_private_key(ec.SECP256R1())))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(-30_000_000_000, 250_000_000_000))
def test_dates_are_read_as_written(seconds: int) -> None:
    when = dt.datetime.fromtimestamp(seconds, dt.UTC)
    assert parse_http_date(http_date(when)) == when
