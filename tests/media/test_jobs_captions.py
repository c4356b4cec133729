"""The job that makes captions: when it does nothing, how it fails, and what it never replaces.

What a model hears is tested by `make test-captions`, where there is one.
"""

from uuid import UUID

import pytest
from sqlalchemy import select

from api.embedded import EmbeddedPostgres, Urls
from media import keys
from media.jobs.make_captions import fail, keep, make_captions
from media.problems import MediaProblem
from models.asset import Asset, Caption, Rendition
from models.captions import captioning, note_captioning
from models.ids import new_id
from tests.clips import clip
from tests.factories.jobs import House, own_database

VTT = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHi\n"


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_captions")


async def put_video(house: House, name: str = "plain.mp4", *, asked: bool = True, state: str = "ready") -> UUID:
    """Put one there whose captions are asked for."""
    id_ = await house.put_asset(state, duration_ms=2000)
    await house.storage.upload(clip(name), keys.playable(house.org.id, id_), "video/mp4")
    async with house.database.tenant(house.org.id) as session:
        asset = await session.get_one(Asset, (house.org.id, id_))
        asset.facts = {"source": {"audio": None if name == "silent.mp4" else {}}}
        if asked:
            note_captioning(asset, "pending")
        session.add(_rendition(asset))
    return id_


def _rendition(asset: Asset) -> Rendition:
    key = keys.playable(asset.org_id, asset.id)
    values = {"name": "playable", "kind": "progressive", "key": key, "size_bytes": 1}
    return Rendition(org_id=asset.org_id, asset_id=asset.id, **values)


async def put_caption(house: House, id_: UUID, origin: str) -> Caption:
    caption = caption_of(house, id_, origin)
    await house.storage.put_bytes(caption.key, VTT, "text/vtt")
    async with house.database.tenant(house.org.id) as session:
        session.add(caption)
    return caption_of(house, id_, origin)


def caption_of(house: House, asset_id: UUID, origin: str) -> Caption:
    id_, org_id = new_id(), house.org.id
    values = {"language": "en", "label": "English", "origin": origin, "text": "Hi"}
    return Caption(org_id=org_id, id=id_, asset_id=asset_id, key=keys.caption(org_id, asset_id, id_), **values)


async def origins(house: House, id_: UUID) -> list[str]:
    async with house.database.tenant(house.org.id) as session:
        return list(
            await session.scalars(select(Caption.origin).where(Caption.org_id == house.org.id, Caption.asset_id == id_))
        )


async def state_of(house: House, id_: UUID) -> tuple[str | None, str | None]:
    found = captioning(await house.asset(id_))
    return found.get("state"), found.get("problem")


async def files(house: House, id_: UUID) -> list[str]:
    return [name for name in await house.objects(id_) if name.startswith("captions/")]


async def test_without_a_model_it_says_what_is_missing(house: House) -> None:
    id_ = await put_video(house)
    with pytest.raises(MediaProblem, match="SHOWME_CAPTIONS_MODEL does not name") as failed:
        await make_captions(house.context, house.org.id, id_)
    assert (failed.value.code, failed.value.retryable) == ("captions_failed", True)
    assert not list(house.context.work_dir.glob("job-*"))
    await fail(house.context, house.org.id, id_, failed.value)
    assert await state_of(house, id_) == ("failed", "captions_failed")
    assert (await house.asset(id_)).problem_code is None


async def test_of_a_video_without_sound_there_are_none(house: House) -> None:
    id_ = await put_video(house, "silent.mp4")
    await house.order("make_captions", id_)
    await house.drain()
    assert await state_of(house, id_) == ("failed", "no_speech")
    assert await house.state(id_) == "ready"


async def test_what_nobody_asked_for_or_waits_for_is_not_made(house: House) -> None:
    unasked, deleted = await put_video(house, asked=False), await put_video(house, state="deleted")
    for id_ in (unasked, deleted, new_id()):
        await make_captions(house.context, house.org.id, id_)
        await fail(house.context, house.org.id, id_, MediaProblem("captions_failed"))
    assert await state_of(house, unasked) == (None, None)
    assert await state_of(house, deleted) == ("pending", None)


async def test_what_was_heard_replaces_what_was_heard_before(house: House) -> None:
    id_ = await put_video(house)
    for _ in range(2):
        heard = caption_of(house, id_, "automatic")
        key = heard.key
        await house.storage.put_bytes(key, VTT, "text/vtt")
        await keep(house.context, house.org.id, id_, heard)
    assert await origins(house, id_) == ["automatic"]
    assert await files(house, id_) == [key.split(f"{id_}/")[1]]
    assert (await state_of(house, id_))[0] == "made"
    assert (await house.events(id_))[-2:] == ["asset.captioned"] * 2


async def test_what_was_heard_never_replaces_what_a_person_sent(house: House) -> None:
    id_ = await put_video(house)
    await put_caption(house, id_, "uploaded")
    heard = caption_of(house, id_, "automatic")
    await house.storage.put_bytes(heard.key, VTT, "text/vtt")
    await keep(house.context, house.org.id, id_, heard)
    assert await origins(house, id_) == ["uploaded"]
    assert len(await files(house, id_)) == 1
    assert (await state_of(house, id_))[0] == "made"


async def test_what_is_heard_of_a_video_that_was_deleted_meanwhile_is_erased(house: House) -> None:
    id_ = await put_video(house, state="deleted")
    heard = caption_of(house, id_, "automatic")
    await house.storage.put_bytes(heard.key, VTT, "text/vtt")
    await keep(house.context, house.org.id, id_, heard)
    await house.drain()
    assert await origins(house, id_) == []
    assert await house.objects(id_) == []
