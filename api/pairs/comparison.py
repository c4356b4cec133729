"""Two challenges side by side: by person, by criterion and by skill."""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from api.auth import Actor
from api.paging import decode, encode
from api.pairs.schemas import ChallengeComparison, CriterionChange, DifferenceOut, MeanChange, PersonChange
from api.policy import visible
from api.refs import ChallengeRef, PersonRef
from models.challenge import Challenge
from models.comparison import mean_difference
from models.critique import Critique, Score
from models.person import Person
from models.rubric import Criterion, Level
from models.skill import Skill
from models.statistics import score_value
from models.take import Take


class Judged(msgspec.Struct, array_like=True, frozen=True):
    """A score of the first take that a manager judged, as `_scores` reads it."""

    challenge_id: UUID
    person_id: UUID
    person: str
    take_id: UUID
    reviewer_id: UUID
    critique_id: UUID
    key: str
    title: str
    weight: float
    skill_id: UUID
    skill: str
    points: float
    least: float
    most: float
    levels: int

    @property
    def value(self) -> float:
        return score_value(self.points, self.least, self.most)

    @property
    def step(self) -> float:
        return 1 / (self.levels - 1)


@dataclass(slots=True)
class Side:
    """What one challenge found of one person."""

    take_id: UUID | None = None
    reviewers: set[UUID] = field(default_factory=set)
    scores: list[Judged] = field(default_factory=list)


Sides = tuple[Side, Side]
# A value, and the step of its scale.
Measure = tuple[float, float]


async def comparison(
    session: AsyncSession, actor: Actor, before: Challenge, after: Challenge, limit: int, cursor: str | None
) -> ChallengeComparison:
    rows = await _scores(session, actor, before, after)
    people = _by_person(rows, before.id)
    both = [sides for sides in people.values() if all(side.scores for side in sides)]
    start = decode(cursor, str, UUID) if cursor else None
    names = sorted((row.name, row.id) for row in people)
    wanted = [PersonRef(id_, name) for name, id_ in names if start is None or (name, id_) > start]
    page = wanted[:limit]
    return ChallengeComparison(
        _ref(before),
        _ref(after),
        before.rubric_version_id == after.rubric_version_id,
        len(both),
        sum(_same_reviewers(sides) for sides in both),
        _compared(both, lambda row: row.key, lambda row: row.title),
        _compared(both, lambda row: row.skill_id, lambda row: row.skill),
        [_person(person, people[person]) for person in page],
        encode(page[-1].name, page[-1].id) if len(wanted) > limit else None,
    )


async def _scores(session: AsyncSession, actor: Actor, *challenges: Challenge) -> list[Judged]:
    org_id = actor.org_id
    versions = {challenge.rubric_version_id for challenge in challenges}
    judged = aliased(Critique)  # what is visible of takes and critiques has a Take and a Critique of its own
    first = (
        select(Take.id)
        .ext(distinct_on(Take.challenge_id, Take.person_id))
        .join(judged, (judged.org_id == Take.org_id) & (judged.take_id == Take.id))
        .where(
            visible(actor, Take),
            Take.challenge_id.in_([challenge.id for challenge in challenges]),
            judged.state == "published",
            judged.perspective == "manager",
        )
        .order_by(Take.challenge_id, Take.person_id, Take.submitted_at, Take.id)
    )
    scale = (
        select(
            Level.criterion_id,
            func.min(Level.points).label("least"),
            func.max(Level.points).label("most"),
            func.count().label("levels"),
        )
        .join(Criterion, (Criterion.org_id == Level.org_id) & (Criterion.id == Level.criterion_id))
        .where(Level.org_id == org_id, Criterion.rubric_version_id.in_(versions))
        .group_by(Level.criterion_id)
        .subquery()
    )
    take, critique = aliased(Take), aliased(Critique)  # likewise
    seen = select(Critique.id).where(
        visible(actor, Critique), Critique.state == "published", Critique.perspective == "manager"
    )
    query = (
        select(
            *(take.challenge_id, take.person_id, Person.name, take.id, critique.reviewer_id, critique.id),
            *(Criterion.key, Criterion.title, Criterion.weight, Criterion.skill_id, Skill.name),
            *(Level.points, scale.c.least, scale.c.most, scale.c.levels),
        )
        .select_from(take)
        .join(critique, (critique.org_id == take.org_id) & (critique.take_id == take.id))
        .join(Person, (Person.org_id == take.org_id) & (Person.id == take.person_id))
        .join(Score, (Score.org_id == critique.org_id) & (Score.critique_id == critique.id))
        .join(Criterion, (Criterion.org_id == Score.org_id) & (Criterion.id == Score.criterion_id))
        .join(Skill, (Skill.org_id == Criterion.org_id) & (Skill.id == Criterion.skill_id))
        .join(Level, (Level.org_id == Score.org_id) & (Level.id == Score.level_id))
        .join(scale, scale.c.criterion_id == Criterion.id)
        .where(take.org_id == org_id, take.id.in_(first), critique.id.in_(seen))
        .order_by(Criterion.position, Criterion.key, critique.published_at, critique.id)
    )
    rows: Sequence[Any] = (await session.execute(query)).all()
    return [Judged(*row) for row in rows]


