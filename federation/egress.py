"""Says where outgoing requests may go: the address policy, and what a URL of somebody else must look like."""

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from yarl import URL

from server.errors import MootError

MAX_URL = 2048

# Everything that is not the public internet, by the IANA special-purpose registries.
_CLOSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Global unicast only, so that v4-mapped, NAT64, link-local and whatever is invented next stay outside.
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]|[\ud800-\udfff]")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.IGNORECASE)
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


class FetchFailed(MootError):
    """A request that we did not make, or whose answer we do not take; `reason` is a stable word."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class RefusedUrl(FetchFailed):
    """The URL is not one that we ask anybody for."""


class RefusedAddress(FetchFailed):
    """The address that we were about to connect to is closed to us."""


@dataclass(frozen=True)
class EgressPolicy:
    """Outside, https on port 443 of public addresses; inside `allowed`, also http and any port."""

    allowed: tuple[IPv4Network | IPv6Network, ...] = ()

    def check_address(self, address: str, port: int, *, tls: bool) -> None:
        """Raise RefusedAddress unless a connection to this numeric address, port and scheme may be made."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            raise RefusedAddress("address_not_numeric", address) from None
        if any(ip in network for network in self.allowed):
            return
        if not _public(ip):
            raise RefusedAddress("address_not_public", address)
        if not tls or port != 443:
            raise RefusedAddress("not_https_443", f"{address} port {port}")

    def check_url(self, text: str) -> URL:
        """The parsed URL without its fragment; raises RefusedUrl. Without `allowed`, http and odd ports end here."""
        url = parse_url(text)
        if not self.allowed and (url.scheme != "https" or url.port != 443):
            raise RefusedUrl("not_https_443", text)
        return url


def _public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _CLOSED_V4)
    return ip.scope_id is None and ip in _OPEN_V6 and not any(ip in network for network in _CLOSED_V6)


def parse_url(text: str) -> URL:
    """An http(s) URL as one parser, the one that also connects, understands it; fragment removed, spelling kept."""
    if len(text) > MAX_URL:
        raise RefusedUrl("url_too_long")
    if _FORBIDDEN.search(text):
        # Parsers drop a line break or read a backslash as a slash, and then disagree about the host.
        raise RefusedUrl("url_malformed", text[:200])
    try:
        # An international name or path is spelled in ASCII by the library; ASCII keeps its sender's spelling,
        # since ids are compared letter by letter.
        url = URL(text, encoded=text.isascii()).with_fragment(None)
        _check_parts(url, text)
    except ValueError:
        raise RefusedUrl("url_malformed", text[:200]) from None
    return url


def _check_parts(url: URL, text: str) -> None:
    if url.scheme not in ("http", "https"):
        raise RefusedUrl("scheme", text[:200])
    if url.raw_user is not None or url.raw_password is not None or "@" in url.raw_authority:
        # A name before the host is only there to make it look like another.
        raise RefusedUrl("url_with_user", text[:200])
    _check_host(url.raw_host or "", text)
    if not url.port:
        raise RefusedUrl("url_malformed", text[:200])


def _check_host(host: str, text: str) -> None:
    try:
        scoped = "%" in str(ipaddress.ip_address(host))
    except ValueError:
        # A last label that is a number makes an IPv4 address of the name in some resolvers (127.1, 0x7f.1, 2130706433).
        if not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise RefusedUrl("host_malformed", text[:200]) from None
    else:
        if scoped:
            raise RefusedUrl("host_malformed", text[:200])
