"""Passwords: argon2id, hashed in a thread and at most two at once, since one takes a quarter of a second."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server import text
from server.errors import Invalid
from server.messages import Message

AT_LEAST = 8
AT_MOST_BYTES = 128

_hasher = PasswordHasher()
_turns: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}
# Checked when an account does not exist, so that the answer takes the same time as for one that does.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5bm9ib2R5$0000000000000000000000000000000000000000000"


def _turn() -> asyncio.Semaphore:
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(2))


def check_new_password(password: str) -> None:
    """Raises Invalid for `password` where it is too short, too long or cannot be stored."""
    if len(password) < AT_LEAST:
        raise Invalid({"password": Message("Please choose at least %(least)d characters.", {"least": AT_LEAST})})
    if len(password.encode("utf-8", "surrogatepass")) > AT_MOST_BYTES or not text.storable(password):
        raise Invalid({"password": "Please choose a shorter password (at most 128 bytes)."})


async def hash_password(password: str) -> str:
    async with _turn():
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether `password` fits; None as hash takes as long and says no."""
    if len(password.encode("utf-8", "surrogatepass")) > AT_MOST_BYTES or not text.storable(password):
        return False
    async with _turn():
        return await asyncio.to_thread(_fits, password_hash or _NOBODY, password) and password_hash is not None


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
