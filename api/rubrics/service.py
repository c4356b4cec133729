from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.creation import existing
from api.rubrics import examples
from api.rubrics.schemas import CriterionIn, CriterionOut, RubricIn, RubricOut, VersionIn, criterion_out, rubric_out
from models.errors import ConflictError, InvalidError, NotFoundError
from models.event import write_event
from models.ids import new_id
from models.rubric import Criterion, Level, Rubric, RubricVersion
from models.rubric_rules import assign_keys, first_not_rising, first_repeated
from models.skill import Skill


async def create_rubric(session: AsyncSession, actor: Actor, data: RubricIn) -> tuple[Rubric, bool]:
    """Return the rubric and whether it is new.

    Raises:
        InvalidError: a criterion has no skill of this organization, a key twice, or levels that do not rise.
    """
    if found := await existing(session, actor, Rubric, data.id):
        return found, False
    await _check(session, actor, data.criteria)
    rubric = Rubric(org_id=actor.org_id, id=data.id or new_id(), title=data.title, created_by=actor.person_id)
    session.add(rubric)
    await session.flush()
    keys = assign_keys([(criterion.key, criterion.title) for criterion in data.criteria], {})
    await _write(session, actor, rubric, VersionIn(data.criteria, data.note), keys)
    write_event(session, rubric, "created")
    return rubric, True


async def add_version(session: AsyncSession, actor: Actor, rubric: Rubric, data: VersionIn) -> tuple[int, bool]:
    """Make the next version; those before stay with what they judged. Return its number, and whether it is new.

    Raises:
        InvalidError: as for a new rubric.
        ConflictError: the id has been used for a version of another rubric.
    """
    if found := await existing(session, actor, RubricVersion, data.id):
        if found.rubric_id != rubric.id:
            raise ConflictError("This id has been used already. Make a new one.", code="id-taken")
        return found.version, False
    await _check(session, actor, data.criteria)
    await session.refresh(rubric, with_for_update={"key_share": True})
    earlier = await _earlier_keys(session, rubric)
    wanted = [(criterion.key, criterion.title) for criterion in data.criteria]
    rubric.latest_version += 1
    await _write(session, actor, rubric, data, assign_keys(wanted, dict(earlier), {key for _, key in earlier}))
    write_event(session, rubric, "versioned", version=rubric.latest_version)
    return rubric.latest_version, True


async def rubric_at(
    session: AsyncSession, rubric: Rubric, version: int | None = None, *, actor: Actor | None = None
) -> RubricOut:
    """Return one version, the latest when none is said, with the bright spots of its levels that the actor sees.

    Raises:
        NotFoundError: there is no such version.
    """
    wanted = version or rubric.latest_version
    query = select(RubricVersion).where(
        RubricVersion.org_id == rubric.org_id,
        RubricVersion.rubric_id == rubric.id,
        RubricVersion.version.in_((wanted, wanted - 1)),
    )
    rows = {row.version: row for row in await session.scalars(query)}
    if wanted not in rows:
        raise NotFoundError(f"This rubric has no version {version}.")
    row = rows[wanted]
    criteria = await criteria_outs(session, rubric.org_id, [row.id], actor)
    return rubric_out(rubric, row, criteria[row.id], rows.get(wanted - 1))


async def criteria_outs(
    session: AsyncSession, org_id: UUID, version_ids: Iterable[UUID], actor: Actor | None = None
) -> dict[UUID, list[CriterionOut]]:
    """Return the criteria with their levels, by version, in three queries for all of them."""
    criteria = await session.scalars(
        select(Criterion)
        .where(Criterion.org_id == org_id, Criterion.rubric_version_id.in_(set(version_ids)))
        .order_by(Criterion.position)
    )
    rows = criteria.all()
    levels: dict[UUID, list[Level]] = defaultdict(list)
    for level in await session.scalars(
        select(Level)
        .where(Level.org_id == org_id, Level.criterion_id.in_({row.id for row in rows}))
        .order_by(Level.position)
    ):
        levels[level.criterion_id].append(level)
    shown = await examples.shown(session, actor, [level.id for found in levels.values() for level in found])
    found: dict[UUID, list[CriterionOut]] = defaultdict(list)
    for row in rows:
        found[row.rubric_version_id].append(criterion_out(row, levels[row.id], shown))
    return found


async def _check(session: AsyncSession, actor: Actor, criteria: Sequence[CriterionIn]) -> None:
    org_id = actor.org_id
    wanted = {criterion.skill_id for criterion in criteria}
    there = set(await session.scalars(select(Skill.id).where(Skill.org_id == org_id, Skill.id.in_(wanted))))
    for index, criterion in enumerate(criteria):
        if criterion.skill_id not in there:
            raise InvalidError("There is no skill with this id here.", pointer=f"/criteria/{index}/skill_id")
        level = first_not_rising([level.points for level in criterion.levels])
        if level is not None:
            raise InvalidError(
                "Each level has more points than the one before.", pointer=f"/criteria/{index}/levels/{level}/points"
            )
    repeated = first_repeated([criterion.key for criterion in criteria])
    if repeated is not None:
        raise InvalidError("Two criteria have this key.", pointer=f"/criteria/{repeated}/key")
    await examples.check(session, actor, criteria)


async def _earlier_keys(session: AsyncSession, rubric: Rubric) -> list[tuple[str, str]]:
    """Titles and their keys, the newest last."""
    rows = await session.execute(
        select(Criterion.title, Criterion.key)
        .join(
            RubricVersion,
            (RubricVersion.org_id == Criterion.org_id) & (RubricVersion.id == Criterion.rubric_version_id),
        )
        .where(Criterion.org_id == rubric.org_id, RubricVersion.rubric_id == rubric.id)
        .order_by(RubricVersion.version, Criterion.position)
    )
    return [(row.title, row.key) for row in rows]


async def _write(session: AsyncSession, actor: Actor, rubric: Rubric, data: VersionIn, keys: Sequence[str]) -> None:
    version = RubricVersion(
        org_id=rubric.org_id,
        id=data.id or new_id(),
        rubric_id=rubric.id,
        version=rubric.latest_version,
        note=data.note,
        created_by=actor.person_id,
    )
    session.add(version)
    await session.flush()
    criteria = [
        _criterion(version, position, key, wanted)
        for position, (key, wanted) in enumerate(zip(keys, data.criteria, strict=True))
    ]
    session.add_all(criteria)
    await session.flush()
    levels = [_levels(criterion, wanted) for criterion, wanted in zip(criteria, data.criteria, strict=True)]
    session.add_all(level for found in levels for level in found)
    await session.flush()
    await examples.link_new(session, rubric, list(zip(criteria, levels, data.criteria, strict=True)))


def _criterion(version: RubricVersion, position: int, key: str, data: CriterionIn) -> Criterion:
    return Criterion(
        org_id=version.org_id,
        rubric_version_id=version.id,
        position=position,
        key=key,
        skill_id=data.skill_id,
        title=data.title,
        weight=data.weight,
        required=data.required,
        must_pass=data.must_pass,
        allow_na=data.allow_na,
    )


def _levels(criterion: Criterion, data: CriterionIn) -> list[Level]:
    return [
        Level(
            org_id=criterion.org_id,
            criterion_id=criterion.id,
            position=position,
            points=level.points,
            label=level.label,
            anchor=level.anchor,
        )
        for position, level in enumerate(data.levels)
    ]
