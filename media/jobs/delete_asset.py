"""Erasing: an asset whose row is `deleted` has no object left."""

from uuid import UUID

import structlog
from sqlalchemy import select

from media import keys
from media.jobs.context import WorkerContext
from models.asset import Asset

log = structlog.get_logger()


async def delete_asset(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Erase all there is under the asset's prefix. Any number of times."""
    async with context.tenant(org_id) as session:
        state = await session.scalar(select(Asset.state).where(Asset.org_id == org_id, Asset.id == asset_id))
    if state == "deleted":
        erased = await context.storage.delete_prefix(keys.asset_prefix(org_id, asset_id))
        log.info("objects erased", count=len(erased))
