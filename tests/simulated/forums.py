"""Lemmy, PieFed, Mbin and NodeBB: groups whose own server announces whole activities (FEP-1b12)."""

import re
from dataclasses import dataclass, field

from aiohttp import web

from tests.federation.peer import PUBLIC, Document
from tests.simulated.reader import (
    Reader,
    Refused,
    Shown,
    count_of_pictures,
    first_attached,
    first_line,
    link_of,
    pictures_in,
    poll_in,
    uri_of,
    words,
)

LONGEST_TITLE = 200


@dataclass
class Entry:
    author: str
    parent: str | None
    title: str
    text: str
    link: str
    state: str = "shown"
    reason: str = ""
    locked: bool = False
    pinned: bool = False
    thanks: set[str] = field(default_factory=set)
    poll: list[str] = field(default_factory=list)
    pictures: int = 0


class Forum(Reader):
    """The member has joined our group and sees its threads, with their replies below."""

    thread_types = frozenset({"Article", "Page", "Note", "Question"})
    shows_reasons = True
    shows_polls = False
    # What a thread's document says of itself: whether it is closed, and whether it stands first.
    reads_standing = False
    ban_ends: tuple[str, ...] = ("endTime",)

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.entries: dict[str, Entry] = {}
        self.banned: dict[str, str] = {}

    async def take(self, activity: Document) -> None:
        if activity["type"] == "Accept":
            return
        if activity["type"] != "Announce":
            # An author's own Delete comes directly too.
            await self.act(activity)
            return
        group = activity["actor"]
        if group not in self.followed:
            raise Refused("nobody here has joined that group")
        announced = activity["object"]
        if not isinstance(announced, dict) or "actor" not in announced:
            raise Refused("a plain object is announced for microblogs only")
        self.check_announce(activity)
        if self.group_of(announced) != group:
            raise Refused("another group's")
        await self.act(announced)

    def check_announce(self, activity: Document) -> None:
        pass

    def group_of(self, activity: Document) -> str | None:
        """Found in `audience`, `to` or `cc`."""
        inner = activity["object"] if isinstance(activity["object"], dict) else {}
        for document in (activity, inner):
            for name in ("audience", "to", "cc"):
                value = document.get(name) or []
                for uri in value if isinstance(value, list) else [value]:
                    if uri in self.followed:
                        return str(uri)
        return None

    async def act(self, activity: Document) -> None:
        match activity["type"]:
            case "Create" | "Update":
                await self.create(activity)
            case "Delete":
                await self.delete(activity)
            case "Undo":
                await self.undo(activity)
            case "Like":
                self.known(uri_of(activity["object"])).thanks.add(activity["actor"])
            case _:
                await self.moderate(activity)

    async def moderate(self, activity: Document) -> None:
        """Block, Lock, Add and Remove by one of the group's moderators."""
        if not await self.moderates(activity["actor"]):
            raise Refused("not a moderator")
        uri = uri_of(activity["object"])
        match activity["type"]:
            case "Lock":
                self.known(uri).locked = True
            case "Add" | "Remove" if activity["target"].endswith("/featured"):
                self.known(uri).pinned = activity["type"] == "Add"
            case "Block":
                self.ban(uri, activity)
            case _:
                raise Refused("of no use here")

    def ban(self, person: str, activity: Document) -> None:
        ends = [str(activity[name]) for name in self.ban_ends if activity.get(name)]
        self.banned[person] = "for a time" if ends else "for good"
        for entry in self.entries.values():
            if activity.get("removeData") and entry.author == person:
                entry.state, entry.reason = "removed", str(activity.get("summary") or "")

    def known(self, uri: str) -> Entry:
        if uri not in self.entries:
            raise Refused("unknown post")
        return self.entries[uri]

    async def create(self, activity: Document) -> None:
        document = activity["object"]
        if document["attributedTo"] != activity["actor"]:
            raise Refused("author is not actor")
        parent = document.get("inReplyTo")
        if parent:
            self.known(parent)
        elif document["type"] not in self.thread_types:
            raise Refused(f"{document['type']} is no thread here")
        entry = Entry(
            document["attributedTo"],
            parent,
            "" if parent else self.title_of(document),
            self.text_of(document),
            self.link_of(document),
            pictures=self.count_pictures(document),
            poll=poll_in(document) if self.shows_polls else [],
        )
        if (known := self.entries.get(document["id"])) is not None:
            entry.thanks, entry.locked, entry.pinned = known.thanks, known.locked, known.pinned
        if self.reads_standing:
            entry.locked, entry.pinned = document.get("commentsEnabled") is False, document.get("stickied") is True
        self.entries[document["id"]] = entry

    def title_of(self, document: Document) -> str:
        return str(document.get("name") or first_line(document["content"]))[:LONGEST_TITLE]

    def text_of(self, document: Document) -> str:
        return words(document["content"])

    def link_of(self, document: Document) -> str:
        return link_of(document)

    def count_pictures(self, document: Document) -> int:
        return len(pictures_in(document))

    async def delete(self, activity: Document) -> None:
        entry = self.known(uri_of(activity["object"]))
        if activity["actor"] == entry.author:
            entry.state = "deleted"
        elif await self.moderates(activity["actor"]):
            entry.state, entry.reason = "removed", str(activity.get("summary") or "")
        else:
            raise Refused("not theirs to delete")

    async def undo(self, activity: Document) -> None:
        undone = activity["object"]
        uri = uri_of(undone["object"])
        if undone["type"] == "Like":
            self.known(uri).thanks.discard(activity["actor"])
            return
        if not await self.moderates(activity["actor"]):
            raise Refused("not theirs to undo")
        match undone["type"]:
            case "Delete":
                self.known(uri).state = "shown"
            case "Lock":
                self.known(uri).locked = False
            case "Block":
                self.banned.pop(uri, None)
            case _:
                raise Refused("of no use here")

    async def moderates(self, actor: str) -> bool:
        """Moderators are who stands in the group's `attributedTo`."""
        for group in self.followed:
            document = await self.fetch(group) or {}
            moderators = await self.fetch(str(document.get("attributedTo"))) or {}
            if actor in moderators.get("orderedItems", []):
                return True
        return False

    def show(self, uri: str) -> Shown | None:
        entry = self.entries.get(uri)
        if entry is None:
            return None
        where = "below" if entry.parent else "thread"
        if entry.state != "shown":
            return Shown(entry.state, entry.reason if self.shows_reasons else "")
        marks = [name for name, holds in (("closed", entry.locked), ("pinned", entry.pinned)) if holds]
        if entry.author in self.banned:
            marks.append(f"author banned {self.banned[entry.author]}")
        marks += [*entry.poll, *count_of_pictures(entry.pictures)]
        if entry.thanks:
            marks.append(f"{len(entry.thanks)} thanks")
        return Shown(where, f"{entry.title} {entry.link} {entry.text}", marks=marks)


