"""Messages to single people: there is no place for them yet, so the one they are for is told that one came."""

from federation import parse
from federation.documents import Document
from federation.parse import Unacceptable
from federation.received import Ignored, Received
from moderation import instances
from server.community import notifications
from server.db import Conn, Query, Row

TYPES = ("ChatMessage",)
MOST_A_DAY = 20
MAX_RECIPIENTS = 20


class _Recipient(Row, frozen=True):
    id: int
    kind: str


OURS = Query(
    _Recipient,
    """select id, kind from actors
        where uri = any($1::text[]) and (host is null or kind = 'group')
          and suspended_at is null and deleted_at is null""",
)


async def receive(conn: Conn, got: Received, message: Document) -> None:
    """A `ChatMessage`, as Lemmy 0.19, PieFed, Mbin and Pleroma send them."""
    if parse.author_of(message) != got.sender.uri:
        raise Unacceptable("author_is_not_actor")
    if not await tell(conn, got, tuple(parse.recipients(message))):
        raise Ignored("not_public")


async def tell(conn: Conn, got: Received, named: tuple[str, ...]) -> bool:
    """Tell each of our people who are `named` who wrote to them, and nothing of what; False where it is for none.

    What names a group as well belongs there, also one elsewhere, whose members may write to us so. People of an
    instance that we limit do not ring at our doors.
    """
    recipients = await OURS.all(conn, list(named))
    if not recipients or any(one.kind == "group" for one in recipients):
        return False
    if await instances.policy_of(conn, got.sender.host or "") != instances.OPEN:
        return False
    for recipient in recipients[:MAX_RECIPIENTS]:
        await notifications.notify_seldom(
            conn, recipient.id, "private_message", actor_id=got.sender.id, most=MOST_A_DAY
        )
    return True
