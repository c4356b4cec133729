"""Who reviews a take in whose place: what managers lend each other, and guests who see one take."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import WORK, Concerns, Stateful, Tenant, belongs_to, moves, now, one_of
from models.take import Take


class Delegation(Tenant):
    """While it lasts, `delegate_id` sees and reviews what the teams that `person_id` manages show."""

    __tablename__ = "delegation"

    person_id: Mapped[UUID]
    delegate_id: Mapped[UUID]
    from_at: Mapped[datetime] = mapped_column(default=now)
    until_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]  # before its time

    __table_args__ = (
        belongs_to("person_id", "person"),
        belongs_to("delegate_id", "person"),
        CheckConstraint("delegate_id <> person_id", name="another"),
        CheckConstraint("until_at > from_at", name="span"),
        Index("ix_delegation_delegate", "org_id", "delegate_id", postgresql_where=text("ended_at IS NULL")),
        Index("ix_delegation_person", "org_id", "person_id"),
    )

    def concerns(self) -> Concerns:
        return Concerns(self.person_id, also=(self.delegate_id,))


class GuestReview(Stateful):
    """What somebody from outside says of one take, by a link. It never counts: there are no observations of it.

    `scores` are `{criterion_id, level_id, not_applicable, comment}` each. `person_id` and `team_id` repeat the take's.
    """

    __tablename__ = "guest_review"
    MOVES = moves(invited="published ended", published="", ended="")

    take_id: Mapped[UUID]
    person_id: Mapped[UUID]
    team_id: Mapped[UUID | None]
    invited_by: Mapped[UUID]
    rubric_version_id: Mapped[UUID]
    name: Mapped[str]
    state: Mapped[str] = mapped_column(default="invited")
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=now)
    opened_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    scores: Mapped[list[Any]] = mapped_column(default=list)
    strengths: Mapped[str] = mapped_column(default="")
    summary: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        belongs_to("take_id", "take"),
        belongs_to("person_id", "person"),
        belongs_to("team_id", "team"),
        belongs_to("invited_by", "person"),
        belongs_to("rubric_version_id", "rubric_version"),
        one_of("state", MOVES),
        CheckConstraint("(published_at IS NOT NULL) = (state = 'published')", name="published_at"),
        Index("ix_guest_review_take", "org_id", "take_id", "created_at", "id"),
        Index("ix_guest_review_inviter", "org_id", "invited_by", postgresql_where=text("state = 'invited'")),
    )


@dataclass(frozen=True, slots=True)
class ReviewOf:
    """The review of a take, as what events happen to: it has the take's id, and is the reviewers' affair."""

    __tablename__: ClassVar[str] = "review"
    take: Take

    @property
    def org_id(self) -> UUID:
        return self.take.org_id

    @property
    def id(self) -> UUID:
        return self.take.id

    def concerns(self) -> Concerns:
        return Concerns(team_id=self.take.team_id, circle=WORK, also=tuple(self.take.reviewer_ids))