class ReadsMarkdown(Forum):
    """Shows the pictures of the text; an attached one would become the thread's link, and a reply's is not read."""

    def text_of(self, document: Document) -> str:
        source = document.get("source") or {}
        return str(source.get("content") or words(document["content"]))

    def link_of(self, document: Document) -> str:
        return first_attached(document)

    def count_pictures(self, document: Document) -> int:
        return len(re.findall(r"!\[[^]]*\]\(http", self.text_of(document)))


class Lemmy(ReadsMarkdown):
    software = "lemmy"
    thread_types = frozenset({"Article", "Page", "Note", "Video", "Event"})

    def check_announce(self, activity: Document) -> None:
        if PUBLIC not in [*activity["to"], *activity["cc"]]:
            raise Refused("not public")

    async def create(self, activity: Document) -> None:
        document = activity["object"]
        if document["type"] == "Note" and not document.get("inReplyTo"):
            # A Create of a Note is read as a comment, and a comment needs a parent.
            raise Refused("a Note without a parent in an Announce")
        if PUBLIC not in [*document["to"], *document["cc"]]:
            raise Refused("not public")
        await super().create(activity)

    def group_of(self, activity: Document) -> str | None:
        inner = activity["object"] if isinstance(activity["object"], dict) else {}
        audience = inner.get("audience") or activity.get("audience")
        return str(audience) if audience else super().group_of(activity)

    async def delete(self, activity: Document) -> None:
        """A Delete with a `summary`, even an empty one, is a moderator's removal; without one it is the author's."""
        entry = self.known(uri_of(activity["object"]))
        if ("summary" in activity) == (activity["actor"] == entry.author):
            raise Refused("neither a deletion nor a removal")
        await super().delete(activity)


class PieFed(ReadsMarkdown):
    software = "piefed"
    shows_polls = True
    reads_standing = True
    ban_ends = ("expires", "endTime")

    def check_wire(self, request: web.Request, activity: Document) -> None:
        """The parameters in one spelling alone, and the digest's name in capitals."""
        signature = request.headers["Signature"]
        spelled = "algorithm=" in signature and not re.search(r'",\s', signature)
        if not spelled or not request.headers["Digest"].startswith("SHA-256=") or "Date" not in request.headers:
            raise Refused("cannot read the signature")


class Mbin(Forum):
    software = "mbin"
    ban_ends = ("expires",)

    def check_wire(self, request: web.Request, activity: Document) -> None:
        """Key, activity and actor are of one host."""
        named = re.search(r'keyId="([^"]+)"', request.headers["Signature"])
        uris = [named[1] if named else "", activity["id"], activity["actor"]]
        if len({uri.split("/")[2] for uri in uris}) != 1:
            raise Refused("key, activity and actor of different hosts")

    def count_pictures(self, document: Document) -> int:
        """One a post."""
        return min(1, super().count_pictures(document))

    def title_of(self, document: Document) -> str:
        """A Note or a Question stands among the microblog posts, without a title."""
        return "" if document["type"] in ("Note", "Question") else super().title_of(document)


class NodeBB(Forum):
    software = "nodebb"
    shows_reasons = False

    async def create(self, activity: Document) -> None:
        """The post is read from its own address, whatever was announced."""
        document = await self.fetch(activity["object"]["id"])
        if document is None:
            raise Refused("cannot be fetched")
        await super().create(activity | {"object": document})

    async def moderate(self, activity: Document) -> None:
        raise Refused("of no use here")

    async def moderates(self, actor: str) -> bool:
        """Whoever is of the post's or the announcing group's own host may delete."""
        return any(actor.split("/")[2] == group.split("/")[2] for group in self.followed)
