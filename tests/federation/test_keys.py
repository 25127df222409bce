"""Our own keys, and the keys of others: found once, bound both ways, and never a reason for a flood of fetches."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import asyncio
import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from bovine.crypto.types import CryptographicSecret
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federation import keys, make_keypair, proofs, senders
from federation.client import Outgoing
from federation.incoming import BadSignature, IncomingRequest
from federation.publickeys import PublicKey, load_multikey, load_pem
from federation.senders import Senders
from federation.signing import Signer
from moderation import instances
from server import clock
from server.community import actors
from server.limits import Limit
from server.runtime import Runtime
from server.urls import Urls
from tests.conftest import BASE_URL, MovedClock
from tests.federation.loopback import Server, reply
from tests.federation.signed import OTHER_RSA, RSA


def pem_of(key: rsa.RSAPrivateKey = RSA) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def actor(server: Server, *, key: rsa.RSAPrivateKey = RSA, key_id: str = "#main-key", **more: object) -> str:
    """The document of the actor /alice at this server."""
    uri = f"{server.url}/alice"
    listed = {"id": uri + key_id if key_id.startswith("#") else key_id, "owner": uri, "publicKeyPem": pem_of(key)}
    return json.dumps({"id": uri, "type": "Person", "inbox": f"{uri}/inbox", "publicKey": listed} | more)


async def instance_actor(runtime: Runtime) -> int:
    async with runtime.db.read() as conn:
        found = await actors.by_uri(conn, Urls(BASE_URL).instance_actor)
    assert found is not None
    return found.id


# Our own


@pytest.mark.real_secrets
async def test_keys_are_made_once_and_can_be_used(runtime: Runtime) -> None:
    actor_id = await instance_actor(runtime)
    async with runtime.db.transaction() as conn:
        assert await keys.public_keys(conn, actor_id) is None
        with pytest.raises(keys.KeysNotMade):
            await keys.signer_for(conn, runtime, actor_id)
        await keys.store_keys(conn, runtime, actor_id=actor_id)
        made = await keys.public_keys(conn, actor_id)
        await keys.store_keys(conn, runtime, actor_id=actor_id)
        assert made is not None
        assert await keys.public_keys(conn, actor_id) == made
        signer = await keys.signer_for(conn, runtime, actor_id)
        proven = await keys.prove(conn, actor_id, {"type": "Flag", "actor": f"{BASE_URL}/ap/instance"})
        assert (await keys.signer_for(conn, runtime, actor_id)).secret is signer.secret
    assert signer.key_id == f"{BASE_URL}/ap/instance#main-key"
    assert signer.secret.private_key.public_key() == load_pem(made.rsa)
    assert load_pem(made.rsa).key_size == 2048  # type: ignore[union-attr]
    key_id = f"{BASE_URL}/ap/instance#ed25519-key"
    proof_key = PublicKey(key_id, f"{BASE_URL}/ap/instance", load_multikey(made.ed25519))
    assert proofs.key_of_proof(proven) == key_id
    proofs.verify_proof(proven, proof_key, clock.now())


async def test_the_least_used_keys_leave_memory(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_LOADED", 1)
    actor_id = await instance_actor(runtime)
    own = await runtime.use(keys.OwnKeys)
    async with runtime.db.transaction() as conn:
        await keys.store_keys(conn, runtime, actor_id=actor_id)
        first = await own.secret(conn, actor_id, "rsa")
        await own.secret(conn, actor_id, "ed25519")
        assert await own.secret(conn, actor_id, "rsa") is not first


@pytest.mark.real_secrets
async def test_a_program_that_fails_leaves_no_keys(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_PROGRAM", Path("no-such-program.py"))
    async with runtime.db.transaction() as conn:
        with pytest.raises(RuntimeError):
            await keys.store_keys(conn, runtime, actor_id=await instance_actor(runtime))
        assert await conn.fetchval("select count(*) from own_keys") == 0


def test_the_program_runs_from_anywhere(tmp_path: Path) -> None:
    program = Path(make_keypair.__file__)
    done = subprocess.run([sys.executable, "-P", program], cwd=tmp_path, capture_output=True, check=True, text=True)
    assert sorted(json.loads(done.stdout)) == ["ed25519", "rsa"]


async def test_our_own_requests_are_signed_once_keys_exist(runtime: Runtime, victim: Server) -> None:
    outgoing = await runtime.use(Outgoing)
    victim.serve_object("/note", f'{{"id": "{victim.url}/note"}}')
    await outgoing.fetch_object(f"{victim.url}/note")
    assert victim.header("Signature") is None
    async with runtime.db.transaction() as conn:
        await keys.store_keys(conn, runtime, actor_id=await instance_actor(runtime))
    await outgoing.fetch_object(f"{victim.url}/note")
    assert f'keyId="{BASE_URL}/ap/instance#main-key"' in (victim.header("Signature") or "")
    assert (victim.header("User-Agent") or "").startswith("Folkmoot/")
    assert BASE_URL in (victim.header("User-Agent") or "")


# Others'


@pytest.fixture
async def sources(runtime: Runtime) -> Senders:
    return await runtime.use(Senders)


async def stored(runtime: Runtime) -> int:
    async with runtime.db.read() as conn:
        return int(await conn.fetchval("select count(*) from remote_keys"))


async def test_a_key_is_fetched_once_then_kept(runtime: Runtime, sources: Senders, victim: Server) -> None:
    victim.serve_object("/alice", actor(victim))
    key_id = f"{victim.url}/alice#main-key"
    found = await asyncio.gather(*(sources.find(key_id) for _ in range(20)))
    assert {key.pem for key in found if key} == {pem_of()}
    assert len(victim.requests) == 1
    document = sources.take_document(f"{victim.url}/alice")
    assert document is not None
    assert document["inbox"] == f"{victim.url}/alice/inbox"
    assert sources.take_document(f"{victim.url}/alice") is None
    assert await sources.find(key_id) is not None
    assert (len(victim.requests), await stored(runtime)) == (1, 1)


async def test_a_key_with_an_address_of_its_own_is_asked_of_its_owner_too(sources: Senders, victim: Server) -> None:
    key_id = f"{victim.url}/alice/main-key"
    whole = actor(victim, key_id=key_id)
    stub = json.dumps({"id": f"{victim.url}/alice", "publicKey": json.loads(whole)["publicKey"]})
    victim.serve_object("/alice/main-key", stub)
    victim.serve_object("/alice", whole)
    found = await sources.find(key_id)
    assert found is not None
    assert found.owner_uri == f"{victim.url}/alice"
    assert len(victim.requests) == 2


async def test_A9_a_key_that_claims_somebody_elsewhere_is_not_believed(
    runtime: Runtime, sources: Senders, evil: Server, victim: Server
) -> None:
    victim.serve_object("/alice", actor(victim))
    lie = {"id": f"{evil.url}/key", "owner": f"{victim.url}/alice", "publicKeyPem": pem_of(OTHER_RSA)}
    evil.serve_object("/key", json.dumps(lie))
    assert await sources.find(f"{evil.url}/key") is None
    assert await stored(runtime) == 0


async def test_A9_a_key_that_its_owner_does_not_list_is_not_believed(
    runtime: Runtime, sources: Senders, evil: Server
) -> None:
    evil.serve_object("/alice", actor(evil))
    lie = {"id": f"{evil.url}/upload", "owner": f"{evil.url}/alice", "publicKeyPem": pem_of(OTHER_RSA)}
    evil.serve_object("/upload", json.dumps(lie))
    assert await sources.find(f"{evil.url}/upload") is None
    assert await stored(runtime) == 0


async def test_A12_an_actor_behind_a_redirect_is_not_its_own_witness(
    runtime: Runtime, sources: Senders, evil: Server, victim: Server
) -> None:
    """A12: the document at the end of a redirect is not the one that was asked for."""
    victim.answers["/alice"] = reply(b"", status=302, Location=f"{evil.url}/alice")
    evil.serve_object("/alice", actor(victim, key=OTHER_RSA))
    assert await sources.find(f"{victim.url}/alice#main-key") is None
    assert await stored(runtime) == 0


async def test_nobody_is_asked_for_our_own_or_blocked_keys(
    runtime: Runtime, sources: Senders, victim: Server, evil: Server
) -> None:
    victim.serve_object("/alice", actor(victim))
    host = victim.url.removeprefix("http://")
    async with runtime.db.transaction() as conn:
        await instances.set_policy(conn, Urls(BASE_URL), host, "blocked", "spam", None)
    assert await sources.find(f"{victim.url}/alice#main-key") is None
    assert await sources.find(f"{BASE_URL}/ap/instance#main-key") is None
    assert await sources.find("acct:alice@victim.example") is None
    assert victim.requests == []


@pytest.mark.parametrize(("status", "minutes_until_asked"), [(500, 6), (404, 61), (410, 61)])
async def test_A13_a_missing_key_is_remembered_for_a_while(
    sources: Senders, victim: Server, moved_clock: MovedClock, status: int, minutes_until_asked: int
) -> None:
    victim.answers["/alice"] = reply(b"", status=status)
    key_id = f"{victim.url}/alice#main-key"
    for _ in range(3):
        assert await sources.find(key_id) is None
    await moved_clock.advance(minutes=minutes_until_asked - 2)
    assert await sources.find(key_id) is None
    assert len(victim.requests) == 1
    await moved_clock.advance(minutes=2)
    victim.serve_object("/alice", actor(victim))
    assert await sources.find(key_id) is not None


async def test_a_new_key_is_learnt_at_most_every_five_minutes(
    sources: Senders, victim: Server, moved_clock: MovedClock
) -> None:
    victim.serve_object("/alice", actor(victim))
    key_id = f"{victim.url}/alice#main-key"
    await sources.find(key_id)
    victim.serve_object("/alice", actor(victim, key=OTHER_RSA))
    kept = await sources.refetch(key_id)
    assert kept is not None
    assert kept.pem == pem_of()
    await moved_clock.advance(minutes=6)
    found = await asyncio.gather(*(sources.refetch(key_id) for _ in range(20)))
    assert {key.pem for key in found if key} == {pem_of(OTHER_RSA)}
    assert len(victim.requests) == 2


async def test_a_key_survives_that_its_owner_is_away(sources: Senders, victim: Server, moved_clock: MovedClock) -> None:
    victim.serve_object("/alice", actor(victim))
    key_id = f"{victim.url}/alice#main-key"
    await sources.find(key_id)
    await moved_clock.advance(minutes=6)
    victim.answers["/alice"] = reply(b"", status=503)
    for _ in range(3):
        assert await sources.refetch(key_id) is None
    assert len(victim.requests) == 2
    assert await sources.find(key_id) is not None


async def test_A13_many_invented_keys_of_one_host_are_few_fetches(
    sources: Senders, victim: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "FETCHES_PER_HOST", Limit(5, 60))
    for n in range(30):
        assert await sources.find(f"{victim.url}/nobody{n}#main-key") is None
    # Five, or twice that where a minute ended in between.
    assert len(victim.requests) in range(5, 11)


async def test_gone_owners_keys_are_forgotten(runtime: Runtime, sources: Senders, victim: Server) -> None:
    victim.serve_object("/alice", actor(victim))
    await sources.find(f"{victim.url}/alice#main-key")
    async with runtime.db.transaction() as conn:
        await senders.forget_keys(conn, f"{victim.url}/alice")
    assert await stored(runtime) == 0


# Whole requests


async def signed_request(victim: Server, secret: typing.Any = None) -> IncomingRequest:
    """What the actor /alice at `victim` would post to our inbox."""
    signer = Signer(f"{victim.url}/alice#main-key", CryptographicSecret(f"{victim.url}/alice#main-key", secret or RSA))
    body = b'{"type": "Like"}'
    headers = signer.sign_cavage("POST", f"{BASE_URL}/ap/inbox", body, clock.now())
    return IncomingRequest("POST", "/ap/inbox", tuple((name.lower(), value) for name, value in headers.items()), body)


async def test_a_request_is_proven_by_the_fetched_key(runtime: Runtime, victim: Server) -> None:
    victim.serve_object("/alice", actor(victim))
    verified = await senders.verify(runtime, await signed_request(victim))
    assert (verified.signer_uri, verified.body) == (f"{victim.url}/alice", b'{"type": "Like"}')


async def test_A13_a_thousand_bad_signatures_cause_at_most_two_fetches(
    runtime: Runtime, victim: Server, moved_clock: MovedClock
) -> None:
    victim.serve_object("/alice", actor(victim))
    await senders.verify(runtime, await signed_request(victim))
    await moved_clock.advance(hours=1)
    forged = await signed_request(victim, OTHER_RSA)
    for _ in range(50):
        results = await asyncio.gather(*(senders.verify(runtime, forged) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(result, BadSignature) and result.reason == "wrong_signature" for result in results)
    assert len(victim.requests) <= 2
