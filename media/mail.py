"""Mail: what Showme writes to people, and the server that takes it.

`SHOWME_SMTP_URL` is `smtp://host` (not encrypted: for a server on the same machine or network), `smtp+starttls://host`
or `smtps://host`, with `user:password@` before the host and `:port` behind it where they are needed; in user and
password, characters that a URL keeps to itself are written with a percent sign. Ports are 25, 587 and 465 otherwise.
"""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
TIMEOUT_S = 8  # of each step: a worker that stops does not wait long for a server that is silent


@dataclass(frozen=True)
class SmtpPlace:
    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Letter:
    """What a letter with a link says; `purpose` is that of the token in it."""

    to: str
    name: str
    org: str
    purpose: str
    link: str = field(repr=False)
    expires_at: datetime
    base_url: str


SUBJECTS = {"invitation": "You are invited to {org} on Showme", "password_reset": "A new password for {org} on Showme"}
BODY = """Hello {name},

{what}

{link}

It can be used once, until {until}. A newer link takes its place.

A client of your own can send the token, which is what follows #token= in the link, to
POST {base_url}{path}, with your new password.

{otherwise}
"""
WHAT = {
    "invitation": "{org} has invited you to Showme, where people show each other how it is done, by video. Open this\n"
    "link to set your password and sign in:",
    "password_reset": "somebody asked for a new password for your account at {org} on Showme. Open this link\n"
    "to set it:",
}
OTHERWISE = {
    "invitation": "If you did not expect this, you need not do anything.",
    "password_reset": "If it was not you, you need not do anything: your password stays as it is.",
}
PATHS = {"invitation": "/v1/auth/accept-invitation", "password_reset": "/v1/auth/reset-password"}


def smtp_place(url: str) -> SmtpPlace:
    """Return where mail goes.

    Raises:
        ValueError: the URL cannot be used; the message is one sentence that says why, without the password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("The SMTP URL has a host or a port that cannot be.") from error
    if parts.scheme not in PORTS:
        raise ValueError("The SMTP URL must begin with smtp://, smtp+starttls:// or smtps://.")
    if not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("The SMTP URL must be as smtp://user:password@host:port, with nothing behind the port.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return SmtpPlace(parts.scheme, host, port or PORTS[parts.scheme], user, password)


def check_smtp_url(url: str) -> None:
    """Raise ValueError when mail could not be sent by it; empty is no mail."""
    if url:
        smtp_place(url)


def written(letter: Letter, mail_from: str) -> EmailMessage:
    """Return the letter as plain text, from `Name <address>` or an address."""
    org, name = _line(letter.org), _line(letter.name)
    message = EmailMessage()
    message["Subject"] = SUBJECTS[letter.purpose].format(org=org)
    sender_name, sender = parseaddr(mail_from)
    message["From"] = Address(sender_name, addr_spec=sender)
    message["To"] = Address(name, addr_spec=letter.to)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        BODY.format(
            name=name,
            what=WHAT[letter.purpose].format(org=org),
            link=letter.link,
            until=letter.expires_at.astimezone(UTC).strftime("%d %B %Y, %H:%M UTC"),
            base_url=letter.base_url,
            path=PATHS[letter.purpose],
            otherwise=OTHERWISE[letter.purpose],
        ),
    )
    return message


def _line(text: str) -> str:
    """Return what a person typed as one line: a header holds no more."""
    return " ".join(text.split())


async def send(place: SmtpPlace, message: EmailMessage) -> None:
    """Hand it to the server. Raises SMTPException, or OSError when the server cannot be reached or trusted."""
    await asyncio.to_thread(_send, place, message)


def _send(place: SmtpPlace, message: EmailMessage) -> None:
    with _connected(place) as server:
        if place.scheme == "smtp+starttls":
            server.starttls(context=ssl.create_default_context())
        if place.user:
            server.login(place.user, place.password)
        server.send_message(message)


def _connected(place: SmtpPlace) -> smtplib.SMTP:
    if place.scheme == "smtps":
        return smtplib.SMTP_SSL(place.host, place.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return smtplib.SMTP(place.host, place.port, timeout=TIMEOUT_S)
