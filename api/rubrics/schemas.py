from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from api.problems import FieldError
from models.rubric import Criterion, Level, Rubric, RubricVersion
from models.rubric_rules import BED_DOWN, MOST, is_young

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
SkillName = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"\S", examples=["Positioning"])]
FileTitle = Annotated[str, msgspec.Meta(max_length=200, examples=["Positioning statement"])]
Sheet = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=600_000,
        description="A line for each level, under a line of column names, as `ExportRubricSheet` writes it.",
    ),
]
Note = Annotated[str, msgspec.Meta(max_length=2000, examples=["The ending has a criterion of its own now."])]


class LevelIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`anchor` is the behaviour one would see; `bright_spot_id` a published bright spot in which one sees it.

    In a new version a level that says the same keeps its bright spot, unless another or null is sent.
    """

    points: Points
    label: Label
    anchor: Anchor = ""
    bright_spot_id: UUID | msgspec.UnsetType | None = msgspec.UNSET


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


class ExampleIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A level of any version, and the published bright spot in which one sees it; null takes it away."""

    level_id: UUID
    bright_spot_id: UUID | None


class FileLevel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    points: Points
    label: Label
    anchor: Anchor = ""


class FileCriterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A criterion as it leaves an organization: its `skill` by name."""

    title: CriterionTitle
    skill: SkillName
    levels: Annotated[list[FileLevel], msgspec.Meta(max_length=50)]
    weight: Weight = 1.0
    required: bool = True
    must_pass: bool = False
    allow_na: bool = False
    key: Key | None = None


class RubricFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rubric as it leaves an organization, without ids: what is exported can be imported as it is."""

    title: FileTitle
    criteria: Annotated[list[FileCriterion], msgspec.Meta(max_length=350)]
    note: Note = ""


class RubricImportIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either a `rubric` or a `csv` sheet. With a `rubric_id` it becomes that rubric's next version.

    `preview` writes nothing and tells what would be. `create_skills` makes the skills that are not there, by who may.
    """

    csv: Sheet | None = None
    rubric: RubricFile | None = None
    preview: bool = False
    create_skills: bool = False
    rubric_id: UUID | None = None
    id: UUID | None = None


class LevelOut(msgspec.Struct, frozen=True):
    """`bright_spot_id` shows what the anchor says, to those who see that bright spot."""

    id: UUID
    points: float
    label: str
    anchor: str
    bright_spot_id: UUID | None = None


class BedDown(msgspec.Struct, frozen=True):
    """A warning: the change of `since` has not bedded down, so the next one cannot be told from it."""

    code: Annotated[str, msgspec.Meta(examples=["let-it-bed-down"])]
    detail: Annotated[str, msgspec.Meta(examples=["The version before is 3 days old. Let it bed down first."])]
    since: datetime


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
    """One version of a rubric; `version_id` is what challenges pin and critiques score against.

    `warning`: the version before it had hardly been used when this one was made.
    """

    id: UUID
    title: str
    version: int
    version_id: UUID
    latest_version: int
    note: str
    created_at: datetime
    version_created_at: datetime
    criteria: list[CriterionOut]
    warning: BedDown | None = None


class RubricImportOut(msgspec.Struct, frozen=True):
    """`read`: the rubric as it was understood. `errors`: why nothing was made of it, or would be: then `made` is null.

    `new_skills`: those that were made for it, or would be. Pointers into a sheet name its line and column.
    """

    read: RubricFile | None
    errors: list[FieldError]
    new_skills: list[str]
    made: RubricOut | None


class RubricItem(msgspec.Struct, frozen=True):
    """A rubric in a list: its latest version, without the criteria."""

    id: UUID
    title: str
    version: int
    created_at: datetime


def level_out(level: Level, examples: Mapping[UUID, UUID]) -> LevelOut:
    return LevelOut(level.id, level.points, level.label, level.anchor, examples.get(level.id))


def criterion_out(criterion: Criterion, levels: list[Level], examples: Mapping[UUID, UUID]) -> CriterionOut:
    return CriterionOut(
        criterion.id,
        criterion.key,
        criterion.skill_id,
        criterion.title,
        criterion.weight,
        criterion.required,
        criterion.must_pass,
        criterion.allow_na,
        [level_out(level, examples) for level in levels],
    )


def rubric_out(
    rubric: Rubric, version: RubricVersion, criteria: list[CriterionOut], before: RubricVersion | None = None
) -> RubricOut:
    """`before` is the version before it."""
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
        _warning(version, before) if before else None,
    )


def _warning(version: RubricVersion, before: RubricVersion) -> BedDown | None:
    if not is_young(before.created_at, version.created_at):
        return None
    days = (version.created_at - before.created_at).days
    age = "less than a day" if days < 1 else "a day" if days == 1 else f"{days} days"
    return BedDown(
        "let-it-bed-down",
        f"The version before was {age} old. Give a change {BED_DOWN.days} days, or its effect cannot be told.",
        before.created_at,
    )


def rubric_item(rubric: Rubric) -> RubricItem:
    return RubricItem(rubric.id, rubric.title, rubric.latest_version, rubric.created_at)
