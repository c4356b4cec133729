from dataclasses import replace
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from api.embedded import EmbeddedPostgres, Urls
from media import keys
from media.facts import Probe
from media.ffmpeg import Bounds
from media.jobs.make_ladder import make_ladder
from media.jobs.process_asset import process_asset
from media.local_store import LocalStorage
from media.playlists import RenditionIndex
from media.storage import StorageUnavailable
from models.take import Response, Take
from tests.clips import clip
from tests.factories.jobs import House, Refusing, hand_in, own_database
from tests.factories.takes import state_of
from tests.stores import SECRET, sha256_of

PLAYABLE = ["playable.mp4", "poster.jpg", "source.bin"]


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_jobs")


async def test_an_upload_becomes_playable_and_then_ready(on_each_store: House) -> None:
    house = on_each_store
    id_ = await house.upload("plain.mp4")
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("ready", False, None)
    made = ["asset.rendition_made"] * 3
    assert await house.events(id_) == ["asset.processing", "asset.playable", *made, "asset.ready"]
    assert await house.objects(id_) == [
        *["720.mp4", "audio.m4s", "playable.mp4", "poster.jpg", "source.bin", "storyboard.jpg"],
        *["v/240.m4s", "waveform.json"],
    ]
    assert await house.statuses() == []


async def test_the_facts_of_an_asset_are_those_of_its_video(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.width, asset.height, asset.duration_ms) == (320, 240, 2000)
    assert (asset.sha256, asset.size_bytes) == (
        sha256_of(clip("plain.mp4").read_bytes()),
        clip("plain.mp4").stat().st_size,
    )
    assert asset.facts is not None
    assert set(asset.facts) == {
        *{"source", "how", "planned", "failed", "tiles"},
        *{"loudness_lufs", "loudness_range_lu", "gain_db", "waveform"},
    }
    assert (asset.facts["how"], asset.facts["waveform"], asset.facts["tiles"]["count"]) == ("copy", True, 1)
    assert msgspec.convert(asset.facts["source"], Probe).codec == "h264"
    assert asset.facts["gain_db"] == pytest.approx(-16 - asset.facts["loudness_lufs"], abs=0.01)
    assert asset.poster
    assert asset.storyboard
    assert asset.processing_at < asset.playable_at < asset.ready_at  # type: ignore[operator]  # all are set by now


async def test_each_rendition_has_its_row_and_its_object(house: House) -> None:
    id_ = await house.upload("hd.mp4")
    await house.drain()
    rows = await house.renditions(id_)
    assert {name: (row.kind, row.width, row.height) for name, row in rows.items()} == {
        "playable": ("progressive", 1280, 720),
        "720": ("video", 1280, 720),
        "360": ("video", 640, 360),
        "audio": ("audio", None, None),
        "720p": ("progressive", 1280, 720),
    }
    for row in rows.values():
        found = await house.storage.head(row.key)
        assert found is not None
        assert (found.size_bytes, found.content_type) == (row.size_bytes, "video/mp4")
    index = msgspec.convert(rows["360"].index, RenditionIndex)
    assert index.duration_ms == 4000
    assert rows["playable"].index is None


async def test_a_portrait_video_is_as_a_person_sees_it(house: House) -> None:
    id_ = await house.upload("portrait.mp4")
    await house.drain()
    asset, rows = await house.asset(id_), await house.renditions(id_)
    assert (asset.width, asset.height) == (240, 320)
    assert (rows["playable"].width, rows["playable"].height) == (240, 320)
    assert (rows["240"].width, rows["240"].height) == (240, 320)


async def test_a_video_without_sound_has_no_waveform(house: House) -> None:
    id_ = await house.upload("silent.mp4")
    await house.drain()
    asset = await house.asset(id_)
    assert asset.state == "ready"
    assert asset.facts is not None
    assert (asset.facts["waveform"], asset.facts["loudness_lufs"]) == (False, None)
    assert not {"audio.m4s", "waveform.json"} & set(await house.objects(id_))


async def test_sound_that_browsers_do_not_play_is_encoded_by_the_quick_job(house: House) -> None:
    id_ = await house.upload("pcm.mov")
    await process_asset(house.context, house.org.id, id_)
    assert await house.state(id_) == "playable"
    assert [job[0] for job in await house.statuses()] == ["process_asset", "make_ladder"]


