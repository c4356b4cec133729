"""The organization: a tenant. Nothing crosses it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import false, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from models.base import EVERYONE, Base, Concerns, now
from models.ids import new_id


class Org(Base):
    """Beside who it is, what it asks of critiques and how soon it promises them.

    `feedback_promise_h`: hours from a take to its published critique. `escalate_after_h`: hours past the promise until
    somebody else hears of it; `remind_before_h`: how long before it is due a person is reminded. 0 is never.
    """

    __tablename__ = "org"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(default="UTC", server_default="UTC")
    created_at: Mapped[datetime] = mapped_column(default=now)
    require_strength: Mapped[bool] = mapped_column(default=False, server_default=false())
    require_next_step: Mapped[bool] = mapped_column(default=False, server_default=false())
    blind_reviews: Mapped[bool] = mapped_column(default=False, server_default=false())
    feedback_promise_h: Mapped[int] = mapped_column(default=72, server_default="72")
    escalate_after_h: Mapped[int] = mapped_column(default=48, server_default="48")
    remind_before_h: Mapped[int] = mapped_column(default=24, server_default="24")
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    @property
    def org_id(self) -> UUID:
        """Its own: what happens to it is an event as of any row."""
        return self.id

    def concerns(self) -> Concerns:
        return Concerns(circle=EVERYONE)


async def hold_org(session: AsyncSession, org_id: UUID) -> None:
    """Take turns until the transaction ends: for what must hold across many rows, and is seldom changed.

    Rows that point at the organization are still written meanwhile.
    """
    await session.execute(select(Org.id).where(Org.id == org_id).with_for_update(key_share=True))
