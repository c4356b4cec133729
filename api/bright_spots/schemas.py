from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from api.assets.schemas import AssetOut
from api.audiences import AudienceIn, AudienceOut
from api.refs import PersonRef, SkillRef
from api.times import Instant

MIN_SEGMENT_MS = 1_000
MAX_SEGMENT_MS = 5 * 60_000
MAX_POSITION_MS = 24 * 3_600_000

Title = Annotated[
    str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["Opens with the buyer's problem"])
]
Why = Annotated[str, msgspec.Meta(max_length=4000, examples=["It names two lost days a month before it names us."])]
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"\S", examples=["opening"])]
Tags = Annotated[list[Tag], msgspec.Meta(max_length=20)]
SkillIds = Annotated[list[UUID], msgspec.Meta(max_length=20)]
Position = Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION_MS, examples=[2500])]


class SegmentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range of one response, of 1 second to 5 minutes."""

    take_id: UUID
    prompt_id: UUID
    start_ms: Position
    end_ms: Annotated[int, msgspec.Meta(ge=MIN_SEGMENT_MS, le=MAX_POSITION_MS, examples=[8900])]


Segments = Annotated[list[SegmentIn], msgspec.Meta(min_length=1, max_length=8)]


class BrightSpotIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    segments: Segments
    title: Title
    audience: AudienceIn
    why_it_works: Why = ""
    tags: Tags = msgspec.field(default_factory=list)
    skill_ids: SkillIds = msgspec.field(default_factory=list)
    id: UUID | None = None


class BrightSpotPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Other segments or a wider audience begin a new cut, to which everyone shown has to agree again."""

    segments: Segments | UnsetType = UNSET
    title: Title | UnsetType = UNSET
    audience: AudienceIn | UnsetType = UNSET
    why_it_works: Why | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    skill_ids: SkillIds | UnsetType = UNSET


class ConsentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`cut` is the one that was looked at; with it, nobody agrees by accident to another that came in between."""

    granted: bool
    until: Instant | None = None
    cut: Annotated[int, msgspec.Meta(ge=1, le=1_000_000, examples=[1])] | None = None


class SegmentOut(msgspec.Struct, frozen=True):
    take_id: UUID
    prompt_id: UUID
    person: PersonRef
    start_ms: int
    end_ms: int


class ConsentOut(msgspec.Struct, frozen=True):
    """What a person shown says to the present cut; `granted` is null while there is no answer, or none any more."""

    person: PersonRef
    granted: bool | None
    until: datetime | None
    answered_at: datetime | None


class BrightSpotOut(msgspec.Struct, frozen=True):
    """`audience` and `consents` are for its maker, the people shown and enablement; null for others.

    `clip` is null when it has been erased. `version` is what the ETag holds.
    """

    id: UUID
    state: str
    kind: str
    title: str
    why_it_works: str
    tags: list[str]
    skills: list[SkillRef]
    maker: PersonRef
    segments: list[SegmentOut]
    clip: AssetOut | None
    cut: int
    audience: AudienceOut | None
    consents: list[ConsentOut] | None
    version: int
    created_at: datetime
    published_at: datetime | None
