"""The reaper: jobs of workers that died are put back, and those that keep killing their workers are ended."""

import time

import structlog
from procrastinate.jobs import Job, Status
from structlog.contextvars import bound_contextvars

from media import metrics
from media.jobs.context import WorkerContext
from media.jobs.engine import Jobs
from media.jobs.tasks import TASKS
from media.jobs.trying import TryAgain, give_up, ids_of
from media.problems import MediaProblem
from models.base import now

TIDY_S = 3600.0
KEPT_HOURS = 30 * 24  # what failed, for whoever looks into it
log = structlog.get_logger()


class Reaper:
    """Looks for jobs whose worker gave no sign of life for `stalled_s`."""

    def __init__(self, context: WorkerContext, jobs: Jobs, *, stalled_s: float) -> None:
        self._context = context
        self._jobs = jobs
        self._stalled_s = stalled_s
        self._tidied_at: float | None = None

    async def round(self) -> None:
        for job in await self._jobs.get_stalled_jobs(seconds_since_heartbeat=self._stalled_s):
            with bound_contextvars(job=job.id, task=job.task_name):
                await self._reap(job)
        if self._tidied_at is None or time.monotonic() - self._tidied_at >= TIDY_S:
            await self._jobs.delete_old_jobs(
                KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
            )
            self._tidied_at = time.monotonic()

    async def _reap(self, job: Job) -> None:
        """Put a job back, or end it: by dying with its worker it has used up a try."""
        task = TASKS.get(job.task_name)
        if task is None or not task.last_try(job):
            log.warning("a job of a dead worker is put back", attempt=job.attempts + 1)
            await self._jobs.put_back(job, at=now(), counted=True)
            if task is not None:
                metrics.died(task.name, "interrupted")
            return
        _, subject_id, request_id = ids_of(task, job.task_kwargs)
        with bound_contextvars(request_id=request_id):
            log.error("a job took its worker with it, again and again", **{task.subject: str(subject_id)})
            problem = MediaProblem("processing_failed", f"{task.name} ended its worker {job.attempts + 1} times")
            try:
                await give_up(self._context, task, job, problem)
            except TryAgain:
                return
            await self._jobs.finish_job(job, Status.FAILED, delete_job=False)
            metrics.died(task.name, "failed")
