"""Time-ordered 64-bit ids made here: 44 bits of milliseconds, 20 of chance; a restored backup repeats none."""

import secrets
import threading

from server import clock

_RANDOM_BITS = 20
_lock = threading.Lock()
_last = 0


def new_id() -> int:
    """A new id, greater than every earlier one of this process."""
    global _last
    milliseconds = int(clock.now().timestamp() * 1000)
    candidate = milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    with _lock:
        # Two ids of one millisecond keep the order in which they were asked for.
        _last = candidate if candidate > _last else _last + 1 + secrets.randbits(8)
        return _last


def parse_id(text: str) -> int | None:
    """The id that `text` shows, or None where it shows none (so that a wrong address is a plain 404)."""
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    value = int(text)
    return value if value < 1 << 63 else None


def token() -> str:
    """An unguessable token for a link or a cookie: 256 bits, URL-safe."""
    return secrets.token_urlsafe(32)
