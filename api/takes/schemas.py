from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from api.assets.schemas import AssetOut
from api.progress.next_steps import NextStepOut
from api.refs import PersonRef

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
    """One prompt's response; `asset` is null until there is one. `replace`: it failed after it was handed in.

    `answered_at` is when this video became the answer: after the take's `submitted_at`, it took the place of one that
    failed, or came late. `in_time`, of a timed take: it was announced before `closes_at`.
    """

    prompt_id: UUID
    asset: AssetOut | None
    replace: bool
    answered_at: datetime | None
    in_time: bool | None


class ClockOut(msgspec.Struct, frozen=True):
    """The clock of a timed take, by the server's time (`server_time` of `GET /v1/me`).

    Record until `ends_at`; announce each video until `closes_at`, bytes may come later. Then what has been answered is
    handed in, which `over_at` tells.
    """

    ends_at: datetime
    closes_at: datetime
    over_at: datetime | None


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
    timed: ClockOut | None
