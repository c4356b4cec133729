from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from models.skill import Skill

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"\S", examples=["Positioning"])]
Description = Annotated[str, msgspec.Meta(max_length=2000)]


class SkillIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    description: Description = ""
    id: UUID | None = None


class SkillOut(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    description: str
    created_at: datetime


def skill_out(skill: Skill) -> SkillOut:
    return SkillOut(skill.id, skill.name, skill.description, skill.created_at)
