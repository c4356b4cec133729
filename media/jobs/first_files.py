"""The first file of a video, once its ladder has an MP4 of the very pictures: handed out no more, and later erased."""

import time
from uuid import UUID

from media import keys, queue
from media.jobs.assets import CLOCKS_DIFFER_S, locked, renditions_of
from media.jobs.context import WorkerContext
from media.jobs.lacking import FIRST, first_is_of, is_superseded
from media.signing import step_s
from models.asset import FIRST_UNTIL


async def let_first_go(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Write down until when URLs hold that were given by now; after that, have it erased."""
    async with context.tenant(org_id) as session:
        asset = await locked(session, asset_id)
        if asset is None or asset.state != "ready" or not is_superseded(asset):
            return
        there, facts = await renditions_of(session, asset), asset.facts or {}
        if FIRST not in there or f"{first_is_of(asset)}p" not in there:
            return
        if FIRST_UNTIL not in facts:
            life_s = context.media_url_life_s
            asset.facts = {**facts, FIRST_UNTIL: int(time.time()) + life_s + 2 * step_s(life_s) + CLOCKS_DIFFER_S}
        elif facts[FIRST_UNTIL] < time.time():
            await session.delete(there[FIRST])
            asset.facts = {name: fact for name, fact in facts.items() if name != FIRST_UNTIL}
            lock = f"asset:{asset_id}"
            await queue.defer(session, "delete_first", queue="quick", lock=lock, asset_id=str(asset_id))


async def delete_first(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Erase the first file of an asset that has it no more. Any number of times."""
    async with context.tenant(org_id) as session:
        asset = await locked(session, asset_id)
        if asset is None or asset.state not in ("playable", "ready") or FIRST in await renditions_of(session, asset):
            return
    await context.storage.delete_keys([keys.playable(org_id, asset_id)])
