"""Who asks to read: the instance behind a signed GET. Whoever proves nothing is a stranger, and reads as one.

What an instance may read is decided in `access`; in secure mode a stranger reads nothing here at all.
"""

import dataclasses
import time
import typing
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from federation import answers, remote, senders
from federation.budget import FetchBudget
from federation.client import Outgoing
from federation.egress import FetchFailed
from federation.incoming import BadSignature, IncomingRequest
from federation.signature_headers import read_signature
from moderation import instances
from server.askers import client_key
from server.community import access, groups
from server.runtime import Runtime
from server.urls import authority

VOUCHED_SECONDS = 300.0
KEPT_ANSWERS = 5000
ASKING_SECONDS = 5.0

Endpoint = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Request, Runtime], Awaitable[Response]]


def _incoming(runtime: Runtime, request: Request) -> IncomingRequest:
    return IncomingRequest.from_scope(request.scope, b"", client_key(request.scope, runtime.settings))


async def proven(runtime: Runtime, request: Request) -> str:
    """The actor who signed; BadSignature where none did. Asked twice, it verifies once."""
    if not hasattr(request.state, "visitor"):
        request.state.visitor = await _verified(runtime, _incoming(runtime, request))
    visitor: str = request.state.visitor
    return visitor


async def _verified(runtime: Runtime, asked: IncomingRequest) -> str:
    try:
        return (await senders.verify(runtime, asked)).signer_uri
    except BadSignature as bad:
        path, query, _ = asked.target.partition("?")
        if bad.reason != "wrong_signature" or not query:
            raise
    # Older Mastodons and GoToSocial sign a GET by its path alone. Who they are is all that we need to know.
    return (await senders.verify(runtime, dataclasses.replace(asked, target=path))).signer_uri


async def visitor_of(runtime: Runtime, request: Request) -> str | None:
    """The actor who signed this GET, None for a stranger. May fetch a key, so hold no connection meanwhile.

    Ask it for what does not exist as well: otherwise whoever names a key on a server of their own could tell by our
    fetching it that there is something.
    """
    try:
        return await proven(runtime, request)
    except BadSignature:
        return None


async def reads(runtime: Runtime, group_id: int, visitor: str | None) -> bool:
    """Whether an actor's instance may read what is written in a group; a group elsewhere is asked about its members."""
    async with runtime.db.read() as conn:
        group = await groups.BY_ID.one(conn, group_id, None)
        if group is None:
            return False
        if await access.instance_may_read(conn, group, authority(visitor) if visitor else None):
            return True
        home = await remote.inboxes(conn, group.id) if group.host is not None else None
    if home is None or home.followers is None or visitor is None or group.visibility != "private":
        return False
    return await (await runtime.use(Vouching)).has_member(home.followers, visitor)


class Vouching:
    """What groups elsewhere said of whose instances have members there, kept for a while.

    Lemmy's way: a private group's `followers` answer `is_follower` by their status, to servers with a member.
    """

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._said: dict[tuple[str, str], tuple[bool, float]] = {}

    @classmethod
    async def open(cls, runtime: Runtime) -> typing.Self:
        return cls(await runtime.use(Outgoing))

    async def close(self) -> None:
        """Nothing is held."""

    async def has_member(self, followers: str, visitor: str) -> bool:
        about = (followers, authority(visitor) or "")
        said = self._said.get(about)
        if said is not None and said[1] > time.monotonic():
            return said[0]
        if len(self._said) >= KEPT_ANSWERS:
            self._said.clear()
        answer = await self._ask(f"{followers}?is_follower={quote(visitor, safe='')}")
        self._said[about] = (answer, time.monotonic() + VOUCHED_SECONDS)
        return answer

    async def _ask(self, url: str) -> bool:
        try:
            await self._outgoing.get_signed(url, FetchBudget(fetches=2, seconds=ASKING_SECONDS))
        except FetchFailed:
            return False
        return True


async def _refusal(runtime: Runtime, request: Request) -> BadSignature | None:
    """Why nothing at all is shown: the instance is blocked, or in secure mode proves not who it is."""
    try:
        if runtime.settings.secure_mode:
            await proven(runtime, request)
        elif request.headers.get("signature"):
            # Whoever claims to be blocked is taken at their word.
            claimed = authority(read_signature(_incoming(runtime, request)).key_id)
            if claimed and await (await runtime.use(instances.PolicySnapshot)).is_blocked(claimed):
                return BadSignature("blocked", 403)
    except BadSignature as bad:
        # Outside secure mode a signature that cannot be read makes a stranger.
        return bad if runtime.settings.secure_mode else None
    return None


def guarded(answer: Answer, *, page: bool = False) -> Endpoint:
    """An address for instances to read. `page`: browsers are sent on from here to a page, signed or not."""

    async def endpoint(request: Request) -> Response:
        runtime: Runtime = request.app.state.runtime
        refused = None if page and answers.wants_page(request) else await _refusal(runtime, request)
        if refused is not None:
            return answers.problem(refused.status, refused.reason)
        response = await answer(request, runtime)
        if runtime.settings.secure_mode:
            response.headers["Cache-Control"] = answers.NOT_SHARED
        return response

    return endpoint
