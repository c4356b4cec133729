"""The first encode of what browsers do not play as it is: as little as plays, which the ladder then adds to.

It plays as far as it is made, from its first seconds on.
"""

from pathlib import Path
from uuid import UUID

from media.facts import Probe
from media.jobs.assets import fetch_source, probe_of, publish_playable, unfinished
from media.jobs.context import WorkerContext
from media.jobs.growth import Growth
from media.jobs.percent import telling_percent
from media.pipeline import Made, make_first, make_voice


async def transcode_asset(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Make it playable, from what `process_asset` found. Raises MediaProblem."""
    async with context.tenant(org_id) as session:
        asset = await unfinished(session, asset_id)
        if asset is None:
            return
        probe, voice = probe_of(asset), asset.audio_only
        growth = Growth(context, org_id, asset_id, probe, begun=asset.growing)
    async with context.folder() as folder:
        source = await fetch_source(context, org_id, asset_id, folder)
        made = await _make(context, growth, source, probe, voice=voice)
        await growth.end(made.renditions)
        await publish_playable(context, org_id, asset_id, probe, made)


async def _make(context: WorkerContext, growth: Growth, source: Path, probe: Probe, *, voice: bool) -> Made:
    """A voice has all its rungs in no time."""
    async with telling_percent(context, *growth.at) as progress:
        if voice:
            return await make_voice(source, probe, source.parent, context.tools, progress)
        return await make_first(source, probe, source.parent, context.tools, progress, growth.show)
