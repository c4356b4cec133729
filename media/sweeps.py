"""Sweeps: what becomes due by the mere passing of time, and what was left lying about."""

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import text
from structlog.contextvars import bound_contextvars

from media import queue
from media.jobs.assets import locked, order
from media.jobs.context import WorkerContext
from media.jobs.delete_source import give_up_source
from media.jobs.first_files import let_first_go
from media.jobs.trying import is_outage
from media.receiving import sweep_upload
from models import reviewing
from models.asset import Asset
from models.assignments import open_due
from models.consents import run_out
from models.ids import new_id
from models.next_steps import tell_due
from models.posting import post_due
from models.take import Take
from models.timed import lapse

MOST = 200
FORGET_DAYS, FORGET_MOST, FORGET_ROUNDS = 30, 20, 100
DAY_S = 24 * 3600.0
_FORGET = text("SELECT forget_access(:days, :most)")
log = structlog.get_logger()

Sweep = Callable[[WorkerContext], Awaitable[None]]


@dataclass(frozen=True)
class Errand:
    """`every_s` of 0 is each round."""

    name: str
    every_s: float
    sweep: Sweep


class Sweeper:
    """Runs each errand when its time has come; the failure of one keeps no other from its turn."""

    def __init__(self, context: WorkerContext, errands: tuple[Errand, ...] | None = None) -> None:
        self._context = context
        self._errands = ERRANDS if errands is None else errands
        self._last: dict[str, float] = {}

    async def round(self) -> None:
        for errand in self._errands:
            if time.monotonic() - self._last.get(errand.name, -DAY_S) >= errand.every_s:
                self._last[errand.name] = time.monotonic()
                with bound_contextvars(sweep=errand.name, request_id=f"sweep-{new_id().hex}"):
                    await guarded(errand.sweep(self._context))


async def guarded(work: Awaitable[object]) -> None:
    """Await it, and log its failure: what comes after it is to have its turn."""
    try:
        await work
    except Exception as error:
        if is_outage(error):
            log.warning("a sweep failed", error=str(error))
        else:
            log.exception("a sweep failed")


async def finish_uploads(context: WorkerContext) -> None:
    """Complete what has all its parts, expire what is too old."""
    async for org_id, upload_id in _found(context, "uploads_to_sweep"):
        await guarded(sweep_upload(context.database, context.storage, org_id, upload_id))


async def open_assignments(context: WorkerContext) -> None:
    by_org: dict[UUID, list[UUID]] = defaultdict(list)
    async for org_id, assignment_id in _found(context, "assignments_to_open"):
        by_org[org_id].append(assignment_id)
    for org_id, ids in by_org.items():
        await guarded(_open(context, org_id, ids))


async def tell_next_steps(context: WorkerContext) -> None:
    by_org: dict[UUID, list[UUID]] = defaultdict(list)
    async for org_id, step_id in _found(context, "next_steps_due"):
        by_org[org_id].append(step_id)
    for org_id, ids in by_org.items():
        await guarded(_tell_due(context, org_id, ids))


async def _tell_due(context: WorkerContext, org_id: UUID, ids: list[UUID]) -> None:
    async with context.tenant(org_id) as session:
        await tell_due(session, org_id, ids)


async def _open(context: WorkerContext, org_id: UUID, ids: list[UUID]) -> None:
    async with context.tenant(org_id) as session:
        opened = await open_due(session, org_id, ids)
    log.info("assignments opened", org_id=str(org_id), count=opened)


async def end_timed_takes(context: WorkerContext) -> None:
    """Hand in what was answered of timed takes whose clock has run out."""
    async for org_id, take_id in _found(context, "takes_to_lapse"):
        await guarded(_end_timed_take(context, org_id, take_id))


async def _end_timed_take(context: WorkerContext, org_id: UUID, take_id: UUID) -> None:
    async with context.tenant(org_id) as session:
        await lapse(session, await session.get_one(Take, (org_id, take_id)))
    log.info("the time of a take was over", org_id=str(org_id), take_id=str(take_id))


async def tell_reviewers(context: WorkerContext) -> None:
    """Tell of promises of feedback that are near, or long past."""
    async for org_id, take_id in _found(context, "reviews_to_tell"):
        await guarded(_tell_reviewers(context, org_id, take_id))


