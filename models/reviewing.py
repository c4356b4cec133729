"""Who reviews a take, by when, and what becomes of that when they leave or are late.

A promise is made when a take has arrived whole: its hours run from then, weekends left out (`models.promises`). A take
that has to be replaced is promised anew when it is handed in again. Those who were named see the take as long as they
are, and it waits for them alone until it is escalated; without names it waits for all who see its team's work. A claim
keeps two of them from reviewing it by accident; it runs out by itself.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from models.assignments import among
from models.base import now
from models.challenge import Assignment, Challenge
from models.errors import ConflictError, IllegalMoveError
from models.event import write_event
from models.org import Org
from models.person import Person
from models.promises import promised_by
from models.review import Delegation, GuestReview, ReviewOf
from models.take import Take
from models.team import Membership

CLAIM_LIFE = timedelta(hours=2)
# A take in one of these is on its way to a review.
COMING = ("submitting", "submitted", "needs_replacement")


async def promise(session: AsyncSession, take: Take) -> None:
    """Say by when a take that has just arrived whole will have feedback."""
    asked = await session.execute(
        select(Org.feedback_promise_h, func.coalesce(Person.time_zone, Org.time_zone).label("zone"))
        .join(Person, Person.org_id == Org.id)
        .where(Org.id == take.org_id, Person.id == take.person_id)
    )
    hours, zone = asked.one()
    take.promised_at = promised_by(now(), hours, zone) if hours else None
    take.promise_near_at, take.escalated_at = None, None


async def name_first(session: AsyncSession, take: Take) -> None:
    """Give a take that is handed in the reviewers that its challenge names, unless it has some."""
    if take.reviewer_ids:
        return
    found = await session.scalar(
        select(Challenge.reviewer_ids).where(Challenge.org_id == take.org_id, Challenge.id == take.challenge_id)
    )
    if wanted := [one for one in found or () if one != take.person_id]:
        take.reviewer_ids = wanted
        write_event(session, ReviewOf(take), "named", to=wanted)


def check_waits(take: Take) -> None:
    """Raise IllegalMoveError when there is nothing to review any more, or not yet."""
    if take.state not in COMING:
        state = take.state
        raise IllegalMoveError(f"This take is {state.replace('_', ' ')}; it waits for no review.", state=state)


def is_claimed(take: Take, *, by_other_than: UUID) -> bool:
    claimed = take.claimed_until is not None and take.claimed_until > now()
    return claimed and take.claimed_by != by_other_than


def claim(session: AsyncSession, take: Take, person_id: UUID, *, take_over: bool) -> None:
    """Say that somebody is about to review a take, whose row is locked. Done again, it holds longer.

    Raises:
        IllegalMoveError: it waits for no review.
        ConflictError: somebody else has it, and it is not taken over on purpose.
    """
    check_waits(take)
    other = is_claimed(take, by_other_than=person_id)
    if other and not take_over:
        raise ConflictError(
            "Somebody else is reviewing this take. Ask them, or take it over.",
            code="take-claimed",
            state=take.state,
            claimed_by=str(take.claimed_by),
        )
    before = take.claimed_by if other else None
    fresh = other or take.claimed_by != person_id or take.claimed_until is None or take.claimed_until <= now()
    take.claimed_by, take.claimed_until = person_id, now() + CLAIM_LIFE
    if fresh:
        to = [before] if before else []
        write_event(session, ReviewOf(take), "claimed", claimed_until=take.claimed_until, to=to)


def claim_if_free(session: AsyncSession, take: Take, person_id: UUID) -> None:
    """Claim it for who begins to write, where nobody has it."""
    if take.state in COMING and not is_claimed(take, by_other_than=person_id):
        claim(session, take, person_id, take_over=False)


def release(session: AsyncSession, take: Take, person_id: UUID) -> None:
    """Give a claim back; the row is locked. Of no claim, or of another's, it changes nothing."""
    if take.claimed_by == person_id:
        take.claimed_by = take.claimed_until = None
        write_event(session, ReviewOf(take), "released")


def name_reviewers(session: AsyncSession, take: Take, wanted: Sequence[UUID]) -> None:
    """Make these, and nobody else, the reviewers of a take whose row is locked."""
    before, after = set(take.reviewer_ids), list(dict.fromkeys(wanted))
    if set(after) == before:
        return
    check_waits(take)
    take.reviewer_ids = after
    if take.claimed_by in before - set(after):
        take.claimed_by = take.claimed_until = None
    if new := [one for one in after if one not in before]:
        write_event(session, ReviewOf(take), "named", to=new)
    if gone := sorted(before - set(after)):
        write_event(session, ReviewOf(take), "unnamed", to=gone)


