"""Sessions, refresh tokens and links that ended long ago are forgotten; of what lives everything stays."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from api.accounts.sessions import SESSION_LIFE, Client, Gate, open_session, refresh
from api.auth import Tokens
from api.embedded import EmbeddedPostgres, Urls
from media import sweeps
from models.base import now
from models.errors import UnauthenticatedError
from models.person import AccountToken, Person, RefreshToken, Session
from tests.conftest import SECRET
from tests.factories.jobs import House, own_database

DAY = timedelta(days=1)
LONG_AGO, LATELY = 31 * DAY, 29 * DAY
PHONE = Client("192.0.2.1", "a phone")


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_forgotten")


def gate(house: House) -> Gate:
    return Gate(house.database, Tokens(SECRET), SECRET)


async def signed_in(house: House) -> tuple[UUID, list[str]]:
    """Sign somebody in and refresh twice; return the session, and the refresh tokens from the first on."""
    person_id = (await house.org.person()).id
    async with house.database.tenant(house.org.id) as session:
        person = await session.get_one(Person, (house.org.id, person_id))
        texts = [(await open_session(session, gate(house), person, PHONE)).refresh_token]
        query = select(Session.id).where(Session.org_id == house.org.id, Session.person_id == person_id)
        session_id = (await session.scalars(query.order_by(Session.created_at.desc()))).first()
    assert session_id is not None
    for _ in range(2):
        texts.append((await refresh(gate(house), texts[-1])).refresh_token)
    return session_id, texts


async def ended(house: House, session_id: UUID, *, expires_at: datetime, revoked_at: datetime | None = None) -> None:
    async with house.database.tenant(house.org.id) as session:
        row = await session.get_one(Session, (house.org.id, session_id))
        row.expires_at, row.revoked_at = expires_at, revoked_at


async def tokens_of(house: House, session_id: UUID) -> int:
    async with house.database.tenant(house.org.id) as session:
        query = select(func.count()).select_from(RefreshToken)
        query = query.where(RefreshToken.org_id == house.org.id, RefreshToken.session_id == session_id)
        return await session.scalar(query) or 0


async def is_there(house: House, kind: type[Session | AccountToken], id_: UUID) -> bool:
    async with house.database.tenant(house.org.id) as session:
        return await session.get(kind, (house.org.id, id_)) is not None


@pytest.mark.parametrize(
    ("expired", "revoked", "stays"),
    [
        (LONG_AGO, None, False),
        (LATELY, None, True),
        (-SESSION_LIFE, LONG_AGO, False),
        (-SESSION_LIFE, LATELY, True),
        (-SESSION_LIFE, None, True),
        (LONG_AGO, LATELY, False),
    ],
    ids=["expired", "expired-lately", "revoked", "revoked-lately", "lives", "revoked-after-it-expired"],
)
async def test_a_session_goes_with_its_tokens_a_month_after_it_ended(
    house: House, expired: timedelta, revoked: timedelta | None, stays: bool
) -> None:
    session_id, _ = await signed_in(house)
    await ended(house, session_id, expires_at=now() - expired, revoked_at=now() - revoked if revoked else None)
    await sweeps.forget_access(house.context)
    assert (await is_there(house, Session, session_id), await tokens_of(house, session_id)) == (stays, 3 * stays)


async def test_a_token_of_a_living_session_that_comes_back_after_months_still_ends_it(house: House) -> None:
    session_id, texts = await signed_in(house)
    async with house.database.tenant(house.org.id) as session:
        query = select(RefreshToken).where(
            RefreshToken.org_id == house.org.id,
            RefreshToken.session_id == session_id,
            RefreshToken.used_at.is_not(None),
        )
        for token in await session.scalars(query):
            token.created_at = token.used_at = now() - 200 * DAY
    await sweeps.forget_access(house.context)
    with pytest.raises(UnauthenticatedError):
        await refresh(gate(house), texts[0])
    with pytest.raises(UnauthenticatedError):
        await refresh(gate(house), texts[-1])
    async with house.database.tenant(house.org.id) as session:
        assert (await session.get_one(Session, (house.org.id, session_id))).revoked_at is not None


async def test_a_token_of_a_session_that_was_forgotten_lets_nobody_in(house: House) -> None:
    session_id, texts = await signed_in(house)
    await ended(house, session_id, expires_at=now() - LONG_AGO)
    await sweeps.forget_access(house.context)
    for text in texts:
        with pytest.raises(UnauthenticatedError):
            await refresh(gate(house), text)


@pytest.mark.parametrize(
    ("expired", "used", "stays"),
    [(LONG_AGO, None, False), (LATELY, None, True), (-DAY, LONG_AGO, False), (-DAY, LATELY, True), (-DAY, None, True)],
    ids=["expired", "expired-lately", "used", "used-lately", "may-be-used"],
)
async def test_a_link_goes_a_month_after_it_was_used_or_ran_out(
    house: House, expired: timedelta, used: timedelta | None, stays: bool
) -> None:
    person_id = (await house.org.person()).id
    link = AccountToken(
        org_id=house.org.id,
        person_id=person_id,
        purpose="password_reset",
        expires_at=now() - expired,
        used_at=now() - used if used else None,
    )
    async with house.database.tenant(house.org.id) as session:
        session.add(link)
    await sweeps.forget_access(house.context)
    assert await is_there(house, AccountToken, link.id) is stays


async def test_more_than_one_turn_takes_go_all_the_same(house: House) -> None:
    person_id = (await house.org.person()).id
    rows = [
        Session(org_id=house.org.id, person_id=person_id, expires_at=now() - LONG_AGO)
        for _ in range(2 * sweeps.FORGET_MOST + 1)
    ]
    async with house.database.tenant(house.org.id) as session:
        session.add_all(rows)
    await sweeps.forget_access(house.context)
    assert [row.id for row in rows if await is_there(house, Session, row.id)] == []


def test_it_is_among_the_errands() -> None:
    assert [errand.every_s for errand in sweeps.ERRANDS if errand.sweep is sweeps.forget_access] == [3600.0]
