"""Templates as JSON, wherever they come from."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.library.schemas import (
    TemplateAnswer,
    TemplateCriterion,
    TemplateFile,
    TemplateItem,
    TemplateLevel,
    TemplateOut,
    TemplatePrompt,
    TemplateRubric,
)
from api.library.starting import Starter, StarterRubric, library
from api.paging import Page, decode, encode
from api.policy import visible
from api.rubrics.service import rubric_at
from api.skills.service import skill_names
from models.rubric import Rubric
from models.template import LibraryRubric, Template

# Where own templates stand in the list: behind all starters.
BEHIND = 1_000_000
_LATE = datetime(9999, 1, 1, tzinfo=UTC)


async def template_page(
    session: AsyncSession, actor: Actor, origin: str | None, kind: str | None, limit: int, cursor: str | None
) -> Page[TemplateItem]:
    """Return a page: starters in the library's order, then own ones, newest first.

    Raises:
        InvalidError: the cursor is not one of this list.
    """
    place, at, key = decode(cursor, int, datetime, UUID) if cursor else (-1, _LATE, UUID(int=0))
    found: list[tuple[tuple[Any, ...], TemplateItem]] = [
        ((index, _LATE, starter.id), _starter_item(starter))
        for index, starter in enumerate(library().starters)
        if index > place and origin != "own" and kind in {None, starter.kind}
    ]
    if origin != "starter" and len(found) <= limit:
        bound = (at, key) if place == BEHIND else None
        rows = await _own(session, actor, kind, bound, limit + 1 - len(found))
        found += [((BEHIND, row.created_at, row.id), _own_item(row, title)) for row, title in rows]
    page = found[:limit]
    return Page([item for _, item in page], encode(*page[-1][0]) if len(found) > limit else None)


async def _own(
    session: AsyncSession, actor: Actor, kind: str | None, bound: tuple[datetime, UUID] | None, most: int
) -> Sequence[Any]:
    query = (
        select(Template, Rubric.title)
        .join(Rubric, (Rubric.org_id == Template.org_id) & (Rubric.id == Template.rubric_id))
        .where(visible(actor, Template))
        .order_by(Template.created_at.desc(), Template.id.desc())
        .limit(most)
    )
    if kind:
        query = query.where(Template.kind == kind)
    if bound:
        at, key = bound
        query = query.where((Template.created_at < at) | ((Template.created_at == at) & (Template.id < key)))
    return (await session.execute(query)).all()


async def template_out(session: AsyncSession, template: Starter | Template, org_id: UUID) -> TemplateOut:
    if isinstance(template, Starter):
        rubric = await _starter_rubric(session, library().rubrics[template.rubric], org_id)
        return _out(_starter_item(template), template.content(), rubric)
    rubric = await _own_rubric(session, template)
    return _out(_own_item(template, rubric.title), template.content, rubric)


def _out(item: TemplateItem, content: Mapping[str, Any], rubric: TemplateRubric) -> TemplateOut:
    said = content["challenge"]
    answers = _parts(content, "model_answers", TemplateAnswer)
    return TemplateOut(
        **msgspec.structs.asdict(item),
        brief=said.get("brief", ""),
        prompts=_parts(content, "prompts", TemplatePrompt),
        model_answer=answers[0] if answers else None,
        attachments=_parts(content, "attachments", TemplateFile),
        max_takes=said.get("max_takes"),
        pass_mark=said.get("pass_mark"),
        practice="allowed" if said.get("practice_allowed", True) else "none",
        late="accepted" if said.get("late_accepted", True) else "refused",
        timed=said.get("timed", False),
        window_ms=said.get("window_ms"),
        rubric=rubric,
    )


def _parts(content: Mapping[str, Any], name: str, kind: Any) -> list[Any]:
    found: list[Any] = msgspec.convert(content.get(name, []), list[kind])
    return found


def _starter_item(starter: Starter) -> TemplateItem:
    return TemplateItem(
        id=starter.id,
        origin="starter",
        key=starter.key,
        title=starter.title,
        summary=starter.summary,
        kind=starter.kind,
        prompt_count=len(starter.prompts),
        rubric_title=library().rubrics[starter.rubric].title,
        created_by=None,
        created_at=None,
        version=1,
    )


def _own_item(template: Template, rubric_title: str) -> TemplateItem:
    return TemplateItem(
        id=template.id,
        origin="own",
        key=None,
        title=template.title,
        summary=template.summary,
        kind=template.kind,
        prompt_count=len(template.content["prompts"]),
        rubric_title=rubric_title,
        created_by=template.created_by,
        created_at=template.created_at,
        version=template.version,
    )


async def _starter_rubric(session: AsyncSession, starter: StarterRubric, org_id: UUID) -> TemplateRubric:
    """As the organization has it by now, or as it would come."""
    known = (
        select(Rubric)
        .join(LibraryRubric, (LibraryRubric.org_id == Rubric.org_id) & (LibraryRubric.rubric_id == Rubric.id))
        .where(LibraryRubric.org_id == org_id, LibraryRubric.key == starter.key)
    )
    if rubric := await session.scalar(known):
        return await _rubric(session, rubric)
    skills = library().skills
    criteria = [
        TemplateCriterion(
            one.key,
            one.title,
            skills[one.skill].name,
            one.weight,
            one.required,
            one.must_pass,
            one.allow_na,
            [TemplateLevel(level.points, level.label, level.anchor) for level in one.levels],
        )
        for one in starter.criteria
    ]
    return TemplateRubric(None, starter.title, criteria)


async def _own_rubric(session: AsyncSession, template: Template) -> TemplateRubric:
    return await _rubric(session, await session.get_one(Rubric, (template.org_id, template.rubric_id)))


async def _rubric(session: AsyncSession, rubric: Rubric) -> TemplateRubric:
    latest = await rubric_at(session, rubric)
    names = await skill_names(session, rubric.org_id, [one.skill_id for one in latest.criteria])
    criteria = [
        TemplateCriterion(
            one.key,
            one.title,
            names[one.skill_id],
            one.weight,
            one.required,
            one.must_pass,
            one.allow_na,
            [TemplateLevel(level.points, level.label, level.anchor) for level in one.levels],
        )
        for one in latest.criteria
    ]
    return TemplateRubric(rubric.id, rubric.title, criteria)
