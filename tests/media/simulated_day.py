"""A day of work that is only thought of: seeded arrivals, a clock that is turned, and the queue's own SQL."""

import heapq
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from procrastinate import PsycopgConnector
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from media import turns
from media.jobs.engine import Jobs

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
SHORT_MS, LONG_MS = 180_000, 1_200_000
DEFER = """
INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args)
VALUES ('long', %(task)s, %(priority)s, %(args)s::jsonb)
"""
DONE = "DELETE FROM procrastinate_jobs WHERE id = %(id)s"
# How much of a working day's uploads come in each hour, from midnight.
BY_HOUR = (1, 1, 1, 1, 1, 1, 2, 5, 9, 12, 10, 6, 5, 8, 10, 12, 11, 7, 4, 3, 2, 2, 1, 1)


@dataclass(frozen=True)
class Work:
    """A job as it comes: `takes_s` is how long it will really run, which nobody knows before. `then` follows it."""

    at_s: float
    org: UUID
    task: str
    duration_ms: int
    takes_s: float
    then: "Work | None" = None

    @property
    def cost_s(self) -> float:
        return turns.cost_s(self.task, self.duration_ms)


@dataclass(frozen=True)
class Waits:
    """How long each job waited for its turn, in seconds."""

    of: tuple[tuple[Work, float], ...]

    def where(self, which: Callable[[Work], bool]) -> "Waits":
        return Waits(tuple((work, wait) for work, wait in self.of if which(work)))

    def percentile(self, percent: int) -> float:
        waits = sorted(wait for _, wait in self.of)
        return waits[min(len(waits) - 1, len(waits) * percent // 100)]

    @property
    def longest(self) -> float:
        return self.percentile(100)


def org_id(number: int) -> UUID:
    return UUID(int=number)


def day(seed: int, *, videos: int, orgs: int) -> list[Work]:
    """Return a day's work, of which organization 0 brings half; every third video does not play as it is."""
    chance = random.Random(seed)
    found = []
    for _ in range(videos):
        hour = chance.choices(range(24), BY_HOUR)[0]
        org = org_id(0 if chance.random() < 0.5 else chance.randrange(1, orgs))
        found.append(_video(chance, (hour + chance.random()) * 3600, org))
    return sorted(found, key=lambda work: work.at_s)


def _video(chance: random.Random, at_s: float, org: UUID) -> Work:
    minutes = min(60.0, chance.lognormvariate(0.7, 0.7) if chance.random() < 0.95 else chance.uniform(20, 60))
    duration_ms = round(minutes * 60_000)
    ladder = _work(chance, at_s, org, "make_ladder", duration_ms)
    if chance.random() < 2 / 3:
        return ladder
    return replace(_work(chance, at_s, org, "transcode_asset", duration_ms), then=ladder)


def _work(chance: random.Random, at_s: float, org: UUID, task: str, duration_ms: int) -> Work:
    """What is thought of a job's cost is wrong by a third either way."""
    return Work(at_s, org, task, duration_ms, turns.cost_s(task, duration_ms) * chance.uniform(0.67, 1.33))


class Queue:
    """The real queue at a time that is said: as it is, or in the order of arrival, as procrastinate has it."""

    def __init__(self, connector: PsycopgConnector, worker_id: int, *, fair: bool) -> None:
        self.now_s = 0.0
        self.fair = fair
        self._connector, self._worker_id = connector, worker_id
        self._jobs: JobManager = Jobs(connector, lambda: self._now) if fair else JobManager(connector)

    @property
    def _now(self) -> datetime:
        return MIDNIGHT + timedelta(seconds=self.now_s)

    async def defer(self, work: Work, number: int) -> None:
        args = {"org_id": str(work.org), "asset_id": str(UUID(int=number)), turns.COST: str(work.cost_s)}
        priority = turns.priority_of(work.task, self._now, work.cost_s) if self.fair else 0
        await self._connector.execute_query_async(
            DEFER, task=work.task, priority=priority, args=json.dumps({**args, "number": str(number)})
        )

    async def fetch(self) -> Job | None:
        return await self._jobs.fetch_job(["first", "long"], self._worker_id)

    async def done(self, job: Job) -> None:
        await self._connector.execute_query_async(DONE, id=job.id)


async def simulate(queue: Queue, arrivals: Sequence[Work], *, slots: int, until_s: float = float("inf")) -> Waits:
    """Run until nothing is left, or until a time: what still waits then has waited so long."""
    numbers, waiting, waits = count(), dict[int, Work](), []
    events: list[tuple[float, int, Work | Job]] = [(work.at_s, next(numbers), work) for work in arrivals]
    heapq.heapify(events)
    free = slots
    while events and events[0][0] <= until_s:
        queue.now_s, number, event = heapq.heappop(events)
        if isinstance(event, Work):
            waiting[number] = event
            await queue.defer(event, number)
        else:
            await queue.done(event)
            free += 1
        while free and (job := await queue.fetch()):
            work = waiting.pop(int(str(job.task_kwargs["number"])))
            waits.append((work, queue.now_s - work.at_s))
            ends_s, free = queue.now_s + work.takes_s, free - 1
            heapq.heappush(events, (ends_s, next(numbers), job))
            if work.then:
                heapq.heappush(events, (ends_s, next(numbers), replace(work.then, at_s=ends_s)))
    waits += [(work, until_s - work.at_s) for work in waiting.values()]
    return Waits(tuple(waits))
