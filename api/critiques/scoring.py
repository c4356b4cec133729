"""What the scores of critiques stand on: their rubric versions, and the scores themselves."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.critiques.schemas import ScoringCriterion, ScoringLevel, ScoringRubric
from models.critique import Score
from models.critique_rules import Judged
from models.rubric import Criterion, Level, Rubric, RubricVersion


async def scoring_rubrics(
    session: AsyncSession, org_id: UUID, version_ids: Iterable[UUID]
) -> dict[UUID, ScoringRubric]:
    """By version."""
    wanted = set(version_ids)
    criteria = await _criteria(session, org_id, wanted)
    rows = await session.execute(
        select(RubricVersion.id, RubricVersion.version, Rubric.id.label("rubric_id"), Rubric.title)
        .join(Rubric, (Rubric.org_id == RubricVersion.org_id) & (Rubric.id == RubricVersion.rubric_id))
        .where(RubricVersion.org_id == org_id, RubricVersion.id.in_(wanted))
    )
    return {
        row.id: ScoringRubric(row.rubric_id, row.id, row.title, row.version, criteria.get(row.id, [])) for row in rows
    }


async def _criteria(session: AsyncSession, org_id: UUID, version_ids: set[UUID]) -> dict[UUID, list[ScoringCriterion]]:
    of_versions = (Criterion.org_id == org_id) & Criterion.rubric_version_id.in_(version_ids)
    levels: dict[UUID, list[ScoringLevel]] = defaultdict(list)
    for level in await session.scalars(
        select(Level)
        .join(Criterion, (Criterion.org_id == Level.org_id) & (Criterion.id == Level.criterion_id))
        .where(Level.org_id == org_id, of_versions)
        .order_by(Level.criterion_id, Level.position)
    ):
        levels[level.criterion_id].append(ScoringLevel(level.id, level.points, level.label, level.anchor))
    found: dict[UUID, list[ScoringCriterion]] = defaultdict(list)
    for row in await session.scalars(select(Criterion).where(of_versions).order_by(Criterion.position)):
        found[row.rubric_version_id].append(_criterion(row, levels[row.id]))
    return found


def _criterion(row: Criterion, levels: list[ScoringLevel]) -> ScoringCriterion:
    return ScoringCriterion(
        row.id, row.key, row.skill_id, row.title, row.weight, row.required, row.must_pass, row.allow_na, levels
    )


async def scores_of(session: AsyncSession, org_id: UUID, critique_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, Score]]:
    """By critique, then by criterion."""
    found: dict[UUID, dict[UUID, Score]] = defaultdict(dict)
    rows = await session.scalars(select(Score).where(Score.org_id == org_id, Score.critique_id.in_(set(critique_ids))))
    for score in rows:
        found[score.critique_id][score.criterion_id] = score
    return found


def judged(rubric: ScoringRubric, scores: Mapping[UUID, Score]) -> list[Judged]:
    """Return the criteria of a rubric version with what was scored on each."""
    return [_judged(criterion, scores.get(criterion.id)) for criterion in rubric.criteria]


def _judged(criterion: ScoringCriterion, score: Score | None) -> Judged:
    points = {level.id: level.points for level in criterion.levels}
    return Judged(
        criterion.key,
        criterion.skill_id,
        criterion.weight,
        criterion.required,
        criterion.must_pass,
        tuple(points.values()),
        points[score.level_id] if score is not None and score.level_id is not None else None,
        score is not None and score.not_applicable,
    )
