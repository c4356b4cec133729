"""Letting go of what a first rung grew of: once nobody can be playing it any more, or when it came to nothing."""

import time
from uuid import UUID

from media import keys
from media.jobs.context import WorkerContext
from models.asset import Asset


async def delete_pieces(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Erase them, unless they are in use. Any number of times."""
    async with context.tenant(org_id) as session:
        asset = await session.get(Asset, (org_id, asset_id))
        if asset is None or _in_use(asset):
            return
        nothing_plays = asset.state == "failed"
    names = await context.storage.list_keys(keys.pieces_prefix(org_id, asset_id))
    if nothing_plays:
        names += [keys.poster(org_id, asset_id), keys.waveform(org_id, asset_id)]
    await context.storage.delete_keys(names)


def _in_use(asset: Asset) -> bool:
    until: int = (asset.facts or {}).get("pieces_until") or 0
    return asset.state == "processing" or asset.growing or (asset.state != "failed" and until > time.time())
