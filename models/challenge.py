"""What is asked of people, and each person's copy of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, DateTime, Index, Uuid, false, true
from sqlalchemy.orm import Mapped, mapped_column

from models.base import WORK, Concerns, Stateful, Tenant, belongs_to, moves, now, one_of

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
    """`due_local` is a wall time, the same in each person's zone; `due_at` one instant for all. Not both.

    `reviewer_ids` are named to review the takes that are handed in.

    `timed`: there is one take, whose clock begins when it is started and its prompts are shown (`models.timed`).
    """

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
    practice_allowed: Mapped[bool] = mapped_column(default=True, server_default=true())
    late_accepted: Mapped[bool] = mapped_column(default=True, server_default=true())
    timed: Mapped[bool] = mapped_column(default=False, server_default=false())
    window_ms: Mapped[int | None]  # of a timed one; empty: what its prompts take together
    reviewer_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list, server_default="{}")

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

    def concerns(self) -> Concerns:
        """A draft is its author's alone."""
        if self.state == "draft":
            return Concerns(self.created_by)
        return Concerns(self.created_by, audience_id=self.audience_id, circle=WORK)


class Prompt(Tenant):
    """`notes` are for the teleprompter. Before the recording, `max_duration_ms` long, come `preparation_ms`."""

    __tablename__ = "prompt"

    challenge_id: Mapped[UUID]
    position: Mapped[int]
    text: Mapped[str] = mapped_column(default="")
    asset_id: Mapped[UUID | None]
    max_duration_ms: Mapped[int | None]
    audio_allowed: Mapped[bool] = mapped_column(default=False, server_default=false())  # a voice alone will do
    preparation_ms: Mapped[int | None]
    notes: Mapped[str] = mapped_column(default="", server_default="")

    __table_args__ = (
        belongs_to("challenge_id", "challenge"),
        belongs_to("asset_id", "asset"),
        CheckConstraint("max_duration_ms > 0", name="max_duration_ms"),
        Index("uq_prompt_position", "org_id", "challenge_id", "position", unique=True),
        Index("ix_prompt_asset", "org_id", "asset_id"),
    )


class ModelAnswer(Tenant):
    """How one could have answered, shown to a person once a take of their own is handed in (`api.policy`)."""

    __tablename__ = "model_answer"

    challenge_id: Mapped[UUID]
    asset_id: Mapped[UUID | None]
    text: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        belongs_to("challenge_id", "challenge"),
        belongs_to("asset_id", "asset"),
        CheckConstraint("asset_id IS NOT NULL OR text <> ''", name="something"),
        Index("uq_model_answer_challenge", "org_id", "challenge_id", unique=True),
        Index("ix_model_answer_asset", "org_id", "asset_id"),
    )


class Attachment(Tenant):
    """A file or a recording that comes with a challenge."""

    __tablename__ = "attachment"

    challenge_id: Mapped[UUID]
    position: Mapped[int]
    asset_id: Mapped[UUID]
    title: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        belongs_to("challenge_id", "challenge"),
        belongs_to("asset_id", "asset"),
        Index("uq_attachment_position", "org_id", "challenge_id", "position", unique=True),
        Index("ix_attachment_asset", "org_id", "asset_id"),
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
    reminded_at: Mapped[datetime | None]  # last, by a person
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

    def concerns(self) -> Concerns:
        return Concerns(self.person_id, self.team_id, circle=WORK)
