"""What instances read and post to under /ap: actors, posts, activities, collections, inboxes."""

import typing
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from federation import (
    answers,
    collections,
    discovery,
    documents,
    followers,
    inbox,
    keys,
    outbox,
    software,
    spellings,
    visitors,
)
from federation.answers import problem
from federation.documents import CONTEXT, PostRow
from federation.incoming import BadSignature, IncomingRequest
from federation.media_types import is_activity_json
from federation.visitors import guarded
from server.askers import client_key
from server.community import access, actors, groups
from server.community.actors import Actor
from server.community.groups import Group
from server.community.sessions import STRANGER
from server.db import Conn
from server.ids import parse_id
from server.runtime import Runtime
from server.urls import Urls, authority, group_page, person_page, thread_page

FOLDERS = {"people": "person", "groups": "group"}
RETRY_SECONDS = 10


class Asked(typing.NamedTuple):
    """One of our actors, for whoever asks. `insider`: they may read what is written in it, if it is a group.

    `visitor`: who signed, where that was looked at.
    """

    actor: Actor
    group: Group | None
    insider: bool
    visitor: str | None

    @property
    def shared(self) -> bool:
        """Whether what is said of it is the same for everybody, so that caches may keep it."""
        return self.group is None or self.group.visibility == "public"


Reply = Callable[[Request, Runtime, Conn, Asked], Awaitable[Response]]


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


def _of_actor(reply: Reply, *, signed: bool = False) -> visitors.Answer:
    """An address of one of our living people or groups. `signed`: strangers are refused, whatever stands there."""

    async def answer(request: Request, runtime: Runtime) -> Response:
        try:
            visitor = await visitors.proven(runtime, request) if signed else None
        except BadSignature as bad:
            return problem(bad.status, bad.reason)
        kind, name = FOLDERS.get(request.path_params["folder"]), request.path_params["name"]
        async with runtime.db.read() as conn:
            actor = await actors.by_handle(conn, name, None)
            if actor is not None and (actor.kind != kind or actor.suspended_at is not None):
                actor = None
            if actor is not None and actor.deleted_at is not None:
                gone = {"@context": CONTEXT[0], "id": actor.uri, "type": "Tombstone"}
                return answers.document(request, gone, status=410)
            group = await groups.BY_ID.one(conn, actor.id, None) if actor is not None and kind == "group" else None
            if actor is not None and (group is None or group.visibility == "public"):
                return await reply(request, runtime, conn, Asked(actor, group, insider=True, visitor=visitor))
        visitor = await visitors.visitor_of(runtime, request)
        if actor is None or group is None:
            return problem(404, "no_such_actor")
        async with runtime.db.read() as conn:
            insider = await access.instance_may_read(conn, group, authority(visitor) if visitor else None)
            if not insider and not access.may_know(STRANGER, group):
                return problem(404, "no_such_actor")
            return await reply(request, runtime, conn, Asked(actor, group, insider, visitor))

    return answer


async def _actor(request: Request, runtime: Runtime, conn: Conn, asked: Asked) -> Response:
    actor = asked.actor
    if answers.wants_page(request):
        return answers.to_page(group_page(actor.name) if actor.kind == "group" else person_page(actor.name))
    public = await keys.public_keys(conn, actor.id)
    if public is None:
        # Its keys are being made; without them nobody could believe what it says.
        return problem(503, "keys_not_made_yet", RETRY_SECONDS)
    document = documents.actor_document(Urls(runtime.settings.base_url), actor, public, asked.group)
    return answers.document(request, document, shared=asked.shared)


async def _outbox(request: Request, _runtime: Runtime, conn: Conn, asked: Asked) -> Response:
    if not asked.insider:
        return problem(404, "no_such_collection")
    actor_id, uri, private = asked.actor.id, f"{asked.actor.uri}/outbox", not asked.shared
    page = request.query_params.get("page")
    if page is None:
        total = await collections.OUTBOX_COUNT.value(conn, actor_id, private)
        return answers.document(request, collections.head(uri, total), shared=asked.shared)
    content = await collections.outbox_page(conn, actor_id, uri, page, private=private)
    if content is None:
        return problem(404, "no_such_page")
    return answers.document(request, content, shared=asked.shared)


async def _followers(request: Request, _runtime: Runtime, conn: Conn, asked: Asked) -> Response:
    somebody = request.query_params.get("is_follower")
    if somebody is not None and not await _has_member(conn, asked, authority(somebody)):
        return problem(404, "no_such_follower")
    uri, page = f"{asked.actor.uri}/followers", request.query_params.get("page")
    # Who belongs to a private group is for those who belong to it (H11); who follows a person, for nobody. What stands
    # in no list is named by nobody's page, so that nobody has agreed to be found there either.
    named = asked.group is not None and asked.shared and asked.group.discoverable
    content = await collections.followers(conn, asked.actor.id, uri, page, named=named)
    if content is None:
        return problem(404, "no_such_page")
    return answers.document(request, content, shared=asked.shared)


