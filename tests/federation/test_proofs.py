"""Integrity proofs (FEP-8b32): ours verify, and every altered, borrowed or outdated one is refused by name."""

import copy
import datetime as dt
import hashlib
import json
from typing import Any

import based58
import jcs
import pytest
from bovine.crypto.types import CryptographicIdentifier, CryptographicSecret
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.proofs import BadProof, add_proof, key_of_proof, verify_proof
from federation.publickeys import PublicKey
from tests.federation.signed import ALICE, ED25519, NOW, RSA

KEY_ID = f"{ALICE}#ed25519-key"
KEY = PublicKey(KEY_ID, ALICE, ED25519.public_key())
SECRET = CryptographicSecret(KEY_ID, ED25519)
CONTEXT = ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"]
CREATE: dict[str, object] = {
    "@context": CONTEXT,
    "id": f"{ALICE}/activities/1",
    "type": "Create",
    "actor": ALICE,
    "object": {"id": f"{ALICE}/notes/1", "content": "Grüße <b>& mehr</b> 😀", "likes": 1.5},
}


def proven(**changes: object) -> dict[str, Any]:
    return add_proof({**CREATE, **changes}, SECRET, NOW)


def resigned(document: dict[str, Any], **proof_changes: object) -> dict[str, Any]:
    """The document with a true signature over a proof that says something else; None leaves a member out."""
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    options = {name: value for name, value in document["proof"].items() if name != "proofValue"} | proof_changes
    options = {name: value for name, value in options.items() if value is not None}
    digest = hashlib.sha256(jcs.canonicalize(options)).digest() + hashlib.sha256(jcs.canonicalize(unsecured)).digest()
    return {**unsecured, "proof": {**options, "proofValue": "z" + based58.b58encode(ED25519.sign(digest)).decode()}}


def refusal(document: dict[str, Any], key: PublicKey = KEY, now: dt.datetime = NOW) -> str:
    with pytest.raises(BadProof) as bad:
        verify_proof(document, key, now)
    return bad.value.reason


def test_our_proof_verifies_and_names_its_key() -> None:
    document = proven()
    verify_proof(document, KEY, NOW)
    assert key_of_proof(document) == KEY_ID
    assert document["proof"]["@context"] == CONTEXT
    assert {name: value for name, value in document.items() if name != "proof"} == CREATE
    assert key_of_proof(CREATE) is None


def test_another_implementation_verifies_our_proof() -> None:
    identifier = CryptographicIdentifier(ALICE, ED25519.public_key())
    without_context = resigned(proven(), **{"@context": None})
    assert identifier.verify_document(copy.deepcopy(without_context)) == ALICE
    verify_proof(without_context, KEY, NOW)


def test_we_verify_the_proof_of_another_implementation() -> None:
    document = SECRET.sign_document(copy.deepcopy(CREATE))
    verify_proof(document, KEY, dt.datetime.now(dt.UTC))
    assert key_of_proof(document) == KEY_ID


def test_a_proof_survives_json_and_a_signature_that_was_added_after_it() -> None:
    document = json.loads(json.dumps({**proven(), "signature": {"type": "RsaSignature2017"}}))
    verify_proof(document, KEY, NOW)
    assert document["signature"]


@pytest.mark.parametrize(
    "changes",
    [{"type": "Delete"}, {"object": "x"}, {"id": f"{ALICE}/activities/2"}, {"to": ["x"]}, {"object": {"content": "x"}}],
)
def test_an_altered_document_is_refused(changes: dict[str, object]) -> None:
    assert refusal({**proven(), **changes}) == "wrong_signature"


def test_a_context_that_gives_the_words_another_meaning_is_refused() -> None:
    assert refusal({**proven(), "@context": ["https://evil.example/ns", *CONTEXT]}) == "other_context"
    assert refusal({**proven(), "@context": "https://evil.example/ns"}) == "other_context"
    no_context = {name: value for name, value in proven().items() if name != "@context"}
    assert refusal(no_context) == "other_context"
    # What a server appended after the proven contexts cannot change the meaning of the proven words.
    verify_proof({**proven(), "@context": [*CONTEXT, "https://later.example/ns"]}, KEY, NOW)


def test_a_proof_by_somebody_else_than_the_author_is_refused() -> None:
    assert refusal(proven(actor="https://victim.example/users/bob")) == "not_the_author"
    assert refusal(proven(actor=[ALICE])) == "not_the_author"
    note = add_proof({"@context": CONTEXT, "type": "Note", "attributedTo": ALICE}, SECRET, NOW)
    verify_proof(note, KEY, NOW)
    stranger = PublicKey(KEY_ID, "https://victim.example/users/bob", ED25519.public_key())
    assert refusal(note, stranger) == "not_the_author"


def test_a_proof_of_another_key_is_refused() -> None:
    assert refusal(proven(), PublicKey(f"{ALICE}#other", ALICE, ED25519.public_key())) == "other_key"
    assert refusal(proven(), PublicKey(KEY_ID, ALICE, RSA.public_key())) == "other_key"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "RsaSignature2017"}, "unknown_suite"),
        ({"cryptosuite": "eddsa-rdfc-2022"}, "unknown_suite"),
        ({"cryptosuite": "none"}, "unknown_suite"),
        ({"proofPurpose": "authentication"}, "unknown_suite"),
        ({"created": "2026-11-22T14:00:00Z"}, "time"),
        ({"created": "2026-11-22T12:00:00"}, "time"),
        ({"created": "yesterday"}, "time"),
        ({"created": 1795348800}, "time"),
        ({"expires": "2026-11-22T10:00:00Z"}, "time"),
    ],
)
def test_a_true_signature_over_another_kind_or_time_is_refused(changes: dict[str, object], reason: str) -> None:
    assert refusal(resigned(proven(), **changes)) == reason


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
def test_a_proof_may_hold_until_the_end_of_all_time(end: str) -> None:
    """D6: no such time makes us fail."""
    document = resigned(proven(), expires=end)
    verify_proof(document, KEY, NOW)
    assert document["proof"]["expires"] == end


def test_a_proof_may_leave_its_time_out() -> None:
    document = resigned(proven(), created=None)
    verify_proof(document, KEY, NOW)
    assert "created" not in document["proof"]


@pytest.mark.parametrize("value", [None, 7, "", "z", "m6Mk", "z0OIl", "zü", "z" + "1" * 64, "z" + "1" * 200])
def test_a_proof_value_that_is_none_is_refused(value: object) -> None:
    document = proven()
    document["proof"]["proofValue"] = value
    assert refusal(document) in ("proof_value", "wrong_signature")


@pytest.mark.parametrize("proof", [None, "x", [], [{}]])
def test_a_proof_of_another_shape_is_refused(proof: object) -> None:
    assert refusal({**CREATE, "proof": proof}) == "no_proof"
    assert key_of_proof({**CREATE, "proof": proof}) is None


def test_only_an_ed25519_key_makes_proofs() -> None:
    with pytest.raises(TypeError):
        add_proof(CREATE, CryptographicSecret(KEY_ID, RSA), NOW)


JUNK = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.sampled_from([*proven()["proof"], "@context", "expires", "more"]), JUNK)
def test_no_junk_in_a_proof_raises_anything_else(member: str, junk: object) -> None:
    document = proven()
    if document["proof"].get(member) != junk:
        document["proof"][member] = junk
        assert refusal(document)
