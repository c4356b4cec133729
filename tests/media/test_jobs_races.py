"""What is written down of a video while another hand is at its row: the same job once more, an erasure, a new answer.

Each is held up at the row's lock until the other is through, so that it always goes the same way.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from api.assets.service import erase
from api.embedded import EmbeddedPostgres, Urls
from media.jobs import process_asset as job
from media.jobs.assets import locked
from media.probe import probe
from media.problems import MediaProblem
from media.storage import Storage
from models.asset import Asset
from models.challenge import Prompt
from models.take import Response
from tests.clips import TOOLS, clip
from tests.factories.jobs import House, Refusing, eventually, own_database
from tests.factories.takes import make_story, make_take

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_races")


class Meeting(Refusing):
    """A store that hands out a source only when `parties` have asked for it: until then all have seen the same row."""

    def __init__(self, of: Storage, parties: int) -> None:
        super().__init__(of, "none of its keys")
        self._barrier = asyncio.Barrier(parties)

    async def waiting(self) -> int:
        return self._barrier.n_waiting

    async def meet(self) -> None:
        async with asyncio.timeout(20):
            await self._barrier.wait()

    async def download(self, key: str, path: Path, *, sha256: bool = False) -> str | None:
        await self.meet()
        return await super().download(key, path, sha256=sha256)


@asynccontextmanager
async def held_up(house: House, id_: UUID, *, times: int) -> AsyncIterator[tuple[list[asyncio.Task[None]], Asset]]:
    """Hold the row in a transaction of its own while `times` runs write down what they know, and wait for it."""
    found = await probe(clip("plain.mp4"), binaries=TOOLS.binaries)
    async with house.database.tenant(house.org.id) as session:
        asset = await locked(session, id_)
        assert asset is not None
        runs = [asyncio.create_task(job._know(house.context, house.org.id, id_, found)) for _ in range(times)]
        await eventually(lambda: house.sql(WAITING), lambda count: count == times, "the wait for the row")
        assert not any(run.done() for run in runs)
        yield runs, asset


async def test_two_runs_that_wait_for_the_row_write_the_same_down(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    async with held_up(house, id_, times=2) as (runs, _):
        pass
    await asyncio.gather(*runs)
    asset = await house.asset(id_)
    assert (asset.state, asset.duration_ms, asset.width, asset.audio_only) == ("processing", 2000, 320, False)
    assert await house.events(id_) == ["asset.processing"]


async def test_what_was_deleted_while_a_run_waited_is_known_nothing_of_and_erased_again(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    before = (await house.asset(id_)).facts
    async with held_up(house, id_, times=1) as ([run], asset):
        asset.move("deleted")
    await run
    asset = await house.asset(id_)
    assert (asset.state, asset.duration_ms, asset.width, asset.facts) == ("deleted", None, None, before)
    assert [name for name, _, _ in await house.statuses()] == ["process_asset", "delete_asset"]


async def test_what_is_asked_while_a_run_waits_is_held_against_what_came(house: House) -> None:
    story = await make_story(house.org)
    id_ = await house.upload("plain.mp4")
    take_id = await make_take(story, "draft")
    org_id = house.org.id
    async with held_up(house, id_, times=1) as ([run], _), house.database.tenant(org_id) as session:
        (await session.get_one(Prompt, (org_id, story.prompts[0]))).max_duration_ms = 900
        query = select(Response).where(Response.org_id == org_id, Response.take_id == take_id)
        (await session.scalars(query)).one().asset_id = id_
    with pytest.raises(MediaProblem, match="too_long_for_prompt"):
        await run
    assert (await house.asset(id_)).duration_ms is None


async def test_a_job_that_runs_twice_at_once_makes_one_video(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    context = replace(house.context, storage=Meeting(house.storage, 2))
    await asyncio.gather(*(job.process_asset(context, house.org.id, id_) for _ in range(2)))
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("playable", None)
    assert list(await house.renditions(id_)) == ["playable"]
    assert (await house.events(id_)).count("asset.playable") == 1
    assert [name for name, _, _ in await house.statuses()].count("make_ladder") == 1
    await house.drain()
    assert await house.state(id_) == "ready"


async def test_a_video_that_is_deleted_while_its_source_comes_stays_deleted_and_leaves_nothing(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    meeting = Meeting(house.storage, 2)
    running = asyncio.create_task(job.process_asset(replace(house.context, storage=meeting), house.org.id, id_))
    await eventually(meeting.waiting, lambda count: count == 1, "the download")
    async with house.database.tenant(house.org.id) as session:
        asset = await locked(session, id_)
        assert asset is not None
        await erase(session, asset)
    await meeting.meet()
    await running
    asset = await house.asset(id_)
    assert (asset.state, asset.duration_ms, asset.facts) == ("deleted", None, None)
    await house.drain()
    assert (await house.objects(id_), await house.renditions(id_)) == ([], {})
    assert "asset.playable" not in await house.events(id_)
