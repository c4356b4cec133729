import asyncio
from dataclasses import replace

import pytest

from api.embedded import EmbeddedPostgres, Urls
from media.jobs.alone import alone
from media.jobs.engine import conninfo, make_app, make_pool
from media.reaper import Reaper
from models.take import Take
from tests.factories.jobs import FAST, House, eventually, hand_in, own_database


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_reaper")


async def reap(house: House, *, stalled_s: float = 30.0) -> None:
    app, jobs = make_app(house.context)
    async with make_pool(house.context.database_url) as pool, app.open_async(pool):
        await Reaper(house.context, jobs, stalled_s=stalled_s).round()


async def test_a_job_of_a_dead_worker_is_put_back_and_counts_as_tried(house: House) -> None:
    id_ = await house.put_asset("processing")
    await house.leave_behind("process_asset", id_, attempts=0)
    await reap(house)
    assert await house.statuses() == [("process_asset", "todo", 1)]
    assert (await house.jobs())[0].worker_id is None
    assert await house.state(id_) == "processing"


async def test_a_job_of_a_worker_that_lives_is_let_be(house: House) -> None:
    id_ = await house.put_asset("processing")
    await house.leave_behind("process_asset", id_, attempts=2)
    await house.sql("UPDATE procrastinate_workers SET last_heartbeat = now()")
    await reap(house)
    assert (await house.statuses(), await house.state(id_)) == ([("process_asset", "doing", 2)], "processing")


async def test_a_job_without_any_worker_is_put_back(house: House) -> None:
    id_ = await house.put_asset("processing")
    await house.leave_behind("process_asset", id_, attempts=0)
    await house.sql("DELETE FROM procrastinate_workers")
    await reap(house)
    assert await house.statuses() == [("process_asset", "todo", 1)]


async def test_a_job_that_killed_three_workers_is_ended_with_its_asset_and_its_take(house: House) -> None:
    id_ = await house.put_asset("processing")
    _, take_id = await hand_in(house, id_)
    await house.leave_behind("process_asset", id_, attempts=2)
    await reap(house)
    asset = await house.asset(id_)
    assert await house.statuses() == [("process_asset", "failed", 3)]
    assert (asset.state, asset.problem_code) == ("failed", "processing_failed")
    assert asset.problem_detail == "process_asset ended its worker 3 times"
    async with house.database.tenant(house.org.id) as session:
        assert (await session.get_one(Take, (house.org.id, take_id))).state == "needs_replacement"


async def test_a_ladder_that_killed_three_workers_hides_nothing(house: House) -> None:
    id_ = await house.put_asset("playable", renditions_pending=True)
    await house.leave_behind("make_ladder", id_, attempts=2)
    await reap(house)
    asset = await house.asset(id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", False, "processing_failed")


async def test_erasing_is_put_back_however_many_workers_died_of_it(house: House) -> None:
    id_ = await house.put_asset("deleted")
    await house.leave_behind("delete_asset", id_, attempts=30)
    await reap(house)
    assert await house.statuses() == [("delete_asset", "todo", 31)]


async def test_a_running_worker_reaps_what_a_dead_one_left(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    await house.sql("DELETE FROM procrastinate_jobs")
    await house.leave_behind("process_asset", id_, attempts=1)
    async with house.working():
        await eventually(lambda: house.state(id_), {"ready"}.__contains__)


async def test_the_heart_of_a_worker_beats(house: House) -> None:
    beats = "SELECT extract(epoch FROM min(last_heartbeat))::float FROM procrastinate_workers"
    async with house.working(pace=replace(FAST, heartbeat_s=0.1)):
        first = await eventually(lambda: house.sql(beats), bool)
        await eventually(lambda: house.sql(beats), lambda latest: latest > first + 0.3)


async def test_failed_jobs_are_kept_for_a_month(house: House) -> None:
    for age in ("29 days", "31 days"):
        id_ = await house.put_asset("processing")
        job = await house.leave_behind("process_asset", id_, attempts=2)
        await house.sql("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = :id", id=job)
        await house.sql(
            "UPDATE procrastinate_events SET at = now() - CAST(CAST(:age AS text) AS interval) WHERE job_id = :id",
            id=job,
            age=age,
        )
    await reap(house)
    assert await house.statuses() == [("process_asset", "failed", 2)]


async def test_a_job_that_was_reaped_under_a_slow_worker_is_not_taken_from_the_next(house: House) -> None:
    id_ = await house.put_asset("processing")
    await house.leave_behind("process_asset", id_, attempts=0)
    app, jobs = make_app(house.context)
    async with make_pool(house.context.database_url) as pool, app.open_async(pool):
        (stale,) = await jobs.get_stalled_jobs()
        worker = await house.sql("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        await house.sql("UPDATE procrastinate_jobs SET worker_id = :worker", worker=worker)
        await jobs.put_back(stale, at=None, counted=False)
    assert await house.statuses() == [("process_asset", "doing", 0)]


async def test_only_one_does_the_rounds_and_another_takes_over(house: House) -> None:
    rounds: list[str] = []

    async def so_far() -> list[str]:
        return list(rounds)

    async def going(name: str) -> None:
        async def note() -> None:
            rounds.append(name)

        await alone(house.database, "rounds of the test", 0.01, note)

    first = asyncio.create_task(going("first"))
    await eventually(so_far, bool)
    second = asyncio.create_task(going("second"))
    await eventually(so_far, lambda found: len(found) > 20)
    assert set(rounds) == {"first"}
    first.cancel()
    await eventually(so_far, lambda found: "second" in found)
    second.cancel()
    await asyncio.wait([first, second])


async def test_a_round_that_fails_is_followed_by_another(house: House) -> None:
    rounds = [0]

    async def so_far() -> int:
        return rounds[0]

    async def stumble() -> None:
        rounds[0] += 1
        if rounds[0] == 1:
            raise ZeroDivisionError

    going = asyncio.create_task(alone(house.database, "stumbling rounds", 0.01, stumble))
    await eventually(so_far, (2).__lt__)
    going.cancel()
    await asyncio.wait([going])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "postgresql+asyncpg://u:p%40ss@/db?host=/run/a%20b",
            ["host='/run/a b'", "user=u", "password=p@ss", "dbname=db"],
        ),
        ("postgresql+asyncpg://u@h:5433/db?ssl=require", ["host=h", "port=5433", "sslmode=require"]),
        ("postgresql+asyncpg://u@/db?host=a:1&host=b:2", ["host=a,b", "port=1,2"]),
        (
            "postgresql+asyncpg://u@h/db?command_timeout=5",
            ["host=h", "options='-c search_path=public,queue -c statement_timeout=10000'"],
        ),
    ],
    ids=["socket", "tls", "two hosts", "what only asyncpg knows"],
)
def test_the_queue_is_reached_where_the_database_is(url: str, said: list[str]) -> None:
    found = conninfo(url)
    assert [part for part in said if part not in found] == []
    assert "command_timeout" not in found
