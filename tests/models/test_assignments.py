from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from models import assignments
from models.assignments import due_for, due_in_zone, first_state
from models.base import now
from models.challenge import Assignment, Challenge
from models.errors import IllegalMoveError
from models.event import Event
from models.person import Person
from models.take import Take
from tests.factories.people import OrgKit
from tests.factories.takes import Story, assignment_of, make_assignment, make_story, state_of


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "zone", "instant"),
    [
        pytest.param("2021-01-15T17:00", "Europe/Berlin", "2021-01-15T16:00", id="winter"),
        pytest.param("2021-07-15T17:00", "Europe/Berlin", "2021-07-15T15:00", id="summer"),
        pytest.param("2021-03-27T17:00", "Europe/Berlin", "2021-03-27T16:00", id="the day before the turn"),
        pytest.param("2021-03-28T17:00", "Europe/Berlin", "2021-03-28T15:00", id="the day of the turn"),
        pytest.param("2021-07-15T17:00", "America/New_York", "2021-07-15T21:00", id="west"),
        pytest.param("2021-07-15T17:00", "Asia/Kolkata", "2021-07-15T11:30", id="half an hour"),
        pytest.param("2021-07-15T17:00", "Asia/Kathmandu", "2021-07-15T11:15", id="a quarter"),
        pytest.param("2021-07-15T17:00", "Pacific/Kiritimati", "2021-07-15T03:00", id="first of all"),
        pytest.param("2021-07-15T23:00", "Pacific/Pago_Pago", "2021-07-16T10:00", id="last of all"),
        pytest.param("2021-10-31T02:30", "Europe/Berlin", "2021-10-31T01:30", id="twice: the second"),
        pytest.param("2021-11-07T01:15", "America/New_York", "2021-11-07T06:15", id="twice, west: the second"),
        pytest.param("2021-10-31T03:00", "Europe/Berlin", "2021-10-31T02:00", id="after the hour that comes twice"),
        pytest.param("2021-03-28T02:30", "Europe/Berlin", "2021-03-28T01:30", id="skipped: as far behind"),
        pytest.param("2021-03-14T02:00", "America/New_York", "2021-03-14T07:00", id="skipped, west"),
        pytest.param("2021-10-03T02:10", "Australia/Lord_Howe", "2021-10-02T15:40", id="half an hour skipped"),
        pytest.param("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T22:00", id="a day that was skipped"),
    ],
)
def test_a_wall_time_is_read_in_the_person_s_favour(local: str, zone: str, instant: str) -> None:
    found = due_in_zone(wall(local), zone)
    assert (found, found.tzinfo) == (utc(instant), UTC)


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        ({}, None),
        ({"due_at": utc("2150-07-01T12:00")}, utc("2150-07-01T12:00")),
        ({"due_local": wall("2021-07-01T12:00")}, utc("2021-07-01T03:00")),
        ({"due_local": wall("2021-07-01T12:00"), "opens_at": utc("2021-07-01T02:59")}, utc("2021-07-01T03:00")),
        ({"due_local": wall("2021-07-01T12:00"), "opens_at": utc("2021-07-01T03:00")}, None),
    ],
)
def test_a_challenge_is_due_for_a_person_after_it_opens(challenge: dict[str, Any], expected: datetime | None) -> None:
    assert due_for(Challenge(title="Why us", **challenge), "Asia/Tokyo") == expected


@pytest.mark.parametrize(
    ("opens_at", "state"),
    [(None, "open"), ("2021-07-01T12:00", "open"), ("2021-07-01T11:59", "open"), ("2021-07-01T12:01", "scheduled")],
)
def test_what_opens_later_begins_scheduled(opens_at: str | None, state: str) -> None:
    assert first_state(utc(opens_at) if opens_at else None, utc("2021-07-01T12:00")) == state


@pytest.mark.parametrize(("before", "to"), list(product(sorted(Assignment.MOVES), repeat=2)))
def test_an_assignment_makes_the_moves_of_its_table_only(before: str, to: str) -> None:
    row = Assignment(state=before)
    if to in Assignment.MOVES[before]:
        row.move(to)
        assert row.state == to
    else:
        with pytest.raises(IllegalMoveError) as refused:
            row.move(to)
        assert (refused.value.facts, row.state) == ({"state": before}, before)


async def run(story: Story, name: str, *arguments: Any, **named: Any) -> Any:
    """Call a use case of the module on the story's challenge, its row locked."""
    async with story.database.tenant(story.org.id) as session:
        key = (story.org.id, story.challenge_id)
        challenge = await session.get_one(Challenge, key, with_for_update={"key_share": True})
        return await getattr(assignments, name)(session, challenge, *arguments, **named)


