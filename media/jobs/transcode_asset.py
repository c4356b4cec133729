"""The one encode of a video that browsers do not play as it is."""

from uuid import UUID

from media.jobs.assets import fetch_source, probe_of, publish_playable, still
from media.jobs.context import WorkerContext
from media.pipeline import make_playable


async def transcode_asset(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Make it playable, from what `process_asset` found. Raises MediaProblem."""
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "processing")
        if asset is None:
            return
        probe = probe_of(asset)
    async with context.folder() as folder:
        source = await fetch_source(context, org_id, asset_id, folder)
        made = await make_playable(source, probe, folder, context.tools)
        await publish_playable(context, org_id, asset_id, probe, made)
