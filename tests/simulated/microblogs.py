"""Mastodon, Misskey and GoToSocial: posts of people in a time line, among them what a followed group boosts."""

import abc
from dataclasses import dataclass, field

from tests.federation.peer import Document
from tests.simulated.reader import (
    Reader,
    Refused,
    Shown,
    count_of_pictures,
    link_of,
    pictures_in,
    poll_in,
    uri_of,
    words,
)

MOST_PICTURES = 4
POST_TYPES = {"Note", "Article", "Page", "Question"}


@dataclass
class Status:
    author: str
    parent: str | None
    visible: str
    warning: str
    replies: str
    in_home: bool = False
    poll: list[str] = field(default_factory=list)
    pictures: int = 0


class Microblog(Reader):
    """The member follows our group and sees what it boosts, and what people write whom they follow."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.statuses: dict[str, Status] = {}
        self.boosts: dict[str, str] = {}

    async def take(self, activity: Document) -> None:
        match activity["type"]:
            case "Accept":
                pass
            case "Create":
                await self.create(activity)
            case "Announce":
                await self.announce(activity)
            case "Update":
                await self.update(activity)
            case "Delete":
                self.delete(activity)
            case "Undo":
                self.undo(activity)
            case _:
                raise Refused("of no use here")

    @abc.abstractmethod
    def read(self, document: Document) -> Status:
        """A document as this software keeps it."""

    async def create(self, activity: Document) -> None:
        document = activity["object"]
        author = activity["actor"]
        if document["attributedTo"] != author:
            raise Refused("author is not actor")
        if author not in self.followed and not self.concerns_us(document):
            raise Refused("concerns nobody here")
        if document["id"] not in self.statuses:
            self.statuses[document["id"]] = self.read(document)
        self.statuses[document["id"]].in_home = author in self.followed

    def concerns_us(self, document: Document) -> bool:
        named = [*document["to"], *document["cc"]]
        return any(uri.startswith(self.base) for uri in [*named, document.get("inReplyTo") or ""])

    async def announce(self, activity: Document) -> None:
        if activity["actor"] not in self.followed:
            raise Refused("concerns nobody here")
        uri = await self.learn(uri_of(activity["object"]))
        if uri is None:
            raise Refused("cannot be fetched")
        self.keep_boost(activity["id"], uri)

    def keep_boost(self, announce_id: str, uri: str) -> None:
        self.boosts[announce_id] = uri

    async def learn(self, uri: str) -> str | None:
        """Fetch a post that is not known yet. A Create that is named by its id counts as its post (rule 17)."""
        if uri in self.statuses:
            return uri
        document = await self.fetch(uri)
        if document is not None and document["type"] == "Create":
            document = document["object"]
        if document is None or document["type"] not in POST_TYPES:
            return None
        self.statuses[document["id"]] = self.read(document)
        return str(document["id"])

    async def update(self, activity: Document) -> None:
        document = activity["object"]
        known = self.statuses.get(document["id"])
        if known is None or known.author != activity["actor"]:
            raise Refused("no such post of theirs")
        new = self.read(document)
        known.visible, known.warning, known.poll = new.visible, new.warning, new.poll
        known.pictures = new.pictures

    def delete(self, activity: Document) -> None:
        """Counts from the author alone."""
        uri = uri_of(activity["object"])
        known = self.statuses.get(uri)
        if known is None or known.author != activity["actor"]:
            raise Refused("no such post of theirs")
        del self.statuses[uri]
        self.boosts = {boost: what for boost, what in self.boosts.items() if what != uri}

    def undo(self, activity: Document) -> None:
        """Of a boost, by the id of the very Announce that was kept."""
        if self.boosts.pop(uri_of(activity["object"]), None) is None:
            raise Refused("no such boost")

    async def read_replies(self, uri: str) -> None:
        """Walk `replies` down the thread."""
        page = await self.fetch(self.statuses[uri].replies)
        while page is not None:
            for item in page.get("orderedItems", []):
                if await self.learn(uri_of(item)) is not None:
                    await self.read_replies(uri_of(item))
            following = page.get("first") or page.get("next")
            page = await self.fetch(following) if following else None

    def show(self, uri: str) -> Shown | None:
        status = self.statuses.get(uri)
        if status is None:
            return None
        if uri in self.boosts.values():
            where = "boost"
        elif status.in_home:
            where = "post"
        elif status.parent and self.show(status.parent) is not None:
            where = "below"
        else:
            return None
        return Shown(where, status.visible, status.warning, [*status.poll, *count_of_pictures(status.pictures)])

    def _status(self, document: Document, visible: str, warning: str) -> Status:
        replies = uri_of(document.get("replies") or "")
        parent = document.get("inReplyTo")
        pictures = len(pictures_in(document)[:MOST_PICTURES])
        poll = poll_in(document)
        return Status(document["attributedTo"], parent, visible, warning, replies, poll=poll, pictures=pictures)


class Mastodon(Microblog):
    software = "mastodon"

    def read(self, document: Document) -> Status:
        """Of an Article: heading, summary (no warning there) and address; never its content."""
        # No card where there are pictures.
        card = "" if pictures_in(document) else link_of(document)
        if document["type"] in ("Article", "Page"):
            parts = [document.get("name"), words(document.get("summary")), document.get("url"), card]
            return self._status(document, " ".join(str(part) for part in parts if part), "")
        return self._status(document, f"{words(document['content'])} {card}", words(document.get("summary")))

    def keep_boost(self, announce_id: str, uri: str) -> None:
        """The first Announce of an account and a post is kept, later ones are let go."""
        if uri not in self.boosts.values():
            self.boosts[announce_id] = uri

    async def open_thread(self, uri: str) -> None:
        """Five minutes after the post at the earliest, and once in 15 minutes."""
        if uri in self.statuses:
            await self.read_replies(uri)


class GoToSocial(Microblog):
    software = "gotosocial"

    def read(self, document: Document) -> Status:
        """`summary` becomes a warning, `name` where there is none; links among the attachments are not shown."""
        warning = words(document.get("summary") or document.get("name"))
        return self._status(document, words(document["content"]), warning)

    async def open_thread(self, uri: str) -> None:
        """Two hours after it was fetched a thread is read anew."""
        if uri in self.statuses:
            await self.read_replies(uri)


class Misskey(Microblog):
    software = "misskey"

    def read(self, document: Document) -> Status:
        """`summary` becomes a warning, `name` is dropped; links among the attachments are not shown."""
        return self._status(document, words(document["content"]), words(document.get("summary")))

    async def update(self, activity: Document) -> None:
        raise Refused("posts do not change here")

    def concerns_us(self, document: Document) -> bool:
        return True
