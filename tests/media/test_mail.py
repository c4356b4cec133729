import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from api.embedded import EmbeddedPostgres, Urls
from media.mail import Letter, SmtpPlace, smtp_place, written
from media.queue import defer
from models.base import now
from models.person import AccountToken, Person
from models.tokens import read_token
from tests.factories.jobs import House, own_database
from tests.stores import SECRET

WEEK = timedelta(days=7)
LOGGED = "no mail is set up; a link for a person"


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_mail")


@dataclass
class Received:
    sender: str
    to: str
    message: EmailMessage


@dataclass
class PostOffice:
    """A mail server on this machine that knows one user, and answers RCPT as it is told."""

    port: int = 0
    rcpt: str = "250 OK"
    received: list[Received] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak as much SMTP as a client needs that sends one message."""
        sender = to = ""
        writer.write(b"220 post office\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(" ")[0].upper()
            answer = "250 OK"
            if verb == "EHLO":
                answer = "250-post office\r\n250-8BITMIME\r\n250 AUTH PLAIN"
            elif verb == "AUTH":
                self.logins.append(base64.b64decode(line.split(" ")[2]))
                answer = "235 come in"
            elif verb == "MAIL":
                sender = line.partition("<")[2].partition(">")[0]
            elif verb == "RCPT":
                to, answer = line.partition("<")[2].partition(">")[0], self.rcpt
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                raw = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                self.received.append(Received(sender, to, message_from_bytes(raw, policy=policy.default)))
            elif verb == "QUIT":
                break
            writer.write(f"{answer}\r\n".encode())
            await writer.drain()
        writer.close()


@asynccontextmanager
async def post_office(**values: Any) -> AsyncIterator[PostOffice]:
    office = PostOffice(**values)
    server = await asyncio.start_server(office.serve, "127.0.0.1", 0)
    office.port = server.sockets[0].getsockname()[1]
    async with server:
        yield office


async def order_link(house: House, purpose: str = "invitation", **values: Any) -> tuple[Person, UUID]:
    state = "invited" if purpose == "invitation" else "active"
    made = await house.org.person("Zoë Ångström")
    async with house.database.tenant(house.org.id) as session:
        person = await session.get_one(Person, (house.org.id, made.id))
        person.state = values.pop("person_state", state)
        token = AccountToken(
            org_id=house.org.id, person_id=made.id, purpose=purpose, **{"expires_at": now() + WEEK, **values}
        )
        session.add(token)
        await defer(session, "send_link", queue="mail", account_token_id=str(token.id))
    return person, token.id


def with_mail(house: House, office: PostOffice, login: str = "") -> Any:
    return replace(house.context, smtp_url=f"smtp://{login}127.0.0.1:{office.port}")


def link_in(message: EmailMessage) -> str:
    content: str = message.get_content()
    return next(line for line in content.splitlines() if line.startswith("http://testserver/"))


async def test_an_invitation_is_mailed_with_a_link_that_lets_its_person_in(house: House) -> None:
    async with post_office() as office:
        person, token_id = await order_link(house)
        await house.drain(with_mail(house, office))
    (received,) = office.received
    assert (received.sender, received.to) == ("showme@localhost", person.email)
    assert received.message["Subject"] == "You are invited to Acme on Showme"
    assert received.message["To"] == f"Zoë Ångström <{person.email}>"
    page, _, secret = link_in(received.message).partition("#token=")
    assert page == "http://testserver/accept-invitation"
    assert read_token(SECRET, "invitation", secret) == (house.org.id, token_id)
    assert await house.statuses() == []


async def test_a_mail_says_for_whom_how_long_and_what_a_client_does_with_it(house: House) -> None:
    until = now() + WEEK
    async with post_office() as office:
        await order_link(house, expires_at=until)
        await house.drain(with_mail(house, office))
    content = office.received[0].message.get_content()
    assert "Hello Zoë Ångström" in content
    assert "Acme has invited you" in content
    assert until.strftime("until %d %B %Y, %H:%M UTC") in content
    assert "POST http://testserver/v1/auth/accept-invitation" in content
    assert office.received[0].message.get_content_type() == "text/plain"


async def test_a_reset_link_leads_to_the_page_where_a_password_is_set(house: House) -> None:
    async with post_office() as office:
        _, token_id = await order_link(house, "password_reset")
        await house.drain(with_mail(house, office))
    page, _, secret = link_in(office.received[0].message).partition("#token=")
    assert page == "http://testserver/reset-password"
    assert read_token(SECRET, "password_reset", secret) == (house.org.id, token_id)
    assert office.received[0].message["Subject"] == "A new password for Acme on Showme"


async def test_the_worker_signs_in_at_the_mail_server(house: House) -> None:
    async with post_office() as office:
        await order_link(house)
        await house.drain(with_mail(house, office, "post%40man:s%2Fcret@"))
    assert office.logins == [b"\0post@man\0s/cret"]
    assert len(office.received) == 1


async def test_without_a_mail_server_the_link_stands_in_the_log(house: House) -> None:
    person, token_id = await order_link(house)
    with capture_logs() as said:
        await house.drain()
    (line,) = [line for line in said if line["event"] == LOGGED]
    assert line["to"] == person.email
    assert read_token(SECRET, "invitation", line["link"].partition("#token=")[2]) == (house.org.id, token_id)


@pytest.mark.parametrize(
    "values",
    [
        {"used_at": now()},
        {"expires_at": now() - WEEK},
        {"person_state": "active"},
        {"person_state": "left"},
    ],
    ids=["used or replaced", "too old", "accepted already", "of somebody who left"],
)
async def test_a_link_that_lets_nobody_in_is_not_sent(house: House, values: dict[str, Any]) -> None:
    async with post_office() as office:
        await order_link(house, **values)
        with capture_logs() as said:
            await house.drain(with_mail(house, office))
    assert office.received == []
    assert LOGGED not in {line["event"] for line in said}
    assert await house.statuses() == []


async def test_a_mail_server_that_is_away_is_asked_again(house: House) -> None:
    async with post_office() as office:
        context = with_mail(house, office)
    await order_link(house)
    await house.drain(context)
    assert await house.statuses() == [("send_link", "todo", 1)]
    async with post_office() as office:
        await house.run_again(with_mail(house, office))
    assert (len(office.received), await house.statuses()) == (1, [])


async def test_a_mail_server_that_is_busy_is_asked_again(house: House) -> None:
    async with post_office(rcpt="451 later") as office:
        await order_link(house)
        await house.drain(with_mail(house, office))
        assert await house.statuses() == [("send_link", "todo", 1)]
        office.rcpt = "250 OK"
        await house.run_again(with_mail(house, office))
    assert (len(office.received), await house.statuses()) == (1, [])


async def test_an_address_that_is_refused_is_not_tried_again(house: House) -> None:
    async with post_office(rcpt="550 no such person") as office:
        await order_link(house)
        await house.drain(with_mail(house, office))
    assert (office.received, await house.statuses()) == ([], [])


async def test_nothing_is_sent_where_encryption_is_asked_for_and_not_there(house: House) -> None:
    async with post_office() as office:
        await order_link(house)
        await house.drain(replace(house.context, smtp_url=f"smtp+starttls://127.0.0.1:{office.port}"))
    assert (office.received, await house.statuses()) == ([], [("send_link", "todo", 1)])


def test_names_with_line_ends_make_no_headers() -> None:
    letter = Letter("robin@example.com", "Robin\r\nBcc: all@example.com", "Acme\nInc", "invitation", "l", now(), "b")
    message = written(letter, "Showme <showme@example.com>")
    assert message["Subject"] == "You are invited to Acme Inc on Showme"
    assert message["Bcc"] is None
    assert message["From"] == "Showme <showme@example.com>"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("smtp://localhost", SmtpPlace("smtp", "localhost", 25)),
        ("smtp+starttls://u:p%40@mail.example.com", SmtpPlace("smtp+starttls", "mail.example.com", 587, "u", "p@")),
        ("smtps://u:p@mail.example.com:2465/", SmtpPlace("smtps", "mail.example.com", 2465, "u", "p")),
    ],
    ids=["plain", "starttls", "tls"],
)
def test_a_mail_server_is_read_from_its_url(url: str, place: SmtpPlace) -> None:
    assert smtp_place(url) == place


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://h:port", "smtp://h:99999", "smtp://h?x=1"]
)
def test_a_url_that_names_no_mail_server_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"^The SMTP URL .*\.$"):
        smtp_place(url)
