from datetime import datetime
from typing import Annotated, Literal

import msgspec

from api.progress.next_steps import NextStepOut
from api.refs import PersonRef

Outcome = Literal["done", "partly", "not_yet"]
Note = Annotated[str, msgspec.Meta(max_length=4000, examples=["I opened three calls with it this week."])]


class ReportIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the person says of it; what a reviewer finds stands beside it."""

    outcome: Outcome
    note: Note = ""


class ReportOut(msgspec.Struct, frozen=True):
    outcome: Annotated[str, msgspec.Meta(examples=["partly"])]
    note: str
    at: datetime


class TrackedStep(NextStepOut, frozen=True, kw_only=True):
    """`age_days` since it was published, until it was found done. `times_asked`: published critiques that asked."""

    reviewer: PersonRef
    open: bool
    overdue: bool
    age_days: Annotated[float, msgspec.Meta(examples=[12.5])]
    times_asked: int
    report: ReportOut | None


class ShareOut(msgspec.Struct, frozen=True):
    """A share, 0 to 1, with its 95 % interval."""

    value: float
    low: float
    high: float


class FollowThroughSide(msgspec.Struct, frozen=True):
    """`done_share` is of the steps that were asked about; null while none was. Days of 24 hours."""

    given: int
    asked: int
    done: int
    partly: int
    not_yet: int
    done_share: ShareOut | None
    median_days_to_done: float | None
    oldest_open_days: float | None


class FollowThroughOut(msgspec.Struct, frozen=True):
    """`as_rep`: steps the person was given. `as_reviewer`: steps they gave in their critiques of others."""

    person: PersonRef
    since: datetime
    as_rep: FollowThroughSide
    as_reviewer: FollowThroughSide
