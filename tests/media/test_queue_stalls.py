"""A database that is there and says nothing does not keep the worker: each wait of its queue has an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import psycopg
import pytest
from procrastinate import PsycopgConnector
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from api.embedded import EmbeddedPostgres, Urls
from media.jobs import engine
from media.jobs.engine import Connection, conninfo, make_pool
from models.database import GRACE_S, STATEMENT_S
from tests.factories.jobs import House, eventually, own_database
from tests.factories.postgres import exists, stopped, wait_until

Pool = AsyncConnectionPool
LONGEST_S = 8.0  # a second for each wait, and a busy machine
QUEUE_PIDS = (
    "SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'showme worker'"
)


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_stalls")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a second where others wait for eleven."""
    monkeypatch.setattr(engine, "STATEMENT_S", 0.5)
    monkeypatch.setattr(engine, "GRACE_S", 0.5)


@pytest.fixture
async def pool(own_urls: Urls, hasty: None) -> AsyncIterator[Pool]:
    async with make_pool(own_urls.app) as made:
        yield made


def test_a_statement_of_the_queue_has_the_time_that_others_have(own_urls: Urls) -> None:
    options = conninfo_to_dict(conninfo(own_urls.app))["options"]
    assert engine.STATEMENT_S == STATEMENT_S
    assert f"statement_timeout={round(STATEMENT_S * 1000)}" in str(options)
    assert STATEMENT_S + GRACE_S <= 15


async def test_a_query_whose_server_stalls_ends_and_its_connection_is_not_kept(pool: Pool) -> None:
    async with asyncio.timeout(LONGEST_S):
        with ExitStack() as stack, pytest.raises(psycopg.OperationalError, match="does not answer"):  # noqa: PT012  # what stalls is in the middle
            async with pool.connection() as connection:
                pid = connection.info.backend_pid
                stack.enter_context(stopped(pid))
                await connection.execute("SELECT 1")
        async with pool.connection() as other:
            assert other.info.backend_pid != pid
            await other.execute("SELECT 1")
    await asyncio.to_thread(wait_until, lambda: not exists(pid))


async def test_a_connection_that_stalled_at_rest_is_passed_over(pool: Pool) -> None:
    async with pool.connection() as connection:
        pid = connection.info.backend_pid
    connector = PsycopgConnector()
    await connector.open_async(pool)
    with stopped(pid):
        async with asyncio.timeout(LONGEST_S):
            for _ in range(4):
                found = await connector.execute_query_one_async("SELECT pg_backend_pid() AS pid")
                assert found["pid"] != pid


async def test_a_query_that_takes_too_long_is_ended_by_the_server_and_its_connection_kept(pool: Pool) -> None:
    async with pool.connection() as connection:
        with pytest.raises(psycopg.errors.QueryCanceled):
            await connection.execute("SELECT pg_sleep(60)")
        await connection.rollback()
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


async def test_who_is_cancelled_beside_a_server_that_stalls_is_gone_at_once(pool: Pool) -> None:
    with ExitStack() as stack:
        async with asyncio.timeout(0.9):  # before it is hung up on
            with pytest.raises(TimeoutError):  # noqa: PT012  # likewise
                async with asyncio.timeout(0.1), pool.connection() as connection:
                    stack.enter_context(stopped(connection.info.backend_pid))
                    await connection.execute("SELECT 1")


async def test_who_listens_waits_for_news_as_long_as_it_takes(own_urls: Urls, hasty: None) -> None:
    async with await Connection.connect(conninfo(own_urls.app), autocommit=True) as listening:
        await listening.execute("LISTEN of_the_stalls")
        longer_s = 3 * (engine.STATEMENT_S + 0.5)
        assert [news async for news in listening.notifies(timeout=longer_s)] == []
        await listening.execute("NOTIFY of_the_stalls, 'it goes on'")
        assert [news.payload async for news in listening.notifies(stop_after=1)] == ["it goes on"]


async def test_a_worker_whose_connections_all_stall_goes_on_with_others(house: House, hasty: None) -> None:
    async with house.working():
        pids = await eventually(lambda: house.sql(QUEUE_PIDS), lambda found: len(found) > 1, "the start")
        with ExitStack() as stack:
            for pid in pids:
                stack.enter_context(stopped(pid))
            id_ = await house.upload("tiny.mp4")
            await eventually(lambda: house.state(id_), lambda state: state == "ready", "the work")
