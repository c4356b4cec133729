"""Who has a copy of a challenge: its audience, those added to it, and those who join its teams later.

A copy is a fact of its own: who leaves a team keeps it. When the audience becomes narrower, copies that nobody has
begun close, and come back when it reaches their people again; a copy with a take is never taken away.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.audiences import (
    AudienceIn,
    add_people,
    audience_outs,
    check_manages,
    check_manages_people,
    check_people,
    replace_audience,
    teams_of,
)
from api.auth import Actor
from models import assignments
from models.assignments import Member, among
from models.audiences import members_of
from models.challenge import Challenge
from models.errors import IllegalMoveError
from models.org import hold_org
from models.team import Audience, AudienceTeam, Membership, Team


async def check_reach(session: AsyncSession, actor: Actor, challenge: Challenge) -> None:
    """Raise ForbiddenError when the audience reaches beyond what the actor manages now."""
    audience = (await audience_outs(session, challenge.org_id, [challenge.audience_id]))[challenge.audience_id]
    named = AudienceIn(audience.everyone, audience.team_ids, audience.include_subteams, audience.person_ids)
    await check_manages(session, actor, named)


async def assign_all(session: AsyncSession, actor: Actor, challenge: Challenge) -> None:
    await assignments.assign(session, challenge, await _members(session, actor, challenge))


async def bring_back(session: AsyncSession, actor: Actor, challenge: Challenge) -> None:
    """Reopen what its end has closed; those who joined meanwhile get a copy if it takes joiners."""
    members = await _members(session, actor, challenge)
    audience = await _follow(session, challenge, members)
    if audience.joiners == "include":
        await assignments.assign(session, challenge, members)


async def change_audience(session: AsyncSession, actor: Actor, challenge: Challenge, data: AudienceIn) -> None:
    """Whom a wider audience reaches gets a copy; where joiners are left out, not those it reached before already."""
    before = {person_id for person_id, _ in await _members(session, actor, challenge)}
    await replace_audience(session, actor, challenge.audience_id, data)
    if challenge.state != "published":
        return
    members = await _members(session, actor, challenge)
    await _follow(session, challenge, members)
    joined = members if data.joiners == "include" else [member for member in members if member[0] not in before]
    await assignments.assign(session, challenge, joined)


async def add_to(session: AsyncSession, actor: Actor, challenge: Challenge, person_ids: Sequence[UUID]) -> int:
    """Name more people of a published challenge, whose row is locked; return how many copies that makes.

    Raises:
        IllegalMoveError: it is not published.
        ForbiddenError: the actor does not manage them.
        InvalidError: someone is not there.
    """
    if challenge.state != "published":
        raise IllegalMoveError(f"This challenge is {challenge.state}; nobody can be added.", state=challenge.state)
    await check_manages_people(session, actor, person_ids)
    await check_people(session, actor.org_id, person_ids, "/person_ids")
    if await add_people(session, actor.org_id, challenge.audience_id, person_ids):
        challenge.version += 1  # or a stale audience could be written over them
    wanted = set(person_ids)
    members = await _members(session, actor, challenge)
    return await assignments.assign(session, challenge, [member for member in members if member[0] in wanted])


async def assign_joiners(session: AsyncSession, org_id: UUID, team_id: UUID, person_ids: Sequence[UUID]) -> int:
    """Give new reps of a team the published challenges that take joiners; return how many. It may run twice.

    For a person who is not a rep of this team now, it does nothing.
    """
    await session.flush()
    await hold_org(session, org_id)  # a challenge that is being published would not be seen, nor see the joiner
    reps = await session.scalars(
        select(Membership.person_id).where(
            Membership.org_id == org_id,
            Membership.team_id == team_id,
            among(Membership.person_id, person_ids),
            Membership.role == "rep",
            Membership.until_at.is_(None),
        )
    )
    members: list[Member] = [(person_id, team_id) for person_id in reps.all()]
    if not members:
        return 0
    rows = await session.scalars(
        select(Challenge)
        .join(Audience, (Audience.org_id == Challenge.org_id) & (Audience.id == Challenge.audience_id))
        .where(Challenge.org_id == org_id, Challenge.state == "published", Audience.joiners == "include")
        .where(or_(Audience.everyone, _has_team(org_id, team_id)))
        .order_by(Challenge.id)
        .with_for_update(of=Challenge, key_share=True)
    )
    return sum([await assignments.assign(session, challenge, members) for challenge in rows.all()])


def _has_team(org_id: UUID, team_id: UUID) -> Any:
    """Whether an audience names the team, or one above it with its subteams."""
    above = select(Team.id, Team.parent_id).where(Team.org_id == org_id, Team.id == team_id).cte(recursive=True)
    parents = select(Team.id, Team.parent_id).join(above, Team.id == above.c.parent_id).where(Team.org_id == org_id)
    lineage = select(above.union(parents).c.id)
    return exists().where(
        AudienceTeam.org_id == org_id,
        AudienceTeam.audience_id == Audience.id,
        or_(AudienceTeam.team_id == team_id, Audience.include_subteams & AudienceTeam.team_id.in_(lineage)),
    )


async def _members(session: AsyncSession, actor: Actor, challenge: Challenge) -> list[Member]:
    """Where several teams lead to a person, one of the actor's, so that who asks also sees the answer."""
    return await members_of(session, challenge.org_id, challenge.audience_id, reps_only=True, prefer=actor.managed)


async def _follow(session: AsyncSession, challenge: Challenge, members: Sequence[Member]) -> Audience:
    audience = await session.get_one(Audience, (challenge.org_id, challenge.audience_id))
    teams = None if audience.everyone else await teams_of(session, challenge.org_id, challenge.audience_id)
    await assignments.follow_audience(session, challenge, [person_id for person_id, _ in members], teams)
    return audience
