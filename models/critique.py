"""Critiques, scores, moments, next steps: a reviewer's judgement, and what becomes of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Stateful, Tenant, belongs_to, moves, now, one_of

PERSPECTIVES = ("manager", "peer", "self")
TONES = ("strength", "growth", "question")
OUTCOMES = ("done", "partly", "not_yet")


class Critique(Stateful):
    """`value` is the weighted mean of its scores, 0 to 1, set when it is published."""

    __tablename__ = "critique"
    MOVES = moves(draft="published discarded", published="superseded", superseded="", discarded="")

    take_id: Mapped[UUID]
    reviewer_id: Mapped[UUID]
    perspective: Mapped[str]
    rubric_version_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(default="draft")
    summary: Mapped[str] = mapped_column(default="")
    strengths: Mapped[str] = mapped_column(default="")
    decision: Mapped[str | None]
    value: Mapped[float | None]
    supersedes_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    published_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    reply: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        belongs_to("take_id", "take"),
        belongs_to("reviewer_id", "person"),
        belongs_to("rubric_version_id", "rubric_version"),
        belongs_to("supersedes_id", "critique"),
        one_of("perspective", PERSPECTIVES),
        one_of("state", MOVES),
        CheckConstraint("decision IN ('pass', 'retake')", name="decision"),
        CheckConstraint("(published_at IS NULL) = (state IN ('draft', 'discarded'))", name="published_at"),
        Index(
            "uq_critique_draft",
            "org_id",
            "take_id",
            "reviewer_id",
            unique=True,
            postgresql_where=text("state = 'draft'"),
        ),
        Index("ix_critique_take", "org_id", "take_id", "state"),
        Index("ix_critique_reviewer", "org_id", "reviewer_id", "state"),
    )


class Score(Tenant):
    __tablename__ = "score"

    critique_id: Mapped[UUID]
    criterion_id: Mapped[UUID]
    level_id: Mapped[UUID | None]
    not_applicable: Mapped[bool] = mapped_column(default=False)
    comment: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        belongs_to("critique_id", "critique", cascade=True),
        belongs_to("criterion_id", "criterion"),
        belongs_to("level_id", "level"),
        CheckConstraint("(level_id IS NULL) = not_applicable", name="scored"),
        Index("uq_score_criterion", "org_id", "critique_id", "criterion_id", unique=True),
    )


class NextStep(Tenant):
    """A commitment of the person. `position` is its place in its critique; `outcome` what a later critique found."""

    __tablename__ = "next_step"

    critique_id: Mapped[UUID]
    position: Mapped[int]
    person_id: Mapped[UUID]
    skill_id: Mapped[UUID]
    text: Mapped[str]
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    published_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]  # its critique was superseded
    outcome: Mapped[str | None]
    outcome_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("critique_id", "critique", cascade=True),
        belongs_to("person_id", "person"),
        belongs_to("skill_id", "skill"),
        one_of("outcome", OUTCOMES),
        Index("ix_next_step_person", "org_id", "person_id", "skill_id"),
        Index("ix_next_step_critique", "org_id", "critique_id"),
    )


class FollowUp(Tenant):
    """What a critique says of an earlier next step."""

    __tablename__ = "follow_up"

    critique_id: Mapped[UUID]
    next_step_id: Mapped[UUID]
    outcome: Mapped[str]
    comment: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        belongs_to("critique_id", "critique", cascade=True),
        belongs_to("next_step_id", "next_step"),
        one_of("outcome", OUTCOMES),
        Index("uq_follow_up", "org_id", "critique_id", "next_step_id", unique=True),
    )


class Moment(Tenant):
    """A remark at a time range of a response. With a critique it appears when that is published."""

    __tablename__ = "moment"

    take_id: Mapped[UUID]
    prompt_id: Mapped[UUID]
    critique_id: Mapped[UUID | None]
    author_id: Mapped[UUID]
    start_ms: Mapped[int]
    end_ms: Mapped[int | None]
    body: Mapped[str]
    tone: Mapped[str]
    criterion_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        belongs_to("take_id", "take"),
        belongs_to("prompt_id", "prompt"),
        belongs_to("critique_id", "critique", cascade=True),
        belongs_to("author_id", "person"),
        belongs_to("criterion_id", "criterion"),
        one_of("tone", TONES),
        CheckConstraint("start_ms >= 0 AND (end_ms IS NULL OR end_ms > start_ms)", name="range"),
        Index("ix_moment_take", "org_id", "take_id", "prompt_id", "start_ms"),
    )
