"""Refusals and faults as answers: a page in plain words for people, JSON for programs."""

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from server.errors import Invalid, MootError, NotFound, Refused, TooMany
from server.messages import Message
from web import guards, render
from web.views.parts import Chrome
from web.views.residents import ErrorPage
from web.visit import Visit, chosen_language

log = structlog.get_logger(__name__)

RETRY_SECONDS = 5
STATUS_OF = {"log_in": 401, "registration_closed": 403, "invite_needed": 403, "own_post": 409, "last_moderator": 409}

# What happened and the next step, by status; what a handler could not foresee ends here.
WORDS = {
    400: (
        Message("This could not be read"),
        Message("What your browser sent was damaged on its way. Please go back and try again."),
    ),
    403: (Message("This is not possible"), Message("You may not do this.")),
    404: (
        Message("There is nothing here"),
        Message("The address may be mistyped, or what stood here is gone, or only some people may see it."),
    ),
    405: (
        Message("This is not possible"),
        Message("This address does not take what was sent to it. Please go back and try again."),
    ),
    408: (
        Message("This took too long"),
        Message("The connection was too slow, so nothing was stored. Please try again."),
    ),
    413: (Message("This is too long"), Message("More was sent than fits. Please shorten it and send it again.")),
    415: (Message("This could not be read"), Message("This form cannot take files or other formats.")),
    421: (Message("This is another place"), Message("What you asked for does not live at this address.")),
    422: (Message("Something does not fit"), Message("Please go back, correct what you typed, and send it again.")),
    429: (Message("Please wait a little"), Message("Too many tries in a short time. Please wait a little.")),
    500: (Message("Something broke"), Message("This is our fault. It has been noted. Please try again in a while.")),
    503: (
        Message("Back in a moment"),
        Message("The database does not answer at the moment. Please try again in a few seconds."),
    ),
}


async def answer(visit: Visit, error: MootError) -> Response:
    """The page for a refusal that the handler did not show in place."""
    if isinstance(error, NotFound):
        return await plain(visit, 404)
    if isinstance(error, TooMany):
        return await plain(visit, 429, error.message, headers={"Retry-After": str(error.seconds)})
    if isinstance(error, Refused):
        return await _refused(visit, error)
    if isinstance(error, Invalid):
        return await plain(visit, 422, " ".join(visit.say(problem) for problem in error.fields.values()))
    raise error


async def _refused(visit: Visit, error: Refused) -> Response:
    typed = getattr(visit.request.state, "typed", {}).get("text", "")
    if error.code == "log_in" and not typed:
        return visit.log_in_first()
    return await plain(visit, STATUS_OF.get(error.code, 403), error.message, kept=typed)


async def plain(
    visit: Visit, status: int, explanation: str = "", headers: dict[str, str] | None = None, kept: str = ""
) -> Response:
    """An error as a page in the frame of all others."""
    heading, words = WORDS.get(status, WORDS[400 if status < 500 else 500])
    page = ErrorPage(status, visit.say(heading), visit.say(explanation or words), kept_text=kept)
    return await visit.show(page, status, headers=headers)


def bare(request: Request, status: int, headers: dict[str, str] | None = None) -> Response:
    """An answer that needs neither database nor session: for faults, and for what no page of ours expects."""
    heading, words = WORDS.get(status, WORDS[400 if status < 500 else 500])
    if guards.for_machines(request.url.path):
        return JSONResponse({"error": heading, "error_description": words}, status, headers=headers)
    language = chosen_language(request)
    page = ErrorPage(status, render.say(language, heading), render.say(language, words))
    chrome = Chrome(site_title="Folkmoot", path=request.url.path, form_key="", language=language)
    return HTMLResponse(render.render(page, chrome), status, headers=headers)


def database_away(request: Request) -> Response:
    return bare(request, 503, {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"})


def fault(request: Request, error: Exception) -> Response:
    """What nobody foresaw: noted with its trace, told without it."""
    log.error("request failed", path=request.url.path, method=request.method, exc_info=error)
    return bare(request, 500, dict(guards.SECURITY_HEADERS))
