"""Integrity proofs of documents (FEP-8b32, eddsa-jcs-2022): who wrote this, whoever passed it on."""

import datetime as dt
import hashlib
from collections.abc import Mapping

import based58
import jcs
from bovine.crypto.types import CryptographicSecret
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federation.publickeys import PublicKey
from server.errors import MootError

_SKEW = dt.timedelta(hours=1)
_FIXED = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod"}


class BadProof(MootError):
    """The document is not proven to be its author's; `reason` is a stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def add_proof(document: Mapping[str, object], secret: CryptographicSecret, now: dt.datetime) -> dict[str, object]:
    """The document with a proof by an Ed25519 key whose id is `secret.key_id`."""
    if not isinstance(secret.private_key, Ed25519PrivateKey):
        raise TypeError("an integrity proof needs an Ed25519 key")
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    proof: dict[str, object] = {
        # The context stands inside the proof too: Mastodon and Fedify hash it there.
        **({"@context": document["@context"]} if "@context" in document else {}),
        **_FIXED,
        "verificationMethod": secret.key_id,
        "created": now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    signature = secret.private_key.sign(_digest(proof, unsecured))
    return {**unsecured, "proof": {**proof, "proofValue": "z" + based58.b58encode(signature).decode("ascii")}}


def key_of_proof(document: Mapping[str, object]) -> str | None:
    """The id of the key that a proof on this document names; None where there is no proof that we read."""
    match document.get("proof"):
        case {"cryptosuite": "eddsa-jcs-2022", "verificationMethod": str(key_id)}:
            return key_id
        case _:
            return None


def made_within(document: Mapping[str, object], age: dt.timedelta, now: dt.datetime) -> bool:
    """Whether a proof that verified says when it was made, and that this is not longer ago."""
    proof = document.get("proof")
    created = _instant(proof, "created") if isinstance(proof, dict) else None
    return created is not None and created >= now - age


def verify_proof(document: Mapping[str, object], key: PublicKey, now: dt.datetime) -> None:
    """Raise BadProof unless `key` proves the document, as it was received, and belongs to its author."""
    proof = document.get("proof")
    if not isinstance(proof, dict):
        raise BadProof("no_proof")
    if any(proof.get(name) != value for name, value in _FIXED.items()):
        raise BadProof("unknown_suite")
    if not isinstance(key.key, Ed25519PublicKey) or proof.get("verificationMethod") != key.key_id:
        raise BadProof("other_key")
    if key.owner_uri != document.get("actor", document.get("attributedTo")):
        # A proof says who made it, which helps only where that is the one who is said to act.
        raise BadProof("not_the_author")
    if not _in_time(proof, now):
        raise BadProof("time")
    # Fedify adds its LD signature after the proof, which therefore does not cover it.
    unsecured = {name: value for name, value in document.items() if name not in ("proof", "signature")}
    if "@context" in proof and not _starts_with(document.get("@context"), proof["@context"]):
        raise BadProof("other_context")
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    if "@context" in options:
        unsecured["@context"] = options["@context"]
    if not key.verify(_proof_value(proof), _digest(options, unsecured)):
        raise BadProof("wrong_signature")


def _digest(options: Mapping[str, object], unsecured: Mapping[str, object]) -> bytes:
    try:
        return b"".join(hashlib.sha256(jcs.canonicalize(part)).digest() for part in (options, unsecured))
    except (ValueError, TypeError, UnicodeError):
        raise BadProof("not_canonical") from None


def _proof_value(proof: Mapping[str, object]) -> bytes:
    value = proof.get("proofValue")
    if not isinstance(value, str) or not value.startswith("z") or len(value) > 100:
        raise BadProof("proof_value")
    try:
        return based58.b58decode(value[1:].encode("ascii"))
    except ValueError:
        raise BadProof("proof_value") from None


def _starts_with(context: object, head: object) -> bool:
    whole = context if isinstance(context, list) else [context]
    first = head if isinstance(head, list) else [head]
    return whole[: len(first)] == first


def _in_time(proof: Mapping[str, object], now: dt.datetime) -> bool:
    """Not from the future, and not past an end that the proof itself names."""
    created, expires = _instant(proof, "created"), _instant(proof, "expires")
    return (created is None or created <= now + _SKEW) and (expires is None or now - _SKEW <= expires)


def _instant(proof: Mapping[str, object], name: str) -> dt.datetime | None:
    value = proof.get(name)
    if value is None:
        return None
    try:
        when = dt.datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise BadProof("time") from None
    if when.tzinfo is None:
        raise BadProof("time")
    return when
