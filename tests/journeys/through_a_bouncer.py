"""The story with a pgbouncer in transaction mode between the API and the database.

Run by `make test-bouncer`, and not by `make test`: it needs the program pgbouncer, which no lock file brings.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

import models.database
from api.demo.story import Stage, Story
from api.demo.telling import Telling
from api.embedded import EmbeddedPostgres, Urls, psycopg_dsn
from api.orgs import NewOrg, create_org
from api.parts import directly
from api.settings import SettingError, Settings
from api.up import wait_until_ready
from media.binaries import find_binaries
from media.queue import defer
from media.sample import make_sample
from models.database import Database, ping
from models.errors import UnavailableError
from models.ids import new_id
from models.migrate import newest, present
from models.person import Person
from tests.bouncer import bouncer
from tests.factories.postgres import stopped
from tests.processes import free_port, running

PASSWORD = "a password of the tests"
VIDEO_MS = 10_000
SERVER_CONNECTIONS = 3


@pytest.fixture(scope="module")
def pooled_url(cluster: EmbeddedPostgres, urls: Urls) -> Iterator[str]:
    with bouncer(cluster, urls.app, pool_size=SERVER_CONNECTIONS) as url:
        yield url


async def test_transactions_of_many_tenants_share_few_server_connections(pooled_url: str, urls: Urls) -> None:
    database = Database(pooled_url, pool_size=10, pooled=True)

    async def live() -> set[int]:
        used: set[int] = set()
        for _ in range(10):
            org_id = new_id()
            async with database.tenant(org_id) as session:
                assert await session.scalar(text("SELECT current_setting('app.org')")) == str(org_id)
                assert (await session.scalars(select(Person).where(Person.org_id == org_id))).all() == []
                await defer(session, "nobodys_task", queue="long", asset_id=str(org_id))
                used.add(await session.scalar(text("SELECT pg_backend_pid()")) or 0)
            async with database.reading(org_id) as raw:
                assert await raw.fetchval("SELECT current_setting('app.org') WHERE $1::uuid IS NOT NULL", org_id)
            await ping(database)
        return used

    try:
        used = set().union(*await asyncio.gather(*(live() for _ in range(20))))
        async with database.without_tenant() as session:
            assert await present(session) == newest()
    finally:
        await database.dispose()
    assert len(used) <= SERVER_CONNECTIONS
    with psycopg.connect(psycopg_dsn(urls.migrate)) as connection:
        connection.execute("SET search_path = queue")
        gone = connection.execute("DELETE FROM procrastinate_jobs WHERE task_name = 'nobodys_task' RETURNING id")
        assert len(gone.fetchall()) == 200


async def test_a_failure_leaves_nothing_of_its_tenant_to_the_next(pooled_url: str) -> None:
    database = Database(pooled_url, pool_size=1, pooled=True)
    try:
        with pytest.raises(DBAPIError, match="division by zero"):
            async with database.tenant(UUID(int=1)) as session:
                await session.execute(text("SELECT 1 / 0"))
        async with database.without_tenant() as session:
            assert await session.scalar(text("SELECT nullif(current_setting('app.org', true), '')")) is None
    finally:
        await database.dispose()


async def test_a_server_that_stalls_behind_it_is_away_and_its_connection_is_not_kept(
    pooled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.database, "GRACE_S", 0.5)
    monkeypatch.setattr(models.database, "ROLLBACK_S", 0.5)
    database = Database(pooled_url, pool_size=1, pooled=True, statement_s=0.5)
    try:
        with ExitStack() as stack:
            async with asyncio.timeout(10):
                with pytest.raises(UnavailableError):  # noqa: PT012  # what stalls is in the middle
                    async with database.without_tenant() as session:
                        assert await session.scalar(text("SHOW statement_timeout")) == "500ms"
                        stack.enter_context(stopped(int(await session.scalar(text("SELECT pg_backend_pid()")) or 0)))
                        await session.execute(text("SELECT 1"))
                await ping(database)
        async with database.reading(new_id()) as raw:
            assert await raw.fetchval("SHOW statement_timeout") == "500ms"
    finally:
        await database.dispose()


async def test_the_story_holds_through_it(pooled_url: str, urls: Urls, settings: Settings, tmp_path: Path) -> None:
    port, video, slug = free_port(), tmp_path / "talk.mp4", f"pooled-{new_id().hex[-8:]}"
    mine = {
        "data_dir": str(tmp_path / "data"),
        "database_url": pooled_url,
        "database_pooler": "transaction",
        "direct_url": urls.app,
        "store_url": f"file:{tmp_path / 'store'}",
        "port": str(port),
        "part_size_bytes": str(5 * 1024 * 1024),
        "secret_key": "a secret of the journey, 32 bytes or more",
        "log_format": "json",
    }
    await make_sample(video, find_binaries(), VIDEO_MS)
    await create_org(settings, NewOrg(slug, "Pooled", "UTC", "ada@example.com", "Ada", PASSWORD))
    with ExitStack() as stack:
        for command in ("serve", "worker"):
            stack.enter_context(running(command, tmp_path, mine))
        await wait_until_ready(f"http://127.0.0.1:{port}")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            stage = Stage(client, slug, "ada@example.com", PASSWORD, video, VIDEO_MS, find_binaries())
            made = await Story(stage, Telling(quiet=True)).tell()
    assert made["bright_spot"]["state"] == "published"
    assert '"level":"error"' not in (tmp_path / "serve.log").read_text().replace(" ", "")


def test_a_worker_says_that_it_needs_a_way_around(pooled_url: str) -> None:
    pooled = Settings(database_url=pooled_url, database_pooler="transaction")
    with pytest.raises(SettingError, match="set SHOWME_DIRECT_URL"):
        directly(pooled)
