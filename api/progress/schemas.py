from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar.params import QueryParameter

from api.progress.marks import MarkOut, YoungChange
from api.progress.next_steps import NextStepOut
from api.refs import PersonRef, SkillRef
from api.times import INSTANT

AsOf = Annotated[
    str | None,
    QueryParameter(
        description="Show it as it was known then; without, as it is now.",
        pattern=INSTANT,
        max_length=40,
        schema_extra={"format": "date-time", "examples": ["2027-03-01T17:00:00Z"]},
    ),
]
IncludeSubteams = Annotated[bool, QueryParameter(description="The reps of the teams below as well.")]


class StandingOut(msgspec.Struct, frozen=True):
    """The recent average, 0 to 1, with its 95 % interval."""

    value: float
    low: float
    high: float


class TrendOut(msgspec.Struct, frozen=True):
    """`state`: rising, falling, steady, or too_early, when there are no figures yet. The rest: change in 90 days."""

    state: str
    per_90_days: float | None
    low: float | None
    high: float | None


class PointOut(msgspec.Struct, frozen=True):
    """What one critique said. `take_id` is null where the caller does not see the take."""

    at: datetime
    value: float
    perspective: str
    take_id: UUID | None
    critique_id: UUID | None
    rubric_version_id: UUID


class SkillProgress(msgspec.Struct, frozen=True):
    """`standing` and `trend` are the managers' judgement; what peers and the person say stands beside it.

    `observations` counts takes that managers judged. `marks`: where it began to be judged differently; `warning` asks
    to let the last change of a rubric's version bed down.
    """

    skill: SkillRef
    standing: StandingOut | None
    trend: TrendOut
    observations: int
    peers: StandingOut | None
    own: StandingOut | None = msgspec.field(name="self")
    points: list[PointOut]
    marks: list[MarkOut]
    warning: YoungChange | None


class PersonProgress(msgspec.Struct, frozen=True):
    person: PersonRef
    as_of: datetime
    skills: list[SkillProgress]
    next_steps: list[NextStepOut]


class CellOut(msgspec.Struct, frozen=True):
    skill_id: UUID
    standing: StandingOut | None
    trend: TrendOut
    observations: int


class MemberProgress(msgspec.Struct, frozen=True):
    """A rep of the team: a cell for each skill that was observed."""

    person: PersonRef
    skills: list[CellOut]


class TeamProgress(msgspec.Struct, frozen=True):
    """A page of the matrix: its reps by name, and the skills of this page's cells."""

    team_id: UUID
    as_of: datetime
    skills: list[SkillRef]
    items: list[MemberProgress]
    next_cursor: str | None