async def test_what_no_browser_plays_goes_to_the_long_queue_to_be_encoded(house: House) -> None:
    id_ = await house.upload("hevc.mp4")
    await process_asset(house.context, house.org.id, id_)
    asset = await house.asset(id_)
    assert (asset.state, asset.duration_ms, asset.width) == ("processing", 2000, 320)
    assert [job[0] for job in await house.statuses()] == ["process_asset", "transcode_asset"]
    await house.sql("DELETE FROM procrastinate_jobs WHERE task_name = 'process_asset'")
    await house.drain()
    asset = await house.asset(id_)
    assert asset.state == "ready"
    assert asset.facts is not None
    assert asset.facts["how"] == "encode"


async def test_a_job_goes_on_under_the_id_of_the_request_that_caused_it(house: House) -> None:
    await house.upload("plain.mp4")
    await house.drain(replace(house.context, storage=Refusing(house.storage, ".m4s")))
    (job,) = await house.jobs()
    assert (job.task_name, job.args["request_id"]) == ("make_ladder", "request-of-the-test")


async def test_a_file_that_is_no_video_fails_and_its_take_wants_another(house: House) -> None:
    id_ = await house.upload("text.mp4")
    story, take_id = await hand_in(house, id_)
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "not_media")
    async with house.database.tenant(house.org.id) as session:
        take = await session.get_one(Take, (house.org.id, take_id))
        found = await session.scalars(select(Response).where(Response.take_id == take_id))
        response = found.one()
    assert take.state == "needs_replacement"
    assert response.failed_at is not None
    assert await state_of(story) == "in_progress"
    assert await house.statuses() == []  # tried once: the same bytes do no better


async def test_other_bytes_than_were_sent_are_refused(house: House) -> None:
    id_ = await house.upload("plain.mp4", sha256=sha256_of(b"other bytes"))
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "checksum_mismatch")
    assert asset.sha256 == sha256_of(clip("plain.mp4").read_bytes())


async def test_the_bytes_that_were_sent_are_taken(house: House) -> None:
    id_ = await house.upload("plain.mp4", sha256=sha256_of(clip("plain.mp4").read_bytes()))
    await process_asset(house.context, house.org.id, id_)
    assert await house.state(id_) == "playable"


async def test_a_video_over_the_limit_is_too_long(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    await house.drain(replace(house.context, max_duration_ms=1000))
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "too_long")


