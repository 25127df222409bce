"""Mastodon's own signature vectors give Mastodon's verdicts here, but for the named cases where ours is stricter."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from federation.incoming import BadSignature, IncomingRequest
from federation.publickeys import PublicKey, load_pem
from federation.signatures import Verifier

VECTORS = Path(__file__).resolve().parents[2] / "../shared/fixtures/mastodon-signature-vectors/vectors.json"
KEY_ID = "https://remote.domain/users/bob#main-key"
OWNER = "https://remote.domain/users/bob"

# What Mastodon accepts and we refuse, by the end of its name: the reason word, and why.
STRICTER = {
    # An account is no document: nothing says which key it has and that the key says the same (A11).
    "with an acct key ID": "key_id_not_url",
    # A signed path says nothing about the query: `/x` signed would open `/x?page=secret` to whoever saw it pass.
    "when the query string is missing from the signature verification (compatibility quirk)": "wrong_signature",
}
# The reasons that our refusals of Mastodon's refused ones give, by the end of the name.
REASONS = {
    "draft: with mismatching query string": "wrong_signature",
    "draft: with a mismatching path": "wrong_signature",
    "draft: with a mismatching method": "digest_not_signed",
    "draft: with an unparsable date": "date_malformed",
    "draft: with a request older than a day": "time_window",
    "draft: when the Digest of a POST request is not signed": "digest_not_signed",
    "draft: with a tampered body on a POST request": "digest_mismatch",
    "draft: with a tampered path in a POST request": "wrong_signature",
    "draft: with an inaccessible key": "key_unavailable",
    "final: with mismatching query string": "wrong_signature",
    "final: with a mismatching path": "wrong_signature",
    "final: with a mismatching method": "digest_not_signed",
    "final: with a request older than a day": "time_window",
    "final: when the Digest of a POST request is not signed": "digest_not_signed",
    "final: with a tampered body on a POST request": "digest_mismatch",
    "final: with a tampered path in a POST request": "wrong_signature",
    "final: with a malformed `Content-Digest` header": "digest_malformed",
    "final: with an inaccessible key": "key_unavailable",
}


def load() -> dict[str, Any]:
    text = VECTORS.read_text() if VECTORS.exists() else '{"vectors": []}'
    found: dict[str, Any] = json.loads(text)
    return found


def short_name(vector: dict[str, Any]) -> str:
    dialect = "draft" if "draft version" in vector["name"] else "final"
    return f"{dialect}: {vector['name'].rpartition(' / ')[2]}"


class BobsKeys:
    """Knows bob; after `changed`, an old key of his that only a refetch replaces. Nobody can reach alice's key."""

    def __init__(self, key: PublicKey, changed_from: PublicKey | None) -> None:
        self.key = key
        self.first = changed_from or key
        self.refetched = 0

    async def find(self, key_id: str) -> PublicKey | None:
        return self.first if key_id == KEY_ID else None

    async def refetch(self, key_id: str) -> PublicKey | None:
        self.refetched += 1
        return self.key if key_id == KEY_ID else None


async def nobody_blocked(_host: str) -> bool:
    return False


async def judge(vector: dict[str, Any], pem: str, old_pem: str) -> str:
    """`accept`, or the reason of our refusal."""
    changed = vector["name"].endswith("the key material has changed")
    old_key = PublicKey(KEY_ID, OWNER, load_pem(old_pem)) if changed else None
    keys = BobsKeys(PublicKey(KEY_ID, OWNER, load_pem(pem)), old_key)
    frozen = dt.datetime.fromisoformat(vector["now"])
    verifier = Verifier("https://www.example.com", keys, lambda: frozen, nobody_blocked)
    headers = tuple((name.lower(), value) for name, value in vector["headers"].items())
    request = IncomingRequest(vector["method"], vector["target"], headers, vector["body"].encode())
    try:
        verified = await verifier.verify(request)
    except BadSignature as bad:
        return bad.reason
    assert verified.signer_uri == OWNER
    assert verified.body == request.body
    assert keys.refetched == changed
    return "accept"


@pytest.mark.skipif(not VECTORS.exists(), reason="the folder of shared fixtures is not here")
@pytest.mark.parametrize("vector", load()["vectors"], ids=short_name)
async def test_the_verdict_is_mastodons_or_stricter_for_a_named_reason(vector: dict[str, Any]) -> None:
    everything = load()
    kinds = (everything["publicKeyPem"], everything["ed25519PublicKeyPem"])
    pem, old_pem = reversed(kinds) if "Ed25519" in vector["name"] else kinds
    verdict = await judge(vector, pem, old_pem)
    if vector["expect"] == "accept":
        case = vector["name"].rpartition(" / ")[2]
        assert verdict == STRICTER.get(case, "accept")
    else:
        assert verdict == REASONS[short_name(vector)]


@pytest.mark.skipif(not VECTORS.exists(), reason="the folder of shared fixtures is not here")
def test_every_vector_is_there_and_every_exception_is_used() -> None:
    vectors = load()["vectors"]
    refused = {short_name(vector) for vector in vectors if vector["expect"] == "reject"}
    accepted = {vector["name"].rpartition(" / ")[2] for vector in vectors if vector["expect"] == "accept"}
    assert len(vectors) == 28
    assert refused == REASONS.keys()
    assert accepted >= STRICTER.keys()
