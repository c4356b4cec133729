from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from api.refs import PersonRef
from models.critique import Moment

DAY_MS = 24 * 60 * 60 * 1000

Position = Annotated[int, msgspec.Meta(ge=0, le=DAY_MS, examples=[12500])]
Body = Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=r"\S", examples=["Let the silence work."])]
ReplyBody = Annotated[
    str, msgspec.Meta(min_length=1, max_length=4000, pattern=r"\S", examples=["I was not sure they had finished."])
]
MarketSignal = Annotated[
    bool, msgspec.Meta(description="The customer, or the market, says something here that others should hear of.")
]
Tone = Literal["strength", "growth", "question"]


class MomentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With a `critique_id`, my draft's, it appears when that is published; without one, at once."""

    prompt_id: UUID
    start_ms: Position
    body: Body
    tone: Tone
    end_ms: Position | None = None
    criterion_id: UUID | None = None
    critique_id: UUID | None = None
    market_signal: MarketSignal = False
    id: UUID | None = None


class MomentPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`market_signal` changes at any time, the rest until the critique is published."""

    start_ms: Position | UnsetType = UNSET
    end_ms: Position | None | UnsetType = UNSET
    body: Body | UnsetType = UNSET
    tone: Tone | UnsetType = UNSET
    criterion_id: UUID | None | UnsetType = UNSET
    market_signal: MarketSignal | UnsetType = UNSET


class MomentBrief(msgspec.Struct, frozen=True):
    """A moment as it is named elsewhere: as evidence of a score, or beside one of another take."""

    moment_id: UUID
    prompt_id: UUID
    start_ms: int
    end_ms: int | None
    body: str
    tone: str


def moment_brief(moment: Moment) -> MomentBrief:
    return MomentBrief(moment.id, moment.prompt_id, moment.start_ms, moment.end_ms, moment.body, moment.tone)


class MomentOut(msgspec.Struct, frozen=True):
    """`replies` is how many there are in its thread, which `ListReplies` has."""

    id: UUID
    take_id: UUID
    prompt_id: UUID
    critique_id: UUID | None
    author: PersonRef
    start_ms: int
    end_ms: int | None
    body: str
    tone: str
    criterion_id: UUID | None
    market_signal: bool
    resolved_at: datetime | None
    resolved_by: PersonRef | None
    replies: int
    created_at: datetime
    version: int


class ReplyIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body: ReplyBody
    id: UUID | None = None


class ReplyOut(msgspec.Struct, frozen=True):
    id: UUID
    author: PersonRef
    body: str
    created_at: datetime
