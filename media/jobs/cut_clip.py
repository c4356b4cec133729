"""Cut the clip of a bright spot: from what its segments have on the store to an asset of its own that is `ready`."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import false, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from media import keys
from media.clips import Clip, Range, make_clip
from media.jobs.assets import know, order, storable
from media.jobs.context import WorkerContext
from media.jobs.renditions import playable_row, put_renditions
from media.problems import MediaProblem
from models.asset import Asset, Rendition
from models.base import now
from models.bright_spot import BrightSpot, Segment
from models.take import Response

# Clips are at most this tall, so nothing larger is fetched where there is a choice.
ENOUGH_SHORT_SIDE = 720


@dataclass(frozen=True, slots=True)
class Source:
    """Where a segment's pictures are, and its sound when that is in another object."""

    video: str
    audio: str | None
    start_ms: int
    end_ms: int


async def cut_clip(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Make the clip. A clip that its bright spot does not want any more, or that is there, is left alone.

    Raises:
        MediaProblem: it cannot be made, or not now.
    """
    async with context.tenant(org_id) as session:
        sources = await _wanted(session, asset_id)
    if sources is None:
        return
    async with context.folder() as folder:
        clip = await _make(context, sources, folder)
        await context.storage.upload(clip.path, keys.playable(org_id, asset_id), "video/mp4")
        await context.storage.upload(clip.poster, keys.poster(org_id, asset_id), "image/jpeg")
        async with context.tenant(org_id) as session:
            await _finish(session, asset_id, clip)


async def fail(context: WorkerContext, org_id: UUID, asset_id: UUID, problem: MediaProblem) -> None:
    """Say on the clip what went wrong, when it was tried for the last time."""
    async with context.tenant(org_id) as session:
        clip = await _locked(session, asset_id)
        if clip is None or clip.state != "processing":
            return
        clip.move("failed")
        clip.problem_code, clip.problem_detail = problem.code, storable(problem.detail)


async def _locked(session: AsyncSession, asset_id: UUID) -> Asset | None:
    """Return the clip when its bright spot wants it still. The bright spot is locked first, as everywhere.

    Of one it has let go, what was uploaded since is erased once more.
    """
    org = session.info["org_id"]
    spot_id = await session.scalar(select(Asset.bright_spot_id).where(Asset.org_id == org, Asset.id == asset_id))
    if spot_id is None:
        return None
    spot = await session.get_one(BrightSpot, (org, spot_id), with_for_update=True, populate_existing=True)
    if spot.clip_asset_id != asset_id:
        await order(session, "delete_asset", asset_id)
        return None
    return await session.get_one(Asset, (org, asset_id), with_for_update=True, populate_existing=True)


async def _wanted(session: AsyncSession, asset_id: UUID) -> list[Source] | None:
    clip = await _locked(session, asset_id)
    if clip is None or clip.state != "processing":
        return None
    segments = await _segments(session, clip)
    assets = {(row.take_id, row.prompt_id): row.asset_id for row in await _responses(session, segments)}
    renditions = await _renditions(session, assets.values())
    return [_source(segment, assets, renditions) for segment in segments]


async def _segments(session: AsyncSession, clip: Asset) -> Sequence[Segment]:
    rows = await session.scalars(
        select(Segment)
        .where(Segment.org_id == clip.org_id, Segment.bright_spot_id == clip.bright_spot_id)
        .order_by(Segment.position)
    )
    return rows.all()


async def _responses(session: AsyncSession, segments: Sequence[Segment]) -> Sequence[Response]:
    """Return the responses of the takes that are shown, those to other prompts included."""
    rows = await session.scalars(
        select(Response).where(
            Response.org_id == session.info["org_id"], Response.take_id.in_({segment.take_id for segment in segments})
        )
    )
    return rows.all()


async def _renditions(session: AsyncSession, assets: Collection[UUID]) -> Mapping[UUID, list[Rendition]]:
    """Return by asset what is on the store: of one that was deleted, and of what is only growing yet, nothing."""
    rows = await session.scalars(
        select(Rendition)
        .join(Asset, (Asset.org_id == Rendition.org_id) & (Asset.id == Rendition.asset_id))
        .where(
            Rendition.org_id == session.info["org_id"],
            Rendition.asset_id.in_(set(assets)),
            Asset.state.in_(("playable", "ready")),
            func.coalesce(Asset.facts["growing"].as_boolean(), false()) == false(),
        )
    )
    found: dict[UUID, list[Rendition]] = defaultdict(list)
    for row in rows:
        found[row.asset_id].append(row)
    return found


def _source(
    segment: Segment, assets: Mapping[tuple[UUID, UUID], UUID], renditions: Mapping[UUID, list[Rendition]]
) -> Source:
    asset_id = assets.get((segment.take_id, segment.prompt_id))
    there = renditions.get(asset_id, []) if asset_id else []
    if videos := [row for row in there if row.kind == "video"]:
        video = best_for_clips(videos)
        audio = next((row.key for row in there if row.kind == "audio"), None)
        return Source(video.key, audio, segment.start_ms, segment.end_ms)
    if playable := next((row for row in there if row.name == "playable"), None):
        return Source(playable.key, None, segment.start_ms, segment.end_ms)
    raise MediaProblem("processing_failed", f"no video is there for segment {segment.position} (asset {asset_id})")


def best_for_clips(videos: Sequence[Rendition]) -> Rendition:
    """Return the smallest that is tall enough, else the largest there is."""
    by_size = sorted(videos, key=_short_side)
    return next((row for row in by_size if _short_side(row) >= ENOUGH_SHORT_SIDE), by_size[-1])


def _short_side(row: Rendition) -> int:
    return min(row.width or 0, row.height or 0)


async def _make(context: WorkerContext, sources: Sequence[Source], folder: Path) -> Clip:
    """Fetch each object once, however many segments are cut from it."""
    here: dict[str, Path] = {}
    for key in dict.fromkeys(key for source in sources for key in (source.video, source.audio) if key):
        here[key] = folder / f"{len(here)}{Path(key).suffix}"
        await context.storage.download(key, here[key])
    ranges = [
        Range(here[source.video], source.start_ms, source.end_ms, here[source.audio] if source.audio else None)
        for source in sources
    ]
    return await make_clip(ranges, folder, context.tools)


async def _finish(session: AsyncSession, asset_id: UUID, made: Clip) -> None:
    clip = await _locked(session, asset_id)
    if clip is None or clip.state != "processing":
        return
    know(clip, made.facts)
    clip.facts = {**(clip.facts or {}), "how": "encode"}
    clip.move("ready")
    clip.size_bytes, clip.poster = made.facts.size_bytes, True
    clip.playable_at = clip.ready_at = now()
    clip.problem_code = clip.problem_detail = None
    await put_renditions(session, clip, [playable_row(clip, made.path, made.facts)])
