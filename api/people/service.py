from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.links import end_links, send_link
from api.accounts.passwords import hash_password
from api.accounts.sessions import end_sessions
from api.auth import Actor
from api.creation import existing
from api.people.schemas import PersonIn, PersonOut, PersonPatch, PersonTeam, person_out
from api.teams.service import end_memberships
from api.zones import check_zone
from models import assignments, reviewing
from models.base import now
from models.errors import ConflictError
from models.event import write_event
from models.ids import new_id
from models.org import hold_org
from models.person import Person
from models.team import Membership, Team


async def create_person(session: AsyncSession, actor: Actor, data: PersonIn) -> tuple[Person, bool]:
    """Return the person and whether they are new; without a password they are invited.

    Raises:
        ConflictError: somebody of the organization has this e-mail address.
        InvalidError: there is no such time zone.
    """
    if found := await existing(session, actor, Person, data.id):
        return found, False
    check_zone(data.time_zone)
    hashed = await hash_password(data.password) if data.password is not None else None
    await _check_email(session, actor.org_id, data.email.lower())
    person = Person(
        org_id=actor.org_id,
        id=data.id or new_id(),
        name=data.name,
        email=data.email.lower(),
        org_role=data.org_role,
        state="active" if hashed else "invited",
        time_zone=data.time_zone,
        password_hash=hashed,
        created_by=actor.person_id,
    )
    session.add(person)
    await session.flush()
    if not hashed:
        await send_link(session, person, "invitation")
    return person, True


async def _check_email(session: AsyncSession, org_id: UUID, email: str) -> None:
    await hold_org(session, org_id)
    taken = select(Person.state).where(Person.org_id == org_id, Person.email == email)
    if state := await session.scalar(taken):
        hint = " That person has left; they can be made active again." if state == "left" else ""
        raise ConflictError(f"There is a person with the address {email} already.{hint}", code="email-taken")


async def change_person(session: AsyncSession, person: Person, data: PersonPatch) -> None:
    """Change a person whose row is locked.

    Raises:
        ConflictError: the address is taken, or nobody would be left to administer the organization.
        IllegalMoveError: an invited person becomes active by accepting, not by an admin.
        InvalidError: there is no such time zone.
    """
    if data.time_zone is not msgspec.UNSET:
        person.time_zone = check_zone(data.time_zone)
    if data.name is not msgspec.UNSET:
        person.name = data.name
    if data.email is not msgspec.UNSET and data.email.lower() != person.email:
        await _check_email(session, person.org_id, data.email.lower())
        await _change_email(session, person, data.email.lower())
    if data.org_role is not msgspec.UNSET and data.org_role != person.org_role:
        await change_role(session, person, data.org_role)
    if data.state is not msgspec.UNSET and data.state != person.state:
        await (_leave(session, person) if data.state == "left" else _return(session, person))
    person.version += 1
    fields = [name for name in ("email", "name", "time_zone") if getattr(data, name) is not msgspec.UNSET]
    if fields:
        write_event(session, person, "changed", fields=fields)
    await session.flush()


async def _change_email(session: AsyncSession, person: Person, email: str) -> None:
    """Links on their way to the old address end; an invitation goes to the new one."""
    person.email = email
    await session.flush()
    await end_links(session, person)
    if person.state == "invited":
        await send_link(session, person, "invitation")


async def change_role(session: AsyncSession, person: Person, org_role: str) -> None:
    """Give a person, whose row is locked, another role in the organization.

    Raises:
        ConflictError: nobody would be left to administer it.
    """
    if person.org_role == "admin":
        await _check_not_last_admin(session, person)
    write_event(session, person, "role_changed", **{"from": person.org_role, "to": org_role})
    person.org_role = org_role
    await session.flush()
    if not await reviewing.eligible(session, person.org_id, [person.id]):
        await reviewing.end_of(session, person.org_id, person.id)


async def _leave(session: AsyncSession, person: Person) -> None:
    if person.org_role == "admin":
        await _check_not_last_admin(session, person)
    person.move("left")
    person.left_at = now()
    await session.flush()
    await end_memberships(session, person)
    await assignments.close_of(session, person)
    await reviewing.end_of(session, person.org_id, person.id)
    await end_sessions(session, person.org_id, person.id)
    await end_links(session, person)


async def _return(session: AsyncSession, person: Person) -> None:
    """Come back after having left; who never chose a password is invited again."""
    if person.state == "invited":
        raise ConflictError(
            "An invited person becomes active by accepting the invitation.", code="illegal-move", state="invited"
        )
    person.move("active" if person.password_hash else "invited")
    person.left_at = None
    await session.flush()
    await assignments.come_back_of(session, person)
    if person.state == "invited":
        await send_link(session, person, "invitation")


async def _check_not_last_admin(session: AsyncSession, person: Person) -> None:
    await hold_org(session, person.org_id)
    others = select(func.count()).where(
        Person.org_id == person.org_id,
        Person.org_role == "admin",
        Person.state == "active",
        Person.id != person.id,
    )
    if person.state == "active" and not await session.scalar(others):
        raise ConflictError(
            "This is the last active admin of the organization. Make another one first.", code="last-admin"
        )


async def invite_again(session: AsyncSession, person: Person) -> None:
    """Send a new invitation; the one before ends.

    Raises:
        ConflictError: the person has accepted, or has left.
    """
    if person.state != "invited":
        raise ConflictError(
            f"This person is {person.state}; there is nothing to accept.", code="not-invited", state=person.state
        )
    await send_link(session, person, "invitation")


async def person_outs(session: AsyncSession, people: Iterable[Person]) -> list[PersonOut]:
    """Return the representations, the teams of all of them in one query."""
    shown = list(people)
    query = (
        select(Membership.person_id, Membership.role, Team.id, Team.name)
        .join(Team, (Team.org_id == Membership.org_id) & (Team.id == Membership.team_id))
        .where(Membership.person_id.in_([person.id for person in shown]), Membership.until_at.is_(None))
        .order_by(Team.name, Team.id)
    )
    teams: dict[UUID, list[PersonTeam]] = defaultdict(list)
    if shown:
        for row in await session.execute(query.where(Membership.org_id == shown[0].org_id)):
            teams[row.person_id].append(PersonTeam(row.id, row.name, row.role))
    return [person_out(person, teams[person.id]) for person in shown]
