"""What the database says when it is away is told from what it says of a statement that is wrong."""

import pytest
from asyncpg import InternalClientError
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from api.embedded import Urls
from models.database import Database, _commit
from models.errors import UnavailableError
from models.ids import new_id
from models.outages import broke_off


async def said(database: Database, statement: str) -> DBAPIError:
    with pytest.raises(DBAPIError) as raised:
        async with database.without_tenant() as session:
            await session.execute(text(statement))
    return raised.value


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "DO $$ BEGIN RAISE EXCEPTION 'as in a deadlock' USING ERRCODE = '40P01'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION 'as when it starts' USING ERRCODE = '57P03'; END $$",
        "DO $$ BEGIN RAISE EXCEPTION 'as when it is full' USING ERRCODE = '53300'; END $$",
    ],
    ids=["ended", "deadlock", "starting", "full"],
)
async def test_a_database_that_is_away_is_an_outage(database: Database, statement: str) -> None:
    assert broke_off(await said(database, statement))


@pytest.mark.parametrize("statement", ["SELECT 1 / 0", "SELECT nonsense"], ids=["a value", "a name"])
async def test_a_statement_that_is_wrong_is_none(database: Database, statement: str) -> None:
    assert not broke_off(await said(database, statement))
    assert not broke_off(ValueError("nor is this"))


class EndedBetween:
    """A driver's connection as it is when the server was killed just before the commit; what it says is its own."""

    async def execute(self, _statement: str) -> None:
        raise InternalClientError("cannot switch to state 15; another operation (2) is in progress")


async def test_a_connection_that_ends_just_before_the_commit_is_an_outage() -> None:
    with pytest.raises(UnavailableError):
        await _commit(EndedBetween())


async def test_a_server_that_lets_nobody_in_is_an_outage_for_both_kinds_of_transaction(urls: Urls) -> None:
    nowhere = make_url(urls.app).set(database="is_not_there")
    database = Database(nowhere.render_as_string(hide_password=False))
    with pytest.raises(UnavailableError):
        async with database.tenant(new_id()):
            pass
    with pytest.raises(UnavailableError):
        async with database.reading(new_id()):
            pass
    await database.dispose()
