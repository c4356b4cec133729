"""Which job of the long queue a worker gets: the rule itself, and its SQL beside procrastinate's own."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from procrastinate import App, PsycopgConnector

from api.embedded import EmbeddedPostgres, Urls
from media import turns
from media.jobs.engine import Jobs, conninfo, make_pool
from tests.factories.jobs import House, eventually, make_bright_spot, own_database
from tests.factories.takes import make_story, make_take

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR_MS = 3_600_000
MINE, OTHER = uuid4(), uuid4()
EMPTY: LiteralString = "DELETE FROM procrastinate_jobs; DELETE FROM procrastinate_workers; DELETE FROM org_share"
ROW = {"queue_name": "long", "priority": 0, "lock": None, "status": "todo", "scheduled_at": None}
PUT: LiteralString = """
INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, args, status, scheduled_at)
VALUES (%(queue_name)s, %(task_name)s, %(priority)s, %(lock)s, %(args)s, %(status)s, %(scheduled_at)s) RETURNING id
"""


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_turns")


@dataclass
class Desk:
    """The rows of the queue, and a worker that asks for its next job at a time."""

    connection: psycopg.AsyncConnection
    jobs: Jobs
    worker: int = 0
    now: datetime = NOON

    async def put(self, task: str = "make_ladder", **values: Any) -> int:
        args = {"org_id": str(values.pop("org", MINE)), turns.COST: str(values.pop("cost_s", 60.0))}
        row = {**ROW, "task_name": task, "args": json.dumps(args), **values}
        id_: int = (await self.one(PUT, row))[0]
        return id_

    async def next(self) -> int | None:
        job = await self.jobs.fetch_job(["long"], self.worker)
        return None if job is None else job.id

    async def used(self, org: UUID, seconds: float, at: datetime = NOON) -> None:
        query = "INSERT INTO org_share (org_id, used_s, at) VALUES (%s, %s, %s)"
        await self.connection.execute(query, (org, seconds, at))

    async def one(self, query: LiteralString, values: Any = None) -> Any:
        return await (await self.connection.execute(query, values)).fetchone()


@pytest.fixture
async def desk(own_urls: Urls) -> AsyncIterator[Desk]:
    connector = PsycopgConnector()
    info = conninfo(own_urls.app)
    async with (
        make_pool(own_urls.app) as pool,
        App(connector=connector).open_async(pool),
        await psycopg.AsyncConnection.connect(info, autocommit=True) as connection,
    ):
        made = Desk(connection, Jobs(connector, lambda: made.now))
        await connection.execute(EMPTY)
        made.worker = (await made.one("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id"))[0]
        yield made


# The rule


@pytest.mark.parametrize(
    ("task", "duration_ms", "cost_s"),
    [
        ("make_ladder", 60_000, 62.0),
        ("transcode_asset", 60_000, 23.0),
        ("cut_clip", 20_000, 12.0),
        ("a kind not known", 10_000, 12.0),
        ("make_ladder", None, 122.0),
        ("make_ladder", 0, 2.0),
    ],
)
def test_a_job_costs_what_its_kind_and_its_video_make_it_cost(
    task: str, duration_ms: int | None, cost_s: float
) -> None:
    assert turns.cost_s(task, duration_ms) == cost_s


@pytest.mark.parametrize("duration_ms", [1_000, 60_000, HOUR_MS])
def test_a_first_rung_goes_before_each_ladder_of_its_age(duration_ms: int) -> None:
    first_rung = turns.priority_of("transcode_asset", NOON, turns.cost_s("transcode_asset", duration_ms))
    assert first_rung > turns.priority_of("make_ladder", NOON, turns.cost_s("make_ladder", 1))


def test_a_short_take_overtakes_a_long_one_until_that_has_waited_long_enough() -> None:
    short, long = turns.cost_s("make_ladder", 60_000), turns.cost_s("make_ladder", HOUR_MS)
    waited = timedelta(seconds=turns.PER_SECOND_OF_WORK * (long - short))
    minute = timedelta(minutes=1)
    place = turns.priority_of("make_ladder", NOON, long)
    assert turns.priority_of("make_ladder", NOON + waited - minute, short) > place
    assert turns.priority_of("make_ladder", NOON + waited + minute, short) < place


def test_a_priority_is_an_integer_of_the_database_for_decades() -> None:
    assert turns.priority_of("make_ladder", datetime(2090, 1, 1, tzinfo=UTC), 24 * 3600.0) > -(2**31)


# What a worker gets


async def test_the_higher_priority_comes_first_and_the_earlier_of_two_alike(desk: Desk) -> None:
    later, first, second = [await desk.put(priority=priority) for priority in (-20, -10, -10)]
    assert [await desk.next() for _ in range(4)] == [first, second, later, None]


async def test_an_organization_that_has_used_much_comes_after_one_that_has_not(desk: Desk) -> None:
    await desk.used(MINE, 1000.0)
    within, beyond = -1, -round(turns.FOR_SHARE * 1000) - 10
    mine = await desk.put(priority=within)
    theirs = await desk.put(org=OTHER, priority=within - 100)
    far = await desk.put(org=OTHER, priority=beyond - 300)
    assert [await desk.next() for _ in range(3)] == [theirs, mine, far]


async def test_what_was_used_counts_half_after_a_while_and_nothing_after_a_year(desk: Desk) -> None:
    await desk.used(MINE, 1000.0)
    mine = await desk.put(priority=0)
    theirs = await desk.put(org=OTHER, priority=-round(turns.FOR_SHARE * 600))
    desk.now = NOON + timedelta(seconds=turns.HALF_LIFE_S)
    assert await desk.next() == mine  # 500 by now
    assert await desk.next() == theirs
    desk.now = NOON + timedelta(days=365)
    assert await desk.next() is None
    last = await desk.put(priority=0)
    assert await desk.next() == last


async def test_an_organization_is_charged_when_its_job_starts(desk: Desk) -> None:
    await desk.put(cost_s=100.0)
    await desk.put(cost_s=30.0)
    await desk.next()
    assert await desk.one("SELECT org_id, used_s, at FROM org_share") == (MINE, 100.0, NOON)
    desk.now = NOON + timedelta(seconds=turns.HALF_LIFE_S)
    await desk.next()
    assert await desk.one("SELECT org_id, used_s, at FROM org_share") == (MINE, 80.0, desk.now)


async def test_a_clock_that_went_back_changes_nothing_for_the_better(desk: Desk) -> None:
    await desk.used(MINE, 100.0, NOON + timedelta(hours=5))
    await desk.put(cost_s=10.0)
    await desk.next()
    assert await desk.one("SELECT used_s, at FROM org_share") == (110.0, NOON + timedelta(hours=5))


async def test_a_job_of_the_release_before_is_taken_and_charged_as_an_unknown_one(desk: Desk) -> None:
    await desk.put(priority=-600_000_000)
    old = await desk.put(args=json.dumps({"org_id": str(MINE), "asset_id": str(uuid4())}))
    assert await desk.next() == old
    assert (await desk.one("SELECT used_s FROM org_share"))[0] == turns.cost_s("", None)


async def test_a_job_of_no_organization_is_taken_and_charges_nobody(desk: Desk) -> None:
    lone = await desk.put(args="{}")
    assert await desk.next() == lone
    assert await desk.one("SELECT count(*) FROM org_share") == (0,)


async def test_a_job_is_not_taken_before_its_time(desk: Desk) -> None:
    later = await desk.put(scheduled_at=NOON + timedelta(minutes=1))
    assert await desk.next() is None
    desk.now = NOON + timedelta(minutes=1)
    assert await desk.next() == later


async def test_only_jobs_of_the_long_queue_are_taken(desk: Desk) -> None:
    await desk.put(queue_name="quick")
    assert await desk.next() is None


async def test_the_worker_has_the_job_it_took(desk: Desk) -> None:
    id_ = await desk.put()
    job = await desk.jobs.fetch_job(["long"], desk.worker)
    assert job is not None
    assert (job.id, job.status, job.worker_id, job.queue) == (id_, "doing", desk.worker, "long")
    assert await desk.one("SELECT status::text, worker_id FROM procrastinate_jobs") == ("doing", desk.worker)
    assert await desk.one("SELECT count(*) FROM procrastinate_events WHERE type = 'started'") == (1,)


async def test_two_workers_never_get_the_same_job(desk: Desk, own_urls: Urls) -> None:
    first, second = await desk.put(), await desk.put()
    async with await psycopg.AsyncConnection.connect(conninfo(own_urls.app)) as other, other.transaction():
        await other.execute("SELECT 1 FROM procrastinate_jobs WHERE id = %s FOR UPDATE", (first,))
        assert await desk.next() == second
        assert await desk.next() is None
    assert await desk.next() == first


async def test_jobs_of_one_lock_that_two_workers_take_at_once_run_one_after_the_other(
    desk: Desk, own_urls: Urls
) -> None:
    first, second = await desk.put(lock="asset:1"), await desk.put(lock="asset:1", priority=1)
    async with await psycopg.AsyncConnection.connect(conninfo(own_urls.app)) as other:
        await other.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", (first,))
        asking = asyncio.create_task(desk.next())
        await eventually(lambda: desk.one("SELECT count(*) FROM pg_locks WHERE NOT granted"), (1,).__eq__)
        await other.commit()
        assert await asking is None
    assert await desk.one("SELECT status::text FROM procrastinate_jobs WHERE id = %s", (second,)) == ("todo",)


async def test_however_many_wait_for_their_locks_the_next_that_need_not_is_taken(desk: Desk) -> None:
    for number in range(turns.FIRST_FEW + 1):
        await desk.put(lock=f"asset:{number}", status="doing")
        await desk.put(lock=f"asset:{number}", priority=10)
    free = await desk.put()
    assert [await desk.next(), await desk.next()] == [free, None]


async def test_while_nobody_has_used_anything_it_takes_what_procrastinate_would_take(desk: Desk) -> None:
    """Its rule of locks, in some hundred queues made up of the same few locks, priorities, states and times."""
    chance, took = random.Random(4), 0
    for _ in range(120):
        await desk.connection.execute("DELETE FROM procrastinate_jobs; DELETE FROM org_share")
        for number in range(chance.randrange(1, 9)):
            await _put_some(desk, chance, number)
        theirs = await _procrastinate_would(desk)
        assert await desk.next() == theirs
        took += theirs is not None
    assert 60 < took < 120


async def _put_some(desk: Desk, chance: random.Random, number: int) -> None:
    status = chance.choice(["todo", "todo", "todo", "doing", "succeeded", "failed"])
    lock = chance.choice(["a", "b", "c", None])
    if status == "doing" and number:
        lock = None  # the database has one `doing` of a lock
    await desk.put(
        status=status,
        lock=lock,
        priority=chance.choice([-30, -20, -20, 0]),
        scheduled_at=chance.choice([None, None, NOON - timedelta(days=999), NOON + timedelta(days=9999)]),
        queue_name=chance.choice(["long", "long", "long", "quick"]),
    )


async def _procrastinate_would(desk: Desk) -> int | None:
    async with desk.connection.transaction(force_rollback=True):
        row = await desk.one("SELECT id FROM procrastinate_fetch_job_v2('{long}', %s)", (desk.worker,))
    return None if row is None else row[0]


# What is deferred


async def test_a_job_is_deferred_with_the_place_that_its_video_gives_it(house: House) -> None:
    ids = [await house.put_asset("playable", duration_ms=duration_ms) for duration_ms in (HOUR_MS, 60_000, None)]
    for id_ in ids:
        await house.order("make_ladder", id_)
    await house.order("process_asset", ids[0])
    query = "SELECT array_agg(priority ORDER BY id) FROM procrastinate_jobs"
    hour, minute, unknown, quick = await house.sql(query)
    assert [job.args.get(turns.COST) for job in await house.jobs()] == ["3602.0", "62.0", "122.0", None]
    assert (quick, hour < unknown < minute) == (0, True)
    assert minute - hour == pytest.approx(turns.PER_SECOND_OF_WORK * 3540, abs=60)


async def test_a_clip_costs_what_its_segments_last(house: House) -> None:
    story = await make_story(house.org)
    take_id = await make_take(story)
    _, clip_id = await make_bright_spot(house, story, take_id, [(0, 0, 20_000), (0, 30_000, 50_000)])
    await house.order("cut_clip", clip_id)
    assert (await house.jobs())[0].args[turns.COST] == str(turns.cost_s("cut_clip", 40_000))


async def test_a_short_take_is_worked_off_before_ten_long_ones_that_came_first(house: House, desk: Desk) -> None:
    longs = [await house.put_asset("playable", duration_ms=HOUR_MS // 2) for _ in range(10)]
    short = await house.put_asset("playable", duration_ms=45_000)
    for id_ in (*longs, short):
        await house.order("make_ladder", id_)
    jobs = [await desk.jobs.fetch_job(["long"], desk.worker) for _ in range(11)]
    assert [job.task_kwargs["asset_id"] for job in jobs if job] == [str(id_) for id_ in (short, *longs)]
