"""What happened, append-only: each move of a state, and what else is worth knowing later. Partitioned by time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Tenant, now, of_org


class Event(Tenant):
    """`name` is `<thing>.<what>`, such as `take.submitted`; `actor_id` is empty where the system acted."""

    __tablename__ = "event"

    at: Mapped[datetime] = mapped_column(primary_key=True, default=now)
    actor_id: Mapped[UUID | None]
    subject_id: Mapped[UUID]
    name: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        PrimaryKeyConstraint("org_id", "id", "at"),
        of_org(),
        Index("ix_event_subject", "org_id", "subject_id", "at"),
        {"postgresql_partition_by": "RANGE (at)"},
    )
