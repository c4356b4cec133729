"""What is said about a critique and its moments, and texts of drafts that did not get into them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Concerns, Tenant, belongs_to, now, one_of

# stale: another device had written meanwhile. late: it was no draft any more. replaced: something else took its place.
KEPT_AS = ("stale", "late", "replaced")


class CritiqueRemark(Tenant):
    """One in the conversation under a published critique: it stays as it was said."""

    __tablename__ = "critique_remark"

    critique_id: Mapped[UUID]
    author_id: Mapped[UUID]
    body: Mapped[str]
    asset_id: Mapped[UUID | None]  # said in a video
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("critique_id", "critique", cascade=True),
        belongs_to("author_id", "person"),
        belongs_to("asset_id", "asset"),
        Index("ix_critique_remark", "org_id", "critique_id", "created_at", "id"),
        Index("ix_critique_remark_asset", "org_id", "asset_id", postgresql_where=text("asset_id IS NOT NULL")),
    )


class MomentReply(Tenant):
    """One in the thread under a moment; `moment_id` is the first of the copies, where the thread is kept."""

    __tablename__ = "moment_reply"

    moment_id: Mapped[UUID]
    author_id: Mapped[UUID]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("moment_id", "moment", cascade=True),
        belongs_to("author_id", "person"),
        Index("ix_moment_reply", "org_id", "moment_id", "created_at", "id"),
    )


class DraftVersion(Tenant):
    """What was written into a critique or a moment and did not get there, or was replaced: its writer's alone.

    `content` is what was sent, or what stood there. `base_version` is the version it was written on, where that is
    known.
    """

    __tablename__ = "draft_version"

    critique_id: Mapped[UUID | None]
    moment_id: Mapped[UUID | None]
    author_id: Mapped[UUID]
    kept_as: Mapped[str]
    base_version: Mapped[int | None]
    content: Mapped[dict[str, Any]]
    digest: Mapped[str]  # of the content: a phone that repeats itself is kept once
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        belongs_to("critique_id", "critique", cascade=True),
        belongs_to("moment_id", "moment", cascade=True),
        belongs_to("author_id", "person"),
        one_of("kept_as", KEPT_AS),
        CheckConstraint("(critique_id IS NULL) <> (moment_id IS NULL)", name="one_thing"),
        Index("uq_draft_version_critique", "org_id", "critique_id", "digest", unique=True),
        Index("uq_draft_version_moment", "org_id", "moment_id", "digest", unique=True),
    )

    def concerns(self) -> Concerns:
        return Concerns(self.author_id)
