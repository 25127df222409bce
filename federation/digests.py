"""Compares the digests in a request's headers with its raw body, and writes ours."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from federation.incoming import BadSignature, IncomingRequest

_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_LEGACY_PART = re.compile(r"([A-Za-z0-9-]{1,32})=([A-Za-z0-9+/=]{1,128})")
_STRUCTURED_PART = re.compile(r"([a-z*][a-z0-9_.*-]{0,31})=:([A-Za-z0-9+/=]{1,128}):")
_HEADERS = {"digest": _LEGACY_PART, "content-digest": _STRUCTURED_PART}


def check_digests(request: IncomingRequest, covered: tuple[str, ...]) -> None:
    """Refuse a digest that is not that of the body, and a signed one without SHA-256.

    An unsigned header beside the signed one is checked too: a reader that looks at the other one sees the same body.
    """
    for header, part in _HEADERS.items():
        value = request.one(header)
        if value is None:
            continue
        known = [(name, _decoded(digest)) for name, digest in _parts(value, part) if name in _HASHES]
        if any(_HASHES[name](request.body).digest() != digest for name, digest in known):
            raise BadSignature("digest_mismatch")
        if header in covered and not any(name == "sha-256" for name, _ in known):
            raise BadSignature("digest_algorithm")


def needs_digest(request: IncomingRequest) -> bool:
    """Whether the request carries, or may carry, what only a digest can bind to its signature."""
    return request.method not in ("GET", "HEAD") or bool(request.body)


def _parts(value: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    for text in value.split(","):
        part = pattern.fullmatch(text.strip(" \t"))
        if part is None:
            raise BadSignature("digest_malformed", 400)
        yield part[1].lower(), part[2]


def _decoded(digest: str) -> bytes:
    try:
        return base64.b64decode(digest, validate=True)
    except binascii.Error:
        raise BadSignature("digest_malformed", 400) from None


def legacy_digest(body: bytes) -> str:
    """The `Digest` header: PieFed takes nothing but one upper-case SHA-256."""
    return f"SHA-256={_sha256(body)}"


def content_digest(body: bytes) -> str:
    """The `Content-Digest` header of RFC 9530."""
    return f"sha-256=:{_sha256(body)}:"


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
