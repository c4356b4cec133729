from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.creation import existing
from api.skills.schemas import SkillIn
from models.errors import ConflictError
from models.event import write_event
from models.ids import new_id
from models.skill import Skill


async def create_skill(session: AsyncSession, actor: Actor, data: SkillIn) -> tuple[Skill, bool]:
    """Return the skill and whether it is new.

    Raises:
        ConflictError: another skill has this name, letter case aside.
    """
    if found := await existing(session, actor, Skill, data.id):
        return found, False
    same = select(Skill.id).where(Skill.org_id == actor.org_id, func.lower(Skill.name) == data.name.lower())
    if await session.scalar(same):
        raise ConflictError(f"There is a skill named {data.name} already.", code="name-taken")
    skill = Skill(
        org_id=actor.org_id,
        id=data.id or new_id(),
        name=data.name,
        description=data.description,
        created_by=actor.person_id,
    )
    session.add(skill)
    write_event(session, skill, "created")
    await session.flush()
    return skill, True


async def skill_names(session: AsyncSession, org_id: UUID, skill_ids: Iterable[UUID]) -> dict[UUID, str]:
    rows = await session.execute(
        select(Skill.id, Skill.name).where(Skill.org_id == org_id, Skill.id.in_(set(skill_ids)))
    )
    return {row.id: row.name for row in rows}
