"""Next steps: commitments that wait to be asked about."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.sql import Select

from api.auth import Actor
from api.policy import visible
from models.critique import Critique, NextStep
from models.skill import Skill


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


def is_open(as_of: datetime | None = None) -> ColumnElement[bool]:
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
    return (
        select(NextStep, Skill.name, origin.take_id)
        .join(origin, (origin.org_id == NextStep.org_id) & (origin.id == NextStep.critique_id))
        .join(Skill, (Skill.org_id == NextStep.org_id) & (Skill.id == NextStep.skill_id))
        .where(visible(actor, NextStep), NextStep.person_id.in_(set(person_ids)), is_open(as_of))
        .order_by(NextStep.published_at, NextStep.critique_id, NextStep.position, NextStep.id)
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
