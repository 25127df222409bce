"""The pictures themselves, for whoever may see the post in which they stand."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation import visitors
from server.community import access, media
from server.community.media import Media
from server.errors import NotFound
from server.ids import parse_id
from server.runtime import Runtime
from server.storage import Storage
from web import session
from web.routing import file

SIZES = {f"{size}.webp": size for size in (media.WHOLE, media.SMALL)}
# Long enough to spare most of the traffic, short enough that a removed picture is forgotten by caches too.
FOR_EVERYBODY = "public, max-age=604800, immutable"
FOR_THIS_READER = "private, no-cache"
# Whatever a browser takes it for, it runs nothing and belongs to no site (E10).
HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox", "Content-Disposition": "inline"}


async def picture(request: Request, runtime: Runtime) -> Response:
    """One picture in one size. A public one is answered without asking who looks."""
    media_id = parse_id(request.path_params["media_id"])
    size = SIZES.get(request.path_params["name"])
    async with runtime.db.read() as conn:
        found = await media.BY_ID.one(conn, media_id) if media_id is not None and size is not None else None
    public = found is not None and found.public
    if not public:
        await _check_may_see(request, runtime, found)
    if found is None or size is None:
        raise NotFound("picture")
    tag = f'"{found.id}-{size}"'
    headers = HEADERS | {"Cache-Control": FOR_EVERYBODY if public else FOR_THIS_READER, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    data = await (await runtime.use(Storage)).get(media.file_of(found.key, size))
    return Response(data, media_type=media.TYPE, headers=headers)


async def _check_may_see(request: Request, runtime: Runtime, found: Media | None) -> None:
    """Another server that signs reads what its members read; everybody else is who their session says."""
    if "signature" in request.headers or "signature-input" in request.headers:
        visitor = await visitors.visitor_of(runtime, request)
        if found is None or not found.current or found.group_id is None:
            raise NotFound("picture")
        if not await visitors.reads(runtime, found.group_id, visitor):
            raise NotFound("picture")
        return
    if found is None:
        raise NotFound("picture")
    viewer = await session.viewer_of(request, runtime)
    async with runtime.db.read() as conn:
        await access.check_may_see_picture(conn, viewer, found)


ROUTES: list[Route] = [file("/media/{media_id}/{name}", picture)]
