"""The person's own scores beside the reviewers': criterion by criterion, of one take."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.critiques.representation import critique_outs
from api.critiques.schemas import CritiqueOut, ScoringCriterion
from api.policy import visible
from api.refs import PersonRef
from models.critique import Critique
from models.take import Take

Value = Annotated[float, msgspec.Meta(examples=[0.75])]
Difference = Annotated[
    float, msgspec.Meta(examples=[-0.25], description="The person's own value less the mean of the managers'.")
]


class SideOut(msgspec.Struct, frozen=True):
    """A critique that is compared. `came_first`: it was published before any of a manager was."""

    critique_id: UUID
    reviewer: PersonRef
    perspective: str
    value: Value | None
    published_at: datetime | None
    came_first: bool


class ComparedScore(msgspec.Struct, frozen=True):
    """What one critique scored. `level_id` is of the rubric version that it scores against."""

    critique_id: UUID
    perspective: str
    level_id: UUID | None
    level: str | None
    not_applicable: bool
    value: Value | None
    comment: str


class ComparedCriterion(msgspec.Struct, frozen=True):
    """By `key`, which survives versions. `difference` is null until both have scored it."""

    key: str
    title: str
    skill_id: UUID
    scores: list[ComparedScore]
    difference: Difference | None


class ComparisonOut(msgspec.Struct, frozen=True):
    take_id: UUID
    critiques: list[SideOut]
    criteria: list[ComparedCriterion]
    difference: Difference | None


async def compare(session: AsyncSession, actor: Actor, take: Take) -> ComparisonOut:
    """Compare the critiques in force that the actor sees, the person's own first."""
    rows = await session.scalars(
        select(Critique)
        .where(visible(actor, Critique), Critique.take_id == take.id, Critique.state == "published")
        .order_by(Critique.published_at, Critique.id)
    )
    found = await critique_outs(session, actor, rows.all())
    found.sort(key=lambda one: one.perspective != "self")
    return ComparisonOut(
        take.id, _sides(found), _criteria(found), _difference((one.perspective, one.value) for one in found)
    )


def _sides(found: Sequence[CritiqueOut]) -> list[SideOut]:
    times = [one.published_at for one in found if one.perspective == "manager" and one.published_at]
    first = min(times, default=None)
    return [
        SideOut(
            one.id,
            one.reviewer,
            one.perspective,
            one.value,
            one.published_at,
            one.published_at is not None and (first is None or one.published_at <= first),
        )
        for one in found
    ]


def _criteria(found: Sequence[CritiqueOut]) -> list[ComparedCriterion]:
    """In the order of the newest rubric version among them; a key of an older one comes behind."""
    known: dict[str, ScoringCriterion] = {}
    for one in sorted(found, key=lambda critique: critique.rubric.version, reverse=True):
        for criterion in one.rubric.criteria:
            known.setdefault(criterion.key, criterion)
    return [_compared(criterion, found) for criterion in known.values()]


def _compared(criterion: ScoringCriterion, found: Sequence[CritiqueOut]) -> ComparedCriterion:
    scores = [score for one in found if (score := _score(criterion.key, one)) is not None]
    difference = _difference((score.perspective, score.value) for score in scores)
    return ComparedCriterion(criterion.key, criterion.title, criterion.skill_id, scores, difference)


def _score(key: str, critique: CritiqueOut) -> ComparedScore | None:
    own = next((one for one in critique.rubric.criteria if one.key == key), None)
    score = next((one for one in critique.scores if own and one.criterion_id == own.id), None)
    if own is None or score is None:
        return None
    label = next((level.label for level in own.levels if level.id == score.level_id), None)
    return ComparedScore(
        critique.id, critique.perspective, score.level_id, label, score.not_applicable, score.value, score.comment
    )


def _difference(values: Iterable[tuple[str, float | None]]) -> float | None:
    there = [(perspective, value) for perspective, value in values if value is not None]
    own = [value for perspective, value in there if perspective == "self"]
    managers = [value for perspective, value in there if perspective == "manager"]
    return own[0] - math.fsum(managers) / len(managers) if own and managers else None
