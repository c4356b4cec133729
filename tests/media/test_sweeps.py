from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from api.embedded import EmbeddedPostgres, Urls
from media import sweeps
from media.jobs.context import WorkerContext
from media.storage import MIN_PART_BYTES, Storage, StorageUnavailable, StoredPart
from media.sweeps import ERRANDS, Errand, Sweeper
from models.asset import Asset, Upload
from models.base import now
from models.bright_spot import BrightSpot, Consent
from models.challenge import Assignment
from models.take import Take
from tests.factories.jobs import (
    House,
    Refusing,
    completed,
    eventually,
    hand_in,
    make_bright_spot,
    own_database,
)
from tests.factories.takes import assignment_of, make_story, make_take, state_of

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_sweeps")


async def put_upload(house: House, **values: object) -> Upload:
    """Make one that is open."""
    asset = await house.asset(await house.put_asset("uploading"))
    row = completed(asset, MIN_PART_BYTES, **{"state": "open", "completed_at": None, **values})
    async with house.database.tenant(house.org.id) as session:
        session.add(row)
    return row


async def test_a_timed_take_whose_clock_has_run_out_is_handed_in(house: House) -> None:
    story = await make_story(house.org, timed=True, max_takes=1)
    take_id = await make_take(story, "draft", days_ago=0.1, ends_at=now() - HOUR / 2, closes_at=now() + HOUR)
    for closes_at, state in ((now() + HOUR, "in_progress"), (now() - HOUR / 3, "submitted")):
        async with house.database.tenant(house.org.id) as session:
            (await session.get_one(Take, (house.org.id, take_id))).closes_at = closes_at
        await sweeps.end_timed_takes(house.context)
        assert await state_of(story) == state


async def test_an_upload_whose_time_is_over_fails_its_asset(house: House) -> None:
    row = await put_upload(house, expires_at=now() - HOUR)
    await sweeps.finish_uploads(house.context)
    asset = await house.asset(row.asset_id)
    assert (asset.state, asset.problem_code) == ("failed", "upload_expired")


async def test_an_upload_that_was_looked_at_just_now_is_let_be(house: House) -> None:
    row = await put_upload(house, checked_at=now())
    await sweeps.finish_uploads(house.context)
    assert await house.state(row.asset_id) == "uploading"


async def test_one_upload_that_cannot_be_swept_keeps_no_other_from_it(house: House) -> None:
    stuck = await put_upload(house, expires_at=now() - 2 * HOUR, multipart_id="a-multipart")
    other = await put_upload(house, expires_at=now() - HOUR)
    await sweeps.finish_uploads(replace(house.context, storage=Deaf(house.storage)))
    assert (await house.state(stuck.asset_id), await house.state(other.asset_id)) == ("uploading", "failed")


class Deaf(Refusing):
    """A store that does not tell of parts."""

    def __init__(self, of: Storage) -> None:
        super().__init__(of, "")

    async def list_parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        raise StorageUnavailable("The store is down.")


@pytest.mark.parametrize(("opens_in", "state"), [(-HOUR, "open"), (HOUR, "scheduled")], ids=["due", "not due"])
async def test_an_assignment_opens_when_its_time_has_come(house: House, opens_in: timedelta, state: str) -> None:
    story = await make_story(house.org, state="scheduled")
    async with house.database.tenant(house.org.id) as session:
        mine = (Assignment.org_id == house.org.id) & (Assignment.id == story.assignment_id)
        await session.execute(update(Assignment).where(mine).values(opens_at=now() + opens_in))
    await sweeps.open_assignments(house.context)
    assert await state_of(story) == state
    version = (await assignment_of(story)).version
    await sweeps.open_assignments(house.context)
    assert (await assignment_of(story)).version == version


async def test_a_consent_that_ran_out_takes_its_clip_from_the_store(house: House) -> None:
    source = await house.upload("silent.mp4")
    await house.drain()
    story, take_id = await hand_in(house, source)
    spot_id, clip_id = await make_bright_spot(house, story, take_id, [(0, 0, 1000)])
    await house.order("cut_clip", clip_id)
    await house.drain()
    async with house.database.tenant(house.org.id) as session:
        mine = (Consent.org_id == house.org.id) & (Consent.bright_spot_id == spot_id)
        await session.execute(update(Consent).where(mine).values(until=now() - HOUR))
    await sweeps.end_consents(house.context)
    async with house.database.tenant(house.org.id) as session:
        spot = await session.get_one(BrightSpot, (house.org.id, spot_id))
    assert (spot.state, spot.clip_asset_id, await house.state(clip_id)) == ("revoked", None, "deleted")
    await house.drain()
    assert await house.objects(clip_id) == []


