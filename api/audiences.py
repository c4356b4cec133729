"""Audiences: whom a challenge is for, or a bright spot is shown to."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, any_, delete, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from models.errors import ForbiddenError, InvalidError
from models.person import Person
from models.team import Audience, AudiencePerson, AudienceTeam, Membership, Team

Joiners = Literal["include", "exclude"]
TeamIds = Annotated[list[UUID], msgspec.Meta(max_length=200)]
PersonIds = Annotated[list[UUID], msgspec.Meta(max_length=1000)]


class AudienceIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`joiners`: whether a challenge is given to those as well who join one of its teams later."""

    everyone: bool = False
    team_ids: TeamIds = msgspec.field(default_factory=list)
    include_subteams: bool = False
    person_ids: PersonIds = msgspec.field(default_factory=list)
    joiners: Joiners = "exclude"


class AudienceOut(msgspec.Struct, frozen=True):
    everyone: bool
    team_ids: list[UUID]
    include_subteams: bool
    person_ids: list[UUID]
    joiners: Annotated[str, msgspec.Meta(examples=["include"])]


async def save_audience(session: AsyncSession, actor: Actor, data: AudienceIn, *, pointer: str = "/audience") -> UUID:
    """Write a new audience down and return its id. Whether the actor may address it, its caller decides.

    Raises:
        InvalidError: a team or a person is not there.
    """
    await _check_there(session, actor.org_id, data, pointer)
    row = Audience(
        org_id=actor.org_id, everyone=data.everyone, include_subteams=data.include_subteams, joiners=data.joiners
    )
    session.add(row)
    await session.flush()
    await _add(session, row, data.team_ids, data.person_ids)
    return row.id


async def replace_audience(
    session: AsyncSession, actor: Actor, audience_id: UUID, data: AudienceIn, *, pointer: str = "/audience"
) -> None:
    """Give an audience another content, under the same id.

    Raises:
        InvalidError: a team or a person is not there.
    """
    await _check_there(session, actor.org_id, data, pointer)
    row = await session.get_one(Audience, (actor.org_id, audience_id))
    row.everyone, row.include_subteams, row.joiners = data.everyone, data.include_subteams, data.joiners
    for table in (AudienceTeam, AudiencePerson):
        await session.execute(delete(table).where(table.org_id == actor.org_id, table.audience_id == audience_id))
    await _add(session, row, data.team_ids, data.person_ids)


async def add_people(session: AsyncSession, org_id: UUID, audience_id: UUID, person_ids: Iterable[UUID]) -> int:
    """Name more people, those named already stay; return how many are new."""
    query = select(AudiencePerson.person_id).where(
        AudiencePerson.org_id == org_id, AudiencePerson.audience_id == audience_id
    )
    named = set(await session.scalars(query))
    row = await session.get_one(Audience, (org_id, audience_id))
    new = set(person_ids) - named
    await _add(session, row, [], sorted(new))
    return len(new)


async def audience_outs(session: AsyncSession, org_id: UUID, ids: Iterable[UUID]) -> dict[UUID, AudienceOut]:
    """Return audiences by id, in three queries for all of them."""
    wanted = set(ids)
    teams = await session.execute(
        select(AudienceTeam.audience_id, AudienceTeam.team_id)
        .where(AudienceTeam.org_id == org_id, AudienceTeam.audience_id.in_(wanted))
        .order_by(AudienceTeam.id)
    )
    people = await session.execute(
        select(AudiencePerson.audience_id, AudiencePerson.person_id)
        .where(AudiencePerson.org_id == org_id, AudiencePerson.audience_id.in_(wanted))
        .order_by(AudiencePerson.id)
    )
    team_ids, person_ids = _by_audience(teams.all()), _by_audience(people.all())
    rows = await session.scalars(select(Audience).where(Audience.org_id == org_id, Audience.id.in_(wanted)))
    return {
        row.id: AudienceOut(
            row.everyone, team_ids.get(row.id, []), row.include_subteams, person_ids.get(row.id, []), row.joiners
        )
        for row in rows
    }


