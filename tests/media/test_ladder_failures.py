"""A rendition that does not come keeps no other from being shown."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from api.embedded import EmbeddedPostgres, Urls
from media.jobs.process_asset import process_asset
from media.pipeline import make_ladder
from media.playlists import AUDIO
from media.probe import probe
from media.problems import MediaProblem
from models.asset import Asset
from models.event import Event
from tests.broken import BROKEN, FULL, failing_at
from tests.clips import TOOLS, clip
from tests.factories.jobs import House, own_database

TOP = "name:432p"


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_failures")


async def playable(house: House, name: str = "two_rungs.mp4") -> UUID:
    id_ = await house.upload(name)
    await process_asset(house.context, house.org.id, id_)
    await house.sql("DELETE FROM procrastinate_jobs WHERE task_name = 'process_asset'")
    return id_


async def climb_with(house: House, folder: Path, *words: str, says: str | None = None) -> None:
    tools = failing_at(folder, *words, **({"says": says} if says else {}))
    await house.drain(replace(house.context, tools=tools))


async def try_again(house: House, id_: UUID) -> None:
    """As a person asks for it."""
    await house.set(id_, renditions_pending=True, problem_code=None, problem_detail=None)
    await house.order("make_ladder", id_)


async def told(house: House, id_: UUID, what: str) -> list[dict[str, str]]:
    async with house.database.tenant(house.org.id) as session:
        query = select(Event.data).where(Event.org_id == house.org.id, Event.subject_id == id_)
        return list(await session.scalars(query.where(Event.name == f"asset.{what}").order_by(Event.at)))


async def failed_of(house: House, id_: UUID) -> tuple[Asset, dict[str, str]]:
    asset = await house.asset(id_)
    assert asset.facts is not None
    return asset, asset.facts["failed"]


async def test_when_all_together_fail_each_is_tried_alone(tmp_path: Path) -> None:
    source = clip("two_rungs.mp4")
    found = await probe(source, binaries=TOOLS.binaries)
    told: list[float] = []
    climbed = await make_ladder(source, found, tmp_path, failing_at(tmp_path, TOP), told.append)
    assert [one.name for one in climbed.renditions] == ["360p", AUDIO]
    assert {name: problem.code for name, problem in climbed.failed.items()} == {"432": "corrupt", "432p": "corrupt"}
    assert (climbed.files, climbed.storyboard is not None) == ((), True)
    assert 0.4 < max(told) <= 1.0


async def test_the_sound_comes_with_whichever_rung_does(tmp_path: Path) -> None:
    source = clip("two_rungs.mp4")
    found = await probe(source, binaries=TOOLS.binaries)
    climbed = await make_ladder(source, found, tmp_path, failing_at(tmp_path, "name:360p"))
    assert [one.name for one in climbed.renditions] == ["432p", AUDIO]
    assert [file.name for file in climbed.files] == ["432p"]
    assert set(climbed.failed) == {"360"}


async def test_when_nothing_comes_the_reason_is_told(tmp_path: Path) -> None:
    source = clip("two_rungs.mp4")
    found = await probe(source, binaries=TOOLS.binaries)
    with pytest.raises(MediaProblem) as raised:
        await make_ladder(source, found, tmp_path, failing_at(tmp_path, "%v.m3u8", says=BROKEN))
    assert raised.value.code == "processing_failed"


async def test_a_full_disk_is_no_reason_to_try_each_alone(tmp_path: Path) -> None:
    source = clip("two_rungs.mp4")
    found = await probe(source, binaries=TOOLS.binaries)
    with pytest.raises(MediaProblem) as raised:
        await make_ladder(source, found, tmp_path, failing_at(tmp_path, TOP, says=FULL))
    assert raised.value.code == "out_of_space"


async def test_what_comes_is_shown_and_what_does_not_stands_on_the_asset(house: House, tmp_path: Path) -> None:
    id_ = await playable(house)
    await climb_with(house, tmp_path, TOP)
    asset, failed = await failed_of(house, id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", False, "corrupt")
    assert failed == {"432": "corrupt", "432p": "corrupt"}
    assert (asset.storyboard, asset.encoded_percent) == (True, None)
    assert sorted(await house.renditions(id_)) == ["360", "audio", "playable"]
    assert await house.statuses() == []
    assert [event["rendition"] for event in await told(house, id_, "rendition_made")] == ["360", "audio"]
    events = await told(house, id_, "rendition_failed")
    assert [(event["rendition"], event["problem"]) for event in events] == [("432", "corrupt"), ("432p", "corrupt")]
    assert "Invalid data found" in events[0]["detail"]


async def test_another_try_makes_only_what_is_missing(house: House, tmp_path: Path) -> None:
    id_ = await playable(house)
    await climb_with(house, tmp_path, TOP)
    before = {name: row.id for name, row in (await house.renditions(id_)).items()}
    await try_again(house, id_)
    await climb_with(house, tmp_path, "name:360p", "name:audio")
    asset, failed = await failed_of(house, id_)
    assert (asset.state, asset.problem_code, failed) == ("ready", None, {})
    after = {name: row.id for name, row in (await house.renditions(id_)).items()}
    assert before.items() <= after.items()
    assert sorted(set(after) - set(before)) == ["432", "432p"]


async def test_a_file_that_failed_is_muxed_again_without_any_encode(house: House, tmp_path: Path) -> None:
    id_ = await playable(house)
    await climb_with(house, tmp_path, "432p.mp4")
    asset, failed = await failed_of(house, id_)
    assert (asset.state, failed) == ("playable", {"432p": "corrupt"})
    await try_again(house, id_)
    await climb_with(house, tmp_path, "libx264", "source.bin")
    assert await house.state(id_) == "ready"
    assert "432p" in await house.renditions(id_)


async def test_what_may_come_another_time_is_tried_thrice_and_nothing_is_hidden_meanwhile(
    house: House, tmp_path: Path
) -> None:
    id_ = await playable(house)
    tools = failing_at(tmp_path, TOP, says=BROKEN)
    await house.drain(replace(house.context, tools=tools))
    asset, failed = await failed_of(house, id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", True, None)
    assert failed == {"432": "processing_failed", "432p": "processing_failed"}
    assert {"360", "audio"} < set(await house.renditions(id_))
    assert await house.statuses() == [("make_ladder", "todo", 1)]
    for _ in range(2):
        await house.run_again(replace(house.context, tools=tools))
    asset, failed = await failed_of(house, id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", False, "processing_failed")
    assert failed == {"432": "processing_failed", "432p": "processing_failed"}
    assert await house.statuses() == []


async def test_a_storyboard_that_does_not_come_takes_nothing_away(house: House, tmp_path: Path) -> None:
    id_ = await playable(house, "plain.mp4")
    await climb_with(house, tmp_path, "storyboard.jpg", says=BROKEN)
    asset, failed = await failed_of(house, id_)
    assert (asset.state, asset.storyboard, failed) == ("ready", False, {})


async def test_a_ladder_of_which_nothing_comes_names_all_that_is_missing(house: House, tmp_path: Path) -> None:
    id_ = await playable(house, "plain.mp4")
    await climb_with(house, tmp_path, "%v.m3u8")
    asset, failed = await failed_of(house, id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", False, "corrupt")
    assert sorted(failed) == ["240", "240p", "audio"]
    assert sorted(await house.renditions(id_)) == ["playable"]
