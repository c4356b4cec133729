"""What is done about what an inventory has found."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.embedded import EmbeddedPostgres, Urls
from media import keys
from media.inventory import Finding, Inventory, Lost, Orphan
from media.mending import Mended, mend
from models.asset import Caption
from models.base import now
from models.take import Take
from tests.factories.assets import put_playable, put_ready
from tests.factories.jobs import House, hand_in, make_bright_spot, own_database
from tests.factories.takes import make_story, make_take

REST = {"renditions_pending": False, "problem_code": "timed_out"}


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_mending")


async def found(house: House) -> list[Finding]:
    at = now() + timedelta(hours=25)
    return [one async for one in Inventory(house.database, house.storage, house.org.id, at, lambda _: None).findings()]


async def mended(house: House, *, of: UUID | None = None) -> list[str]:
    """Mend all that is found, or what one asset lacks, and return what was done."""
    wanted = [one for one in await found(house) if of is None or (isinstance(one, Lost) and one.asset_id == of)]
    return [(await mend(house.database, house.storage, house.org.id, one)).done for one in wanted]


async def drop(house: House, id_: UUID, *names: str) -> None:
    await house.storage.delete_keys([keys.asset_prefix(house.org.id, id_) + name for name in names])


async def ready(house: House, **values: Any) -> UUID:
    return (await put_ready(house.org, house.storage, await house.org.person(), **values)).id


async def playable(house: House, **values: Any) -> UUID:
    return (await put_playable(house.org, house.storage, await house.org.person(), **values)).id


async def tasks(house: House) -> list[str]:
    return [job.task_name for job in await house.jobs()]


async def test_what_belongs_to_nothing_is_removed_and_nothing_else(house: House) -> None:
    id_, nobody = await ready(house), uuid4()
    before = await house.objects(id_)
    for key in (keys.source(house.org.id, nobody), keys.video(house.org.id, id_, "1080")):
        await house.storage.put_bytes(key, b"bytes", "video/mp4")
    assert await mended(house) == ["removed", "removed"]
    assert (await house.objects(id_), await house.objects(nobody)) == (before, [])


async def test_an_upload_that_nobody_is_sending_is_aborted(house: House) -> None:
    id_ = await house.put_asset("uploading")
    await house.storage.create_multipart(keys.source(house.org.id, id_), "video/mp4", checksum=False)
    assert await mended(house) == ["aborted"]
    assert await house.storage.list_multiparts(keys.org_prefix(house.org.id)) == []


async def test_a_video_whose_source_is_gone_before_its_ladder_rests_and_says_so(house: House) -> None:
    id_ = await playable(house)
    await drop(house, id_, "source.bin")
    assert await mended(house) == ["gone for good: 360, 360p, audio, storyboard, waveform"]
    asset = await house.asset(id_)
    assert (asset.state, asset.renditions_pending, asset.problem_code) == ("playable", False, "source_lost")
    assert await found(house) == []


async def test_a_video_of_which_nothing_plays_any_more_fails_with_its_take(house: House) -> None:
    id_ = await ready(house)
    _, take_id = await hand_in(house, id_)
    await house.storage.delete_prefix(keys.asset_prefix(house.org.id, id_))
    assert await mended(house, of=id_) == ["failed"]
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "lost")
    assert (await house.events(id_))[-2:] == ["asset.processing", "asset.failed"]
    async with house.database.tenant(house.org.id) as session:
        assert (await session.get_one(Take, (house.org.id, take_id))).state == "needs_replacement"
    assert await mended(house, of=id_) == []


async def test_what_waits_to_be_processed_and_is_gone_fails(house: House) -> None:
    id_ = await house.put_asset("processing")
    assert await mended(house) == ["failed"]
    asset = await house.asset(id_)
    assert (asset.state, asset.problem_code) == ("failed", "lost")


async def test_a_source_that_is_gone_of_a_video_that_is_ready_is_noted(house: House) -> None:
    id_ = await ready(house)
    await drop(house, id_, "source.bin")
    assert await mended(house) == ["source noted as gone"]
    assert (await house.state(id_), (await house.asset(id_)).source_deleted_at is not None) == ("ready", True)
    assert await found(house) == []


async def test_a_caption_whose_file_is_gone_is_forgotten_and_the_video_let_be(house: House) -> None:
    id_ = await ready(house)
    async with house.database.tenant(house.org.id) as session:
        words = {"language": "en", "label": "English", "origin": "uploaded", "text": "hello"}
        key = keys.asset_prefix(house.org.id, id_) + "captions/en.vtt"
        session.add(Caption(org_id=house.org.id, asset_id=id_, key=key, **words))
    assert await mended(house) == ["captions forgotten"]
    assert (await house.state(id_), await found(house), await tasks(house)) == ("ready", [], [])


async def test_a_clip_whose_file_is_gone_is_cut_again(house: House) -> None:
    story = await make_story(house.org)
    _, clip_id = await make_bright_spot(house, story, await make_take(story), [(0, 0, 1000)])
    await house.set(clip_id, state="ready", poster=True)
    assert await mended(house, of=clip_id) == ["to be made anew"]
    assert (await house.state(clip_id), await tasks(house)) == ("processing", ["cut_clip"])


async def test_what_changed_since_it_was_found_is_let_be(house: House) -> None:
    id_ = await ready(house)
    await drop(house, id_, "playable.mp4")
    [lost] = await found(house)
    assert isinstance(lost, Lost)
    await house.set(id_, state="deleted")
    assert (await mend(house.database, house.storage, house.org.id, lost)).done == "changed meanwhile"
    assert (await house.state(id_), await tasks(house)) == ("deleted", [])


async def test_removing_what_is_gone_by_now_does_no_harm(house: House) -> None:
    orphan = Orphan(keys.source(house.org.id, uuid4()), 5)
    assert await mend(house.database, house.storage, house.org.id, orphan) == Mended("removed")
