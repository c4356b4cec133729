"""What the scores of a critique come to: pure functions over a rubric version and what was scored on it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from models.statistics import critique_value, score_value

# A mean of exact levels may miss its mark by rounding alone.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Judged:
    """A criterion, the points of its levels, and what was scored on it: points, not applicable, or nothing yet."""

    key: str
    skill_id: UUID
    weight: float
    required: bool
    must_pass: bool
    levels: tuple[float, ...]
    points: float | None = None
    not_applicable: bool = False

    @property
    def value(self) -> float | None:
        """The score from 0 to 1; None when there is none."""
        return None if self.points is None else score_value(self.points, min(self.levels), max(self.levels))

    @property
    def step(self) -> float:
        """The distance between neighbouring levels on the scale of `value`, on average."""
        return 1 / (len(self.levels) - 1)


@dataclass(frozen=True, slots=True)
class SkillValue:
    value: float
    step: float


def missing(judged: Iterable[Judged]) -> list[str]:
    """Return the keys of the required criteria that have neither a score nor a "not applicable"."""
    return [one.key for one in judged if one.required and one.points is None and not one.not_applicable]


def value_of(judged: Iterable[Judged]) -> float | None:
    """Return the weighted mean over what was scored, 0 to 1; None when nothing was."""
    return critique_value([(one.value, one.weight) for one in judged])


def skill_values(judged: Iterable[Judged]) -> dict[UUID, SkillValue]:
    """Return what the scores say of each skill that was scored."""
    by_skill: dict[UUID, list[Judged]] = {}
    for one in judged:
        if one.points is not None:
            by_skill.setdefault(one.skill_id, []).append(one)
    return {skill: _of_skill(scored) for skill, scored in by_skill.items()}


def _of_skill(scored: Sequence[Judged]) -> SkillValue:
    total = math.fsum(one.weight for one in scored)
    step = math.fsum(one.step * one.weight for one in scored) / total
    return SkillValue(value_of(scored) or 0.0, step)


def meets_pass_mark(judged: Sequence[Judged], pass_mark: float | None) -> bool | None:
    """Return whether the mark is met and no criterion that must pass is at its lowest level.

    None when there is nothing to meet, or nothing scored yet.
    """
    if any(one.must_pass and one.value == 0 for one in judged):
        return False
    value = value_of(judged)
    if pass_mark is None or value is None:
        return None
    return value >= pass_mark - _ROUNDING
