from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from api.audiences import AudienceIn, AudienceOut
from api.challenges.schemas import Title
from api.refs import PersonRef
from api.times import WallTime

Unit = Annotated[Literal["week", "month"], msgspec.Meta(examples=["week"])]
Every = Annotated[int, msgspec.Meta(ge=1, le=52, examples=[2], description="Each so many weeks or months.")]
DueAfter = Annotated[
    int,
    msgspec.Meta(
        ge=1,
        le=8784,
        examples=[104],
        description="Hours of the calendar after it is posted: Monday 9:00 to Friday 17:00.",
    ),
]
SeriesState = Literal["active", "paused", "ended"]


class SeriesIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks again what a published challenge asks. Wall times are in the organization's zone.

    Without an `audience`, whom that challenge asks. `due_after_h`: due at that wall time in each person's zone.
    """

    challenge_id: UUID
    unit: Unit
    first_local: WallTime
    every: Every = 1
    until_local: WallTime | None = None
    due_after_h: DueAfter | None = None
    audience: AudienceIn | None = None
    title: Title | None = None
    id: UUID | None = None


class SeriesPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is absent stays. It counts for what is still to come.

    Another `unit` or `every` counts from the next challenge, unless `first_local` names another day.
    """

    title: Title | msgspec.UnsetType = msgspec.UNSET
    unit: Unit | msgspec.UnsetType = msgspec.UNSET
    every: Every | msgspec.UnsetType = msgspec.UNSET
    first_local: WallTime | msgspec.UnsetType = msgspec.UNSET
    until_local: WallTime | msgspec.UnsetType | None = msgspec.UNSET
    due_after_h: DueAfter | msgspec.UnsetType | None = msgspec.UNSET
    audience: AudienceIn | msgspec.UnsetType = msgspec.UNSET


class SeriesItem(msgspec.Struct, frozen=True, kw_only=True):
    """`responsible`: with whose rights it posts. `paused_because`: `responsible` where they do not reach any more."""

    id: UUID
    title: str
    challenge_id: UUID
    state: Annotated[str, msgspec.Meta(examples=["active"])]
    paused_because: Annotated[str | None, msgspec.Meta(examples=["responsible"])]
    unit: str
    every: int
    first_local: WallTime
    until_local: WallTime | None
    due_after_h: int | None
    next_at: datetime | None
    posted: int
    responsible: PersonRef
    created_by: UUID
    created_at: datetime
    version: int


class SeriesOut(SeriesItem, frozen=True, kw_only=True):
    """`upcoming`: when the next three are posted, as things are."""

    time_zone: str
    upcoming: list[datetime]
    audience: AudienceOut


class OccurrenceOut(msgspec.Struct, frozen=True):
    """A challenge the series has posted; `at` is when it was to be."""

    number: int
    at: datetime
    challenge_id: UUID
    state: Annotated[str, msgspec.Meta(examples=["published"])]
