"""Reads the signature of a request, once and strictly, in both dialects, and rebuilds what was signed."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from federation.incoming import BadSignature, IncomingRequest

MAX_HEADER = 8 << 10
MAX_COVERED = 32
_LATEST_TIME = 1 << 40  # seconds; far beyond any year that a date can hold is refused while reading

# `, ` between parameters and unquoted numbers are legal, and some servers send them.
_CAVAGE_PARAMETER = re.compile(r'([A-Za-z]{1,32})=(?:"([^"\\]*)"|(-?[0-9]{1,15}))[ \t]*(?:,[ \t]*|\Z)')
_CAVAGE_ALGORITHMS = {"rsa-sha256", "hs2019", "ed25519"}
_CAVAGE_DERIVED = {"(request-target)", "(created)", "(expires)"}
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")

_LABEL = re.compile(r"([a-z*][a-z0-9_.*-]{0,63})=")
_INNER_LIST = re.compile(r'\( *((?:"[^"\\]{1,64}" *)*)\)')
_COMPONENT = re.compile(r'"([^"\\]+)"')
_RFC9421_PARAMETER = re.compile(r'; *([a-z]{1,32})=(?:"([\x20-\x21\x23-\x5b\x5d-\x7e]*)"|(-?[0-9]{1,15}))')
_RFC9421_SIGNATURE = re.compile(r"([a-z*][a-z0-9_.*-]{0,63})=:([A-Za-z0-9+/=]*):")
_RFC9421_ALGORITHMS = {"rsa-v1_5-sha256", "ed25519"}
_NUMBERS = {"created", "expires"}


@dataclass(frozen=True)
class ClaimedSignature:
    """What the headers claim, read once: everything later looks here and at no header again. Times are Unix seconds."""

    dialect: Literal["cavage", "rfc9421"]
    key_id: str
    signature: bytes
    covered: tuple[str, ...]
    algorithm: str | None
    created: int | None
    expires: int | None
    input: str = ""


def read_signature(request: IncomingRequest) -> ClaimedSignature:
    """The one signature of the request; BadSignature 401 where there is none, 400 where it cannot be read."""
    header = request.one("signature")
    signature_input = request.one("signature-input")
    if header is None:
        raise BadSignature("unsigned")
    if len(header) > MAX_HEADER or len(signature_input or "") > MAX_HEADER:
        raise BadSignature("signature_too_long", 400)
    return _read_cavage(header) if signature_input is None else _read_rfc9421(signature_input, header)


def _read_cavage(header: str) -> ClaimedSignature:
    parameters: dict[str, str] = {}
    position = 0
    while position < len(header):
        part = _CAVAGE_PARAMETER.match(header, position)
        if part is None:
            raise BadSignature("signature_malformed", 400)
        _add(parameters, part[1], part[3] if part[2] is None else part[2])
        position = part.end()
    covered = tuple(parameters.get("headers", "").lower().split(" "))
    if not all(name in _CAVAGE_DERIVED or _HEADER_NAME.fullmatch(name) for name in covered):
        raise BadSignature("signature_malformed", 400)
    return ClaimedSignature(
        dialect="cavage",
        key_id=_required(parameters, "keyId"),
        signature=_base64(_required(parameters, "signature")),
        covered=_distinct(covered),
        algorithm=_known(parameters.get("algorithm"), _CAVAGE_ALGORITHMS),
        created=_time(parameters.get("created")),
        expires=_time(parameters.get("expires")),
    )


def _read_rfc9421(signature_input: str, header: str) -> ClaimedSignature:
    label, signature = _label_and_signature(header)
    start = _LABEL.match(signature_input)
    inner = start and _INNER_LIST.match(signature_input, start.end())
    # Exactly one signature: with two, it would be a matter of taste which of them was checked.
    if not start or not inner or start[1] != label:
        raise BadSignature("signature_malformed", 400)
    covered = tuple(_COMPONENT.findall(inner[1]))
    parameters: dict[str, str] = {}
    spelled = "(" + " ".join(f'"{name}"' for name in covered) + ")"
    position = inner.end()
    while position < len(signature_input):
        part = _RFC9421_PARAMETER.match(signature_input, position)
        if part is None or (part[1] in _NUMBERS) != (part[2] is None):
            raise BadSignature("signature_malformed", 400)
        _add(parameters, part[1], part[3] if part[2] is None else part[2])
        spelled += f";{part[1]}={part[3]}" if part[2] is None else f';{part[1]}="{part[2]}"'
        position = part.end()
    if not all(name.startswith("@") or _HEADER_NAME.fullmatch(name) for name in covered):
        raise BadSignature("signature_malformed", 400)
    return ClaimedSignature(
        dialect="rfc9421",
        key_id=_required(parameters, "keyid"),
        signature=signature,
        covered=_distinct(covered),
        algorithm=_known(parameters.get("alg"), _RFC9421_ALGORITHMS),
        created=_time(parameters.get("created")),
        expires=_time(parameters.get("expires")),
        input=spelled,
    )


def _label_and_signature(header: str) -> tuple[str, bytes]:
    found = _RFC9421_SIGNATURE.fullmatch(header)
    if found is None:
        raise BadSignature("signature_malformed", 400)
    return found[1], _base64(found[2])


def _add(parameters: dict[str, str], name: str, value: str) -> None:
    # Of two keyId one reader takes the first, the next one the last; so too when they differ only in case.
    if name.lower() in {known.lower() for known in parameters}:
        raise BadSignature("duplicate_parameter", 400)
    parameters[name] = value


def _required(parameters: Mapping[str, str], name: str) -> str:
    if not parameters.get(name):
        raise BadSignature("signature_malformed", 400)
    return parameters[name]


def _distinct(covered: tuple[str, ...]) -> tuple[str, ...]:
    if len(covered) > MAX_COVERED or len(set(covered)) != len(covered):
        raise BadSignature("signature_malformed", 400)
    return covered


def _known(algorithm: str | None, known: set[str]) -> str | None:
    # Only a label that fits a kind of key that we take; the key then decides, never the label.
    if algorithm is not None and algorithm.lower() not in known:
        raise BadSignature("algorithm", 400)
    return algorithm and algorithm.lower()


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,15}", text) or int(text) > _LATEST_TIME:
        raise BadSignature("signature_malformed", 400)
    return int(text)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadSignature("signature_malformed", 400) from None


def signing_base(request: IncomingRequest, claimed: ClaimedSignature, origin: str) -> bytes:
    """The bytes that were signed, if the signer meant this request at `origin` (our own `scheme://authority`)."""
    if claimed.dialect == "cavage":
        lines = [f"{name}: {_cavage_value(request, claimed, name)}" for name in claimed.covered]
    else:
        lines = [f'"{name}": {_rfc9421_value(request, name, origin)}' for name in claimed.covered]
        lines.append(f'"@signature-params": {claimed.input}')
    return "\n".join(lines).encode("latin-1", "backslashreplace")


def _cavage_value(request: IncomingRequest, claimed: ClaimedSignature, name: str) -> str:
    match name:
        case "(request-target)":
            return f"{request.method.lower()} {request.target}"
        case "(created)" if claimed.created is not None:
            return str(claimed.created)
        case "(expires)" if claimed.expires is not None:
            return str(claimed.expires)
        case _:
            return _header_value(request, name)


def _rfc9421_value(request: IncomingRequest, name: str, origin: str) -> str:
    scheme, _, authority = origin.partition("://")
    path, _, query = request.target.partition("?")
    derived = {
        "@method": request.method,
        "@target-uri": origin + request.target,
        "@authority": authority,
        "@scheme": scheme,
        "@request-target": request.target,
        "@path": path,
        "@query": f"?{query}",
    }
    if name.startswith("@"):
        if name not in derived:
            raise BadSignature("component_unknown", 400)
        return derived[name]
    return _header_value(request, name)


def _header_value(request: IncomingRequest, name: str) -> str:
    values = request.values(name)
    if not values:
        raise BadSignature("signed_header_missing")
    return ", ".join(values)
