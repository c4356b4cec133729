"""How a job is tried, tried again, and given up."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from structlog.contextvars import bound_contextvars

from media import metrics, traces
from media.jobs.context import WorkerContext
from media.problems import MediaProblem
from media.queue import Queue
from media.storage import StorageUnavailable
from models.base import now
from models.errors import UnavailableError
from models.outages import broke_off

TRIES = 3
OUTAGE_TRIES = 8  # about three quarters of an hour: a store that is down is not the video's fault
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 900.0

Run = Callable[[WorkerContext, UUID, UUID], Awaitable[None]]
GiveUp = Callable[[WorkerContext, UUID, UUID, MediaProblem], Awaitable[None]]
log = structlog.get_logger()


@dataclass(frozen=True)
class Task:
    """A kind of job. `subject` names the id it is about; `give_up` says there what went wrong, after the last try.

    One that is `promised` is tried until it is done.
    """

    name: str
    queue: Queue
    subject: str
    run: Run
    give_up: GiveUp
    promised: bool = False

    def last_try(self, job: Job, error: Exception | None = None) -> bool:
        """Whether no try is left after the one that has just ended; without an error it took its worker with it."""
        tries = OUTAGE_TRIES if error is not None and is_outage(error) else TRIES
        return not self.promised and job.attempts + 1 >= tries


def is_outage(error: BaseException) -> bool:
    """Tell whether it ends by itself, sooner or later. OSError: no connection, no room; smtplib's are of it as well."""
    return isinstance(error, StorageUnavailable | UnavailableError | OSError) or broke_off(error)


class TryAgain(Exception):  # noqa: N818 - says what is to happen
    """The job failed, and may do better after a while."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"again in {wait_s:.0f} s")
        self.wait_s = wait_s


class Strategy(BaseRetryStrategy):
    """Again after a while; at once, and without counting it as a try, for a job that was interrupted by a stop."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        del job
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision()
        if isinstance(exception, TryAgain):
            return RetryDecision(retry_at=now() + timedelta(seconds=exception.wait_s))
        return None


def wait_s(job: Job) -> float:
    """Return how long to wait before the next try: 5 s, 20 s, 80 s, up to a quarter of an hour."""
    return min(FIRST_WAIT_S * 4.0 ** min(job.attempts, 8), LONGEST_WAIT_S)


async def attempt(context: WorkerContext, task: Task, job: Job) -> None:
    """Run a job once. A video that is at fault ends it well: the asset says so.

    Raises:
        TryAgain: it may do better another time.
        Exception: what went wrong at the last try; that, too, stands on the asset by now.
    """
    org_id, subject_id, request_id = ids_of(task, job.task_kwargs)
    with (
        bound_contextvars(request_id=request_id, job=job.id, task=task.name),
        metrics.job(task.name) as counted,
        traces.span(task.name, parent=str(job.task_kwargs.get(traces.TRACEPARENT, "")), job=True),
    ):
        started = time.perf_counter()
        log.info("job started", attempt=job.attempts + 1, **{task.subject: str(subject_id)})
        try:
            await task.run(context, org_id, subject_id)
            counted.outcome = "done"
        except Exception as error:  # noqa: BLE001 - whatever it is, the asset must say it
            counted.outcome = outcome_of(task, job, error)
            await _failed(context, task, job, error)
        log.info("job ended", ms=round((time.perf_counter() - started) * 1000))


def ids_of(task: Task, args: Mapping[str, Any]) -> tuple[UUID, UUID, str]:
    """Return the organization, what the job is about, and the request that caused it."""
    return UUID(args["org_id"]), UUID(args[task.subject]), str(args.get("request_id", ""))


def outcome_of(task: Task, job: Job, error: Exception) -> metrics.Outcome:
    """Return what comes of a job that failed: `refused` is the video's fault, and no fault of ours."""
    if isinstance(error, MediaProblem) and not error.retryable:
        return "refused"
    return "failed" if task.last_try(job, error) else "retried"


async def _failed(context: WorkerContext, task: Task, job: Job, error: Exception) -> None:
    expected = isinstance(error, MediaProblem) or is_outage(error)
    outcome = outcome_of(task, job, error)
    for_good = outcome == "refused"
    said = {"error": str(error) or type(error).__name__, "exc_info": None if expected else error}
    if outcome == "retried":
        log.warning("job failed, to be tried again", wait_s=wait_s(job), **said)
        raise TryAgain(wait_s(job)) from error
    log.log(logging.INFO if for_good else logging.ERROR, "job failed for good", **said)
    await give_up(context, task, job, problem_of(error))
    if not isinstance(error, MediaProblem):
        raise error


async def give_up(context: WorkerContext, task: Task, job: Job, problem: MediaProblem) -> None:
    """Say what went wrong where people see it. Raises TryAgain when not even that can be done now."""
    org_id, subject_id, _ = ids_of(task, job.task_kwargs)
    try:
        await task.give_up(context, org_id, subject_id, problem)
    except Exception as error:
        if not is_outage(error):
            raise
        log.warning("a failure could not be written down", error=str(error))
        raise TryAgain(wait_s(job)) from error


def problem_of(error: Exception) -> MediaProblem:
    if isinstance(error, MediaProblem):
        return error
    return MediaProblem("processing_failed", f"{type(error).__name__}: {error}")
