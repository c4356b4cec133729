"""Mending what an inventory has found: what belongs to nothing goes, and of what is gone the rows say so.

What is gone is made again, and nothing else; the video goes on playing meanwhile, with what is left of it. Only where
nothing of it plays it is processed anew from what the client sent, and fails, truly, when that is gone as well.
"""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from media import keys
from media.inventory import Finding, Lost, Orphan, Unfinished
from media.jobs.assets import locked, note, order, renditions_of, tell_failed
from media.jobs.delete_source import give_up_source
from media.jobs.lacking import NICETIES, has_source, lacking, out_of_reach, plan_of
from media.playlists import AUDIO
from media.problems import MediaProblem
from media.storage import Storage
from models.asset import Asset, Caption, Rendition
from models.base import now
from models.database import Database
from models.submission import asset_failed

GONE = "objects of it were not in the store, nor what was sent"
log = structlog.get_logger()


class Mended(NamedTuple):
    """What was done, in some words. Without `whole` something is gone that cannot be made again."""

    done: str
    whole: bool = True


async def mend(database: Database, storage: Storage, org_id: UUID, finding: Finding) -> Mended:
    """Mend it. Done again, it changes nothing."""
    match finding:
        case Orphan(key=key):
            await storage.delete_keys([key])
            mended = Mended("removed")
        case Unfinished(multipart=one):
            await storage.abort_multipart(one.key, one.multipart_id)
            mended = Mended("aborted")
        case Lost():
            async with database.tenant(org_id) as session:
                mended = await _mend_lost(session, finding)
    log.info("mended", org_id=str(org_id), finding=str(finding), done=mended.done, whole=mended.whole)
    return mended


async def _mend_lost(session: AsyncSession, lost: Lost) -> Mended:
    asset, missing = await locked(session, lost.asset_id), set(lost.keys)
    if asset is None or asset.state not in ("processing", "playable", "ready"):
        return Mended("changed meanwhile")
    missing -= await _forget_captions(session, asset, missing)
    if not missing:
        return Mended("captions forgotten", whole=False)
    source = keys.source(asset.org_id, asset.id)
    if source in missing:
        give_up_source(asset)
    if missing == {source} and (asset.state == "ready" or asset.growing):  # whoever makes it grow has it already
        return Mended("source noted as gone", whole=False)
    await _forget(session, asset, missing)
    if asset.state == "processing" or not _plays(asset, there := await renditions_of(session, asset)):
        return await _anew(session, asset)
    return await _make_up(session, asset, there)


async def _forget_captions(session: AsyncSession, asset: Asset, missing: Collection[str]) -> set[str]:
    mine = (Caption.org_id == asset.org_id) & (Caption.asset_id == asset.id) & Caption.key.in_(missing)
    gone = set(await session.scalars(select(Caption.key).where(mine)))
    await session.execute(delete(Caption).where(mine))
    return gone


async def _forget(session: AsyncSession, asset: Asset, missing: Collection[str]) -> None:
    """Have the rows say what is gone; without its sound, a rung would play in silence."""
    at = (asset.org_id, asset.id)
    kinds = ("video",) if keys.audio(*at) in missing else ()
    gone = Rendition.key.in_(missing) | Rendition.kind.in_(kinds)
    mine = (Rendition.org_id == asset.org_id) & (Rendition.asset_id == asset.id)
    await session.execute(delete(Rendition).where(mine, gone))
    asset.poster = asset.poster and keys.poster(*at) not in missing
    asset.storyboard = asset.storyboard and keys.storyboard(*at) not in missing
    if keys.waveform(*at) in missing:
        asset.facts = {name: fact for name, fact in (asset.facts or {}).items() if name != "waveform"}


def _plays(asset: Asset, there: Collection[str]) -> bool:
    """Tell whether a file is left, or rungs with their sound."""
    rungs = any(name.isdigit() for name in there) and (AUDIO in there or AUDIO not in plan_of(asset))
    return rungs or any(name != AUDIO and not name.isdigit() for name in there)


async def _anew(session: AsyncSession, asset: Asset) -> Mended:
    """Have all of it made once more, or say that it is lost."""
    if asset.purpose != "clip" and not has_source(asset):
        await _fail(session, asset)
        return Mended("failed", whole=False)
    if asset.state != "processing":
        asset.move("processing")
    asset.problem_code = asset.problem_detail = None
    asset.renditions_pending, asset.storyboard, asset.processing_at = False, False, now()
    await order(session, "cut_clip" if asset.purpose == "clip" else "process_asset", asset.id)
    return Mended("to be made anew")


async def _fail(session: AsyncSession, asset: Asset) -> None:
    if asset.state == "ready":
        asset.move("processing")
        await session.flush()
    note(asset, MediaProblem("lost", GONE))
    asset.move("failed")
    await session.flush()
    await asset_failed(session, asset)


async def _make_up(session: AsyncSession, asset: Asset, there: Collection[str]) -> Mended:
    """Have what it lacks made, or say that it will not come."""
    gone = out_of_reach(asset, there)
    to_make = lacking(asset, there) - gone
    if gone:
        tell_failed(session, asset, dict.fromkeys(sorted(gone), MediaProblem("source_lost", GONE)))
    if asset.state == "ready" and (to_make or gone - NICETIES):
        asset.move("playable")
    if to_make:
        asset.renditions_pending, asset.problem_code, asset.problem_detail = True, None, None
        await order(session, "make_ladder", asset.id)
    elif gone - NICETIES:
        note(asset, MediaProblem("source_lost", GONE))
    said = [f"to be made: {', '.join(sorted(to_make))}"] if to_make else []
    said += [f"gone for good: {', '.join(sorted(gone))}"] if gone else []
    return Mended("; ".join(said) or "not needed any more", whole=not gone)
