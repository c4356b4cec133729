"""A first rung that plays while it is made: by real workers and a real ffmpeg, on both stores."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from api.embedded import EmbeddedPostgres, Urls
from media import keys, queue
from media.inventory import Finding, Inventory, Orphan
from media.playlists import RenditionIndex
from models.asset import Asset
from models.base import now
from tests.factories.assets import jobs_of
from tests.factories.jobs import FAST, House, eventually, own_database
from tests.growing import SECONDS, SEGMENTS, foreign_clip, slow
from tests.processes import running

FULL = "No space left on device"
PIECES = [f"pieces/{name}/{number}.m4s" for name in ("360", "audio") for number in ("00000", "00001", "init")]


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_growing")


def asset_of(house: House, id_: UUID) -> Callable[[], Awaitable[Asset]]:
    return lambda: house.asset(id_)


def shown_of(house: House, id_: UUID) -> Callable[[], Awaitable[list[int]]]:
    """Return what tells how many segments are shown of the picture and of the sound, while it grows."""

    async def read() -> list[int]:
        rows = await house.renditions(id_)
        growing = [row.index for row in rows.values() if row.index and row.index.get("growing")]
        return [len(index["segments"]) for index in growing]

    return read


def index_of(row: object) -> RenditionIndex:
    return msgspec.convert(row.index, RenditionIndex)  # type: ignore[attr-defined]  # a Rendition


async def found(house: House, after: timedelta = timedelta(0)) -> list[Finding]:
    taking = Inventory(house.database, house.storage, house.org.id, now() + after, lambda _: None)
    return [one async for one in taking.findings()]


async def pieces(house: House, id_: UUID) -> list[str]:
    return [name for name in await house.objects(id_) if name.startswith("pieces/")]


async def end_urls(house: House, id_: UUID) -> None:
    """Let the time pass until no URL holds that was given while it grew."""
    asset = await house.asset(id_)
    assert asset.facts is not None
    await house.set(id_, facts={**asset.facts, "pieces_until": int(time.time()) - 1})


async def test_it_plays_while_its_first_rung_is_made_and_goes_on_to_its_end(
    on_each_store: House, tmp_path: Path
) -> None:
    house = on_each_store
    async with house.working(replace(house.context, tools=slow(tmp_path, speed=6))):
        id_ = await house.upload(foreign_clip())
        asset = await eventually(asset_of(house, id_), lambda asset: asset.growing, "something that plays")
        assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", True, None)
        assert (asset.duration_ms, asset.width, asset.height) == (1000 * SECONDS, 576, 432)
        objects = await house.objects(id_)
        assert {PIECES[0], PIECES[2], PIECES[3], PIECES[5]} <= set(objects)
        assert not {"playable.mp4", "v/360.m4s", "audio.m4s"} & set(objects)
        before = (await house.renditions(id_))["360"]
        assert (before.key, before.kind) == (keys.piece(house.org.id, id_, "360"), "video")
        assert before.size_bytes < 1_000_000
        assert await found(house) == []
        await eventually(shown_of(house, id_), lambda shown: min(shown, default=0) >= 3, "growth")
        assert (await house.asset(id_)).poster
        await eventually(asset_of(house, id_), lambda asset: asset.state == "ready", "the ladder")
    assert (await house.events(id_)).count("asset.playable") == 1
    rows = await house.renditions(id_)
    assert [rows[name].key for name in ("360", "audio")] == [
        keys.video(house.org.id, id_, "360"),
        keys.audio(house.org.id, id_),
    ]
    for name in ("360", "audio"):
        index = index_of(rows[name])
        assert not index.growing
        names = ["init", *(f"{number:05}" for number in range(len(index.segments)))]
        parts = [await stored(house, id_, f"pieces/{name}/{part}.m4s") for part in names]
        assert b"".join(parts) == await house.storage.read_bytes(rows[name].key)
    assert [cut.duration_s for cut in index_of(rows["360"]).segments] == pytest.approx([2.0] * SEGMENTS, abs=0.001)
    assert await found(house) == []


async def stored(house: House, id_: UUID, name: str) -> bytes:
    return await house.storage.read_bytes(keys.asset_prefix(house.org.id, id_) + name)


async def test_pieces_are_erased_when_no_url_holds_that_was_given_while_it_grew(on_each_store: House) -> None:
    house = on_each_store
    id_ = await house.upload(foreign_clip())
    await house.drain()
    there = await pieces(house, id_)
    assert set(PIECES) <= set(there)
    [job] = await house.jobs()
    asset = await house.asset(id_)
    assert asset.facts is not None
    assert (job.task_name, job.scheduled_at.timestamp()) == ("delete_pieces", asset.facts["pieces_until"] + 1)
    assert asset.facts["pieces_until"] >= time.time() + house.context.media_url_life_s
    assert await jobs_of(house.database, id_) == []
    await house.run_again()
    assert await pieces(house, id_) == there
    assert await found(house, timedelta(hours=1)) == []
    orphans = [one.key for one in await found(house, timedelta(hours=30)) if isinstance(one, Orphan)]
    assert orphans == [keys.asset_prefix(house.org.id, id_) + name for name in there]
    await end_urls(house, id_)
    await order_deletion(house, id_)
    assert await pieces(house, id_) == []
    assert {"playable.mp4", "v/360.m4s", "audio.m4s", "poster.jpg"} <= set(await house.objects(id_))
    assert await house.state(id_) == "ready"


async def order_deletion(house: House, id_: UUID) -> None:
    async with house.database.tenant(house.org.id) as session:
        await queue.defer(session, "delete_pieces", queue="quick", pieces_of=str(id_))
    await house.drain()


async def test_what_fails_half_way_plays_no_more_and_can_be_tried_again(house: House, tmp_path: Path) -> None:
    """Between the tries it plays as far as it came; after the last one it says what is wrong, and nothing is left."""
    failing = replace(house.context, tools=slow(tmp_path, speed=8, until_s=5, says=FULL))
    id_ = await house.upload(foreign_clip())
    await house.drain(failing)
    for _ in range(2):
        asset = await house.asset(id_)
        assert (asset.growing, asset.renditions_pending, asset.encoded_percent) == (True, True, None)
        assert min(await shown_of(house, id_)()) >= 1
        await house.run_again(failing)
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code, asset.renditions_pending) == ("failed", "out_of_space", False)
    assert (await house.objects(id_), await house.renditions(id_)) == (["source.bin"], {})
    assert await house.events(id_) == ["asset.processing", "asset.playable", "asset.failed"]
    assert await house.statuses() == []
    await house.set(id_, state="processing", problem_code=None, problem_detail=None)
    await house.order("process_asset", id_)
    await house.drain()
    assert await house.state(id_) == "ready"
    assert await found(house) == []


async def test_half_a_video_is_refused_though_it_played(house: House, tmp_path: Path) -> None:
    id_ = await house.upload(foreign_clip())
    await house.drain(replace(house.context, tools=slow(tmp_path, speed=8, until_s=5)))
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "truncated")
    assert (await house.objects(id_), await house.statuses()) == (["source.bin"], [])


async def test_the_next_worker_goes_on_where_one_was_killed(house: House, tmp_path: Path) -> None:
    """It makes it anew, and meanwhile never shows less than was shown."""
    settings = {
        "data_dir": str(tmp_path),
        "database_url": house.context.database_url,
        "store_url": f"file:{tmp_path / 'store'}",
        "secret_key": "a secret of the process, 32 bytes or more",
        "ffmpeg": slow(tmp_path, speed=2).binaries.ffmpeg,
    }
    id_ = await house.upload(foreign_clip())
    shown = shown_of(house, id_)
    with running("worker", tmp_path, settings) as process:
        await eventually(shown, lambda shown: min(shown, default=0) >= 2, "growth")
        process.kill()
        await asyncio.to_thread(process.wait, 30)
    left = await shown()
    assert (await house.asset(id_)).growing
    assert await house.statuses() == [("transcode_asset", "doing", 0)]
    (tmp_path / "again").mkdir()
    context = replace(house.context, tools=slow(tmp_path / "again", speed=4))
    seen = [left]
    async with house.working(context, pace=replace(FAST, heartbeat_s=0.2, stalled_s=1.0)):
        while (await house.asset(id_)).growing:
            seen.append(await shown() or seen[-1])
            await asyncio.sleep(0.02)
        await eventually(asset_of(house, id_), lambda asset: asset.state == "ready", "the ladder")
    counts = [sum(shown) for shown in seen]
    assert counts == sorted(counts)
    assert (await house.events(id_)).count("asset.playable") == 1
    assert len(index_of((await house.renditions(id_))["360"]).segments) == SEGMENTS


async def test_a_lost_job_of_one_that_grows_is_made_again(house: House) -> None:
    long_ago = now() - timedelta(minutes=5)
    facts = {"growing": True}
    id_ = await house.put_asset("playable", renditions_pending=True, playable_at=long_ago, facts=facts)
    async with house.working(long_slots=0, quick_slots=0):
        await eventually(lambda: jobs_of(house.database, id_), bool, "a job")
    assert [task for task, _, _ in await jobs_of(house.database, id_)] == ["transcode_asset"]
    await house.set(id_, state="deleted")


async def test_one_that_is_deleted_while_it_grows_leaves_nothing(house: House, tmp_path: Path) -> None:
    async with house.working(replace(house.context, tools=slow(tmp_path, speed=6))):
        id_ = await house.upload(foreign_clip())
        await eventually(asset_of(house, id_), lambda asset: asset.growing, "something that plays")
        await house.set(id_, state="deleted", deleted_at=now())
        await house.order("delete_asset", id_)
        await eventually(house.statuses, lambda jobs: not jobs, "the end of all jobs")
    assert await house.objects(id_) == []


async def test_erasing_takes_the_pieces_along(on_each_store: House) -> None:
    house = on_each_store
    id_ = await house.upload(foreign_clip())
    await house.drain()
    assert set(PIECES) <= set(await pieces(house, id_))
    await house.set(id_, state="deleted", deleted_at=now())
    await house.order("delete_asset", id_)
    await house.drain()
    assert await house.objects(id_) == []
