"""What an entry of somebody's collection is about: pure, and total over whatever stands there."""

import typing

from federation.parse import POST_TYPES, RemotePost, Unacceptable, is_id, parse_post, type_of, uri_of
from server.urls import authority


class Find(typing.NamedTuple):
    """A post's id and, where its own host wrote it out, the post itself; None is to be read from its own address."""

    uri: str
    post: RemotePost | None


def find_in(entry: object, host: str) -> Find | None:
    """A post, its id, its Create, or a group's Announce of one of these; None for anything else.

    `host` is whose collection it is. What it writes out of its own is as good as fetched; what it writes of others'
    is only its word for it.
    """
    for _ in ("Announce", "Create", "post"):
        if isinstance(entry, str):
            return Find(entry, None) if is_id(entry) else None
        if not isinstance(entry, dict):
            return None
        kind = type_of(entry)
        if kind in POST_TYPES:
            return _written_out(entry, host)
        if kind not in ("Announce", "Create"):
            return None
        entry = entry.get("object")
    return None


def _written_out(document: dict[str, object], host: str) -> Find | None:
    uri = uri_of(document)
    if uri is None:
        return None
    if authority(uri) != host:
        return Find(uri, None)
    try:
        return Find(uri, parse_post(document))
    except Unacceptable:
        return None


def finds_in(entries: list[object], host: str) -> list[Find]:
    """All that a page is about, each once, in its order."""
    found = [find for entry in entries if (find := find_in(entry, host)) is not None]
    chosen: dict[str, Find] = {}
    for find in found:
        if find.uri not in chosen or chosen[find.uri].post is None:
            chosen[find.uri] = find
    return list(chosen.values())
