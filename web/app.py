"""The web application: every route of pages, behind the same guards."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from federation import endpoints
from server import settings
from server.errors import NotFound
from server.runtime import Runtime
from server.settings import Settings
from web import assets, guards, health, problems, routing
from web.pages import (
    about,
    account,
    admin,
    bans,
    checks,
    clearing,
    decision,
    group,
    group_settings,
    instance_import,
    instance_lists,
    instances,
    login,
    lookup,
    media,
    poll,
    post,
    queue,
    record,
    rules,
    signup,
    standing,
    start,
    suspensions,
    thread,
    write,
)

PAGES = (
    start, group, thread, post, poll, write, account, login, signup, admin, about, queue, decision, record, rules,
    checks, group_settings, instances, instance_import, instance_lists, lookup, bans, standing,
    media, suspensions, clearing,
)  # fmt: skip


def create_app(runtime: Runtime | None = None) -> Starlette:
    """The application over `runtime`; without one it opens its own by the settings in the environment.

    There FOLKMOOT_DATABASE_URL names the database also where it is the embedded one: who starts us knows its address.
    """
    configured = runtime.settings if runtime else settings.load()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.runtime = await Runtime.open(configured, configured.database_url)
        try:
            yield
        finally:
            await app.state.runtime.close()

    app = Starlette(
        routes=_routes(),
        middleware=_middleware(configured),
        exception_handlers={
            HTTPException: _refusal,
            NotFound: _refusal,
            ClientDisconnect: _unfinished,
            Exception: _fault,
        },
        lifespan=None if runtime else lifespan,
    )
    app.state.runtime = runtime
    return app


def _routes() -> list[BaseRoute]:
    routes: list[BaseRoute] = [*health.ROUTES, Route("/static/{name:path}", assets.serve), *endpoints.routes()]
    for page in PAGES:
        routes.extend(page.ROUTES)
    return routes


def _middleware(configured: Settings) -> list[Middleware]:
    return [
        Middleware(guards.SecurityHeaders, https=configured.https),
        Middleware(guards.StorableAddress),
        Middleware(guards.Compress),
        Middleware(guards.SameOrigin, origin=configured.base_url),
        Middleware(guards.BodyLimit),
    ]


async def _refusal(request: Request, error: Exception) -> Response:
    """What the router and the guards refuse: no such page, no such method, a body too long or too slow."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = dict((isinstance(error, HTTPException) and error.headers) or {})
    if guards.for_machines(request.url.path) or request.url.path.startswith("/static/"):
        return problems.bare(request, status, headers)
    try:
        return await problems.plain(await routing.visit_of(request), status, headers=headers)
    except routing.DATABASE_AWAY:
        return problems.bare(request, status, headers)


async def _unfinished(request: Request, _error: Exception) -> Response:
    """Who hangs up within their own request, or sends a broken body, is no fault of ours that a log should hold."""
    return problems.bare(request, 400)


async def _fault(request: Request, error: Exception) -> Response:
    return problems.fault(request, error)
