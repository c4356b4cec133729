from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from models.rubric import Criterion, Level, Rubric, RubricVersion
from models.rubric_rules import MOST

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["Positioning statement"])]
CriterionTitle = Annotated[
    str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["Opens with the buyer's problem"])
]
Key = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MOST,
        pattern=r"^[a-z0-9][a-z0-9_-]*\Z",
        examples=["opens-with-the-problem"],
        description="Survives versions: what was scored under it before belongs to the same line of history.",
    ),
]
Weight = Annotated[float, msgspec.Meta(gt=0, le=1000, examples=[2.0])]
Points = Annotated[float, msgspec.Meta(ge=-1000, le=1000, examples=[1.0])]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"\S", examples=["Nearly"])]
Anchor = Annotated[str, msgspec.Meta(max_length=1000, examples=["Names an industry problem in general words"])]
Note = Annotated[str, msgspec.Meta(max_length=2000, examples=["The ending has a criterion of its own now."])]


class LevelIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`anchor` is the behaviour one would see."""

    points: Points
    label: Label
    anchor: Anchor = ""


class CriterionIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Levels go from least to most points. Without a `key` the title's earlier key is kept, or one is made of it."""

    skill_id: UUID
    title: CriterionTitle
    levels: Annotated[list[LevelIn], msgspec.Meta(min_length=2, max_length=7)]
    weight: Weight = 1.0
    required: bool = True
    must_pass: bool = False
    allow_na: bool = False
    key: Key | None = None


Criteria = Annotated[list[CriterionIn], msgspec.Meta(min_length=1, max_length=50)]


class RubricIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Title
    criteria: Criteria
    note: Note = ""
    id: UUID | None = None


class VersionIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`id` names the version, so that a request repeated by a lost answer makes one only."""

    criteria: Criteria
    note: Note = ""
    id: UUID | None = None


class LevelOut(msgspec.Struct, frozen=True):
    id: UUID
    points: float
    label: str
    anchor: str


class CriterionOut(msgspec.Struct, frozen=True):
    id: UUID
    key: str
    skill_id: UUID
    title: str
    weight: float
    required: bool
    must_pass: bool
    allow_na: bool
    levels: list[LevelOut]


class RubricOut(msgspec.Struct, frozen=True):
    """One version of a rubric; `version_id` is what challenges pin and critiques score against."""

    id: UUID
    title: str
    version: int
    version_id: UUID
    latest_version: int
    note: str
    created_at: datetime
    version_created_at: datetime
    criteria: list[CriterionOut]


class RubricItem(msgspec.Struct, frozen=True):
    """A rubric in a list: its latest version, without the criteria."""

    id: UUID
    title: str
    version: int
    created_at: datetime


def level_out(level: Level) -> LevelOut:
    return LevelOut(level.id, level.points, level.label, level.anchor)


def criterion_out(criterion: Criterion, levels: list[Level]) -> CriterionOut:
    return CriterionOut(
        criterion.id,
        criterion.key,
        criterion.skill_id,
        criterion.title,
        criterion.weight,
        criterion.required,
        criterion.must_pass,
        criterion.allow_na,
        [level_out(level) for level in levels],
    )


def rubric_out(rubric: Rubric, version: RubricVersion, criteria: list[CriterionOut]) -> RubricOut:
    return RubricOut(
        rubric.id,
        rubric.title,
        version.version,
        version.id,
        rubric.latest_version,
        version.note,
        rubric.created_at,
        version.created_at,
        criteria,
    )


def rubric_item(rubric: Rubric) -> RubricItem:
    return RubricItem(rubric.id, rubric.title, rubric.latest_version, rubric.created_at)
