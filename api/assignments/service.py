"""Assignments: the rep's inbox, what a challenge has become of, and what a manager changes for one person."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

import msgspec
from sqlalchemy import Text, func, literal
from sqlalchemy.ext.asyncio import AsyncSession

from api.assignments.representation import TO_DO, assignment_rows, make_out
from api.assignments.schemas import AssignmentOut, AssignmentPatch
from api.auth import Actor, any_actor
from api.challenges import reach
from api.challenges import service as challenges
from api.paging import Page, after, given_place, keyset, page
from api.policy import visible
from api.reading import Reading
from api.times import check_instant
from models import assignments
from models.assignments import among, present_state
from models.challenge import Assignment, Challenge
from models.errors import InvalidError
from models.person import Person
from models.reads import Statement, given, prepared

# Later than any due time: what has none comes last.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@cache
def inbox_statement(*, in_state: bool, behind: bool) -> Statement:
    me = any_actor("member")
    wanted = present_state() == given("state", Text) if in_state else present_state().in_(TO_DO)
    query = assignment_rows().where(Assignment.org_id == me.org_id, Assignment.person_id == me.person_id, wanted)
    keys = [func.coalesce(Assignment.due_at, literal(NEVER)), Assignment.id]
    return prepared(keyset(query, keys, behind=behind))


async def list_inbox(read: Reading, state: str | None, limit: int, cursor: str | None) -> Page[AssignmentOut]:
    """Return the actor's own assignments in a state, soonest due first; without a state, those that ask for something.

    A take that needs a replacement has brought its assignment back to `in_progress`.
    """
    statement = inbox_statement(in_state=state is not None, behind=bool(cursor))
    rows = await read.rows(statement, state=state, **given_place(cursor, limit))
    return page(rows, limit, lambda row: (row["due_at"] or NEVER, row["id"]), make_out)


async def list_assignments(
    session: AsyncSession, actor: Actor, challenge: Challenge, state: str | None, limit: int, cursor: str | None
) -> Page[AssignmentOut]:
    """Return those of a challenge that the actor sees, by the name of the person."""
    query = assignment_rows().where(visible(actor, Assignment), Assignment.challenge_id == challenge.id)
    if state:
        query = query.where(present_state() == state)
    keys = [Person.name, Assignment.id]
    rows = (await session.execute(after(query, keys, cursor, limit, kinds=(str, UUID)))).all()
    return page(rows, limit, lambda row: (row.name, row.id), make_out)


async def add_people(
    session: AsyncSession, actor: Actor, challenge: Challenge, person_ids: Sequence[UUID]
) -> tuple[list[AssignmentOut], bool]:
    """Give a published challenge to more people; return their assignments, by name, and whether any is new.

    Raises:
        IllegalMoveError, ForbiddenError, InvalidError: as `reach.add_to` says.
    """
    await challenges.lock(session, challenge)
    given = await reach.add_to(session, actor, challenge, person_ids)
    await session.flush()
    query = assignment_rows().where(
        visible(actor, Assignment), Assignment.challenge_id == challenge.id, among(Assignment.person_id, person_ids)
    )
    rows = (await session.execute(query.order_by(Person.name, Assignment.id))).all()
    return [make_out(row) for row in rows], given > 0


async def lock(session: AsyncSession, assignment: Assignment) -> Challenge:
    """Hold the challenge as it is, then lock the assignment, and read both as they are now; return the challenge."""
    key = (assignment.org_id, assignment.challenge_id)
    challenge = await session.get_one(Challenge, key, with_for_update={"read": True}, populate_existing=True)
    await session.refresh(assignment, with_for_update={"key_share": True})
    return challenge


async def change_assignment(
    session: AsyncSession, assignment: Assignment, challenge: Challenge, data: AssignmentPatch
) -> None:
    """Give one person another due time, or excuse them; both rows are held.

    Raises:
        InvalidError: it would be due before it opens, or in a year that no calendar has.
    """
    if data.due_at is not msgspec.UNSET:
        due_at = check_instant(data.due_at, "/due_at")
        if due_at is not None and assignment.opens_at is not None and due_at <= assignment.opens_at:
            raise InvalidError("It would be due before it opens.", pointer="/due_at")
        await assignments.set_due(session, assignment, challenge, due_at)
    if data.excused is True:
        await assignments.excuse(session, assignment)
    elif data.excused is False:
        await assignments.expect_again(session, assignment, challenge)
