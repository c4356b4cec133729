"""Takes: attempts at an assignment, with one response a prompt."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ColumnElement, Index, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import WORK, Concerns, Stateful, Tenant, belongs_to, moves, now, one_of


class Take(Stateful):
    """`team_id`, `person_id` and `challenge_id` repeat the assignment's, so that lists need one index each.

    Of a timed one: to be recorded until `ends_at`, its videos announced until `closes_at`; `lapsed_at` is when that
    was noted.

    Feedback is promised for `promised_at`; that it was near was told at `promise_near_at`, that it was long past at
    `escalated_at`. `reviewer_ids` are those who were named to review it, `claimed_by` says until `claimed_until` that
    they are about to.
    """

    __tablename__ = "take"
    MOVES = moves(
        draft="submitting submitted discarded",
        submitting="submitted needs_replacement withdrawn",
        submitted="reviewed needs_replacement withdrawn",
        needs_replacement="submitting submitted withdrawn",
        reviewed="",
        withdrawn="",
        discarded="",
    )

    assignment_id: Mapped[UUID]
    challenge_id: Mapped[UUID]
    person_id: Mapped[UUID]
    team_id: Mapped[UUID | None]
    number: Mapped[int]
    practice: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="draft")
    note: Mapped[str] = mapped_column(default="")
    confidence: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    submitted_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]  # first opened by a reviewer; from then on it cannot be withdrawn
    reviewed_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    lapsed_at: Mapped[datetime | None]
    promised_at: Mapped[datetime | None]
    promise_near_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    reviewer_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list, server_default="{}")
    claimed_by: Mapped[UUID | None]
    claimed_until: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("assignment_id", "assignment"),
        belongs_to("challenge_id", "challenge"),
        belongs_to("person_id", "person"),
        belongs_to("team_id", "team"),
        belongs_to("claimed_by", "person"),
        one_of("state", MOVES),
        CheckConstraint("(claimed_by IS NULL) = (claimed_until IS NULL)", name="claimed"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint("NOT practice OR state IN ('draft', 'discarded')", name="practice"),
        CheckConstraint("submitted_at IS NOT NULL OR state IN ('draft', 'discarded')", name="submitted_at"),
        Index("uq_take_number", "org_id", "assignment_id", "practice", "number", unique=True),
        Index(
            "uq_take_draft",
            "org_id",
            "assignment_id",
            "practice",
            unique=True,
            postgresql_where=text("state = 'draft'"),
        ),
        Index("ix_take_person", "org_id", "person_id", "submitted_at"),
        Index(
            "ix_take_review",
            "org_id",
            "team_id",
            "submitted_at",
            postgresql_where=text("state = 'submitted'"),
        ),
        # The queue of who sees the whole organization's, in its order.
        Index("ix_take_waiting", "org_id", "submitted_at", "id", postgresql_where=text("state = 'submitted'")),
        # What the clock is to end, and what nobody else may ever see.
        Index(
            "ix_take_clock",
            "closes_at",
            postgresql_where=text("state = 'draft' AND closes_at IS NOT NULL AND lapsed_at IS NULL"),
        ),
        Index("ix_take_practice", "org_id", "id", postgresql_where=text("practice")),
        # A reviewer's own, wherever they are.
        Index(
            "ix_take_reviewers",
            "reviewer_ids",
            postgresql_using="gin",
            postgresql_where=text("reviewer_ids <> '{}'"),
        ),
        Index("ix_take_team", "org_id", "team_id", "submitted_at"),
        Index("ix_take_claimed", "org_id", "claimed_by", postgresql_where=text("claimed_by IS NOT NULL")),
    )

    def concerns(self) -> Concerns:
        """What was never handed in is its person's alone; of a withdrawn one, who saw it learns that it is gone."""
        if self.practice or self.state in {"draft", "discarded"}:
            return Concerns(self.person_id)
        return Concerns(self.person_id, self.team_id, circle=WORK, also=tuple(self.reviewer_ids))


def waits_since(take: Any) -> ColumnElement[datetime]:
    """Return what a Take, or its columns, is queued by: its promise; without one, when it was handed in."""
    return func.coalesce(take.promised_at, take.submitted_at)


# The queues, in their order: of a team, and of who sees the whole organization's.
_WAITING = text("state = 'submitted'")
Index("ix_take_team_queue", Take.org_id, Take.team_id, waits_since(Take), Take.id, postgresql_where=_WAITING)
Index("ix_take_queue", Take.org_id, waits_since(Take), Take.id, postgresql_where=_WAITING)


class Response(Tenant):
    __tablename__ = "response"

    take_id: Mapped[UUID]
    prompt_id: Mapped[UUID]
    asset_id: Mapped[UUID]
    updated_at: Mapped[datetime] = mapped_column(default=now)
    failed_at: Mapped[datetime | None]  # after it was handed in; until it is handed in again it may be replaced

    __table_args__ = (
        belongs_to("take_id", "take"),
        belongs_to("prompt_id", "prompt"),
        belongs_to("asset_id", "asset"),
        Index("uq_response_prompt", "org_id", "take_id", "prompt_id", unique=True),
        Index("ix_response_asset", "org_id", "asset_id"),
    )
