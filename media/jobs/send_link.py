"""The link that lets a person in: by mail, or as a line of the log where no mail is set up."""

import smtplib
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from media import mail
from media.jobs.context import WorkerContext
from models.base import now
from models.org import Org
from models.person import AccountToken, Person
from models.tokens import token_text

PAGES = {"invitation": "accept-invitation", "password_reset": "reset-password"}
FOR = {"invitation": "invited", "password_reset": "active"}  # the state in which a person may use it
log = structlog.get_logger()


async def send_link(context: WorkerContext, org_id: UUID, token_id: UUID) -> None:
    """Send it, unless it was used, replaced or is too old by now. Raises SMTPException or OSError."""
    async with context.tenant(org_id) as session:
        found = await _read(session, token_id)
    if found is None:
        return
    token, person, org = found
    secret = token_text(context.secret, token.purpose, org_id, token.id)
    link = f"{context.base_url}/{PAGES[token.purpose]}#token={secret}"
    if not context.smtp_url:
        log.warning("no mail is set up; a link for a person", to=person.email, link=link)
        return
    letter = mail.Letter(person.email, person.name, org.name, token.purpose, link, token.expires_at, context.base_url)
    await _send(context, letter)


async def _send(context: WorkerContext, letter: mail.Letter) -> None:
    try:
        await mail.send(mail.smtp_place(context.smtp_url), mail.written(letter, context.mail_from))
    except smtplib.SMTPRecipientsRefused as refused:
        # 5xx: asked again, the server would only say the same.
        if any(status < 500 for status, _ in refused.recipients.values()):
            raise
        log.warning("the mail server does not take mail for a person", to=letter.to, said=str(refused))


async def _read(session: AsyncSession, token_id: UUID) -> tuple[AccountToken, Person, Org] | None:
    row = (
        await session.execute(
            select(AccountToken, Person, Org)
            .join(Person, (Person.org_id == AccountToken.org_id) & (Person.id == AccountToken.person_id))
            .join(Org, Org.id == AccountToken.org_id)
            .where(AccountToken.org_id == session.info["org_id"], AccountToken.id == token_id)
        )
    ).one_or_none()
    if row is None:
        return None
    token, person, org = row
    usable = token.used_at is None and token.expires_at > now() and person.state == FOR[token.purpose]
    return (token, person, org) if usable else None