async def _tell_reviewers(context: WorkerContext, org_id: UUID, take_id: UUID) -> None:
    async with context.tenant(org_id) as session:
        await reviewing.tell(session, org_id, take_id)


async def post_series(context: WorkerContext) -> None:
    """Post what series have due; what cannot be posted now keeps no other from it."""
    async for org_id, series_id in _found(context, "series_due"):
        await guarded(_post_series(context, org_id, series_id))


async def _post_series(context: WorkerContext, org_id: UUID, series_id: UUID) -> None:
    async with context.tenant(org_id) as session:
        challenge = await post_due(session, org_id, series_id)
    if challenge is not None:
        log.info("a series posted", org_id=str(org_id), series_id=str(series_id), challenge_id=str(challenge.id))


async def end_consents(context: WorkerContext) -> None:
    """Revoke bright spots with a consent whose time is over, and have their clips erased."""
    async for org_id, bright_spot_id in _found(context, "consents_run_out"):
        await guarded(_end_consent(context, org_id, bright_spot_id))


async def _end_consent(context: WorkerContext, org_id: UUID, bright_spot_id: UUID) -> None:
    async with context.tenant(org_id) as session:
        clip_id = await run_out(session, bright_spot_id)
        if clip_id is not None:
            await order(session, "delete_asset", clip_id)
    log.info("a consent ran out", org_id=str(org_id), bright_spot_id=str(bright_spot_id))


async def order_again(context: WorkerContext) -> None:
    """Give assets that wait for a job that is not there their job again."""
    async for org_id, asset_id in _found(context, "assets_without_job"):
        await guarded(_order_again(context, org_id, asset_id))


