"""Static files from memory; an address that names the content's hash may be kept by browsers for ever."""

import functools
import gzip
import mimetypes

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from server.errors import NotFound
from web.render import STATIC, asset

FOR_EVER = "public, max-age=31536000, immutable"
FOR_A_WHILE = "public, max-age=300"


class Asset(msgspec.Struct, frozen=True):
    body: bytes
    gzipped: bytes
    kind: str
    address: str


@functools.cache
def _assets() -> dict[str, Asset]:
    """All files by name, so that a request can ask for no other: there is no path to climb out of."""
    found = {}
    for file in sorted(STATIC.rglob("*")):
        if file.is_file() and file.suffix in (".css", ".js", ".svg"):
            name = file.relative_to(STATIC).as_posix()
            body = file.read_bytes()
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            found[name] = Asset(body, gzip.compress(body, 9, mtime=0), kind, asset(name))
    return found


async def serve(request: Request) -> Response:
    """One static file; NotFound for anything but the files that were there at the start."""
    found = _assets().get(request.path_params["name"])
    if found is None:
        raise NotFound("file")
    fresh = f"{request.url.path}?{request.url.query}" == found.address
    headers = {"Cache-Control": FOR_EVER if fresh else FOR_A_WHILE, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.gzipped, media_type=found.kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.body, media_type=found.kind, headers=headers)
