"""A vote in a thread's poll."""

import re
from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from server import limits, urls
from server.community import access, polls
from server.errors import Invalid, Refused
from web import forms
from web.pages.thread import Begun, post_id_of, show_thread
from web.routing import post
from web.visit import Visit

ONE_OF_SEVERAL = re.compile(r"choice_(\d{1,2})")
PLACE = re.compile(r"\d{1,2}")


def choices_of(typed: Mapping[str, str]) -> set[int]:
    """The places of the options that were chosen: a radio button's value, or the names of ticked boxes."""
    chosen = {int(found[1]) for name in typed if (found := ONE_OF_SEVERAL.fullmatch(name))}
    one = typed.get("choice", "")
    return chosen | {int(one)} if PLACE.fullmatch(one) else chosen


async def vote(visit: Visit) -> Response:
    """A vote counts once; sent again, it changes nothing."""
    typed = await forms.fields_of(visit.request)
    access.check_signed_in(visit.viewer)
    post_id = post_id_of(visit)
    try:
        async with visit.change() as conn:
            found, group = await access.access_post(conn, visit.viewer, post_id)
            access.check_may_choose(found, group)
            counted = await polls.vote(conn, await visit.me(conn), found.id, choices_of(typed))
    except Invalid as invalid:
        problem = " ".join(map(visit.say, invalid.fields.values()))
        return await show_thread(visit, post_id, Begun(poll_problem=problem), 422)
    except Refused as refusal:
        return await show_thread(visit, post_id, Begun(poll_problem=visit.say(refusal.message)), 403)
    return visit.go(f"{urls.thread_page(post_id)}#poll", "Your vote is counted." if counted else "")


ROUTES: list[Route] = [post("/t/{post_id}/poll", vote, limits.WRITE)]
