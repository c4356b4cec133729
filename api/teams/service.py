from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from api.auth import Actor
from api.challenges.reach import assign_joiners
from api.creation import existing
from api.policy import visible
from api.teams.schemas import MemberOut, TeamDetail, TeamIn, TeamPatch
from models.base import now
from models.errors import ConflictError, InvalidError
from models.event import write_event
from models.ids import new_id
from models.org import hold_org
from models.person import Person
from models.reviewing import stopped_managing
from models.team import Membership, Team


async def create_team(session: AsyncSession, actor: Actor, data: TeamIn) -> tuple[Team, bool]:
    """Return the team and whether it is new.

    Raises:
        InvalidError: there is no such parent.
    """
    if found := await existing(session, actor, Team, data.id):
        return found, False
    if data.parent_id is not None:
        await _check_parent(session, actor.org_id, data.parent_id)
    team = Team(
        org_id=actor.org_id,
        id=data.id or new_id(),
        name=data.name,
        parent_id=data.parent_id,
        created_by=actor.person_id,
    )
    session.add(team)
    write_event(session, team, "created")
    await session.flush()
    return team, True


async def _check_parent(session: AsyncSession, org_id: UUID, parent_id: UUID) -> None:
    if await session.get(Team, (org_id, parent_id)) is None:
        raise InvalidError("There is no team with this id.", pointer="/parent_id")


async def change_team(session: AsyncSession, team: Team, data: TeamPatch) -> None:
    """Rename a team, or hang it below another; its row is locked.

    Raises:
        InvalidError: there is no such parent.
        ConflictError: the parent lies below this team.
    """
    if data.name is not msgspec.UNSET:
        team.name = data.name
        write_event(session, team, "changed", fields=["name"])
    if data.parent_id is not msgspec.UNSET and data.parent_id != team.parent_id:
        await _hang(session, team, data.parent_id)
    team.version += 1
    await session.flush()


async def _hang(session: AsyncSession, team: Team, parent_id: UUID | None) -> None:
    await hold_org(session, team.org_id)  # two moves at once could close a circle that neither sees
    if parent_id is not None:
        await _check_parent(session, team.org_id, parent_id)
        if parent_id in await _below(session, team):
            raise ConflictError("A team cannot be below itself.", code="team-cycle")
    write_event(session, team, "moved", **{"from": _text(team.parent_id), "to": _text(parent_id)})
    team.parent_id = parent_id


def _text(key: UUID | None) -> str | None:
    return str(key) if key else None


_BELOW = text("""
WITH RECURSIVE below AS (
  SELECT CAST(:team AS uuid) AS id
  UNION SELECT t.id FROM team t JOIN below b ON t.parent_id = b.id WHERE t.org_id = :org
)
SELECT id FROM below
""")


async def _below(session: AsyncSession, team: Team) -> set[UUID]:
    return set(await session.scalars(_BELOW, {"team": team.id, "org": team.org_id}))


async def put_member(session: AsyncSession, team: Team, person: Person, role: str) -> MemberOut:
    """Give a person a role in a team from now on; another role they have in it ends. The person's row is locked.

    A new rep gets the published challenges that take joiners.

    Raises:
        ConflictError: the person has left.
    """
    if person.state == "left":
        raise ConflictError("This person has left the organization.", code="person-left", state="left")
    present = await _membership(session, team, person)
    if present is None or present.role != role:
        present = await change_membership(session, team.id, person, role, present)
        if role == "rep":
            await assign_joiners(session, team.org_id, team.id, [person.id])
    return MemberOut(person.id, person.name, present.role, present.from_at)


async def change_membership(
    session: AsyncSession, team_id: UUID, person: Person, role: str, present: Membership | None
) -> Membership:
    """End the membership there is, if any, and start one of this role from then on."""
    since = await _end(session, present) if present else now()
    made = Membership(org_id=person.org_id, team_id=team_id, person_id=person.id, role=role, from_at=since)
    session.add(made)
    write_event(session, made, "started", team_id=str(team_id), person_id=str(person.id), role=role)
    return made


async def _membership(session: AsyncSession, team: Team, person: Person) -> Membership | None:
    found: Membership | None = await session.scalar(
        select(Membership).where(
            Membership.org_id == team.org_id,
            Membership.team_id == team.id,
            Membership.person_id == person.id,
            Membership.until_at.is_(None),
        )
    )
    return found


async def _end(session: AsyncSession, membership: Membership) -> datetime:
    """End it now, and write that first: only one may last at a time. Return when it ended."""
    membership.until_at = max(now(), membership.from_at)  # another machine's clock may be ahead
    write_event(
        session,
        membership,
        "ended",
        team_id=str(membership.team_id),
        person_id=str(membership.person_id),
        role=membership.role,
    )
    await session.flush()
    if membership.role == "manager":
        await stopped_managing(session, membership.org_id, membership.person_id, membership.team_id)
    return membership.until_at


async def remove_member(session: AsyncSession, team: Team, person: Person) -> None:
    """End a person's membership; when there is none, that is what was wanted."""
    if present := await _membership(session, team, person):
        await _end(session, present)


async def end_memberships(session: AsyncSession, person: Person) -> None:
    """End all that a person has, for they leave. The person's row is locked."""
    query = select(Membership).where(
        Membership.org_id == person.org_id, Membership.person_id == person.id, Membership.until_at.is_(None)
    )
    for membership in (await session.scalars(query)).all():
        await _end(session, membership)


async def team_detail(session: AsyncSession, actor: Actor, team: Team) -> TeamDetail:
    here = aliased(Membership)  # who sees a person depends on memberships too: those are others
    query = (
        select(Person.id, Person.name, here.role, here.from_at)
        .join(here, (here.org_id == Person.org_id) & (here.person_id == Person.id))
        .where(visible(actor, Person), here.org_id == team.org_id, here.team_id == team.id, here.until_at.is_(None))
        .order_by(Person.name, Person.id)
    )
    members = [MemberOut(*row) for row in await session.execute(query)]
    return TeamDetail(team.id, team.name, team.parent_id, team.created_at, members)
