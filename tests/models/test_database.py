"""One transaction per tenant: how it begins, what it leaves behind, and what it writes down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from api.embedded import Urls
from models.database import Database, ping
from models.errors import IllegalMoveError, UnavailableError
from models.event import Event
from models.ids import new_id
from models.person import Person
from tests.factories.people import OrgKit


@pytest.fixture
async def single(urls: Urls) -> AsyncIterator[Database]:
    """A pool of one connection, so that what one transaction leaves behind meets the next."""
    database = Database(urls.app, pool_size=1)
    yield database
    await database.dispose()


async def backend(session: AsyncSession) -> int:
    return int(await session.scalar(text("SELECT pg_backend_pid()")) or 0)


async def tenant_of(session: AsyncSession) -> str | None:
    found: str | None = await session.scalar(text("SELECT nullif(current_setting('app.org', true), '')"))
    return found


def someone(org_id: UUID, **values: Any) -> Person:
    return Person(org_id=org_id, name="Robin", email=f"{new_id().hex}@example.com", **values)


async def test_the_tenant_travels_with_begin_in_one_call(single: Database, org: OrgKit) -> None:
    sent: list[str] = []
    asked: list[str] = []
    listen(single.engine.sync_engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    async with single.engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        raw.add_query_logger(lambda record: sent.append(record.query))
    async with single.tenant(org.id) as session:
        await session.execute(text("SELECT 1"))
    assert sent == [f"BEGIN; SET LOCAL app.org = '{org.id}'", "COMMIT"]
    assert asked == ["SELECT 1"]


async def test_the_tenant_ends_with_its_transaction(single: Database, org: OrgKit) -> None:
    async with single.tenant(org.id) as session:
        assert await tenant_of(session) == str(org.id)
        used = await backend(session)
    async with single.without_tenant() as session:
        assert (await backend(session), await tenant_of(session)) == (used, None)


async def test_what_is_no_id_never_reaches_the_server(single: Database) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        async with single.tenant("'; DROP TABLE person; --"):  # type: ignore[arg-type]  # what a mistake would pass
            pass


async def test_an_exception_leaves_nothing(single: Database, org: OrgKit) -> None:
    person = someone(org.id, state="active")
    with pytest.raises(RuntimeError):  # noqa: PT012  # what fails is the way out
        async with single.tenant(org.id) as session:
            session.add(person)
            await session.flush()
            raise RuntimeError
    async with single.tenant(org.id) as session:
        assert await session.get(Person, (org.id, person.id)) is None
        assert (await session.scalars(select(Event).where(Event.subject_id == person.id))).all() == []


async def test_what_was_not_flushed_is_committed_too(single: Database, org: OrgKit) -> None:
    person = someone(org.id)
    async with single.tenant(org.id) as session:
        session.add(person)
    async with single.tenant(org.id) as session:
        assert await session.get(Person, (org.id, person.id)) is not None


async def test_a_commit_that_fails_leaves_a_clean_connection(single: Database, org: OrgKit) -> None:
    person = someone(org.id)
    with pytest.raises(Exception, match="duplicate key"):  # noqa: PT012  # likewise
        async with single.tenant(org.id) as session:
            session.add(person)
            used = await backend(session)
            await session.execute(text("CREATE TEMP TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
            await session.execute(text("INSERT INTO late VALUES (1), (1)"))
    async with single.tenant(org.id) as session:
        assert await backend(session) == used
        assert await session.get(Person, (org.id, person.id)) is None
        assert await session.scalar(text("SELECT to_regclass('late')")) is None


async def test_a_statement_that_fails_leaves_a_clean_connection(single: Database, org: OrgKit) -> None:
    with pytest.raises(DBAPIError):
        async with single.tenant(org.id) as session:
            await session.execute(text("SELECT 1 / 0"))
    await ping(single)


async def test_a_connection_that_died_is_replaced(single: Database, org: OrgKit) -> None:
    with pytest.raises(Exception, match=r"terminat|closed|lost"):
        async with single.tenant(org.id) as session:
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await ping(single)


async def test_a_request_that_was_given_up_frees_its_connection(single: Database, org: OrgKit) -> None:
    person = someone(org.id)
    with pytest.raises(TimeoutError):  # noqa: PT012  # likewise
        async with asyncio.timeout(0.2), single.tenant(org.id) as session:
            session.add(person)
            await session.flush()
            await session.execute(text("SELECT pg_sleep(60)"))
    async with single.tenant(org.id) as session:
        assert await session.get(Person, (org.id, person.id)) is None


async def test_a_move_is_written_down_with_who_made_it(database: Database, org: OrgKit) -> None:
    person, actor_id = someone(org.id), new_id()
    async with database.tenant(org.id) as session:
        session.add(person)
    async with database.tenant(org.id, actor_id) as session:
        (await session.get_one(Person, (org.id, person.id))).move("active")
    async with database.tenant(org.id) as session:
        events = await session.scalars(select(Event).where(Event.subject_id == person.id).order_by(Event.id))
        told = [(event.name, event.data, event.actor_id) for event in events]
    assert told == [("person.invited", {}, None), ("person.active", {"from": "invited"}, actor_id)]


async def test_a_change_that_moves_nothing_is_no_event(database: Database, org: OrgKit) -> None:
    person = someone(org.id, state="active")
    async with database.tenant(org.id) as session:
        session.add(person)
    async with database.tenant(org.id) as session:
        (await session.get_one(Person, (org.id, person.id))).name = "Robyn"
    async with database.tenant(org.id) as session:
        events = await session.scalars(select(Event.name).where(Event.subject_id == person.id))
        assert list(events) == ["person.active"]


def test_an_illegal_move_names_the_present_state() -> None:
    person = someone(new_id(), state="active")
    with pytest.raises(IllegalMoveError, match="This person is active; it cannot become invited") as refused:
        person.move("invited")
    assert (refused.value.facts, person.state) == ({"state": "active"}, "active")


async def test_connections_that_ended_with_a_restart_are_replaced_unseen(urls: Urls) -> None:
    database = Database(urls.app, pool_size=3)
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(database.without_tenant()) for _ in range(3)]
        pids = [await session.scalar(text("SELECT pg_backend_pid()")) for session in held]
    admin = create_async_engine(urls.superuser, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with admin.connect() as connection:
        for pid in pids:
            await connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    await admin.dispose()
    async with database.without_tenant() as session:
        assert await session.scalar(text("SELECT 1")) == 1
    await database.dispose()


async def test_a_database_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    database = Database(f"postgresql+asyncpg://nobody@/none?host={tmp_path}")
    with pytest.raises(UnavailableError, match="does not answer"):
        async with database.without_tenant():
            pass
    await database.dispose()