def hand_over(session: AsyncSession, take: Take, giver_id: UUID, to: UUID) -> None:
    """Let somebody else review a take in the giver's place; the row is locked. Done again, it changes nothing.

    Raises:
        IllegalMoveError: it waits for no review.
        ConflictError: somebody else is reviewing it.
    """
    check_waits(take)
    if is_claimed(take, by_other_than=giver_id) and take.claimed_by != to:
        raise ConflictError(
            "Somebody else is reviewing this take. Take it over first.",
            code="take-claimed",
            state=take.state,
            claimed_by=str(take.claimed_by),
        )
    if take.claimed_by == giver_id:
        take.claimed_by = take.claimed_until = None
    if to in take.reviewer_ids and giver_id not in take.reviewer_ids:
        return
    take.reviewer_ids = [one for one in take.reviewer_ids if one not in {giver_id, to}] + [to]
    write_event(session, ReviewOf(take), "handed_over", to=[to])


def named(take: Any, person_id: Any) -> ColumnElement[bool]:
    """Return whether a person is among the reviewers of a Take, or an alias of it. An index knows those that are."""
    some: ColumnElement[bool] = take.reviewer_ids != literal_column("'{}'")
    return and_(some, take.reviewer_ids.op("@>")(func.array_append(literal_column("'{}'::uuid[]"), person_id)))


async def eligible(session: AsyncSession, org_id: UUID, wanted: Collection[UUID]) -> set[UUID]:
    """Return who of these may review in somebody's place: active, and of enablement or a manager of some team."""
    manages = exists().where(
        Membership.org_id == org_id,
        Membership.person_id == Person.id,
        Membership.role == "manager",
        Membership.until_at.is_(None),
    )
    query = select(Person.id).where(
        Person.org_id == org_id,
        among(Person.id, wanted),
        Person.state == "active",
        or_(Person.org_role == "enablement", manages),
    )
    return set(await session.scalars(query))


async def tell(session: AsyncSession, org_id: UUID, take_id: UUID) -> None:
    """Tell of a promise that is near, or long past; or make one where there is none. It may run twice, or too early."""
    take = await session.get(Take, (org_id, take_id), with_for_update={"key_share": True}, populate_existing=True)
    if take is None or take.state != "submitted" or not await _waits(session, take):
        return
    org = await session.get_one(Org, org_id)
    if take.promised_at is None:
        await promise(session, take)
        return
    late = org.escalate_after_h and take.promised_at + timedelta(hours=org.escalate_after_h) <= now()
    if late and take.escalated_at is None:
        take.escalated_at = now()
        to = await above(session, take)
        write_event(session, ReviewOf(take), "escalated", promised_at=take.promised_at, to=to)
    if take.promise_near_at is None and take.promised_at - timedelta(hours=org.feedback_promise_h) / 4 <= now():
        take.promise_near_at = now()
        if not late:  # then more has been said
            to = await asked_to_review(session, take)
            write_event(session, ReviewOf(take), "promise_near", promised_at=take.promised_at, to=to)
    await session.flush()


async def _waits(session: AsyncSession, take: Take) -> bool:
    mine = (Assignment.org_id == take.org_id) & (Assignment.id == take.assignment_id)
    found = await session.scalar(
        select(Assignment.id).where(mine, Assignment.current_take_id == take.id, Assignment.state != "excused")
    )
    return found is not None


async def asked_to_review(session: AsyncSession, take: Take) -> list[UUID]:
    """Return whose turn it is: who has claimed it, else who was named, else the managers of its team or those above,
    else enablement.
    """
    if is_claimed(take, by_other_than=take.person_id) and take.claimed_by:
        return [take.claimed_by]
    return list(take.reviewer_ids) or await _managers(session, take, above=False)


async def above(session: AsyncSession, take: Take) -> list[UUID]:
    """Return the managers of the next team above that has some, else enablement."""
    return await _managers(session, take, above=True)


_LINE = text("""
WITH RECURSIVE line AS (
  SELECT id, parent_id, 0 AS far FROM team WHERE org_id = :org AND id = :team
  UNION ALL SELECT t.id, t.parent_id, l.far + 1 FROM team t JOIN line l ON t.id = l.parent_id
  WHERE t.org_id = :org AND l.far < 100
), managers AS (
  SELECT l.far, m.person_id FROM line l
  JOIN membership m ON m.org_id = :org AND m.team_id = l.id AND m.role = 'manager' AND m.until_at IS NULL
  JOIN person p ON p.org_id = :org AND p.id = m.person_id AND p.state = 'active'
  WHERE l.far >= :least AND m.person_id <> :person
)
SELECT person_id FROM managers WHERE far = (SELECT min(far) FROM managers)
UNION SELECT id FROM person
WHERE org_id = :org AND org_role = 'enablement' AND state = 'active' AND id <> :person
  AND NOT EXISTS (SELECT 1 FROM managers)
ORDER BY 1
""")


