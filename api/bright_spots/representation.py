"""Bright spots as JSON: everything for a list of them in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar.datastructures import State
from sqlalchemy import ColumnElement, Select, Subquery, Text, case, cast, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from api.assets.rows import AssetRow, asset_json
from api.assets.service import make_asset_out
from api.audiences import AudienceOut
from api.auth import Actor
from api.bright_spots.schemas import BrightSpotOut, ConsentOut, SegmentOut
from api.refs import PersonRef, SkillRef
from models.asset import Asset
from models.bright_spot import BrightSpot, BrightSpotSkill, BrightSpotTag, Consent, Segment
from models.consents import said
from models.person import Person
from models.reads import instant, json_list, json_object
from models.skill import Skill
from models.team import Audience, AudiencePerson, AudienceTeam


class _Answer(msgspec.Struct, frozen=True):
    """What a person says to the present cut."""

    person_id: UUID
    granted: bool
    until: datetime | None
    answered_at: datetime


class _Inside(msgspec.Struct, frozen=True):
    audience: AudienceOut
    answers: list[_Answer]


class _Parts(msgspec.Struct, frozen=True):
    """`inside` is for its maker, the people shown and enablement; null for others."""

    segments: list[SegmentOut]
    tags: list[str]
    skills: list[SkillRef]
    clip: AssetRow | None
    inside: _Inside | None


_parts = msgspec.json.Decoder(_Parts)


async def bright_spot_out(session: AsyncSession, actor: Actor, state: State, bright_spot: BrightSpot) -> BrightSpotOut:
    return (await bright_spot_outs(session, actor, state, [bright_spot]))[0]


async def bright_spot_outs(
    session: AsyncSession, actor: Actor, state: State, bright_spots: Sequence[BrightSpot]
) -> list[BrightSpotOut]:
    ids = [bright_spot.id for bright_spot in bright_spots]
    chosen = select(BrightSpot).where(BrightSpot.org_id == actor.org_id, BrightSpot.id.in_(ids)).subquery("chosen")
    rows = await session.execute(bright_spot_rows(actor, chosen))
    found = {row.id: make_bright_spot_out(state, row) for row in rows}
    return [found[key] for key in ids]


def bright_spot_rows(actor: Actor, spot: Subquery) -> Select[*tuple[Any, ...]]:
    """Return the query of all that `make_bright_spot_out` needs of the chosen ones; that the actor sees them, its
    caller knows.
    """
    maker = aliased(Person)
    parts = json_object(
        segments=_segments(spot),
        tags=_tags(spot),
        skills=_skills(spot),
        clip=_clip(spot),
        inside=case((_is_inside(actor, spot), json_object(audience=_audience(spot), answers=_answers(spot)))),
    )
    return (
        select(
            spot.c.id,
            spot.c.state,
            spot.c.kind,
            spot.c.title,
            spot.c.why_it_works,
            spot.c.maker_id,
            maker.name,
            spot.c.cut,
            spot.c.version,
            spot.c.created_at,
            spot.c.published_at,
            cast(parts, Text).label("parts"),
        )
        .select_from(spot)
        .join(maker, (maker.org_id == spot.c.org_id) & (maker.id == spot.c.maker_id))
    )


def make_bright_spot_out(state: State, row: Sequence[Any]) -> BrightSpotOut:
    """Make one of a row of `bright_spot_rows`; a rank may follow its columns."""
    id_, spot_state, kind, title, why, maker_id, maker, cut, version, created_at, published_at, text = row[:12]
    parts = _parts.decode(text)
    clip, inside = parts.clip, parts.inside
    return BrightSpotOut(
        id=id_,
        state=spot_state,
        kind=kind,
        title=title,
        why_it_works=why,
        tags=parts.tags,
        skills=parts.skills,
        maker=PersonRef(maker_id, maker),
        segments=parts.segments,
        clip=None if clip is None else make_asset_out(state, clip, clip.renditions, clip.captions),
        cut=cut,
        audience=None if inside is None else inside.audience,
        consents=None if inside is None else _consents(parts.segments, inside.answers),
        version=version,
        created_at=created_at,
        published_at=published_at,
    )


def _consents(segments: Sequence[SegmentOut], answers: Sequence[_Answer]) -> list[ConsentOut]:
    given = {answer.person_id: answer for answer in answers}
    people = {segment.person.id: segment.person for segment in segments}
    return [_consent(person, given.get(person.id)) for person in people.values()]


def _consent(person: PersonRef, answer: _Answer | None) -> ConsentOut:
    if answer is None:
        return ConsentOut(person, None, None, None)
    granted = None if said(answer) == "run_out" else answer.granted
    return ConsentOut(person, granted, answer.until, answer.answered_at)


def _is_inside(actor: Actor, spot: Subquery) -> ColumnElement[bool]:
    """Return `may_see_consents`, or that the actor is shown."""
    if actor.is_enablement:
        return true()
    shown = (
        select(Segment.id)
        .where(
            Segment.org_id == spot.c.org_id,
            Segment.bright_spot_id == spot.c.id,
            Segment.person_id == actor.person_id,
        )
        .correlate(spot)
        .exists()
    )
    return or_(spot.c.maker_id == actor.person_id, shown)


def _segments(spot: Subquery) -> Any:
    person = json_object(id=Person.id, name=Person.name)
    segment = json_object(
        take_id=Segment.take_id,
        prompt_id=Segment.prompt_id,
        person=person,
        start_ms=Segment.start_ms,
        end_ms=Segment.end_ms,
    )
    return (
        select(json_list(segment, Segment.position))
        .join(Person, (Person.org_id == Segment.org_id) & (Person.id == Segment.person_id))
        .where(Segment.org_id == spot.c.org_id, Segment.bright_spot_id == spot.c.id)
        .correlate(spot)
        .scalar_subquery()
    )


def _tags(spot: Subquery) -> Any:
    return (
        select(json_list(BrightSpotTag.tag, BrightSpotTag.tag))
        .where(BrightSpotTag.org_id == spot.c.org_id, BrightSpotTag.bright_spot_id == spot.c.id)
        .correlate(spot)
        .scalar_subquery()
    )


def _skills(spot: Subquery) -> Any:
    return (
        select(json_list(json_object(id=Skill.id, name=Skill.name), Skill.name, Skill.id))
        .join(BrightSpotSkill, (Skill.org_id == BrightSpotSkill.org_id) & (Skill.id == BrightSpotSkill.skill_id))
        .where(BrightSpotSkill.org_id == spot.c.org_id, BrightSpotSkill.bright_spot_id == spot.c.id)
        .correlate(spot)
        .scalar_subquery()
    )


def _clip(spot: Subquery) -> Any:
    return (
        select(asset_json())
        .where(Asset.org_id == spot.c.org_id, Asset.id == spot.c.clip_asset_id)
        .correlate(spot)
        .scalar_subquery()
    )


def _answers(spot: Subquery) -> Any:
    answer = json_object(
        person_id=Consent.person_id,
        granted=Consent.granted,
        until=instant(Consent.until),
        answered_at=instant(Consent.answered_at),
    )
    return (
        select(json_list(answer, Consent.id))
        .where(Consent.org_id == spot.c.org_id, Consent.bright_spot_id == spot.c.id, Consent.cut == spot.c.cut)
        .correlate(spot)
        .scalar_subquery()
    )


def _audience(spot: Subquery) -> Any:
    teams, people = (
        select(json_list(column, table.id))
        .where(table.org_id == Audience.org_id, table.audience_id == Audience.id)
        .correlate(Audience)
        .scalar_subquery()
        for table, column in ((AudienceTeam, AudienceTeam.team_id), (AudiencePerson, AudiencePerson.person_id))
    )
    audience = json_object(
        everyone=Audience.everyone,
        team_ids=teams,
        include_subteams=Audience.include_subteams,
        person_ids=people,
        joiners=Audience.joiners,
    )
    return (
        select(audience)
        .where(Audience.org_id == spot.c.org_id, Audience.id == spot.c.audience_id)
        .correlate(spot)
        .scalar_subquery()
    )
