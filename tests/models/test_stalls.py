"""A database that is there and says nothing: each wait has an end, and no connection without an answer is kept."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import models.database
from api.app import create_app
from api.embedded import Urls
from api.parts import Parts
from media.jobs.alone import alone
from models.database import BEGIN_S, GRACE_S, ROLLBACK_S, STATEMENT_S, Database, ping
from models.errors import UnavailableError
from models.outages import broke_off
from tests.client import Client, Document
from tests.factories.people import OrgKit
from tests.factories.postgres import exists, stopped, wait_until

LONGEST_S = 8.0  # a second for each wait, and a busy machine
PID = text("SELECT pg_backend_pid()")


@pytest.fixture
async def hasty(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A pool of two connections that waits for a second where others wait for ten."""
    monkeypatch.setattr(models.database, "BEGIN_S", 1.0)
    monkeypatch.setattr(models.database, "GRACE_S", 0.5)
    monkeypatch.setattr(models.database, "ROLLBACK_S", 0.5)
    database = Database(urls.app, pool_size=1, statement_s=0.5)
    yield database
    await database.dispose()


async def pid_at_rest(database: Database) -> int:
    async with database.without_tenant() as session:
        return int(await session.scalar(PID) or 0)


def in_use(database: Database) -> int:
    pool: Any = database.engine.sync_engine.pool
    return int(pool.checkedout())


def test_whoever_waits_is_answered_within_fifteen_seconds() -> None:
    assert max(BEGIN_S, STATEMENT_S + GRACE_S + ROLLBACK_S) <= 15


async def test_a_transaction_whose_server_stalls_ends_and_its_connection_is_not_kept(hasty: Database) -> None:
    started = time.monotonic()
    async with asyncio.timeout(LONGEST_S):
        with pytest.raises(UnavailableError, match="does not answer"):  # noqa: PT012  # what stalls is in the middle
            async with hasty.without_tenant() as session:
                pid = int(await session.scalar(PID) or 0)
                with stopped(pid):
                    await session.execute(text("SELECT 1"))
    assert time.monotonic() - started >= 1.0
    assert in_use(hasty) == 0
    await asyncio.to_thread(wait_until, lambda: not exists(pid))
    assert await pid_at_rest(hasty) != pid


async def test_a_connection_that_stalled_at_rest_costs_one_request_and_the_next_has_another(
    hasty: Database, org: OrgKit
) -> None:
    with stopped(await pid_at_rest(hasty)):
        async with asyncio.timeout(LONGEST_S):
            with pytest.raises(UnavailableError, match="does not answer"):
                await ping(hasty)
            await ping(hasty)
    with stopped(await pid_at_rest(hasty)):
        async with asyncio.timeout(LONGEST_S):
            with pytest.raises(UnavailableError):
                async with hasty.reading(org.id):
                    pass
            async with hasty.reading(org.id) as raw:
                assert await raw.fetchval("SELECT 1") == 1
    assert in_use(hasty) == 0


async def test_a_read_whose_server_stalls_ends_too(hasty: Database, org: OrgKit) -> None:
    async with asyncio.timeout(LONGEST_S):
        with pytest.raises(UnavailableError):  # noqa: PT012  # likewise
            async with hasty.reading(org.id) as raw:
                pid = await raw.fetchval("SELECT pg_backend_pid()")
                with stopped(pid):
                    await raw.fetchval("SELECT 1")
    await ping(hasty)


async def test_a_commit_without_an_answer_is_an_outage(hasty: Database) -> None:
    with ExitStack() as stack:
        async with asyncio.timeout(LONGEST_S):
            with pytest.raises(UnavailableError, match="broke off"):  # likewise
                async with hasty.without_tenant() as session:
                    stack.enter_context(stopped(int(await session.scalar(PID) or 0)))
        await ping(hasty)
    assert in_use(hasty) == 0


async def test_a_server_that_takes_connections_and_says_nothing_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models.database, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(f"postgresql+asyncpg://nobody:x@127.0.0.1:{silent.getsockname()[1]}/none")
        async with asyncio.timeout(LONGEST_S):
            with pytest.raises(UnavailableError, match="does not answer"):
                await ping(database)
        assert in_use(database) == 0
        await database.dispose()


async def test_who_finds_no_place_in_the_pool_waits_as_long_and_no_longer(hasty: Database) -> None:
    async with hasty.without_tenant(), hasty.without_tenant():
        async with asyncio.timeout(LONGEST_S):
            with pytest.raises(UnavailableError):
                await ping(hasty)
    await ping(hasty)


async def test_a_statement_that_takes_too_long_is_ended_by_the_server_and_its_connection_kept(hasty: Database) -> None:
    pid = await pid_at_rest(hasty)
    with pytest.raises(DBAPIError, match="statement timeout") as slow:
        async with hasty.without_tenant() as session:
            await session.execute(text("SELECT pg_sleep(60)"))
    assert broke_off(slow.value)
    assert await pid_at_rest(hasty) == pid


async def test_who_may_work_alone_waits_for_its_lock_again(hasty: Database) -> None:
    """The lock is the session's: of one that stalled it is free as soon as that has ended."""
    rounds = asyncio.Queue[int]()

    async def round_() -> None:
        async with hasty.without_tenant() as session:
            holders = text("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :key AND granted")
            key = await session.scalar(text("SELECT hashtext('showme stalls')::bigint & 4294967295"))
            rounds.put_nowait(int(await session.scalar(holders, {"key": key}) or 0))

    going = asyncio.create_task(alone(hasty, "stalls", 0.05, round_))
    try:
        async with asyncio.timeout(30):
            first = await rounds.get()
            with stopped(first):
                while not going.done() and in_use(hasty):  # noqa: ASYNC110  # nobody tells when it is given up
                    await asyncio.sleep(0.01)
            while await rounds.get() == first:
                pass
    finally:
        going.cancel()
        await asyncio.wait([going])


async def test_a_request_is_answered_503_and_after_the_stall_as_ever(
    hasty: Database, parts: Parts, document: Document, org: OrgKit
) -> None:
    robin = await org.person()
    headers = robin.client.headers
    async with Client(create_app(replace(parts, database=hasty)), document) as client:
        client.headers = headers
        assert (await client.get("/v1/me")).status_code == 200
        with stopped(await pid_at_rest(hasty)):
            async with asyncio.timeout(LONGEST_S):
                answers = await asyncio.gather(*(client.get("/v1/me") for _ in range(6)))
                again = await client.get("/v1/me")
        assert {answer.status_code for answer in answers} <= {200, 503}
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused
        assert {answer.headers["retry-after"] for answer in refused} == {"2"}
        assert (again.status_code, (await client.get("/v1/me")).status_code) == (200, 200)
    assert in_use(hasty) == 0
