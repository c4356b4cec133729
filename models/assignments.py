"""How assignments come to be, open, rest and come back."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, any_, case, exists, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from models.base import now
from models.challenge import Assignment, Challenge
from models.event import write_event
from models.org import Org
from models.person import Person
from models.take import Take

Member = tuple[UUID, UUID | None]

# Nothing has been done yet: these follow the challenge's opening, and may be taken away again.
UNTOUCHED = ("scheduled", "open")


def due_in_zone(local: datetime, zone: str) -> datetime:
    """Return the instant of a wall time in a zone, in UTC.

    Where clocks are turned, the reading that gives the rep more time counts: of an hour that comes twice the second
    one, and a time that is skipped is as far behind the turn as it says (02:30 becomes 03:30).
    """
    return max(local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))


def due_for(challenge: Challenge, zone: str) -> datetime | None:
    """Return when it is due for a person of this zone; None where a wall time passes before the challenge opens."""
    if challenge.due_local is None:
        return challenge.due_at
    due_at = due_in_zone(challenge.due_local, zone)
    return None if challenge.opens_at is not None and due_at <= challenge.opens_at else due_at


def present_state() -> ColumnElement[str]:
    """Return the state as it is by the clock: a scheduled one whose time has come is open before the sweep says so."""
    opened = and_(Assignment.state == "scheduled", Assignment.opens_at <= func.now())
    return case((opened, "open"), else_=Assignment.state)


def first_state(opens_at: datetime | None, at: datetime) -> str:
    return "scheduled" if opens_at is not None and opens_at > at else "open"


async def assign(session: AsyncSession, challenge: Challenge, members: Iterable[Member]) -> int:
    """Give a published challenge to those who have no copy of it, or a closed one; return to how many.

    The challenge's row is locked. Whoever gets it after it was due has no due time: nobody starts overdue.
    """
    wanted, given = dict(members), 0
    for row in await _locked(session, _of(challenge) & among(Assignment.person_id, wanted)):
        del wanted[row.person_id]
        if row.state == "closed":
            _come_back(row)
            given += 1
    zones, at = await _zones(session, challenge.org_id, wanted), now()
    session.add_all(
        _copy(challenge, (person_id, wanted[person_id]), zones[person_id], at) for person_id in sorted(wanted)
    )
    await session.flush()
    return given + len(wanted)


async def open_due(session: AsyncSession, org_id: UUID, ids: Collection[UUID]) -> int:
    """Open those of the scheduled assignments whose time has come; return how many. It may run twice."""
    wanted = (Assignment.org_id == org_id) & among(Assignment.id, ids)
    rows = await _locked(session, wanted & (Assignment.state == "scheduled") & (Assignment.opens_at <= now()))
    for row in rows:
        _go(row, "open")
    await session.flush()
    return len(rows)


async def close_all(session: AsyncSession, challenge: Challenge) -> None:
    """Close what is not done, remembering where it was. Excused ones stay excused."""
    rows = await _locked(session, _of(challenge) & Assignment.state.not_in(("done", "excused", "closed")))
    for row in rows:
        _rest(row, "closed")
    await session.flush()


async def close_of(session: AsyncSession, person: Person) -> None:
    """Close what is not done of somebody who leaves, remembering where it was."""
    mine = (Assignment.org_id == person.org_id) & (Assignment.person_id == person.id)
    for row in await _locked(session, mine & Assignment.state.not_in(("done", "excused", "closed"))):
        _rest(row, "closed")
    await session.flush()


async def come_back_of(session: AsyncSession, person: Person) -> None:
    """Give back to somebody who returns what is still asked of others; nobody starts overdue."""
    asked = select(Challenge.id).where(Challenge.org_id == person.org_id, Challenge.state == "published")
    mine = (Assignment.org_id == person.org_id) & (Assignment.person_id == person.id)
    at = now()
    for row in await _locked(session, mine & (Assignment.state == "closed") & Assignment.challenge_id.in_(asked)):
        _come_back(row)
        if row.state in {"open", "in_progress", "retake"} and row.due_at is not None and row.due_at <= at:
            row.due_at, row.due_at_own = None, True
    await session.flush()


async def follow_audience(
    session: AsyncSession, challenge: Challenge, reached: Iterable[UUID], teams: Collection[UUID] | None
) -> None:
    """Close the untouched copies of those whom the audience leaves out now, and bring back what it reaches again.

    A person is in it who is among `reached`, or whose copy was made in one of `teams` (None: all of them), also after
    moving on. Whoever has begun a take keeps the copy; of those who have left, all stays closed.
    """
    inside, taken = set(reached), await _with_takes(session, challenge)
    rows = await _locked(session, _of(challenge) & Assignment.state.in_((*UNTOUCHED, "closed")) & _is_here())
    for row in rows:
        covered = row.person_id in inside or teams is None or row.team_id in teams or row.id in taken
        if covered and row.state == "closed":
            _come_back(row)
        elif not covered and row.state != "closed":
            _rest(row, "closed")
    await session.flush()


async def follow_dates(session: AsyncSession, challenge: Challenge, *, due: bool) -> None:
    """Give the challenge's new opening to its assignments, and its `due` time; one of a person's own stays."""
    rows, at = await _locked(session, _of(challenge)), now()
    zones = await _zones(session, challenge.org_id, [row.person_id for row in rows])
    for row in rows:
        due_at = due_for(challenge, zones[row.person_id]) if due and not row.due_at_own else row.due_at
        if (row.due_at, row.opens_at) != (due_at, challenge.opens_at):
            before = row.due_at
            row.due_at, row.opens_at = due_at, challenge.opens_at
            row.version += 1
            _tell_due(session, row, before)
        if row.state in UNTOUCHED and row.state != first_state(row.opens_at, at):
            _go(row, first_state(row.opens_at, at))
    await session.flush()


async def excuse(session: AsyncSession, assignment: Assignment) -> None:
    """Let a person off. Done again, it changes nothing; what was handed in stays."""
    if assignment.state != "excused":
        _rest(assignment, "excused")
    await session.flush()


async def expect_again(session: AsyncSession, assignment: Assignment, challenge: Challenge) -> None:
    """Take an excuse back: to where it was, or to closed while the challenge is."""
    if assignment.state != "excused":
        return
    if challenge.state == "published":
        _come_back(assignment)
    else:
        assignment.move("closed")
        assignment.version += 1
    await session.flush()


async def set_due(session: AsyncSession, assignment: Assignment, challenge: Challenge, due_at: datetime | None) -> None:
    """Give a person a due time of their own; None goes back to the challenge's."""
    zones = await _zones(session, assignment.org_id, [assignment.person_id])
    before = assignment.due_at
    assignment.due_at_own = due_at is not None
    assignment.due_at = due_at or due_for(challenge, zones[assignment.person_id])
    assignment.version += 1
    _tell_due(session, assignment, before)
    await session.flush()


