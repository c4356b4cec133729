import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from itertools import groupby
from typing import Any, TypeVar, TypeVarTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, DateTime, Row, Select, Text, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import words
from api.auth import Actor, any_actor
from api.paging import after, encode
from api.policy import Subject, may_see_progress, visible
from api.policy_critiques import judges_blind
from api.progress.marks import MarkOut, YoungChange, marks_of, young_change
from api.progress.next_steps import NextStepOut, open_steps_json
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
from api.reading import Reading
from api.refs import PersonRef, SkillRef
from models import statistics
from models.base import now
from models.critique import PERSPECTIVES, NextStep
from models.errors import ForbiddenError, NotFoundError
from models.person import Person
from models.progress import SkillObservation
from models.reads import Statement, given, instant, json_list, prepared
from models.rubric import RubricVersion
from models.skill import Skill
from models.statistics import Observation
from models.team import Membership, Team

# So many observations are told sooner than a thread is found that does it.
FEW = 400
Columns = TypeVarTuple("Columns")
Key = TypeVar("Key")


class Observed(msgspec.Struct, array_like=True, frozen=True):
    """The columns of `_OBSERVED`, in their order."""

    person_id: UUID
    skill_id: UUID
    name: str
    team_id: UUID | None
    take_id: UUID
    critique_id: UUID
    reviewer_id: UUID
    rubric_version_id: UUID
    perspective: str
    value: float
    step: float
    rubric_id: UUID
    rubric_version: int
    observed_at: datetime


class Known:
    """All that is read for the progress of a person. No dataclass: the framework would look into its parts."""

    def __init__(
        self, actor: Actor, subject: Subject, at: datetime, observed: list[Observed], next_steps: list[NextStepOut]
    ) -> None:
        self.actor, self.subject, self.at = actor, subject, at
        self.observed, self.next_steps = observed, next_steps


_observed = msgspec.json.Decoder(list[Observed])
_next_steps = msgspec.json.Decoder(list[NextStepOut])


@dataclass(frozen=True, slots=True)
class _Figures:
    standing: StandingOut | None
    trend: TrendOut
    observations: int


@cache
def person_statement(org_role: str, *, past: bool) -> Statement:
    """The person if the actor sees them, the teams they are in, what was observed, and their open next steps."""
    me = any_actor(org_role)
    at = given("at", DateTime(timezone=True))
    teams = select(func.array_agg(Membership.team_id)).where(
        Membership.org_id == me.org_id,
        Membership.person_id == given("subject"),
        or_(Membership.until_at.is_(None), Membership.until_at > func.now()),
    )
    # Who is judging a take blind must not read it off the figures.
    told = or_(_SEEN.person_id == me.person_id, ~judges_blind(me, _SEEN.take_id))
    observed = _observations_json(me.org_id, and_(_SEEN.person_id == given("subject"), told), at, past=past)
    steps, _ = open_steps_json(me, NextStep.person_id == given("subject"), at if past else None)
    return prepared(
        select(
            Person.id,
            Person.name,
            teams.scalar_subquery().label("team_ids"),
            cast(observed.scalar_subquery(), Text).label("observed"),
            cast(steps.scalar_subquery(), Text).label("next_steps"),
        ).where(visible(me, Person), Person.id == given("subject"))
    )


async def read_person(read: Reading, person_id: UUID, as_of: datetime | None) -> Known:
    """Read what the progress of a person is made of.

    Raises:
        NotFoundError: the actor does not see this person.
        ForbiddenError: their progress is not the actor's to see.
    """
    at = as_of or now()
    statement = person_statement(read.actor.org_role, past=as_of is not None)
    return known(read.actor, await read.rows(statement, subject=person_id, at=at), at)


def known(actor: Actor, rows: Sequence[Any], at: datetime) -> Known:
    """Take apart what `person_statement` found, and ask the rule."""
    if not rows:
        raise NotFoundError(f"There is no {words(Person)} with this id here.")
    [(id_, name, team_ids, observed, next_steps)] = rows
    subject = Subject(PersonRef(id_, name), frozenset(team_ids or ()))
    if not may_see_progress(actor, subject):
        raise ForbiddenError("Their progress is seen by themselves, their managers and enablement.")
    return Known(actor, subject, at, _observed.decode(observed), _next_steps.decode(next_steps))


async def person_progress(found: Known) -> PersonProgress:
    person = found.subject.person
    few = len(found.observed) <= FEW
    figures = partial(_skills, found.actor, found.subject, found.observed, found.at)
    skills = figures() if few else await asyncio.to_thread(figures)
    return PersonProgress(PersonRef(person.id, person.name), found.at, skills, found.next_steps)


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
    rows = await _observations(session, actor.org_id, [person.id for person in page], at, past=as_of is not None)
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
) -> Sequence[Row[UUID, str]]:
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


