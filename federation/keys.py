"""Our own actors' keys: made once, loaded once a process. Owns the table `own_keys`."""

import asyncio
import sys
import typing
from collections import OrderedDict
from pathlib import Path

import msgspec
from bovine.crypto.multibase import encode_public_key_to_multibase
from bovine.crypto.types import CryptographicSecret
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from federation import proofs
from federation.signing import Signer, load_own_secret
from server import clock
from server.db import Command, Conn, Query, Row
from server.errors import MootError
from server.runtime import Runtime

MAX_LOADED = 2000
_PROGRAM = Path(__file__).with_name("make_keypair.py")
_MAKING_SECONDS = 60


class KeysNotMade(MootError):
    """The actor is so new that its keys do not exist yet (or it is none of ours): try again in a few seconds."""


class PublicKeys(Row, frozen=True):
    """What an actor's own document shows: `rsa` as PEM, `ed25519` as multibase."""

    rsa: str
    ed25519: str


class _PrivateKey(Row, frozen=True):
    uri: str
    private_pem: str


ADD = Command(
    """insert into own_keys (actor_id, kind, private_pem, public_text) values ($1, $2, $3, $4)
       on conflict do nothing"""
)
# The key outlives its owner as long as their farewell is on its way, and not longer.
FORGET_GONE = Command(
    """delete from own_keys k using actors a
        where a.id = k.actor_id and a.deleted_at < clock_now() - interval '31 days'
          and not exists (select 1 from deliveries d where d.sender_id = k.actor_id)"""
)
PUBLIC = Query(
    PublicKeys,
    """select rsa.public_text as rsa, ed25519.public_text as ed25519
         from own_keys rsa join own_keys ed25519 using (actor_id)
        where actor_id = $1 and rsa.kind = 'rsa' and ed25519.kind = 'ed25519'""",
)
PRIVATE = Query(
    _PrivateKey,
    """select a.uri, k.private_pem from own_keys k join actors a on a.id = k.actor_id
        where k.actor_id = $1 and k.kind = $2""",
)


def rsa_key_id(actor_uri: str) -> str:
    """The id of the key that signs our requests."""
    return actor_uri + "#main-key"


def ed25519_key_id(actor_uri: str) -> str:
    """The id of the key that proves our documents."""
    return actor_uri + "#ed25519-key"


async def store_keys(conn: Conn, _runtime: Runtime, *, actor_id: int) -> None:
    """Job: give an actor of ours its keys; once it has them, they stay."""
    if await PUBLIC.one(conn, actor_id) is None:
        for kind, (private_pem, public_text) in (await _make()).items():
            await ADD.run(conn, actor_id, kind, private_pem, public_text)


async def public_keys(conn: Conn, actor_id: int) -> PublicKeys | None:
    """An actor's public keys; None until they are made."""
    return await PUBLIC.one(conn, actor_id)


async def _make() -> dict[str, tuple[str, str]]:
    """New keys by kind, private and public, from a process of its own."""
    # -P: otherwise our http.py, which lies beside the program, would pass for Python's.
    process = await asyncio.create_subprocess_exec(sys.executable, "-P", str(_PROGRAM), stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(_MAKING_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the program that makes keys ended with {process.returncode}")
    made = msgspec.json.decode(output, type=dict[str, str])
    return {kind: (pem, _public_text(pem)) for kind, pem in made.items()}


def _public_text(private_pem: str) -> str:
    key = load_pem_private_key(private_pem.encode("ascii"), password=None, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, Ed25519PrivateKey):
        return str(encode_public_key_to_multibase(key.public_key()))
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


class OwnKeys:
    """Loaded private keys, the ones used last kept: loading costs more than the database."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[tuple[int, str], CryptographicSecret] = OrderedDict()

    @classmethod
    async def open(cls, _runtime: Runtime) -> typing.Self:
        return cls()

    async def close(self) -> None:
        self._loaded.clear()

    async def secret(self, conn: Conn, actor_id: int, kind: str) -> CryptographicSecret:
        """The key of `kind`; raises KeysNotMade."""
        wanted = (actor_id, kind)
        if wanted in self._loaded:
            self._loaded.move_to_end(wanted)
            return self._loaded[wanted]
        stored = await PRIVATE.one(conn, actor_id, kind)
        if stored is None:
            raise KeysNotMade(f"actor {actor_id} has no {kind} key yet")
        key_id = rsa_key_id(stored.uri) if kind == "rsa" else ed25519_key_id(stored.uri)
        self._loaded[wanted] = secret = load_own_secret(key_id, stored.private_pem)
        if len(self._loaded) > MAX_LOADED:
            self._loaded.popitem(last=False)
        return secret


async def signer_for(conn: Conn, runtime: Runtime, actor_id: int) -> Signer:
    """Signs requests as an actor of ours; raises KeysNotMade."""
    secret = await (await runtime.use(OwnKeys)).secret(conn, actor_id, "rsa")
    return Signer(secret.key_id, secret)


# Without a runtime, since proofs are made where activities are written: by effects, which have the connection alone.
_PROVING: OrderedDict[str, CryptographicSecret] = OrderedDict()


async def prove(conn: Conn, actor_id: int, document: dict[str, object]) -> dict[str, object]:
    """The document with a proof by its actor, made once for all who get it; without one while its keys are being made.

    A new actor's first words are not held up: their HTTP signature, which waits for the keys, proves them as well.
    """
    actor_uri = str(document["actor"])
    secret = _PROVING.get(actor_uri)
    if secret is None:
        stored = await PRIVATE.one(conn, actor_id, "ed25519")
        if stored is None:
            return document
        secret = _PROVING[actor_uri] = load_own_secret(ed25519_key_id(stored.uri), stored.private_pem)
        if len(_PROVING) > MAX_LOADED:
            _PROVING.popitem(last=False)
    return proofs.add_proof(document, secret, clock.now())
