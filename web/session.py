"""Who looks: the session cookie in and out."""

from starlette.requests import Request
from starlette.responses import Response

from server import clock
from server.community import sessions
from server.community.sessions import STRANGER, Viewer
from server.runtime import Runtime
from server.settings import Settings


def cookie_name(settings: Settings) -> str:
    """`__Host-` makes browsers insist on https, our own host alone and no path; without https it cannot be used."""
    return "__Host-session" if settings.https else "session"


async def viewer_of(request: Request, runtime: Runtime) -> Viewer:
    """The signed-in resident, or STRANGER; one statement, none without a cookie."""
    secret = request.cookies.get(cookie_name(runtime.settings))
    if not secret or len(secret) > 100:
        return STRANGER
    async with runtime.db.read() as conn:
        viewer = await sessions.viewer(conn, secret)
    if viewer.session_id and viewer.seen_at and clock.now() - viewer.seen_at > sessions.SEEN_EVERY:
        async with runtime.db.transaction() as conn:
            await sessions.touch(conn, viewer.session_id)
    return viewer


def set_cookie(response: Response, settings: Settings, secret: str) -> None:
    response.set_cookie(
        cookie_name(settings), secret, max_age=sessions.DAYS * 86_400, path="/", httponly=True, samesite="lax",
        secure=settings.https,
    )  # fmt: skip


def clear_cookie(response: Response, settings: Settings) -> None:
    response.delete_cookie(cookie_name(settings), path="/", httponly=True, samesite="lax", secure=settings.https)