@pytest.mark.parametrize(
    ("state", "since", "task"),
    [("processing", "processing_at", "process_asset"), ("playable", "playable_at", "make_ladder")],
)
async def test_an_asset_whose_job_was_lost_gets_it_again_once(house: House, state: str, since: str, task: str) -> None:
    values = {"renditions_pending": state == "playable", since: now() - HOUR}
    id_ = await house.put_asset(state, created_at=now() - HOUR, **values)
    for _ in range(2):
        await sweeps.order_again(house.context)
        jobs = [job for job in await house.jobs() if job.args["asset_id"] == str(id_)]
        assert [(job.task_name, job.status) for job in jobs] == [(task, "todo")]


async def test_an_asset_that_waits_for_nothing_gets_no_job(house: House) -> None:
    old = {"created_at": now() - HOUR, "processing_at": now() - HOUR}
    ids = {str(await house.put_asset(state, **old)) for state in ("uploading", "playable", "ready", "deleted")}
    await sweeps.order_again(house.context)
    assert not ids & {job.args["asset_id"] for job in await house.jobs()}


async def test_the_partitions_of_the_months_ahead_are_made(house: House, own_urls: Urls) -> None:
    newest = "SELECT max(relname) FROM pg_class WHERE relname ~ '^event_[0-9]{6}$'"
    engine = create_async_engine(own_urls.migrate)
    async with engine.begin() as connection:
        name = await connection.scalar(text(newest))
        await connection.execute(text(f"DROP TABLE {name}"))
    await engine.dispose()
    assert await house.sql(newest) < name
    await sweeps.make_partitions(house.context)
    assert await house.sql(newest) == name


async def test_one_errand_that_fails_keeps_no_other_from_its_turn(house: House) -> None:
    done: list[str] = []

    async def stumble(_context: WorkerContext) -> None:
        raise ZeroDivisionError

    async def walk(_context: WorkerContext) -> None:
        done.append("walked")

    with capture_logs() as said:
        await Sweeper(house.context, (Errand("stumble", 0.0, stumble), Errand("walk", 0.0, walk))).round()
    assert done == ["walked"]
    assert [(line["event"], line["log_level"]) for line in said] == [("a sweep failed", "error")]


async def test_an_errand_waits_until_its_time_comes_again(house: House) -> None:
    done: list[str] = []

    async def often(_context: WorkerContext) -> None:
        done.append("often")

    async def daily(_context: WorkerContext) -> None:
        done.append("daily")

    sweeper = Sweeper(house.context, (Errand("daily", 24 * 3600.0, daily), Errand("often", 0.0, often)))
    for _ in range(3):
        await sweeper.round()
    assert done == ["daily", "often", "often", "often"]


async def test_a_running_worker_sweeps(house: House) -> None:
    row = await put_upload(house, expires_at=now() - HOUR)
    async with house.working():
        await eventually(lambda: house.state(row.asset_id), {"failed"}.__contains__)
    assert {errand.name for errand in ERRANDS} == {
        *("make_partitions", "tidy_store", "open_assignments", "end_consents", "finish_uploads", "order_again"),
        *("drop_old_events", "mend_events", "fill_critiques", "post_series", "tell_next_steps", "tell_reviewers"),
        *("cut_again", "erase_again", "let_firsts_go", "let_sources_go", "end_timed_takes", "forget_access"),
    }


async def test_what_a_sweep_defers_can_be_told_by_its_request_id(house: House) -> None:
    id_ = await house.put_asset("processing", created_at=now() - HOUR)
    await Sweeper(house.context, (Errand("order_again", 0.0, sweeps.order_again),)).round()
    (job,) = [job for job in await house.jobs() if job.args["asset_id"] == str(id_)]
    assert job.args["request_id"].startswith("sweep-")
    assert isinstance(await house.asset(id_), Asset)
