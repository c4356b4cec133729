"""What happened, append-only: each move of a state, and what else is worth knowing later. Partitioned by time."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, PrimaryKeyConstraint
from sqlalchemy.ext.asyncio import AsyncSession
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


def write_event(session: AsyncSession, subject: Tenant, what: str, **data: Any) -> None:
    """Write down what happened to a row, by whom the session says; moves of a state write themselves down."""
    session.add(
        Event(
            org_id=subject.org_id,
            actor_id=session.info.get("actor_id"),
            subject_id=subject.id,
            name=f"{subject.__tablename__}.{what}",
            data=data,
        )
    )
