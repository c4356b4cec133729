"""How far an encode is, as the asset tells it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import pytest

from api.embedded import EmbeddedPostgres, Urls
from media.jobs.percent import telling_percent
from models.database import Database
from tests.factories.jobs import House, eventually, long_clip, own_database


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_percent")


def percent_of(house: House, id_: UUID) -> Callable[[], Awaitable[int | None]]:
    async def read() -> int | None:
        return (await house.asset(id_)).encoded_percent

    return read


async def test_the_percent_rises_and_is_gone_afterwards(house: House) -> None:
    id_ = await house.put_asset("processing")
    percent = percent_of(house, id_)
    async with telling_percent(house.context, house.org.id, id_, every_s=0.01) as progress:
        await eventually(percent, lambda percent: percent == 0)
        for share, expected in ((0.42, 42), (0.999, 99), (1.0, 99)):
            progress(share)
            await eventually(percent, lambda told, expected=expected: told == expected)  # type: ignore[misc]  # a default binds it now
    assert await percent() is None


async def test_it_is_gone_too_when_the_encode_breaks_off(house: House) -> None:
    id_ = await house.put_asset("playable", renditions_pending=True)

    async def broken_off() -> None:
        async with telling_percent(house.context, house.org.id, id_, every_s=0.01) as progress:
            progress(0.5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken_off()
    assert (await house.asset(id_)).encoded_percent is None


async def test_it_is_written_seldom_however_often_it_is_told(house: House) -> None:
    id_ = await house.put_asset("processing")
    async with telling_percent(house.context, house.org.id, id_, every_s=60) as progress:
        await eventually(percent_of(house, id_), lambda percent: percent == 0)
        for step in range(1000):
            progress(step / 1000)
            await asyncio.sleep(0)
        assert await percent_of(house, id_)() == 0


async def test_a_database_that_is_away_stops_no_encode(house: House) -> None:
    id_ = await house.put_asset("processing")
    nowhere = Database(house.context.database_url + "-that-is-not-there")
    context = replace(house.context, database=nowhere)
    async with telling_percent(context, house.org.id, id_, every_s=0.01) as progress:
        progress(0.5)
        await asyncio.sleep(0)
    await nowhere.dispose()


async def test_a_deleted_asset_is_left_alone(house: House) -> None:
    id_ = await house.put_asset("deleted")
    async with telling_percent(house.context, house.org.id, id_, every_s=0.01) as progress:
        progress(0.5)
    assert (await house.asset(id_)).encoded_percent is None


async def test_a_worker_tells_it_of_a_ladder(house: House) -> None:
    async with house.working(replace(house.context, max_duration_ms=100_000)):
        id_ = await house.upload(long_clip())
        await eventually(percent_of(house, id_), bool, "an encode that is on its way")
    assert await percent_of(house, id_)() is None
    assert await house.state(id_) == "playable"
