"""For `folkmoot check`: whether this instance is found at the address that others know."""

from urllib.parse import quote

import msgspec

from federation.client import user_agent
from federation.egress import EgressPolicy, FetchFailed
from federation.http import AnsweredStatus, Client
from server import clock
from server.db import Command
from server.errors import MootError
from server.runtime import Runtime
from server.settings import network
from server.urls import Urls, authority

# The newest of our own groups or people: any of them must be found by other servers.
ANY_ACTOR = Command(
    """select name from actors where host is null and kind in ('group', 'person') and deleted_at is null
        order by (kind = 'group') desc, id limit 1"""
)
EVERYWHERE = (network("0.0.0.0/0"), network("::/0"))


class NotFoundOutside(MootError):
    """We do not answer for ourselves; the message says what came instead."""


async def find_ourselves(runtime: Runtime) -> str:
    """Ask our own WebFinger over HTTP, as another server does. Returns a line for a person."""
    async with runtime.db.read() as conn:
        name = await ANY_ACTOR.value(conn)
    if name is None:
        return "not tried: nobody lives here yet"
    urls = Urls(runtime.settings.base_url)
    account = f"acct:{name}@{urls.host}"
    # The operator typed this one address; it may well be private, behind a proxy or on this machine.
    client = Client(EgressPolicy(EVERYWHERE), user_agent(runtime.settings), clock.now)
    try:
        answer = await client.get_json(urls.absolute(f"/.well-known/webfinger?resource={quote(account, safe='')}"))
    except AnsweredStatus as answered:
        raise NotFoundOutside(f"{urls.base} answered {answered.status} when asked for {account}") from answered
    except FetchFailed as failed:
        raise NotFoundOutside(f"{urls.base} does not answer: {failed}") from failed
    finally:
        await client.close()
    _check_subject(answer.body, account, urls)
    return f"{account} is found at {authority(urls.base)}"


def _check_subject(body: bytes, account: str, urls: Urls) -> None:
    try:
        subject = msgspec.json.decode(body).get("subject")
    except (msgspec.DecodeError, AttributeError):
        subject = None
    if subject != account:
        raise NotFoundOutside(f"{urls.base} answers, but not about {account}: is it served by this instance?")
