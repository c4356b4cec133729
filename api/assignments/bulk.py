"""One act for many people of a challenge: more time, an excuse, a reminder; in one transaction, each result told."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.assignments.bulk_schemas import BulkItem, BulkOut, ChosenIn, ExcuseIn, ExtendIn
from api.assignments.representation import TO_DO
from api.auth import Actor
from api.policy import may_run_assignment, visible
from api.refs import PersonRef
from api.times import check_instant
from models import assignments
from models.assignments import among, present_state
from models.base import now
from models.challenge import Assignment, Challenge
from models.errors import IllegalMoveError, InvalidError
from models.event import write_event
from models.person import Person

CHANGED, UNCHANGED = "changed", "unchanged"
REMIND_AGAIN = timedelta(hours=20)  # once a day, whatever the hour
Act = Callable[[Assignment], Awaitable[str]]


async def extend(session: AsyncSession, actor: Actor, challenge: Challenge, data: ExtendIn) -> BulkOut:
    """Give people a due time of their own, who have not handed in what is asked.

    Raises:
        IllegalMoveError: the challenge is not published.
        InvalidError: somebody named has no assignment that the actor runs, or it would be due before it opens.
    """
    due_at = check_instant(data.due_at, "/due_at")

    async def act(row: Assignment) -> str:
        if row.state not in (*TO_DO, "scheduled"):
            return row.state
        if due_at is not None and row.opens_at is not None and due_at <= row.opens_at:
            raise InvalidError("It would be due before it opens.", pointer="/due_at")
        if (row.due_at_own, row.due_at if row.due_at_own else None) == (due_at is not None, due_at):
            return UNCHANGED
        await assignments.set_due(session, row, challenge, due_at)
        return CHANGED

    return await _for_each(session, actor, challenge, data.person_ids, act)


async def excuse(session: AsyncSession, actor: Actor, challenge: Challenge, data: ExcuseIn) -> BulkOut:
    """Let people off, or take it back. Raises as `extend` does."""

    async def act(row: Assignment) -> str:
        if data.excused == (row.state == "excused"):
            return UNCHANGED
        if data.excused:
            await assignments.excuse(session, row)
        else:
            await assignments.expect_again(session, row, challenge)
        return CHANGED

    return await _for_each(session, actor, challenge, data.person_ids, act)


async def remind(session: AsyncSession, actor: Actor, challenge: Challenge, data: ChosenIn) -> BulkOut:
    """Have people reminded who have something to do, of this challenge once a day at most. Raises as `extend` does."""
    at = now()

    async def act(row: Assignment) -> str:
        if row.state not in TO_DO:
            return row.state
        if row.reminded_at is not None and row.reminded_at > at - REMIND_AGAIN:
            return "reminded_lately"
        row.reminded_at = at
        write_event(session, row, "reminded")
        return CHANGED

    return await _for_each(session, actor, challenge, data.person_ids, act)


async def _for_each(
    session: AsyncSession, actor: Actor, challenge: Challenge, person_ids: Sequence[UUID] | None, act: Act
) -> BulkOut:
    challenge = await session.get_one(
        Challenge, (challenge.org_id, challenge.id), with_for_update={"read": True}, populate_existing=True
    )
    if challenge.state != "published":
        raise IllegalMoveError(
            f"This challenge is {challenge.state}; only a published one runs.", state=challenge.state
        )
    rows = await _locked(session, actor, challenge, person_ids)
    if person_ids is not None:
        _check_all_there(person_ids, rows)
    results = {row.id: await act(row) for row in rows}
    await session.flush()
    return await _answer(session, rows, results)


async def _locked(
    session: AsyncSession, actor: Actor, challenge: Challenge, person_ids: Sequence[UUID] | None
) -> list[Assignment]:
    whom = present_state().in_(TO_DO) if person_ids is None else among(Assignment.person_id, person_ids)
    rows = await session.scalars(
        select(Assignment)
        .where(visible(actor, Assignment), Assignment.challenge_id == challenge.id, whom)
        .order_by(Assignment.id)
        .with_for_update(of=Assignment, key_share=True)
        .execution_options(populate_existing=True)
    )
    return [row for row in rows.all() if may_run_assignment(actor, row)]


def _check_all_there(person_ids: Sequence[UUID], rows: Sequence[Assignment]) -> None:
    there = {row.person_id for row in rows}
    for place, person_id in enumerate(person_ids):
        if person_id not in there:
            raise InvalidError(
                "You run no assignment of this person in this challenge.", pointer=f"/person_ids/{place}"
            )


async def _answer(session: AsyncSession, rows: Sequence[Assignment], results: dict[UUID, str]) -> BulkOut:
    if not rows:
        return BulkOut(0, [])
    query = select(Person.id, Person.name).where(
        Person.org_id == rows[0].org_id, among(Person.id, [row.person_id for row in rows])
    )
    names = {row.id: row.name for row in await session.execute(query)}
    items = [BulkItem(PersonRef(row.person_id, names[row.person_id]), row.id, results[row.id]) for row in rows]
    items.sort(key=lambda item: (item.person.name, item.assignment_id))
    return BulkOut(sum(result == CHANGED for result in results.values()), items)
