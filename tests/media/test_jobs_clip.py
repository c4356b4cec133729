from dataclasses import replace
from pathlib import Path

import pytest

from api.embedded import EmbeddedPostgres, Urls
from media.jobs.cut_clip import best_for_clips
from media.jobs.process_asset import process_asset
from media.probe import probe
from models.asset import Asset, Rendition
from models.bright_spot import BrightSpot
from models.consents import drop_clip
from models.ids import new_id
from tests.clips import TOOLS
from tests.factories.jobs import House, Refusing, hand_in, make_bright_spot, own_database


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_clips")


async def test_a_clip_is_cut_of_the_renditions_of_its_segments(house: House, tmp_path: Path) -> None:
    first, second = await house.upload("hd.mp4"), await house.upload("plain.mp4")
    await house.drain()
    story, take_id = await hand_in(house, first, second)
    _, id_ = await make_bright_spot(house, story, take_id, [(0, 500, 2000), (1, 0, 1000), (0, 3000, 3500)])
    await house.order("cut_clip", id_)
    await house.drain()
    clip, rows = await house.asset(id_), await house.renditions(id_)
    assert (clip.state, clip.width, clip.height, clip.poster) == ("ready", 1280, 720, True)
    assert clip.duration_ms == pytest.approx(3000, abs=100)
    assert await house.objects(id_) == ["playable.mp4", "poster.jpg"]
    assert [(row.name, row.kind, row.width, row.size_bytes) for row in rows.values()] == [
        ("playable", "progressive", 1280, clip.size_bytes)
    ]
    await house.storage.download(rows["playable"].key, tmp_path / "clip.mp4")
    facts = await probe(tmp_path / "clip.mp4", binaries=TOOLS.binaries)
    assert (facts.duration_ms, facts.audio is not None) == (clip.duration_ms, True)
    assert await house.statuses() == []


async def test_a_clip_is_cut_of_what_plays_while_the_ladder_is_not_there(house: House) -> None:
    source = await house.upload("plain.mp4")
    await process_asset(house.context, house.org.id, source)
    await house.sql("DELETE FROM procrastinate_jobs")
    story, take_id = await hand_in(house, source)
    _, id_ = await make_bright_spot(house, story, take_id, [(0, 0, 1000)])
    await house.order("cut_clip", id_)
    await house.drain()
    clip = await house.asset(id_)
    assert (clip.state, clip.width, clip.height) == ("ready", 320, 240)
    assert clip.duration_ms == pytest.approx(1000, abs=60)


async def test_a_clip_cut_twice_is_the_same_clip(house: House) -> None:
    source = await house.upload("silent.mp4")
    await house.drain()
    story, take_id = await hand_in(house, source)
    _, id_ = await make_bright_spot(house, story, take_id, [(0, 0, 1000)])
    for _ in range(2):
        await house.order("cut_clip", id_)
        await house.drain()
    assert await house.events(id_) == ["asset.processing", "asset.ready"]
    assert await house.objects(id_) == ["playable.mp4", "poster.jpg"]


async def test_a_clip_of_a_video_that_is_gone_fails_and_says_so(house: House) -> None:
    source = await house.put_asset("deleted")
    story, take_id = await hand_in(house, source)
    _, id_ = await make_bright_spot(house, story, take_id, [(0, 0, 1000)])
    await house.order("cut_clip", id_)
    for _ in range(3):
        await house.run_again()
    clip = await house.asset(id_)
    assert (clip.state, clip.problem_code) == ("failed", "processing_failed")
    assert clip.problem_detail == f"no video is there for segment 0 (asset {source})"
    assert await house.statuses() == []


async def test_a_clip_whose_consent_ended_while_it_was_cut_leaves_no_object(house: House) -> None:
    source = await house.upload("silent.mp4")
    await house.drain()
    story, take_id = await hand_in(house, source)
    spot_id, id_ = await make_bright_spot(house, story, take_id, [(0, 0, 1000)])
    await house.order("cut_clip", id_)
    store = LettingGo(house, spot_id)
    await house.drain(replace(house.context, storage=store))
    assert (await house.state(id_), await house.objects(id_), store.refused) == ("deleted", [], 1)
    assert await house.renditions(id_) == {}


class LettingGo(Refusing):
    """A store under whose hands the bright spot lets its clip go, which was erased before this object comes."""

    def __init__(self, house: House, spot_id: object) -> None:
        super().__init__(house.storage, "poster.jpg")
        self.house, self.spot_id = house, spot_id

    async def upload(self, path: Path, key: str, content_type: str) -> None:
        if key.endswith(self.ending):
            self.refused += 1
            async with self.house.database.tenant(self.house.org.id) as session:
                spot = await session.get_one(BrightSpot, (self.house.org.id, self.spot_id))
                await drop_clip(session, spot)
            await self.delete_prefix(key.rpartition("/")[0] + "/")
            await super(Refusing, self).upload(path, key, content_type)
            return
        await super().upload(path, key, content_type)


@pytest.mark.parametrize(
    ("sides", "best"), [((360, 720, 1080), 720), ((360, 800), 800), ((360, 540), 540), ((240,), 240)]
)
def test_the_smallest_rendition_that_is_tall_enough_is_cut(sides: tuple[int, ...], best: int) -> None:
    rows = [_rendition(side) for side in sides]
    assert best_for_clips(rows).height == best


def _rendition(side: int) -> Rendition:
    asset = Asset(org_id=new_id(), owner_id=new_id(), purpose="response")
    values = {"name": str(side), "kind": "video", "key": "key", "size_bytes": 1, "width": 2 * side, "height": side}
    return Rendition(org_id=asset.org_id, asset_id=asset.id, **values)
