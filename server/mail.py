"""Mail is a row first and sent by a job; without a mail server the demo shows the rows on a page."""

import datetime as dt
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from urllib.parse import unquote, urlsplit

import aiosmtplib

from server import clock, jobs
from server.db import Command, Conn, Query, Row
from server.ids import new_id
from server.runtime import Runtime
from server.settings import Settings

TIMEOUT_SECONDS = 30


class Mail(Row, frozen=True):
    id: int
    recipient: str
    subject: str
    body: str
    created_at: dt.datetime
    sent_at: dt.datetime | None


ADD = Command("insert into mails (id, recipient, subject, body) values ($1, $2, $3, $4)")
ONE = Query(Mail, "select id, recipient, subject, body, created_at, sent_at from mails where id = $1")
NEWEST = Query(Mail, "select id, recipient, subject, body, created_at, sent_at from mails order by id desc limit $1")
SENT = Command("update mails set sent_at = clock_now() where id = $1")
FORGET = Command("delete from mails where created_at < clock_now() - interval '30 days'")


async def post_mail(conn: Conn, recipient: str, subject: str, body: str) -> None:
    """Write a mail in the caller's transaction; a job sends it after commit."""
    mail_id = new_id()
    await ADD.run(conn, mail_id, recipient, subject, body)
    await jobs.enqueue(conn, "send_mail", {"mail_id": mail_id})


async def newest(conn: Conn, limit: int = 50) -> list[Mail]:
    return await NEWEST.all(conn, limit)


async def send_mail(runtime: Runtime, *, mail_id: int) -> None:
    """Errand: hand one mail to the mail server; without one it stays a row."""
    if not runtime.settings.smtp_url:
        return
    async with runtime.db.read() as conn:
        mail = await ONE.one(conn, mail_id)
    if mail is None or mail.sent_at is not None:
        return
    message = _message(runtime.settings, mail)
    await _connect_and_send(runtime.settings.smtp_url, message)
    async with runtime.db.transaction() as conn:
        await SENT.run(conn, mail_id)


def _message(settings: Settings, mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock.now())
    # The same id at every try, so that a mail sent twice by a crash shows up once.
    message["Message-ID"] = make_msgid(idstring=str(mail.id), domain=settings.mail_from.rpartition("@")[2])
    message.set_content(mail.body)
    return message


async def _connect_and_send(smtp_url: str, message: EmailMessage) -> None:
    parts = urlsplit(smtp_url)
    await aiosmtplib.send(
        message,
        hostname=parts.hostname,
        port=parts.port,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=parts.scheme == "smtps",
        start_tls=True if parts.scheme == "smtp+starttls" else None,
        timeout=TIMEOUT_SECONDS,
    )


async def probe(settings: Settings) -> None:
    """Greet the mail server, for `folkmoot check`; raises where it does not answer."""
    parts = urlsplit(settings.smtp_url)
    client = aiosmtplib.SMTP(
        hostname=parts.hostname,
        port=parts.port,
        use_tls=parts.scheme == "smtps",
        start_tls=True if parts.scheme == "smtp+starttls" else None,
        timeout=TIMEOUT_SECONDS,
    )
    async with client:
        await client.noop()