async def _order_again(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    async with context.tenant(org_id) as session:
        asset = await locked(session, asset_id)
        task = None
        if asset is not None and asset.state == "processing":
            task = "process_asset"
        elif asset is not None and asset.growing:
            task = "transcode_asset"
        elif asset is not None and asset.state == "playable" and asset.renditions_pending:
            task = "make_ladder"
        if task is not None:
            await order(session, task, asset_id)
            log.warning("a lost job is made again", job_task=task, org_id=str(org_id), asset_id=str(asset_id))


async def cut_again(context: WorkerContext) -> None:
    """Give clips that wait for a job that is not there their job again."""
    async for org_id, clip_id in _found(context, "clips_without_job"):
        await guarded(_order_if(context, org_id, clip_id, "processing", "cut_clip"))


async def erase_again(context: WorkerContext) -> None:
    """Have erasures gone on with that wait for a job that is not there."""
    async for org_id, asset_id in _found(context, "erasures_without_job"):
        await guarded(_order_if(context, org_id, asset_id, "deleted", "delete_asset"))


async def _order_if(context: WorkerContext, org_id: UUID, asset_id: UUID, state: str, task: str) -> None:
    async with context.tenant(org_id) as session:
        asset = await locked(session, asset_id)
        if asset is not None and asset.state == state:
            await order(session, task, asset_id)
            log.warning("a lost job is made again", job_task=task, org_id=str(org_id), asset_id=str(asset_id))


async def let_sources_go(context: WorkerContext) -> None:
    """Give up what clients have sent, of videos that have been at rest for as long as it is kept.

    Those are ready, or failed, or rest with a problem, where for as long as that they may be tried again.
    """
    if not context.source_retention_days:
        return
    async for org_id, asset_id in _found(context, "sources_to_delete", days=context.source_retention_days):
        await guarded(_let_source_go(context, org_id, asset_id))


async def _let_source_go(context: WorkerContext, org_id: UUID, asset_id: UUID) -> None:
    async with context.tenant(org_id) as session:
        asset = await locked(session, asset_id)
        if asset is not None and asset.source_deleted_at is None and _rests(asset):
            give_up_source(asset)
            lock = f"asset:{asset_id}"
            await queue.defer(session, "delete_source", queue="quick", lock=lock, asset_id=str(asset_id))


def _rests(asset: Asset) -> bool:
    if asset.state == "playable":
        return asset.problem_code is not None and not asset.renditions_pending
    return asset.state in ("ready", "failed")


async def let_firsts_go(context: WorkerContext) -> None:
    """Keep the same pictures as one MP4, and not as two."""
    async for org_id, asset_id in _found(context, "firsts_superseded"):
        await guarded(let_first_go(context, org_id, asset_id))


async def forget_access(context: WorkerContext) -> None:
    """Forget sessions and links that ended long ago, few at a time: a session may have thousands of tokens."""
    for _ in range(FORGET_ROUNDS):
        async with context.database.without_tenant() as session:
            gone = await session.scalar(_FORGET, {"days": FORGET_DAYS, "most": FORGET_MOST})
        if not gone:
            return
        log.info("old sessions and links forgotten", count=gone)


async def make_partitions(context: WorkerContext) -> None:
    async with context.database.without_tenant() as session:
        await session.execute(text("SELECT make_event_partitions()"))


async def drop_old_events(context: WorkerContext) -> None:
    """Drop the months of events that ended longer ago than events are kept."""
    async with context.database.without_tenant() as session:
        query = text("SELECT drop_event_partitions(:days)")
        dropped = list(await session.scalars(query, {"days": context.event_retention_days}))
    if dropped:
        log.info("old events dropped", partitions=dropped)


async def mend_events(context: WorkerContext) -> None:
    """Have events read that a restore by hand has put out of their order."""
    async with context.database.without_tenant() as session:
        moved = await session.scalar(text("SELECT mend_event_order()"))
    if moved:
        log.warning("events of another server took their place", count=moved)


async def fill_critiques(context: WorkerContext) -> None:
    """Say of critiques that the release before writes whose take and which team's it is."""
    async with context.database.without_tenant() as session:
        await session.execute(text("SELECT fill_critiques(1000)"))


async def tidy_store(context: WorkerContext) -> None:
    await context.storage.tidy()


async def _found(context: WorkerContext, function: str, **keys: int) -> AsyncIterator[tuple[UUID, UUID]]:
    """Yield `(org_id, id)` of what one of the audited functions names; no transaction is open meanwhile."""
    async with context.database.without_tenant() as session:
        rows = (await session.execute(_QUERIES[function], {"most": MOST, **keys})).all()
    for org_id, row_id in rows:
        yield org_id, row_id


_QUERIES = {
    "uploads_to_sweep": text("SELECT org_id, upload_id FROM uploads_to_sweep(:most)"),
    "assignments_to_open": text("SELECT org_id, assignment_id FROM assignments_to_open(:most)"),
    "takes_to_lapse": text("SELECT org_id, take_id FROM takes_to_lapse(:most)"),
    "reviews_to_tell": text("SELECT org_id, take_id FROM reviews_to_tell(:most)"),
    "series_due": text("SELECT org_id, series_id FROM series_due(:most)"),
    "next_steps_due": text("SELECT org_id, next_step_id FROM next_steps_due(:most)"),
    "consents_run_out": text("SELECT org_id, bright_spot_id FROM consents_run_out(:most)"),
    "assets_without_job": text("SELECT org_id, asset_id FROM assets_without_job(:most)"),
    "clips_without_job": text("SELECT org_id, asset_id FROM clips_without_job(:most)"),
    "erasures_without_job": text("SELECT org_id, asset_id FROM erasures_without_job(:most)"),
    "firsts_superseded": text("SELECT org_id, asset_id FROM firsts_superseded(:most)"),
    "sources_to_delete": text("SELECT org_id, asset_id FROM sources_to_delete(:days, :most)"),
}
ERRANDS = (
    Errand("make_partitions", DAY_S, make_partitions),
    Errand("drop_old_events", 3600.0, drop_old_events),
    Errand("mend_events", 3600.0, mend_events),
    Errand("fill_critiques", 3600.0, fill_critiques),
    Errand("tidy_store", DAY_S, tidy_store),
    Errand("open_assignments", 0.0, open_assignments),
    Errand("end_timed_takes", 0.0, end_timed_takes),
    Errand("tell_next_steps", 0.0, tell_next_steps),
    Errand("tell_reviewers", 60.0, tell_reviewers),
    Errand("post_series", 0.0, post_series),
    Errand("end_consents", 0.0, end_consents),
    Errand("finish_uploads", 0.0, finish_uploads),
    Errand("order_again", 60.0, order_again),
    Errand("cut_again", 60.0, cut_again),
    Errand("erase_again", 60.0, erase_again),
    Errand("let_sources_go", 600.0, let_sources_go),
    Errand("let_firsts_go", 3600.0, let_firsts_go),
    Errand("forget_access", 3600.0, forget_access),
)
