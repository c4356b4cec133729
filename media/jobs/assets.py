"""What the jobs of an asset share: its row, locked and in the expected state; its source; how it fails."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from media import keys, metrics, queue
from media.facts import Probe
from media.jobs.context import WorkerContext
from media.pipeline import Made
from media.playlists import RenditionIndex
from media.problems import MediaProblem
from models.asset import Asset, Rendition
from models.base import now
from models.submission import asset_failed

QUEUES: dict[str, queue.Queue] = {
    "process_asset": "quick",
    "transcode_asset": "long",
    "make_ladder": "long",
    "cut_clip": "long",
    "delete_asset": "quick",
}
MAX_DETAIL = 4000


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


async def fail(context: WorkerContext, org_id: UUID, asset_id: UUID, problem: MediaProblem) -> None:
    """Say on the asset what is wrong, for good. What plays already goes on playing."""
    async with context.tenant(org_id) as session:
        asset = await locked(session, asset_id)
        if asset is None:
            return
        if asset.state == "processing":
            asset.move("failed")
            _note(asset, problem)
            await session.flush()
            await asset_failed(session, asset)
        elif asset.state == "playable" and asset.renditions_pending:
            _note(asset, problem)
        elif asset.state == "deleted":
            await order(session, "delete_asset", asset_id)


def _note(asset: Asset, problem: MediaProblem) -> None:
    asset.problem_code, asset.problem_detail = problem.code, storable(problem.detail)
    asset.renditions_pending = False


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
    """Bring the playable file and its poster to the store, then say so; the ladder follows."""
    await context.storage.upload(made.playable, keys.playable(org_id, asset_id), "video/mp4")
    await context.storage.upload(made.poster, keys.poster(org_id, asset_id), "image/jpeg")
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "processing")
        if asset is None:
            return
        know(asset, probe)
        asset.facts = {**(asset.facts or {}), "how": made.how}
        asset.move("playable")
        asset.poster, asset.playable_at, asset.renditions_pending = True, now(), True
        asset.problem_code = asset.problem_detail = None
        await put_renditions(session, asset, [playable_rendition(asset, made.playable, made.facts)])
        await order(session, "make_ladder", asset_id)
    if asset.processing_at is not None:
        took = asset.playable_at - asset.processing_at
        metrics.PLAYABLE_SECONDS.labels(made.how).observe(took.total_seconds())


def playable_rendition(asset: Asset, path: Path, facts: Probe) -> Rendition:
    key = keys.playable(asset.org_id, asset.id)
    return rendition(asset, "playable", "progressive", key, path, size=(facts.width, facts.height))


def rendition(
    asset: Asset,
    name: str,
    kind: str,
    key: str,
    path: Path,
    *,
    size: tuple[int | None, int | None] = (None, None),
    index: RenditionIndex | None = None,
) -> Rendition:
    return Rendition(
        org_id=asset.org_id,
        asset_id=asset.id,
        name=name,
        kind=kind,
        key=key,
        size_bytes=path.stat().st_size,
        width=size[0],
        height=size[1],
        index=msgspec.to_builtins(index) if index else None,
    )


async def put_renditions(session: AsyncSession, asset: Asset, rows: Sequence[Rendition]) -> None:
    """Write rows in place of those of the same names that an earlier run wrote."""
    await session.flush()
    await session.execute(
        delete(Rendition).where(
            Rendition.org_id == asset.org_id,
            Rendition.asset_id == asset.id,
            Rendition.name.in_([row.name for row in rows]),
        )
    )
    session.add_all(rows)
    await session.flush()
