"""Starts a real process of the product in which named places can be made fatal: `launch web|worker --supervised`.

Writing a place's name to the file `armed` of its data folder kills the process, as `kill -9` does, the next time it
comes there. The file is renamed to `fired`: it kills once, and the test knows. Of all this the product knows nothing.
"""

import datetime as dt
import functools
import importlib
import inspect
import os
import signal
import typing
from collections.abc import Callable
from pathlib import Path

from federation import lanes
from server import __main__, jobs

BEFORE, AFTER = "before", "after"
# Name of the place -> what is wrapped, and on which side of it death comes.
PLACES: dict[str, tuple[str, str]] = {
    "post_inserted": ("server.community.posts:ADD.one", AFTER),
    "post_submitted": ("server.community.posts:submit_post", AFTER),
    "about_to_answer": ("starlette.responses:Response.__call__", BEFORE),
    "about_to_publish": ("server.community.posts:publish_revision", BEFORE),
    "published": ("server.community.posts:publish_revision", AFTER),
    "screened": ("moderation.screening:screen_revision", AFTER),
    "job_committed": ("server.worker:run_effect", AFTER),
    "activity_written": ("federation.outbox:record", AFTER),
    "post_spread": ("federation.spread:spread_post", AFTER),
    "sender_verified": ("federation.senders:verify", AFTER),
    "activity_seen": ("federation.inbox:SEE.one", AFTER),
    "activity_committed": ("federation.inbox:_effect", AFTER),
    "decision_written": ("moderation.decisions:ADD.run", AFTER),
    "post_decided": ("moderation.decisions:_decide", AFTER),
    "thanked": ("server.community.votes:thank", AFTER),
    "lanes_leased": ("federation.delivery:Courier._load", BEFORE),
    "about_to_send": ("federation.delivery:attempt", BEFORE),
    "sent": ("federation.delivery:attempt", AFTER),
    "delivery_deleted": ("federation.delivery:DONE.run", AFTER),
}
FOLDER = Path(os.environ["FOLKMOOT_DATA_DIR"])


def die_at(place: str) -> None:
    try:
        armed = (FOLDER / "armed").read_text()
    except FileNotFoundError:
        return
    if armed == place:
        (FOLDER / "armed").rename(FOLDER / "fired")
        os.kill(os.getpid(), signal.SIGKILL)


def wrap(places: dict[str, str], original: Callable[..., typing.Any]) -> Callable[..., typing.Any]:
    """`places` by side. A False tells that nothing was done: no place of interest."""
    before, after = places.get(BEFORE, ""), places.get(AFTER, "")
    if not inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        def plain(*args: object, **more: object) -> object:
            die_at(before)
            result = original(*args, **more)
            die_at(after)
            return result

        return plain

    @functools.wraps(original)
    async def wrapped(*args: object, **more: object) -> object:
        die_at(before)
        result = await original(*args, **more)
        if result is not False:
            die_at(after)
        return result

    return wrapped


def install() -> None:
    by_target: dict[str, dict[str, str]] = {}
    for place, (target, side) in PLACES.items():
        by_target.setdefault(target, {})[side] = place
    for target, places in by_target.items():
        module, _, path = target.partition(":")
        *owners, name = path.split(".")
        owner = functools.reduce(getattr, owners, importlib.import_module(module))
        setattr(owner, name, wrap(places, getattr(owner, name)))


def shorten_leases() -> None:
    """What a killed process had taken comes back in seconds, so that tests need not wait for minutes."""
    lease = dt.timedelta(seconds=4)
    jobs.LEASE = lease
    lanes.LEASE = lease


# Done on import, since the web server may start its own worker processes by importing this file again.
install()
shorten_leases()

if __name__ == "__main__":
    __main__.main()
