"""A browser without a screen: speaks ASGI with the application in this process, keeps cookies, fills in forms."""

import typing
from collections.abc import Mapping
from http.cookies import SimpleCookie
from urllib.parse import unquote, urlencode, urljoin, urlsplit

import msgspec
from bs4 import BeautifulSoup, Tag
from starlette.types import ASGIApp, Message

from tests.conftest import BASE_URL

# The name and the content of a file that somebody chose.
File: typing.TypeAlias = tuple[str, bytes]


class Answer(msgspec.Struct):
    """One response. `soup` is its parsed HTML."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    path: str
    browser: "Browser"

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.body, "lxml")

    @property
    def words(self) -> str:
        """What a reader sees of the main part, blanks collapsed."""
        main = self.soup.find("main")
        return " ".join((main or self.soup).get_text(" ").split())

    def form(self, button: str) -> "FilledForm":
        """The form whose button shows exactly these words, hidden ones aside."""
        for found in self.soup.find_all("button"):
            for hidden in found.select(".hidden"):
                hidden.decompose()
            if " ".join(found.get_text(" ").split()) == button:
                form = found.find_parent("form")
                assert isinstance(form, Tag), f"the button {button!r} stands in no form"
                return FilledForm(self, form, found)
        raise AssertionError(f"no button {button!r} on {self.path}: {self.words[:500]}")

    def has_button(self, button: str) -> bool:
        return any(" ".join(found.get_text(" ").split()) == button for found in self.soup.find_all("button"))

    def link(self, words: str) -> str:
        for found in self.soup.find_all("a"):
            if " ".join(found.get_text(" ").split()) == words:
                return str(found["href"])
        raise AssertionError(f"no link {words!r} on {self.path}: {self.words[:500]}")

    async def follow(self, words: str) -> "Answer":
        return await self.browser.get(urljoin(self.path, self.link(words)))


class FilledForm:
    """A form with the values it came with; `submit` sends them with what the reader typed, and `files` they chose."""

    def __init__(self, answer: Answer, form: Tag, button: Tag) -> None:
        self.browser = answer.browser
        self.action = urljoin(answer.path, str(form.get("action") or answer.path))
        self.multipart = form.get("enctype") == "multipart/form-data"
        self.values: dict[str, str] = {}
        self.files: dict[str, File] = {}
        for found in form.find_all(["input", "textarea", "select"]):
            self._take(found)
        if button.get("name"):
            self.values[str(button["name"])] = str(button.get("value") or "")

    def _take(self, found: Tag) -> None:
        name = str(found.get("name") or "")
        if not name or found.get("type") == "file":
            return
        if found.name == "textarea":
            self.values[name] = found.get_text().removeprefix("\n")
        elif found.name == "select":
            chosen = found.find("option", selected=True) or found.find("option")
            if isinstance(chosen, Tag):
                self.values[name] = str(chosen.get("value"))
        elif found.get("type") not in ("radio", "checkbox") or found.has_attr("checked"):
            self.values[name] = str(found.get("value") or "")

    async def submit(self, **typed: str) -> Answer:
        values = self.values | typed
        if not self.multipart:
            return await self.browser.post(self.action, values)
        return await self.browser.post_files(self.action, values, self.files)


class Browser:
    def __init__(self, app: ASGIApp, *, client: str = "127.0.0.1", base: str = BASE_URL) -> None:
        self.app = app
        self.client = client
        self.base = base
        self.cookies: dict[str, str] = {}
        self.headers = {"accept": "text/html,application/xhtml+xml", "user-agent": "Firefox/140 (Linux)"}

    async def get(self, path: str, *, follow: bool = True, headers: dict[str, str] | None = None) -> Answer:
        return await self._request("GET", path, b"", headers or {}, follow)

    async def post(
        self, path: str, typed: dict[str, str], *, follow: bool = True, headers: dict[str, str] | None = None
    ) -> Answer:
        sent = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        return await self._request("POST", path, urlencode(typed).encode(), sent | (headers or {}), follow)

    async def post_files(self, path: str, typed: Mapping[str, str], files: Mapping[str, File]) -> Answer:
        """As a form with files is sent: each value and each file, by its name, as a part."""
        parts = [(f'name="{name}"', value.encode()) for name, value in typed.items()]
        parts += [(f'name="{name}"; filename="{file[0]}"', file[1]) for name, file in files.items()]
        body = b"".join(
            b"--part\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), value)
            for head, value in parts
        )
        headers = {"content-type": "multipart/form-data; boundary=part", "sec-fetch-site": "same-origin"}
        return await self._request("POST", path, body + b"--part--\r\n", headers, True)

    async def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """One request exactly so, and its answer unfollowed. A header with an empty value is left out."""
        return await self._request(method, path, body, headers or {}, False)

    async def _request(self, method: str, path: str, body: bytes, headers: dict[str, str], follow: bool) -> Answer:
        answer = await self._once(method, path, body, headers)
        for _ in range(5):
            where = answer.header("location")
            if not follow or answer.status not in (302, 303) or where is None:
                break
            answer = await self._once("GET", urljoin(answer.path, where), b"", {})
        return answer

    async def _once(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        parts = urlsplit(path)
        sent = self.headers | {"host": urlsplit(self.base).netloc} | headers
        if self.cookies:
            sent.setdefault("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if body:
            sent.setdefault("content-length", str(len(body)))
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(parts.path), "raw_path": parts.path.encode(), "query_string": parts.query.encode(),
            "root_path": "", "client": (self.client, 40000), "server": ("moot.test", 80),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items() if value],
        }  # fmt: skip
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        await self.app(typing.cast(typing.Any, scope), receive, send)
        return self._answer(path, messages)

    def _answer(self, path: str, messages: list[Message]) -> Answer:
        raw = typing.cast(list[tuple[bytes, bytes]], messages[0]["headers"])
        headers = [(name.decode().lower(), value.decode("latin-1")) for name, value in raw]
        for name, value in headers:
            if name == "set-cookie":
                self._keep(value)
        body = b"".join(message.get("body", b"") for message in messages[1:])
        return Answer(messages[0]["status"], headers, body, path.partition("#")[0], self)

    def _keep(self, value: str) -> None:
        for name, morsel in SimpleCookie(value).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
