"""One contract, two stores: what holds of the folder holds of S3, over real HTTP."""

import asyncio
import hashlib
from pathlib import Path

import httpx
import pytest

from media.storage import Held, NoSuchKey, NoSuchMultipart, PartRefused, PartToJoin, Storage
from tests.stores import ASSET, BIG, KEY, SMALL, begin, send, sha256_of


async def test_parts_sent_in_any_order_become_the_object(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    for number, data in [(3, SMALL), (1, BIG), (2, BIG[::-1])]:
        await upload.put(number, data)
    await upload.complete()
    assert await store.read_bytes(KEY) == BIG + BIG[::-1] + SMALL


async def test_parts_sent_in_parallel_become_the_object(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    await asyncio.gather(upload.put(1, BIG), upload.put(2, BIG[::-1]), upload.put(3, SMALL))
    await upload.complete()
    assert await store.read_bytes(KEY) == BIG + BIG[::-1] + SMALL


async def test_a_part_sent_again_replaces_itself(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    first = await upload.put(1, SMALL[::-1])
    assert await upload.put(1, SMALL) != first
    [part] = await store.list_parts(KEY, upload.id)
    assert (part.size_bytes, part.etag) == (len(SMALL), upload.sent[1][1])
    await upload.complete()
    assert await store.read_bytes(KEY) == SMALL


async def test_parts_are_listed_by_number_with_size_and_etag(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    await upload.put(2, SMALL)
    await upload.put(1, BIG)
    parts = await store.list_parts(KEY, upload.id)
    assert [(part.part_number, part.size_bytes, part.etag) for part in parts] == [
        (1, len(BIG), f'"{hashlib.md5(BIG, usedforsecurity=False).hexdigest()}"'),
        (2, len(SMALL), f'"{hashlib.md5(SMALL, usedforsecurity=False).hexdigest()}"'),
    ]


async def test_a_multipart_without_parts_lists_none(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    assert await store.list_parts(KEY, upload.id) == []


async def test_an_object_has_the_size_type_and_etag_of_its_parts(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    await upload.put(1, BIG)
    await upload.put(2, SMALL)
    await upload.complete()
    digests = b"".join(hashlib.md5(data, usedforsecurity=False).digest() for data in (BIG, SMALL))
    found = await store.head(KEY)
    assert found is not None
    assert (found.size_bytes, found.content_type) == (len(BIG) + len(SMALL), "video/mp4")
    assert found.etag == f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-2"'


async def test_etags_are_taken_with_their_quotes_or_without(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    etag = await upload.put(1, SMALL)
    await store.complete_multipart(KEY, upload.id, [(1, etag.strip('"'), None)])
    assert await store.read_bytes(KEY) == SMALL


async def test_what_is_completed_cannot_be_completed_again(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    await upload.put(1, SMALL)
    await upload.complete()
    with pytest.raises(NoSuchMultipart):
        await upload.complete()
    with pytest.raises(NoSuchMultipart):
        await store.list_parts(KEY, upload.id)
    assert await store.head(KEY) is not None


async def test_an_aborted_multipart_is_gone_and_may_be_aborted_again(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    await upload.put(1, SMALL)
    await store.abort_multipart(KEY, upload.id)
    await store.abort_multipart(KEY, upload.id)
    with pytest.raises(NoSuchMultipart):
        await store.list_parts(KEY, upload.id)
    with pytest.raises(NoSuchMultipart):
        await upload.complete()
    assert await store.head(KEY) is None


async def test_a_part_for_an_aborted_multipart_is_refused(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    signed = store.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), expires_in_s=60)
    await store.abort_multipart(KEY, upload.id)
    assert (await send(http, signed, SMALL)).status_code == 404


async def test_a_multipart_nobody_began_is_told(store: Storage) -> None:
    for multipart_id in ("0" * 32, "../../etc"):
        with pytest.raises(NoSuchMultipart):
            await store.list_parts(KEY, multipart_id)


async def test_every_part_but_the_last_has_5_mib(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http)
    await upload.put(1, SMALL)
    await upload.put(2, BIG)
    with pytest.raises(PartRefused):
        await upload.complete()
    assert await store.head(KEY) is None
    assert len(await store.list_parts(KEY, upload.id)) == 2


@pytest.mark.parametrize(
    "named",
    [
        pytest.param([(1, "0" * 32, None)], id="another etag"),
        pytest.param([(9, "0" * 32, None)], id="a part that never came"),
        pytest.param([], id="no part"),
    ],
)
async def test_parts_that_are_not_there_are_refused(
    store: Storage, http: httpx.AsyncClient, named: list[PartToJoin]
) -> None:
    upload = await begin(store, http)
    await upload.put(1, SMALL)
    with pytest.raises(PartRefused):
        await store.complete_multipart(KEY, upload.id, named)
    assert await store.head(KEY) is None


async def test_parts_with_checksums_become_the_object(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http, checksum=True)
    await upload.put(2, SMALL)
    await upload.put(1, BIG)
    await upload.complete()
    assert await store.read_bytes(KEY) == BIG + SMALL


async def test_bytes_other_than_their_checksum_are_refused_and_not_kept(
    store: Storage, http: httpx.AsyncClient
) -> None:
    upload = await begin(store, http, checksum=True)
    checksum = sha256_of(SMALL)
    signed = store.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), checksum_sha256=checksum, expires_in_s=60)
    assert (await send(http, signed, SMALL[::-1])).status_code == 400
    assert await store.list_parts(KEY, upload.id) == []


@pytest.mark.parametrize("mode", [True, False])
async def test_a_multipart_keeps_to_its_checksum_mode(store: Storage, http: httpx.AsyncClient, *, mode: bool) -> None:
    upload = await begin(store, http, checksum=mode)
    checksum = None if mode else sha256_of(SMALL)
    signed = store.sign_part(KEY, upload.id, 1, size_bytes=len(SMALL), checksum_sha256=checksum, expires_in_s=60)
    assert (await send(http, signed, SMALL)).status_code == 400
    assert await store.list_parts(KEY, upload.id) == []


async def test_completing_needs_the_checksums_again(store: Storage, http: httpx.AsyncClient) -> None:
    upload = await begin(store, http, checksum=True)
    etag = await upload.put(1, SMALL)
    with pytest.raises(PartRefused):
        await store.complete_multipart(KEY, upload.id, [(1, etag, None)])
    assert await store.head(KEY) is None


async def test_what_was_put_is_read_back(store: Storage, tmp_path: Path) -> None:
    await store.put_bytes(ASSET + "storyboard.vtt", b"WEBVTT\n", "text/vtt")
    (tmp_path / "here.jpg").write_bytes(BIG)
    await store.upload(tmp_path / "here.jpg", ASSET + "poster.jpg", "image/jpeg")
    poster = await store.head(ASSET + "poster.jpg")
    assert poster is not None
    assert (poster.size_bytes, poster.content_type) == (len(BIG), "image/jpeg")
    assert await store.read_bytes(ASSET + "storyboard.vtt") == b"WEBVTT\n"


async def test_what_is_put_again_replaces_itself(store: Storage) -> None:
    for data in (b"before", b"", b"after"):
        await store.put_bytes(KEY, data, "text/plain")
        assert await store.read_bytes(KEY) == data
    assert await store.list_keys(ASSET) == [KEY]


async def test_objects_are_listed_with_the_size_and_etag_that_each_one_tells(store: Storage) -> None:
    for key, data in ((KEY, BIG), (ASSET + "poster.jpg", SMALL)):
        await store.put_bytes(key, data, "video/mp4")
    listed = await store.list_objects(ASSET)
    asked = [(key, await store.head(key)) for key in (ASSET + "poster.jpg", KEY)]
    assert [(o.key, o.size_bytes, o.etag) for o in listed] == [(k, i.size_bytes, i.etag) for k, i in asked if i]
    assert await store.list_objects(ASSET + "v/") == []


async def test_a_download_is_hashed_while_it_is_read(store: Storage, tmp_path: Path) -> None:
    await store.put_bytes(KEY, BIG, "video/mp4")
    assert await store.download(KEY, tmp_path / "plain") is None
    assert await store.download(KEY, tmp_path / "hashed", sha256=True) == sha256_of(BIG)
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "hashed").read_bytes() == BIG


async def test_what_is_absent_is_told_and_leaves_no_file(store: Storage, tmp_path: Path) -> None:
    assert await store.head(KEY) is None
    with pytest.raises(NoSuchKey):
        await store.read_bytes(KEY)
    with pytest.raises(NoSuchKey):
        await store.download(KEY, tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


async def test_a_prefix_is_erased_with_its_unfinished_uploads_and_nothing_else(
    store: Storage, http: httpx.AsyncClient
) -> None:
    other = ASSET.replace("/assets/", "/assets/0")
    names = [ASSET + "playable.mp4", ASSET + "v/720.m4s"]
    for key in (*names, other + "playable.mp4"):
        await store.put_bytes(key, SMALL, "video/mp4")
    upload = await begin(store, http)
    await upload.put(1, SMALL)
    assert await store.held(ASSET) == Held(tuple(names), versions=2, multiparts=1)
    assert [(one.key, one.multipart_id) for one in await store.list_multiparts(ASSET)] == [(KEY, upload.id)]
    assert await store.list_multiparts(other) == []
    assert await store.delete_prefix(ASSET) == names
    assert await store.list_keys(ASSET) == []
    assert (await store.held(ASSET)).is_nothing
    assert await store.list_multiparts(ASSET) == []
    assert await store.list_keys(other) == [other + "playable.mp4"]
    with pytest.raises(NoSuchMultipart):
        await store.list_parts(KEY, upload.id)
    assert await store.delete_prefix(ASSET) == []


async def test_keys_are_deleted_once_or_twice(store: Storage) -> None:
    for key in (KEY, ASSET + "poster.jpg"):
        await store.put_bytes(key, SMALL, "video/mp4")
    await store.delete_keys([KEY])
    await store.delete_keys([KEY])
    await store.delete_keys([])
    assert await store.list_keys(ASSET) == [ASSET + "poster.jpg"]


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../b", "../a", "a//b", "a/./b", "a b", "a~.json", "a\n", "ä"])
async def test_what_is_no_key_of_ours_is_refused(store: Storage, tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not an object key"):
        await store.put_bytes(key, SMALL, "text/plain")
    with pytest.raises(ValueError, match="not an object key"):
        await store.download(key, tmp_path / "file")
    with pytest.raises(ValueError, match="not an object key"):
        store.sign_get(key, expires_in_s=60)
    with pytest.raises(ValueError, match="not an object key"):
        store.sign_part(key, "0" * 32, 1, size_bytes=len(SMALL), expires_in_s=60)


async def test_a_prefix_ends_in_a_slash(store: Storage) -> None:
    for prefix in ("", "/", ASSET.rstrip("/"), "../", "a/../"):
        for verb in (store.delete_prefix, store.held, store.list_multiparts, store.list_objects):
            with pytest.raises(ValueError, match="not a"):
                await verb(prefix)


async def test_a_store_that_is_set_up_has_nothing_to_complain_of(store: Storage) -> None:
    await store.ensure()
    await store.ping()
    assert await store.check() == []
