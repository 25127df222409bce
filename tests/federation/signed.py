"""Signs requests with raw control over every part, so that each part can be wrong on its own."""

import base64
import datetime as dt
import hashlib
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from federation.incoming import BadSignature, IncomingRequest
from federation.publickeys import PublicKey
from federation.signatures import Verifier

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
UNIX = int(NOW.timestamp())
DATE = "Sun, 22 Nov 2026 12:00:00 GMT"
HOST = "moot.example"
ALICE = "https://victim.example/users/alice"
KEY_ID = f"{ALICE}#main-key"
BODY = b'{"type":"Like"}'
EVIL_BODY = b'{"type":"Delete"}'
POST = ("(request-target)", "host", "date", "digest")
GET = ("(request-target)", "host", "date")

RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
Headers = list[tuple[str, str]]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def digest(body: bytes = BODY) -> str:
    return "SHA-256=" + b64(hashlib.sha256(body).digest())


def content_digest(body: bytes = BODY) -> str:
    return f"sha-256=:{b64(hashlib.sha256(body).digest())}:"


def raw_signature(key: object, base: str) -> str:
    message = base.encode()
    if isinstance(key, rsa.RSAPrivateKey):
        return b64(key.sign(message, padding.PKCS1v15(), hashes.SHA256()))
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return b64(key.sign(message))


def cavage(
    covered: Sequence[str] = POST,
    *,
    method: str = "POST",
    target: str = "/ap/inbox",
    headers: Headers | None = None,
    key: object = RSA,
    key_id: str = KEY_ID,
    algorithm: str | None = "rsa-sha256",
    more: str = "",
    values: dict[str, str] | None = None,
) -> Headers:
    """Headers of a draft-cavage request; `values` are what is signed in place of what is sent."""
    sent = [("host", HOST), ("date", DATE)] if headers is None else headers
    if headers is None and method == "POST":
        sent = [*sent, ("digest", digest())]
    known = {"(request-target)": f"{method.lower()} {target}", **dict(sent), **(values or {})}
    base = "\n".join(f"{name}: {known[name]}" for name in covered)
    parts = [f'keyId="{key_id}"', f'headers="{" ".join(covered)}"', f'signature="{raw_signature(key, base)}"']
    if algorithm is not None:
        parts.insert(1, f'algorithm="{algorithm}"')
    return [*sent, ("signature", ",".join(parts) + more)]


def rfc9421(
    covered: Sequence[str] = ("@method", "@target-uri", "content-digest"),
    *,
    method: str = "POST",
    target: str = "/ap/inbox",
    headers: Headers | None = None,
    key: object = RSA,
    parameters: str = f';created={UNIX};keyid="{KEY_ID}"',
    values: dict[str, str] | None = None,
    label: str = "sig1",
    spelled: str | None = None,
) -> Headers:
    """Headers of an RFC 9421 request; `values` are what is signed, `spelled` what `Signature-Input` says instead."""
    sent = [("host", HOST), ("content-digest", content_digest())] if headers is None else headers
    known = {
        "@method": method,
        "@target-uri": f"https://{HOST}{target}",
        "@authority": HOST,
        "@path": target.partition("?")[0],
        "@query": "?" + target.partition("?")[2],
        "@request-target": target,
        "@scheme": "https",
        **dict(sent),
        **(values or {}),
    }
    line = "(" + " ".join(f'"{name}"' for name in covered) + ")" + parameters
    base = "\n".join([*(f'"{name}": {known[name]}' for name in covered), f'"@signature-params": {line}'])
    signature = f"{label}=:{raw_signature(key, base)}:"
    return [*sent, ("signature-input", f"{label}={spelled or line}"), ("signature", signature)]


def request(
    headers: Headers, body: bytes = BODY, *, method: str = "POST", target: str = "/ap/inbox"
) -> IncomingRequest:  # fmt: skip
    return IncomingRequest(method, target, tuple(headers), body)


class Keys:
    """A key source of one key, and perhaps the newer one that a refetch brings; counts both questions."""

    def __init__(self, key: PublicKey | None, newer: PublicKey | None = None) -> None:
        self.key, self.newer = key, newer
        self.found = self.refetched = 0

    async def find(self, key_id: str) -> PublicKey | None:
        self.found += 1
        return self.key if self.key and self.key.key_id == key_id else None

    async def refetch(self, _key_id: str) -> PublicKey | None:
        self.refetched += 1
        return self.newer


ALICES_KEY = PublicKey(KEY_ID, ALICE, RSA.public_key())
BLOCKED = "blocked.example"


async def is_blocked(host: str) -> bool:
    return host == BLOCKED


def verifier(keys: Keys | None = None, now: dt.datetime = NOW) -> Verifier:
    return Verifier(f"https://{HOST}", keys or Keys(ALICES_KEY), lambda: now, is_blocked)


async def accepted(headers: Headers, body: bytes = BODY, method: str = "POST", target: str = "/ap/inbox") -> bool:
    verified = await verifier().verify(request(headers, body, method=method, target=target))
    return (verified.signer_uri, verified.key_id, verified.body) == (ALICE, KEY_ID, body)


async def refusal(
    headers: Headers,
    body: bytes = BODY,
    *,
    method: str = "POST",
    target: str = "/ap/inbox",
    keys: Keys | None = None,
    now: dt.datetime = NOW,
) -> tuple[str, int]:
    with pytest.raises(BadSignature) as bad:
        await verifier(keys, now).verify(request(headers, body, method=method, target=target))
    return bad.value.reason, bad.value.status
