"""Pages for people and documents for instances share what they are about, not their address."""

from starlette.requests import Request

ACTIVITY_TYPES = ("application/activity+json", "application/ld+json")


def wants_activity(request: Request) -> bool:
    """Whether an instance asks: it names an ActivityPub type and would not rather have HTML."""
    accept = request.headers.get("accept", "").lower()
    at = min((accept.find(kind) for kind in ACTIVITY_TYPES if kind in accept), default=-1)
    html = accept.find("text/html")
    return at >= 0 and (html < 0 or at < html)
