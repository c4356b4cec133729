"""Invitations and password resets: links that may be used once."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts import throttle
from api.accounts.passwords import hash_password
from api.accounts.schemas import AcceptInvitation, SignedIn
from api.accounts.sessions import Client, Gate, end_sessions, open_session, org_of_slug
from media.queue import defer
from models.base import now
from models.errors import UnauthenticatedError
from models.person import AccountToken, Person
from models.tokens import read_token

LIFE = {"invitation": timedelta(days=14), "password_reset": timedelta(hours=2)}
USED = "This link has been used, has been replaced, or is too old. Ask for a new one."


async def send_link(session: AsyncSession, person: Person, purpose: str) -> AccountToken:
    """Make a link; the worker mails it, or writes it to its log where no mail is set up. Older ones end."""
    older = select(AccountToken).where(
        AccountToken.org_id == person.org_id,
        AccountToken.person_id == person.id,
        AccountToken.purpose == purpose,
        AccountToken.used_at.is_(None),
    )
    for token in await session.scalars(older):
        token.used_at = now()
    made = AccountToken(org_id=person.org_id, person_id=person.id, purpose=purpose, expires_at=now() + LIFE[purpose])
    session.add(made)
    await session.flush()
    await defer(session, "send_link", queue="mail", account_token_id=str(made.id))
    return made


async def _use(session: AsyncSession, org_id: UUID, token_id: UUID, purpose: str) -> Person:
    query = (
        select(AccountToken, Person)
        .join(Person, (Person.org_id == AccountToken.org_id) & (Person.id == AccountToken.person_id))
        .where(AccountToken.org_id == org_id, AccountToken.id == token_id, AccountToken.purpose == purpose)
        .with_for_update(of=AccountToken)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None or found[0].used_at is not None or found[0].expires_at <= now() or found[1].state == "left":
        raise UnauthenticatedError(USED, code="link-used")
    token, person = found
    token.used_at = now()
    return person


async def accept_invitation(gate: Gate, data: AcceptInvitation, client: Client) -> SignedIn:
    """Set the first password and sign in. Raises UnauthenticatedError when the link is used up or too old."""
    org_id, token_id = read_token(gate.secret, "invitation", data.token)
    hashed = await hash_password(data.password)
    async with gate.database.tenant(org_id) as session:
        person = await _use(session, org_id, token_id, "invitation")
        session.info["actor_id"] = person.id
        person.password_hash, person.name = hashed, data.name or person.name
        if person.state == "invited":
            person.move("active")
        return await open_session(session, gate, person, client)


async def ask_for_reset(gate: Gate, org: str, email: str, client: Client) -> None:
    """Send a link if there is such an account; the answer is the same if there is none."""
    await throttle.count_attempt(gate.database, "reset", org, email, client.address)
    org_id = await org_of_slug(gate.database, org)
    if org_id is None:
        return
    async with gate.database.tenant(org_id) as session:
        query = select(Person).where(Person.org_id == org_id, Person.email == email.lower(), Person.state == "active")
        person = (await session.scalars(query)).one_or_none()
        if person is not None:
            await send_link(session, person, "password_reset")


async def set_password(gate: Gate, token: str, password: str) -> None:
    """Set a new password and end every session. Raises UnauthenticatedError when the link is used up or too old."""
    org_id, token_id = read_token(gate.secret, "password_reset", token)
    hashed = await hash_password(password)
    async with gate.database.tenant(org_id) as session:
        person = await _use(session, org_id, token_id, "password_reset")
        person.password_hash = hashed
        await end_sessions(session, org_id, person.id)
