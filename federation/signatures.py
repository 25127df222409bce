"""Decides who sent a request: the ordered checks that stand between the network and everything that believes it."""

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federation import followers
from federation.digests import check_digests, needs_digest
from federation.egress import RefusedUrl, parse_url
from federation.httpdate import parse_http_date
from federation.incoming import BadSignature, IncomingRequest
from federation.publickeys import KeySource, PublicKey
from federation.signature_headers import ClaimedSignature, read_signature, signing_base
from server.urls import authority

MAX_BODY = 1 << 20
_SKEW = dt.timedelta(hours=1)
_MAX_AGE = dt.timedelta(hours=1)
_MAX_AGE_WITH_EXPIRES = dt.timedelta(hours=12)
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_SEAL = object()


@dataclass(frozen=True)
class VerifiedRequest:
    """A request whose sender is proven. Only a Verifier makes one, so whoever asks for this type cannot skip it.

    `followers`: the header of FEP-8fcf, if it was signed.
    """

    signer_uri: str
    key_id: str
    body: bytes
    followers: str | None
    seal: object

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("only a Verifier makes a VerifiedRequest")


class Verifier:
    """Verifies requests to the instance at `base_url`.

    `is_blocked` is asked with the authority of the key (`host` or `host:port`) before anything is fetched from there.
    `plain_http` admits keys at http addresses, for an instance whose own address policy does.
    """

    def __init__(
        self,
        base_url: str,
        keys: KeySource,
        clock: Callable[[], dt.datetime],
        is_blocked: Callable[[str], Awaitable[bool]],
        *,
        plain_http: bool = False,
    ) -> None:
        scheme = base_url.partition("://")[0]
        self._authority = authority(base_url) or ""
        self._origin = f"{scheme}://{self._authority}"
        self._own_hosts = {self._authority, self._authority + _DEFAULT_PORTS[scheme]}
        self._keys = keys
        self._clock = clock
        self._is_blocked = is_blocked
        self._plain_http = plain_http

    async def verify(self, request: IncomingRequest) -> VerifiedRequest:
        """Who sent this; BadSignature with the first reason against it. A failing KeySource raises as it likes."""
        if len(request.body) > MAX_BODY:
            raise BadSignature("body_too_large", 413)
        claimed = read_signature(request)
        await self._check_key_id(claimed.key_id)
        check_coverage(request, claimed)
        self._check_host(request)
        check_time(request, claimed, self._clock())
        check_digests(request, claimed.covered)
        base = signing_base(request, claimed, self._origin)
        key = await self._signing_key(claimed, base)
        name = followers.HEADER.lower()
        said = request.one(name) if name in claimed.covered else None
        return VerifiedRequest(key.owner_uri, key.key_id, request.body, said, _SEAL)

    async def _check_key_id(self, key_id: str) -> None:
        try:
            url = parse_url(key_id)
        except RefusedUrl:
            # An `acct:` key, which old Mastodon sent, names no document whose owner could be checked.
            raise BadSignature("key_id_not_url") from None
        if not key_id.isascii() or (url.scheme != "https" and not self._plain_http):
            raise BadSignature("key_id_not_https")
        home = authority(key_id)
        if home is None:
            raise BadSignature("key_id_not_url")
        if home == self._authority:
            # Nobody of ours signs requests to ourselves.
            raise BadSignature("key_id_local")
        if await self._is_blocked(home):
            raise BadSignature("blocked", 403)

    def _check_host(self, request: IncomingRequest) -> None:
        # A signature made for another server, carried over to us, says nothing to us.
        if (request.one("host") or "").lower() not in self._own_hosts:
            raise BadSignature("host_not_ours")

    async def _signing_key(self, claimed: ClaimedSignature, base: bytes) -> PublicKey:
        key = await self._keys.find(claimed.key_id)
        if key is None:
            raise BadSignature("key_unavailable")
        if _signed_by(key, claimed, base):
            return key
        # Its owner may have a new key since we fetched it.
        newer = await self._keys.refetch(claimed.key_id)
        if newer is None or not _signed_by(newer, claimed, base):
            raise BadSignature("wrong_signature")
        return newer


def check_coverage(request: IncomingRequest, claimed: ClaimedSignature) -> None:
    """Refuse unless method, target, host, time and body are signed: what is not signed could be anybody's."""
    covered = set(claimed.covered)
    if claimed.dialect == "cavage":
        complete = {"(request-target)", "host"} <= covered and bool({"date", "(created)"} & covered)
    else:
        # The query is part of the target: `/x` signed says nothing about `/x?page=secret`.
        path = {"@path", "@query"} if "?" in request.target else {"@path"}
        target = "@request-target" in covered or path <= covered
        bound = "@target-uri" in covered or (target and bool({"@authority", "host"} & covered))
        complete = "@method" in covered and bound and claimed.created is not None
    if not complete:
        raise BadSignature("coverage")
    if needs_digest(request) and not {"digest", "content-digest"} & covered:
        raise BadSignature("digest_not_signed")


def check_time(request: IncomingRequest, claimed: ClaimedSignature, now: dt.datetime) -> None:
    """Refuse what was signed too long ago, or too far ahead; every time that is signed must fit."""
    signed = set(claimed.covered) if claimed.dialect == "cavage" else {"(created)", "(expires)", *claimed.covered}
    expires = None if claimed.expires is None else _from_unix(claimed.expires)
    times = []
    if claimed.created is not None and "(created)" in signed:
        times.append(_from_unix(claimed.created))
    if "date" in signed:
        date = parse_http_date(request.one("date") or "")
        if date is None:
            raise BadSignature("date_malformed", 400)
        times.append(date)
    oldest = _MAX_AGE_WITH_EXPIRES if expires is not None and "(expires)" in signed else _MAX_AGE
    if not times or any(not now - oldest <= time <= now + _SKEW for time in times):
        raise BadSignature("time_window")
    if expires is not None and (expires + _SKEW < now or any(expires < time for time in times)):
        raise BadSignature("expired")


def _from_unix(seconds: int) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise BadSignature("time_window") from None


def _signed_by(key: PublicKey, claimed: ClaimedSignature, base: bytes) -> bool:
    if key.key_id != claimed.key_id or authority(key.owner_uri) != authority(key.key_id):
        # The source's own check, made again where everything depends on it.
        return False
    if claimed.algorithm not in (None, "hs2019"):
        labelled_ed25519 = claimed.algorithm == "ed25519"
        if labelled_ed25519 != isinstance(key.key, Ed25519PublicKey):
            return False
    return key.verify(claimed.signature, base)
