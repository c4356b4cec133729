"""Takes: attempts at an assignment, with one response a prompt."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Stateful, Tenant, belongs_to, moves, now, one_of


class Take(Stateful):
    """`team_id`, `person_id` and `challenge_id` repeat the assignment's, so that lists need one index each."""

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

    __table_args__ = (
        belongs_to("assignment_id", "assignment"),
        belongs_to("challenge_id", "challenge"),
        belongs_to("person_id", "person"),
        belongs_to("team_id", "team"),
        one_of("state", MOVES),
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
    )


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
