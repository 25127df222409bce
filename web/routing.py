"""From a request to a handler and back: opens the visit, counts writes, turns refusals into pages."""

from collections.abc import Awaitable, Callable

import asyncpg
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from server import limits
from server.errors import MootError, NotFound
from server.runtime import Runtime
from server.site import SiteCache
from server.storage import StorageAway
from web import problems, session
from web.visit import Visit

Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]
DATABASE_AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError,
                 asyncpg.TooManyConnectionsError, asyncpg.AdminShutdownError)  # fmt: skip


def get(path: str, handler: Handler) -> Route:
    """A page to read."""
    return Route(path, _endpoint(handler), methods=["GET"])


def post(path: str, handler: Handler, limit: limits.Limit | None) -> Route:
    """A form to send. `limit` holds for a resident's account, or for a stranger's address.

    None: the handler counts by itself, in order to show a refusal beside what was typed.
    """

    async def limited(visit: Visit) -> Response:
        who = str(visit.viewer.account_id) if visit.viewer.signed_in else visit.client
        if limit is not None:
            await visit.count_hit(handler.__name__, who, limit)
        return await handler(visit)

    return Route(path, _endpoint(limited), methods=["POST"])


def file(path: str, answer: Callable[[Request, Runtime], Awaitable[Response]]) -> Route:
    """Something that is no page: it is asked for by a page, and who looks is asked only where that matters."""

    async def endpoint(request: Request) -> Response:
        try:
            return await answer(request, request.app.state.runtime)
        except NotFound:
            return problems.bare(request, 404)
        except (StorageAway, *DATABASE_AWAY):
            return problems.database_away(request)

    return Route(path, endpoint, methods=["GET"])


def _endpoint(handler: Handler) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            visit = await visit_of(request)
            try:
                return await handler(visit)
            except MootError as error:
                return await problems.answer(visit, error)
        except DATABASE_AWAY:
            return problems.database_away(request)
        except ClientDisconnect:
            return problems.bare(request, 400)

    return endpoint


async def visit_of(request: Request) -> Visit:
    """Who looks at which site; one statement for a signed-in reader."""
    runtime: Runtime = request.app.state.runtime
    site = await (await runtime.use(SiteCache)).get()
    return Visit(request, runtime, site, await session.viewer_of(request, runtime))
