"""Templates: those that come with Showme, and an organization's own."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import find
from api.auth import Actor
from api.challenges.copying import CopyIn, check_sees_all, draft_copy
from api.creation import existing
from api.library.schemas import TemplateIn, TemplatePatch
from api.library.starting import Starter, StarterCriterion, StarterSkill, library, starter_of
from api.policy import visible
from api.rubrics import service as rubrics
from api.rubrics.schemas import CriterionIn, LevelIn, RubricIn
from models.base import now
from models.challenge import Challenge
from models.copying import assets_in, content_of
from models.errors import InvalidError
from models.event import write_event
from models.ids import new_id
from models.org import hold_org
from models.skill import Skill
from models.template import LibraryRubric, LibrarySkill, Template, TemplateAsset


class Known:
    """A template of either origin. No dataclass: the framework would look into its parts."""

    def __init__(self, found: Starter | Template) -> None:
        self.found = found

    @property
    def own(self) -> Template:
        """The row; a rule has let nothing else through."""
        assert isinstance(self.found, Template)
        return self.found


async def find_template(session: AsyncSession, actor: Actor, key: UUID, *, lock: bool = False) -> Known:
    """Return a starter, or an own template that the actor sees.

    Raises:
        NotFoundError: it is neither.
    """
    return Known(starter_of(key) or await find(session, actor, Template, key, lock=lock))


async def create_template(session: AsyncSession, actor: Actor, data: TemplateIn) -> tuple[Template, bool]:
    """Return the template and whether it is new.

    Raises:
        InvalidError: the actor sees no such challenge.
        ForbiddenError: something of it is kept from the actor.
    """
    if found := await existing(session, actor, Template, data.id):
        return found, False
    challenge = await _source(session, actor, data.challenge_id)
    template = Template(
        org_id=actor.org_id,
        id=data.id or new_id(),
        title=data.title or challenge.title,
        summary=data.summary,
        kind=challenge.kind,
        rubric_id=challenge.rubric_id,
        content=await content_of(session, challenge),
        created_by=actor.person_id,
    )
    session.add(template)
    await session.flush()
    await _name_assets(session, template)
    write_event(session, template, "created", challenge_id=challenge.id)
    return template, True


async def change_template(session: AsyncSession, actor: Actor, template: Template, data: TemplatePatch) -> None:
    """Change what the patch names; the row is locked.

    Raises:
        InvalidError, ForbiddenError: as for a new one.
    """
    named = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    if not named:
        return
    template.title, template.summary = named.get("title", template.title), named.get("summary", template.summary)
    if "challenge_id" in named:
        challenge = await _source(session, actor, named["challenge_id"])
        template.content = await content_of(session, challenge)
        template.kind, template.rubric_id = challenge.kind, challenge.rubric_id
        await _name_assets(session, template)
    template.version += 1
    write_event(session, template, "changed", fields=sorted(named))
    await session.flush()


async def archive_template(session: AsyncSession, template: Template) -> None:
    """Put it away; what was made of it stays."""
    template.archived_at = now()
    await _forget_assets(session, template)
    write_event(session, template, "deleted")
    await session.flush()


async def use(session: AsyncSession, actor: Actor, known: Known, data: CopyIn) -> tuple[Challenge, bool]:
    """Return a draft made of the template, and whether it is new. A starter brings its rubric and skills with it.

    Raises:
        ForbiddenError, InvalidError: as `draft_copy`.
    """
    if found := await existing(session, actor, Challenge, data.id):
        return found, False
    template = known.found
    if isinstance(template, Starter):
        content: Mapping[str, Any] = template.content()
        rubric_id = await library_rubric(session, actor, template.rubric)
        source: dict[str, Any] = {"starter": template.key}
    else:
        content, rubric_id, source = template.content, template.rubric_id, {"template_id": template.id}
    return await draft_copy(session, actor, content, data, rubric_id=rubric_id, **source), True


async def clone(session: AsyncSession, actor: Actor, challenge: Challenge, data: CopyIn) -> tuple[Challenge, bool]:
    """Return a draft that asks the same, and whether it is new. Publishing it takes the rubric as it is then.

    Raises:
        ForbiddenError, InvalidError: as `draft_copy`.
    """
    if found := await existing(session, actor, Challenge, data.id):
        return found, False
    await check_sees_all(session, actor, challenge)
    content = await content_of(session, challenge)
    made = await draft_copy(session, actor, content, data, rubric_id=challenge.rubric_id, challenge_id=challenge.id)
    return made, True


async def library_rubric(session: AsyncSession, actor: Actor, key: str) -> UUID:
    """Return the organization's rubric for one of the library, made when it is asked for first."""
    await hold_org(session, actor.org_id)
    known = select(LibraryRubric.rubric_id).where(LibraryRubric.org_id == actor.org_id, LibraryRubric.key == key)
    if found := await session.scalar(known):
        return found
    starter = library().rubrics[key]
    skills = {one.skill: await _library_skill(session, actor, library().skills[one.skill]) for one in starter.criteria}
    criteria = [_criterion(one, skills[one.skill]) for one in starter.criteria]
    rubric, _ = await rubrics.create_rubric(session, actor, RubricIn(starter.title, criteria))
    session.add(LibraryRubric(org_id=actor.org_id, key=key, rubric_id=rubric.id))
    await session.flush()
    return rubric.id


async def _library_skill(session: AsyncSession, actor: Actor, starter: StarterSkill) -> UUID:
    """Return the skill for one of the library: the one it was made as, that of its name, or a new one."""
    org_id = actor.org_id
    known = select(LibrarySkill.skill_id).where(LibrarySkill.org_id == org_id, LibrarySkill.key == starter.key)
    if found := await session.scalar(known):
        return found
    skill = Skill(org_id=org_id, name=starter.name, description=starter.description, created_by=actor.person_id)
    values = {column.key: getattr(skill, column.key) for column in Skill.__table__.columns}
    made = await session.scalar(insert(Skill).values(values).on_conflict_do_nothing().returning(Skill.id))
    if made:
        write_event(session, skill, "created")
    named = select(Skill.id).where(Skill.org_id == org_id, func.lower(Skill.name) == starter.name.lower())
    skill_id: UUID = made or (await session.scalars(named)).one()
    session.add(LibrarySkill(org_id=org_id, key=starter.key, skill_id=skill_id))
    await session.flush()
    return skill_id


def _criterion(starter: StarterCriterion, skill_id: UUID) -> CriterionIn:
    levels = [LevelIn(level.points, level.label, level.anchor) for level in starter.levels]
    return CriterionIn(
        skill_id=skill_id,
        title=starter.title,
        levels=levels,
        weight=starter.weight,
        required=starter.required,
        must_pass=starter.must_pass,
        allow_na=starter.allow_na,
        key=starter.key,
    )


async def _source(session: AsyncSession, actor: Actor, key: UUID) -> Challenge:
    challenge = await session.scalar(select(Challenge).where(visible(actor, Challenge), Challenge.id == key))
    if challenge is None:
        raise InvalidError("There is no challenge with this id here.", pointer="/challenge_id")
    await check_sees_all(session, actor, challenge)
    return challenge


async def _name_assets(session: AsyncSession, template: Template) -> None:
    await _forget_assets(session, template)
    session.add_all(
        TemplateAsset(org_id=template.org_id, template_id=template.id, asset_id=key)
        for key in sorted(assets_in(template.content))
    )
    await session.flush()


async def _forget_assets(session: AsyncSession, template: Template) -> None:
    await session.execute(
        delete(TemplateAsset).where(TemplateAsset.org_id == template.org_id, TemplateAsset.template_id == template.id)
    )
