"""The first encode of what browsers do not play as it is: as little as plays, which the ladder then adds to."""

from uuid import UUID

from media.jobs.assets import fetch_source, probe_of, publish_playable, still
from media.jobs.context import WorkerContext
from media.jobs.percent import telling_percent
from media.pipeline import make_first, make_voice


async def transcode_asset(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Make it playable, from what `process_asset` found. Raises MediaProblem."""
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "processing")
        if asset is None:
            return
        probe, make = probe_of(asset), make_voice if asset.audio_only else make_first
    async with context.folder() as folder:
        source = await fetch_source(context, org_id, asset_id, folder)
        async with telling_percent(context, org_id, asset_id) as progress:
            made = await make(source, probe, folder, context.tools, progress)
        await publish_playable(context, org_id, asset_id, probe, made)
