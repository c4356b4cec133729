"""What is asked of people, and each person's copy of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Stateful, Tenant, belongs_to, moves, now, one_of

KINDS = (
    "positioning",
    "objection_play",
    "discovery",
    "value_story",
    "product_description",
    "anecdote",
    "role_play",
    "open",
)


class Challenge(Stateful):
    """`due_local` is a wall time, the same in each person's zone; `due_at` one instant for all. Not both."""

    __tablename__ = "challenge"
    MOVES = moves(draft="published", published="closed", closed="published archived", archived="")

    title: Mapped[str]
    kind: Mapped[str]
    brief: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="draft")
    rubric_id: Mapped[UUID]
    rubric_version_id: Mapped[UUID | None]
    audience_id: Mapped[UUID]
    max_takes: Mapped[int | None]
    pass_mark: Mapped[float | None]
    opens_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    due_local: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(default=now)
    published_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        belongs_to("rubric_id", "rubric"),
        belongs_to("rubric_version_id", "rubric_version"),
        belongs_to("audience_id", "audience"),
        belongs_to("created_by", "person"),
        one_of("kind", KINDS),
        one_of("state", MOVES),
        CheckConstraint("due_at IS NULL OR due_local IS NULL", name="one_due"),
        CheckConstraint("max_takes > 0", name="max_takes"),
        CheckConstraint("pass_mark BETWEEN 0 AND 1", name="pass_mark"),
        CheckConstraint("state = 'draft' OR rubric_version_id IS NOT NULL", name="pinned"),
        Index("ix_challenge_state", "org_id", "state", "id"),
        Index("ix_challenge_creator", "org_id", "created_by"),
    )


class Prompt(Tenant):
    __tablename__ = "prompt"

    challenge_id: Mapped[UUID]
    position: Mapped[int]
    text: Mapped[str] = mapped_column(default="")
    asset_id: Mapped[UUID | None]
    max_duration_ms: Mapped[int | None]
    audio_allowed: Mapped[bool] = mapped_column(default=False, server_default=false())  # a voice alone will do

    __table_args__ = (
        belongs_to("challenge_id", "challenge"),
        belongs_to("asset_id", "asset"),
        CheckConstraint("max_duration_ms > 0", name="max_duration_ms"),
        Index("uq_prompt_position", "org_id", "challenge_id", "position", unique=True),
    )


class Assignment(Stateful):
    """One person's copy of a challenge. It keeps the team it was made in."""

    __tablename__ = "assignment"
    MOVES = moves(
        scheduled="open excused closed",
        open="in_progress submitted excused closed scheduled",
        in_progress="open submitted retake done excused closed",
        submitted="in_progress open retake done excused closed",
        retake="in_progress submitted done excused closed",
        done="retake excused",
        excused="scheduled open in_progress submitted retake done closed",
        closed="scheduled open in_progress submitted retake done excused",
    )

    challenge_id: Mapped[UUID]
    person_id: Mapped[UUID]
    team_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(default="open")
    resume_state: Mapped[str | None]  # where an excused or closed one goes back to
    opens_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    due_at_own: Mapped[bool] = mapped_column(default=False)  # set for this person, not by the challenge
    extra_takes: Mapped[int] = mapped_column(default=0)
    current_take_id: Mapped[UUID | None]
    accepted_take_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        belongs_to("challenge_id", "challenge"),
        belongs_to("person_id", "person"),
        belongs_to("team_id", "team"),
        belongs_to("current_take_id", "take", cyclic=True),
        belongs_to("accepted_take_id", "take", cyclic=True),
        one_of("state", MOVES),
        CheckConstraint("extra_takes >= 0", name="extra_takes"),
        Index("uq_assignment_person", "org_id", "challenge_id", "person_id", unique=True),
        Index("ix_assignment_inbox", "org_id", "person_id", "state", "due_at"),
        Index("ix_assignment_team", "org_id", "team_id"),
    )
