"""What becomes of a commitment: its time comes, its person says something, a reviewer finds something."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.assignments import among
from models.base import now
from models.critique import Critique, NextStep
from models.errors import ConflictError
from models.event import write_event
from models.shares import Share, share


def report(session: AsyncSession, step: NextStep, outcome: str, note: str, reviewer_id: UUID) -> None:
    """Write down what the person says of a step of theirs, whose row is locked. A reviewer's finding stays apart.

    Raises:
        ConflictError: it is open no more.
    """
    if (step.reported_outcome, step.report_note) == (outcome, note):
        return
    if step.published_at is None or step.retired_at is not None or step.outcome == "done":
        raise ConflictError("This next step is open no more.", code="next-step-closed")
    step.reported_outcome, step.report_note, step.reported_at = outcome, note, now()
    write_event(session, step, "reported", outcome=outcome, to=[str(reviewer_id)])


async def tell_due(session: AsyncSession, org_id: UUID, ids: Collection[UUID]) -> None:
    """Write down that the time of these has come, once; of what is done or retired nobody is told. It may run twice."""
    rows = await session.execute(
        select(NextStep, Critique.reviewer_id)
        .join(Critique, (Critique.org_id == NextStep.org_id) & (Critique.id == NextStep.critique_id))
        .where(NextStep.org_id == org_id, among(NextStep.id, ids), NextStep.due_told_at.is_(None))
        .order_by(NextStep.id)
        .with_for_update(of=NextStep)
    )
    for step, reviewer_id in rows.all():
        step.due_told_at = now()
        if step.retired_at is None and step.outcome != "done":
            write_event(session, step, "due", to=[str(reviewer_id)])
    await session.flush()


@dataclass(frozen=True, slots=True)
class Followed:
    """One published step: what was found of it, when, and how often it was asked about."""

    published_at: datetime
    outcome: str | None
    outcome_at: datetime | None
    asked: int


@dataclass(frozen=True, slots=True)
class FollowThrough:
    """`asked` steps were asked about at least once; `done_share` is of those. Days are of 24 hours,
    to the hundredth.
    """

    given: int
    asked: int
    done: int
    partly: int
    not_yet: int
    done_share: Share | None
    median_days_to_done: float | None
    oldest_open_days: float | None


def follow_through(steps: Iterable[Followed], at: datetime) -> FollowThrough:
    """Return what became of steps until `at`; a share comes with its interval, since steps are few."""
    found = list(steps)
    asked = sum(step.asked > 0 for step in found)
    by = {word: [step for step in found if step.outcome == word] for word in ("done", "partly", "not_yet")}
    to_done = [_days(step.published_at, step.outcome_at) for step in by["done"] if step.outcome_at]
    waiting = [_days(step.published_at, at) for step in found if step.outcome != "done"]
    return FollowThrough(
        len(found),
        asked,
        len(by["done"]),
        len(by["partly"]),
        len(by["not_yet"]),
        share(len(by["done"]), asked) if asked else None,
        median(to_done) if to_done else None,
        max(waiting, default=None),
    )


def _days(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() / 86_400, 2)
