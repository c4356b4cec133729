"""Rubrics and their immutable versions: criteria with levels, each an anchor one can see."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import EVERYONE, Concerns, Tenant, belongs_to, now, of_org


class Rubric(Tenant):
    __tablename__ = "rubric"

    title: Mapped[str]
    latest_version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (of_org(),)

    def concerns(self) -> Concerns:
        return Concerns(circle=EVERYONE)


class RubricVersion(Tenant):
    __tablename__ = "rubric_version"

    rubric_id: Mapped[UUID]
    version: Mapped[int]
    note: Mapped[str] = mapped_column(default="")
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("rubric_id", "rubric"),
        Index("uq_rubric_version", "org_id", "rubric_id", "version", unique=True),
    )

    def concerns(self) -> Concerns:
        return Concerns(circle=EVERYONE)


class Criterion(Tenant):
    __tablename__ = "criterion"

    rubric_version_id: Mapped[UUID]
    position: Mapped[int]
    key: Mapped[str]
    skill_id: Mapped[UUID]
    title: Mapped[str]
    weight: Mapped[float]
    required: Mapped[bool] = mapped_column(default=True)
    must_pass: Mapped[bool] = mapped_column(default=False)
    allow_na: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (
        belongs_to("rubric_version_id", "rubric_version"),
        belongs_to("skill_id", "skill"),
        CheckConstraint("weight > 0", name="weight"),
        Index("uq_criterion_key", "org_id", "rubric_version_id", "key", unique=True),
        Index("ix_criterion_skill", "org_id", "skill_id"),
    )


class Level(Tenant):
    __tablename__ = "level"

    criterion_id: Mapped[UUID]
    position: Mapped[int]
    points: Mapped[float]
    label: Mapped[str]
    anchor: Mapped[str]

    __table_args__ = (
        belongs_to("criterion_id", "criterion"),
        Index("uq_level_position", "org_id", "criterion_id", "position", unique=True),
    )


class LevelExample(Tenant):
    """A bright spot in which one sees what a level's anchor says. It may change: it is no part of a judgement."""

    __tablename__ = "level_example"

    level_id: Mapped[UUID]
    bright_spot_id: Mapped[UUID]

    __table_args__ = (
        belongs_to("level_id", "level"),
        belongs_to("bright_spot_id", "bright_spot", cascade=True),
        Index("uq_level_example", "org_id", "level_id", unique=True),
        Index("ix_level_example_spot", "org_id", "bright_spot_id"),
    )
