"""Letting go of what a client has sent, once all that is served of it has been made long ago."""

from uuid import UUID

from sqlalchemy import select

from media import keys
from media.jobs.context import WorkerContext
from models.asset import Asset


async def delete_source(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Erase the source of an asset whose row says that it is not kept. Any number of times."""
    async with context.tenant(org_id) as session:
        gone = await session.scalar(select(Asset.source_deleted_at).where(Asset.org_id == org_id, Asset.id == asset_id))
    if gone is not None:
        await context.storage.delete_keys([keys.source(org_id, asset_id)])