async def write(story: Story, model: Any, key: UUID, **values: Any) -> None:
    async with story.database.tenant(story.org.id) as session:
        await session.execute(update(model).where(model.org_id == story.org.id, model.id == key).values(**values))


async def on_assignment(story: Story, name: str, *arguments: Any) -> Assignment:
    """Call a use case of the module on the story's assignment."""
    async with story.database.tenant(story.org.id) as session:
        row = await session.get_one(Assignment, (story.org.id, story.assignment_id))
        challenge = await session.get_one(Challenge, (story.org.id, story.challenge_id))
        needed = [] if name == "excuse" else [challenge]
        await getattr(assignments, name)(session, row, *needed, *arguments)
    return await assignment_of(story)


async def states(story: Story) -> list[str]:
    async with story.database.tenant(story.org.id) as session:
        rows = select(Assignment.state).where(Assignment.org_id == story.org.id).order_by(Assignment.created_at)
        return list(await session.scalars(rows))


async def test_assigning_twice_gives_one_copy(org: OrgKit) -> None:
    story = await make_story(org)
    new = await org.person(time_zone="Asia/Tokyo")
    members = [(story.rep.id, story.team_id), (new.id, None)]
    assert await run(story, "assign", members) == 1
    assert await run(story, "assign", members) == 0
    assert await states(story) == ["open", "open"]


async def test_assigning_nobody_gives_nothing(org: OrgKit) -> None:
    assert await run(await make_story(org), "assign", []) == 0


async def test_a_copy_is_due_by_the_person_s_zone_or_the_organization_s(org: OrgKit) -> None:
    story = await make_story(org, due_local=wall("2150-07-01T12:00"))
    people = [await org.person(time_zone=zone) for zone in ("Asia/Tokyo", None)]
    await run(story, "assign", [(person.id, None) for person in people])
    async with story.database.tenant(org.id) as session:
        rows = select(Assignment.person_id, Assignment.due_at).where(Assignment.org_id == org.id)
        due = {row.person_id: row.due_at for row in await session.execute(rows)}
    assert [due[person.id] for person in people] == [utc("2150-07-01T03:00"), utc("2150-07-01T12:00")]


async def test_nobody_starts_overdue(org: OrgKit) -> None:
    story = await make_story(org, due_at=now() - timedelta(hours=1))
    new = await org.person()
    await run(story, "assign", [(new.id, None)])
    async with story.database.tenant(org.id) as session:
        due = select(Assignment.due_at).where(Assignment.org_id == org.id, Assignment.person_id == new.id)
        assert await session.scalar(due) is None


async def test_assigning_brings_a_closed_copy_back_and_leaves_an_excused_one(org: OrgKit) -> None:
    story = await make_story(org)
    excused = await org.person()
    key = await make_assignment(org, story.challenge_id, excused.id, None, state="excused", resume_state="open")
    await write(story, Assignment, story.assignment_id, state="closed", resume_state="retake")
    assert await run(story, "assign", [(story.rep.id, None), (excused.id, None)]) == 1
    row = await assignment_of(story)
    assert (row.state, row.resume_state, row.team_id) == ("retake", None, story.team_id)
    async with story.database.tenant(org.id) as session:
        assert (await session.get_one(Assignment, (org.id, key))).state == "excused"


async def test_only_what_is_due_to_open_opens_and_once(org: OrgKit) -> None:
    story = await make_story(org, state="scheduled")
    await write(story, Assignment, story.assignment_id, opens_at=now() + timedelta(hours=1))
    async with story.database.tenant(org.id) as session:
        assert await assignments.open_due(session, org.id, [story.assignment_id]) == 0
    await write(story, Assignment, story.assignment_id, opens_at=now() - timedelta(hours=1))
    async with story.database.tenant(org.id) as session:
        assert await assignments.open_due(session, org.id, [story.assignment_id]) == 1
        assert await assignments.open_due(session, org.id, [story.assignment_id]) == 0
    assert ((await assignment_of(story)).state, (await assignment_of(story)).version) == ("open", 2)


@pytest.mark.parametrize("state", ["scheduled", "open", "in_progress", "submitted", "retake"])
async def test_what_closes_comes_back_to_where_it_was(org: OrgKit, state: str) -> None:
    story = await make_story(org, state=state)
    await write(story, Assignment, story.assignment_id, opens_at=now() + timedelta(days=1))
    await run(story, "close_all")
    row = await assignment_of(story)
    assert (row.state, row.resume_state) == ("closed", state)
    await run(story, "assign", [(story.rep.id, None)])
    row = await assignment_of(story)
    # What nobody has begun follows the opening.
    assert (row.state, row.resume_state) == ("scheduled" if state in {"scheduled", "open"} else state, None)


