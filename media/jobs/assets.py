"""What the jobs of an asset share: its row, locked and in the expected state; its source; how it fails."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from media import keys, metrics, queue
from media.facts import Probe
from media.jobs.context import WorkerContext
from media.jobs.renditions import (
    forget_renditions,
    playable_row,
    put_renditions,
    rung_row,
    upload_rungs,
    upload_waveform,
)
from media.ladder import How, planned
from media.pipeline import Made
from media.problems import MediaProblem
from media.signing import step_s
from media.sound import Sound
from models.asset import Asset, Rendition
from models.base import now
from models.event import write_event
from models.submission import asset_failed, asset_plays

QUEUES: dict[str, queue.Queue] = {
    "process_asset": "quick",
    "transcode_asset": "first",
    "make_ladder": "long",
    "cut_clip": "long",
    "make_captions": "long",
    "delete_asset": "quick",
}
CLOCKS_DIFFER_S = 60
MAX_DETAIL = 4000
# What many are asked to watch has a small file to download as well.
DATA_SAVED = ("prompt", "model_answer", "attachment")


async def order(session: AsyncSession, task: str, asset_id: UUID) -> None:
    """Have a job of this asset run after the transaction. Its jobs take turns; erasing waits for none of them."""
    lock = None if task == "delete_asset" else f"asset:{asset_id}"
    await queue.defer(session, task, queue=QUEUES[task], lock=lock, asset_id=str(asset_id))


async def locked(session: AsyncSession, asset_id: UUID) -> Asset | None:
    key = (session.info["org_id"], asset_id)
    return await session.get(Asset, key, with_for_update={"key_share": True}, populate_existing=True)


async def still(session: AsyncSession, asset_id: UUID, state: str) -> Asset | None:
    """Return the asset, locked, when it is in this state; else there is nothing to do.

    Of one that was deleted meanwhile, what a job may have uploaded since is erased once more.
    """
    asset = await locked(session, asset_id)
    if asset is not None and asset.state == "deleted":
        await order(session, "delete_asset", asset_id)
    return asset if asset is not None and asset.state == state else None


async def unfinished(session: AsyncSession, asset_id: UUID) -> Asset | None:
    """Return the asset, locked, while its first rendition is being made, whether it plays as far as that is or not."""
    asset = await locked(session, asset_id)
    return asset if asset is not None and asset.growing else await still(session, asset_id, "processing")


async def fail(context: WorkerContext, org_id: UUID, asset_id: UUID, problem: MediaProblem) -> None:
    """Say on the asset what is wrong, for good. What plays already goes on playing, unless it is half of a video."""
    async with context.tenant(org_id) as session:
        asset = await locked(session, asset_id)
        if asset is None:
            return
        if asset.state == "processing" or asset.growing:
            if asset.growing:
                await _forget_half(session, asset)
            asset.move("failed")
            note(asset, problem)
            await session.flush()
            await asset_failed(session, asset)
        elif asset.state == "playable" and asset.renditions_pending:
            note(asset, problem)
            tell_failed(session, asset, dict.fromkeys(await missing(session, asset), problem))
        elif asset.state == "deleted":
            await order(session, "delete_asset", asset_id)


async def _forget_half(session: AsyncSession, asset: Asset) -> None:
    await forget_renditions(session, asset)
    asset.facts = {**(asset.facts or {}), "growing": False, "waveform": False}
    asset.poster = False
    await _let_pieces_go(session, asset, lock=f"asset:{asset.id}")


def note(asset: Asset, problem: MediaProblem) -> None:
    asset.problem_code, asset.problem_detail = problem.code, storable(problem.detail)
    asset.renditions_pending, asset.encoded_percent = False, None


async def missing(session: AsyncSession, asset: Asset) -> list[str]:
    """Return the names of the renditions that are planned and not there."""
    there = await renditions_of(session, asset)
    return [name for name in (asset.facts or {}).get("planned", []) if name not in there]


async def renditions_of(session: AsyncSession, asset: Asset) -> dict[str, Rendition]:
    rows = await session.scalars(
        select(Rendition).where(Rendition.org_id == asset.org_id, Rendition.asset_id == asset.id)
    )
    return {row.name: row for row in rows}


def storable(detail: str) -> str:
    """Return what a program said as text that the database takes, which no zero byte and no half character is."""
    return detail.replace("\0", "").encode(errors="replace").decode()[:MAX_DETAIL]


async def fetch_source(context: WorkerContext, org_id: UUID, asset_id: UUID, folder: Path) -> Path:
    path = folder / "source.bin"
    await context.storage.download(keys.source(org_id, asset_id), path)
    return path


def probe_of(asset: Asset) -> Probe:
    """Return what was found when the source was probed; a job that needs it comes after that."""
    return msgspec.convert((asset.facts or {}).get("source"), Probe)


def know(asset: Asset, probe: Probe) -> None:
    """Write down what the source is, as a person sees it. What was known of an earlier one goes."""
    asset.facts = {"source": msgspec.to_builtins(probe)}
    asset.duration_ms, asset.width, asset.height = probe.duration_ms, probe.width, probe.height


async def publish_playable(context: WorkerContext, org_id: UUID, asset_id: UUID, probe: Probe, made: Made) -> None:
    """Bring the playable file, its poster, and what it is made of to the store, then say so; the ladder follows."""
    storage = context.storage
    await storage.upload(made.playable, keys.playable(org_id, asset_id), "video/mp4")
    await storage.upload(made.poster, keys.poster(org_id, asset_id), "image/jpeg")
    await upload_rungs(storage, org_id, asset_id, made.renditions)
    if made.sound:
        await upload_waveform(storage, org_id, asset_id, made.sound)
    async with context.tenant(org_id) as session:
        asset = await unfinished(session, asset_id)
        if asset is None:
            return
        now_plays = not asset.growing
        if now_plays:
            begin_to_play(asset, probe)
            await asset_plays(session, asset)
        until = await _keep_pieces(session, asset, context.media_url_life_s) if asset.growing else None
        plan = planned(probe, made.how, data_saver=asset.purpose in DATA_SAVED)
        asset.facts = {**(asset.facts or {}), "how": made.how, "planned": plan, "failed": {}}
        if made.sound:
            hear(asset, made.sound)
        asset.poster = True
        rungs = [rung_row(asset, one, pieces_until=until) for one in made.renditions]
        await put_renditions(session, asset, [playable_row(asset, made.playable, made.facts), *rungs], all_=True)
        tell_made(session, asset, rungs)
        await order(session, "make_ladder", asset_id)
    if now_plays:
        count_playable(asset, made.how)


def begin_to_play(asset: Asset, probe: Probe) -> None:
    know(asset, probe)
    asset.move("playable")
    asset.playable_at, asset.renditions_pending = now(), True
    asset.problem_code = asset.problem_detail = None


def count_playable(asset: Asset, how: How) -> None:
    if asset.processing_at is not None and asset.playable_at is not None:
        took = asset.playable_at - asset.processing_at
        metrics.PLAYABLE_SECONDS.labels(how).observe(took.total_seconds())


async def _keep_pieces(session: AsyncSession, asset: Asset, life_s: int) -> int:
    """Keep what it grew of for as long as URLs hold that were given meanwhile, and return until when that is."""
    until = int(time.time()) + life_s + step_s(life_s) + CLOCKS_DIFFER_S
    asset.facts = {**(asset.facts or {}), "growing": False, "pieces_until": until}
    # Without the lock: a job that waits for its time would hold up all that come after it.
    await _let_pieces_go(session, asset, at=datetime.fromtimestamp(until + 1, UTC))
    return until


async def _let_pieces_go(
    session: AsyncSession, asset: Asset, *, lock: str | None = None, at: datetime | None = None
) -> None:
    """By another name than `asset_id`: who looks whether something goes on with an asset does not mean this."""
    await queue.defer(session, "delete_pieces", queue="quick", lock=lock, at=at, pieces_of=str(asset.id))


def hear(asset: Asset, sound: Sound) -> None:
    """Write down what the sound is like."""
    asset.facts = {
        **(asset.facts or {}),
        "loudness_lufs": sound.loudness_lufs,
        "loudness_range_lu": sound.loudness_range_lu,
        "gain_db": sound.gain_db,
        "waveform": bool(sound.waveform),
    }
    if sound.speech:
        asset.speech = msgspec.to_builtins(sound.speech)


def tell_made(session: AsyncSession, asset: Asset, rows: Sequence[Rendition]) -> None:
    for row in rows:
        write_event(session, asset, "rendition_made", rendition=row.name)


def tell_failed(session: AsyncSession, asset: Asset, failed: Mapping[str, MediaProblem]) -> None:
    """`detail` is for the operator."""
    for name, problem in failed.items():
        detail = storable(problem.detail)
        write_event(session, asset, "rendition_failed", rendition=name, problem=problem.code, detail=detail)
    asset.facts = {**(asset.facts or {}), "failed": {name: problem.code for name, problem in failed.items()}}
