"""Next steps after their critique: who carries them, what was said of them, what came of them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from api.access import find
from api.auth import Actor
from api.next_steps.schemas import FollowThroughOut, FollowThroughSide, ReportIn, ReportOut, ShareOut, TrackedStep
from api.paging import Page, after, page
from api.policy import Subject, may_see_progress
from api.progress.next_steps import is_open, next_step_out
from api.refs import PersonRef
from models import next_steps
from models.base import now
from models.critique import Critique, FollowUp, NextStep
from models.errors import ForbiddenError
from models.next_steps import Followed, follow_through
from models.person import Person
from models.skill import Skill
from models.team import Membership

Which = Literal["open", "done", "all"]


async def list_steps(
    session: AsyncSession, whose: ColumnElement[bool], which: Which, limit: int, cursor: str | None
) -> Page[TrackedStep]:
    """Return published steps that were not retired with their critique, oldest first."""
    query = tracked_steps().where(whose, NextStep.published_at.is_not(None), NextStep.retired_at.is_(None))
    if which != "all":
        query = query.where(is_open() if which == "open" else NextStep.outcome == "done")
    rows = (await session.execute(after(query, [NextStep.published_at, NextStep.id], cursor, limit))).all()
    return page(rows, limit, lambda row: (row[0].published_at, row[0].id), tracked)


async def one_step(session: AsyncSession, step: NextStep) -> TrackedStep:
    await session.flush()
    query = tracked_steps().where(NextStep.org_id == step.org_id, NextStep.id == step.id)
    return tracked((await session.execute(query)).one())


def tracked_steps() -> Select[*tuple[Any, ...]]:
    """Return the query of what `tracked` needs: the step, its skill, who gave it, and how often it was asked about."""
    origin, asking = aliased(Critique), aliased(Critique)
    asked = (
        select(func.count())
        .select_from(FollowUp)
        .join(asking, (asking.org_id == FollowUp.org_id) & (asking.id == FollowUp.critique_id))
        .where(FollowUp.org_id == NextStep.org_id, FollowUp.next_step_id == NextStep.id, asking.state == "published")
        .scalar_subquery()
    )
    return (
        select(NextStep, Skill.name, origin.reviewer_id, Person.name, asked)
        .join(Skill, (Skill.org_id == NextStep.org_id) & (Skill.id == NextStep.skill_id))
        .join(origin, (origin.org_id == NextStep.org_id) & (origin.id == NextStep.critique_id))
        .join(Person, (Person.org_id == origin.org_id) & (Person.id == origin.reviewer_id))
    )


def tracked(row: Sequence[Any]) -> TrackedStep:
    step, skill_name, reviewer_id, reviewer_name, asked = row
    plain, at = next_step_out(step, skill_name), now()
    opened = step.outcome != "done" and step.published_at is not None and step.retired_at is None
    until = step.outcome_at if step.outcome == "done" and step.outcome_at else at
    return TrackedStep(
        **{name: getattr(plain, name) for name in plain.__struct_fields__},
        reviewer=PersonRef(reviewer_id, reviewer_name),
        open=opened,
        overdue=opened and step.due_at is not None and step.due_at < at,
        age_days=round((until - (step.published_at or at)).total_seconds() / 86_400, 2),
        times_asked=asked,
        report=_report(step),
    )


def _report(step: NextStep) -> ReportOut | None:
    if step.reported_outcome is None or step.reported_at is None:
        return None
    return ReportOut(step.reported_outcome, step.report_note, step.reported_at)


async def report(session: AsyncSession, step: NextStep, data: ReportIn) -> None:
    """Take what the person says of a step of theirs; its row is locked.

    Raises:
        ConflictError: it is open no more.
    """
    reviewer_id = (await session.get_one(Critique, (step.org_id, step.critique_id))).reviewer_id
    next_steps.report(session, step, data.outcome, data.note, reviewer_id)
    await session.flush()


async def subject(session: AsyncSession, actor: Actor, person_id: UUID) -> Person:
    """Return a person whose progress is the actor's to see.

    Raises:
        NotFoundError: the actor does not see this person.
        ForbiddenError: their progress is not the actor's to see.
    """
    person = await find(session, actor, Person, person_id)
    teams = select(Membership.team_id).where(
        Membership.org_id == actor.org_id, Membership.person_id == person.id, Membership.until_at.is_(None)
    )
    if not may_see_progress(actor, Subject(person, frozenset(await session.scalars(teams)))):
        raise ForbiddenError("Their next steps are seen by themselves, their managers and enablement.")
    return person


async def follow_through_of(session: AsyncSession, person: Person, since: datetime) -> FollowThroughOut:
    """Return what came of the steps published since, that the person was given, and that they gave."""
    gave = (Critique.reviewer_id == person.id) & (NextStep.person_id != person.id)
    return FollowThroughOut(
        PersonRef(person.id, person.name),
        since,
        await _side(session, person.org_id, NextStep.person_id == person.id, since),
        await _side(session, person.org_id, gave, since),
    )


async def _side(session: AsyncSession, org_id: UUID, whose: ColumnElement[bool], since: datetime) -> FollowThroughSide:
    asking = aliased(Critique)
    asked = (
        select(func.count())
        .select_from(FollowUp)
        .join(asking, (asking.org_id == FollowUp.org_id) & (asking.id == FollowUp.critique_id))
        .where(FollowUp.org_id == org_id, FollowUp.next_step_id == NextStep.id, asking.state == "published")
        .scalar_subquery()
    )
    rows = await session.execute(
        select(NextStep.published_at, NextStep.outcome, NextStep.outcome_at, asked)
        .join(Critique, (Critique.org_id == NextStep.org_id) & (Critique.id == NextStep.critique_id))
        .where(NextStep.org_id == org_id, whose, NextStep.published_at >= since, NextStep.retired_at.is_(None))
    )
    found = follow_through([Followed(*row) for row in rows], now())
    said = asdict(found)
    share = said.pop("done_share")
    return FollowThroughSide(**said, done_share=ShareOut(**share) if share else None)
