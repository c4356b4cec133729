"""From the bytes of an upload to a video that plays, where that takes no encoding of its pictures."""

import asyncio
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from media import keys
from media.facts import Probe
from media.jobs.assets import know, order, publish_playable, still
from media.jobs.context import WorkerContext
from media.pipeline import copy_playable
from media.probe import probe as probe_file
from media.problems import MediaProblem
from models.asset import Upload


async def process_asset(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    """Verify and probe the source, and make it playable by a remux; the long queue does it where that will not do.

    Raises:
        MediaProblem: it is no video we take, or not what was sent.
    """
    async with context.tenant(org_id) as session:
        if await still(session, asset_id, "processing") is None:
            return
        claimed = await _claimed_sha256(session, asset_id)
    async with context.folder() as folder:
        source = folder / "source.bin"
        await _fetch(context, org_id, asset_id, source, claimed)
        probe = await probe_file(source, binaries=context.tools.binaries, limits=context.limits)
        made = await copy_playable(source, probe, folder, context.tools)
        if made is not None:
            await publish_playable(context, org_id, asset_id, probe, made)
            return
    await _hand_over(context, org_id, asset_id, probe)


async def _claimed_sha256(session: AsyncSession, asset_id: UUID) -> str | None:
    return await session.scalar(
        select(Upload.sha256).where(Upload.org_id == session.info["org_id"], Upload.asset_id == asset_id)
    )


async def _fetch(context: WorkerContext, org_id: UUID, asset_id: UUID, source: Path, claimed: str | None) -> None:
    """Download the source and note what came. Raises MediaProblem when the client had sent other bytes."""
    sha256 = await context.storage.download(keys.source(org_id, asset_id), source, sha256=True)
    size_bytes = await asyncio.to_thread(lambda: source.stat().st_size)
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "processing")
        if asset is not None:
            asset.sha256, asset.size_bytes = sha256, size_bytes
    if claimed is not None and claimed != sha256:
        raise MediaProblem("checksum_mismatch", f"{claimed} was sent, {sha256} is here")


async def _hand_over(context: WorkerContext, org_id: UUID, asset_id: UUID, probe: Probe) -> None:
    async with context.tenant(org_id) as session:
        asset = await still(session, asset_id, "processing")
        if asset is not None:
            know(asset, probe)
            await order(session, "transcode_asset", asset_id)
