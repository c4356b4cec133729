"""Next steps: commitments that wait to be asked about."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVarTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.sql import Select

from api.auth import Actor
from api.policy import visible
from models.critique import Critique, NextStep
from models.reads import instant, json_list, json_object
from models.skill import Skill

Columns = TypeVarTuple("Columns")
Moment = datetime | ColumnElement[datetime]  # known now, or given when a statement runs
_ORDER = (NextStep.published_at, NextStep.critique_id, NextStep.position, NextStep.id)


class NextStepOut(msgspec.Struct, frozen=True):
    """`outcome` is what a later critique found of it: done, partly, not_yet, or null."""

    id: UUID
    critique_id: UUID
    person_id: UUID
    skill_id: UUID
    skill_name: str
    text: str
    due_at: datetime | None
    outcome: str | None
    outcome_at: datetime | None
    published_at: datetime | None


def is_open(as_of: Moment | None = None) -> ColumnElement[bool]:
    """Return the predicate of published steps that nobody has found done: now, or as it was then."""
    if as_of is None:
        done = NextStep.outcome == "done"
        return and_(
            NextStep.published_at.is_not(None), NextStep.retired_at.is_(None), or_(NextStep.outcome.is_(None), ~done)
        )
    undone = or_(NextStep.outcome.is_(None), NextStep.outcome != "done", NextStep.outcome_at > as_of)
    standing = or_(NextStep.retired_at.is_(None), NextStep.retired_at > as_of)
    return and_(NextStep.published_at <= as_of, standing, undone)


def select_open(actor: Actor, person_ids: Iterable[UUID], as_of: datetime | None = None) -> Select[NextStep, str, UUID]:
    """Return the query of the open steps the actor sees: each with its skill's name and the take it came from."""
    origin = aliased(Critique)  # visibility has a Critique of its own
    query = select(NextStep, Skill.name, origin.take_id)
    return _open(query, origin, actor, NextStep.person_id.in_(set(person_ids)), as_of).order_by(*_ORDER)


def open_steps_json(
    actor: Actor, whose: ColumnElement[bool], as_of: Moment | None = None
) -> tuple[Select[Any], type[Critique]]:
    """Return the query of the same as one JSON array of `NextStepOut`, and the critiques they came from."""
    origin = aliased(Critique)
    step = json_object(
        id=NextStep.id,
        critique_id=NextStep.critique_id,
        person_id=NextStep.person_id,
        skill_id=NextStep.skill_id,
        skill_name=Skill.name,
        text=NextStep.text,
        due_at=instant(NextStep.due_at),
        outcome=NextStep.outcome,
        outcome_at=instant(NextStep.outcome_at),
        published_at=instant(NextStep.published_at),
    )
    return _open(select(json_list(step, *_ORDER)).select_from(NextStep), origin, actor, whose, as_of), origin


def _open(
    query: Select[*Columns], origin: type[Critique], actor: Actor, whose: ColumnElement[bool], as_of: Moment | None
) -> Select[*Columns]:
    return (
        query.join(origin, (origin.org_id == NextStep.org_id) & (origin.id == NextStep.critique_id))
        .join(Skill, (Skill.org_id == NextStep.org_id) & (Skill.id == NextStep.skill_id))
        .where(visible(actor, NextStep), whose, is_open(as_of))
    )


async def open_steps(
    session: AsyncSession, actor: Actor, person_ids: Iterable[UUID], as_of: datetime | None = None
) -> list[tuple[NextStepOut, UUID]]:
    """Return the open steps the actor sees, oldest first, each with the take its critique judged."""
    rows = await session.execute(select_open(actor, person_ids, as_of))
    return [(next_step_out(step, name), take_id) for step, name, take_id in rows]


def next_step_out(step: NextStep, skill_name: str) -> NextStepOut:
    return NextStepOut(
        step.id,
        step.critique_id,
        step.person_id,
        step.skill_id,
        skill_name,
        step.text,
        step.due_at,
        step.outcome,
        step.outcome_at,
        step.published_at,
    )
