"""Timed takes: their clock, and what becomes of one when it runs out.

The clock begins when the take is started, which shows what is asked. Until `ends_at` it is recorded; until `closes_at`,
a stated grace later, its videos may be announced, on whatever network there is; their bytes may come later still. Then
what has been answered is handed in, and a prompt without an answer stays without one. Where nothing was, the take stays
a draft. Either way nobody begins anew, unless a manager grants another take. What is announced after `closes_at` is
taken where the challenge accepts what is late, and marked; else it is refused.
"""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.asset import Asset, Upload
from models.base import now
from models.challenge import Challenge, Prompt
from models.errors import ConflictError
from models.event import write_event
from models.submission import LOST, OPEN_TO_TAKES, asset_failed, hand_in, hold_assets, lock
from models.take import Response, Take

GRACE_MS = 120_000


async def start_clock(session: AsyncSession, take: Take, challenge: Challenge) -> None:
    """Begin it, for a take that was just made."""
    if challenge.timed:
        window_ms = challenge.window_ms or await _window_ms(session, challenge)
        take.ends_at = take.created_at + timedelta(milliseconds=window_ms)
        take.closes_at = take.ends_at + timedelta(milliseconds=GRACE_MS)


async def _window_ms(session: AsyncSession, challenge: Challenge) -> int:
    """What the prompts take together: to see their videos, to prepare, and to answer."""
    takes_ms = (
        func.coalesce(Asset.duration_ms, 0)
        + func.coalesce(Prompt.preparation_ms, 0)
        + func.coalesce(Prompt.max_duration_ms, 0)
    )
    together = await session.scalar(
        select(func.sum(takes_ms))
        .select_from(Prompt)
        .outerjoin(Asset, (Asset.org_id == Prompt.org_id) & (Asset.id == Prompt.asset_id))
        .where(Prompt.org_id == challenge.org_id, Prompt.challenge_id == challenge.id)
    )
    return int(together or 0)


def is_over(take: Take) -> bool:
    return take.closes_at is not None and take.closes_at <= now()


def check_in_time(take: Take, challenge: Challenge, asset: Asset) -> None:
    """Raise ConflictError for a video that was announced after the take's time was over, where that is not taken."""
    if take.closes_at is None or asset.created_at <= take.closes_at or challenge.late_accepted:
        return
    raise ConflictError(
        "The time for this take is over. Your manager can grant you another.", code="time-over", state=take.state
    )


async def lapse(session: AsyncSession, take: Take) -> None:
    """Hand in what has been answered of a draft whose clock has run out. It may run twice, or too early."""
    if not is_over(take):
        return
    announced = await _announced(session, take)
    await hold_assets(session, take, announced.values())
    assignment = await lock(session, take)
    if take.state != "draft" or take.lapsed_at is not None:
        return
    take.lapsed_at = now()
    assets = await _answer(session, take, announced)
    write_event(session, assignment, "time_over", answered=len(assets))
    if not assets or assignment.state not in OPEN_TO_TAKES:
        return
    on_its_way = any(asset.state == "uploading" for asset in assets)
    await hand_in(session, take, assignment, arrived=not on_its_way, at=take.closes_at or now())
    for asset in assets:
        if asset.state in LOST:
            await asset_failed(session, asset)


async def _announced(session: AsyncSession, take: Take) -> dict[UUID, UUID]:
    """Return the video that was announced last, in time, for each prompt that has no answer: one the phone had no
    network left to say it of.
    """
    answered = select(Response.prompt_id).where(Response.org_id == take.org_id, Response.take_id == take.id)
    rows = await session.execute(
        select(Upload.prompt_id, Upload.asset_id)
        .join(Asset, (Asset.org_id == Upload.org_id) & (Asset.id == Upload.asset_id))
        .where(
            Upload.org_id == take.org_id,
            Upload.person_id == take.person_id,
            Upload.assignment_id == take.assignment_id,
            Upload.created_at.between(take.created_at, take.closes_at),
            Upload.prompt_id.not_in(answered),
            Asset.state.not_in(LOST),
        )
        .order_by(Upload.created_at)
    )
    return {row.prompt_id: row.asset_id for row in rows}


async def _answer(session: AsyncSession, take: Take, announced: dict[UUID, UUID]) -> Collection[Asset]:
    """Answer with what was announced, and return all that answers now."""
    org_id, mine = take.org_id, Response.take_id == take.id
    answered = set(await session.scalars(select(Response.prompt_id).where(Response.org_id == org_id, mine)))
    used = select(Response.asset_id).where(Response.org_id == org_id, Response.asset_id.in_(announced.values()))
    elsewhere = set(await session.scalars(used))
    session.add_all(
        Response(org_id=org_id, take_id=take.id, prompt_id=prompt_id, asset_id=asset_id)
        for prompt_id, asset_id in announced.items()
        if prompt_id not in answered and asset_id not in elsewhere
    )
    await session.flush()
    rows = await session.scalars(
        select(Asset)
        .join(Response, (Response.org_id == Asset.org_id) & (Response.asset_id == Asset.id))
        .where(Response.org_id == org_id, mine)
        .execution_options(populate_existing=True)
    )
    return rows.unique().all()
