from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from api.refs import PersonRef

DAY_MS = 24 * 60 * 60 * 1000

Position = Annotated[int, msgspec.Meta(ge=0, le=DAY_MS, examples=[12500])]
Body = Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=r"\S", examples=["Let the silence work."])]
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
    id: UUID | None = None


class MomentPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    start_ms: Position | UnsetType = UNSET
    end_ms: Position | None | UnsetType = UNSET
    body: Body | UnsetType = UNSET
    tone: Tone | UnsetType = UNSET
    criterion_id: UUID | None | UnsetType = UNSET


class MomentOut(msgspec.Struct, frozen=True):
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
    created_at: datetime
    version: int
