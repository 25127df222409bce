"""An instance of other software with one member who reads our group: what it would take, and what they would see.

Each model follows the rules that were read in that software's code; those rules are the comments. Models are no proof
of the real thing: they keep us from sending what is known to be shown badly.
"""

import abc
import json
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web
from bs4 import BeautifulSoup

from tests.conftest import BASE_URL
from tests.federation.peer import ACTIVITY, Document, Moot, Peer, signed


class Refused(Exception):
    """The software does not take this, and why."""


@dataclass
class Shown:
    """A post as its reader sees it: `where` it stands, what can be read, and what that is hidden behind."""

    where: str
    visible: str
    warning: str = ""
    marks: list[str] = field(default_factory=list)


class Reader(Peer, abc.ABC):
    """`refused` are the reasons for what was not taken, oldest first."""

    software: str = ""

    def __init__(self, address: str) -> None:
        super().__init__(address, self.software)
        self.refused: list[str] = []
        self.followed: set[str] = set()
        self.moot: Moot
        self.others: Sequence[Reader] = ()

    async def join(self, actor: str) -> None:
        """The member follows one of our actors."""
        self.followed.add(actor)
        answer = await self.moot.deliver(self.activity("Follow", self.actor("max"), actor))
        assert answer.status == 202, answer.text

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        activity = json.loads(body)
        try:
            self.check_wire(request, activity)
        except Refused as refusal:
            self.refused.append(f"{activity['type']}: {refusal}")
            return web.Response(status=401)
        self.inbox.append(activity)
        try:
            await self.take(activity)
        except Refused as refusal:
            self.refused.append(f"{activity['type']}: {refusal}")
        return web.Response(status=202)

    def check_wire(self, request: web.Request, activity: Document) -> None:
        """What this software asks of the signature beyond the standard."""

    @abc.abstractmethod
    async def take(self, activity: Document) -> None:
        """What an activity changes here; raises Refused."""

    @abc.abstractmethod
    def show(self, uri: str) -> Shown | None:
        """The post as the member sees it now; None where they see nothing of it."""

    async def open_thread(self, uri: str) -> None:
        """The member opens the thread; some software then looks for replies."""

    async def fetch(self, uri: str) -> Document | None:
        """GET a document, signed by this instance."""
        for other in self.others:
            if uri.startswith(other.base):
                return other.documents.get(uri.removeprefix(other.base))
        assert uri.startswith(BASE_URL), uri
        path = uri.removeprefix(BASE_URL)
        headers = {"accept": ACTIVITY} | signed(uri, b"", f"{self.base}/u/instance#main-key", "GET")
        answer = await self.moot.browser.send("GET", path, headers=headers)
        return typing.cast(Document, json.loads(answer.body)) if answer.status == 200 else None


def words(html: object) -> str:
    return " ".join(BeautifulSoup(str(html or ""), "lxml").get_text(" ").split())


def uri_of(value: object) -> str:
    return str(value["id"] if isinstance(value, dict) else value)


def link_of(document: Document) -> str:
    """The first attachment, where it is a link."""
    attachments: list[Document] = document.get("attachment") or [{}]
    first = attachments[0]
    return str(first.get("href") or "") if first.get("type") == "Link" else ""


def first_attached(document: Document) -> str:
    """The first attachment, whatever it is."""
    attachments: list[Document] = document.get("attachment") or [{}]
    return str(attachments[0].get("href") or attachments[0].get("url") or "")


def pictures_in(document: Document) -> list[Document]:
    """The attached pictures."""
    attachments: list[Document] = document.get("attachment") or []
    return [one for one in attachments if str(one.get("mediaType")).startswith("image/") and one["url"]]


def count_of_pictures(count: int) -> list[str]:
    return [] if count == 0 else ["1 picture"] if count == 1 else [f"{count} pictures"]


def poll_in(document: Document) -> list[str]:
    """What a poll shows of itself: that it is one and, when somebody has voted, how many did."""
    options = document.get("oneOf") or document.get("anyOf") or []
    if document["type"] != "Question" or not options:
        return []
    votes = sum(option["replies"]["totalItems"] for option in options)
    return ["poll", f"{votes} vote"] if votes else ["poll"]


def first_line(html: object) -> str:
    soup = BeautifulSoup(str(html or ""), "lxml")
    return " ".join((soup.find("p") or soup).get_text(" ").split())
