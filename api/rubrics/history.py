"""A criterion through the versions of its rubric: what it said, and how it was scored."""

from collections import defaultdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.policy import visible
from api.refs import SkillRef
from models.critique import Critique, Score
from models.rubric import Criterion, Level, Rubric, RubricVersion
from models.skill import Skill

MOST_VERSIONS = 100


class CriterionAt(msgspec.Struct, frozen=True):
    """A criterion in one version. `n` and `mean` (0 to 1) are of the managers' published scores the caller sees."""

    version: int
    version_id: UUID
    created_at: datetime
    note: str
    criterion_id: UUID
    title: Annotated[str, msgspec.Meta(examples=["Opens with the buyer's problem"])]
    skill: SkillRef
    weight: float
    levels: Annotated[int, msgspec.Meta(examples=[4])]
    n: int
    mean: Annotated[float | None, msgspec.Meta(examples=[0.55])]


class CriterionHistory(msgspec.Struct, frozen=True):
    """What was scored under one key belongs together; a mean of few takes differs from the next by chance."""

    key: Annotated[str, msgspec.Meta(examples=["opens-with-the-problem"])]
    versions: list[CriterionAt]


class RubricHistory(msgspec.Struct, frozen=True):
    """The last hundred versions, oldest first."""

    id: UUID
    title: str
    criteria: list[CriterionHistory]


async def history(session: AsyncSession, actor: Actor, rubric: Rubric, key: str | None) -> RubricHistory:
    scored = _scored(actor, rubric).subquery()
    scale = _scale(rubric).subquery()
    query = (
        select(
            *(Criterion.key, RubricVersion.version, RubricVersion.id, RubricVersion.created_at, RubricVersion.note),
            *(Criterion.id.label("criterion_id"), Criterion.title, Skill.id.label("skill_id"), Skill.name),
            *(Criterion.weight, scale.c.levels, func.coalesce(scored.c.n, 0).label("n"), scored.c.mean),
        )
        .join(Criterion, (Criterion.org_id == RubricVersion.org_id) & (Criterion.rubric_version_id == RubricVersion.id))
        .join(Skill, (Skill.org_id == Criterion.org_id) & (Skill.id == Criterion.skill_id))
        .join(scale, scale.c.criterion_id == Criterion.id)
        .outerjoin(scored, scored.c.criterion_id == Criterion.id)
        .where(RubricVersion.org_id == rubric.org_id, RubricVersion.rubric_id == rubric.id)
        .where(RubricVersion.version > rubric.latest_version - MOST_VERSIONS)
        .order_by(RubricVersion.version, Criterion.position)
    )
    if key is not None:
        query = query.where(Criterion.key == key)
    found: dict[str, list[CriterionAt]] = defaultdict(list)
    for row in await session.execute(query):
        skill = SkillRef(row.skill_id, row.name)
        said = (row.version, row.id, row.created_at, row.note, row.criterion_id, row.title)
        found[row.key].append(CriterionAt(*said, skill, row.weight, row.levels, row.n, row.mean))
    return RubricHistory(rubric.id, rubric.title, [CriterionHistory(key, versions) for key, versions in found.items()])


def _scale(rubric: Rubric) -> Select[UUID, float, float, int]:
    """The least and the most points of each criterion."""
    return (
        select(
            Level.criterion_id,
            func.min(Level.points).label("least"),
            func.max(Level.points).label("most"),
            func.count().label("levels"),
        )
        .join(Criterion, (Criterion.org_id == Level.org_id) & (Criterion.id == Level.criterion_id))
        .join(
            RubricVersion,
            (RubricVersion.org_id == Criterion.org_id) & (RubricVersion.id == Criterion.rubric_version_id),
        )
        .where(Level.org_id == rubric.org_id, RubricVersion.rubric_id == rubric.id)
        .group_by(Level.criterion_id)
    )


def _scored(actor: Actor, rubric: Rubric) -> Select[UUID, int, float]:
    """How many scores each criterion has, and their mean."""
    scale = _scale(rubric).subquery()
    value = (Level.points - scale.c.least) / (scale.c.most - scale.c.least)
    return (
        select(Score.criterion_id, func.count().label("n"), func.avg(value).label("mean"))
        .join(Critique, (Critique.org_id == Score.org_id) & (Critique.id == Score.critique_id))
        .join(Level, (Level.org_id == Score.org_id) & (Level.id == Score.level_id))
        .join(scale, scale.c.criterion_id == Score.criterion_id)
        .where(visible(actor, Critique), Critique.state == "published", Critique.perspective == "manager")
        .group_by(Score.criterion_id)
    )
