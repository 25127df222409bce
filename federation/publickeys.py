"""The public keys of others: which ones we can use, and when a key belongs to whom it says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from bovine.crypto.multibase import decode_multibase_public_key
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from server.errors import MootError
from server.urls import authority

MAX_KEYS = 10
MAX_KEY_TEXT = 8 << 10
_RSA_BITS = range(2048, 8192 + 1)
_LARGEST_EXPONENT = 1 << 32


class BadKey(MootError):
    """A key that we do not use; `reason` is a stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class PublicKey:
    """A key whose owner's own document lists it; `from_pem` reads back what `pem` spells."""

    key_id: str
    owner_uri: str
    key: RSAPublicKey | Ed25519PublicKey

    @classmethod
    def from_pem(cls, key_id: str, owner_uri: str, pem: str) -> "PublicKey":
        return cls(key_id, owner_uri, load_pem(pem))

    @property
    def pem(self) -> str:
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether this key signed: the algorithm follows from the kind of key, never from what the signature says."""
        try:
            match self.key:
                case RSAPublicKey():
                    self.key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
                case Ed25519PublicKey():
                    self.key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class KeySource(Protocol):
    """Finds keys that `binding_key` has accepted; both answer None where there is none now, and limit their fetches."""

    async def find(self, key_id: str) -> PublicKey | None: ...

    async def refetch(self, key_id: str) -> PublicKey | None:
        """The key as its owner serves it now, since the one that `find` gave did not verify."""
        ...


def load_pem(pem: str) -> RSAPublicKey | Ed25519PublicKey:
    """A key within our limits; raises BadKey."""
    if len(pem) > MAX_KEY_TEXT:
        raise BadKey("key_too_long")
    try:
        return _within_limits(load_pem_public_key(pem.encode("utf-8")))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("key_unreadable") from None


def load_multikey(multibase: str) -> RSAPublicKey | Ed25519PublicKey:
    """The key of a `publicKeyMultibase`, within our limits; raises BadKey."""
    if len(multibase) > MAX_KEY_TEXT:
        raise BadKey("key_too_long")
    try:
        key = decode_multibase_public_key(multibase)  # type: ignore[no-untyped-call]  # bovine leaves it untyped
        return _within_limits(key)
    except (ValueError, TypeError, IndexError, UnsupportedAlgorithm):
        raise BadKey("key_unreadable") from None


def _within_limits(key: object) -> RSAPublicKey | Ed25519PublicKey:
    match key:
        case Ed25519PublicKey():
            return key
        case RSAPublicKey():
            # A huge exponent makes one verification cost 49 ms, a huge modulus 12 ms; a small one can be broken.
            if key.key_size not in _RSA_BITS or key.public_numbers().e > _LARGEST_EXPONENT:
                raise BadKey("key_size")
            return key
        case _:
            raise BadKey("key_kind")


def binding_key(key_document: Mapping[str, object], actor_document: Mapping[str, object], key_id: str) -> PublicKey:
    """The key `key_id`, if its document names an owner and that owner's own document lists the same key; else BadKey.

    `key_document` was fetched from `key_id`: the actor itself, the key alone, or a part of the actor with its key
    (GoToSocial serves that at `/main-key`). `actor_document` was fetched from the owner's own id.
    """
    claimed = _claim(key_document, key_id)
    listed = _claim(actor_document, key_id)
    # A key document may name anybody as its owner: it counts only when the owner says the same.
    if claimed.owner != actor_document.get("id") or listed.owner != claimed.owner:
        raise BadKey("owner_mismatch")
    home = authority(claimed.owner)
    if home is None or home != authority(key_id):
        raise BadKey("key_on_other_host")
    key = claimed.load()
    if _spelled(key) != _spelled(listed.load()):
        raise BadKey("key_differs")
    return PublicKey(key_id, claimed.owner, key)


def owner_of(key_document: Mapping[str, object], key_id: str) -> str:
    """Whom the document of `key_id` names as the key's owner: a claim, which `binding_key` then judges."""
    return _claim(key_document, key_id).owner


@dataclass(frozen=True)
class _Claim:
    owner: str
    pem: str | None
    multibase: str | None

    def load(self) -> RSAPublicKey | Ed25519PublicKey:
        return load_pem(self.pem) if self.pem is not None else load_multikey(self.multibase or "")


def _claim(document: Mapping[str, object], key_id: str) -> _Claim:
    claims = {claim for entry in _entries(document) if entry.get("id") == key_id and (claim := _read(entry))}
    if not claims:
        raise BadKey("key_not_listed")
    if len(claims) > 1:
        # Whoever takes the first and whoever takes the last would trust different keys.
        raise BadKey("key_ambiguous")
    return claims.pop()


def _entries(document: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The document itself where it is a key, and the keys that it lists; bare ids say nothing about a key."""
    if "publicKeyPem" in document or "publicKeyMultibase" in document:
        yield document
    for name in ("publicKey", "assertionMethod"):
        listed = document.get(name, [])
        entries = listed if isinstance(listed, list) else [listed]
        if len(entries) > MAX_KEYS:
            raise BadKey("too_many_keys")
        yield from (entry for entry in entries if isinstance(entry, dict))


def _read(entry: Mapping[str, object]) -> _Claim | None:
    match entry:
        case {"owner": str(owner), "publicKeyPem": str(pem)}:
            return _Claim(owner, pem, None)
        case {"controller": str(owner), "publicKeyMultibase": str(multibase)}:
            return _Claim(owner, None, multibase)
        case _:
            return None


def _spelled(key: RSAPublicKey | Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
