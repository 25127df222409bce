"""Who of one server follows an actor of another, as a digest that both servers can compare (FEP-8fcf)."""

import hashlib
import re
import time
import typing
from collections.abc import Iterable, Mapping

from server.db import Command, Conn, Query, Row
from server.runtime import Runtime

HEADER = "Collection-Synchronization"
KEPT_SECONDS = 10.0
KEPT_ACTORS = 100
_PARAMETER = re.compile(r'(collectionId|url|digest)="([^"\s]{1,2048})"')
_DIGEST = re.compile("[0-9a-f]{64}")


class _Counted(Row, frozen=True):
    target_id: int
    target_uri: str
    host: str
    bits: str


class Claim(typing.NamedTuple):
    """What a server says of an actor's followers here: of which collection, where they are listed, their digest."""

    collection: str
    url: str
    digest: str


class Followers(typing.NamedTuple):
    """An actor of ours, and by instance the digest of its followers there."""

    uri: str
    digests: Mapping[str, str]


# XOR: the order does not matter, and whoever joins and leaves again leaves no trace.
_BITS = "bit_xor(('x' || encode(sha256(convert_to(a.uri, 'UTF8')), 'hex'))::bit(256))::text"
ELSEWHERE = Query(
    _Counted,
    "select m.target_id, t.uri as target_uri, a.host, "
    + _BITS
    + """ as bits
      from memberships m join actors a on a.id = m.person_id join actors t on t.id = m.target_id
     where m.target_id = any($1::bigint[]) and m.state = 'joined' and a.host is not null
     group by m.target_id, t.uri, a.host""",
)
HERE = Command(
    "select "
    + _BITS
    + """ from memberships m join actors a on a.id = m.person_id
     where m.target_id = $1 and m.state = 'joined' and a.host is null"""
)
NOBODY = "0" * 64


def digest_of(uris: Iterable[str]) -> str:
    """The digest of a list of followers, as 64 hexadecimal digits."""
    total = 0
    for uri in set(uris):
        total ^= int.from_bytes(hashlib.sha256(uri.encode()).digest())
    return f"{total:064x}"


def _hexadecimal(bits: str) -> str:
    return f"{int(bits, 2):064x}"


async def digest_here(conn: Conn, actor_id: int) -> str:
    """The digest of our own people who follow an actor elsewhere."""
    bits: str | None = await HERE.value(conn, actor_id)
    return NOBODY if bits is None else _hexadecimal(bits)


def header(actor_uri: str, digest: str) -> str:
    """What is said beside a delivery; `synchronization_url` lists to the signing server those who are its own."""
    return f'collectionId="{actor_uri}/followers", url="{synchronization_url(actor_uri)}", digest="{digest}"'


def synchronization_url(actor_uri: str) -> str:
    return f"{actor_uri}/followers_synchronization"


def read_header(value: str) -> Claim | None:
    """None for what cannot be read: it is a hint, and its delivery stands without it."""
    found = dict(_PARAMETER.findall(value))
    if len(found) != 3 or not _DIGEST.fullmatch(found["digest"].lower()):
        return None
    return Claim(found["collectionId"], found["url"], found["digest"].lower())


class Digests:
    """The digests of those of our actors who send much, kept for a moment: a delivery must not cost a statement.

    Whoever is told of an old one asks for the list, which is never old.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Followers, float]] = {}

    @classmethod
    async def open(cls, _runtime: Runtime) -> typing.Self:
        return cls()

    async def close(self) -> None:
        """Nothing is held."""

    async def of(self, conn: Conn, actor_ids: Iterable[int]) -> dict[int, Followers]:
        """By actor, their followers elsewhere."""
        now = time.monotonic()
        wanted = set(actor_ids)
        if len(self._kept) > KEPT_ACTORS:
            self._kept.clear()
        if missing := [one for one in wanted if one not in self._kept or self._kept[one][1] < now]:
            self._kept |= {one: (found, now + KEPT_SECONDS) for one, found in (await _count(conn, missing)).items()}
        return {one: self._kept[one][0] for one in wanted if one in self._kept}


async def _count(conn: Conn, actor_ids: list[int]) -> dict[int, Followers]:
    uris: dict[int, str] = dict.fromkeys(actor_ids, "")
    digests: dict[int, dict[str, str]] = {one: {} for one in actor_ids}
    for row in await ELSEWHERE.all(conn, actor_ids):
        uris[row.target_id] = row.target_uri
        digests[row.target_id][row.host] = _hexadecimal(row.bits)
    return {one: Followers(uris[one], digests[one]) for one in actor_ids}