_SEEN = SkillObservation
_OBSERVED = (
    _SEEN.person_id,
    _SEEN.skill_id,
    Skill.name,
    _SEEN.team_id,
    _SEEN.take_id,
    _SEEN.critique_id,
    _SEEN.reviewer_id,
    _SEEN.rubric_version_id,
    _SEEN.perspective,
    _SEEN.value,
    _SEEN.step,
    RubricVersion.rubric_id,
    RubricVersion.version,
    _SEEN.observed_at,
)
_ORDER = (_SEEN.person_id, Skill.name, _SEEN.skill_id, _SEEN.observed_at, _SEEN.take_id, _SEEN.critique_id)


def _in_force(
    query: Select[*Columns], org_id: Any, whose: ColumnElement[bool], at: Any, *, past: bool
) -> Select[*Columns]:
    """Return what was in force at a time: of a past one, also what has been superseded since."""
    standing = _SEEN.superseded_at.is_(None)
    version = (RubricVersion.org_id == _SEEN.org_id) & (RubricVersion.id == _SEEN.rubric_version_id)
    return (
        query.join(Skill, (Skill.org_id == _SEEN.org_id) & (Skill.id == _SEEN.skill_id))
        .join(RubricVersion, version)
        .where(
            _SEEN.org_id == org_id,
            whose,
            _SEEN.published_at <= at,
            or_(standing, _SEEN.superseded_at > at) if past else standing,
        )
    )


async def _observations(
    session: AsyncSession, org_id: UUID, person_ids: Iterable[UUID], at: datetime, *, past: bool
) -> Sequence[Observed]:
    query = _in_force(select(*_OBSERVED), org_id, _SEEN.person_id.in_(set(person_ids)), at, past=past)
    rows: Sequence[Any] = (await session.execute(query.order_by(*_ORDER))).all()
    return [Observed(*row) for row in rows]


def _observations_json(org_id: Any, whose: ColumnElement[bool], at: Any, *, past: bool) -> Select[Any]:
    observed = func.json_build_array(*_OBSERVED[:-1], instant(_SEEN.observed_at))
    return _in_force(select(json_list(observed, *_ORDER)).select_from(_SEEN), org_id, whose, at, past=past)


def _skills(actor: Actor, subject: Subject, rows: Sequence[Observed], at: datetime) -> list[SkillProgress]:
    by_skill = _grouped(rows, lambda row: SkillRef(row.skill_id, row.name))
    managers, peers, own = (_figures(list(by_skill.values()), perspective, at) for perspective in PERSPECTIVES)
    return [
        SkillProgress(
            skill,
            judged.standing,
            judged.trend,
            judged.observations,
            by_peers.standing,
            by_self.standing,
            [_point(actor, subject, row) for row in found],
            *_changes([row for row in found if row.perspective == "manager"], at),
        )
        for (skill, found), judged, by_peers, by_self in zip(by_skill.items(), managers, peers, own, strict=True)
    ]


def _changes(judged: Sequence[Observed], at: datetime) -> tuple[list[MarkOut], YoungChange | None]:
    marks = marks_of(judged)
    return marks, young_change(marks, judged, at)


def _cells(rows: Sequence[Observed], at: datetime) -> dict[UUID, list[CellOut]]:
    """By person."""
    by_cell = _grouped(rows, lambda row: (row.person_id, row.skill_id))
    cells: dict[UUID, list[CellOut]] = defaultdict(list)
    for (person_id, skill_id), judged in zip(by_cell, _figures(list(by_cell.values()), "manager", at), strict=True):
        cells[person_id].append(CellOut(skill_id, judged.standing, judged.trend, judged.observations))
    return cells


def _grouped(rows: Sequence[Observed], key: Callable[[Observed], Key]) -> dict[Key, list[Observed]]:
    """Of rows in an order in which those of one key stand together."""
    return {found: list(group) for found, group in groupby(rows, key)}


def _figures(series: Sequence[Sequence[Observed]], perspective: str, at: datetime) -> list[_Figures]:
    """Of many skills at once, which takes hardly longer than of one. Only managers' figures have a trend."""
    observed = [one_per_take([row for row in rows if row.perspective == perspective]) for rows in series]
    standings = statistics.standings(observed, at)
    trends = statistics.trends(observed if perspective == "manager" else [()] * len(observed), at)
    return [
        _Figures(
            StandingOut(standing.value, standing.low, standing.high) if standing else None,
            TrendOut(trend.state, trend.per_90_days, trend.low, trend.high),
            len(observations),
        )
        for observations, standing, trend in zip(observed, standings, trends, strict=True)
    ]


def one_per_take(rows: Sequence[Observed]) -> list[Observation]:
    """Return one observation a take, the mean where several judged it: rows of one skill, takes together."""
    return [_mean(list(found)) for _, found in groupby(rows, lambda row: row.take_id)]


def _mean(rows: Sequence[Observed]) -> Observation:
    if len(rows) == 1:
        return Observation(rows[0].observed_at, rows[0].value, rows[0].step, rows[0].reviewer_id)
    value = math.fsum(row.value for row in rows) / len(rows)
    step = math.fsum(row.step for row in rows) / len(rows)
    return Observation(rows[0].observed_at, value, step)


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
