"""Sweeps of what videos are made of: sources that are kept no longer, lost jobs, and what belongs to nothing."""

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from api.embedded import EmbeddedPostgres, Urls
from media import keys, queue, sweeps
from media.jobs.engine import conninfo
from media.local_store import LocalStorage
from media.problems import PROBLEMS
from media.store_rounds import FIRST_S, StoreRounds, walk_through
from models.asset import Asset
from models.base import now
from models.bright_spot import BrightSpot
from models.erasures import request_erasure
from models.event import Event
from tests.factories.assets import put_ready
from tests.factories.jobs import (
    FAST,
    House,
    completed,
    eventually,
    make_bright_spot,
    own_database,
)
from tests.factories.takes import make_story, make_take

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    """With room for events of the months before."""
    urls = own_database(cluster, "of_the_media_sweeps")
    month = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    room = f"CREATE TABLE event_before PARTITION OF event FOR VALUES FROM (MINVALUE) TO ('{month.isoformat()}')"
    with psycopg.connect(conninfo(urls.migrate)) as connection:
        connection.execute(room)
    return urls


async def ready(house: House, age: timedelta, **values: Any) -> UUID:
    video = await put_ready(house.org, house.storage, await house.org.person(), ready_at=now() - age, **values)
    return video.id


async def let_go(house: House, days: int) -> None:
    await sweeps.let_sources_go(replace(house.context, source_retention_days=days))
    await house.drain()


async def test_a_source_is_erased_when_its_video_has_been_ready_for_so_long(house: House) -> None:
    old, young = await ready(house, 30 * DAY + HOUR), await ready(house, 30 * DAY - HOUR)
    before = await house.objects(old)
    await let_go(house, 30)
    assert await house.objects(old) == [name for name in before if name != "source.bin"]
    assert await house.objects(young) == before
    assert (await house.asset(old)).source_deleted_at is not None
    assert (await house.asset(young)).source_deleted_at is None


async def failed(house: House, age: timedelta, state: str = "failed", **values: Any) -> UUID:
    """Put one that was taken up long before it failed, or came to rest with a problem."""
    rest = {"problem_code": "timed_out", "problem_detail": "8 hours", **values}
    id_ = await ready(house, 90 * DAY, processing_at=now() - 90 * DAY, **rest)
    name = "asset.failed" if state == "failed" else "asset.rendition_failed"
    async with house.database.tenant(house.org.id) as session:
        for at in (now() - 89 * DAY, now() - age):
            session.add(Event(org_id=house.org.id, subject_id=id_, name=name, at=at))
        mine = (Asset.org_id == house.org.id) & (Asset.id == id_)
        await session.execute(update(Asset).where(mine).values(state=state))  # which tells of no failure today
    return id_


@pytest.mark.parametrize("state", ["failed", "playable"])
async def test_a_source_of_what_failed_is_erased_as_long_after_its_last_failure(house: House, state: str) -> None:
    old, young = await failed(house, 30 * DAY + HOUR, state), await failed(house, 30 * DAY - HOUR, state)
    before = await house.objects(young)
    await let_go(house, 30)
    assert await house.objects(old) == [name for name in before if name != "source.bin"]
    assert await house.objects(young) == before
    asset = await house.asset(young)
    assert (asset.problem_code, asset.source_deleted_at) == ("timed_out", None)


@pytest.mark.parametrize(
    ("state", "code", "then"),
    [
        ("failed", "timed_out", "source_not_kept"),
        ("failed", "too_long", "too_long"),
        ("playable", "out_of_memory", "source_lost"),
        ("playable", "corrupt", "corrupt"),
    ],
)
async def test_what_could_have_been_tried_again_says_that_it_cannot_be_any_more(
    house: House, state: str, code: str, then: str
) -> None:
    id_ = await failed(house, 31 * DAY, state, problem_code=code)
    await let_go(house, 30)
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == (state, then)
    assert asset.problem_detail == ("8 hours" if then == code else f"{code}: 8 hours")
    assert not PROBLEMS[then].retryable


async def test_an_upload_that_never_came_has_no_source_to_give_up(house: House) -> None:
    id_ = await failed(house, 90 * DAY, problem_code="upload_expired")
    async with house.database.tenant(house.org.id) as session:
        session.add(completed(await house.asset(id_), 5, state="expired"))
    await let_go(house, 30)
    assert (await house.asset(id_)).source_deleted_at is None


async def test_without_a_setting_sources_are_kept_for_ever(house: House) -> None:
    old = await ready(house, 3650 * DAY)
    await let_go(house, 0)
    assert "source.bin" in await house.objects(old)
    assert (await house.asset(old)).source_deleted_at is None


@pytest.mark.parametrize(
    "values",
    [
        {"state": "playable"},
        {"state": "playable", "renditions_pending": True},
        {"state": "processing"},
        {"purpose": "clip"},
        {"purpose": "clip", "state": "failed", "problem_code": "timed_out"},
    ],
    ids=["playable", "pending", "processing", "clip", "failed-clip"],
)
async def test_what_is_not_at_rest_or_was_not_sent_keeps_what_it_has(house: House, values: dict[str, Any]) -> None:
    id_ = await ready(house, 90 * DAY, **values)
    before = await house.objects(id_)
    await let_go(house, 30)
    assert (await house.objects(id_), (await house.asset(id_)).source_deleted_at) == (before, None)


async def test_a_source_is_given_up_once(house: House) -> None:
    id_ = await ready(house, 90 * DAY)
    context = replace(house.context, source_retention_days=30)
    for _ in range(2):
        await sweeps.let_sources_go(context)
    jobs = [(job.task_name, job.args["asset_id"]) for job in await house.jobs()]
    assert jobs == [("delete_source", str(id_))]


