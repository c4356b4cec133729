"""The rows beside the store, on both stores: what is missing, what belongs to nothing, and what is let be."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.embedded import EmbeddedPostgres, Urls
from media import inventory, keys
from media.inventory import Finding, Inventory, Lost, Orphan, Unfinished, inventory_of, org_ids
from media.local_store import LocalStorage
from media.storage import FoundObject, Storage
from models.asset import Caption
from models.base import now
from tests.factories.assets import put_playable, put_ready
from tests.factories.jobs import House, a_house, completed, folder_store, own_database
from tests.stores import SECRET

A_DAY_ON = timedelta(hours=25)
NOW = timedelta(0)


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_inventory")


@pytest.fixture
async def house(own_urls: Urls, store: Storage, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, store, tmp_path) as made:
        yield made


def taken(house: House, after: timedelta = A_DAY_ON) -> Inventory:
    return Inventory(house.database, house.storage, house.org.id, now() + after, lambda _: None)


async def found(house: House, after: timedelta = A_DAY_ON) -> list[Finding]:
    return [one async for one in taken(house, after).findings()]


async def ready(house: House, **values: Any) -> UUID:
    return (await put_ready(house.org, house.storage, await house.org.person(), **values)).id


async def drop(house: House, *names: str, of: UUID) -> list[str]:
    gone = [keys.asset_prefix(house.org.id, of) + name for name in names]
    await house.storage.delete_keys(gone)
    return sorted(gone)


async def put(house: House, name: str, *, of: UUID) -> str:
    key = keys.asset_prefix(house.org.id, of) + name
    await house.storage.put_bytes(key, b"bytes", "video/mp4")
    return key


async def test_what_a_video_has_is_all_accounted_for(house: House) -> None:
    await ready(house)
    await put_playable(house.org, house.storage, await house.org.person())
    taking = taken(house)
    assert [one async for one in taking.findings()] == []
    assert (taking.counts.assets, taking.counts.objects, taking.counts.young) == (2, 11, 0)
    assert taking.counts.size_bytes > 2 * 2048


@pytest.mark.parametrize(
    "names",
    [("source.bin",), ("playable.mp4",), ("v/360.m4s", "audio.m4s"), ("poster.jpg", "storyboard.jpg", "waveform.json")],
    ids="-".join,
)
async def test_an_asset_lacks_what_its_rows_say_is_there(house: House, names: Sequence[str]) -> None:
    await ready(house)
    id_ = await ready(house)
    gone = await drop(house, *names, of=id_)
    assert await found(house, NOW) == [Lost(id_, tuple(gone))]


async def test_a_caption_without_its_file_is_missed(house: House) -> None:
    id_ = await ready(house)
    key = keys.asset_prefix(house.org.id, id_) + "captions/en.vtt"
    async with house.database.tenant(house.org.id) as session:
        words = {"language": "en", "label": "English", "origin": "uploaded", "text": "hello"}
        session.add(Caption(org_id=house.org.id, asset_id=id_, key=key, **words))
    assert await found(house) == [Lost(id_, (key,))]
    await house.storage.put_bytes(key, b"WEBVTT", "text/vtt")
    assert await found(house) == []


async def test_what_has_no_row_belongs_to_nothing_once_it_is_a_day_old(house: House) -> None:
    there, nobody, erased = await ready(house), uuid4(), await house.put_asset("deleted")
    orphans = [await put(house, "source.bin", of=nobody), await put(house, "v/720.m4s", of=nobody)]
    orphans += [await put(house, "poster.jpg", of=erased), await put(house, "v/1080.m4s", of=there)]
    await house.storage.put_bytes(f"{house.org.id}/elsewhere/file.bin", b"bytes", "video/mp4")
    young = taken(house, NOW)
    assert [one async for one in young.findings()] == []
    assert young.counts.young == 5
    assert {one.key for one in await found(house) if isinstance(one, Orphan)} == {
        *orphans,
        f"{house.org.id}/elsewhere/file.bin",
    }


async def test_what_a_job_may_be_writing_or_erasing_is_let_be(house: House) -> None:
    processing = await house.put_asset("processing")
    erasing = await house.put_asset("deleted", deleted_at=now() + A_DAY_ON - timedelta(minutes=10))
    playable = (await put_playable(house.org, house.storage, await house.org.person())).id
    for id_ in (processing, erasing, playable):
        await put(house, "v/720.m4s", of=id_)
    await put(house, "source.bin", of=processing)
    assert await found(house) == []


async def test_the_source_is_kept_of_what_failed_or_is_arriving_and_of_no_upload_that_ended(house: House) -> None:
    ended = {}
    for state, upload in (("failed", "completed"), ("failed", "expired"), ("uploading", "open")):
        problem = {"problem_code": "timed_out"} if state == "failed" else {}
        id_ = await house.put_asset(state, **problem)
        async with house.database.tenant(house.org.id) as session:
            session.add(completed(await house.asset(id_), 5, state=upload))
        ended[upload] = await put(house, "source.bin", of=id_)
    assert await found(house) == [Orphan(ended["expired"], 5)]


async def test_a_source_that_is_not_kept_is_not_missed_and_must_go(house: House) -> None:
    id_ = await ready(house, source_deleted_at=now())
    [orphan] = await found(house)
    assert orphan == Orphan(keys.source(house.org.id, id_), len(keys.source(house.org.id, id_)))
    await drop(house, "source.bin", of=id_)
    assert await found(house) == []


async def test_an_upload_in_parts_that_nobody_is_sending_is_found_after_a_day(house: House) -> None:
    ids = [await house.put_asset("uploading") for _ in range(2)]
    begun = [
        await house.storage.create_multipart(keys.source(house.org.id, id_), "video/mp4", checksum=False) for id_ in ids
    ]
    async with house.database.tenant(house.org.id) as session:
        session.add(completed(await house.asset(ids[0]), 5, state="open", completed_at=None, multipart_id=begun[0]))
    [one] = await found(house)
    assert isinstance(one, Unfinished)
    assert (one.multipart.key, one.multipart.multipart_id) == (keys.source(house.org.id, ids[1]), begun[1])


async def test_an_upload_in_parts_that_was_begun_today_is_let_be(own_urls: Urls, tmp_path: Path) -> None:
    async with a_house(own_urls, folder_store(tmp_path / "store"), tmp_path) as house:
        await house.storage.create_multipart(keys.source(house.org.id, uuid4()), "video/mp4", checksum=False)
        assert (await found(house, NOW), len(await found(house))) == ([], 1)


async def test_another_organizations_objects_are_not_met(house: House, own_urls: Urls, tmp_path: Path) -> None:
    await house.storage.put_bytes(keys.source(uuid4(), uuid4()), b"bytes", "video/mp4")
    assert await found(house) == []
    async with a_house(own_urls, house.storage, tmp_path) as other:
        assert {house.org.id, other.org.id} <= {id_ async for id_ in org_ids(house.database, most=1)}


async def test_an_inventory_goes_from_page_to_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "PAGE", 2)
    ids = [(await put_playable(house.org, house.storage, await house.org.person())).id for _ in range(5)]
    orphan = await put(house, "source.bin", of=UUID(int=5))
    last = await put(house, "source.bin", of=UUID(int=2**128 - 1))
    gone = await drop(house, "poster.jpg", of=ids[3])
    taking = taken(house)
    assert [one async for one in taking.findings()] == [
        Orphan(orphan, 5),
        Lost(ids[3], tuple(gone)),
        Orphan(last, 5),
    ]
    assert taking.counts.assets == 5


class Late(LocalStorage):
    """A store whose list of everything lacks what was written last; the list of an asset does not."""

    async def walk(self, prefix: str) -> AsyncIterator[Sequence[FoundObject]]:
        async for some in super().walk(prefix):
            yield [one for one in some if prefix.count("/") > 1 or not one.key.endswith("poster.jpg")]


async def test_what_was_only_listed_late_is_no_finding(own_urls: Urls, tmp_path: Path) -> None:
    store = Late(tmp_path / "store", secret=SECRET, public_url="http://testserver")
    async with a_house(own_urls, store, tmp_path) as house:
        id_ = await ready(house)
        assert await found(house) == []
        gone = await drop(house, "poster.jpg", "playable.mp4", of=id_)
        assert await found(house) == [Lost(id_, tuple(sorted(gone)))]


async def test_each_object_that_the_pipeline_makes_is_accounted_for(own_urls: Urls, tmp_path: Path) -> None:
    async with a_house(own_urls, folder_store(tmp_path / "store"), tmp_path) as house:
        id_ = await house.upload("plain.mp4")
        await house.drain()
        assert await house.state(id_) == "ready"
        assert await found(house) == []
        told = []
        taking = inventory_of(house.database, house.storage, house.org.id, lambda counts: told.append(counts.assets))
        assert [one async for one in taking.findings()] == []
        assert told == [1]
