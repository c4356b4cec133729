"""Who reviews a take: by claim, by name, or handed over."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.refs import PersonRef
from api.reviews.queue import seconds_since
from api.reviews.schemas import ClaimOut, TakeReviewOut
from models import reviewing
from models.assignments import among
from models.base import now
from models.challenge import Challenge
from models.errors import InvalidError
from models.event import write_event
from models.person import Person
from models.take import Take


async def take_review_out(session: AsyncSession, take: Take) -> TakeReviewOut:
    at = now()
    claimed_by = take.claimed_by if take.claimed_until is not None and take.claimed_until > at else None
    people = await people_of(session, take.org_id, [*take.reviewer_ids, *([claimed_by] if claimed_by else [])])
    claimed = ClaimOut(people[claimed_by], take.claimed_until) if claimed_by and take.claimed_until else None
    waits = take.state in reviewing.COMING
    return TakeReviewOut(
        take.id,
        take.state,
        take.submitted_at,
        take.promised_at,
        seconds_since(take.promised_at, at) if waits else 0,
        take.escalated_at,
        claimed if waits else None,
        [people[one] for one in take.reviewer_ids],
    )


async def people_of(session: AsyncSession, org_id: UUID, wanted: Collection[UUID]) -> dict[UUID, PersonRef]:
    query = select(Person.id, Person.name).where(Person.org_id == org_id, among(Person.id, wanted))
    return {row.id: PersonRef(row.id, row.name) for row in await session.execute(query)}


async def name_reviewers(session: AsyncSession, take: Take, wanted: Sequence[UUID]) -> None:
    """Name these for a take whose row is locked.

    Raises:
        InvalidError: somebody cannot be named, or hands it in themselves.
        IllegalMoveError: it waits for no review.
    """
    await _check_eligible(session, take.org_id, wanted, "/person_ids", kept=take.reviewer_ids)
    if take.person_id in wanted:
        raise InvalidError("Nobody reviews their own take.", pointer=f"/person_ids/{wanted.index(take.person_id)}")
    reviewing.name_reviewers(session, take, wanted)
    await session.flush()


async def hand_over(session: AsyncSession, actor: Actor, take: Take, to: UUID) -> None:
    """Let somebody else review it in my place; its row is locked.

    Raises:
        InvalidError: they cannot review it.
        IllegalMoveError: it waits for no review.
        ConflictError: somebody else is reviewing it.
    """
    if to in {actor.person_id, take.person_id}:
        whose = "yourself" if to == actor.person_id else "whose take it is"
        raise InvalidError(f"Hand it over to somebody else than {whose}.", pointer="/to")
    await _check_eligible(session, take.org_id, [to], "/to")
    reviewing.hand_over(session, take, actor.person_id, to)
    await session.flush()


async def name_for_challenge(session: AsyncSession, challenge: Challenge, wanted: Sequence[UUID]) -> None:
    """Name who reviews what is handed in from now on; the row is locked. Takes that wait already keep theirs."""
    await _check_eligible(session, challenge.org_id, wanted, "/person_ids", kept=challenge.reviewer_ids)
    after = list(dict.fromkeys(wanted))
    if after != challenge.reviewer_ids:
        challenge.reviewer_ids = after
        write_event(session, challenge, "reviewers_named", reviewers=after)
    await session.flush()


async def _check_eligible(
    session: AsyncSession, org_id: UUID, wanted: Sequence[UUID], pointer: str, kept: Collection[UUID] = ()
) -> None:
    """Raise InvalidError for somebody who may judge nobody. Who was named before may stay named."""
    new = [one for one in wanted if one not in kept]
    found = await reviewing.eligible(session, org_id, new) if new else set()
    for one in new:
        if one not in found:
            at = pointer if pointer == "/to" else f"{pointer}/{wanted.index(one)}"
            raise InvalidError("There is nobody with this id who manages a team or is of enablement.", pointer=at)
