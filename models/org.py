"""The organization: a tenant. Nothing crosses it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, now
from models.ids import new_id


class Org(Base):
    __tablename__ = "org"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    created_at: Mapped[datetime] = mapped_column(default=now)


async def hold_org(session: AsyncSession, org_id: UUID) -> None:
    """Take turns until the transaction ends: for what must hold across many rows, and is seldom changed.

    Rows that point at the organization are still written meanwhile.
    """
    await session.execute(select(Org.id).where(Org.id == org_id).with_for_update(key_share=True))