async def teams_of(session: AsyncSession, org_id: UUID, audience_id: UUID) -> set[UUID]:
    """Return its teams, those below them too where it includes subteams."""
    below = (
        select(AudienceTeam.team_id)
        .where(AudienceTeam.org_id == org_id, AudienceTeam.audience_id == audience_id)
        .cte("below", recursive=True)
    )
    subteams = (
        select(Team.id)
        .join(below, Team.parent_id == below.c.team_id)
        .join(Audience, (Audience.org_id == org_id) & (Audience.id == audience_id))
        .where(Team.org_id == org_id, Audience.include_subteams)
    )
    return set(await session.scalars(select(below.union(subteams).c.team_id)))


async def check_manages(session: AsyncSession, actor: Actor, data: AudienceIn) -> None:
    """Let enablement address anyone, and managers the teams they manage and the people in them.

    Raises:
        ForbiddenError: it reaches further.
    """
    if actor.is_enablement:
        return
    if data.everyone or not set(data.team_ids) <= actor.managed:
        raise ForbiddenError("You may address the teams you manage only.", code="audience-not-managed")
    await check_manages_people(session, actor, data.person_ids)


async def check_manages_people(session: AsyncSession, actor: Actor, person_ids: Iterable[UUID]) -> None:
    """Let enablement address anyone, and managers the people who are in teams they manage now.

    Raises:
        ForbiddenError: someone is in none of them.
    """
    wanted = set(person_ids)
    if actor.is_enablement or not wanted:
        return
    query = select(Membership.person_id).where(
        Membership.org_id == actor.org_id,
        Membership.person_id.in_(wanted),
        Membership.team_id.in_(actor.managed),
        Membership.until_at.is_(None),
    )
    if wanted - set(await session.scalars(query)):
        raise ForbiddenError("You may address people of the teams you manage only.", code="audience-not-managed")


async def check_people(session: AsyncSession, org_id: UUID, person_ids: Sequence[UUID], pointer: str) -> None:
    """Raise InvalidError, pointing at the one, when a person is not in this organization any more, or never was."""
    query = select(Person.id).where(
        Person.org_id == org_id, Person.id == any_(literal(list(person_ids), ARRAY(Uuid()))), Person.state != "left"
    )
    _refuse_absent(person_ids, set(await session.scalars(query)) if person_ids else set(), "person", pointer)


async def _check_there(session: AsyncSession, org_id: UUID, data: AudienceIn, pointer: str) -> None:
    if data.team_ids:
        query = select(Team.id).where(Team.org_id == org_id, Team.id.in_(data.team_ids), Team.archived_at.is_(None))
        _refuse_absent(data.team_ids, set(await session.scalars(query)), "team", f"{pointer}/team_ids")
    await check_people(session, org_id, data.person_ids, f"{pointer}/person_ids")


def _refuse_absent(wanted: Sequence[UUID], there: set[UUID], noun: str, pointer: str) -> None:
    for index, key in enumerate(wanted):
        if key not in there:
            raise InvalidError(f"There is no {noun} with this id here.", pointer=f"{pointer}/{index}")


async def _add(session: AsyncSession, row: Audience, team_ids: Iterable[UUID], person_ids: Iterable[UUID]) -> None:
    teams, people = dict.fromkeys(team_ids), dict.fromkeys(person_ids)
    session.add_all(AudienceTeam(org_id=row.org_id, audience_id=row.id, team_id=key) for key in teams)
    session.add_all(AudiencePerson(org_id=row.org_id, audience_id=row.id, person_id=key) for key in people)
    await session.flush()


def _by_audience(rows: Iterable[Sequence[UUID]]) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    for audience_id, member_id in rows:
        found.setdefault(audience_id, []).append(member_id)
    return found
