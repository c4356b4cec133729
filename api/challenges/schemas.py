from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from api.audiences import AudienceIn, AudienceOut
from api.times import Instant, WallTime
from models.challenge import Challenge

Kind = Literal[
    "positioning",
    "objection_play",
    "discovery",
    "value_story",
    "product_description",
    "anecdote",
    "role_play",
    "open",
]
State = Literal["draft", "published", "closed", "archived"]
Title = Annotated[
    str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["Open with a positioning statement"])
]
Brief = Annotated[str, msgspec.Meta(max_length=10_000, examples=["Say in a minute why a talk with us is worth it."])]
PromptText = Annotated[str, msgspec.Meta(max_length=4000, examples=["It is too expensive."])]
DurationMs = Annotated[int, msgspec.Meta(ge=1000, le=3_600_000, examples=[120_000])]
MaxTakes = Annotated[int, msgspec.Meta(ge=1, le=1000, examples=[5], description="How many takes may be submitted.")]
Opening = Annotated[datetime, msgspec.Meta(tz=True, examples=["2027-02-22T08:00:00Z"])]
PassMark = Annotated[float, msgspec.Meta(ge=0, le=1, examples=[0.6], description="Of a critique's value, 0 to 1.")]


class PromptIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text, a video of the author's own (an asset of purpose `prompt`), or both.

    `audio_allowed`: a voice alone answers it too.
    """

    text: PromptText = ""
    asset_id: UUID | None = None
    max_duration_ms: DurationMs | None = None
    audio_allowed: bool = False


Prompts = Annotated[list[PromptIn], msgspec.Meta(min_length=1, max_length=20)]


class ChallengeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`due_at` is one instant for all; `due_local` the same wall time in each person's zone. Not both."""

    title: Title
    kind: Kind
    rubric_id: UUID
    prompts: Prompts
    brief: Brief = ""
    audience: AudienceIn = msgspec.field(default_factory=AudienceIn)
    max_takes: MaxTakes | None = None
    pass_mark: PassMark | None = None
    opens_at: Opening | None = None
    due_at: Instant | None = None
    due_local: WallTime | None = None
    id: UUID | None = None


class ChallengePatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is absent stays. Once published, the audience and the dates can still change; nothing else."""

    title: Title | msgspec.UnsetType = msgspec.UNSET
    kind: Kind | msgspec.UnsetType = msgspec.UNSET
    rubric_id: UUID | msgspec.UnsetType = msgspec.UNSET
    prompts: Prompts | msgspec.UnsetType = msgspec.UNSET
    brief: Brief | msgspec.UnsetType = msgspec.UNSET
    audience: AudienceIn | msgspec.UnsetType = msgspec.UNSET
    max_takes: MaxTakes | msgspec.UnsetType | None = msgspec.UNSET
    pass_mark: PassMark | msgspec.UnsetType | None = msgspec.UNSET
    opens_at: Opening | msgspec.UnsetType | None = msgspec.UNSET
    due_at: Instant | msgspec.UnsetType | None = msgspec.UNSET
    due_local: WallTime | msgspec.UnsetType | None = msgspec.UNSET


class PromptOut(msgspec.Struct, frozen=True):
    id: UUID
    position: int
    text: str
    asset_id: UUID | None
    max_duration_ms: int | None
    audio_allowed: bool


class PinnedRubric(msgspec.Struct, frozen=True):
    """The version that publishing pinned; of a draft, the latest."""

    id: UUID
    title: str
    version: int


class ChallengeItem(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge in a list. `counts`, for those who author: the assignments they see, by state."""

    id: UUID
    title: str
    kind: str
    brief: str
    state: Annotated[str, msgspec.Meta(examples=["published"])]
    rubric_id: UUID
    rubric_version_id: UUID | None
    max_takes: int | None
    pass_mark: float | None
    opens_at: datetime | None
    due_at: datetime | None
    due_local: WallTime | None
    created_by: UUID
    created_at: datetime
    published_at: datetime | None
    version: int
    counts: dict[str, int] | None


class ChallengeOut(ChallengeItem, frozen=True, kw_only=True):
    """`audience` is shown to those who author."""

    rubric: PinnedRubric
    prompts: list[PromptOut]
    audience: AudienceOut | None


def common(challenge: Challenge, counts: dict[str, int] | None) -> dict[str, Any]:
    """Return the fields that a challenge has in a list and alone."""
    names = set(ChallengeItem.__struct_fields__) - {"due_local", "counts"}
    fields = {name: getattr(challenge, name) for name in names}
    due_local = challenge.due_local.isoformat(timespec="seconds") if challenge.due_local else None
    return {**fields, "due_local": due_local, "counts": counts}
