"""Signs our own requests, in the dialect that everybody reads and in the new one."""

import base64
import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType

from bovine.crypto.http_signature import build_signature
from bovine.crypto.types import CryptographicSecret
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from federation.digests import content_digest, legacy_digest
from federation.egress import parse_url
from federation.httpdate import http_date

NO_MORE: Mapping[str, str] = MappingProxyType({})


class Signer:
    """One key of ours, loaded once: loading costs 60 times a signature. Each signature costs 1.2 ms of CPU.

    Sign when the request leaves, on every attempt: other servers refuse a date that is an hour old.
    """

    def __init__(self, key_id: str, secret: CryptographicSecret) -> None:
        self.key_id = key_id
        self.secret = secret

    @classmethod
    def from_pem(cls, key_id: str, pem: str) -> "Signer":
        """Load an own key, whose numbers we made and need not check again (22 µs instead of 70 ms)."""
        return cls(key_id, load_own_secret(key_id, pem))

    def sign_cavage(
        self, method: str, url: str, body: bytes | None, now: dt.datetime, more: Mapping[str, str] = NO_MORE
    ) -> dict[str, str]:
        """Headers of draft-cavage: `(request-target) host date`, `digest` where there is a body, and `more`."""
        target, host = _target_and_host(url)
        # PieFed takes the parameters only in this spelling: `algorithm` present, no space after commas.
        signature = build_signature(host, method.lower(), target)  # type: ignore[no-untyped-call]  # bovine's
        signature = signature.with_field("date", http_date(now))
        headers = {"Host": host, "Date": http_date(now)}
        if body is not None:
            headers["Digest"] = legacy_digest(body)
            signature = signature.with_field("digest", headers["Digest"])
        for name, value in more.items():
            signature = signature.with_field(name.lower(), value)
        return {**headers, **more, "Signature": signature.sign_for_http_draft(self.secret)}

    def sign_rfc9421(
        self, method: str, url: str, body: bytes | None, now: dt.datetime, more: Mapping[str, str] = NO_MORE
    ) -> dict[str, str]:
        """Headers of RFC 9421: `@method @target-uri`, `content-digest` where there is a body, and `more`."""
        target, host = _target_and_host(url)
        covered = {"@method": method, "@target-uri": f"{parse_url(url).scheme}://{host}{target}"}
        headers = {"Host": host, **more}
        if body is not None:
            headers["Content-Digest"] = covered["content-digest"] = content_digest(body)
        covered |= {name.lower(): value for name, value in more.items()}
        names = " ".join(f'"{name}"' for name in covered)
        parameters = f'({names});created={int(now.timestamp())};keyid="{self.key_id}"'
        lines = [f'"{name}": {value}' for name, value in covered.items()]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        headers["Signature-Input"] = f"sig1={parameters}"
        headers["Signature"] = f"sig1=:{self._signature(base)}:"
        return headers

    def _signature(self, base: str) -> str:
        if isinstance(self.secret.private_key, Ed25519PrivateKey):
            # The library spells Ed25519 signatures in base 58; the header wants base 64.
            return base64.b64encode(self.secret.private_key.sign(base.encode("ascii"))).decode("ascii")
        return str(self.secret.sign(base))


def load_own_secret(key_id: str, pem: str) -> CryptographicSecret:
    """A private key of ours as the library's secret; raises ValueError for another kind than RSA or Ed25519."""
    private_key = load_pem_private_key(pem.encode("ascii"), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private_key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError(f"{key_id} is neither RSA nor Ed25519")
    return CryptographicSecret(key_id, private_key)


def _target_and_host(url: str) -> tuple[str, str]:
    """The request line's target, and the `Host` header: lower case, no default port."""
    parsed = parse_url(url)
    return parsed.raw_path_qs, (parsed.host_port_subcomponent or "").lower()
