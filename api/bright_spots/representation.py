"""Bright spots as JSON: everything for a list of them in a handful of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from litestar.datastructures import State
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.assets.schemas import AssetOut
from api.assets.service import asset_outs
from api.audiences import AudienceOut, audience_outs
from api.auth import Actor
from api.bright_spots.schemas import BrightSpotOut, ConsentOut, SegmentOut
from api.policy import may_see_consents
from api.refs import PersonRef, SkillRef
from models.bright_spot import BrightSpot, BrightSpotSkill, BrightSpotTag, Consent, Segment
from models.consents import said
from models.person import Person
from models.skill import Skill


@dataclass(frozen=True)
class _Parts:
    segments: dict[UUID, list[Segment]]
    tags: dict[UUID, list[str]]
    skills: dict[UUID, list[SkillRef]]
    consents: dict[tuple[UUID, UUID, int], Consent]  # by bright spot, person and cut
    names: dict[UUID, str]
    audiences: dict[UUID, AudienceOut]
    clips: dict[UUID, AssetOut]


async def bright_spot_out(session: AsyncSession, actor: Actor, state: State, bright_spot: BrightSpot) -> BrightSpotOut:
    return (await bright_spot_outs(session, actor, state, [bright_spot]))[0]


async def bright_spot_outs(
    session: AsyncSession, actor: Actor, state: State, bright_spots: Sequence[BrightSpot]
) -> list[BrightSpotOut]:
    org, ids = actor.org_id, [bright_spot.id for bright_spot in bright_spots]
    segments = await _segments(session, org, ids)
    people = {bright_spot.maker_id for bright_spot in bright_spots}
    people |= {segment.person_id for found in segments.values() for segment in found}
    clips = [bright_spot.clip_asset_id for bright_spot in bright_spots if bright_spot.clip_asset_id]
    parts = _Parts(
        segments,
        await _tags(session, org, ids),
        await _skills(session, org, ids),
        await _consents(session, org, ids),
        await _names(session, org, people),
        await audience_outs(session, org, [bright_spot.audience_id for bright_spot in bright_spots]),
        await asset_outs(session, state, clips),
    )
    return [_out(actor, bright_spot, parts) for bright_spot in bright_spots]


def _out(actor: Actor, bright_spot: BrightSpot, parts: _Parts) -> BrightSpotOut:
    segments = parts.segments[bright_spot.id]
    inside = may_see_consents(actor, bright_spot) or actor.person_id in {row.person_id for row in segments}
    return BrightSpotOut(
        id=bright_spot.id,
        state=bright_spot.state,
        kind=bright_spot.kind,
        title=bright_spot.title,
        why_it_works=bright_spot.why_it_works,
        tags=parts.tags[bright_spot.id],
        skills=parts.skills[bright_spot.id],
        maker=_person(bright_spot.maker_id, parts),
        segments=[
            SegmentOut(row.take_id, row.prompt_id, _person(row.person_id, parts), row.start_ms, row.end_ms)
            for row in segments
        ],
        clip=parts.clips.get(bright_spot.clip_asset_id) if bright_spot.clip_asset_id else None,
        cut=bright_spot.cut,
        audience=parts.audiences[bright_spot.audience_id] if inside else None,
        consents=_answers(bright_spot, parts) if inside else None,
        version=bright_spot.version,
        created_at=bright_spot.created_at,
        published_at=bright_spot.published_at,
    )


def _answers(bright_spot: BrightSpot, parts: _Parts) -> list[ConsentOut]:
    people = dict.fromkeys(segment.person_id for segment in parts.segments[bright_spot.id])
    return [_answer(bright_spot, person_id, parts) for person_id in people]


def _answer(bright_spot: BrightSpot, person_id: UUID, parts: _Parts) -> ConsentOut:
    person = _person(person_id, parts)
    row = parts.consents.get((bright_spot.id, person_id, bright_spot.cut))
    if row is None:
        return ConsentOut(person, None, None, None)
    granted = None if said(row) == "run_out" else row.granted
    return ConsentOut(person, granted, row.until, row.answered_at)


def _person(person_id: UUID, parts: _Parts) -> PersonRef:
    return PersonRef(person_id, parts.names[person_id])


async def _segments(session: AsyncSession, org_id: UUID, ids: Sequence[UUID]) -> dict[UUID, list[Segment]]:
    rows = await session.scalars(
        select(Segment)
        .where(Segment.org_id == org_id, Segment.bright_spot_id.in_(ids))
        .order_by(Segment.bright_spot_id, Segment.position)
    )
    found: dict[UUID, list[Segment]] = defaultdict(list)
    for row in rows:
        found[row.bright_spot_id].append(row)
    return found


async def _tags(session: AsyncSession, org_id: UUID, ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    rows = await session.execute(
        select(BrightSpotTag.bright_spot_id, BrightSpotTag.tag)
        .where(BrightSpotTag.org_id == org_id, BrightSpotTag.bright_spot_id.in_(ids))
        .order_by(BrightSpotTag.tag)
    )
    found: dict[UUID, list[str]] = defaultdict(list)
    for row in rows:
        found[row.bright_spot_id].append(row.tag)
    return found


async def _skills(session: AsyncSession, org_id: UUID, ids: Sequence[UUID]) -> dict[UUID, list[SkillRef]]:
    rows = await session.execute(
        select(BrightSpotSkill.bright_spot_id, Skill.id, Skill.name)
        .join(Skill, (Skill.org_id == BrightSpotSkill.org_id) & (Skill.id == BrightSpotSkill.skill_id))
        .where(BrightSpotSkill.org_id == org_id, BrightSpotSkill.bright_spot_id.in_(ids))
        .order_by(Skill.name, Skill.id)
    )
    found: dict[UUID, list[SkillRef]] = defaultdict(list)
    for row in rows:
        found[row.bright_spot_id].append(SkillRef(row.id, row.name))
    return found


async def _consents(session: AsyncSession, org_id: UUID, ids: Sequence[UUID]) -> dict[tuple[UUID, UUID, int], Consent]:
    rows = await session.scalars(
        select(Consent)
        .join(BrightSpot, (BrightSpot.org_id == Consent.org_id) & (BrightSpot.id == Consent.bright_spot_id))
        .where(Consent.org_id == org_id, Consent.bright_spot_id.in_(ids), Consent.cut == BrightSpot.cut)
    )
    return {(row.bright_spot_id, row.person_id, row.cut): row for row in rows}


async def _names(session: AsyncSession, org_id: UUID, ids: Iterable[UUID]) -> dict[UUID, str]:
    rows = await session.execute(select(Person.id, Person.name).where(Person.org_id == org_id, Person.id.in_(set(ids))))
    return {row.id: row.name for row in rows}
