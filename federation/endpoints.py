"""What instances read and post to under /ap: actors, posts, activities, collections, inboxes."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from federation import answers, collections, discovery, documents, inbox, keys, outbox, software, spellings
from federation.answers import problem
from federation.documents import CONTEXT, PostRow
from federation.incoming import IncomingRequest
from federation.media_types import is_activity_json
from server.askers import client_key
from server.community import actors, groups
from server.community.actors import Actor
from server.db import Conn
from server.ids import parse_id
from server.runtime import Runtime
from server.urls import Urls, group_page, person_page, thread_page

FOLDERS = {"people": "person", "groups": "group"}
RETRY_SECONDS = 10

Reply = Callable[[Request, Runtime, Conn, Actor], Awaitable[Response]]


def _runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def post_to_inbox(request: Request) -> Response:
    """Every inbox, shared or personal: whom it is for stands in the activity."""
    if not is_activity_json(request.headers.get("content-type", "")):
        # Said before the body is read, so that nobody makes us take in something large for nothing (D13).
        return problem(415, "not_activity_json")
    body = await request.body()
    runtime = _runtime(request)
    asker = client_key(request.scope, runtime.settings)
    answer = await inbox.take(runtime, IncomingRequest.from_scope(request.scope, body, asker))
    if answer.status == 202:
        return Response(status_code=202)
    return problem(answer.status, answer.reason, answer.retry_after)


def _of_actor(reply: Reply) -> Callable[[Request], Awaitable[Response]]:
    """An address of one of our living people or groups."""

    async def endpoint(request: Request) -> Response:
        kind = FOLDERS.get(request.path_params["folder"])
        runtime = _runtime(request)
        async with runtime.db.read() as conn:
            actor = await actors.by_handle(conn, request.path_params["name"], None)
            if actor is None or actor.kind != kind or actor.suspended_at is not None:
                return problem(404, "no_such_actor")
            if actor.deleted_at is not None:
                gone = {"@context": CONTEXT[0], "id": actor.uri, "type": "Tombstone"}
                return answers.document(request, gone, status=410)
            return await reply(request, runtime, conn, actor)

    return endpoint


async def _actor(request: Request, runtime: Runtime, conn: Conn, actor: Actor) -> Response:
    if answers.wants_page(request):
        return answers.to_page(group_page(actor.name) if actor.kind == "group" else person_page(actor.name))
    public = await keys.public_keys(conn, actor.id)
    if public is None:
        # Its keys are being made; without them nobody could believe what it says.
        return problem(503, "keys_not_made_yet", RETRY_SECONDS)
    group = await groups.BY_ID.one(conn, actor.id, None) if actor.kind == "group" else None
    document = documents.actor_document(Urls(runtime.settings.base_url), actor, public, group)
    return answers.document(request, document)


async def _outbox(request: Request, _runtime: Runtime, conn: Conn, actor: Actor) -> Response:
    uri = f"{actor.uri}/outbox"
    page = request.query_params.get("page")
    if page is None:
        return answers.document(request, collections.head(uri, await collections.OUTBOX_COUNT.value(conn, actor.id)))
    content = await collections.outbox_page(conn, actor.id, uri, page)
    return answers.document(request, content) if content is not None else problem(404, "no_such_page")


async def _followers(request: Request, _runtime: Runtime, conn: Conn, actor: Actor) -> Response:
    total = await collections.FOLLOWERS_COUNT.value(conn, actor.id)
    return answers.document(request, collections.counted(f"{actor.uri}/followers", total))


async def _featured(request: Request, runtime: Runtime, conn: Conn, actor: Actor) -> Response:
    urls = Urls(runtime.settings.base_url)
    pinned = await documents.FEATURED.all(conn, actor.id)
    items: list[object] = [documents.post_document(urls, post) for post in pinned]
    return answers.document(request, collections.whole(f"{actor.uri}/featured", items) | {"@context": CONTEXT})


async def _moderators(request: Request, _runtime: Runtime, conn: Conn, actor: Actor) -> Response:
    if actor.kind != "group":
        return problem(404, "no_such_collection")
    items: list[object] = [one.item for one in await collections.MODERATORS.all(conn, actor.id)]
    return answers.document(request, collections.whole(f"{actor.uri}/moderators", items))


async def instance_actor(request: Request) -> Response:
    """Always served unsigned: others verify with it what we ask them."""
    runtime = _runtime(request)
    urls = Urls(runtime.settings.base_url)
    async with runtime.db.read() as conn:
        actor = await actors.by_uri(conn, urls.instance_actor)
        public = await keys.public_keys(conn, actor.id) if actor is not None else None
    if actor is None or public is None:
        return problem(503, "keys_not_made_yet", RETRY_SECONDS)
    return answers.document(request, documents.actor_document(urls, actor, public))


async def instance_outbox(request: Request) -> Response:
    uri = Urls(_runtime(request).settings.base_url).instance_actor
    return answers.document(request, collections.whole(f"{uri}/outbox", []))


async def _post_row(request: Request, conn: Conn, *, of_our_groups: bool = False) -> PostRow | None:
    """A post of our people; with `of_our_groups` also others' posts in our groups, whose conversation is here."""
    post_id = parse_id(request.path_params["id"])
    post = await documents.BY_ID.one(conn, post_id) if post_id is not None else None
    # What is held, waiting or not ours does not exist for others (H6).
    ours = post is not None and (post.local or (of_our_groups and post.group_host is None))
    if post is None or not ours or post.visibility != "public" or post.position is None:
        return None
    if post.state in ("published", "removed", "deleted") and post.announced_at is not None:
        return post
    # In a group elsewhere that has not announced it yet, that group's server must be able to read it.
    return post if post.state == "published" and post.group_host is not None else None


