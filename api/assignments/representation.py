"""Assignments as JSON: everything for a page of them in one query."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from api.assignments.schemas import AssignedChallenge, AssignmentDetail, AssignmentOut
from api.auth import Actor
from api.progress.next_steps import next_step_out, select_open
from api.refs import PersonRef
from models.assignments import present_state
from models.base import now
from models.challenge import Assignment, Challenge, Prompt
from models.critique import NextStep
from models.person import Person
from models.rubric import Criterion
from models.submission import is_used
from models.take import Take

# The rep has something to do.
TO_DO = ("open", "in_progress", "retake")


async def assignment_out(session: AsyncSession, assignment: Assignment) -> AssignmentOut:
    await session.flush()
    query = assignment_rows().where(Assignment.org_id == assignment.org_id, Assignment.id == assignment.id)
    return make_out((await session.execute(query)).one())


async def assignment_detail(session: AsyncSession, actor: Actor, assignment: Assignment) -> AssignmentDetail:
    """Return it with what was agreed last time: to be seen before the next take, not after it."""
    plain = await assignment_out(session, assignment)
    practised = (
        select(Criterion.skill_id)
        .join(
            Challenge,
            (Challenge.org_id == Criterion.org_id) & (Challenge.rubric_version_id == Criterion.rubric_version_id),
        )
        .where(Challenge.org_id == assignment.org_id, Challenge.id == assignment.challenge_id)
    )
    steps = select_open(actor, [assignment.person_id]).where(NextStep.skill_id.in_(practised))
    found = [next_step_out(step, name) for step, name, _ in await session.execute(steps)]
    fields = {name: getattr(plain, name) for name in plain.__struct_fields__}
    return AssignmentDetail(**fields, next_steps=found)


def assignment_rows() -> Select[*tuple[Any, ...]]:
    """Return the query of all that `make_out` needs; which assignments, its caller says."""
    return (
        select(
            Assignment.id,
            Assignment.team_id,
            present_state().label("present_state"),
            Assignment.opens_at,
            Assignment.due_at,
            Assignment.due_at_own,
            Assignment.extra_takes,
            Assignment.current_take_id,
            Assignment.accepted_take_id,
            Assignment.created_at,
            Assignment.version,
            Challenge.id.label("challenge_id"),
            Challenge.title,
            Challenge.kind,
            Challenge.brief,
            Challenge.max_takes,
            _prompt_count().label("prompt_count"),
            Person.id.label("person_id"),
            Person.name,
            Take.submitted_at,
            _takes_used().label("takes_used"),
        )
        .select_from(Assignment)
        .join(Challenge, (Challenge.org_id == Assignment.org_id) & (Challenge.id == Assignment.challenge_id))
        .join(Person, (Person.org_id == Assignment.org_id) & (Person.id == Assignment.person_id))
        .outerjoin(Take, (Take.org_id == Assignment.org_id) & (Take.id == Assignment.current_take_id))
    )


def _prompt_count() -> ScalarSelect[int]:
    of_challenge = (Prompt.org_id == Assignment.org_id) & (Prompt.challenge_id == Assignment.challenge_id)
    return select(func.count()).select_from(Prompt).where(of_challenge).correlate(Assignment).scalar_subquery()


def _takes_used() -> ScalarSelect[int]:
    used = aliased(Take)
    return (
        select(func.count())
        .select_from(used)
        .where(used.org_id == Assignment.org_id, used.assignment_id == Assignment.id, is_used(used))
        .correlate(Assignment)
        .scalar_subquery()
    )


def make_out(row: Sequence[Any]) -> AssignmentOut:
    """Make one of a row of `assignment_rows`; taken apart as a whole, which is faster than column by column."""
    (
        id_,
        team_id,
        state,
        opens_at,
        due_at,
        due_at_own,
        extra_takes,
        current_take_id,
        accepted_take_id,
        created_at,
        version,
        challenge_id,
        title,
        kind,
        brief,
        max_takes,
        prompt_count,
        person_id,
        name,
        submitted_at,
        takes_used,
    ) = row
    return AssignmentOut(
        id_,
        AssignedChallenge(challenge_id, title, kind, brief, prompt_count),
        PersonRef(person_id, name),
        team_id,
        state,
        opens_at,
        due_at,
        due_at_own,
        state in TO_DO and _is_after(now(), due_at),
        _is_after(submitted_at, due_at),
        None if max_takes is None else max(0, max_takes + extra_takes - takes_used),
        current_take_id,
        accepted_take_id,
        created_at,
        version,
    )


def _is_after(at: datetime | None, due_at: datetime | None) -> bool:
    return at is not None and due_at is not None and at > due_at
