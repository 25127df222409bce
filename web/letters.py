"""The mails we write, in their reader's language. Links come from the configured address, never from a request."""

from server import mail
from server.community.accounts import Account
from server.db import Conn
from server.urls import Urls
from web import render


async def post_confirmation(conn: Conn, urls: Urls, site_title: str, account: Account, secret: str) -> None:
    say = render.translations(account.language).gettext
    body = say(
        "Hello %(name)s,\n\n"
        "somebody, we hope you, signed up at %(site)s with this address. Open this link to confirm it:\n\n"
        "%(link)s\n\n"
        "It works once, within three days. If it was not you, do nothing: without the link nothing happens."
    )
    await _post(conn, account, say("Confirm your address for %(site)s"), body, {
        "name": account.name, "site": site_title, "link": urls.absolute(f"/confirm?token={secret}"),
    })  # fmt: skip


async def post_reset(conn: Conn, urls: Urls, site_title: str, account: Account, secret: str) -> None:
    say = render.translations(account.language).gettext
    body = say(
        "Hello %(name)s,\n\n"
        "somebody, we hope you, asked for a new password at %(site)s. Open this link to choose one:\n\n"
        "%(link)s\n\n"
        "It works once, within two hours. If it was not you, do nothing: your password stays as it is."
    )
    await _post(conn, account, say("A new password for %(site)s"), body, {
        "name": account.name, "site": site_title, "link": urls.absolute(f"/reset/new?token={secret}"),
    })  # fmt: skip


async def post_welcome(conn: Conn, urls: Urls, site_title: str, account: Account) -> None:
    say = render.translations(account.language).gettext
    body = say("Hello %(name)s,\n\nwelcome to %(site)s. You can log in now:\n\n%(link)s")
    await _post(conn, account, say("Welcome to %(site)s"), body, {
        "name": account.name, "site": site_title, "link": urls.absolute("/login"),
    })  # fmt: skip


async def post_regret(conn: Conn, site_title: str, account: Account) -> None:
    say = render.translations(account.language).gettext
    body = say(
        "Hello %(name)s,\n\n"
        "the people who run %(site)s decided against a new account. You can still read what is public."
    )
    await _post(conn, account, say("Your application at %(site)s"), body, {"name": account.name, "site": site_title})


async def _post(conn: Conn, account: Account, subject: str, body: str, words: dict[str, str]) -> None:
    await mail.post_mail(conn, account.email, subject % words, body % words + "\n")