def _tell_due(session: AsyncSession, row: Assignment, before: datetime | None) -> None:
    if row.due_at != before:
        write_event(session, row, "due_changed", due_at=row.due_at, before=before)


def among(column: InstrumentedAttribute[UUID], ids: Collection[UUID]) -> ColumnElement[bool]:
    """Return whether the column is one of many ids: one parameter, however many there are."""
    return column == any_(literal(list(ids), ARRAY(Uuid())))


def _of(challenge: Challenge) -> ColumnElement[bool]:
    return (Assignment.org_id == challenge.org_id) & (Assignment.challenge_id == challenge.id)


def _is_here() -> ColumnElement[bool]:
    """Whether the person of an assignment has not left: what closed with them comes back with them only."""
    left = (Person.org_id == Assignment.org_id) & (Person.id == Assignment.person_id) & (Person.state == "left")
    return ~exists().where(left)


def _copy(challenge: Challenge, member: Member, zone: str, at: datetime) -> Assignment:
    due_at = due_for(challenge, zone)
    return Assignment(
        org_id=challenge.org_id,
        challenge_id=challenge.id,
        person_id=member[0],
        team_id=member[1],
        state=first_state(challenge.opens_at, at),
        opens_at=challenge.opens_at,
        due_at=due_at if due_at is not None and due_at > at else None,
    )


def _go(row: Assignment, to: str) -> None:
    row.move(to)
    row.version += 1


def _rest(row: Assignment, at: str) -> None:
    """From one rest to another the place to come back to stays."""
    back_to = row.resume_state if row.state in {"excused", "closed"} else row.state
    _go(row, at)
    row.resume_state = back_to


def _come_back(row: Assignment) -> None:
    to = row.resume_state or "open"
    _go(row, first_state(row.opens_at, now()) if to in UNTOUCHED else to)
    row.resume_state = None


async def _locked(session: AsyncSession, wanted: ColumnElement[bool]) -> Sequence[Assignment]:
    query = select(Assignment).where(wanted).order_by(Assignment.id).with_for_update(key_share=True)
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def _zones(session: AsyncSession, org_id: UUID, person_ids: Collection[UUID]) -> dict[UUID, str]:
    """The zone each person lives by, the organization's where they have named none."""
    rows = await session.execute(
        select(Person.id, func.coalesce(Person.time_zone, Org.time_zone).label("zone"))
        .join(Org, Org.id == Person.org_id)
        .where(Person.org_id == org_id, among(Person.id, person_ids))
    )
    return {row.id: row.zone for row in rows}


async def _with_takes(session: AsyncSession, challenge: Challenge) -> set[UUID]:
    """The assignments somebody has begun a take of, practice included."""
    query = select(Take.assignment_id).where(
        Take.org_id == challenge.org_id, Take.challenge_id == challenge.id, Take.state != "discarded"
    )
    return set(await session.scalars(query))
