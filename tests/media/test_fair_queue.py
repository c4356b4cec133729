"""A day's arrivals through the real queue, beside the same day first in, first out: who waits for how long."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

import pytest
from procrastinate import App, PsycopgConnector

from api.embedded import EmbeddedPostgres, Urls
from media import turns
from media.jobs.engine import make_pool
from tests.factories.jobs import own_database
from tests.media.simulated_day import LONG_MS, SHORT_MS, Queue, Waits, Work, day, org_id, simulate

BIG = org_id(0)
HOUR_S = 3600.0
MINUTE_MS = 60_000

Open = Callable[[bool], AbstractAsyncContextManager[Queue]]


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_fair_queue")


@pytest.fixture
def open_queue(own_urls: Urls) -> Open:
    @asynccontextmanager
    async def opened(fair: bool) -> AsyncIterator[Queue]:
        connector = PsycopgConnector()
        async with make_pool(own_urls.app) as pool, App(connector=connector).open_async(pool):
            for empty in ("DELETE FROM procrastinate_jobs", "DELETE FROM org_share"):
                await connector.execute_query_async(empty)
            row = await connector.execute_query_one_async(
                "INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id"
            )
            yield Queue(connector, row["id"], fair=fair)

    return opened


def short(work: Work) -> bool:
    return work.duration_ms <= SHORT_MS


def long(work: Work) -> bool:
    return work.duration_ms >= LONG_MS


def small(work: Work) -> bool:
    return work.org != BIG


def first_rung(work: Work) -> bool:
    return work.task == "transcode_asset"


async def test_on_a_busy_day_the_short_and_the_small_wait_minutes_instead_of_hours(open_queue: Open) -> None:
    """Two slots, three quarters used over the day and twice what they can do in its busiest hours.

    Half of the work is one organization's, half nineteen others'.
    """
    arrivals = day(2, videos=390, orgs=20)
    async with open_queue(False) as queue:
        before = await simulate(queue, arrivals, slots=2)
    async with open_queue(True) as queue:
        after = await simulate(queue, arrivals, slots=2)
    assert len(before.of) == len(after.of) > 390
    _check_medians(before, after)
    _check_longest(before, after)


def _check_medians(before: Waits, after: Waits) -> None:
    for which, was_s, is_s in ((short, 5000, 600), (small, 4500, 300), (first_rung, 5000, 180)):
        assert before.where(which).percentile(50) > was_s
        assert after.where(which).percentile(50) < is_s


def _check_longest(before: Waits, after: Waits) -> None:
    """Nobody waits for a first rung as long as the median did; long ladders, which play meanwhile, pay for it."""
    assert after.where(first_rung).longest < before.where(first_rung).percentile(50)
    assert after.where(lambda work: small(work) and short(work)).longest < before.longest
    assert after.longest < 3 * before.longest


async def test_the_backlog_of_one_organization_does_not_hold_up_the_others(open_queue: Open) -> None:
    """Three hundred takes at once, five hours of work; then, every quarter of an hour, one of somebody else."""
    backlog = [_take(0.0, BIG) for _ in range(300)]
    others = [_take(quarter * 900.0 + 10, org_id(1 + quarter % 9)) for quarter in range(18)]
    async with open_queue(False) as queue:
        before = await simulate(queue, [*backlog, *others], slots=1)
    async with open_queue(True) as queue:
        after = await simulate(queue, [*backlog, *others], slots=1)
    assert before.where(small).percentile(50) > 2.5 * HOUR_S
    assert after.where(small).longest <= 62  # what was running when it came
    assert after.where(lambda work: work.org == BIG).longest < before.longest + 18 * 62 + 1


async def test_nothing_waits_for_ever_however_much_is_new_and_short(open_queue: Open) -> None:
    """A long video of whoever has used most, in a queue that gets a third more than it can do and never empties."""
    until_s = 420 * 45.0
    flood = [_take(number * 45.0, org_id(1 + number % 7)) for number in range(420)]
    hogging = [_take(0.0, BIG) for _ in range(20)]
    old = Work(1000.0, BIG, "make_ladder", 20 * MINUTE_MS, 600.0)
    async with open_queue(True) as queue:
        waits = await simulate(queue, [*hogging, *flood, old], slots=1, until_s=until_s)
    [waited] = [wait for work, wait in waits.of if work == old]
    ahead_s = turns.PER_SECOND_OF_WORK * old.cost_s + turns.FOR_SHARE * 20 * 62  # of those that may overtake it
    assert HOUR_S < waited < ahead_s * 60 / 45 + 62
    assert len(waits.where(lambda work: work.at_s > 1000 + ahead_s).of) > 50  # there was no lack of newer ones
    assert waited < until_s - 1000 - HOUR_S


def _take(at_s: float, org: UUID) -> Work:
    return Work(at_s, org, "make_ladder", MINUTE_MS, 60.0)
