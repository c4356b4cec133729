from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import allowed, one, shown
from api.auth import Actor
from api.creation import created
from api.paging import Cursor, Limit, Page, after, page
from api.policy import may_author_skills, may_see, visible
from api.problems import declared
from api.skills import service
from api.skills.schemas import SkillIn, SkillOut, skill_out
from models.skill import Skill

AGAIN = {200: ResponseSpec(SkillOut, generate_examples=False, description="The skill made with this id before")}


@post(
    "/skills",
    dependencies={"author": allowed(may_author_skills)},
    operation_id="CreateSkill",
    summary="Add a skill to track",
    responses=AGAIN | declared(403, 409),
    tags=["skills"],
)
async def create_skill(
    data: JSONBody[SkillIn], author: NamedDependency[Actor], session: NamedDependency[AsyncSession]
) -> Response[SkillOut]:
    skill, new = await service.create_skill(session, author, data)
    return created(skill_out(skill), new=new)


@get(
    "/skills",
    opt=shown(Skill),
    operation_id="ListSkills",
    summary="The skills of the organization, by name",
    responses=declared(),
    tags=["skills"],
)
async def list_skills(
    session: NamedDependency[AsyncSession],
    actor: NamedDependency[Actor],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SkillOut]:
    query = after(select(Skill).where(visible(actor, Skill)), [Skill.name, Skill.id], cursor, limit, kinds=(str, UUID))
    rows = (await session.scalars(query)).all()
    return page(rows, limit, lambda skill: (skill.name, skill.id), skill_out)


@get(
    "/skills/{skill_id:uuid}",
    dependencies={"skill": one(Skill, may_see)},
    operation_id="GetSkill",
    summary="One skill",
    responses=declared(),
    tags=["skills"],
)
async def get_skill(skill: NamedDependency[Skill]) -> SkillOut:
    return skill_out(skill)


routes = [create_skill, list_skills, get_skill]
