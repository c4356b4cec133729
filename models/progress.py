"""Observations: what a published critique says of a person's skill, dated by the take's submission."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped

from models.base import Tenant, belongs_to, one_of
from models.critique import PERSPECTIVES


class SkillObservation(Tenant):
    """`value` is 0 to 1; `step` the distance between neighbouring levels on that scale, for the variance floor."""

    __tablename__ = "skill_observation"

    person_id: Mapped[UUID]
    skill_id: Mapped[UUID]
    team_id: Mapped[UUID | None]
    take_id: Mapped[UUID]
    critique_id: Mapped[UUID]
    reviewer_id: Mapped[UUID]
    rubric_version_id: Mapped[UUID]
    perspective: Mapped[str]
    value: Mapped[float]
    step: Mapped[float]
    observed_at: Mapped[datetime]
    published_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]

    __table_args__ = (
        belongs_to("person_id", "person"),
        belongs_to("skill_id", "skill"),
        belongs_to("team_id", "team"),
        belongs_to("take_id", "take"),
        belongs_to("critique_id", "critique"),
        belongs_to("reviewer_id", "person"),
        belongs_to("rubric_version_id", "rubric_version"),
        one_of("perspective", PERSPECTIVES),
        CheckConstraint("value BETWEEN 0 AND 1", name="value"),
        Index("uq_skill_observation", "org_id", "critique_id", "skill_id", unique=True),
        Index(
            "ix_skill_observation_person",
            "org_id",
            "person_id",
            "skill_id",
            "observed_at",
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index("ix_skill_observation_past", "org_id", "person_id", "published_at"),
    )
