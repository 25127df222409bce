"""For those who watch over the machine: alive, ready, and numbers for Prometheus."""

import hmac
import ipaddress

import asyncpg
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from server import health
from server.runtime import Runtime

WORKERS = Gauge("folkmoot_workers", "Worker processes that gave a sign of life lately")
JOBS_WAITING = Gauge("folkmoot_jobs_waiting", "Jobs that are due or will be")
JOBS_PARKED = Gauge("folkmoot_jobs_parked", "Jobs that failed too often and wait for a person")
JOBS_OLDEST = Gauge("folkmoot_jobs_oldest_seconds", "Age of the oldest job that is due")
NO_STORE = {"Cache-Control": "no-store"}


async def healthz(_: Request) -> Response:
    """This process answers."""
    return PlainTextResponse("ok\n", headers=NO_STORE)


async def readyz(request: Request) -> Response:
    """The database answers and a worker was seen lately; 503 with the reason otherwise."""
    runtime: Runtime = request.app.state.runtime
    try:
        async with runtime.db.read() as conn:
            state = await health.state(conn)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return JSONResponse({"database": "away"}, 503, headers=NO_STORE)
    words = {"database": "ok", "worker": "ok" if state.worker_alive else "not seen lately"}
    return JSONResponse(words, 200 if state.worker_alive else 503, headers=NO_STORE)


async def metrics(request: Request) -> Response:
    """Numbers, for this machine or with the token; others learn nothing, not even that they exist."""
    runtime: Runtime = request.app.state.runtime
    if not _may_read(request, runtime.settings.metrics_token):
        return PlainTextResponse("Not Found\n", 404)
    async with runtime.db.read() as conn:
        state = await health.state(conn)
    WORKERS.set(state.workers)
    JOBS_WAITING.set(state.jobs_waiting)
    JOBS_PARKED.set(state.jobs_parked)
    JOBS_OLDEST.set(state.oldest_due)
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST, headers=NO_STORE)


def _may_read(request: Request, token: str) -> bool:
    given = request.headers.get("authorization", "").encode()
    if token and hmac.compare_digest(given, f"Bearer {token}".encode()):
        return True
    # A proxy on this machine passes on requests of the whole world, and says so in these headers.
    if any(name.startswith(("x-forwarded", "forwarded", "x-real-ip", "via")) for name in request.headers):
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


ROUTES: list[Route] = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
