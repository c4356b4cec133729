from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from api.accounts.schemas import TimeZone

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["Acme"])]
Promise = Annotated[
    int,
    msgspec.Meta(ge=1, le=2160, examples=[72], description="Hours from a take handed in to its published critique."),
]
Escalation = Annotated[
    int,
    msgspec.Meta(ge=0, le=2160, examples=[48], description="Hours past it until somebody else hears; 0: never."),
]
Reminder = Annotated[
    int, msgspec.Meta(ge=0, le=336, examples=[24], description="Hours before it is due a person is reminded; 0: never.")
]


class OrgOut(msgspec.Struct, frozen=True):
    """`blind_reviews`: a reviewer sees no other manager's critique of a take before having published their own."""

    id: UUID
    slug: str
    name: str
    time_zone: str
    require_strength: bool
    require_next_step: bool
    blind_reviews: bool
    feedback_promise_h: Promise
    escalate_after_h: Escalation
    remind_before_h: Reminder
    created_at: datetime
    version: int


class OrgPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is absent stays. What is required holds for critiques that are published from now on."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    time_zone: TimeZone | msgspec.UnsetType = msgspec.UNSET
    require_strength: bool | msgspec.UnsetType = msgspec.UNSET
    require_next_step: bool | msgspec.UnsetType = msgspec.UNSET
    blind_reviews: bool | msgspec.UnsetType = msgspec.UNSET
    feedback_promise_h: Promise | msgspec.UnsetType = msgspec.UNSET
    escalate_after_h: Escalation | msgspec.UnsetType = msgspec.UNSET
    remind_before_h: Reminder | msgspec.UnsetType = msgspec.UNSET