async def test_jobs_that_run_twice_change_nothing(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    await house.drain()
    before, objects = await house.asset(id_), await house.objects(id_)
    rows = {row.id for row in (await house.renditions(id_)).values()}
    for task in ("process_asset", "transcode_asset", "make_ladder", "delete_asset"):
        await house.order(task, id_)
    await house.drain()
    after = await house.asset(id_)
    assert (after.state, after.ready_at, after.facts) == ("ready", before.ready_at, before.facts)
    assert await house.objects(id_) == objects
    assert {row.id for row in (await house.renditions(id_)).values()} == rows


async def test_an_asset_that_is_processed_anew_has_one_row_for_each_rendition(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    await house.drain()
    await house.set(id_, state="processing")
    await house.order("process_asset", id_)
    await house.drain()
    assert await house.state(id_) == "ready"
    assert sorted(await house.renditions(id_)) == ["240", "240p", "audio", "playable"]


async def test_a_store_that_is_down_for_a_while_is_asked_again(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    context = replace(house.context, storage=Refusing(house.storage, "playable.mp4", times=2))
    await house.drain(context)
    assert (await house.state(id_), await house.statuses()) == ("processing", [("process_asset", "todo", 1)])
    await house.run_again(context)
    assert (await house.state(id_), await house.statuses()) == ("processing", [("process_asset", "todo", 2)])
    await house.run_again(context)
    assert (await house.state(id_), await house.statuses()) == ("ready", [])


async def test_the_first_retry_comes_soon_and_each_later_one_later(house: House) -> None:
    await house.upload("plain.mp4")
    context = replace(house.context, storage=Refusing(house.storage, "playable.mp4"))
    waits = []
    for _ in range(3):
        await house.run_again(context)
        waits.append(await house.sql("SELECT extract(epoch FROM scheduled_at - now())::float FROM procrastinate_jobs"))
    assert waits == [pytest.approx(5, abs=3), pytest.approx(20, abs=3), pytest.approx(80, abs=3)]


async def test_a_store_that_stays_down_fails_the_asset_in_the_end(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    store = Refusing(house.storage, "playable.mp4")
    for _ in range(8):
        await house.run_again(replace(house.context, storage=store))
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "processing_failed")
    assert asset.problem_detail == "StorageUnavailable: The store is down."
    assert (await house.statuses(), store.refused) == ([("process_asset", "failed", 8)], 8)


class Broken(Refusing):
    async def upload(self, path: Path, key: str, content_type: str) -> None:
        self.refused += 1
        raise ZeroDivisionError("a \0 bug")


async def test_an_unexpected_error_is_tried_thrice_and_then_stands_on_the_asset(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    store = Broken(house.storage, "")
    for _ in range(4):
        await house.run_again(replace(house.context, storage=store))
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "processing_failed")
    assert asset.problem_detail == "ZeroDivisionError: a  bug"
    assert (await house.statuses(), store.refused) == ([("process_asset", "failed", 3)], 3)


async def test_a_retryable_problem_is_tried_thrice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a deadline that is over before the real ffmpeg has begun."""
    monkeypatch.setattr("media.ffmpeg.encoding", _no_time)
    id_ = await house.upload("hevc.mp4")
    for _ in range(3):
        await house.run_again()
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "timed_out")
    assert await house.statuses() == []


def _no_time(cost_s: float, file_bytes: int) -> Bounds:
    return Bounds(wall_s=0, cpu_s=60, memory_bytes=3 << 30, file_bytes=file_bytes)


async def test_a_ladder_that_fails_for_good_hides_nothing(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    await process_asset(house.context, house.org.id, id_)
    await house.storage.delete_keys([keys.source(house.org.id, id_)])
    for _ in range(3):
        await house.run_again()
    asset = await house.asset(id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", False, "processing_failed")
    assert await house.objects(id_) == ["playable.mp4", "poster.jpg"]


async def test_a_ladder_that_is_not_wanted_is_not_made(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    await process_asset(house.context, house.org.id, id_)
    await house.set(id_, renditions_pending=False)
    await make_ladder(house.context, house.org.id, id_)
    assert (await house.state(id_), await house.objects(id_)) == ("playable", PLAYABLE)


class Deleting(LocalStorage):
    """A store under whose hands the asset is deleted and erased when an object with this ending comes."""

    def __init__(self, house: House, ending: str) -> None:
        assert isinstance(house.storage, LocalStorage)
        super().__init__(house.storage.folder, secret=SECRET, public_url="http://testserver")
        self.house, self.ending = house, ending
        self.asset_id: UUID | None = None

    async def upload(self, path: Path, key: str, content_type: str) -> None:
        if key.endswith(self.ending):
            assert self.asset_id is not None
            await self.house.set(self.asset_id, state="deleted")
            await self.delete_prefix(keys.asset_prefix(self.house.org.id, self.asset_id))
        await super().upload(path, key, content_type)


@pytest.mark.parametrize("ending", ["playable.mp4", "v/240.m4s"])
async def test_of_an_asset_deleted_while_it_is_worked_on_no_object_is_left(house: House, ending: str) -> None:
    store = Deleting(house, ending)
    id_ = store.asset_id = await house.upload("plain.mp4")
    await house.drain(replace(house.context, storage=store))
    assert (await house.state(id_), await house.objects(id_)) == ("deleted", [])
    assert await house.statuses() == []


async def test_of_a_deleted_asset_all_objects_are_erased_however_often_it_is_asked(house: House) -> None:
    id_ = await house.upload("plain.mp4")
    await house.drain()
    await house.set(id_, state="deleted")
    for _ in range(2):
        await house.order("delete_asset", id_)
        await house.drain()
        assert await house.objects(id_) == []


async def test_erasing_is_tried_until_it_is_done(house: House) -> None:
    id_ = await house.put_asset("deleted")
    await house.storage.put_bytes(keys.source(house.org.id, id_), b"bytes", "video/mp4")
    await house.order("delete_asset", id_)
    await house.sql("UPDATE procrastinate_jobs SET attempts = 50")
    await house.drain(replace(house.context, storage=NotErasing(house.storage, "")))
    assert await house.statuses() == [("delete_asset", "todo", 51)]
    await house.run_again()
    assert (await house.objects(id_), await house.statuses()) == ([], [])


class NotErasing(Refusing):
    async def delete_prefix(self, prefix: str) -> list[str]:
        raise StorageUnavailable("The store is down.")


async def test_nothing_is_left_in_the_work_folder(house: House) -> None:
    for name in ("plain.mp4", "text.mp4"):
        await house.upload(name)
    await house.drain()
    assert list(house.context.work_dir.iterdir()) == []
