"""Segments: which ranges of which takes, and whether this actor may make a clip of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Actor
from api.bright_spots.schemas import MAX_SEGMENT_MS, MIN_SEGMENT_MS, SegmentIn
from api.policy import may_show, visible
from models.asset import Asset
from models.bright_spot import BrightSpot, Segment
from models.challenge import Challenge
from models.errors import ConflictError, ForbiddenError, InvalidError
from models.take import Response, Take


@dataclass(frozen=True, slots=True)
class Sources:
    """What the segments are cut from: takes by id, videos by take and prompt."""

    takes: dict[UUID, Take]
    assets: dict[tuple[UUID, UUID], Asset]


async def check_segments(session: AsyncSession, actor: Actor, segments: Sequence[SegmentIn]) -> Sources:
    """Return what the segments are cut from.

    Raises:
        InvalidError: a take or its response is not there for this actor, or a range is not within its video.
        ForbiddenError: the actor may see a take, but not share moments of it.
        ConflictError: a take is not handed in, or its video cannot be played yet.
    """
    sources = await _sources(session, actor, segments)
    for index, segment in enumerate(segments):
        pointer = f"/segments/{index}"
        _check_take(actor, sources.takes.get(segment.take_id), pointer)
        _check_range(segment, sources.assets.get((segment.take_id, segment.prompt_id)), pointer)
    return sources


async def kind_of(session: AsyncSession, sources: Sources, first: SegmentIn) -> str:
    """Return what kind of challenge the first segment answers."""
    take = sources.takes[first.take_id]
    return (await session.get_one(Challenge, (take.org_id, take.challenge_id))).kind


async def save_segments(
    session: AsyncSession, bright_spot: BrightSpot, segments: Sequence[SegmentIn], sources: Sources
) -> None:
    """Give a bright spot these segments in place of any it had."""
    of_spot = (Segment.org_id == bright_spot.org_id) & (Segment.bright_spot_id == bright_spot.id)
    await session.execute(delete(Segment).where(of_spot))
    for position, segment in enumerate(segments):
        row = Segment(
            org_id=bright_spot.org_id,
            bright_spot_id=bright_spot.id,
            position=position,
            take_id=segment.take_id,
            prompt_id=segment.prompt_id,
            person_id=sources.takes[segment.take_id].person_id,
            start_ms=segment.start_ms,
            end_ms=segment.end_ms,
        )
        session.add(row)
    await session.flush()


async def _sources(session: AsyncSession, actor: Actor, segments: Sequence[SegmentIn]) -> Sources:
    takes = await session.scalars(
        select(Take).where(visible(actor, Take), Take.id.in_({segment.take_id for segment in segments}))
    )
    return Sources({take.id: take for take in takes}, await _assets(session, actor.org_id, segments))


async def _assets(session: AsyncSession, org_id: UUID, segments: Iterable[SegmentIn]) -> dict[tuple[UUID, UUID], Asset]:
    wanted = {(segment.take_id, segment.prompt_id) for segment in segments}
    rows = await session.execute(
        select(Response.take_id, Response.prompt_id, Asset)
        .join(Asset, (Asset.org_id == Response.org_id) & (Asset.id == Response.asset_id))
        .where(Response.org_id == org_id, tuple_(Response.take_id, Response.prompt_id).in_(wanted))
    )
    return {(row.take_id, row.prompt_id): row.Asset for row in rows}


def _check_take(actor: Actor, take: Take | None, pointer: str) -> None:
    if take is None:
        raise InvalidError("There is no take with this id here.", pointer=f"{pointer}/take_id")
    if not may_show(actor, take):
        raise ForbiddenError("You may see this take, but not share moments of it.")
    if take.practice or take.state not in {"submitted", "reviewed"}:
        raise ConflictError(
            "A bright spot is made of takes that were handed in.", code="take-not-submitted", state=take.state
        )


def _check_range(segment: SegmentIn, asset: Asset | None, pointer: str) -> None:
    if asset is None:
        raise InvalidError("This take has no response to a prompt with this id.", pointer=f"{pointer}/prompt_id")
    if asset.state not in {"playable", "ready"} or asset.growing or asset.duration_ms is None:
        raise ConflictError("This video cannot be played yet.", code="asset-not-playable", state=asset.state)
    length_ms = segment.end_ms - segment.start_ms
    if not MIN_SEGMENT_MS <= length_ms <= MAX_SEGMENT_MS:
        _refuse_end("A segment lasts 1 second to 5 minutes.", pointer)
    if segment.end_ms > asset.duration_ms:
        _refuse_end(f"The video ends at {asset.duration_ms} ms.", pointer)


def _refuse_end(detail: str, pointer: str) -> NoReturn:
    raise InvalidError(detail, pointer=f"{pointer}/end_ms")
