"""A request from outside as its signature sees it: method, raw target, headers in order, raw body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from server.errors import MootError


class BadSignature(MootError):
    """The request is not proven to come from anybody; `reason` is a stable word, `status` the HTTP answer."""

    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@dataclass(frozen=True)
class IncomingRequest:
    """`target` is the path with its query, as sent; header names are lower case, in the order received.

    `asker` is the address from which it came (server/askers.py); without one nothing is counted.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    asker: str = ""

    @classmethod
    def from_scope(cls, scope: Mapping[str, Any], body: bytes, asker: str = "") -> "IncomingRequest":
        """From an ASGI scope, which knows the real request line; forwarding headers never speak for it."""
        path = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
        query = scope.get("query_string") or b""
        target = path.partition(b"?")[0] + (b"?" + query if query else b"")
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])
        return cls(scope["method"], target.decode("latin-1"), headers, body, asker)

    def values(self, name: str) -> list[str]:
        return [value.strip(" \t") for header, value in self.headers if header == name]

    def one(self, name: str) -> str | None:
        """The header's only value; two are refused, since the next reader may take the other one."""
        values = self.values(name)
        if len(values) > 1:
            raise BadSignature("duplicate_header", 400)
        return values[0] if values else None
