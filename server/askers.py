"""Who asks us, as far as limits are concerned: one address, or what one household gets, as our own proxies saw it."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from server.settings import Network, Settings


def client_address(scope: Mapping[str, Any], trusted: Sequence[Network]) -> str:
    """Who asks: the peer, or behind trusted proxies the rightmost address that is none of theirs.

    What stands further left was written by the asker, and could be a new address at every try.
    """
    peer = scope.get("client")
    address: str = peer[0] if peer else ""
    forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    while hops and _within(address, trusted):
        address = hops.pop()
    return address


def client_key(scope: Mapping[str, Any], settings: Settings) -> str:
    """A key for limits: one IPv4 address, or one /64 of IPv6, which is what one household gets."""
    address = client_address(scope, settings.trusted_proxies)
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address) + "/64"
    return address


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
