"""Pages about the place itself: who runs it, its rules, help, what leaves this server, and the demo's mail."""

import re

from starlette.responses import Response
from starlette.routing import Route

from server import mail
from server.errors import NotFound
from web import describe
from web.routing import get
from web.views.accounts import MailOutboxPage, MailView
from web.views.residents import AboutPage, HelpPage, PrivacyPage, RulesPage
from web.visit import Visit, shows_mail

LINK = re.compile(r"https?://\S+")


async def about_page(visit: Visit) -> Response:
    async with visit.read() as conn:
        glance = await visit.look_beside(conn)
    return await visit.show(AboutPage(visit.site.about, visit.site.contact, (), describe.rules(glance)))


async def rules_page(visit: Visit) -> Response:
    async with visit.read() as conn:
        glance = await visit.look_beside(conn)
    edit_url = "/admin/rules" if visit.viewer.admin else None
    return await visit.show(RulesPage(describe.rules(glance), record_url="/record", edit_url=edit_url))


async def help_page(visit: Visit) -> Response:
    return await visit.show(HelpPage())


async def privacy_page(visit: Visit) -> Response:
    return await visit.show(PrivacyPage(visit.site.contact))


async def mail_page(visit: Visit) -> Response:
    """The demo's mails. Anywhere else this page does not exist: the links in mails open accounts."""
    if not shows_mail(visit):
        raise NotFound
    async with visit.read() as conn:
        mails = await mail.newest(conn)
    views = [
        MailView(one.recipient, one.subject, one.body, visit.time(one.created_at), LINK.findall(one.body))
        for one in mails
    ]
    return await visit.show(MailOutboxPage(views))


ROUTES: list[Route] = [
    get("/about", about_page),
    get("/rules", rules_page),
    get("/help", help_page),
    get("/privacy", privacy_page),
    get("/mail", mail_page),
]
