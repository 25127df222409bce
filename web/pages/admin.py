"""For those who run the place: letting people in."""

from starlette.responses import Response
from starlette.routing import Route

from server import limits
from server.community import access, accounts
from server.errors import Invalid, NotFound
from server.ids import parse_id
from web import forms, letters, present
from web.pages.signup import mail_works
from web.routing import get, post
from web.views.accounts import AdminAccountsPage, ApplicationView, InvitesPage
from web.views.parts import Field
from web.visit import Visit

MOST_USES = 50


async def applications_page(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    async with visit.read() as conn:
        waiting = await accounts.waiting(conn)
    works = mail_works(visit)
    # Where mail works, an unconfirmed address is its owner's to confirm; else somebody here does it.
    views = [_application(visit, account) for account in waiting if account.state == "waiting" or not works]
    return await visit.show(AdminAccountsPage(views, works))


def _application(visit: Visit, account: accounts.Account) -> ApplicationView:
    return ApplicationView(
        person=present.person_view(account.actor_id, account.name, None, account.title),
        email=account.email,
        time=visit.time(account.created_at),
        accept_url=f"/admin/accounts/{account.actor_id}/accept",
        refuse_url=f"/admin/accounts/{account.actor_id}/refuse",
        answer=account.application or "",
        confirmed=account.confirmed_at is not None,
    )


def _account_id(visit: Visit) -> int:
    account_id = parse_id(visit.request.path_params["account_id"])
    if account_id is None:
        raise NotFound("account")
    return account_id


async def accept(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    await forms.fields_of(visit.request)
    async with visit.change() as conn:
        account = await accounts.approve(conn, _account_id(visit))
        await letters.post_welcome(conn, visit.urls, visit.site.title, account)
    return visit.go("/admin/accounts", "Done.")


async def refuse(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    await forms.fields_of(visit.request)
    async with visit.change() as conn:
        account = await accounts.refuse(conn, _account_id(visit))
        await letters.post_regret(conn, visit.site.title, account)
    return visit.go("/admin/accounts", "Done.")


async def invites_page(visit: Visit) -> Response:
    access.check_admin(visit.viewer)
    return await visit.show(InvitesPage("/invites", ()))


async def invite(visit: Visit) -> Response:
    """A new link, shown on this answer alone: only its hash is kept."""
    account_id = access.check_admin(visit.viewer)
    typed = await forms.fields_of(visit.request)
    try:
        uses = _uses(typed.get("uses", "1"))
    except Invalid as invalid:
        wrong = Field(typed.get("uses", ""), visit.say(invalid.fields["uses"]))
        return await visit.show(InvitesPage("/invites", (), uses=wrong), 422)
    async with visit.change() as conn:
        secret = await accounts.invite(conn, account_id, uses)
    return await visit.show(InvitesPage("/invites", (), visit.urls.absolute(f"/signup?invite={secret}")))


def _uses(typed: str) -> int:
    uses = parse_id(typed.strip())
    if uses is None or not 1 <= uses <= MOST_USES:
        raise Invalid({"uses": "Please give a number from 1 to 50."})
    return uses


ROUTES: list[Route] = [
    get("/admin/accounts", applications_page),
    post("/admin/accounts/{account_id}/accept", accept, limits.WRITE),
    post("/admin/accounts/{account_id}/refuse", refuse, limits.WRITE),
    get("/invites", invites_page),
    post("/invites", invite, limits.WRITE),
]
