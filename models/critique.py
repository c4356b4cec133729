"""Critiques, scores, moments, next steps: a reviewer's judgement, and what becomes of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, false
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from models.base import WORK, Concerns, Stateful, Tenant, belongs_to, moves, now, one_of

PERSPECTIVES = ("manager", "peer", "self")
TONES = ("strength", "growth", "question")
OUTCOMES = ("done", "partly", "not_yet")


class Critique(Stateful):
    """`value` is the weighted mean of its scores, 0 to 1, set when it is published.

    `person_id` and `team_id` repeat the take's; only what the first release wrote may lack them, until a sweep.
    """

    __tablename__ = "critique"
    MOVES = moves(draft="published discarded", published="superseded", superseded="", discarded="draft")

    take_id: Mapped[UUID]
    person_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
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
    reply_asset_id: Mapped[UUID | None]  # what its writer says in a video
    disagreed_at: Mapped[datetime | None]
    disagreement: Mapped[str | None]  # why the person sees it otherwise
    disagreement_answered_at: Mapped[datetime | None]  # by a remark of somebody else, or by superseding
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        belongs_to("take_id", "take"),
        belongs_to("person_id", "person"),
        belongs_to("team_id", "team"),
        belongs_to("reviewer_id", "person"),
        belongs_to("rubric_version_id", "rubric_version"),
        belongs_to("supersedes_id", "critique"),
        belongs_to("reply_asset_id", "asset"),
        one_of("perspective", PERSPECTIVES),
        one_of("state", MOVES),
        CheckConstraint("decision IN ('pass', 'retake')", name="decision"),
        CheckConstraint("(published_at IS NULL) = (state IN ('draft', 'discarded'))", name="published_at"),
        CheckConstraint("(disagreed_at IS NULL) = (disagreement IS NULL)", name="disagreement"),
        Index(
            "uq_critique_draft",
            "org_id",
            "take_id",
            "reviewer_id",
            unique=True,
            postgresql_where=sql("state = 'draft'"),
        ),
        Index("ix_critique_take", "org_id", "take_id", "state"),
        Index("ix_critique_reviewer", "org_id", "reviewer_id", "state"),
        Index(
            "ix_critique_reply_asset",
            "org_id",
            "reply_asset_id",
            postgresql_where=sql("reply_asset_id IS NOT NULL"),
        ),
        Index(
            "ix_critique_supersedes",
            "org_id",
            "supersedes_id",
            postgresql_where=sql("supersedes_id IS NOT NULL"),
        ),
    )

    def concerns(self) -> Concerns:
        """A draft is its writer's alone."""
        if self.state in {"draft", "discarded"}:
            return Concerns(self.reviewer_id)
        return Concerns(self.person_id, self.team_id, circle=WORK, also=(self.reviewer_id,))


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
    """A commitment of the person. `position` is its place in its critique; `outcome` what a later critique found.

    What the person says of it stands beside that, and is not mixed in.
    """

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
    reported_outcome: Mapped[str | None]
    reported_at: Mapped[datetime | None]
    report_note: Mapped[str] = mapped_column(default="", server_default="")
    due_told_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("critique_id", "critique", cascade=True),
        belongs_to("person_id", "person"),
        belongs_to("skill_id", "skill"),
        one_of("outcome", OUTCOMES),
        Index("ix_next_step_person", "org_id", "person_id", "skill_id"),
        Index("ix_next_step_critique", "org_id", "critique_id"),
        Index("ix_next_step_due", "due_at", postgresql_where=sql("due_told_at IS NULL AND published_at IS NOT NULL")),
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
    """A remark at a time range of a response. With a critique it appears when that is published.

    `thread_id` is the moment that the replies are kept under: of a copy, which a critique takes along when it
    supersedes another, the first one's; empty where it is its own.
    """

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
    thread_id: Mapped[UUID | None]
    market_signal: Mapped[bool] = mapped_column(default=False, server_default=false())
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        belongs_to("take_id", "take"),
        belongs_to("prompt_id", "prompt"),
        belongs_to("critique_id", "critique", cascade=True),
        belongs_to("author_id", "person"),
        belongs_to("criterion_id", "criterion"),
        belongs_to("thread_id", "moment"),
        belongs_to("resolved_by", "person"),
        one_of("tone", TONES),
        CheckConstraint("start_ms >= 0 AND (end_ms IS NULL OR end_ms > start_ms)", name="range"),
        CheckConstraint("(resolved_at IS NULL) = (resolved_by IS NULL)", name="resolved"),
        Index("ix_moment_take", "org_id", "take_id", "prompt_id", "start_ms"),
        Index("ix_moment_critique", "org_id", "critique_id", postgresql_where=sql("critique_id IS NOT NULL")),
        Index("ix_moment_signal", "org_id", "created_at", "id", postgresql_where=sql("market_signal")),
    )

    @property
    def thread(self) -> UUID:
        """The moment that the replies are kept under."""
        return self.thread_id or self.id
