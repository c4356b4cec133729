"""What is lost of a real video is made again, and nothing else, while the video goes on playing."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from api.embedded import EmbeddedPostgres, Urls
from media import keys
from media.inventory import Lost, inventory_of
from media.jobs.context import WorkerContext
from media.jobs.process_asset import process_asset
from media.local_store import LocalStorage
from media.mending import Mended, mend
from media.packets import scan
from models.base import now
from models.event import Event
from models.take import Response
from tests.broken import failing_at
from tests.clips import TOOLS
from tests.factories.jobs import House, make_bright_spot, own_database
from tests.factories.takes import make_story, make_take
from tests.media.test_jobs_asked import prompt_that
from tests.stores import SECRET

COPIED, ENCODED = "two_rungs.mp4", "phone.mov"


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_mending_anew")


async def missed(house: House, id_: UUID) -> list[Lost]:
    found = [one async for one in inventory_of(house.database, house.storage, house.org.id).findings()]
    return [one for one in found if isinstance(one, Lost) and one.asset_id == id_]


async def lose(house: House, id_: UUID, *names: str) -> Mended:
    await house.storage.delete_keys([keys.asset_prefix(house.org.id, id_) + name for name in names])
    [lost] = await missed(house, id_)
    return await mend(house.database, house.storage, house.org.id, lost)


async def made(house: House, name: str, **values: Any) -> UUID:
    id_ = await house.upload(name, **values)
    await house.drain()
    assert await house.state(id_) == "ready"
    return id_


async def tasks(house: House) -> list[str]:
    """Return the jobs that make something."""
    return [job.task_name for job in await house.jobs() if not job.task_name.startswith("delete_")]


async def without_source(house: House, name: str) -> UUID:
    id_ = await made(house, name)
    await house.set(id_, source_deleted_at=now())
    await house.storage.delete_keys([keys.source(house.org.id, id_)])
    return id_


async def told(house: House, id_: UUID, what: str, since: int = 0) -> list[dict[str, str]]:
    async with house.database.tenant(house.org.id) as session:
        query = select(Event.data).where(Event.org_id == house.org.id, Event.subject_id == id_)
        return list(await session.scalars(query.where(Event.name == f"asset.{what}").order_by(Event.at)))[since:]


async def remade(house: House, id_: UUID, *names: str) -> set[str]:
    """Lose them and have them made again; return the renditions that were made for that."""
    before, written = await house.objects(id_), len(await told(house, id_, "rendition_made"))
    mended = await lose(house, id_, *names)
    assert (mended.whole, mended.done.partition(":")[0]) == (True, "to be made")
    asset = await house.asset(id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", True, None)
    assert await tasks(house) == ["make_ladder"]
    await house.drain()
    assert (await house.state(id_), await house.objects(id_), await missed(house, id_)) == ("ready", before, [])
    return {event["rendition"] for event in await told(house, id_, "rendition_made", written)}


async def keyframes(house: House, id_: UUID, side: str, folder: Path) -> list[float]:
    path = folder / f"{side}.m4s"
    await house.storage.download(keys.video(house.org.id, id_, side), path)
    return [round(time, 2) for time in (await scan(path, TOOLS.binaries)).track(0).keyframes]


async def test_a_small_rung_that_is_lost_is_cut_as_the_others_are(house: House, tmp_path: Path) -> None:
    id_ = await made(house, COPIED)
    whole = (await house.asset(id_)).sha256, (await house.renditions(id_))["432"].size_bytes
    assert await remade(house, id_, "v/360.m4s") == {"432", "360"}
    assert ((await house.asset(id_)).sha256, (await house.renditions(id_))["432"].size_bytes) == whole  # a copy still
    assert await keyframes(house, id_, "360", tmp_path) == await keyframes(house, id_, "432", tmp_path)


@pytest.mark.parametrize(
    ("clip", "names", "made_again"),
    [
        (COPIED, ("v/432.m4s",), {"432"}),
        (COPIED, ("720.mp4",), {"432p"}),
        (COPIED, ("audio.m4s",), {"432", "360", "audio"}),
        (COPIED, ("poster.jpg", "storyboard.jpg", "waveform.json"), set()),
        (ENCODED, ("v/360.m4s",), {"360"}),
        (ENCODED, ("playable.mp4",), {"playable"}),
        (ENCODED, ("playable.mp4", "720.mp4", "poster.jpg"), {"playable", "432p"}),
        ("silent.mp4", ("v/240.m4s", "poster.jpg"), {"240"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
async def test_what_is_lost_is_made_again_and_nothing_else(
    house: House, clip: str, names: tuple[str, ...], made_again: set[str]
) -> None:
    id_ = await made(house, clip)
    assert await remade(house, id_, *names) == made_again


async def test_a_voice_that_lost_a_rung_gets_it_again(house: House) -> None:
    id_ = await made(house, "audio.m4a", prompt_id=await prompt_that(house, audio_allowed=True))
    assert await remade(house, id_, "v/360.m4s", "waveform.json") == {"360"}


async def test_a_first_file_that_the_ladder_has_as_well_is_not_missed(house: House) -> None:
    id_ = await made(house, COPIED)
    assert await lose(house, id_, "playable.mp4") == Mended("not needed any more")
    assert (await house.state(id_), await missed(house, id_), await tasks(house)) == ("ready", [], [])
    assert set(await house.renditions(id_)) == {"432", "360", "audio", "432p"}


async def test_of_which_nothing_plays_is_made_anew(house: House) -> None:
    id_ = await made(house, COPIED)
    before = await house.objects(id_)
    assert await lose(house, id_, "playable.mp4", "720.mp4", "audio.m4s") == Mended("to be made anew")
    assert await house.state(id_) == "processing"
    await house.drain()
    assert (await house.state(id_), await house.objects(id_), await missed(house, id_)) == ("ready", before, [])


async def test_rungs_alone_are_enough_to_go_on_with(house: House) -> None:
    id_ = await made(house, ENCODED)
    assert await remade(house, id_, "playable.mp4", "720.mp4") == {"playable", "432p"}


async def test_without_its_source_what_is_muxed_is_made_again(house: House) -> None:
    id_ = await without_source(house, ENCODED)
    names = ("playable.mp4", "720.mp4", "poster.jpg", "storyboard.jpg")
    assert await remade(house, id_, *names) == {"playable", "432p"}


async def test_a_rung_that_cannot_be_made_again_is_told_and_the_video_is_not_called_ready(house: House) -> None:
    id_ = await without_source(house, COPIED)
    assert await lose(house, id_, "v/432.m4s") == Mended("gone for good: 432", whole=False)
    asset = await house.asset(id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", False, "source_lost")
    [event] = await told(house, id_, "rendition_failed")
    assert (event["rendition"], event["problem"]) == ("432", "source_lost")
    assert set(await house.renditions(id_)) == {"playable", "432p", "360", "audio"}
    assert (await missed(house, id_), await tasks(house)) == ([], [])


async def test_what_can_be_made_again_is_and_what_cannot_be_is_told(house: House) -> None:
    id_ = await without_source(house, COPIED)
    done = "to be made: poster, storyboard; gone for good: 432, waveform"
    assert await lose(house, id_, "v/432.m4s", "waveform.json", "poster.jpg", "storyboard.jpg") == Mended(done, False)
    await house.drain()
    asset = await house.asset(id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", False, "source_lost")
    assert (asset.poster, asset.storyboard, await missed(house, id_)) == (True, True, [])
    assert {"poster.jpg", "storyboard.jpg"} <= set(await house.objects(id_))


async def test_what_is_lost_while_the_ladder_is_made_is_made_after_it(house: House) -> None:
    id_ = await house.upload(COPIED)
    await process_asset(house.context, house.org.id, id_)
    await house.sql("DELETE FROM procrastinate_jobs WHERE task_name = 'process_asset'")
    await house.drain(losing(house, id_))
    asset = await house.asset(id_)
    assert (asset.state, asset.poster, "poster.jpg" in await house.objects(id_)) == ("ready", True, True)


def losing(house: House, id_: UUID) -> WorkerContext:
    """Return a world in which the poster is lost, and found to be, when the storyboard is brought to the store."""

    class Losing(LocalStorage):
        async def upload(self, path: Path, key: str, content_type: str) -> None:
            await super().upload(path, key, content_type)
            if key.endswith("storyboard.jpg") and (await house.asset(id_)).poster:
                await lose(house, id_, "poster.jpg")

    assert isinstance(house.storage, LocalStorage)
    return replace(house.context, storage=Losing(house.storage.folder, secret=SECRET, public_url="http://testserver"))


async def test_a_clip_that_lost_its_poster_gets_one_and_goes_on_playing(house: House) -> None:
    story = await make_story(house.org)
    take_id = await make_take(story)
    _, clip_id = await make_bright_spot(house, story, take_id, [(0, 0, 1000)])
    source_id = await made(house, COPIED)
    async with house.database.tenant(house.org.id) as session:
        mine = (Response.org_id == house.org.id) & (Response.take_id == take_id)
        await session.execute(update(Response).where(mine).values(asset_id=source_id))
    await house.order("cut_clip", clip_id)
    await house.drain()
    assert await house.state(clip_id) == "ready"
    assert await remade(house, clip_id, "poster.jpg") == set()


async def test_a_rung_that_fails_to_come_again_rests_with_its_problem(house: House, tmp_path: Path) -> None:
    id_ = await made(house, ENCODED)
    await lose(house, id_, "v/432.m4s")
    await house.drain(replace(house.context, tools=failing_at(tmp_path, "name:432p")))
    asset = await house.asset(id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", False, "corrupt")
    assert {"playable", "432p", "360", "audio"} == set(await house.renditions(id_))