def _by_person(rows: Iterable[Judged], before_id: UUID) -> dict[PersonRef, Sides]:
    people: dict[PersonRef, Sides] = defaultdict(lambda: (Side(), Side()))
    for row in rows:
        side = people[PersonRef(row.person_id, row.person)][row.challenge_id != before_id]
        side.take_id = row.take_id
        side.reviewers.add(row.reviewer_id)
        side.scores.append(row)
    return people


def _compared(
    people: Sequence[Sides], key: Callable[[Judged], Hashable], title: Callable[[Judged], str]
) -> list[MeanChange]:
    """Compare what was judged of people on both sides, in the order of the rubric."""
    titles = {key(row): title(row) for sides in people for side in sides for row in side.scores}
    measured = [(_measures(before.scores, key), _measures(after.scores, key)) for before, after in people]
    return [
        _compare(str(one), titles[one], [pair for pair in measured if one in pair[0] and one in pair[1]], one)
        for one in titles
    ]


def _compare(name: str, title: str, people: Sequence[Any], key: Hashable) -> MeanChange:
    pairs: list[tuple[Measure, Measure]] = [(before[key], after[key]) for before, after in people]
    found = mean_difference(
        [after[0] - before[0] for before, after in pairs], [(before[1] + after[1]) / 2 for before, after in pairs]
    )
    return MeanChange(
        name,
        title,
        len(pairs),
        _mean([before[0] for before, _ in pairs]),
        _mean([after[0] for _, after in pairs]),
        DifferenceOut(found.value, found.low, found.high) if found else None,
    )


def _measures(rows: Sequence[Judged], key: Callable[[Judged], Hashable]) -> Mapping[Hashable, Measure]:
    """Return the weighted mean of each critique, and the mean of these, by key."""
    found: dict[Hashable, dict[UUID, list[Judged]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[key(row)][row.critique_id].append(row)
    return {one: _measure(list(critiques.values())) for one, critiques in found.items()}


def _measure(critiques: Sequence[Sequence[Judged]]) -> Measure:
    values = [_weighted(rows, [row.value for row in rows]) for rows in critiques]
    steps = [_weighted(rows, [row.step for row in rows]) for rows in critiques]
    return math.fsum(values) / len(values), math.fsum(steps) / len(steps)


def _weighted(rows: Sequence[Judged], values: Sequence[float]) -> float:
    total = math.fsum(row.weight for row in rows)
    return math.fsum(row.weight * value for row, value in zip(rows, values, strict=True)) / total


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _same_reviewers(sides: Sides) -> bool:
    return sides[0].reviewers == sides[1].reviewers


def _person(person: PersonRef, sides: Sides) -> PersonChange:
    before, after = sides
    measured = [_measures(side.scores, lambda row: row.key) for side in sides]
    keys = dict.fromkeys(row.key for side in sides for row in side.scores)
    return PersonChange(
        person,
        before.take_id,
        after.take_id,
        _same_reviewers(sides) if before.scores and after.scores else None,
        [_scored(key, *(side[key][0] if key in side else None for side in measured)) for key in keys],
    )


def _scored(key: str, before: float | None, after: float | None) -> CriterionChange:
    difference = None if before is None or after is None else after - before
    return CriterionChange(key, before, after, difference)


def _ref(challenge: Challenge) -> ChallengeRef:
    return ChallengeRef(challenge.id, challenge.title, challenge.kind)
