"""What every screen asks for costs two statements: who asks, and what there is. And it says what sessions say."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from sqlalchemy import DateTime, literal, select, text, update
from sqlalchemy.exc import DBAPIError

from api.auth import Caller, any_actor, given_by, load_actor, read_actor
from api.policy import VISIBLE, visible
from models.base import Tenant, now
from models.database import Database
from models.errors import UnavailableError
from models.ids import new_id
from models.person import Session
from models.reads import Statement, instant, prepared
from models.take import Take
from tests.factories.bright_spots import published, shared_story
from tests.factories.critiques import make_critique
from tests.factories.people import OrgKit, Somebody
from tests.factories.queries import counted
from tests.factories.takes import Story

READS = {
    "inbox": "/v1/me/assignments?state=submitted",
    "review queue": "/v1/me/reviews",
    "take": "/v1/takes/{take}",
    "progress": "/v1/people/{rep}/progress",
    "bright spots": "/v1/bright-spots",
    "bright spots by rank": "/v1/bright-spots?q=buyer&tag=hook",
}


@pytest.fixture
async def told(org: OrgKit) -> tuple[Story, str]:
    """Something of everything: a take that was judged, one that waits, and a bright spot of it."""
    story, take_id = await shared_story(org)
    await published(story.manager, story, take_id, tags=["hook"])
    await make_critique(story, take_id)
    return story, str(take_id)


async def test_each_hot_read_costs_two_statements(org: OrgKit, told: tuple[Story, str]) -> None:
    story, take = told
    costs = {}
    for name, path in READS.items():
        with counted(org) as sent:
            answer = await story.rep.client.get(path.format(take=take, rep=story.rep.id))
        assert answer.status_code == 200
        costs[name] = len(sent)
    assert costs == dict.fromkeys(READS, 2)


@cache
def _ids(model: type[Tenant], org_role: str) -> Statement:
    return prepared(select(model.id).where(visible(any_actor(org_role), model)))


async def seen_by(database: Database, caller: Caller) -> tuple[dict[str, set[Any]], dict[str, set[Any]]]:
    """Return the ids of what somebody sees, as sessions say it and as hot reads do."""
    async with database.tenant(caller.org_id) as session:
        actor = await load_actor(session, caller)
        asked = {
            model.__tablename__: set(await session.scalars(select(model.id).where(visible(actor, model))))
            for model in VISIBLE
        }
    async with database.reading(caller.org_id) as connection:
        assert await read_actor(connection, caller) == actor
        read = {
            model.__tablename__: {
                row["id"] for row in await _ids(model, actor.org_role).rows(connection, given_by(actor))
            }
            for model in VISIBLE
        }
    return asked, read


async def test_a_hot_read_sees_what_a_session_sees(org: OrgKit, told: tuple[Story, str]) -> None:
    story, _ = told
    head, above = await org.person(), await org.team("All")
    await org.member(above, head, "manager")
    people = [story.rep, story.manager, head, await org.person(org_role="enablement"), await org.person()]
    for somebody in people:
        asked, read = await seen_by(org.database, await caller_of(org, somebody))
        assert read == asked
    assert asked["bright_spot"] == set() != asked["skill"]  # the last one sees little, but not nothing


async def caller_of(org: OrgKit, somebody: Somebody) -> Caller:
    async with org.database.tenant(org.id) as session:
        query = select(Session.id).where(Session.org_id == org.id, Session.person_id == somebody.id)
        return Caller(org.id, somebody.id, (await session.scalars(query)).one())


async def test_whose_session_was_ended_reads_nothing(org: OrgKit, told: tuple[Story, str]) -> None:
    story, take = told
    async with org.database.tenant(org.id) as session:
        mine = Session.org_id == org.id, Session.person_id == story.rep.id
        await session.execute(update(Session).where(*mine).values(revoked_at=now()))
    for path in READS.values():
        answer = await story.rep.client.get(path.format(take=take, rep=story.rep.id))
        assert answer.status_code == 401


async def test_a_read_cannot_write(org: OrgKit) -> None:
    with pytest.raises(DBAPIError, match="read-only"):
        async with org.database.reading(org.id) as connection:
            await connection.execute("DELETE FROM skill")


async def test_a_read_sees_its_own_organization_only(org: OrgKit) -> None:
    await org.person()
    async with org.database.reading(new_id()) as connection:
        assert await connection.fetchval("SELECT count(*) FROM person") == 0


async def test_a_read_that_is_broken_off_says_so_and_the_next_one_works(org: OrgKit) -> None:
    with pytest.raises(UnavailableError):
        async with org.database.reading(org.id) as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    async with org.database.reading(org.id) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_what_is_wrong_with_a_value_is_said_as_sessions_say_it(org: OrgKit, told: tuple[Story, str]) -> None:
    answer = await told[0].rep.client.get("/v1/bright-spots", params={"kind": "a\0b"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")


async def test_times_are_utc_whatever_the_zone_of_the_database(org: OrgKit) -> None:
    at = datetime(2026, 3, 29, 0, 59, 59, 7, tzinfo=UTC)
    async with org.database.tenant(org.id) as session:
        await session.execute(text("SET LOCAL timezone = 'Europe/Berlin'"))
        said = await session.scalar(select(instant(literal(at, DateTime(timezone=True)))))
    assert said == "2026-03-29T00:59:59.000007Z"


def test_ids_are_compared_and_words_written_so_that_an_index_answers() -> None:
    said = _ids(Take, "member").text
    assert ("team_id = ANY ($" in said, "unnest" in said, "'submitted'" in said) == (True, False, True)
