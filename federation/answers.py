"""HTTP answers for instances: activity+json with an ETag, errors as JSON with a reason, people sent to the page."""

import hashlib

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

ACTIVITY_JSON = "application/activity+json; charset=utf-8"
AGE_SECONDS = 60
MAX_TAGS = 2000
NOT_SHARED = "private, no-store"


def wants_page(request: Request) -> bool:
    """Whether a browser asks: it names HTML and no ActivityPub type."""
    accept = request.headers.get("accept", "")
    return "text/html" in accept and "activity+json" not in accept and "ld+json" not in accept


def document(request: Request, content: object, *, status: int = 200, shared: bool = True) -> Response:
    """Serve `content`. `shared`: whether it is the same for every reader, so that caches may keep it for all."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        "Vary": "Accept",
        "Cache-Control": f"public, max-age={AGE_SECONDS}" if shared else NOT_SHARED,
    }
    if status == 200 and _knows(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers, ACTIVITY_JSON)


def _knows(request: Request, etag: str) -> bool:
    """Whether the asker has these very bytes. It may name several; a proxy that compresses weakens them (RFC 9110)."""
    named = request.headers.get("if-none-match", "")
    return named.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in named[:MAX_TAGS].split(",")}


def json(content: object, media_type: str = "application/json; charset=utf-8", *, age: int = AGE_SECONDS) -> Response:
    headers = {"Cache-Control": f"public, max-age={age}", "Access-Control-Allow-Origin": "*"}
    return Response(msgspec.json.encode(content), 200, headers, media_type)


def problem(status: int, reason: str, retry_after: int | None = None) -> Response:
    """An error that says why; the same bytes for what is hidden and what does not exist."""
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return Response(msgspec.json.encode({"error": reason}), status, headers, "application/json; charset=utf-8")


def to_page(path: str) -> Response:
    return RedirectResponse(path, 303, {"Vary": "Accept"})