async def _managers(session: AsyncSession, take: Take, *, above: bool) -> list[UUID]:
    values = {"org": take.org_id, "team": take.team_id, "person": take.person_id, "least": int(above)}
    return list(await session.scalars(_LINE, values))


async def end_of(session: AsyncSession, org_id: UUID, person_id: UUID) -> None:
    """End all that somebody was to review, lent, was lent, or showed to guests, since they leave or manage no more."""
    await _let_go(session, or_(Take.claimed_by == person_id, named(Take, person_id)), org_id, person_id)
    rows = await session.scalars(
        select(Challenge).where(Challenge.org_id == org_id, named(Challenge, person_id)).with_for_update(key_share=True)
    )
    for challenge in rows.all():
        challenge.reviewer_ids = [one for one in challenge.reviewer_ids if one != person_id]
    lent = or_(Delegation.person_id == person_id, Delegation.delegate_id == person_id)
    await end_delegations(session, Delegation.org_id == org_id, lent)
    await _end_guests(session, org_id, person_id)
    await session.flush()


async def end_delegations(session: AsyncSession, *which: ColumnElement[bool]) -> None:
    """End those that last, or are to begin."""
    query = select(Delegation).where(*which, Delegation.ended_at.is_(None), Delegation.until_at > func.now())
    for row in (await session.scalars(query.order_by(Delegation.id).with_for_update())).all():
        row.ended_at = now()
        write_event(session, row, "ended")


async def _end_guests(session: AsyncSession, org_id: UUID, person_id: UUID) -> None:
    query = select(GuestReview).where(
        GuestReview.org_id == org_id, GuestReview.invited_by == person_id, GuestReview.state == "invited"
    )
    for row in (await session.scalars(query.order_by(GuestReview.id).with_for_update())).all():
        row.move("ended")


async def stopped_managing(session: AsyncSession, org_id: UUID, person_id: UUID, team_id: UUID) -> None:
    """End what a person was to review of a team that they manage no more; all, when they manage none.

    What they see through another team, or as enablement, stays.
    """
    if not await eligible(session, org_id, [person_id]):
        await end_of(session, org_id, person_id)
        return
    lost = await _lost(session, org_id, person_id, team_id)
    mine = or_(Take.claimed_by == person_id, named(Take, person_id))
    await _let_go(session, and_(mine, among(Take.team_id, lost)), org_id, person_id)  # type: ignore[arg-type]  # some have no team
    await session.flush()


_LOST = text("""
WITH RECURSIVE below AS (
  SELECT CAST(:team AS uuid) AS id
  UNION SELECT t.id FROM team t JOIN below b ON t.parent_id = b.id WHERE t.org_id = :org
), kept AS (
  SELECT team_id AS id FROM membership
  WHERE org_id = :org AND person_id = :person AND role = 'manager' AND until_at IS NULL
  UNION SELECT t.id FROM team t JOIN kept k ON t.parent_id = k.id WHERE t.org_id = :org
)
SELECT id FROM below
WHERE NOT EXISTS (SELECT 1 FROM kept WHERE kept.id = below.id)
  AND NOT EXISTS (
    SELECT 1 FROM person WHERE org_id = :org AND person.id = :person AND org_role = 'enablement'
  )
""")


async def _lost(session: AsyncSession, org_id: UUID, person_id: UUID, team_id: UUID) -> list[UUID]:
    return list(await session.scalars(_LOST, {"org": org_id, "person": person_id, "team": team_id}))


async def _let_go(session: AsyncSession, which: ColumnElement[bool], org_id: UUID, person_id: UUID) -> None:
    """Take a person's claim and name off these takes."""
    query = select(Take).where(Take.org_id == org_id, which).order_by(Take.id).with_for_update(key_share=True)
    rows: Iterable[Take] = (await session.scalars(query.execution_options(populate_existing=True))).all()
    for take in rows:
        if take.claimed_by == person_id:
            take.claimed_by = take.claimed_until = None
            if take.state in COMING:
                write_event(session, ReviewOf(take), "released")
        if person_id in take.reviewer_ids:
            take.reviewer_ids = [one for one in take.reviewer_ids if one != person_id]
            write_event(session, ReviewOf(take), "unnamed", to=[person_id])