async def test_the_job_erases_no_source_that_is_kept(house: House) -> None:
    id_ = await ready(house, 90 * DAY)
    async with house.database.tenant(house.org.id) as session:
        await queue.defer(session, "delete_source", queue="quick", asset_id=str(id_))
    await house.drain()
    assert "source.bin" in await house.objects(id_)


async def waiting_clip(house: House) -> tuple[UUID, UUID]:
    story = await make_story(house.org)
    spot_id, clip_id = await make_bright_spot(house, story, await make_take(story), [(0, 0, 1000)])
    await house.set(clip_id, processing_at=now() - HOUR)
    return spot_id, clip_id


async def of_clips(house: House) -> list[str]:
    return [job.args["asset_id"] for job in await house.jobs() if job.task_name == "cut_clip"]


async def test_a_clip_whose_job_was_lost_gets_it_again_once(house: House) -> None:
    _, clip_id = await waiting_clip(house)
    for _ in range(2):
        await sweeps.cut_again(house.context)
        assert (await of_clips(house)).count(str(clip_id)) == 1


async def test_a_clip_that_plays_and_lacks_something_gets_its_lost_job_again(house: House) -> None:
    _, clip_id = await waiting_clip(house)
    await house.set(clip_id, state="playable", renditions_pending=True, playable_at=now() - HOUR)
    for _ in range(2):
        await sweeps.order_again(house.context)
        jobs = [job.task_name for job in await house.jobs() if job.args.get("asset_id") == str(clip_id)]
        assert jobs == ["make_ladder"]


async def test_a_clip_that_nobody_wants_gets_no_job(house: House) -> None:
    spot_id, clip_id = await waiting_clip(house)
    async with house.database.tenant(house.org.id) as session:
        (await session.get_one(BrightSpot, (house.org.id, spot_id))).clip_asset_id = None
    await sweeps.cut_again(house.context)
    assert str(clip_id) not in await of_clips(house)


async def test_an_erasure_whose_job_was_lost_is_gone_through_with(house: House) -> None:
    id_ = await ready(house, DAY)
    await house.set(id_, state="deleted", deleted_at=now() - HOUR)
    async with house.database.tenant(house.org.id) as session:
        await request_erasure(session, await house.asset(id_))
    for _ in range(2):
        await sweeps.erase_again(house.context)
        assert [(job.task_name, job.args["asset_id"]) for job in await house.jobs()] == [("delete_asset", str(id_))]
    await house.drain()
    assert await house.objects(id_) == []
    await sweeps.erase_again(house.context)
    assert await house.jobs() == []


def age(house: House, hours: float) -> None:
    """Have every object of the store been written so long ago."""
    assert isinstance(house.storage, LocalStorage)
    written = now().timestamp() - hours * 3600
    for path in house.storage.folder.rglob("*~.json"):
        os.utime(path, (written, written))


async def test_a_walk_through_the_store_removes_what_belongs_to_nothing(house: House) -> None:
    id_, nobody = await ready(house, DAY), uuid4()
    before = await house.objects(id_)
    await house.storage.put_bytes(keys.source(house.org.id, nobody), b"bytes", "video/mp4")
    age(house, 23.9)
    await walk_through(house.context)
    assert await house.objects(nobody) == ["source.bin"]
    age(house, 24.1)
    with capture_logs() as said:
        await walk_through(house.context)
    assert (await house.objects(id_), await house.objects(nobody)) == (before, [])
    assert [line["removed"] for line in said if line["event"] == "the store was tidied"] == [1]


async def test_a_walk_through_the_store_says_what_is_gone_and_leaves_it_to_an_operator(house: House) -> None:
    id_ = await ready(house, DAY)
    key = keys.playable(house.org.id, id_)
    await house.storage.delete_keys([key])
    with capture_logs() as said:
        await walk_through(house.context)
    lines = [line for line in said if line.get("asset_id") == str(id_)]
    assert [(line["log_level"], line["event"], line["keys"]) for line in lines] == [
        ("error", "objects are not in the store", (key,))
    ]
    assert (await house.state(id_), await house.jobs()) == ("ready", [])


async def test_so_much_that_belongs_to_nothing_that_the_rows_must_be_wrong_is_let_be(house: House) -> None:
    ids = [uuid4() for _ in range(21)]
    for id_ in ids:
        await house.storage.put_bytes(keys.source(house.org.id, id_), b"bytes", "video/mp4")
    age(house, 48)
    with capture_logs() as said:
        await walk_through(house.context)
    assert [await house.objects(id_) for id_ in ids] == [["source.bin"]] * 21
    lines = [line for line in said if "too many" in line["event"]]
    assert [(line["log_level"], line["loose"]) for line in lines] == [("error", 21)]


async def test_the_first_round_is_not_made_at_once(house: House) -> None:
    nobody = uuid4()
    await house.storage.put_bytes(keys.source(house.org.id, nobody), b"bytes", "video/mp4")
    age(house, 48)
    rounds = StoreRounds(house.context, every_s=24 * FIRST_S)
    for _ in range(2):
        await rounds.round()
    assert await house.objects(nobody) == ["source.bin"]


async def test_a_running_worker_makes_rounds_of_the_store(house: House) -> None:
    nobody = uuid4()
    await house.storage.put_bytes(keys.source(house.org.id, nobody), b"bytes", "video/mp4")
    age(house, 48)
    async with house.working(pace=replace(FAST, store_s=0.2)):
        await eventually(lambda: house.objects(nobody), [].__eq__)
