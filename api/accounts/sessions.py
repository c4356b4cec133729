"""Sign-in, and the rotation of refresh tokens.

A refresh token is used once. A phone that lost the answer sends its token again: within two minutes, and before the
successor was used, it gets the same successor. Any other replay means that two parties hold the token: the family ends.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts import throttle
from api.accounts.passwords import password_matches
from api.accounts.schemas import SignedIn, SignIn
from api.auth import ACCESS_LIFE, Caller, Tokens
from models.base import now
from models.database import Database
from models.errors import UnauthenticatedError
from models.event import write_event
from models.person import Person, RefreshToken, Session
from models.tokens import read_token, token_text

log = structlog.get_logger()

SESSION_LIFE = timedelta(days=90)
GRACE = timedelta(minutes=2)
WRONG = "The organization, the e-mail address or the password is wrong."
ENDED = "This session has ended. Sign in again."


@dataclass(frozen=True)
class Gate:
    """What lets people in: the database, the token maker, and the secret of the refresh tokens."""

    database: Database
    tokens: Tokens
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Client:
    address: str
    user_agent: str


async def sign_in(gate: Gate, data: SignIn, client: Client) -> SignedIn:
    """Open a session.

    Raises:
        UnauthenticatedError: one of the three is wrong; which one is not said.
        TooManyError: too many attempts on this account or from this address.
    """
    await throttle.count_attempt(gate.database, "sign-in", data.org, data.email, client.address)
    org_id = await org_of_slug(gate.database, data.org)
    found = await _account(gate.database, org_id, data.email)
    stored = found.password_hash if found else None
    if not await password_matches(stored, data.password) or org_id is None or found is None:
        log.warning("sign-in refused", address=client.address)
        raise UnauthenticatedError(WRONG, code="sign-in-failed")
    await throttle.forget_attempts(gate.database, "sign-in", data.org, data.email, address=client.address)
    async with gate.database.tenant(org_id, found.id) as session:
        await _check_unchanged(session, found)
        opened = await open_session(session, gate, found, client)
    log.info("signed in", org=str(org_id), person=str(found.id), address=client.address)
    return opened


async def org_of_slug(database: Database, slug: str) -> UUID | None:
    async with database.without_tenant() as session:
        found: UUID | None = await session.scalar(text("SELECT org_id_of_slug(:slug)"), {"slug": slug.lower()})
        return found


async def _account(database: Database, org_id: UUID | None, email: str) -> Person | None:
    if org_id is None:
        return None
    async with database.tenant(org_id) as session:
        query = select(Person).where(Person.org_id == org_id, Person.email == email.lower(), Person.state == "active")
        return (await session.scalars(query)).one_or_none()


async def _check_unchanged(session: AsyncSession, found: Person) -> None:
    """Hold the account as it was when the password was compared: no session outlives a reset or a leave."""
    query = select(Person.id).where(
        Person.org_id == found.org_id,
        Person.id == found.id,
        Person.state == "active",
        Person.password_hash == found.password_hash,
    )
    if await session.scalar(query.with_for_update(read=True)) is None:
        raise UnauthenticatedError(WRONG, code="sign-in-failed")


async def open_session(session: AsyncSession, gate: Gate, person: Person, client: Client) -> SignedIn:
    opened = Session(
        org_id=person.org_id,
        person_id=person.id,
        user_agent=client.user_agent[:300],
        address=client.address,
        expires_at=now() + SESSION_LIFE,
    )
    session.add(opened)
    write_event(session, opened, "started")
    await session.flush()
    token = RefreshToken(org_id=person.org_id, session_id=opened.id)
    session.add(token)
    await session.flush()
    return _signed_in(gate, opened, token.id)


def _signed_in(gate: Gate, session: Session, token_id: UUID) -> SignedIn:
    caller = Caller(session.org_id, session.person_id, session.id)
    refresh = token_text(gate.secret, "refresh", session.org_id, token_id)
    return SignedIn(gate.tokens.issue(caller), refresh, "Bearer", int(ACCESS_LIFE.total_seconds()))


async def refresh(gate: Gate, text_of_token: str) -> SignedIn:
    """Rotate a refresh token.

    Raises:
        UnauthenticatedError: it is not valid, its session has ended, or it was replayed; then the family has ended.
    """
    org_id, token_id = read_token(gate.secret, "refresh", text_of_token)
    async with gate.database.tenant(org_id) as session:
        answer = await _rotate(session, gate, org_id, token_id)
    if answer is None:  # raised after the commit, so that a revocation stays
        raise UnauthenticatedError(ENDED, code="session-ended")
    return answer


async def _rotate(session: AsyncSession, gate: Gate, org_id: UUID, token_id: UUID) -> SignedIn | None:
    query = (
        select(RefreshToken, Session)
        .join(Session, (Session.org_id == RefreshToken.org_id) & (Session.id == RefreshToken.session_id))
        .join(Person, (Person.org_id == Session.org_id) & (Person.id == Session.person_id))
        .where(RefreshToken.org_id == org_id, RefreshToken.id == token_id, Person.state == "active")
        .with_for_update(of=Session)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None or found[1].revoked_at is not None or found[1].expires_at <= now():
        return None
    token, family = found
    await session.refresh(token)  # it may have been used while this waited for the lock
    if token.used_at is not None:
        return await _replayed(session, gate, token, family)
    successor = RefreshToken(org_id=org_id, session_id=family.id)
    session.add(successor)
    await session.flush()
    token.used_at, token.successor_id = now(), successor.id
    family.last_used_at, family.expires_at = now(), now() + SESSION_LIFE
    return _signed_in(gate, family, successor.id)


async def _replayed(session: AsyncSession, gate: Gate, token: RefreshToken, family: Session) -> SignedIn | None:
    successor_used = await session.scalar(
        select(RefreshToken.used_at).where(RefreshToken.org_id == token.org_id, RefreshToken.id == token.successor_id)
    )
    in_grace = token.used_at is not None and now() - token.used_at <= GRACE
    if in_grace and successor_used is None and token.successor_id is not None:
        return _signed_in(gate, family, token.successor_id)
    family.revoked_at = now()
    write_event(session, family, "ended", why="replayed")
    log.warning("a refresh token came back, its session ends", org=str(family.org_id), person=str(family.person_id))
    return None


async def end_sessions(session: AsyncSession, org_id: UUID, person_id: UUID, *, but: UUID | None = None) -> None:
    """Revoke every session of a person, except `but`."""
    await revoke(session, org_id, person_id, true() if but is None else Session.id != but, why="ended")


async def revoke(session: AsyncSession, org_id: UUID, person_id: UUID, which: ColumnElement[bool], *, why: str) -> None:
    """Revoke those of a person's sessions, and write each down. Done again, it changes nothing."""
    mine = (Session.org_id == org_id, Session.person_id == person_id, Session.revoked_at.is_(None), which)
    for key in await session.scalars(update(Session).where(*mine).values(revoked_at=now()).returning(Session.id)):
        write_event(session, Session(org_id=org_id, id=key, person_id=person_id), "ended", why=why)
