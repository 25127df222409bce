"""Sets the clock back for one transaction, so that the demo's past happens at the times that it tells of."""

import contextlib
import datetime as dt
from collections.abc import Iterator

from server import clock
from server.db import Command, Conn

# Local to the transaction: when it ends, the database tells the true time again by itself.
SET = Command("select set_config('folkmoot.clock_offset', ($1::timestamptz - now())::text, true)")


@contextlib.contextmanager
def true_time_afterwards() -> Iterator[None]:
    """Python's clock is as before when the block ends, however it ends."""
    before = clock.offset()
    try:
        yield
    finally:
        clock.move_to_offset(before)


async def move_to(conn: Conn, moment: dt.datetime) -> None:
    """Let it be `moment`, in the transaction of `conn` and in this process. Only the demo's own process may do this."""
    await SET.value(conn, moment)
    clock.move_to_offset(moment - (clock.now() - clock.offset()))
