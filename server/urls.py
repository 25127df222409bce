"""Spells every address of ours: `/ap/...` is JSON for instances, the rest is pages for people."""

from urllib.parse import urlsplit


class Urls:
    """Addresses below one base address such as `https://moot.example`."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.host = urlsplit(base).netloc

    def absolute(self, path: str) -> str:
        return self.base + path

    def actor(self, kind: str, name: str) -> str:
        """The ActivityPub id of one of our own actors."""
        return f"{self.base}/ap/{_ACTOR_FOLDER[kind]}/{name}"

    @property
    def instance_actor(self) -> str:
        return f"{self.base}/ap/instance"

    @property
    def shared_inbox(self) -> str:
        return f"{self.base}/ap/inbox"

    def post(self, post_id: int) -> str:
        """The ActivityPub id of one of our own posts."""
        return f"{self.base}/ap/posts/{post_id}"

    def activity(self, activity_id: int) -> str:
        return f"{self.base}/ap/activities/{activity_id}"

    def rule(self, rule_id: int) -> str:
        return f"{self.base}/ap/rules/{rule_id}"

    def is_local(self, uri: str) -> bool:
        """Whether `uri` lies on this instance, however its host is spelled."""
        return authority(uri) == authority(self.base)


_ACTOR_FOLDER = {"person": "people", "group": "groups"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


def authority(uri: str) -> str | None:
    """`host` or `host:port`: lower case, IDNA, no default port, no trailing dot; None where an address has none."""
    try:
        parts = urlsplit(uri)
        name = (parts.hostname or "").rstrip(".").encode("idna").decode("ascii").lower()
        port = parts.port
    except (ValueError, UnicodeError):
        return None
    if not name or parts.scheme not in _DEFAULT_PORTS or parts.username is not None:
        return None
    if ":" in name:
        name = f"[{name}]"
    return name if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{name}:{port}"


def group_page(name: str, host: str | None = None) -> str:
    return f"/g/{name}" if host is None else f"/g/{name}@{host}"


def person_page(name: str, host: str | None = None) -> str:
    return f"/@{name}" if host is None else f"/@{name}@{host}"


def thread_page(thread_id: int) -> str:
    return f"/t/{thread_id}"


def post_page(thread_id: int | None, post_id: int) -> str:
    """A post within its thread's page."""
    return f"/t/{thread_id}#p{post_id}" if thread_id and thread_id != post_id else f"/t/{post_id}"
