"""Statements that took long are logged, with nothing in them that is a person's."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from api.embedded import Urls
from api.statements import shown, watch_statements
from models.database import Database
from models.ids import new_id

SLOW_MS = 60
SLEEP = "SELECT pg_sleep(CAST(:seconds AS float8)), CAST(:who AS text)"


@pytest.fixture
async def watched(urls: Urls) -> AsyncIterator[Database]:
    database = Database(urls.app)
    watch_statements(database, SLOW_MS)
    yield database
    await database.dispose()


async def ask(database: Database, seconds: float, who: str = "robin@example.com") -> list[Any]:
    with capture_logs() as lines:
        async with database.tenant(new_id()) as session:
            await session.execute(text(SLEEP), {"seconds": seconds, "who": who})
    return [line for line in lines if line["event"] == "slow query"]


async def test_a_slow_statement_is_logged_with_its_time_and_without_its_parameters(watched: Database) -> None:
    [line] = await ask(watched, 0.08)
    assert line["ms"] >= SLOW_MS
    assert line["log_level"] == "warning"
    assert line["statement"].startswith("SELECT pg_sleep(CAST($1")
    assert "robin" not in str(line)


async def test_a_quick_statement_is_not_logged(watched: Database) -> None:
    assert await ask(watched, 0) == []


async def test_a_statement_that_goes_to_the_driver_directly_is_logged_too(watched: Database) -> None:
    with capture_logs() as lines:
        async with watched.reading(new_id()) as raw:
            await raw.fetch("SELECT pg_sleep($1::float8), $2::text", 0.08, "robin@example.com")
        await asyncio.sleep(0)  # the driver tells of it in the loop's next round
    [line] = [line for line in lines if line["event"] == "slow query"]
    assert (line["statement"], line["failed"]) == ("SELECT pg_sleep($1::float8), $2::text", False)
    assert "robin" not in str(lines)


async def test_a_slow_statement_that_failed_is_logged_once(watched: Database) -> None:
    with capture_logs() as lines, pytest.raises(DBAPIError):
        async with watched.tenant(new_id()) as session:
            await session.execute(text("SELECT 1 / length(CAST(pg_sleep(0.08) AS text))"))
    [line] = [line for line in lines if line["event"] == "slow query"]
    assert line["failed"]


async def test_a_limit_of_nothing_logs_nothing(urls: Urls) -> None:
    database = Database(urls.app)
    watch_statements(database, 0)
    assert await ask(database, 0.08) == []
    await database.dispose()


def test_what_stands_in_a_text_instead_of_a_parameter_is_not_shown() -> None:
    assert shown("BEGIN;\n  SET LOCAL app.org = '0193a1b2'") == "BEGIN; SET LOCAL app.org = '…'"
    assert shown("SELECT 'it''s Robin', name") == "SELECT '…', name"
    assert len(shown("SELECT " + "x, " * 2000)) == 2000
