"""The requests that are measured, as bytes: pages, forms, documents, and signed replies from elsewhere."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from federation.documents import ACTIVITY, PUBLIC
from federation.signing import Signer
from server import clock
from server.urls import Urls
from tests.bench import texts
from tests.bench.neighbourhood import BASE_URL, Known

_NUMBERS = itertools.count(1)
_HOST = BASE_URL.partition("://")[2]
_BROWSER = {"User-Agent": "Firefox/140 (Linux)", "Accept": "text/html,application/xhtml+xml", "Accept-Language": "en"}


def get(path: str, *, session: str | None = None, accept: str | None = None) -> bytes:
    headers = _BROWSER | ({"Accept": accept} if accept else {}) | ({"Cookie": f"session={session}"} if session else {})
    return _request("GET", path, headers | {"Accept-Encoding": "gzip, deflate, br"})


def _request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    headers = {"Host": _HOST} | headers | ({"Content-Length": str(len(body))} if body else {})
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def pages(path: str, known: Known, count: int) -> list[bytes]:
    """One page as many residents see it."""
    return [get(path, session=session) for session in itertools.islice(itertools.cycle(known.sessions), count)]


def group_pages(known: Known, count: int) -> list[bytes]:
    """Group pages, each by somebody else."""
    names = itertools.cycle([known.group, *known.quiet_groups])
    sessions = itertools.cycle(known.sessions)
    return [get(f"/g/{next(names)}", session=next(sessions)) for _ in range(count)]


def local_replies(known: Known, count: int) -> list[bytes]:
    """Replies typed into the form by residents."""
    dice = random.Random(next(_NUMBERS))
    sessions = itertools.cycle(known.sessions)
    made = []
    for number in range(count):
        thread = known.threads[number % len(known.threads)]
        typed = {"to": "", "text": "\n\n".join(texts.paragraphs(dice, 1, 4)), "idempotency_key": f"b{next(_NUMBERS)}"}
        headers = _BROWSER | {
            "Cookie": f"session={next(sessions)}",
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        made.append(_request("POST", f"/t/{thread}/reply", headers, urlencode(typed).encode()))
    return made


def remote_replies(known: Known, private_pem: str, count: int) -> list[bytes]:
    """Signed replies of people on 30 instances, as Lemmy sends them."""
    dice = random.Random(next(_NUMBERS))
    people = _one_host_after_the_other(known.remote_people)
    signers = {uri: Signer.from_pem(f"{uri}#main-key", private_pem) for uri in known.remote_people}
    made = []
    for number in range(count):
        author = next(people)
        body = json.dumps(_create(author, known, known.threads[number % len(known.threads)], dice)).encode()
        signed = signers[author].sign_cavage("POST", f"{BASE_URL}/ap/inbox", body, clock.now())
        made.append(_request("POST", "/ap/inbox", dict(signed) | {"Content-Type": ACTIVITY}, body))
    return made


def _one_host_after_the_other(people: Sequence[str]) -> Iterator[str]:
    by_host = sorted(range(len(people)), key=lambda place: (place % 3, place))
    return itertools.cycle([people[place] for place in by_host])


def _create(author: str, known: Known, thread: int, dice: random.Random) -> dict[str, object]:
    base = author.partition("/u/")[0]
    urls = Urls(BASE_URL)
    group = urls.actor("group", known.group)
    number = next(_NUMBERS)
    written = texts.paragraphs(dice, 1, 4)
    note = {
        "type": "Note",
        "id": f"{base}/comment/{number}",
        "attributedTo": author,
        "to": [PUBLIC],
        "cc": [group],
        "content": "".join(f"<p>{paragraph}</p>\n" for paragraph in written),
        "inReplyTo": urls.post(thread),
        "mediaType": "text/html",
        "source": {"content": "\n\n".join(written), "mediaType": "text/markdown"},
        "published": clock.now().isoformat(),
        "tag": [],
        "distinguished": False,
        "language": {"identifier": "en", "name": "English"},
        "audience": group,
        "attachment": [],
    }
    return {
        "@context": ["https://join-lemmy.org/context.json", "https://www.w3.org/ns/activitystreams"],
        "actor": author,
        "to": [PUBLIC],
        "object": note,
        "cc": [group],
        "tag": [],
        "type": "Create",
        "id": f"{base}/activities/create/{number}",
        "audience": group,
    }
