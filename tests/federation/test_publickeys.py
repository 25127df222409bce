"""Keys within our limits, bound both ways to their owner; rows A9, A12 and A14."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

from typing import Any

import pytest
from bovine.crypto.multibase import encode_public_key_to_multibase
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation.publickeys import MAX_KEY_TEXT, BadKey, PublicKey, binding_key, load_multikey, load_pem, owner_of

ALICE = "https://victim.example/users/alice"
KEY_ID = f"{ALICE}#main-key"
RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()


def pem_of(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def entry(key_id: str = KEY_ID, owner: str = ALICE, pem: str = pem_of(RSA)) -> dict[str, object]:
    return {"id": key_id, "owner": owner, "publicKeyPem": pem}


def actor(*keys: dict[str, object], actor_id: str = ALICE) -> dict[str, object]:
    return {"id": actor_id, "type": "Person", "publicKey": keys[0] if len(keys) == 1 else list(keys)}


def multikey(key_id: str = f"{ALICE}#ed", owner: str = ALICE) -> dict[str, object]:
    multibase = encode_public_key_to_multibase(ED25519.public_key())
    return {"id": key_id, "type": "Multikey", "controller": owner, "publicKeyMultibase": multibase}


def refusal(key_document: dict[str, object], actor_document: dict[str, object], key_id: str = KEY_ID) -> str:
    with pytest.raises(BadKey) as bad:
        binding_key(key_document, actor_document, key_id)
    return bad.value.reason


def test_the_actor_itself_is_the_key_document() -> None:
    bound = binding_key(actor(entry()), actor(entry()), KEY_ID)
    assert (bound.key_id, bound.owner_uri, bound.pem) == (KEY_ID, ALICE, pem_of(RSA))
    assert PublicKey.from_pem(bound.key_id, bound.owner_uri, bound.pem) == bound


def test_a_key_document_of_its_own_as_gotosocial_serves_it() -> None:
    key_id = f"{ALICE}/main-key"
    stub = {"id": ALICE, "publicKey": entry(key_id)}
    assert owner_of(stub, key_id) == ALICE
    assert binding_key(stub, actor(entry(key_id)), key_id).owner_uri == ALICE
    assert binding_key(entry(key_id), actor(entry(key_id)), key_id).owner_uri == ALICE


def test_a_multikey_in_assertion_method() -> None:
    document = {"id": ALICE, "assertionMethod": ["https://victim.example/other", multikey()]}
    bound = binding_key(document, document, f"{ALICE}#ed")
    assert bound.verify(ED25519.sign(b"x"), b"x")
    assert not bound.verify(ED25519.sign(b"x"), b"y")


def test_A9_a_key_elsewhere_cannot_name_its_owner() -> None:
    evil_key = "https://evil.example/k"
    claim = entry(evil_key)
    assert refusal(claim, actor(entry()), evil_key) == "key_not_listed"
    # Even where the owner's document lists it, it must lie on the owner's host.
    assert refusal(claim, actor(claim), evil_key) == "key_on_other_host"


def test_A9_the_owners_document_must_be_the_owners() -> None:
    mallory = "https://victim.example/users/mallory"
    assert refusal(actor(entry()), actor(entry(), actor_id=mallory)) == "owner_mismatch"
    assert refusal(actor(entry(owner=mallory)), actor(entry())) == "owner_mismatch"
    assert refusal(actor(entry()), actor(entry(owner=mallory))) == "owner_mismatch"


def test_A9_the_owner_must_list_the_same_key() -> None:
    assert refusal(actor(entry()), actor(entry(pem=pem_of(OTHER_RSA)))) == "key_differs"
    assert refusal(actor(entry()), actor(entry(f"{ALICE}#old"))) == "key_not_listed"
    assert refusal(actor(entry()), {"id": ALICE, "publicKey": KEY_ID}) == "key_not_listed"


def test_A12_a_document_about_another_key_is_not_taken() -> None:
    assert refusal(actor(entry(f"{ALICE}#other")), actor(entry())) == "key_not_listed"
    assert refusal(entry("https://evil.example/k"), actor(entry())) == "key_not_listed"


def test_A12_two_keys_under_one_id_are_none() -> None:
    both = actor(entry(), entry(pem=pem_of(OTHER_RSA)))
    assert refusal(both, both) == "key_ambiguous"


def test_A14_an_actor_has_at_most_ten_keys() -> None:
    ten = [entry(f"{ALICE}#{number}") for number in range(9)] + [entry()]
    assert binding_key(actor(*ten), actor(*ten), KEY_ID).key_id == KEY_ID
    assert refusal(actor(*ten, entry(f"{ALICE}#x")), actor(*ten)) == "too_many_keys"


def huge_exponent(bits: int, exponent: int) -> str:
    numbers = rsa.RSAPublicNumbers(exponent, (1 << bits) - 1)
    return numbers.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (huge_exponent(1024, 65537), "key_size"),
        (huge_exponent(2047, 65537), "key_size"),
        (huge_exponent(8200, 65537), "key_size"),
        (huge_exponent(16384, 65537), "key_size"),
        (huge_exponent(2048, (1 << 32) + 1), "key_size"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), "key_kind"),
        ("", "key_unreadable"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "key_unreadable"),
        ("\ud800", "key_unreadable"),
        (pem_of(RSA) + "x" * MAX_KEY_TEXT, "key_too_long"),
    ],
)
def test_A14_keys_outside_our_limits_are_refused(pem: str, reason: str) -> None:
    with pytest.raises(BadKey) as bad:
        load_pem(pem)
    assert bad.value.reason == reason


@pytest.mark.parametrize("pem", [huge_exponent(2048, 3), huge_exponent(8192, (1 << 32) - 1), pem_of(ED25519)])
def test_A14_keys_within_our_limits_are_taken(pem: str) -> None:
    assert PublicKey(KEY_ID, ALICE, load_pem(pem)).pem == pem


@pytest.mark.parametrize("multibase", ["", "z", "z6Mk", "m6MkrJVnaZ", "z0OIl", "z" + "1" * MAX_KEY_TEXT, "zü"])
def test_a_multibase_that_is_no_key_is_refused(multibase: str) -> None:
    with pytest.raises(BadKey):
        load_multikey(multibase)
