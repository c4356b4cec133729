"""Assets as clients see them, and what their owners may do with them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec
from litestar.datastructures import State
from sqlalchemy import Text, cast, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.assets.files import file_of, is_file
from api.assets.playback import PLAYS, handed_out, playback_of
from api.assets.rows import ACaption, AnAsset, ARendition, CaptionRow, captions_json
from api.assets.schemas import AssetOut, PlaybackOut, ProblemOut, RenditionOut
from media import queue
from media.problems import PROBLEMS, Kind
from models.asset import Asset, Caption, Rendition, Upload
from models.base import now
from models.bright_spot import BrightSpot
from models.challenge import Attachment, Challenge, ModelAnswer, Prompt
from models.erasures import request_erasure
from models.errors import ConflictError
from models.submission import asset_failed
from models.take import Response, Take

_captions = msgspec.json.Decoder(list[CaptionRow])


async def asset_outs(session: AsyncSession, state: State, ids: Collection[UUID]) -> dict[UUID, AssetOut]:
    """Return assets by id, with fresh URLs, in two queries for all. That the actor sees them, the caller knows."""
    wanted, org_id = set(ids), session.info["org_id"]
    if not wanted:
        return {}
    assets = await session.execute(
        select(Asset, cast(captions_json(), Text)).where(Asset.org_id == org_id, Asset.id.in_(wanted))
    )
    rows = await session.scalars(
        select(Rendition)
        .where(Rendition.org_id == org_id, Rendition.asset_id.in_(wanted))
        .order_by(Rendition.asset_id, Rendition.kind, Rendition.name)
    )
    renditions: dict[UUID, list[Rendition]] = defaultdict(list)
    for row in rows:
        renditions[row.asset_id].append(row)
    return {
        asset.id: make_asset_out(state, asset, renditions[asset.id], _captions.decode(captions))
        for asset, captions in assets
    }


async def asset_out(session: AsyncSession, state: State, asset: Asset) -> AssetOut:
    return (await asset_outs(session, state, [asset.id]))[asset.id]


async def fresh_playback(session: AsyncSession, state: State, asset: Asset) -> PlaybackOut:
    """Return new URLs; that the actor may see it has been asked again by now.

    Raises:
        ConflictError: nothing plays.
    """
    playback = (await asset_out(session, state, asset)).playback
    if playback is None:
        raise ConflictError("This video cannot be played yet.", code="asset-not-playable", state=asset.state)
    return playback


async def retry(session: AsyncSession, asset: Asset) -> None:
    """Process what failed once more. Its row is locked. Done again, or where nothing failed, it changes nothing.

    Raises:
        ConflictError: nothing comes of it: the bytes are not here, not good, or wanted no more.
    """
    if asset.state == "failed":
        await _process_again(session, asset)
    elif asset.state in PLAYS and asset.problem_code is not None and not asset.renditions_pending:
        _check_source(asset)
        asset.renditions_pending, asset.problem_code, asset.problem_detail = True, None, None
        await _defer(session, "make_ladder", "long", asset)
    elif asset.state in {"uploading", "deleted"}:
        raise _not_retryable("There is nothing to process", asset)


async def _process_again(session: AsyncSession, asset: Asset) -> None:
    kind = _kind(asset.problem_code or "")
    if not kind.retryable:
        raise _not_retryable(f"Trying again does not help. {kind.message}", asset)
    _check_source(asset)
    clip = asset.purpose == "clip"
    if not await (_is_wanted(session, asset) if clip else _has_arrived(session, asset)):
        raise _not_retryable("There is nothing to process", asset)
    asset.move("processing")
    asset.problem_code, asset.problem_detail, asset.processing_at = None, None, now()
    await (_defer(session, "cut_clip", "long", asset) if clip else _defer(session, "process_asset", "quick", asset))


def _check_source(asset: Asset) -> None:
    if asset.source_deleted_at is not None:
        raise _not_retryable("The file that was sent is not kept any more, so nothing can be made of it anew", asset)


async def _defer(session: AsyncSession, task: str, slots: queue.Queue, asset: Asset) -> None:
    await queue.defer(session, task, queue=slots, lock=f"asset:{asset.id}", asset_id=str(asset.id))


def _not_retryable(detail: str, asset: Asset) -> ConflictError:
    return ConflictError(detail, code="not-retryable", state=asset.state)


async def _has_arrived(session: AsyncSession, asset: Asset) -> bool:
    unfinished = select(Upload.id).where(
        Upload.org_id == asset.org_id, Upload.asset_id == asset.id, Upload.state != "completed"
    )
    return await session.scalar(unfinished) is None


async def _is_wanted(session: AsyncSession, clip: Asset) -> bool:
    spot = select(BrightSpot.id).where(BrightSpot.org_id == clip.org_id, BrightSpot.clip_asset_id == clip.id)
    return await session.scalar(spot) is not None


async def erase(session: AsyncSession, asset: Asset) -> None:
    """Delete a video of one's own; a job erases its objects. Its row is locked. Done again, it changes nothing.

    A take that was handed in and waits for its review asks for a replacement. What was judged stays judged.

    Raises:
        ConflictError: a challenge that was published asks with it, or it is the clip of a bright spot.
    """
    if asset.state == "deleted":
        return
    await _check_unused(session, asset)
    await _abort_upload(session, asset)
    asset.move("deleted")
    asset.deleted_at, asset.renditions_pending = now(), False
    await asset_failed(session, asset)
    await _leave_drafts(session, asset)
    await _forget(session, asset)
    await request_erasure(session, asset)
    await queue.defer(session, "delete_asset", queue="quick", asset_id=str(asset.id))


async def _forget(session: AsyncSession, asset: Asset) -> None:
    """Remove what the rows hold of what was seen and said; that it was there, and when, stays."""
    asset.facts = asset.speech = asset.problem_detail = None
    for kind in (Rendition, Caption):
        await session.execute(delete(kind).where(kind.org_id == asset.org_id, kind.asset_id == asset.id))


async def _check_unused(session: AsyncSession, asset: Asset) -> None:
    if asset.purpose == "clip":
        raise _in_use("This is the clip of a bright spot; it goes when those shown withdraw their consent.", asset)
    uses = [
        exists().where(part.org_id == asset.org_id, part.challenge_id == Challenge.id, part.asset_id == asset.id)
        for part in (Prompt, ModelAnswer, Attachment)
    ]
    challenges = await session.scalars(
        select(Challenge.state)
        .where(Challenge.org_id == asset.org_id, or_(*uses))
        .order_by(Challenge.id)
        # One that is being published at this moment has been when this goes on.
        .with_for_update(read=True, of=Challenge)
    )
    if {"published", "closed"} & set(challenges):
        raise _in_use("A challenge asks with this video, or comes with it. Archive that first.", asset)


def _in_use(detail: str, asset: Asset) -> ConflictError:
    return ConflictError(detail, code="asset-in-use", state=asset.state)


async def _abort_upload(session: AsyncSession, asset: Asset) -> None:
    """End an upload that is under way; what it brought so far is erased with the asset."""
    upload = await session.scalar(
        select(Upload)
        .where(Upload.org_id == asset.org_id, Upload.asset_id == asset.id, Upload.state == "open")
        .with_for_update()
    )
    if upload is not None:
        upload.move("aborted")


async def _leave_drafts(session: AsyncSession, asset: Asset) -> None:
    """Leave a draft without a response where its video was; other takes keep what they were handed in with."""
    responses = select(Response.take_id).where(Response.org_id == asset.org_id, Response.asset_id == asset.id)
    drafts = await session.scalars(
        select(Take.id)
        .where(Take.org_id == asset.org_id, Take.id.in_(responses), Take.state == "draft")
        .order_by(Take.id)
        .with_for_update()
    )
    await session.execute(
        delete(Response).where(
            Response.org_id == asset.org_id, Response.asset_id == asset.id, Response.take_id.in_(drafts.all())
        )
    )


def make_asset_out(state: State, asset: AnAsset, rows: Sequence[ARendition], captions: Sequence[ACaption]) -> AssetOut:
    renditions = handed_out(asset, rows)
    return AssetOut(
        id=asset.id,
        purpose=asset.purpose,
        state=asset.state,
        percent=asset.encoded_percent if _is_worked_on(asset) else None,
        renditions_pending=asset.renditions_pending,
        audio_only=asset.audio_only,
        content_type=asset.content_type,
        size_bytes=asset.size_bytes,
        duration_ms=asset.duration_ms,
        width=asset.width,
        height=asset.height,
        problem=problem_out(asset.problem_code),
        renditions=[] if asset.state == "deleted" or is_file(asset) else [_rendition(row) for row in renditions],
        playback=None if is_file(asset) else playback_of(state, asset, renditions, captions),
        file=file_of(state, asset, renditions),
        created_at=asset.created_at,
        playable_at=asset.playable_at,
        ready_at=asset.ready_at,
    )


def _rendition(row: ARendition) -> RenditionOut:
    return RenditionOut(row.name, row.kind, row.width, row.height, row.size_bytes)


def _is_worked_on(asset: AnAsset) -> bool:
    """A worker that was killed leaves its last word behind."""
    return asset.state == "processing" or asset.renditions_pending


def problem_out(code: str | None) -> ProblemOut | None:
    if code is None:
        return None
    kind = _kind(code)
    return ProblemOut(code, kind.message, kind.retryable)


def _kind(code: str) -> Kind:
    """Return what is known of a problem; of a code that is not known any more, that something went wrong."""
    return PROBLEMS.get(code, PROBLEMS["processing_failed"])