@pytest.mark.parametrize("state", ["done", "excused"])
async def test_what_is_done_or_excused_does_not_close(org: OrgKit, state: str) -> None:
    story = await make_story(org, state=state)
    await run(story, "close_all")
    assert await state_of(story) == state


async def test_closing_writes_an_event_for_each(org: OrgKit) -> None:
    story = await make_story(org)
    await run(story, "close_all")
    async with story.database.tenant(org.id) as session:
        told = select(Event.name, Event.data).where(Event.org_id == org.id, Event.subject_id == story.assignment_id)
        rows = (await session.execute(told.order_by(Event.at))).all()
    assert tuple(rows[-1]) == ("assignment.closed", {"from": "open"})


@pytest.mark.parametrize(
    ("covered", "state"),
    [("person", "open"), ("team", "open"), ("all", "open"), ("take", "open"), ("discarded", "closed"), ("", "closed")],
)
async def test_a_copy_follows_the_audience_until_it_is_begun(org: OrgKit, covered: str, state: str) -> None:
    story = await make_story(org)
    if covered in {"take", "discarded"}:
        async with story.database.tenant(org.id) as session:
            session.add(
                Take(
                    org_id=org.id,
                    assignment_id=story.assignment_id,
                    challenge_id=story.challenge_id,
                    person_id=story.rep.id,
                    number=1,
                    practice=True,
                    state="draft" if covered == "take" else "discarded",
                )
            )
    reached = [story.rep.id] if covered == "person" else []
    teams = {"team": {story.team_id}, "all": None}.get(covered, set())
    await run(story, "follow_audience", reached, teams)
    assert await state_of(story) == state
    await run(story, "follow_audience", [story.rep.id], set())
    assert await state_of(story) == "open"


async def test_dates_follow_unless_they_are_the_person_s_own(org: OrgKit) -> None:
    story = await make_story(org)
    due, own = utc("2150-07-01T12:00"), utc("2150-08-01T12:00")
    await write(story, Challenge, story.challenge_id, due_at=due)
    await run(story, "follow_dates", due=True)
    assert ((await assignment_of(story)).due_at, (await assignment_of(story)).version) == (due, 2)
    await run(story, "follow_dates", due=True)
    assert (await assignment_of(story)).version == 2
    row = await on_assignment(story, "set_due", own)
    assert (row.due_at, row.due_at_own) == (own, True)
    await run(story, "follow_dates", due=True)
    assert (await assignment_of(story)).due_at == own
    row = await on_assignment(story, "set_due", None)
    assert (row.due_at, row.due_at_own) == (due, False)


async def test_a_new_opening_leaves_due_times_alone(org: OrgKit) -> None:
    story = await make_story(org, due_at=utc("2150-07-01T12:00"))
    await write(story, Challenge, story.challenge_id, opens_at=utc("2150-06-01T12:00"))
    await run(story, "follow_dates", due=False)
    row = await assignment_of(story)
    assert (row.state, row.opens_at, row.due_at) == ("scheduled", utc("2150-06-01T12:00"), None)


async def test_a_person_s_zone_of_now_counts_when_dates_change(org: OrgKit) -> None:
    story = await make_story(org, due_local=wall("2150-07-01T12:00"))
    await write(story, Person, story.rep.id, time_zone="America/Lima")
    await run(story, "follow_dates", due=True)
    assert (await assignment_of(story)).due_at == utc("2150-07-01T17:00")


@pytest.mark.parametrize("state", ["open", "in_progress", "submitted", "retake", "done"])
async def test_an_excuse_taken_back_leads_to_where_it_was(org: OrgKit, state: str) -> None:
    story = await make_story(org, state=state)
    excused = await on_assignment(story, "excuse")
    assert (excused.state, excused.resume_state) == ("excused", state)
    assert (await on_assignment(story, "excuse")).version == excused.version
    back = await on_assignment(story, "expect_again")
    assert (back.state, back.resume_state) == (state, None)
    assert (await on_assignment(story, "expect_again")).version == back.version


async def test_an_excuse_of_a_closed_assignment_remembers_where_it_was_before(org: OrgKit) -> None:
    story = await make_story(org, state="retake")
    await run(story, "close_all")
    assert (await on_assignment(story, "excuse")).resume_state == "retake"
    await write(story, Challenge, story.challenge_id, state="closed")
    closed = await on_assignment(story, "expect_again")
    assert (closed.state, closed.resume_state) == ("closed", "retake")
