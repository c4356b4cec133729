"""Invitations and password resets: links that may be used once."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts import throttle
from api.accounts.passwords import hash_password
from api.accounts.schemas import AcceptInvitation, SignedIn
from api.accounts.sessions import Client, Gate, end_sessions, open_session, org_of_slug
from media.queue import defer, defer_each
from models.base import now
from models.errors import UnauthenticatedError
from models.event import write_event
from models.org import Org
from models.person import AccountToken, Person
from models.tokens import read_token

LIFE = {"invitation": timedelta(days=14), "password_reset": timedelta(hours=2)}
FOR = {"invitation": "invited", "password_reset": "active"}  # the state in which a person may use it
USED = "This link has been used, has been replaced, or is too old. Ask for a new one."


async def send_link(session: AsyncSession, person: Person, purpose: str) -> AccountToken:
    """Make a link; the worker mails it, or writes it to its log where no mail is set up. Older ones end."""
    await end_links(session, person, purpose)
    made = AccountToken(org_id=person.org_id, person_id=person.id, purpose=purpose, expires_at=now() + LIFE[purpose])
    session.add(made)
    write_event(session, person, f"{purpose}_sent")
    await session.flush()
    await defer(session, "send_link", queue="mail", account_token_id=str(made.id))
    return made


async def invite_all(session: AsyncSession, people: Sequence[Person]) -> None:
    """Invite people who are new, many at once."""
    until = now() + LIFE["invitation"]
    made = [
        AccountToken(org_id=person.org_id, person_id=person.id, purpose="invitation", expires_at=until)
        for person in people
    ]
    session.add_all(made)
    for person in people:
        write_event(session, person, "invitation_sent")
    await defer_each(session, "send_link", queue="mail", account_token_id=[str(link.id) for link in made])


async def _use(session: AsyncSession, org_id: UUID, token_id: UUID, purpose: str) -> Person:
    """Lock the person, then read the token: one who leaves, and a link used twice at once, take turns."""
    token = AccountToken.org_id == org_id, AccountToken.id == token_id, AccountToken.purpose == purpose
    whose = select(AccountToken.person_id).where(*token).scalar_subquery()
    locked = select(Person).where(Person.org_id == org_id, Person.id == whose).with_for_update()
    person = (await session.scalars(locked)).one_or_none()
    link = (await session.scalars(select(AccountToken).where(*token))).one_or_none()
    if person is None or link is None or link.used_at or link.expires_at <= now() or person.state != FOR[purpose]:
        raise UnauthenticatedError(USED, code="link-used")
    await end_links(session, person)
    return person


async def end_links(session: AsyncSession, person: Person, purpose: str | None = None) -> None:
    """End what is on its way to a person: all of it, or one kind."""
    query = update(AccountToken).where(
        AccountToken.org_id == person.org_id,
        AccountToken.person_id == person.id,
        AccountToken.used_at.is_(None),
    )
    if purpose is not None:
        query = query.where(AccountToken.purpose == purpose)
    await session.execute(query.values(used_at=now()))


async def accept_invitation(gate: Gate, data: AcceptInvitation, client: Client) -> SignedIn:
    """Set the first password and sign in. Raises UnauthenticatedError when the link is used up or too old."""
    org_id, token_id = read_token(gate.secret, "invitation", data.token)
    hashed = await hash_password(data.password)
    async with gate.database.tenant(org_id) as session:
        person = await _use(session, org_id, token_id, "invitation")
        session.info["actor_id"] = person.id
        person.password_hash, person.name = hashed, data.name or person.name
        person.version += 1
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
        person = (await session.scalars(query.with_for_update(key_share=True))).one_or_none()
        if person is not None:
            await send_link(session, person, "password_reset")


async def set_password(gate: Gate, token: str, password: str) -> None:
    """Set a new password and end every session. Raises UnauthenticatedError when the link is used up or too old."""
    org_id, token_id = read_token(gate.secret, "password_reset", token)
    hashed = await hash_password(password)
    async with gate.database.tenant(org_id) as session:
        person = await _use(session, org_id, token_id, "password_reset")
        session.info["actor_id"] = person.id
        person.password_hash = hashed
        write_event(session, person, "password_changed")
        await session.flush()
        await end_sessions(session, org_id, person.id)
        slug = await session.scalar(select(Org.slug).where(Org.id == org_id))
    await throttle.forget_attempts(gate.database, "sign-in", slug or "", person.email)
