from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from api.moments.schemas import MomentBrief
from api.progress.next_steps import NextStepOut
from api.refs import PersonRef

Text = Annotated[str, msgspec.Meta(max_length=8000)]
Comment = Annotated[str, msgspec.Meta(max_length=2000, examples=["The pause after the question worked."])]
StepText = Annotated[
    str, msgspec.Meta(min_length=1, max_length=1000, pattern=r"\S", examples=["Open with the customer's number"])
]
Reply = Annotated[str, msgspec.Meta(max_length=4000, examples=["Thank you, I will start with the number."])]
Reason = Annotated[
    str, msgspec.Meta(min_length=1, max_length=4000, pattern=r"\S", examples=["I did name the price, at 0:42."])
]
Outcome = Literal["done", "partly", "not_yet"]
Decision = Literal["pass", "retake"]


class CritiqueIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: UUID | None = None


class ScoreIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A level, or `not_applicable: true`; only a comment keeps the score; `level_id: null` takes it back."""

    criterion_id: UUID
    level_id: UUID | None | UnsetType = UNSET
    not_applicable: bool = False
    comment: Comment | UnsetType = UNSET


class NextStepIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    skill_id: UUID
    text: StepText
    id: UUID | None = None
    due_at: datetime | None = None


class FollowUpIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    next_step_id: UUID
    outcome: Outcome
    comment: Comment = ""


class CritiquePatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`scores` are merged by criterion; `next_steps` and `follow_ups` are the whole list each.

    `reply_asset_id` is a video of mine, uploaded with the purpose `critique_reply`; who sees the critique sees it.
    """

    scores: Annotated[list[ScoreIn], msgspec.Meta(max_length=100)] | UnsetType = UNSET
    summary: Text | UnsetType = UNSET
    strengths: Text | UnsetType = UNSET
    next_steps: Annotated[list[NextStepIn], msgspec.Meta(max_length=20)] | UnsetType = UNSET
    follow_ups: Annotated[list[FollowUpIn], msgspec.Meta(max_length=100)] | UnsetType = UNSET
    decision: Decision | None | UnsetType = UNSET
    reply_asset_id: UUID | None | UnsetType = UNSET


class DisagreeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class AcknowledgeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reply: Reply | None = None


class ScoringLevel(msgspec.Struct, frozen=True):
    id: UUID
    points: float
    label: str
    anchor: str


class ScoringCriterion(msgspec.Struct, frozen=True):
    id: UUID
    key: str
    skill_id: UUID
    title: str
    weight: float
    required: bool
    must_pass: bool
    allow_na: bool
    levels: list[ScoringLevel]


class ScoringRubric(msgspec.Struct, frozen=True):
    """The version of the rubric that is scored against: the one pinned when the challenge was published."""

    id: UUID
    version_id: UUID
    title: str
    version: int
    criteria: list[ScoringCriterion]


class ScoreOut(msgspec.Struct, frozen=True):
    """`value` is 0 (the least level) to 1 (the most); null when it does not apply. `evidence` is where it was seen."""

    criterion_id: UUID
    level_id: UUID | None
    not_applicable: bool
    comment: str
    value: float | None
    evidence: list[MomentBrief]


class FollowUpOut(msgspec.Struct, frozen=True):
    next_step_id: UUID
    text: str
    outcome: str
    comment: str


class DisagreementOut(msgspec.Struct, frozen=True):
    """Why its person sees it otherwise; answered by a remark of somebody else, or by a critique that supersedes it."""

    reason: str
    at: datetime
    answered_at: datetime | None


class CritiqueOut(msgspec.Struct, frozen=True):
    """`value`, 0 to 1, is provisional in a draft. `open_next_steps` are, in a draft, what to ask about.

    `reply` is what its person answered; `reply_asset_id` a video in which its writer speaks. `supersedes_id` leads to
    the one before, `superseded_by_id` to the one in force.
    """

    id: UUID
    take_id: UUID
    reviewer: PersonRef
    perspective: str
    state: str
    rubric: ScoringRubric
    scores: list[ScoreOut]
    summary: str
    strengths: str
    next_steps: list[NextStepOut]
    follow_ups: list[FollowUpOut]
    open_next_steps: list[NextStepOut]
    decision: str | None
    value: float | None
    meets_pass_mark: bool | None
    supersedes_id: UUID | None
    superseded_by_id: UUID | None
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    acknowledged_at: datetime | None
    reply: str | None
    reply_asset_id: UUID | None
    disagreement: DisagreementOut | None
    remarks: int
    version: int
