"""Walking through a store: everything under a prefix, some at a time, asset after asset."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from media.storage import LocalStorage, Storage
from tests.s3_shim import S3Server
from tests.stores import Clock, open_s3

ORG = f"{uuid4()}/"
IDS = sorted(str(uuid4()) for _ in range(3))


async def fill(store: Storage) -> list[str]:
    """Write three assets' objects, the last asset's first, and one of another organization."""
    keys = [f"{ORG}assets/{id_}/{name}" for id_ in IDS for name in ("poster.jpg", "source.bin", "v/720.m4s")]
    for key in [*reversed(keys), f"{uuid4()}/assets/{IDS[0]}/source.bin"]:
        await store.put_bytes(key, key.encode(), "video/mp4")
    return keys


async def test_a_walk_meets_each_object_once_with_its_size_and_time(store: Storage) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    keys = await fill(store)
    found = [one for some in [some async for some in store.walk(ORG)] for one in some]
    assert sorted(one.key for one in found) == keys
    assert all(one.size_bytes == len(one.key) for one in found)
    assert all(before < one.written_at < datetime.now(UTC) + timedelta(seconds=2) for one in found)


async def test_a_walk_meets_one_asset_after_the_other(store: Storage) -> None:
    await fill(store)
    met = [one.key.split("/")[2] for some in [some async for some in store.walk(ORG)] for one in some]
    assert list(dict.fromkeys(met)) == IDS
    assert met == sorted(met)


async def test_a_walk_where_nothing_is_meets_nothing(store: Storage) -> None:
    assert [some async for some in store.walk(f"{uuid4()}/")] == []
    with pytest.raises(ValueError, match="must end in a slash"):
        await anext(aiter(store.walk("no-slash")))


async def test_a_bucket_is_walked_a_page_at_a_time(s3: S3Server, clock: Clock) -> None:
    store = open_s3(s3, f"t-{uuid4()}", clock, page=2)
    await store.ensure()
    keys = await fill(store)
    pages = [[one.key for one in some] async for some in store.walk(ORG)]
    assert [len(page) for page in pages] == [2, 2, 2, 2, 1]
    assert [key for page in pages for key in page] == keys
    await store.close()


async def test_what_a_crash_left_in_the_folder_is_no_object(tmp_path: Path) -> None:
    store = LocalStorage(tmp_path, secret=b"x" * 32, public_url="http://testserver")
    keys = await fill(store)
    (tmp_path / "objects" / ORG / "assets" / IDS[0] / "source.bin~deadbeef").write_bytes(b"half of it")
    found = [one.key for some in [some async for some in store.walk(ORG)] for one in some]
    assert sorted(found) == keys
    await store.close()
