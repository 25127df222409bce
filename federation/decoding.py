"""Decodes JSON that somebody else wrote: strict, bounded, and never a surprise later on."""

import json
import math
import re
from collections.abc import Iterator

from server.errors import MootError

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
_LARGEST_INT = 1 << 53
_INT_DIGITS = 17

# A string that lost its closing quote runs to the end of the input, so that this stays linear on any bytes.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
# Escapes that may stand for NUL or for half of a surrogate pair.
_DOUBTFUL_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class BadDocument(MootError):
    """The bytes are no document that we take; `reason` is a stable word for the answer, the log and tests."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decode_document(raw: bytes, limit: int = MAX_BYTES) -> dict[str, object]:
    """The JSON object in `raw` (at most `limit` bytes); raises BadDocument, and nothing else."""
    if len(raw) > limit:
        raise BadDocument("too_large")
    check_depth(raw)
    try:
        text = raw.decode("utf-8")
        document = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise BadDocument("not_utf8") from None
    except ValueError:
        raise BadDocument("not_json") from None
    if not isinstance(document, dict):
        raise BadDocument("not_an_object")
    # PostgreSQL stores neither: the row would fail after we had said yes, and the sender would retry for ever.
    if _DOUBTFUL_ESCAPE.search(text) and any(_UNSTORABLE.search(part) for part in _strings(document)):
        raise BadDocument("unstorable_text")
    return document


def check_depth(raw: bytes, deepest: int = MAX_DEPTH) -> None:
    """Refuse nesting deeper than `deepest` before any parser, which would recurse, sees it."""
    if raw.count(b"{") + raw.count(b"[") <= deepest:
        return
    depth = 0
    for bracket in _STRING.sub(b"", raw).translate(None, _ALL_BUT_BRACKETS):
        depth += 1 if bracket in b"{[" else -1
        if depth > deepest:
            raise BadDocument("too_deep")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # Two readers of the same bytes would see two different documents.
        raise BadDocument("duplicate_key")
    return members


def _int(digits: str) -> int:
    # Counted first: Python takes quadratic time for very long numbers, and then refuses them with a ValueError.
    if len(digits) > _INT_DIGITS or abs(value := int(digits)) > _LARGEST_INT:
        raise BadDocument("number_out_of_range")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise BadDocument("number_out_of_range")
    return value


def _constant(_name: str) -> float:
    # NaN and Infinity are Python's, not JSON's.
    raise BadDocument("not_json")


def _strings(document: dict[str, object]) -> Iterator[str]:
    """Every key and every string value, at any depth."""
    waiting: list[object] = [document]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as members:
                waiting.extend(members.keys())
                waiting.extend(members.values())
            case list() as items:
                waiting.extend(items)
            case _:
                pass


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_constant)
