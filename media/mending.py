"""Mending what an inventory has found: what belongs to nothing goes, and of what is gone the rows say so.

What can be made again from what the client sent is ordered again; else the asset goes on with what it has, and fails,
truly, when nothing of it plays.
"""

from collections.abc import Collection
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from media import keys
from media.inventory import Finding, Lost, Orphan, Unfinished
from media.jobs.assets import locked, order
from media.storage import Storage
from models.asset import Asset, Caption, Rendition
from models.base import now
from models.database import Database
from models.submission import asset_failed

log = structlog.get_logger()


async def mend(database: Database, storage: Storage, org_id: UUID, finding: Finding) -> str:
    """Mend it, and return in a word or two what was done. Done again, it changes nothing."""
    match finding:
        case Orphan(key=key):
            await storage.delete_keys([key])
            done = "removed"
        case Unfinished(multipart=one):
            await storage.abort_multipart(one.key, one.multipart_id)
            done = "aborted"
        case Lost():
            async with database.tenant(org_id) as session:
                done = await _mend_lost(session, finding)
    log.info("mended", org_id=str(org_id), finding=str(finding), done=done)
    return done


async def _mend_lost(session: AsyncSession, lost: Lost) -> str:
    asset, missing = await locked(session, lost.asset_id), set(lost.keys)
    if asset is None or asset.state not in ("processing", "playable", "ready"):
        return "changed meanwhile"
    missing -= await _forget_captions(session, asset, missing)
    if not missing:
        return "captions forgotten"
    if asset.purpose == "clip":
        await _again(session, asset, "cut_clip")
        return "cut again"
    source = keys.source(asset.org_id, asset.id)
    if source in missing:
        asset.source_deleted_at = now()
    elif asset.source_deleted_at is None:
        await _again(session, asset, "process_asset")
        return "made again"
    if missing == {source} and asset.state == "ready":
        return "source noted as gone"
    return await _go_on(session, asset, missing)


async def _forget_captions(session: AsyncSession, asset: Asset, missing: Collection[str]) -> set[str]:
    mine = (Caption.org_id == asset.org_id) & (Caption.asset_id == asset.id) & Caption.key.in_(missing)
    gone = set(await session.scalars(select(Caption.key).where(mine)))
    await session.execute(delete(Caption).where(mine))
    return gone


async def _again(session: AsyncSession, asset: Asset, task: str) -> None:
    """Have all of it made once more."""
    if asset.state == "playable":
        asset.problem_code, asset.problem_detail = "processing_failed", "objects of it were not in the store"
        asset.move("failed")
        await session.flush()
    asset.move("processing")
    asset.problem_code = asset.problem_detail = None
    asset.renditions_pending, asset.storyboard, asset.processing_at = False, False, now()
    await order(session, task, asset.id)


async def _go_on(session: AsyncSession, asset: Asset, missing: Collection[str]) -> str:
    """Go on with what is there; what is gone cannot be made again."""
    mine = (Rendition.org_id == asset.org_id) & (Rendition.asset_id == asset.id)
    await session.execute(delete(Rendition).where(mine, Rendition.key.in_(missing)))
    at = (asset.org_id, asset.id)
    asset.poster = asset.poster and keys.poster(*at) not in missing
    asset.storyboard = asset.storyboard and keys.storyboard(*at) not in missing
    if keys.waveform(*at) in missing:
        asset.facts = {**(asset.facts or {}), "waveform": False}
    plays = select(func.count()).select_from(Rendition).where(mine, Rendition.kind == "progressive")
    if await session.scalar(plays):
        if asset.renditions_pending:
            _say(asset, "source_lost")
        return "goes on without"
    await _fail(session, asset)
    return "failed"


async def _fail(session: AsyncSession, asset: Asset) -> None:
    if asset.state == "ready":
        asset.move("processing")
        await session.flush()
    _say(asset, "lost")
    asset.move("failed")
    await session.flush()
    await asset_failed(session, asset)


def _say(asset: Asset, code: str) -> None:
    asset.problem_code, asset.problem_detail = code, "objects of it were not in the store, nor what was sent"
    asset.renditions_pending, asset.encoded_percent = False, None
