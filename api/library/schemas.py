from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from api.challenges.schemas import Title

Origin = Literal["starter", "own"]
Summary = Annotated[
    str, msgspec.Meta(max_length=2000, examples=["For the first minute of a call."], description="When to use it.")
]


class TemplateIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Made of what a challenge asks. Without a `title` it has the challenge's."""

    challenge_id: UUID
    title: Title | None = None
    summary: Summary = ""
    id: UUID | None = None


class TemplatePatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is absent stays. With a `challenge_id` it asks what that challenge asks from now on."""

    title: Title | msgspec.UnsetType = msgspec.UNSET
    summary: Summary | msgspec.UnsetType = msgspec.UNSET
    challenge_id: UUID | msgspec.UnsetType = msgspec.UNSET


class TemplateItem(msgspec.Struct, frozen=True, kw_only=True):
    """A template in a list. `starter` ones come with Showme and have a `key`; `own` ones have an author."""

    id: UUID
    origin: Annotated[str, msgspec.Meta(examples=["starter"])]
    key: Annotated[str | None, msgspec.Meta(examples=["objection-price"])]
    title: str
    summary: str
    kind: str
    prompt_count: int
    rubric_title: Annotated[str, msgspec.Meta(examples=["Objection play"])]
    created_by: UUID | None
    created_at: datetime | None
    version: int


class TemplatePrompt(msgspec.Struct, frozen=True):
    text: str = ""
    asset_id: UUID | None = None
    max_duration_ms: int | None = None
    audio_allowed: bool = False
    preparation_ms: int | None = None
    notes: str = ""


class TemplateAnswer(msgspec.Struct, frozen=True):
    asset_id: UUID | None = None
    text: str = ""


class TemplateFile(msgspec.Struct, frozen=True):
    asset_id: UUID
    title: str = ""


class TemplateLevel(msgspec.Struct, frozen=True):
    points: float
    label: str
    anchor: str


class TemplateCriterion(msgspec.Struct, frozen=True):
    key: str
    title: str
    skill: Annotated[str, msgspec.Meta(examples=["Objection handling"])]
    weight: float
    required: bool
    must_pass: bool
    allow_na: bool
    levels: list[TemplateLevel]


class TemplateRubric(msgspec.Struct, frozen=True):
    """`id` is the organization's rubric, null for a starter's that nobody has used here yet."""

    id: UUID | None
    title: str
    criteria: list[TemplateCriterion]


class TemplateOut(TemplateItem, frozen=True, kw_only=True):
    """What a challenge made of it asks. `timed` with `window_ms` null: as long as its prompts take."""

    brief: str
    prompts: list[TemplatePrompt]
    model_answer: TemplateAnswer | None
    attachments: list[TemplateFile]
    max_takes: int | None
    pass_mark: float | None
    practice: Annotated[str, msgspec.Meta(examples=["allowed"])]
    late: Annotated[str, msgspec.Meta(examples=["accepted"])]
    timed: bool
    window_ms: int | None
    rubric: TemplateRubric
