"""States are tables of moves: the same in the model, in the database's CHECK, and each move an event."""

import re
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

import models.all
from models.base import Base, Stateful, moves
from models.challenge import Challenge
from models.database import Database
from models.errors import IllegalMoveError
from models.event import Event
from models.ids import new_id
from models.person import Person
from models.submission import HANDED_IN
from models.team import Audience, Team
from tests.factories.people import OrgKit
from tests.factories.rows import allowed_words, fill

assert models.all.metadata is Base.metadata


def stateful() -> dict[str, type[Stateful]]:
    found = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
    return {name: kind for name, kind in sorted(found.items()) if issubclass(kind, Stateful)}


KINDS = stateful()
MOVES = [(name, state, to) for name, kind in KINDS.items() for state in kind.MOVES for to in kind.MOVES]


def a_row(name: str, state: str) -> Stateful:
    return KINDS[name](org_id=UUID(int=1), state=state)


def test_everything_with_a_life_is_here() -> None:
    assert set(KINDS) == {
        "asset",
        "assignment",
        "bright_spot",
        "challenge",
        "critique",
        "guest_review",
        "person",
        "series",
        "take",
        "upload",
    }


@pytest.mark.parametrize("name", list(KINDS))
def test_every_state_that_is_moved_to_is_in_the_table(name: str) -> None:
    table = KINDS[name].MOVES
    assert set().union(*table.values()) <= set(table)


@pytest.mark.parametrize("name", list(KINDS))
def test_no_state_moves_to_itself(name: str) -> None:
    assert [state for state, targets in KINDS[name].MOVES.items() if state in targets] == []


@pytest.mark.parametrize("name", list(KINDS))
def test_every_state_is_reached_from_the_first(name: str) -> None:
    kind = KINDS[name]
    first = KINDS[name].__table__.columns["state"].default
    reached = set() if first is None else {str(getattr(first, "arg", ""))}
    starts = {"take": {"draft"}, "person": {"invited", "active"}, "assignment": {"scheduled", "open"}}
    reached |= starts.get(name, set())
    while more := set().union(*(kind.MOVES[state] for state in reached)) - reached:
        reached |= more
    assert reached == set(kind.MOVES)


@pytest.mark.parametrize("name", list(KINDS))
def test_the_check_allows_the_states_of_the_table(name: str) -> None:
    assert sorted(allowed_words(Base.metadata.tables[name])["state"]) == sorted(KINDS[name].MOVES)


@pytest.mark.parametrize(("name", "state", "to"), MOVES)
def test_a_move_is_made_as_the_table_says_or_names_the_state(name: str, state: str, to: str) -> None:
    row = a_row(name, state)
    if to in KINDS[name].MOVES[state]:
        row.move(to)
        assert row.state == to
        return
    with pytest.raises(IllegalMoveError) as refused:
        row.move(to)
    assert (refused.value.facts, row.state) == ({"state": state}, state)
    assert refused.value.detail == (
        f"This {name.replace('_', ' ')} is {state.replace('_', ' ')}; it cannot become {to.replace('_', ' ')}."
    )


@pytest.mark.parametrize("name", list(KINDS))
async def test_the_check_in_the_database_is_the_table(database: Database, name: str) -> None:
    rule = text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    async with database.without_tenant() as session:
        [found] = await session.scalars(rule, {"name": f"ck_{name}_state"})
    assert set(re.findall(r"'(\w+)'", found)) == set(KINDS[name].MOVES)


@pytest.mark.parametrize("name", list(KINDS))
async def test_the_database_refuses_a_state_that_is_none(database: Database, org: OrgKit, name: str) -> None:
    async with database.tenant(org.id) as session:
        await fill(session, org.id)
    table = Base.metadata.tables[name]
    with pytest.raises(DBAPIError, match="violates check constraint"):
        async with database.tenant(org.id) as session:
            await session.execute(table.update().where(table.c.org_id == org.id).values(state="somewhere"))


def test_a_table_of_moves_has_every_state_as_a_key() -> None:
    table = moves(draft="published discarded", published="", discarded="")
    assert table == {"draft": {"published", "discarded"}, "published": set(), "discarded": set()}


def test_what_counts_as_handed_in_are_states_of_a_take() -> None:
    assert set(HANDED_IN) < set(KINDS["take"].MOVES)


def test_a_row_has_its_id_and_defaults_before_it_is_written() -> None:
    row = Team(org_id=UUID(int=1), name="North")
    assert row.id is not None
    assert (row.version, row.parent_id, row.created_at.tzinfo is not None) == (1, None, True)
    assert Team(org_id=UUID(int=1), name="North").id != row.id


async def told(org: OrgKit, subject_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    query = select(Event.name, Event.data).where(Event.org_id == org.id, Event.subject_id == subject_id)
    async with org.database.tenant(org.id) as session:
        return [(row.name, row.data) for row in await session.execute(query.order_by(Event.at, Event.id))]


async def test_each_move_that_is_flushed_is_an_event(org: OrgKit) -> None:
    person = Person(org_id=org.id, name="Robin", email=f"{new_id().hex}@example.com")
    async with org.database.tenant(org.id) as session:
        session.add(person)
        await session.flush()
        for state in ("active", "left", "invited"):
            person.move(state)
            await session.flush()
    assert await told(org, person.id) == [
        ("person.invited", {}),
        ("person.active", {"from": "invited"}),
        ("person.left", {"from": "active"}),
        ("person.invited", {"from": "left"}),
    ]


async def test_a_move_that_is_rolled_back_is_no_event(org: OrgKit) -> None:
    person = Person(org_id=org.id, name="Robin", email=f"{new_id().hex}@example.com")
    async with org.database.tenant(org.id) as session:
        session.add(person)
    with pytest.raises(LookupError):  # noqa: PT012  # what fails is the way out
        async with org.database.tenant(org.id) as session:
            (await session.get_one(Person, (org.id, person.id))).move("active")
            await session.flush()
            raise LookupError
    assert await told(org, person.id) == [("person.invited", {})]


async def test_a_challenge_that_is_published_pins_its_rubric_in_the_database(org: OrgKit) -> None:
    async with org.database.tenant(org.id) as session:
        rows = await fill(session, org.id)
    with pytest.raises(DBAPIError, match="ck_challenge_pinned"):  # noqa: PT012  # what fails is the way out
        async with org.database.tenant(org.id) as session:
            challenge = await session.get_one(Challenge, (org.id, rows["challenge"]["id"]))
            challenge.rubric_version_id = None
            challenge.move("published")


async def test_an_audience_takes_joiners_or_not(org: OrgKit) -> None:
    with pytest.raises(DBAPIError, match="ck_audience_joiners"):  # noqa: PT012  # what fails is the flush
        async with org.database.tenant(org.id) as session:
            session.add(Audience(org_id=org.id, joiners="maybe"))
            await session.flush()


async def test_a_second_membership_of_now_in_one_team_is_refused(org: OrgKit) -> None:
    rep, team_id = await org.person(), await org.team()
    await org.member(team_id, rep)
    with pytest.raises(DBAPIError, match="uq_membership_now"):
        await org.member(team_id, rep, "manager")


async def test_a_membership_ends_no_earlier_than_it_began(org: OrgKit) -> None:
    rep, team_id = await org.person(), await org.team()
    await org.member(team_id, rep)
    with pytest.raises(DBAPIError, match="ck_membership_span"):
        async with org.database.tenant(org.id) as session:
            await session.execute(text("UPDATE membership SET until_at = from_at - interval '1 second'"))
