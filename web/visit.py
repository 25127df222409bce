"""One request of a person: who looks, in which language and where, and the answers a handler can give."""

import contextlib
import datetime as dt
import functools
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from moderation.glance import Glance, at_home, beside
from server import askers, clock, limits, urls
from server.community import access, actors
from server.community.actors import Actor
from server.community.sessions import STRANGER, Viewer
from server.db import Conn
from server.messages import Message
from server.runtime import Runtime
from server.site import Site
from web import demo, present, render
from web.views.parts import Choice, Chrome, Flash, Page, PersonView, TimeView

LANGUAGE_NAMES = {"en": "English", "de": "Deutsch"}
SAID = "said"


class Visit:
    """What handlers are given. `db` work is opened by the handler: `read` without, `change` with a transaction."""

    def __init__(self, request: Request, runtime: Runtime, site: Site, viewer: Viewer) -> None:
        self.request = request
        self.runtime = runtime
        self.site = site
        self.viewer = viewer
        self.now = clock.now()
        self.language = viewer.language or chosen_language(request)
        self.timezone = viewer.timezone
        self.urls = urls.Urls(runtime.settings.base_url)
        self.glance: Glance | None = None

    def say(self, message: str) -> str:
        """`message`, which is English, in the reader's language."""
        return render.say(self.language, message)

    def time(self, moment: dt.datetime) -> TimeView:
        return present.time_view(moment, self.now, self.language, self.timezone)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Conn]:
        async with self.runtime.db.read() as conn:
            yield conn

    @contextlib.asynccontextmanager
    async def change(self) -> AsyncIterator[Conn]:
        """A transaction; when it has committed, workers hear that there may be work."""
        async with self.runtime.db.transaction() as conn:
            yield conn
        self.runtime.waker.wake()

    async def look_beside(self, conn: Conn, group_id: int | None = None) -> Glance:
        """Rules, moderators and duties in one statement, kept for the frame of the page."""
        self.glance = await beside(conn, self.viewer, group_id)
        return self.glance

    async def look_home(self, conn: Conn) -> Glance:
        """The reader's groups and duties in one statement."""
        self.glance = await at_home(conn, self.viewer)
        return self.glance

    async def me(self, conn: Conn) -> Actor:
        """The viewer's own actor; call only where somebody is signed in. Refused for whoever has left meanwhile."""
        assert self.viewer.account_id is not None
        actor = await actors.by_id(conn, self.viewer.account_id)
        if actor.deleted_at is not None:
            # Nobody would ever erase what they write now.
            access.check_signed_in(STRANGER)
        return actor

    async def count_hit(self, what: str, who: str, limit: limits.Limit) -> None:
        """Count one try in a transaction of its own, so that a later refusal does not take it back."""
        async with self.runtime.db.statement() as conn:
            await limits.count(conn, f"{what}:{who}", limit)

    @property
    def client(self) -> str:
        return askers.client_key(self.request.scope, self.runtime.settings)

    async def show(
        self, page: Page, status: int = 200, *, headers: Mapping[str, str] | None = None, flash: Flash | None = None
    ) -> Response:
        """The page in its frame."""
        if self.glance is None and (self.viewer.moderates or self.viewer.admin):
            async with self.read() as conn:
                await self.look_beside(conn)
        said = unquote(self.request.cookies.get(SAID, ""))[:200]
        flashes = [flash] if flash else [Flash(self.say(said))] if said in SENTENCES else []
        html = render.render(page, self._chrome(flashes))
        response = HTMLResponse(html, status, headers={"Cache-Control": "private, no-cache", "Vary": "Cookie, Accept"})
        response.headers.update(headers or {})
        if said:
            response.delete_cookie(SAID, path="/", httponly=True, samesite="lax")
        return response

    def _chrome(self, flashes: list[Flash]) -> Chrome:
        viewer = self.viewer
        return Chrome(
            site_title=self.site.title,
            path=self.path,
            form_key=secrets.token_hex(8),
            language=self.language,
            theme=viewer.theme if viewer.signed_in else "system",  # type: ignore[arg-type]  # checked by the schema
            accent=self.site.accent,  # type: ignore[arg-type]  # checked by the schema
            viewer=self.person if viewer.signed_in else None,
            admin=viewer.admin,
            unread=viewer.unread,
            waiting_cases=self.glance.waiting if self.glance and (viewer.moderates or viewer.admin) else None,
            applications=self.glance.applications if self.glance else 0,
            languages=[Choice(code, name, code == self.language) for code, name in LANGUAGE_NAMES.items()],
            flashes=flashes,
            can_sign_up=self.runtime.settings.registration != "closed",
            demo_mail=shows_mail(self),
        )

    @property
    def path(self) -> str:
        """Where the reader is, to come back to after log-in."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query and self.request.method == "GET" else "")

    @functools.cached_property
    def person(self) -> PersonView:
        assert self.viewer.account_id is not None
        return present.person_view(self.viewer.account_id, self.viewer.name, None, self.viewer.title)

    def log_in_first(self) -> Response:
        """To the log-in page and back; what was sent with a form meanwhile is not kept, the page is."""
        back = self.path if self.request.method == "GET" else "/"
        return RedirectResponse(f"/login?next={quote(back, safe='/')}", 303)

    def go(self, path: str, said: str = "") -> Response:
        """Send the browser on after a form; `said` is one of SENTENCES, shown once on the next page."""
        response = RedirectResponse(path, 303)
        if said:
            assert said in SENTENCES
            response.set_cookie(SAID, quote(said), max_age=60, path="/", httponly=True, samesite="lax")
        return response


# What `go` may say, translated where it is shown.
SENTENCES = {
    Message("Saved."),
    Message("Suspended. Nothing is taken from them any more."),
    Message("They may take part again."),
    Message("What its people wrote is being removed."),
    Message("You are logged out."),
    Message("That device is logged out."),
    Message("All other devices are logged out."),
    Message("Your new password is set. Please log in with it."),
    Message("Your new password is set."),
    Message("Thank you. The moderators will read your report."),
    Message("Deleted."),
    Message("Your vote is counted."),
    Message("Your change is being checked."),
    Message("Your account is deleted. Other servers are being told."),
    Message("Welcome."),
    Message("Done."),
    Message("It will be read in a moment."),
    Message("Decided."),
    Message("Decided. Here is the next one."),
    Message("This has been decided meanwhile."),
    Message("It is back."),
    Message("Removed. The author is told why."),
    Message("Banned. They are told why, and until when."),
    Message("The ban is lifted."),
}  # fmt: skip


def demo_logins(visit: Visit) -> Sequence[tuple[str, str]]:
    """Whom a visitor of the demo can be, with what they are; nobody anywhere else."""
    if not (visit.site.demo and visit.runtime.settings.loopback):
        return ()
    return [(name, visit.say(role)) for name, role in demo.logins()]


def shows_mail(visit: Visit) -> bool:
    """The demo's mails stand on a page only where nobody but this machine can read it, and no mail is sent."""
    settings = visit.runtime.settings
    return visit.site.demo and settings.loopback and not settings.smtp_url


def chosen_language(request: Request) -> str:
    """A stranger's language: the one they chose here, else the first of their browser's that we have."""
    chosen = request.cookies.get("language", "")
    if chosen in render.LANGUAGES:
        return chosen
    wanted: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "")[:200].split(","):
        code, _, weight = part.strip().partition(";q=")
        with contextlib.suppress(ValueError):
            wanted.append((-float(weight or 1), code.split("-")[0].lower()))
    return next((code for _, code in sorted(wanted, key=lambda pair: pair[0]) if code in render.LANGUAGES), "en")
