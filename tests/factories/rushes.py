"""Things that happen at the same moment, and do so every time: they meet at a row that the test has locked."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from models.base import Tenant
from models.database import Database
from tests.factories.people import OrgKit

DEADLINE_S = 20

_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


async def at_once(org: OrgKit, model: type[Tenant], keys: list[UUID], *asked: Coroutine[Any, Any, Any]) -> list[Any]:
    """Begin all while these rows are locked; let them go when each of them waits, or has ended without."""
    locked = select(model.id).where(model.org_id == org.id, model.id.in_(keys)).order_by(model.id)
    async with org.database.tenant(org.id) as session:
        await session.execute(locked.with_for_update())
        tasks = [asyncio.create_task(one) for one in asked]
        async with asyncio.timeout(DEADLINE_S):
            while await _waiting(org.database) < sum(not task.done() for task in tasks):  # noqa: ASYNC110  # the database has no event for it
                await asyncio.sleep(0.01)
    return list(await asyncio.gather(*tasks))


async def _waiting(database: Database) -> int:
    async with database.without_tenant() as session:
        return int(await session.scalar(_WAITING) or 0)
