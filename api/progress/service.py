import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.paging import after, encode
from api.policy import Subject
from api.progress.next_steps import open_steps
from api.progress.schemas import (
    CellOut,
    MemberProgress,
    PersonProgress,
    PointOut,
    SkillProgress,
    StandingOut,
    TeamProgress,
    TrendOut,
)
from api.refs import PersonRef, SkillRef
from models import statistics
from models.base import now
from models.person import Person
from models.progress import SkillObservation
from models.skill import Skill
from models.statistics import Observation
from models.team import Membership, Team

Observed = Row[*tuple[Any, ...]]  # the columns of _observations


@dataclass(frozen=True, slots=True)
class _Figures:
    standing: StandingOut | None
    trend: TrendOut
    observations: int


async def person_progress(
    session: AsyncSession, actor: Actor, subject: Subject, as_of: datetime | None
) -> PersonProgress:
    at = as_of or now()
    rows = await _observations(session, actor.org_id, [subject.person.id], at)
    steps = await open_steps(session, actor, [subject.person.id], as_of)
    skills = await asyncio.to_thread(_skills, actor, subject, rows, at)
    person = PersonRef(subject.person.id, subject.person.name)
    return PersonProgress(person, at, skills, [step for step, _ in steps])


async def team_progress(
    session: AsyncSession,
    actor: Actor,
    team: Team,
    *,
    include_subteams: bool,
    as_of: datetime | None,
    limit: int,
    cursor: str | None,
) -> TeamProgress:
    at = as_of or now()
    people = await _reps(session, team, at, limit, cursor, include_subteams=include_subteams)
    page = people[:limit]
    rows = await _observations(session, actor.org_id, [person.id for person in page], at)
    cells = await asyncio.to_thread(_cells, rows, at)
    names = {row.skill_id: row.name for row in rows}
    return TeamProgress(
        team.id,
        at,
        [SkillRef(key, names[key]) for key in sorted(names, key=lambda key: (names[key], key))],
        [MemberProgress(PersonRef(one.id, one.name), cells.get(one.id, [])) for one in page],
        encode(page[-1].name, page[-1].id) if len(people) > limit else None,
    )


async def _reps(
    session: AsyncSession, team: Team, at: datetime, limit: int, cursor: str | None, *, include_subteams: bool
) -> Sequence[Observed]:
    """Return who is rep in the team at that time, by name."""
    tree = select(Team.id).where(Team.org_id == team.org_id, Team.id == team.id).cte("tree", recursive=True)
    if include_subteams:
        tree = tree.union(select(Team.id).join(tree, Team.parent_id == tree.c.id).where(Team.org_id == team.org_id))
    rep = select(Membership.person_id).where(
        Membership.org_id == team.org_id,
        Membership.team_id.in_(select(tree.c.id)),
        Membership.role == "rep",
        Membership.from_at <= at,
        or_(Membership.until_at.is_(None), Membership.until_at > at),
    )
    query = select(Person.id, Person.name).where(Person.org_id == team.org_id, Person.id.in_(rep))
    return (await session.execute(after(query, [Person.name, Person.id], cursor, limit, kinds=(str, UUID)))).all()


async def _observations(
    session: AsyncSession, org_id: UUID, person_ids: Iterable[UUID], at: datetime
) -> Sequence[Observed]:
    """Return what was in force at a time, by person, skill and date: also what has been superseded since."""
    one = SkillObservation
    rows = await session.execute(
        select(
            one.person_id,
            one.skill_id,
            Skill.name,
            one.team_id,
            one.take_id,
            one.critique_id,
            one.reviewer_id,
            one.rubric_version_id,
            one.perspective,
            one.value,
            one.step,
            one.observed_at,
        )
        .join(Skill, (Skill.org_id == one.org_id) & (Skill.id == one.skill_id))
        .where(
            one.org_id == org_id,
            one.person_id.in_(set(person_ids)),
            one.published_at <= at,
            or_(one.superseded_at.is_(None), one.superseded_at > at),
        )
        .order_by(one.person_id, Skill.name, one.skill_id, one.observed_at, one.take_id, one.critique_id)
    )
    return rows.all()


def _skills(actor: Actor, subject: Subject, rows: Sequence[Observed], at: datetime) -> list[SkillProgress]:
    return [
        _skill(actor, subject, key, list(found), at)
        for key, found in groupby(rows, lambda row: SkillRef(row.skill_id, row.name))
    ]


def _skill(actor: Actor, subject: Subject, skill: SkillRef, rows: Sequence[Observed], at: datetime) -> SkillProgress:
    figures = _figures(rows, "manager", at)
    return SkillProgress(
        skill,
        figures.standing,
        figures.trend,
        figures.observations,
        _figures(rows, "peer", at).standing,
        _figures(rows, "self", at).standing,
        [_point(actor, subject, row) for row in rows],
    )


def _cells(rows: Sequence[Observed], at: datetime) -> dict[UUID, list[CellOut]]:
    """By person."""
    cells: dict[UUID, list[CellOut]] = defaultdict(list)
    for (person_id, skill_id), found in groupby(rows, lambda row: (row.person_id, row.skill_id)):
        figures = _figures(list(found), "manager", at)
        cells[person_id].append(CellOut(skill_id, figures.standing, figures.trend, figures.observations))
    return cells


def _figures(rows: Sequence[Observed], perspective: str, at: datetime) -> _Figures:
    observations = one_per_take([row for row in rows if row.perspective == perspective])
    standing, trend = statistics.standing(observations, at), statistics.trend(observations, at)
    return _Figures(
        StandingOut(standing.value, standing.low, standing.high) if standing else None,
        TrendOut(trend.state, trend.per_90_days, trend.low, trend.high),
        len(observations),
    )


def one_per_take(rows: Sequence[Observed]) -> list[Observation]:
    """Return one observation a take, the mean where several judged it: rows of one skill, takes together."""
    return [_mean(list(found)) for _, found in groupby(rows, lambda row: row.take_id)]


def _mean(rows: Sequence[Observed]) -> Observation:
    value = math.fsum(row.value for row in rows) / len(rows)
    step = math.fsum(row.step for row in rows) / len(rows)
    return Observation(rows[0].observed_at, value, step, rows[0].reviewer_id if len(rows) == 1 else None)


def _point(actor: Actor, subject: Subject, row: Observed) -> PointOut:
    sees = subject.person.id == actor.person_id or actor.is_enablement or actor.manages(row.team_id)
    return PointOut(
        row.observed_at,
        row.value,
        row.perspective,
        row.take_id if sees else None,
        row.critique_id if sees else None,
        row.rubric_version_id,
    )
