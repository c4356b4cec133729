"""All renditions of a video that plays already, and what is made of them: then it is `ready`."""

from uuid import UUID

import msgspec

from media import keys, pipeline
from media.jobs.assets import fetch_source, probe_of, put_renditions, rendition, still
from media.jobs.context import WorkerContext
from media.pipeline import LadderResult
from media.playlists import AUDIO
from media.storage import Storage
from media.waveform import PEAKS_PER_S
from models.asset import Asset, Rendition
from models.base import now


async def make_ladder(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Make and upload everything, then say so. Raises MediaProblem."""
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "playable")
        if asset is None or not asset.renditions_pending:
            return
        probe = probe_of(asset)
    async with context.folder() as folder:
        source = await fetch_source(context, org_id, asset_id, folder)
        made = await pipeline.make_ladder(source, probe, folder, context.tools)
        await _upload(context.storage, org_id, asset_id, made)
        async with context.tenant(org_id) as session:
            asset = await still(session, asset_id, "playable")
            if asset is None or not asset.renditions_pending:
                return
            _know(asset, made)
            await put_renditions(session, asset, _renditions(asset, made))


async def _upload(storage: Storage, org_id: UUID, asset_id: UUID, made: LadderResult) -> None:
    for one in made.renditions:
        await storage.upload(one.path, _key(org_id, asset_id, one.name), "video/mp4")
    await storage.upload(made.progressive, keys.progressive(org_id, asset_id), "video/mp4")
    if made.storyboard:
        await storage.upload(made.storyboard, keys.storyboard(org_id, asset_id), "image/jpeg")
    if made.waveform:
        peaks = msgspec.json.encode({"peaks_per_s": PEAKS_PER_S, "peaks": made.waveform})
        await storage.put_bytes(keys.waveform(org_id, asset_id), peaks, "application/json")


def _key(org_id: UUID, asset_id: UUID, name: str) -> str:
    return keys.audio(org_id, asset_id) if name == AUDIO else keys.video(org_id, asset_id, _plain(name))


def _plain(name: str) -> str:
    """Return the name of a rung as a rendition has it: the MP4 made of it goes by the name with the p."""
    return name.removesuffix("p")


def _renditions(asset: Asset, made: LadderResult) -> list[Rendition]:
    rows = []
    for one in made.renditions:
        key = _key(asset.org_id, asset.id, one.name)
        kind, size = ("audio" if one.name == AUDIO else "video"), (one.width, one.height)
        rows.append(rendition(asset, _plain(one.name), kind, key, one.path, size=size, index=one.index))
    key, facts = keys.progressive(asset.org_id, asset.id), made.progressive_facts
    size = (facts.width, facts.height)
    return [*rows, rendition(asset, made.progressive.stem, "progressive", key, made.progressive, size=size)]


def _know(asset: Asset, made: LadderResult) -> None:
    asset.facts = {
        **(asset.facts or {}),
        "tiles": msgspec.to_builtins(made.tiles) if made.storyboard else None,
        "loudness_lufs": made.loudness_lufs,
        "gain_db": made.gain_db,
        "waveform": bool(made.waveform),
    }
    asset.move("ready")
    asset.storyboard, asset.renditions_pending, asset.ready_at = made.storyboard is not None, False, now()
    asset.problem_code = asset.problem_detail = None
