"""The first file of a video goes once the ladder has an MP4 of its pictures, and no URL breaks before its time."""

import time
from typing import Any
from uuid import UUID

import pytest

from api.embedded import EmbeddedPostgres, Urls
from media import keys, queue, sweeps
from media.inventory import inventory_of
from models.asset import FIRST_UNTIL
from tests.factories.assets import put_playable, put_ready
from tests.factories.jobs import House, own_database

LARGE = {"how": "copy", "planned": ["720", "360", "audio", "360p"], "waveform": True}


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_first_files")


async def ready(house: House, **values: Any) -> UUID:
    return (await put_ready(house.org, house.storage, await house.org.person(), **values)).id


async def sweep(house: House) -> None:
    await sweeps.let_firsts_go(house.context)
    await house.drain()


async def until(house: House, id_: UUID) -> int | None:
    found: int | None = ((await house.asset(id_)).facts or {}).get(FIRST_UNTIL)
    return found


async def let_time_pass(house: House, id_: UUID) -> None:
    facts = (await house.asset(id_)).facts or {}
    await house.set(id_, facts={**facts, FIRST_UNTIL: int(time.time()) - 1})


async def test_a_first_file_that_the_ladder_has_as_well_is_kept_for_as_long_as_its_urls_hold(house: House) -> None:
    id_ = await ready(house)
    before = await house.objects(id_)
    for _ in range(2):
        await sweep(house)
        assert (await house.objects(id_), "playable" in await house.renditions(id_)) == (before, True)
    ends = await until(house, id_)
    assert ends is not None
    assert house.context.media_url_life_s < ends - time.time() < house.context.media_url_life_s + 3 * 3600


async def test_then_it_is_erased_and_nothing_else(house: House) -> None:
    id_, other = await ready(house), await ready(house, facts=LARGE)
    before, all_of_other = await house.objects(id_), await house.objects(other)
    await sweep(house)
    await let_time_pass(house, id_)
    await sweep(house)
    assert await house.objects(id_) == [name for name in before if name != "playable.mp4"]
    assert set(await house.renditions(id_)) == {"360", "360p", "audio"}
    assert (await house.state(id_), await until(house, id_)) == ("ready", None)
    assert (await house.objects(other), await until(house, other)) == (all_of_other, None)
    findings = [one async for one in inventory_of(house.database, house.storage, house.org.id).findings()]
    assert findings == []


@pytest.mark.parametrize(
    "values",
    [{"state": "playable", "problem_code": "corrupt"}, {"facts": {**LARGE, "how": "encode"}}, {"purpose": "clip"}],
    ids=["playable", "encoded", "clip"],
)
async def test_what_is_not_superseded_stays(house: House, values: dict[str, Any]) -> None:
    id_ = await ready(house, **values)
    await sweep(house)
    assert await until(house, id_) is None


async def test_what_was_there_before_the_ladder_stays_without_its_mp4(house: House) -> None:
    id_ = (await put_playable(house.org, house.storage, await house.org.person(), state="ready")).id
    await sweep(house)
    assert await until(house, id_) is None


async def test_one_whose_mp4_was_lost_meanwhile_is_kept(house: House) -> None:
    id_ = await ready(house)
    await sweep(house)
    await let_time_pass(house, id_)
    await house.set(id_, state="playable", renditions_pending=True)
    await sweep(house)
    assert "playable" in await house.renditions(id_)


async def test_it_is_erased_by_a_job_that_outlives_a_crash(house: House) -> None:
    id_ = await ready(house)
    await sweep(house)
    await let_time_pass(house, id_)
    await sweeps.let_firsts_go(house.context)
    assert [job.task_name for job in await house.jobs()] == ["delete_first"]
    key = keys.playable(house.org.id, id_)
    assert await house.storage.head(key) is not None
    await house.drain()
    assert await house.storage.head(key) is None


async def test_the_job_erases_no_first_file_that_is_kept(house: House) -> None:
    id_ = await ready(house)
    async with house.database.tenant(house.org.id) as session:
        await queue.defer(session, "delete_first", queue="quick", asset_id=str(id_))
    await house.drain()
    assert "playable.mp4" in await house.objects(id_)
