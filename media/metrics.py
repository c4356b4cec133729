"""What is counted of jobs and of the store, for Prometheus; the API adds its own to the same registry.

Labels have few values, all from the code: never an id, an address, a path or anything else of a person.
"""

import functools
import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from media.verbs import Storage, StorageUnavailable

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

Outcome = Literal["done", "refused", "retried", "failed", "interrupted"]
T = TypeVar("T")

JOBS = Counter("showme_jobs", "Jobs that ended, by task and outcome.", ["task", "outcome"], registry=REGISTRY)
JOB_SECONDS = Histogram(
    "showme_job_seconds",
    "How long a job ran, by task.",
    ["task"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600),
    registry=REGISTRY,
)
PLAYABLE_SECONDS = Histogram(
    "showme_complete_to_playable_seconds",
    "From the completed upload to a video that plays; `how`: its pictures were copied, or encoded.",
    ["how"],
    buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800),
    registry=REGISTRY,
)
STORE_ERRORS = Counter("showme_store_errors", "Calls that the store failed, by verb.", ["verb"], registry=REGISTRY)
WORKING = Gauge("showme_jobs_running", "Jobs that run in this process, by task.", ["task"], registry=REGISTRY)

VERBS = sorted(
    name for name, verb in inspect.getmembers(Storage, inspect.iscoroutinefunction) if not name.startswith("_")
)


for _verb in VERBS:
    STORE_ERRORS.labels(_verb)


def expect(tasks: Iterable[str]) -> None:
    """Show these tasks at 0 from the start: a counter that appears at its first failure has not increased."""
    for task in tasks:
        JOB_SECONDS.labels(task)
        for outcome in get_args(Outcome):
            JOBS.labels(task, outcome)


def died(task: str, outcome: Outcome) -> None:
    """Count a job that ended with its worker, which counted nothing any more."""
    JOBS.labels(task, outcome).inc()


@dataclass
class JobRun:
    """How it ends; a job that is broken off says nothing more."""

    outcome: Outcome = "interrupted"


@contextmanager
def job(task: str) -> Iterator[JobRun]:
    """Count a job and its time by the outcome that is written down on the way."""
    run, started = JobRun(), time.perf_counter()
    WORKING.labels(task).inc()
    try:
        yield run
    finally:
        WORKING.labels(task).dec()
        JOBS.labels(task, run.outcome).inc()
        JOB_SECONDS.labels(task).observe(time.perf_counter() - started)


def counted(store: type[T]) -> type[T]:
    """Have a store count, by verb, the calls that it failed."""
    for verb in VERBS:
        if verb in vars(store):
            setattr(store, verb, _counted(verb, vars(store)[verb]))
    return store


def _counted(verb: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    async def calling(*args: Any, **options: Any) -> Any:
        try:
            return await call(*args, **options)
        except StorageUnavailable:
            STORE_ERRORS.labels(verb).inc()
            raise

    return calling
