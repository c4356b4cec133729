"""Rubrics that come and go as files: exported without ids, and imported whole or not at all."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.policy import may_author_skills, visible
from api.problems import FieldError
from api.rubrics import service
from api.rubrics.schemas import (
    CriterionIn,
    FileCriterion,
    FileLevel,
    LevelIn,
    RubricFile,
    RubricImportIn,
    RubricImportOut,
    RubricIn,
    VersionIn,
)
from api.rubrics.sheets import Sheet, read_sheet
from api.skills.schemas import SkillIn
from api.skills.service import create_skill, skill_names
from models.errors import InvalidError
from models.rubric import Rubric
from models.rubric_rules import first_not_rising, first_repeated
from models.skill import Skill

MOST_LEVELS, LEAST_LEVELS, MOST_CRITERIA = 7, 2, 50


async def export(session: AsyncSession, rubric: Rubric, version: int | None) -> RubricFile:
    """Return one version as a file.

    Raises:
        NotFoundError: there is no such version.
    """
    found = await service.rubric_at(session, rubric, version)
    names = await skill_names(session, rubric.org_id, [one.skill_id for one in found.criteria])
    criteria = [
        FileCriterion(
            one.title,
            names[one.skill_id],
            [FileLevel(level.points, level.label, level.anchor) for level in one.levels],
            one.weight,
            one.required,
            one.must_pass,
            one.allow_na,
            one.key,
        )
        for one in found.criteria
    ]
    return RubricFile(found.title, criteria, found.note)


async def import_rubric(session: AsyncSession, actor: Actor, data: RubricImportIn) -> tuple[RubricImportOut, bool]:
    """Make a rubric, or the next version of one, of a file; return what came of it, and whether anything is new.

    Raises:
        InvalidError: something is wrong with it, with all there is in its errors; a preview returns them instead.
        ConflictError: the id has been used for something else.
    """
    sheet = _read(data)
    read, errors = sheet.rubric, list(sheet.errors)
    target = await _target(session, actor, data.rubric_id)
    skills: dict[str, UUID] = {}
    missing: list[str] = []
    if read is not None:
        skills = await _skills(session, actor, read)
        missing = list(dict.fromkeys(one.skill for one in read.criteria if one.skill.lower() not in skills))
        faults = [*_faults(read, data), *_unknown(actor, read, data, missing)]
        errors += [FieldError(_pointer(sheet, fault), fault.detail) for fault in faults]
    if data.preview:
        return RubricImportOut(read, errors, missing if not errors else [], None), False
    if errors or read is None:
        raise _invalid(errors)
    for name in missing:
        if name.lower() not in skills:
            skills[name.lower()] = (await create_skill(session, actor, SkillIn(name)))[0].id
    rubric, version, new = await _make(session, actor, data, read, skills, target)
    made = await service.rubric_at(session, rubric, version, actor=actor)
    return RubricImportOut(read, [], missing, made), new


class _Fault(NamedTuple):
    """What no rubric can be, and where: a field of the file, of a criterion or of one of its levels."""

    detail: str
    name: str
    criterion: int | None = None
    level: int | None = None


def _read(data: RubricImportIn) -> Sheet:
    if (data.csv is None) == (data.rubric is None):
        raise InvalidError("Send a rubric or a csv sheet.", pointer="/rubric")
    return Sheet(data.rubric, []) if data.csv is None else read_sheet(data.csv)


def _pointer(sheet: Sheet, fault: _Fault) -> str:
    """Return where in the file it is; in a sheet, the line of that level and the column."""
    if sheet.lines:
        lines = sheet.lines[fault.criterion] if fault.criterion is not None else [1]
        return f"/csv/{lines[fault.level or 0]}/{fault.name}"
    at = "" if fault.criterion is None else f"/criteria/{fault.criterion}"
    at += "" if fault.level is None else f"/levels/{fault.level}"
    return f"/rubric{at}/{fault.name}"


async def _target(session: AsyncSession, actor: Actor, key: UUID | None) -> Rubric | None:
    if key is None:
        return None
    rubric = await session.scalar(select(Rubric).where(visible(actor, Rubric), Rubric.id == key))
    if rubric is None:
        raise InvalidError("There is no rubric with this id here.", pointer="/rubric_id")
    return rubric


def _faults(read: RubricFile, data: RubricImportIn) -> Iterator[_Fault]:
    if not read.title.strip() and data.rubric_id is None:
        yield _Fault("The rubric has no title.", "title" if data.csv is None else "rubric")
    if not 1 <= len(read.criteria) <= MOST_CRITERIA:
        yield _Fault(f"A rubric has 1 to {MOST_CRITERIA} criteria.", "criteria")
    for place, one in enumerate(read.criteria):
        if not LEAST_LEVELS <= len(one.levels) <= MOST_LEVELS:
            name = "levels" if data.csv is None else "level"
            yield _Fault(f"{one.title[:80]!r} has {len(one.levels)} levels; 2 to 7 are possible.", name, place)
        falling = first_not_rising([level.points for level in one.levels])
        if falling is not None:
            yield _Fault("Each level has more points than the one before.", "points", place, falling)
    repeated = first_repeated([one.key for one in read.criteria])
    if repeated is not None:
        yield _Fault("Two criteria have this key.", "key", repeated)


def _unknown(actor: Actor, read: RubricFile, data: RubricImportIn, missing: list[str]) -> Iterator[_Fault]:
    if data.create_skills and may_author_skills(actor):
        return
    why = "your role makes no skills" if data.create_skills else "say create_skills to have it made"
    for place, one in enumerate(read.criteria):
        if one.skill in missing:
            yield _Fault(f"There is no skill named {one.skill} here; {why}.", "skill", place)


async def _skills(session: AsyncSession, actor: Actor, read: RubricFile) -> dict[str, UUID]:
    """By name in lower case."""
    wanted = {one.skill.lower() for one in read.criteria}
    query = select(Skill.id, func.lower(Skill.name).label("name"))
    rows = await session.execute(query.where(Skill.org_id == actor.org_id, func.lower(Skill.name).in_(wanted)))
    return {row.name: row.id for row in rows}


async def _make(
    session: AsyncSession,
    actor: Actor,
    data: RubricImportIn,
    read: RubricFile,
    skills: dict[str, UUID],
    target: Rubric | None,
) -> tuple[Rubric, int | None, bool]:
    criteria = [_criterion(one, skills[one.skill.lower()]) for one in read.criteria]
    if target is None:
        rubric, new = await service.create_rubric(session, actor, RubricIn(read.title, criteria, read.note, data.id))
        return rubric, None, new
    version, new = await service.add_version(session, actor, target, VersionIn(criteria, read.note, data.id))
    return target, version, new


def _criterion(one: FileCriterion, skill_id: UUID) -> CriterionIn:
    levels = [LevelIn(level.points, level.label, level.anchor) for level in one.levels]
    return CriterionIn(skill_id, one.title, levels, one.weight, one.required, one.must_pass, one.allow_na, one.key)


def _invalid(errors: list[FieldError]) -> InvalidError:
    error = InvalidError(f"Nothing was imported. {errors[0].detail}", pointer=errors[0].pointer)
    error.errors = [{"pointer": one.pointer, "detail": one.detail} for one in errors]
    return error
