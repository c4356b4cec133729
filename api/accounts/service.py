from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.schemas import Me, MePatch, MyOrg, MyTeam, SessionOut
from api.accounts.sessions import revoke
from api.auth import Actor
from api.limits.room import storage_use
from api.settings import Settings
from api.zones import check_zone
from models.base import now
from models.event import write_event
from models.org import Org
from models.person import Person, Session
from models.team import Membership, Team


async def me(session: AsyncSession, settings: Settings, actor: Actor) -> Me:
    person = await session.get_one(Person, (actor.org_id, actor.person_id))
    org = await session.get_one(Org, actor.org_id)
    query = (
        select(Team.id, Team.name, Membership.role)
        .join(Membership, (Membership.org_id == Team.org_id) & (Membership.team_id == Team.id))
        .where(Team.org_id == actor.org_id, Membership.person_id == actor.person_id, Membership.until_at.is_(None))
        .order_by(Team.name)
    )
    teams = [MyTeam(row.id, row.name, row.role) for row in await session.execute(query)]
    return Me(
        id=person.id,
        name=person.name,
        email=person.email,
        org_role=person.org_role,
        time_zone=person.time_zone or org.time_zone,
        org=MyOrg(org.id, org.slug, org.name, org.time_zone),
        teams=teams,
        session_id=actor.session_id,
        server_time=now(),
        storage=await storage_use(session, settings, actor),
    )


async def update_me(session: AsyncSession, actor: Actor, data: MePatch) -> None:
    person = await session.get_one(Person, (actor.org_id, actor.person_id), with_for_update=True)
    if data.name is not msgspec.UNSET:
        person.name = data.name
    if data.time_zone is not msgspec.UNSET:
        person.time_zone = check_zone(data.time_zone)
    person.version += 1
    fields = sorted(name for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET)
    write_event(session, person, "changed", fields=fields)
    await session.flush()


async def end_session(session: AsyncSession, actor: Actor, session_id: UUID) -> None:
    await revoke(session, actor.org_id, actor.person_id, Session.id == session_id, why="signed-out")


def session_out(row: Session, actor: Actor) -> SessionOut:
    return SessionOut(row.id, row.user_agent, row.address, row.created_at, row.last_used_at, row.id == actor.session_id)
