"""How others find us: WebFinger, host-meta, NodeInfo."""

import re
import typing

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from federation import answers, collections
from federation.client import VERSION
from federation.documents import ACTIVITY
from server import text
from server.community import access, actors, groups
from server.community.actors import Actor
from server.community.sessions import STRANGER
from server.db import Conn
from server.errors import NotFound
from server.runtime import Runtime
from server.urls import Urls, authority, group_page, person_page

JRD = "application/jrd+json; charset=utf-8"
# The addresses of their pages, which people paste where a handle is asked for.
PAGE = re.compile(r"/(?:@|g/)(?P<name>[a-z0-9_]{3,30})")
SERVICE = "https://www.w3.org/ns/activitystreams#Service"
INTENT = "https://w3id.org/fep/3b86/"
ACCT = re.compile(r"(?:acct:)?[@!]?(?P<name>[\w.\-:]{1,260})@(?P<host>[\w.\-:\[\]]{1,260})")
HOURS = 3600


def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def webfinger(request: Request) -> Response:
    """RFC 7033, for people, groups and the instance itself; by handle, by id (FEP-4adb) or by the page for people."""
    resource = request.query_params.get("resource", "")
    if not resource or len(resource) > 2048 or not text.storable(resource):
        return answers.problem(400, "resource_missing")
    runtime = _runtime(request)
    urls = Urls(runtime.settings.base_url)
    try:
        actor = await _find(runtime, urls, resource)
    except NotFound:
        return answers.problem(404, "no_such_actor")
    found = _jrd(urls, actor)
    if wanted := request.query_params.getlist("rel"):
        found |= {"links": [link for link in found["links"] if link["rel"] in wanted]}
    return answers.json(found, JRD, age=HOURS)


async def _find(runtime: Runtime, urls: Urls, resource: str) -> Actor:
    match = ACCT.fullmatch(resource)
    async with runtime.db.read() as conn:
        if match is None:
            actor = await _by_address(conn, urls, resource)
        elif authority(f"https://{match['host']}") != authority(f"https://{urls.host}"):
            raise NotFound("actor")
        elif match["name"] == urls.host:
            # Mastodon's way to name the instance's own actor.
            actor = await actors.by_uri(conn, urls.instance_actor)
        else:
            actor = await actors.by_handle(conn, match["name"], None)
        group = await groups.BY_ID.one(conn, actor.id, None) if actor is not None and actor.kind == "group" else None
    if actor is None or not actor.local or actor.suspended_at is not None or actor.deleted_at is not None:
        raise NotFound("actor")
    if group is not None and not access.may_know(STRANGER, group):
        raise NotFound("actor")
    return actor


async def _by_address(conn: Conn, urls: Urls, resource: str) -> Actor | None:
    if resource.removesuffix("/") == urls.base:
        # The server itself (FEP-d556).
        return await actors.by_uri(conn, urls.instance_actor)
    page = PAGE.fullmatch(resource.removeprefix(urls.base)) if resource.startswith(urls.base) else None
    if page is None:
        return await actors.by_uri(conn, resource)
    actor = await actors.by_handle(conn, page["name"], None)
    return actor if actor is not None and urls.absolute(_page(actor)) == resource else None


def _jrd(urls: Urls, actor: Actor) -> dict[str, typing.Any]:
    name = urls.host if actor.kind == "application" else actor.name
    page = urls.absolute(_page(actor))
    return {
        "subject": f"acct:{name}@{urls.host}",
        "aliases": [actor.uri, page],
        "links": [
            # Lemmy tells a group from a person of one name by this property; we share one name space anyway.
            {
                "rel": "self",
                "type": ACTIVITY,
                "href": actor.uri,
                "properties": {"https://www.w3.org/ns/activitystreams#type": actor.kind.capitalize()},
            },
            {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": page},
            *_more_links(urls, actor),
        ],
    }


def _more_links(urls: Urls, actor: Actor) -> list[dict[str, str]]:
    """Where our people do something about what they found elsewhere (FEP-3b86); what the instance's actor is."""
    if actor.kind == "application":
        return [{"rel": SERVICE, "type": ACTIVITY, "href": actor.uri}]
    if actor.kind != "person":
        return []
    look_up = urls.absolute("/lookup?address=")
    return [
        {"rel": "http://ostatus.org/schema/1.0/subscribe", "template": look_up + "{uri}"},
        {"rel": f"{INTENT}Follow", "template": look_up + "{object}"},
        {"rel": f"{INTENT}Object", "template": look_up + "{object}"},
    ]


def _page(actor: Actor) -> str:
    if actor.kind == "application":
        return "/about"
    return group_page(actor.name) if actor.kind == "group" else person_page(actor.name)


async def host_meta(request: Request) -> Response:
    """RFC 6415: older software, and Takahe, asks here before WebFinger."""
    base = _runtime(request).settings.base_url
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">'
        f'<Link rel="lrdd" template="{base}/.well-known/webfinger?resource={{uri}}"/></XRD>'
    )
    return Response(body, 200, {"Cache-Control": f"public, max-age={HOURS}"}, "application/xrd+xml; charset=utf-8")


async def nodeinfo_links(request: Request) -> Response:
    urls = Urls(_runtime(request).settings.base_url)
    links: list[dict[str, str]] = [
        {"rel": f"http://nodeinfo.diaspora.software/ns/schema/{v}", "href": urls.absolute(f"/nodeinfo/{v}")}
        for v in ("2.1", "2.0")
    ]
    # FEP-2677: where to find the actor in whose name this server asks.
    links.append({"rel": "https://www.w3.org/ns/activitystreams#Application", "href": urls.instance_actor})
    return answers.json({"links": links}, age=HOURS)


async def nodeinfo(request: Request) -> Response:
    """NodeInfo 2.0 or 2.1: Lemmy and others choose what to send us by the software's name."""
    version = request.path_params["version"]
    if version not in ("2.0", "2.1"):
        return answers.problem(404, "no_such_version")
    runtime = _runtime(request)
    async with runtime.db.read() as conn:
        usage = await collections.USAGE.one(conn)
    assert usage is not None
    software: dict[str, str] = {"name": "folkmoot", "version": VERSION}
    content = {
        "version": version,
        "software": software,
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": runtime.settings.registration in ("open", "application"),
        "usage": {
            "users": {
                "total": usage.users,
                "activeMonth": usage.active_month,
                "activeHalfyear": usage.active_half_year,
            },
            "localPosts": usage.threads,
            "localComments": usage.replies,
        },
        "metadata": {},
    }
    profile = f"http://nodeinfo.diaspora.software/ns/schema/{version}#"
    return answers.json(content, f'application/json; profile="{profile}"; charset=utf-8', age=600)


ROUTES = [
    Route("/.well-known/webfinger", webfinger),
    Route("/.well-known/host-meta", host_meta),
    Route("/.well-known/nodeinfo", nodeinfo_links),
    Route("/nodeinfo/{version}", nodeinfo),
]
