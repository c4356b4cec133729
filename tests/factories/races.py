"""Races that are run, not hoped for: requests that meet at a locked row, in an order the test chooses."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select, text

from models.base import Tenant
from tests.factories.people import OrgKit

DEADLINE_S = 10.0
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
_DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")

Request = Coroutine[Any, Any, httpx.Response]


async def raced(org: OrgKit, kind: type[Tenant], key: UUID | str, *requests: Request) -> list[httpx.Response]:
    """Let each request come, in this order, until it waits for the row; then let the row go, and return the answers.

    One that needs no lock of that row is through before the next one comes.
    """
    tasks: list[asyncio.Task[httpx.Response]] = []
    async with held(org, kind, UUID(str(key))):
        for request in requests:
            tasks.append(asyncio.create_task(request))
            await _until_all_wait(org, tasks)
    return list(await asyncio.gather(*tasks))


@asynccontextmanager
async def held(org: OrgKit, kind: type[Tenant], key: UUID) -> AsyncIterator[None]:
    """Hold the lock of a row, as a transaction that takes its time does."""
    async with org.database.tenant(org.id) as session:
        row = select(kind.id).where(kind.org_id == org.id, kind.id == key).with_for_update()
        assert (await session.scalars(row)).all() == [key]
        yield


async def _until_all_wait(org: OrgKit, tasks: list[asyncio.Task[httpx.Response]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await _waiting(org) < sum(not task.done() for task in tasks):
            pass  # to ask took its time, in which the others went on


async def _waiting(org: OrgKit) -> int:
    async with org.database.without_tenant() as session:
        return int(await session.scalar(_WAITING) or 0)


async def deadlocks(org: OrgKit) -> int:
    """Return how many there have been in this database, ever."""
    async with org.database.without_tenant() as session:
        return int(await session.scalar(_DEADLOCKS) or 0)
