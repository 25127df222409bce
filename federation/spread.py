"""Effect jobs: what happened here, told to other servers. Each runs once, in the transaction that ends its job."""

from federation import delivery, documents, outbox, verdicts
from federation.activities import create, deed, delete, flag, follow, like, notice, poll, update
from federation.documents import PostRow
from server.community import actors, memberships
from server.db import Conn
from server.runtime import Runtime
from server.urls import Urls


async def spread_post(conn: Conn, runtime: Runtime, *, post_id: int, event: str) -> None:
    """A post was published, changed, deleted, removed or restored: tell who should know, each in their form."""
    urls = Urls(runtime.settings.base_url)
    post = await documents.BY_ID.one(conn, post_id)
    # What is written in a local group exists for nobody elsewhere.
    if post is None or post.visibility == "local":
        return
    verb, _, detail = event.partition(":")
    if verb in ("delete", "remove"):
        # A server that was away must not get the text now (I-6); the removal goes out all the same.
        await delivery.withdraw(conn, post_id)
    if post.group_host is not None:
        await _tell_remote_group(conn, urls, post, verb, event)
    elif verb == "create":
        await create.spread(conn, urls, post, event)
    elif verb == "update":
        await update.spread(conn, urls, post, event, int(detail))
    elif verb == "delete":
        await delete.spread(conn, urls, post, event)
    elif verb == "remove":
        await delete.spread_removal(conn, urls, post, event, int(detail))
    elif verb == "restore":
        await delete.spread_restore(conn, urls, post, event, int(detail))


async def _tell_remote_group(conn: Conn, urls: Urls, post: PostRow, verb: str, event: str) -> None:
    """A post in a group elsewhere: its author's own words go to that group; a removal here stays here."""
    if not post.local:
        return
    readers = [*await outbox.inbox_of(conn, post.group_id), *await create.told_directly(conn, post)]
    if verb in ("create", "update"):
        await create.tell(conn, urls, post, event, readers, verb.capitalize())
    elif verb == "delete":
        activity = await delete.record(conn, urls, post, event)
        await outbox.send(conn, activity, post.author_id, readers, f"post:{post.id}")


async def spread_vote(
    conn: Conn, runtime: Runtime, *, person_id: int, post_id: int, event: str, uri: str | None = None
) -> None:
    """Somebody thanked, or took it back."""
    await like.spread(conn, Urls(runtime.settings.base_url), person_id, post_id, event, uri)


async def spread_poll(conn: Conn, runtime: Runtime, *, post_id: int) -> None:
    """Votes have come, or a poll has closed: those who have it learn the totals."""
    await update.spread_totals(conn, Urls(runtime.settings.base_url), post_id)


async def spread_poll_vote(conn: Conn, runtime: Runtime, *, person_id: int, post_id: int) -> None:
    """One of our people voted in a poll whose author lives elsewhere: votes are counted there."""
    await poll.spread_vote(conn, Urls(runtime.settings.base_url), person_id, post_id)


async def spread_membership(conn: Conn, runtime: Runtime, *, person_id: int, target_id: int, event: str) -> None:
    """One of our people joins or leaves a group elsewhere."""
    urls = Urls(runtime.settings.base_url)
    person, target = await actors.by_id(conn, person_id), await actors.by_id(conn, target_id)
    membership = await memberships.one(conn, person_id, target_id)
    if event == "follow":
        # Left again before we came to it.
        if membership is not None:
            await follow.send_follow(conn, urls, person, target)
    else:
        await follow.send_unfollow(conn, urls, person, target)


async def spread_actor(conn: Conn, runtime: Runtime, *, actor_id: int) -> None:
    """One of our actors changed how it presents itself."""
    await update.spread_actor(conn, Urls(runtime.settings.base_url), await actors.by_id(conn, actor_id))


async def spread_decision(conn: Conn, runtime: Runtime, *, decision_id: int) -> None:
    """The author of a post that was refused or removed lives elsewhere: the group writes to them."""
    await notice.send_decision(conn, Urls(runtime.settings.base_url), decision_id)


async def spread_deed(conn: Conn, runtime: Runtime, *, deed_id: int) -> None:
    """A moderator banned somebody, closed or pinned a thread, made a moderator, or took that back."""
    urls = Urls(runtime.settings.base_url)
    done = await verdicts.deed(conn, deed_id)
    await deed.spread(conn, urls, done)
    if done.verb in ("ban", "unban"):
        await notice.send_ban(conn, urls, done)


async def spread_report(conn: Conn, runtime: Runtime, *, report_id: int) -> None:
    """A report about a post in a group elsewhere goes there, in the name of this instance."""
    await flag.send_report(conn, Urls(runtime.settings.base_url), report_id)