async def _followers_synchronization(request: Request, _runtime: Runtime, conn: Conn, asked: Asked) -> Response:
    """Those of the signing server's own people who follow (FEP-8fcf): about others it learns nothing."""
    host = authority(asked.visitor) if asked.visitor else None
    own: list[object] = [one.item for one in await collections.FOLLOWERS_OF_HOST.all(conn, asked.actor.id, host)]
    content = collections.whole(followers.synchronization_url(asked.actor.uri), own)
    return answers.document(request, content, shared=False)


async def _has_member(conn: Conn, asked: Asked, host: str | None) -> bool:
    """Lemmy's question to a private group, before it shows a post of its own there to a third server."""
    if asked.group is None or asked.shared or not asked.insider:
        return False
    return await access.instance_may_read(conn, asked.group, host)


async def _featured(request: Request, runtime: Runtime, conn: Conn, asked: Asked) -> Response:
    if not asked.insider:
        return problem(404, "no_such_collection")
    urls = Urls(runtime.settings.base_url)
    pinned = await documents.FEATURED.all(conn, asked.actor.id)
    items: list[object] = [documents.post_document(urls, post) for post in pinned]
    content = collections.whole(f"{asked.actor.uri}/featured", items) | {"@context": CONTEXT}
    return answers.document(request, content, shared=asked.shared)


async def _moderators(request: Request, _runtime: Runtime, conn: Conn, asked: Asked) -> Response:
    if asked.group is None:
        return problem(404, "no_such_collection")
    items: list[object] = [one.item for one in await collections.MODERATORS.all(conn, asked.actor.id)]
    uri = f"{asked.actor.uri}/moderators"
    # Who belongs to a private group is for those who belong to it (H11).
    content = collections.whole(uri, items) if asked.insider else collections.counted(uri, len(items))
    return answers.document(request, content, shared=asked.shared)


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


async def instance_outbox(request: Request, runtime: Runtime) -> Response:
    uri = Urls(runtime.settings.base_url).instance_actor
    return answers.document(request, collections.whole(f"{uri}/outbox", []))


def _exists(post: PostRow, *, of_our_groups: bool) -> bool:
    """Whether there is such a post, for those for whom its group is. What is held, waiting or not ours is none (H6).

    `of_our_groups`: also others' posts in our groups, whose conversation is here.
    """
    ours = post.local or (of_our_groups and post.group_host is None)
    if not ours or post.visibility == "local" or post.position is None:
        return False
    if post.state in ("published", "removed", "deleted") and post.announced_at is not None:
        return True
    # In a group elsewhere that has not announced it yet, that group's server must be able to read it.
    return post.state == "published" and post.group_host is not None


async def _post_row(request: Request, runtime: Runtime, *, of_our_groups: bool = False) -> PostRow | None:
    """The post that is asked for, if the asking instance may read it."""
    post_id = parse_id(request.path_params["id"])
    async with runtime.db.read() as conn:
        post = await documents.BY_ID.one(conn, post_id) if post_id is not None else None
    if post is not None and post.visibility == "public":
        return post if _exists(post, of_our_groups=of_our_groups) else None
    visitor = await visitors.visitor_of(runtime, request)
    if post is None or not _exists(post, of_our_groups=of_our_groups):
        return None
    return post if await visitors.reads(runtime, post.group_id, visitor) else None


async def post(request: Request, runtime: Runtime) -> Response:
    """A thread or reply of ours; 410 with a Tombstone once it is removed or deleted."""
    found = await _post_row(request, runtime)
    if found is None:
        return problem(404, "no_such_post")
    if answers.wants_page(request):
        return answers.to_page(thread_page(found.id))
    public = found.visibility == "public"
    if found.state != "published":
        return answers.document(request, documents.tombstone(found), status=410, shared=public)
    async with runtime.db.read() as conn:
        signature = request.headers.get("signature-input") or request.headers.get("signature", "")
        reader = await software.reader_software(conn, signature)
    urls = Urls(runtime.settings.base_url)
    spelling = spellings.of(found, reader)
    # How many thanked, and nobody's name (H12); Mastodon shows it beside the post.
    likes = {"id": f"{urls.post(found.id)}/likes", "type": "Collection", "totalItems": found.thank_count}
    document = {"@context": CONTEXT} | spellings.spell(urls, found, spelling) | {"likes": likes}
    return answers.document(request, document, shared=public and spelling is spellings.of(found, None))


