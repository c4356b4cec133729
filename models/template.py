"""Templates: what a challenge asks, kept apart from whom and when; and what an organization has of the library."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import WORK, Concerns, Tenant, belongs_to, now, of_org


class Template(Tenant):
    """`content` is as `models.copying` takes it from a challenge. Archived ones are seen by nobody."""

    __tablename__ = "template"

    title: Mapped[str]
    summary: Mapped[str] = mapped_column(default="")
    kind: Mapped[str]
    rubric_id: Mapped[UUID]
    content: Mapped[dict[str, Any]]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(default=now)
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        belongs_to("rubric_id", "rubric"),
        belongs_to("created_by", "person"),
        Index("ix_template_list", "org_id", "created_at", "id"),
    )

    def concerns(self) -> Concerns:
        return Concerns(self.created_by, circle=WORK)


class TemplateAsset(Tenant):
    """A video or file that a template's content names: by this row those who see the template see it."""

    __tablename__ = "template_asset"

    template_id: Mapped[UUID]
    asset_id: Mapped[UUID]

    __table_args__ = (
        belongs_to("template_id", "template", cascade=True),
        belongs_to("asset_id", "asset"),
        Index("uq_template_asset", "org_id", "template_id", "asset_id", unique=True),
        Index("ix_template_asset", "org_id", "asset_id"),
    )


class LibrarySkill(Tenant):
    """The organization's skill for one of the starter library, by its key."""

    __tablename__ = "library_skill"

    key: Mapped[str]
    skill_id: Mapped[UUID]

    __table_args__ = (
        of_org(),
        belongs_to("skill_id", "skill"),
        Index("uq_library_skill", "org_id", "key", unique=True),
    )


class LibraryRubric(Tenant):
    """The organization's rubric for one of the starter library, by its key. It is edited as any other."""

    __tablename__ = "library_rubric"

    key: Mapped[str]
    rubric_id: Mapped[UUID]

    __table_args__ = (
        of_org(),
        belongs_to("rubric_id", "rubric"),
        Index("uq_library_rubric", "org_id", "key", unique=True),
    )
