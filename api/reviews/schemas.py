from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from api.refs import ChallengeRef, PersonRef

Reviewers = Annotated[list[UUID], msgspec.Meta(max_length=20)]


class ClaimOut(msgspec.Struct, frozen=True):
    """Who is about to review it; until then nobody else claims it without taking it over."""

    person: PersonRef
    until: datetime


class ReviewOut(msgspec.Struct, frozen=True):
    """A take that waits for a review. `duration_ms` of all its responses, null while it is not known.

    `waiting_s` since it was handed in; `promised_at` is when feedback is promised for, null where the organization
    promises none, and `overdue_s` how long ago that was. `named`: the caller was named to review it. `on_behalf_of`: a
    manager of its team who is away, in whose place the caller sees it.
    """

    take_id: UUID
    person: PersonRef
    challenge: ChallengeRef
    submitted_at: datetime
    waiting_s: int
    my_draft_id: UUID | None
    playable: bool
    duration_ms: int | None
    promised_at: datetime | None
    overdue_s: int
    escalated_at: datetime | None
    claimed: ClaimOut | None
    named: bool
    on_behalf_of: PersonRef | None


class WaitingOut(msgspec.Struct, frozen=True):
    """All that waits in the caller's queue. `video_ms` of the responses whose length is known."""

    takes: int
    video_ms: int
    overdue: int
    oldest_submitted_at: datetime | None


class TakeReviewOut(msgspec.Struct, frozen=True):
    """Who reviews a take, and by when. Without `reviewers` all who see its team's work may."""

    take_id: UUID
    state: Annotated[str, msgspec.Meta(examples=["submitted"])]
    submitted_at: datetime | None
    promised_at: datetime | None
    overdue_s: int
    escalated_at: datetime | None
    claimed: ClaimOut | None
    reviewers: list[PersonRef]


class ClaimIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`take_over`: also when somebody else has claimed it; they are told."""

    take_over: bool = False


class ReviewersIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole list; empty: all who see the team's work."""

    person_ids: Reviewers


class ReviewersOut(msgspec.Struct, frozen=True):
    items: list[PersonRef]


class HandOverIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    to: UUID