async def likes(request: Request, runtime: Runtime) -> Response:
    """How many thanked for a post of ours."""
    found = await _post_row(request, runtime)
    if found is None or found.state != "published":
        return problem(404, "no_such_post")
    uri = f"{Urls(runtime.settings.base_url).post(found.id)}/likes"
    content = collections.counted(uri, found.thank_count) | {"type": "Collection"}
    return answers.document(request, content, shared=found.visibility == "public")


async def replies(request: Request, runtime: Runtime) -> Response:
    """The direct replies of a post: Mastodon walks them to find the whole thread."""
    return await _post_collection(request, runtime, "replies")


async def context(request: Request, runtime: Runtime) -> Response:
    """All posts of a thread (FEP-7888)."""
    return await _post_collection(request, runtime, "context")


async def _post_collection(request: Request, runtime: Runtime, name: str) -> Response:
    query, total = (
        (collections.REPLIES, collections.REPLIES_COUNT)
        if name == "replies"
        else (collections.THREAD, collections.THREAD_COUNT)
    )
    found = await _post_row(request, runtime, of_our_groups=name == "context")
    if found is None or found.state == "deleted":
        return problem(404, "no_such_post")
    shared = found.visibility == "public"
    uri = f"{Urls(runtime.settings.base_url).post(found.id)}/{name}"
    page = request.query_params.get("page")
    async with runtime.db.read() as conn:
        if page is None:
            content = collections.head(uri, await total.value(conn, found.id))
            if name == "context":
                content |= {"attributedTo": found.group_uri}
            return answers.document(request, content, shared=shared)
        after = collections.cursor(page)
        if after is None:
            return problem(404, "no_such_page")
        items = await query.all(conn, found.id, after, collections.PAGE)
        content = collections.page_of(uri, page, items)
        if name == "context":
            content["orderedItems"] = await _written_out(conn, runtime, found.id, [one.item for one in items])
    return answers.document(request, content, shared=shared)


async def _written_out(conn: Conn, runtime: Runtime, root_id: int, uris: list[str]) -> list[object]:
    """The posts of a thread, ours with their text: who reads a whole thread need not ask for each of them (FEP-f228).

    What others wrote is theirs to tell, so it stays an id.
    """
    urls = Urls(runtime.settings.base_url)
    rows = await documents.OF_THREAD.all(conn, root_id, uris)
    written = {post.uri: documents.post_document(urls, post) for post in rows if post.local}
    return [written.get(uri, uri) for uri in uris]


async def activity(request: Request, runtime: Runtime) -> Response:
    """An activity of ours, as it was sent. Lemmy, PieFed and Mastodon ask for what they were told of."""
    activity_id = parse_id(request.path_params["id"])
    async with runtime.db.read() as conn:
        stored = await outbox.BY_ID.one(conn, activity_id) if activity_id is not None else None
        about = await documents.BY_ID.one(conn, stored.post_id) if stored and stored.post_id is not None else None
    private = about is not None and about.visibility != "public"
    if stored is None or private or not stored.public:
        visitor = await visitors.visitor_of(runtime, request)
        # What names no event is between two servers: a vote, a Follow and its answer.
        if stored is None or about is None or stored.event is None:
            return problem(404, "no_such_activity")
        if not await visitors.reads(runtime, about.group_id, visitor):
            return problem(404, "no_such_activity")
    # An activity shows its post's text: it goes when the post goes.
    if about is not None and not about.shown and stored.type in ("Create", "Update", "Announce"):
        return problem(410, "gone")
    return answers.document(request, stored.body.encode(), shared=not private)


def routes() -> list[BaseRoute]:
    """All addresses for instances; the web application mounts them."""
    actor = "/ap/{folder:str}/{name:str}"
    return [
        *discovery.ROUTES,
        Route("/ap/inbox", post_to_inbox, methods=["POST"]),
        Route("/ap/instance", instance_actor),
        Route("/ap/instance/inbox", post_to_inbox, methods=["POST"]),
        Route("/ap/instance/outbox", guarded(instance_outbox)),
        Route("/ap/posts/{id}", guarded(post, page=True)),
        Route("/ap/posts/{id}/likes", guarded(likes)),
        Route("/ap/posts/{id}/replies", guarded(replies)),
        Route("/ap/posts/{id}/context", guarded(context)),
        Route("/ap/activities/{id}", guarded(activity)),
        Route(actor, guarded(_of_actor(_actor), page=True)),
        Route(f"{actor}/inbox", post_to_inbox, methods=["POST"]),
        Route(f"{actor}/outbox", guarded(_of_actor(_outbox))),
        Route(f"{actor}/followers", guarded(_of_actor(_followers))),
        Route(f"{actor}/followers_synchronization", guarded(_of_actor(_followers_synchronization, signed=True))),
        Route(f"{actor}/featured", guarded(_of_actor(_featured))),
        Route(f"{actor}/moderators", guarded(_of_actor(_moderators))),
    ]
