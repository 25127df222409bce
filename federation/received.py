"""What a receiver gets: an activity whose sender is proven, and why it may be let go without effect."""

import msgspec

from federation.parse import Activity
from moderation.instances import Policies
from server.community.actors import Actor
from server.community.groups import Group
from server.errors import MootError
from server.urls import Urls


class Ignored(MootError):
    """Nothing to do, and nothing wrong: answered 202, counted, and recorded where we have to do with its sender.

    `bars` is the id of what shall have no effect either, should it come later.
    """

    def __init__(self, reason: str, *, bars: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.bars = bars


class Received(msgspec.Struct, frozen=True):
    """`raw` are the bytes as they came. `via` is the remote group that announced the activity, if one did.

    `buried`: the sender deleted the object before it came. `policies` are those in force; None: they are asked for.
    `new`: the sender was not known here until now, and will not be if this is ignored.
    """

    sender: Actor
    activity: Activity
    raw: bytes
    urls: Urls
    via: Group | None = None
    buried: bool = False
    policies: Policies | None = None
    new: bool = False