async def post(request: Request) -> Response:
    """A thread or reply of ours; 410 with a Tombstone once it is removed or deleted."""
    runtime = _runtime(request)
    async with runtime.db.read() as conn:
        found = await _post_row(request, conn)
        if found is None:
            return problem(404, "no_such_post")
        if answers.wants_page(request):
            return answers.to_page(thread_page(found.id))
        if found.state != "published":
            return answers.document(request, documents.tombstone(found), status=410)
        signature = request.headers.get("signature-input") or request.headers.get("signature", "")
        reader = await software.reader_software(conn, signature)
    urls = Urls(runtime.settings.base_url)
    spelling = spellings.of(found, reader)
    # How many thanked, and nobody's name (H12); Mastodon shows it beside the post.
    likes = {"id": f"{urls.post(found.id)}/likes", "type": "Collection", "totalItems": found.thank_count}
    document = {"@context": CONTEXT} | spellings.spell(urls, found, spelling) | {"likes": likes}
    return answers.document(request, document, shared=spelling is spellings.of(found, None))


async def likes(request: Request) -> Response:
    """How many thanked for a post of ours."""
    runtime = _runtime(request)
    async with runtime.db.read() as conn:
        found = await _post_row(request, conn)
    if found is None or found.state != "published":
        return problem(404, "no_such_post")
    uri = f"{Urls(runtime.settings.base_url).post(found.id)}/likes"
    return answers.document(request, collections.counted(uri, found.thank_count) | {"type": "Collection"})


async def replies(request: Request) -> Response:
    """The direct replies of a post: Mastodon walks them to find the whole thread."""
    return await _post_collection(request, "replies")


async def context(request: Request) -> Response:
    """All posts of a thread (FEP-7888)."""
    return await _post_collection(request, "context")


async def _post_collection(request: Request, name: str) -> Response:
    query, total = (
        (collections.REPLIES, collections.REPLIES_COUNT)
        if name == "replies"
        else (collections.THREAD, collections.THREAD_COUNT)
    )
    runtime = _runtime(request)
    async with runtime.db.read() as conn:
        found = await _post_row(request, conn, of_our_groups=name == "context")
        if found is None or found.state == "deleted":
            return problem(404, "no_such_post")
        uri = f"{Urls(runtime.settings.base_url).post(found.id)}/{name}"
        page = request.query_params.get("page")
        if page is None:
            content = collections.head(uri, await total.value(conn, found.id))
            if name == "context":
                content |= {"attributedTo": found.group_uri}
            return answers.document(request, content)
        after = collections.cursor(page)
        if after is None:
            return problem(404, "no_such_page")
        items = await query.all(conn, found.id, after, collections.PAGE)
        content = collections.page_of(uri, page, items)
        if name == "context":
            content["orderedItems"] = await _written_out(conn, runtime, found.id, [one.item for one in items])
    return answers.document(request, content)


async def _written_out(conn: Conn, runtime: Runtime, root_id: int, uris: list[str]) -> list[object]:
    """The posts of a thread, ours with their text: who reads a whole thread need not ask for each of them (FEP-f228).

    What others wrote is theirs to tell, so it stays an id.
    """
    urls = Urls(runtime.settings.base_url)
    rows = await documents.OF_THREAD.all(conn, root_id, uris)
    written = {post.uri: documents.post_document(urls, post) for post in rows if post.local}
    return [written.get(uri, uri) for uri in uris]


async def activity(request: Request) -> Response:
    """An activity of ours, as it was sent. Lemmy, PieFed and Mastodon ask for what they were told of."""
    activity_id = parse_id(request.path_params["id"])
    async with _runtime(request).db.read() as conn:
        stored = await outbox.BY_ID.one(conn, activity_id) if activity_id is not None else None
        if stored is None or not stored.public:
            return problem(404, "no_such_activity")
        about = await documents.BY_ID.one(conn, stored.post_id) if stored.post_id is not None else None
    # An activity shows its post's text: it goes when the post goes.
    if about is not None and not about.public and stored.type in ("Create", "Update", "Announce"):
        return problem(410, "gone")
    return answers.document(request, stored.body.encode())


def routes() -> list[BaseRoute]:
    """All addresses for instances; the web application mounts them."""
    actor = "/ap/{folder:str}/{name:str}"
    return [
        *discovery.ROUTES,
        Route("/ap/inbox", post_to_inbox, methods=["POST"]),
        Route("/ap/instance", instance_actor),
        Route("/ap/instance/inbox", post_to_inbox, methods=["POST"]),
        Route("/ap/instance/outbox", instance_outbox),
        Route("/ap/posts/{id}", post),
        Route("/ap/posts/{id}/likes", likes),
        Route("/ap/posts/{id}/replies", replies),
        Route("/ap/posts/{id}/context", context),
        Route("/ap/activities/{id}", activity),
        Route(actor, _of_actor(_actor)),
        Route(f"{actor}/inbox", post_to_inbox, methods=["POST"]),
        Route(f"{actor}/outbox", _of_actor(_outbox)),
        Route(f"{actor}/followers", _of_actor(_followers)),
        Route(f"{actor}/featured", _of_actor(_featured)),
        Route(f"{actor}/moderators", _of_actor(_moderators)),
    ]
