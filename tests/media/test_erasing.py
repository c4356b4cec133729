"""Erasing on both stores: what there is is listed, removed and listed again, and the receipt says so."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from api.embedded import EmbeddedPostgres, Urls
from media import keys
from media.jobs.delete_asset import delete_asset
from media.s3_store import S3Place, S3Storage
from media.storage import Held, LocalStorage, Storage, StorageUnavailable
from media.verbs import MIN_PART_BYTES
from models.asset import Erasure
from models.base import now
from models.erasures import Listing, note, receipt_of
from tests.factories.jobs import House, a_house, folder_store, own_database
from tests.s3_shim import S3Server
from tests.stores import SECRET, SMALL

NAMES = ["audio.m4s", "c/en.vtt", "playable.mp4", "poster.jpg", "source.bin", "v/360.m4s"]


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_erasures")


@pytest.fixture
async def house(own_urls: Urls, store: Storage, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, store, tmp_path) as made:
        yield made


@pytest.fixture
async def local_house(own_urls: Urls, tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(own_urls, folder_store(tmp_path / "store"), tmp_path) as made:
        yield made


@pytest.fixture
def look(s3: S3Server) -> Iterator[Any]:
    """A client of boto3, to see the bucket as it is."""
    client = s3.client()
    yield client
    client.close()


async def put_deleted(house: House, names: list[str] = NAMES) -> UUID:
    id_ = await house.put_asset("deleted", deleted_at=now())
    for name in names:
        await house.storage.put_bytes(prefix_of(house, id_) + name, SMALL, "video/mp4")
    return id_


def prefix_of(house: House, id_: UUID) -> str:
    return keys.asset_prefix(house.org.id, id_)


async def erase(house: House, id_: UUID, store: Storage | None = None) -> None:
    context = replace(house.context, storage=store) if store else house.context
    await delete_asset(context, house.org.id, id_)


async def receipt(house: House, id_: UUID) -> Erasure:
    async with house.database.tenant(house.org.id) as session:
        found = await receipt_of(session, id_)
    assert found is not None
    return found


async def begin_upload(house: House, id_: UUID, http: httpx.AsyncClient) -> None:
    key = keys.source(house.org.id, id_)
    multipart_id = await house.storage.create_multipart(key, "video/mp4", checksum=False)
    signed = house.storage.sign_part(key, multipart_id, 1, size_bytes=MIN_PART_BYTES, expires_in_s=60)
    sent = await http.request(signed.method, signed.url, headers=signed.headers, content=b"x" * MIN_PART_BYTES)
    assert sent.status_code == 200, sent.text


async def test_nothing_of_a_deleted_asset_is_left_and_the_receipt_names_what_was_there(
    house: House, http: httpx.AsyncClient
) -> None:
    id_ = await put_deleted(house)
    beside = await put_deleted(house, ["playable.mp4"])
    await begin_upload(house, id_, http)
    await erase(house, id_)
    assert (await house.storage.held(prefix_of(house, id_))).is_nothing
    found = await receipt(house, id_)
    assert (found.names, found.objects, found.versions, found.multiparts) == (NAMES, 6, 6, 1)
    assert found.completed_at is not None
    assert found.requested_at <= found.completed_at <= now()
    assert (await house.events(id_))[-1] == "asset.erased"
    assert await house.objects(beside) == ["playable.mp4"]


async def test_of_all_that_the_pipeline_makes_nothing_is_left(local_house: House) -> None:
    id_ = await local_house.upload("plain.mp4")
    await local_house.drain()
    there = await local_house.objects(id_)
    assert {"source.bin", "playable.mp4", "poster.jpg", "audio.m4s"} <= set(there)
    await local_house.set(id_, state="deleted")
    await local_house.order("delete_asset", id_)
    await local_house.drain()
    found = await receipt(local_house, id_)
    assert (found.names, found.completed_at is not None, await local_house.objects(id_)) == (there, True, [])
    assert await local_house.statuses() == []


async def test_erasing_again_changes_nothing_on_the_receipt(house: House) -> None:
    id_ = await put_deleted(house)
    await erase(house, id_)
    first = await receipt(house, id_)
    await erase(house, id_)
    again = await receipt(house, id_)
    assert (again.completed_at, again.versions, again.names) == (first.completed_at, 6, NAMES)
    assert (await house.events(id_)).count("asset.erased") == 1


async def test_what_comes_late_is_erased_too_and_added(house: House) -> None:
    id_ = await put_deleted(house)
    await erase(house, id_)
    first = await receipt(house, id_)
    for name in ("storyboard.jpg", "poster.jpg"):
        await house.storage.put_bytes(prefix_of(house, id_) + name, SMALL, "image/jpeg")
    await erase(house, id_)
    found = await receipt(house, id_)
    assert (found.names, found.objects, found.versions) == (sorted([*NAMES, "storyboard.jpg"]), 7, 8)
    assert first.completed_at is not None
    assert found.completed_at is not None
    assert found.completed_at > first.completed_at


async def test_what_is_not_deleted_is_not_erased_and_has_no_receipt(house: House) -> None:
    id_ = await put_deleted(house)
    await house.set(id_, state="ready")
    await erase(house, id_)
    assert await house.objects(id_) == NAMES
    async with house.database.tenant(house.org.id) as session:
        assert await receipt_of(session, id_) is None


async def test_old_versions_and_marks_of_deletion_are_erased_and_counted(
    own_urls: Urls, s3: S3Server, look: Any, tmp_path: Path
) -> None:
    bucket = S3Storage(place_of(s3, look), session=s3.session, page=2)
    async with a_house(own_urls, bucket, tmp_path) as house:
        id_ = await put_deleted(house)
        await house.storage.put_bytes(prefix_of(house, id_) + "source.bin", b"the first take", "video/mp4")
        look.delete_object(Bucket=bucket.bucket, Key=prefix_of(house, id_) + "poster.jpg")
        await erase(house, id_)
        found = await receipt(house, id_)
        left = look.list_object_versions(Bucket=bucket.bucket)
    await bucket.close()
    assert (found.names, found.objects, found.versions) == (NAMES, 6, 8)
    assert found.completed_at is not None
    assert not {"Versions", "DeleteMarkers"} & set(left)


def place_of(s3: S3Server, look: Any) -> S3Place:
    """Make a bucket that keeps versions."""
    name = f"t-{uuid4()}"
    look.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.region})
    look.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return S3Place(name, endpoint=s3.endpoint, region=s3.region)


async def test_where_versions_may_not_be_seen_no_receipt_says_that_they_are_gone(
    own_urls: Urls, s3: S3Server, look: Any, tmp_path: Path
) -> None:
    bucket = S3Storage(place_of(s3, look), session=s3.session)
    async with a_house(own_urls, bucket, tmp_path) as house:
        id_ = await put_deleted(house)
        with s3.denying("versions"), pytest.raises(StorageUnavailable, match="s3:ListBucketVersions"):
            await erase(house, id_)
        assert (await receipt(house, id_)).completed_at is None
        await erase(house, id_)
        found = await receipt(house, id_)
    await bucket.close()
    # Each object, and the mark that the first try could set only.
    assert (found.names, found.versions) == (NAMES, 12)
    assert found.completed_at is not None


class Keeping(LocalStorage):
    """A store that says it has erased, and has not, so many times."""

    def __init__(self, of: Storage, *, times: int) -> None:
        assert isinstance(of, LocalStorage)
        super().__init__(of.folder, secret=SECRET, public_url="http://testserver")
        self.times = times

    async def delete_prefix(self, prefix: str) -> list[str]:
        if self.times:
            self.times -= 1
            return await self.list_keys(prefix)
        return await super().delete_prefix(prefix)


async def test_that_all_is_gone_is_looked_at_and_not_assumed(local_house: House) -> None:
    id_ = await put_deleted(local_house)
    with pytest.raises(StorageUnavailable, match="6 versions of 6 objects"):
        await erase(local_house, id_, Keeping(local_house.storage, times=1))
    assert (await receipt(local_house, id_)).completed_at is None
    assert "asset.erased" not in await local_house.events(id_)
    await erase(local_house, id_)
    found = await receipt(local_house, id_)
    assert (found.names, found.versions) == (NAMES, 6)
    assert found.completed_at is not None


class Killed(BaseException):
    """As no handler of errors catches it."""


class Dying(LocalStorage):
    """A store under which the worker ends when half is erased."""

    def __init__(self, of: Storage) -> None:
        assert isinstance(of, LocalStorage)
        super().__init__(of.folder, secret=SECRET, public_url="http://testserver")

    async def delete_prefix(self, prefix: str) -> list[str]:
        await self.delete_keys((await self.list_keys(prefix))[:3])
        raise Killed


async def test_a_worker_that_dies_in_the_middle_loses_no_name(local_house: House) -> None:
    id_ = await put_deleted(local_house)
    with pytest.raises(Killed):
        await erase(local_house, id_, Dying(local_house.storage))
    await erase(local_house, id_)
    found = await receipt(local_house, id_)
    assert (found.names, found.versions) == (NAMES, 6)


def test_a_listing_older_than_the_end_of_another_job_says_nothing_new() -> None:
    at = now()
    found = Erasure(names=["source.bin"], objects=1, versions=1, completed_at=at)
    note(found, Listing(at - timedelta(seconds=1), ["source.bin"], 1, 0))
    assert (found.versions, found.completed_at) == (1, at)
    note(found, Listing(at + timedelta(seconds=1), [], 0, 1))
    assert (found.versions, found.multiparts, found.completed_at) == (1, 1, None)


def test_nothing_is_nothing_only_when_all_could_be_seen() -> None:
    assert Held().is_nothing
    assert not any(
        held.is_nothing for held in (Held(("a",)), Held(versions=1), Held(multiparts=1), Held(unseen="It may."))
    )
