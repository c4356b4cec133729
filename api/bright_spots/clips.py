"""The clip of a bright spot: ordered from the worker, and erased when nobody may see it any more."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from media import queue
from models.asset import Asset
from models.base import now
from models.bright_spot import BrightSpot


async def order_clip(session: AsyncSession, bright_spot: BrightSpot) -> None:
    """Have a clip cut of the present segments, where there is none; its job commits with this."""
    if bright_spot.clip_asset_id is not None:
        return
    clip = Asset(
        org_id=bright_spot.org_id,
        owner_id=bright_spot.maker_id,
        purpose="clip",
        state="processing",
        content_type="video/mp4",
        processing_at=now(),
        bright_spot_id=bright_spot.id,
    )
    session.add(clip)
    await session.flush()
    bright_spot.clip_asset_id = clip.id
    await session.flush()
    await queue.defer(session, "cut_clip", queue="long", lock=f"asset:{clip.id}", asset_id=str(clip.id))


async def erase(session: AsyncSession, asset_id: UUID | None) -> None:
    """Have the objects of a deleted clip erased from the store."""
    if asset_id is not None:
        await queue.defer(session, "delete_asset", queue="quick", asset_id=str(asset_id))
