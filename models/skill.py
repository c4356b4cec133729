"""A competency the organization tracks for years."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import EVERYONE, Concerns, Tenant, now, of_org


class Skill(Tenant):
    __tablename__ = "skill"

    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (of_org(),)

    def concerns(self) -> Concerns:
        return Concerns(circle=EVERYONE)


Index("uq_skill_name", Skill.org_id, func.lower(Skill.name), unique=True)
