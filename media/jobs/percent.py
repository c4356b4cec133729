"""How far an encode is, written on its asset while it lasts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from sqlalchemy import update

from media.jobs.context import WorkerContext
from media.jobs.trying import is_outage
from media.workshop import Progress
from models.asset import Asset

EVERY_S = 2.0
log = structlog.get_logger()


@asynccontextmanager
async def telling_percent(
    context: WorkerContext, org_id: UUID, asset_id: UUID, every_s: float = EVERY_S
) -> AsyncGenerator[Progress]:
    """Yield what to tell the progress to, 0.0 to 1.0. Afterwards nothing is being encoded, and the asset says so.

    A database that is away for a while is no reason to stop an encode.
    """
    done = 0

    def tell(share: float) -> None:
        nonlocal done
        done = max(0, min(99, int(share * 100)))

    async def telling() -> None:
        told = None
        while True:
            if done != told:
                told = done
                await _write(context, org_id, asset_id, told)
            await asyncio.sleep(every_s)

    task = asyncio.create_task(telling())
    try:
        yield tell
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.shield(_write(context, org_id, asset_id, None))


async def _write(context: WorkerContext, org_id: UUID, asset_id: UUID, percent: int | None) -> None:
    mine = (Asset.org_id == org_id) & (Asset.id == asset_id) & Asset.state.in_(("processing", "playable"))
    try:
        async with context.tenant(org_id) as session:
            await session.execute(update(Asset).where(mine).values(encoded_percent=percent))
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("the percent could not be written", error=str(error))
