from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from api.progress.next_steps import NextStepOut
from api.refs import PersonRef
from api.times import Instant

State = Literal["scheduled", "open", "in_progress", "submitted", "retake", "done", "excused", "closed"]


class AssignmentPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is absent stays. `due_at: null` goes back to the challenge's due time."""

    due_at: Instant | msgspec.UnsetType | None = msgspec.UNSET
    excused: bool | msgspec.UnsetType = msgspec.UNSET


class PeopleIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    person_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=100)]


class AssignedChallenge(msgspec.Struct, frozen=True):
    """Enough of a challenge to start a take."""

    id: UUID
    title: str
    kind: str
    brief: str
    prompt_count: int


class AssignmentOut(msgspec.Struct, frozen=True):
    """One person's copy of a challenge.

    `overdue`: its due time has passed, and there is something to be done. `late`: the current take was handed in after
    it was due. `takes_left` is null where there is no limit. `due_at_own`: the due time was set for this person.
    """

    id: UUID
    challenge: AssignedChallenge
    person: PersonRef
    team_id: UUID | None
    state: Annotated[str, msgspec.Meta(examples=["in_progress"])]
    opens_at: datetime | None
    due_at: datetime | None
    due_at_own: bool
    overdue: bool
    late: bool
    takes_left: int | None
    current_take_id: UUID | None
    accepted_take_id: UUID | None
    created_at: datetime
    version: int


class AssignmentDetail(AssignmentOut, frozen=True):
    """`next_steps`: the person's open ones from last time, on the skills this challenge practises."""

    next_steps: list[NextStepOut]
