from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from api.audiences import AudienceIn, AudienceOut
from api.times import Instant, WallTime
from media.asked import TOLERANCE_MS
from models.challenge import Challenge
from models.timed import GRACE_MS

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
DurationMs = Annotated[
    int,
    msgspec.Meta(
        ge=1000,
        le=3_600_000,
        examples=[120_000],
        description=(
            f"How long an answer may be. Up to {TOLERANCE_MS} ms more are let pass, early and late: recorders stop a "
            "little after their time."
        ),
    ),
]
MaxTakes = Annotated[int, msgspec.Meta(ge=1, le=1000, examples=[5], description="How many takes may be submitted.")]
Notes = Annotated[
    str, msgspec.Meta(max_length=10_000, examples=["Name their cost first."], description="For the teleprompter.")
]
PreparationMs = Annotated[
    int, msgspec.Meta(ge=0, le=3_600_000, examples=[30_000], description="To think, before the recording begins.")
]
WindowMs = Annotated[int, msgspec.Meta(ge=10_000, le=86_400_000, examples=[600_000])]
Practice = Annotated[
    Literal["allowed", "none"],
    msgspec.Meta(description="Practice takes are seen by nobody but the person. Absent: allowed; none where timed."),
]
Late = Annotated[
    Literal["accepted", "refused"],
    msgspec.Meta(description="Refused: after its due time nothing is handed in; what was recorded stays."),
]
Answer = Annotated[str, msgspec.Meta(max_length=10_000, examples=["Compared with what does it seem expensive?"])]
FileTitle = Annotated[str, msgspec.Meta(max_length=200, examples=["Price list, spring"])]
Opening = Annotated[datetime, msgspec.Meta(tz=True, examples=["2027-02-22T08:00:00Z"])]
PassMark = Annotated[float, msgspec.Meta(ge=0, le=1, examples=[0.6], description="Of a critique's value, 0 to 1.")]


class PromptIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text, a video of the author's own (an asset of purpose `prompt`), or both.

    `preparation_ms` come before a recording of at most `max_duration_ms`. `audio_allowed`: a voice alone will do too.
    """

    text: PromptText = ""
    asset_id: UUID | None = None
    max_duration_ms: DurationMs | None = None
    audio_allowed: bool = False
    preparation_ms: PreparationMs | None = None
    notes: Notes = ""


class ModelAnswerIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A video of the author's own (an asset of purpose `model_answer`), a text, or both."""

    asset_id: UUID | None = None
    text: Answer = ""


class AttachmentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file or a recording of the author's own: an asset of purpose `attachment`. Without a title it has its name."""

    asset_id: UUID
    title: FileTitle = ""


class TimedIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One take, whose clock begins when it is started; its prompts are shown from then on.

    `window_ms`: how long it has. Without it, what its prompts take: their videos, preparation and recording limits.
    """

    window_ms: WindowMs | None = None


Attachments = Annotated[list[AttachmentIn], msgspec.Meta(max_length=20)]
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
    practice: Practice | None = None
    late: Late = "accepted"
    timed: TimedIn | None = None
    model_answer: ModelAnswerIn | None = None
    attachments: Attachments = msgspec.field(default_factory=list)
    id: UUID | None = None


class ChallengePatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is absent stays.

    Once published, these can still change: the audience, the dates, `late`, `model_answer` and `attachments`.
    """

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
    practice: Practice | msgspec.UnsetType = msgspec.UNSET
    late: Late | msgspec.UnsetType = msgspec.UNSET
    timed: TimedIn | msgspec.UnsetType | None = msgspec.UNSET
    model_answer: ModelAnswerIn | msgspec.UnsetType | None = msgspec.UNSET
    attachments: Attachments | msgspec.UnsetType = msgspec.UNSET


class PromptOut(msgspec.Struct, frozen=True):
    """`hidden`: of a timed challenge, what is asked is shown when the take is started."""

    id: UUID
    position: int
    text: str
    asset_id: UUID | None
    max_duration_ms: int | None
    audio_allowed: bool
    preparation_ms: int | None
    notes: str
    hidden: bool


class ModelAnswerOut(msgspec.Struct, frozen=True):
    """`hidden`: there is one, which is shown once a take of one's own has been handed in, and has arrived."""

    asset_id: UUID | None
    text: str
    hidden: bool


class AttachmentOut(msgspec.Struct, frozen=True):
    """`GET /v1/assets/{asset_id}` gives the file's URL, or where a recording plays."""

    asset_id: UUID
    title: str
    filename: str
    content_type: Annotated[str, msgspec.Meta(examples=["application/pdf"])]
    size_bytes: int | None
    state: Annotated[str, msgspec.Meta(examples=["ready"])]


class TimedOut(msgspec.Struct, frozen=True):
    """`grace_ms` after the window, videos may still be announced, for bad networks, and bytes may come later still."""

    window_ms: int | None
    grace_ms: Annotated[int, msgspec.Meta(examples=[120_000])]


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
    practice: Annotated[str, msgspec.Meta(examples=["allowed"])]
    late: Annotated[str, msgspec.Meta(examples=["accepted"])]
    timed: TimedOut | None
    counts: dict[str, int] | None


class ChallengeOut(ChallengeItem, frozen=True, kw_only=True):
    """`audience` is shown to those who author."""

    rubric: PinnedRubric
    prompts: list[PromptOut]
    model_answer: ModelAnswerOut | None
    attachments: list[AttachmentOut]
    audience: AudienceOut | None


def common(challenge: Challenge, counts: dict[str, int] | None) -> dict[str, Any]:
    """Return the fields that a challenge has in a list and alone."""
    names = set(ChallengeItem.__struct_fields__) - {"due_local", "counts", "practice", "late", "timed"}
    fields = {name: getattr(challenge, name) for name in names}
    return {
        **fields,
        "due_local": challenge.due_local.isoformat(timespec="seconds") if challenge.due_local else None,
        "practice": "allowed" if challenge.practice_allowed else "none",
        "late": "accepted" if challenge.late_accepted else "refused",
        "timed": TimedOut(challenge.window_ms, GRACE_MS) if challenge.timed else None,
        "counts": counts,
    }
