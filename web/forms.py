"""Forms in: url-encoded fields into a struct, with a sentence for each field that does not fit."""

import re
import typing
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from server import text
from server.errors import Invalid, NotFound
from server.messages import Message
from web.views.parts import Field

MAX_FIELDS = 200


class Form(msgspec.Struct, frozen=True):
    """Every form carries a key, so that sending it twice has one effect."""

    idempotency_key: str = ""
    preview: str = ""


F = typing.TypeVar("F", bound=Form)


async def fields_of(request: Request) -> dict[str, str]:
    """What was typed, by field; of several values of one name the last."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = b""
    if kind != "application/x-www-form-urlencoded":
        # An empty form may come without a type; anything else is refused before its body is read.
        if kind or request.headers.get("content-length", "0") != "0":
            raise HTTPException(415)
    else:
        body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        # Broken UTF-8, which is also how half a surrogate pair arrives, or more fields than any form of ours has.
        raise HTTPException(400) from None
    request.state.typed = dict(pairs)
    return dict(pairs)


def decode(kind: type[F], typed: Mapping[str, str]) -> F:
    """`typed` as `kind`; raises Invalid with each field that cannot be stored or does not fit its type."""
    wrong = {
        name: Message("This text has characters that cannot be stored.")
        for name, value in typed.items()
        if not text.storable(value)
    }
    if wrong:
        raise Invalid(wrong)
    form = msgspec.convert(dict(typed), kind, strict=False)
    if len(form.idempotency_key) > 100:
        raise Invalid({"idempotency_key": "This form is damaged. Please load the page again."})
    return form


def field(typed: Mapping[str, str], name: str, errors: Mapping[str, str], default: str = "") -> Field:
    """A field as it goes back to the page: what was typed, and what is wrong with it."""
    return Field(typed.get(name, default), errors.get(name, ""))


SECRET = re.compile(r"[A-Za-z0-9_-]{20,100}")


def secret_of(request: Request) -> str:
    """The secret of a link in a mail; NotFound for what cannot be one."""
    secret = request.query_params.get("token", "")
    if not SECRET.fullmatch(secret):
        raise NotFound
    return secret


def safe_path(path: str) -> str:
    """`path` where it leads to a page of ours, else the start page: no link sends readers elsewhere after log-in."""
    if not path.startswith("/") or path.startswith(("//", "/\\")) or any(c in path for c in "\\\r\n\t\x00"):
        return "/"
    return path if path.isprintable() and len(path) <= 500 else "/"
