from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from api.assets.schemas import AssetOut
from api.progress.next_steps import NextStepOut
from api.refs import ChallengeRef, PersonRef

Note = Annotated[str, msgspec.Meta(max_length=4000, examples=["I changed the opening, as agreed."])]
Confidence = Annotated[float, msgspec.Meta(ge=0, le=1, examples=[0.7], description="How sure the rep is, 0 to 1.")]


class TakeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A practice take is seen by nobody else and counts for nothing."""

    id: UUID | None = None
    practice: bool = False


class ResponseIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    asset_id: UUID


class SubmitIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: Note | None = None
    confidence: Confidence | None = None


class ResponseOut(msgspec.Struct, frozen=True):
    """One prompt's response; `asset` is null until there is one. `replace`: it failed after it was handed in."""

    prompt_id: UUID
    asset: AssetOut | None
    replace: bool


class TakeOut(msgspec.Struct, frozen=True):
    """`next_steps` are the person's open ones from last time, on the skills this challenge practises."""

    id: UUID
    assignment_id: UUID
    challenge_id: UUID
    person: PersonRef
    team_id: UUID | None
    number: int
    practice: bool
    state: str
    note: str
    confidence: float | None
    responses: list[ResponseOut]
    next_steps: list[NextStepOut]
    created_at: datetime
    submitted_at: datetime | None
    opened_at: datetime | None
    reviewed_at: datetime | None


class ReviewOut(msgspec.Struct, frozen=True):
    """A take that waits for a review. `duration_ms` of all its responses, null while it is not known."""

    take_id: UUID
    person: PersonRef
    challenge: ChallengeRef
    submitted_at: datetime
    waiting_s: int
    my_draft_id: UUID | None
    playable: bool
    duration_ms: int | None
