"""People by a table: what would become of each line, told first, then all of it or nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.links import invite_all
from api.auth import Actor
from api.challenges.reach import assign_joiners
from api.people.service import change_role
from api.people_import.schemas import ImportedPerson, ImportFlaw, ImportIn, ImportOut
from api.people_import.table import Flaw, Line, Table, read_table
from api.people_import.teams import Teams, read_teams
from api.teams.service import change_membership
from models.assignments import among
from models.errors import ConflictError, InvalidError
from models.event import write_event
from models.ids import new_id
from models.org import hold_org
from models.person import Person
from models.team import Membership

MOST_FLAWS = 200
FIELDS = ("name", "org_role", "time_zone")
Key = tuple[UUID, UUID]  # of a team and a person


@dataclass
class Wanted:
    """What the lines of one address say together."""

    first: Line
    roles: dict[UUID, str] = field(default_factory=dict)
    team_names: dict[UUID, str] = field(default_factory=dict)


@dataclass
class Present:
    people: Mapping[str, Person]
    memberships: dict[Key, Membership]


async def import_people(session: AsyncSession, actor: Actor, data: ImportIn) -> ImportOut:
    """Invite who is new and change who is there, as the lines say; an empty cell says nothing.

    Nobody is removed by being absent. Who is in a team stays in it; a role named there takes the place of another.

    Raises:
        InvalidError: something is wrong with a line; nothing was done. Not of a dry run, which tells it.
        ConflictError: people were changed at the same moment, or nobody would be left to administer.
    """
    table = read_table(data.csv)
    teams = await read_teams(session, actor.org_id)
    wanted = _gather(table, teams)
    present = await _present(session, actor.org_id, wanted, lock=not data.dry_run)
    table.flaws += [
        Flaw(one.first.line, "email", f"{email} has left. Let them come back first.")
        for email, one in wanted.items()
        if email in present.people and present.people[email].state == "left"
    ]
    if table.flaws and not data.dry_run:
        raise _refusal(table.flaws)
    told = [_told(one, present) for one in wanted.values()]
    if not data.dry_run:
        await _apply(session, actor, wanted, present)
    return _answer(told, table.flaws, applied=not data.dry_run)


def _gather(table: Table, teams: Teams) -> dict[str, Wanted]:
    """Put the lines of one address together; where they contradict each other, the later one is at fault."""
    wanted: dict[str, Wanted] = {}
    for line in table.lines:
        one = wanted.setdefault(line.email, Wanted(line))
        for column in FIELDS:
            if getattr(line, column) and getattr(line, column) != getattr(one.first, column):
                said = f"Line {one.first.line} says something else of {line.email}."
                table.flaws.append(Flaw(line.line, column, said))
        if line.team:
            _gather_team(table, teams, one, line)
    return wanted


def _gather_team(table: Table, teams: Teams, one: Wanted, line: Line) -> None:
    try:
        team = teams.named(line.team)
    except InvalidError as error:
        table.flaws.append(Flaw(line.line, "team", error.detail))
        return
    role = line.team_role or "rep"
    if one.roles.setdefault(team.id, role) != role:
        table.flaws.append(Flaw(line.line, "team_role", f"{line.email} has one role in {team.name}."))
    one.team_names[team.id] = team.name


async def _present(session: AsyncSession, org_id: UUID, emails: Collection[str], *, lock: bool) -> Present:
    """Read who is there already: locked, people before the organization, which keeps others from coming."""
    query = select(Person).where(Person.org_id == org_id, Person.email.in_(emails)).order_by(Person.id)
    rows = (await session.scalars(query.with_for_update() if lock else query)).all()
    if lock:
        await hold_org(session, org_id)
        ids = select(Person.id).where(Person.org_id == org_id, Person.email.in_(emails)).order_by(Person.id)
        if list(await session.scalars(ids)) != [person.id for person in rows]:
            raise ConflictError("People were changed at the same moment. Send it again.", code="changed-meanwhile")
    memberships = await session.scalars(
        select(Membership).where(
            Membership.org_id == org_id,
            among(Membership.person_id, [person.id for person in rows]),
            Membership.until_at.is_(None),
        )
    )
    there = {(row.team_id, row.person_id): row for row in memberships}
    return Present({person.email: person for person in rows}, there)


def _refusal(flaws: list[Flaw]) -> InvalidError:
    error = InvalidError("The table has lines that cannot be taken. Nobody was changed.", pointer="/csv")
    error.errors = [{"pointer": "/csv", "detail": _sentence(flaw)} for flaw in _in_order(flaws)[:MOST_FLAWS]]
    return error


def _sentence(flaw: Flaw) -> str:
    where = [f"Line {flaw.line}"] if flaw.line else []
    where += [flaw.column] if flaw.column else []
    return f"{', '.join(where)}: {flaw.detail}" if where else flaw.detail


def _in_order(flaws: Iterable[Flaw]) -> list[Flaw]:
    return sorted(flaws, key=lambda flaw: flaw.line)


def _told(one: Wanted, present: Present) -> ImportedPerson:
    person = present.people.get(one.first.email)
    changes = [f"{name}: {value}" for name, value in _changed(one.first, person).items()]
    for team_id, role in one.roles.items():
        before = present.memberships.get((team_id, person.id)) if person is not None else None
        if before is None:
            changes.append(f"joins {one.team_names[team_id]} as {role}")
        elif before.role != role:
            changes.append(f"is {role} in {one.team_names[team_id]} instead of {before.role}")
    action = "invite" if person is None else "update" if changes else "unchanged"
    person_id = person.id if person is not None else None
    return ImportedPerson(one.first.line, action, person_id, one.first.name, one.first.email, changes)


def _changed(line: Line, person: Person | None) -> dict[str, str]:
    """Return the fields that a line says otherwise than they are; of somebody new, what is not as usual."""
    said = {name: getattr(line, name) for name in FIELDS if getattr(line, name)}
    if person is None:
        return {name: value for name, value in said.items() if name != "name" and value != "member"}
    return {name: value for name, value in said.items() if getattr(person, name) != value}


async def _apply(session: AsyncSession, actor: Actor, wanted: Mapping[str, Wanted], present: Present) -> None:
    new = {email: _new_person(actor, one.first) for email, one in wanted.items() if email not in present.people}
    session.add_all(new.values())
    await session.flush()
    await invite_all(session, list(new.values()))
    people = {**present.people, **new}
    for email, one in wanted.items():
        if email not in new:
            await _change(session, people[email], one.first)
    await _join(session, actor, wanted, people, present.memberships)


def _new_person(actor: Actor, line: Line) -> Person:
    return Person(
        org_id=actor.org_id,
        id=new_id(),
        name=line.name,
        email=line.email,
        org_role=line.org_role or "member",
        time_zone=line.time_zone or None,
        created_by=actor.person_id,
    )


async def _change(session: AsyncSession, person: Person, line: Line) -> None:
    changed = _changed(line, person)
    if not changed:
        return
    if role := changed.pop("org_role", None):
        await change_role(session, person, role)
    for name, value in changed.items():
        setattr(person, name, value)
    if changed:
        write_event(session, person, "changed", fields=sorted(changed))
    person.version += 1
    await session.flush()


async def _join(
    session: AsyncSession,
    actor: Actor,
    wanted: Mapping[str, Wanted],
    people: Mapping[str, Person],
    memberships: Mapping[Key, Membership],
) -> None:
    joined: dict[UUID, list[UUID]] = defaultdict(list)
    for email, one in wanted.items():
        for team_id, role in one.roles.items():
            await _join_one(session, people[email], team_id, role, memberships, joined)
    for team_id in sorted(joined):
        await assign_joiners(session, actor.org_id, team_id, joined[team_id])


async def _join_one(
    session: AsyncSession,
    person: Person,
    team_id: UUID,
    role: str,
    memberships: Mapping[Key, Membership],
    joined: dict[UUID, list[UUID]],
) -> None:
    present = memberships.get((team_id, person.id))
    if present is not None and present.role == role:
        return
    await change_membership(session, team_id, person, role, present)
    if role == "rep":
        joined[team_id].append(person.id)


def _answer(told: list[ImportedPerson], flaws: list[Flaw], *, applied: bool) -> ImportOut:
    def count(action: str) -> int:
        return sum(one.action == action for one in told)

    shown = [ImportFlaw(flaw.line, flaw.column, flaw.detail) for flaw in _in_order(flaws)[:MOST_FLAWS]]
    return ImportOut(applied, count("invite"), count("update"), count("unchanged"), told, shown)
