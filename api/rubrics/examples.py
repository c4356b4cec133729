"""Bright spots in which one sees what a level's anchor says."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.policy import visible
from api.rubrics.schemas import CriterionIn, ExampleIn
from models.bright_spot import BrightSpot
from models.errors import InvalidError
from models.event import write_event
from models.rubric import Criterion, Level, LevelExample, Rubric, RubricVersion

Written = tuple[Criterion, list[Level], CriterionIn]
# Of a criterion's key: a level that says the same.
Same = tuple[str, float, str, str]


async def shown(session: AsyncSession, actor: Actor | None, level_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return the bright spot of each level that the actor sees, as long as it is published."""
    if actor is None or not level_ids:
        return {}
    rows = await session.execute(
        select(LevelExample.level_id, LevelExample.bright_spot_id)
        .join(BrightSpot, (BrightSpot.org_id == LevelExample.org_id) & (BrightSpot.id == LevelExample.bright_spot_id))
        .where(LevelExample.org_id == actor.org_id, LevelExample.level_id.in_(level_ids))
        .where(visible(actor, BrightSpot), BrightSpot.state == "published")
    )
    return {row.level_id: row.bright_spot_id for row in rows}


async def check(session: AsyncSession, actor: Actor, criteria: Sequence[CriterionIn]) -> None:
    """Raise InvalidError for a bright spot that the actor does not see published."""
    named = {
        f"/criteria/{place}/levels/{level_place}/bright_spot_id": level.bright_spot_id
        for place, criterion in enumerate(criteria)
        for level_place, level in enumerate(criterion.levels)
        if isinstance(level.bright_spot_id, UUID)
    }
    there = await _published(session, actor, set(named.values())) if named else set()
    for pointer, key in named.items():
        if key not in there:
            raise InvalidError("There is no published bright spot with this id here.", pointer=pointer)


async def link_new(session: AsyncSession, rubric: Rubric, written: Sequence[Written]) -> None:
    """Link the levels of a new version: to what is sent, or to what the same level of the version before had."""
    before = await _before(session, rubric)
    for criterion, levels, data in written:
        for level, said in zip(levels, data.levels, strict=True):
            same = before.get((criterion.key, level.points, level.label, level.anchor))
            key = same if said.bright_spot_id is msgspec.UNSET else said.bright_spot_id
            if isinstance(key, UUID):
                session.add(LevelExample(org_id=rubric.org_id, level_id=level.id, bright_spot_id=key))
    await session.flush()


async def set_example(session: AsyncSession, actor: Actor, rubric: Rubric, data: ExampleIn) -> int:
    """Link a level of any version, or take its link away; return the number of the version.

    Raises:
        InvalidError: the level is none of this rubric's, or the actor sees no such published bright spot.
    """
    found = (
        await session.execute(
            select(RubricVersion.version)
            .join(
                Criterion,
                (Criterion.org_id == RubricVersion.org_id) & (Criterion.rubric_version_id == RubricVersion.id),
            )
            .join(Level, (Level.org_id == Criterion.org_id) & (Level.criterion_id == Criterion.id))
            .where(Level.org_id == rubric.org_id, Level.id == data.level_id, RubricVersion.rubric_id == rubric.id)
        )
    ).scalar_one_or_none()
    if found is None:
        raise InvalidError("There is no level with this id in this rubric.", pointer="/level_id")
    if data.bright_spot_id and not await _published(session, actor, {data.bright_spot_id}):
        raise InvalidError("There is no published bright spot with this id here.", pointer="/bright_spot_id")
    # One after the other: two at once would both find no link to replace.
    await session.refresh(rubric, with_for_update={"key_share": True})
    await session.execute(
        delete(LevelExample).where(LevelExample.org_id == rubric.org_id, LevelExample.level_id == data.level_id)
    )
    if data.bright_spot_id:
        link = LevelExample(org_id=rubric.org_id, level_id=data.level_id, bright_spot_id=data.bright_spot_id)
        session.add(link)
    write_event(session, rubric, "example_set", level_id=data.level_id, version=found)
    await session.flush()
    return found


async def _published(session: AsyncSession, actor: Actor, keys: set[UUID]) -> set[UUID]:
    query = select(BrightSpot.id).where(
        visible(actor, BrightSpot), BrightSpot.id.in_(keys), BrightSpot.state == "published"
    )
    return set(await session.scalars(query))


async def _before(session: AsyncSession, rubric: Rubric) -> dict[Same, UUID]:
    rows = await session.execute(
        select(Criterion.key, Level.points, Level.label, Level.anchor, LevelExample.bright_spot_id)
        .join(
            RubricVersion,
            (RubricVersion.org_id == Criterion.org_id) & (RubricVersion.id == Criterion.rubric_version_id),
        )
        .join(Level, (Level.org_id == Criterion.org_id) & (Level.criterion_id == Criterion.id))
        .join(LevelExample, (LevelExample.org_id == Level.org_id) & (LevelExample.level_id == Level.id))
        .where(Criterion.org_id == rubric.org_id, RubricVersion.rubric_id == rubric.id)
        .where(RubricVersion.version == rubric.latest_version - 1)
    )
    return {(row.key, row.points, row.label, row.anchor): row.bright_spot_id for row in rows}
