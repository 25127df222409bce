"""Fetches the block lists that admins subscribe to. What they say waits for a person: here nothing is blocked."""

import structlog

from federation.client import Outgoing
from federation.egress import FetchFailed
from federation.http import AnsweredStatus
from moderation import blocklists, subscriptions
from server.errors import Invalid, NotFound
from server.runtime import Runtime
from server.urls import Urls

log = structlog.get_logger(__name__)


async def fetch_policy_list(runtime: Runtime, *, list_id: int) -> None:
    """Errand: read one list. Where that fails its admin is shown why, and it is tried again when its time comes."""
    async with runtime.db.read() as conn:
        try:
            found = await subscriptions.one(conn, list_id)
        except NotFound:
            return
    try:
        fetched = await (await runtime.use(Outgoing)).get_text(found.url, etag=found.etag, limit=blocklists.MAX_TEXT)
        parsed = blocklists.parse(Urls(runtime.settings.base_url), fetched.body.decode("utf-8"))
    except AnsweredStatus as answer:
        async with runtime.db.transaction() as conn:
            if answer.status == 304:
                await subscriptions.note_unchanged(conn, list_id)
            else:
                await subscriptions.note_failure(conn, list_id, answer.reason)
        return
    except (FetchFailed, UnicodeDecodeError, Invalid) as failed:
        too_large_or_no_text = "too_large" if isinstance(failed, Invalid) else "not_text"
        async with runtime.db.transaction() as conn:
            reason = failed.reason if isinstance(failed, FetchFailed) else too_large_or_no_text
            await subscriptions.note_failure(conn, list_id, reason)
        return
    async with runtime.db.transaction() as conn:
        if parsed.listed:
            await subscriptions.offer(conn, list_id, parsed, fetched.etag)
        else:
            # An error page served as a success must not look like a list that forgives everybody.
            await subscriptions.note_failure(conn, list_id, "nothing_readable")
