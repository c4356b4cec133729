"""The worker: quick jobs and long ones in slots of their own, and beside them who looks after the queue."""

import asyncio
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import structlog
from procrastinate import App
from procrastinate.exceptions import ConnectorException

from media import metrics
from media.jobs.alone import alone
from media.jobs.context import WorkerContext
from media.jobs.engine import Jobs, make_app, make_pool
from media.jobs.tasks import TASKS
from media.jobs.work_dir import own_folder
from media.mail import check_smtp_url
from media.reaper import Reaper
from media.store_rounds import StoreRounds
from media.sweeps import Sweeper

__all__ = ["Pace", "WorkerContext", "run_worker"]

POLL_S = 1.0  # what no notification tells of: a job whose time or whose turn has come
STOP_S = 16.0
log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often things are looked at. A worker that was silent for `stalled_s` counts as dead."""

    heartbeat_s: float = 5.0
    stalled_s: float = 30.0
    reap_s: float = 5.0
    sweep_s: float = 5.0
    store_s: float = 24 * 3600.0
    quick_grace_s: float = 10.0
    reconnect_s: float = 2.0


class Interrupted(Exception):  # noqa: N818 - says what is the case
    """The worker lost its database; a fresh one may do better."""


async def run_worker(
    context: WorkerContext, *, quick_slots: int, long_slots: int, stop: asyncio.Event, pace: Pace | None = None
) -> None:
    """Work off jobs until `stop`; a database that goes away is waited for.

    Then quick jobs get ten seconds to end; longer ones are broken off and handed back to the queue at once.

    Raises:
        ValueError: the context's `smtp_url` cannot be used.
    """
    check_smtp_url(context.smtp_url)
    metrics.expect(TASKS)
    pace = pace or Pace()
    async with own_folder(context.work_dir) as folder:
        house = _House(replace(context, work_dir=folder), quick_slots, long_slots, pace)
        while not stop.is_set():
            try:
                await house.run(stop)
            except (ConnectorException, Interrupted) as error:
                log.warning("the queue was lost, trying again", error=str(error.__cause__ or error))
                await _first(stop, seconds=pace.reconnect_s)


@dataclass(frozen=True)
class _House:
    context: WorkerContext
    quick_slots: int
    long_slots: int
    pace: Pace

    async def run(self, stop: asyncio.Event) -> None:
        """Run everything until `stop`. Raises ConnectorException or Interrupted when the database was lost."""
        app, jobs = make_app(self.context)
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(make_pool(self.context.database_url))
            await stack.enter_async_context(app.open_async(pool))
            running = self._start(app, jobs)
            try:
                log.info("worker started", quick_slots=self.quick_slots, long_slots=self.long_slots)
                await _first(stop, jobs.lost, tasks=running)
            finally:
                errors = await _end(running)
        if not stop.is_set():
            raise errors[0] if errors else Interrupted("a part of the worker ended")
        log.info("worker stopped", errors=[str(error) for error in errors])

    def _start(self, app: App, jobs: Jobs) -> set[asyncio.Task[None]]:
        context, pace = self.context, self.pace
        reaper, sweeper = Reaper(context, jobs, stalled_s=pace.stalled_s), Sweeper(context)
        rounds = StoreRounds(context, every_s=pace.store_s)
        work = {
            "quick": self._loop(app, ["quick", "mail"], self.quick_slots, pace.quick_grace_s),
            # What nothing plays without waits behind no ladder: there is a slot that takes nothing else.
            "first": self._loop(app, ["first"], 1, 0.0),
            "long": self._loop(app, ["first", "long"], self.long_slots, 0.0),
            "reaper": alone(context.database, "reaper", pace.reap_s, reaper.round),
            "sweeps": alone(context.database, "sweeps", pace.sweep_s, sweeper.round),
            "store": alone(context.database, "store", min(60.0, pace.store_s), rounds.round),
        }
        return {asyncio.create_task(one, name=name) for name, one in work.items()}

    async def _loop(self, app: App, queues: list[str], slots: int, grace_s: float) -> None:
        await app.run_worker_async(
            queues=queues,
            name="-".join(queues),
            concurrency=slots,
            fetch_job_polling_interval=POLL_S,
            abort_job_polling_interval=60.0,
            shutdown_graceful_timeout=grace_s,
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=self.pace.heartbeat_s,
            stalled_worker_timeout=self.pace.stalled_s,
        )


async def _first(
    *events: asyncio.Event, tasks: Collection[asyncio.Task[None]] = (), seconds: float | None = None
) -> None:
    """Wait for the first of these to happen."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait([*waiting, *tasks], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


async def _end(running: Collection[asyncio.Task[None]]) -> list[BaseException]:
    """Have each end in its own way, and in time; return what went wrong in any of them."""
    for task in running:
        task.cancel()
    done, late = await asyncio.wait(running, timeout=STOP_S)
    for task in late:
        log.error("did not stop in time", part=task.get_name())
        task.add_done_callback(_hear)
        task.cancel()
    return [error for task in done if not task.cancelled() and (error := task.exception())]


def _hear(task: asyncio.Task[None]) -> None:
    """Take note of how a late one ended after all: nobody waits for it any more."""
    if not task.cancelled() and (error := task.exception()):
        log.warning("stopped late", part=task.get_name(), error=str(error.__cause__ or error))
