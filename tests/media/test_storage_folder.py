"""What only the embedded store does: it survives restarts and crashes, and several processes share its folder."""

import asyncio
import json
import os
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from media.local_store import LEFTOVER_S, LocalStorage
from media.storage import MIN_PART_BYTES, NoSuchMultipart, PartRefused, StorageUnavailable
from models.base import now
from tests.stores import ASSET, BIG, KEY, SECRET, SMALL


def open_folder(folder: Path) -> LocalStorage:
    return LocalStorage(folder, secret=SECRET, public_url="http://127.0.0.1:1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def local(folder: Path) -> AsyncIterator[LocalStorage]:
    opened = open_folder(folder)
    yield opened
    await opened.close()


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def data_files(folder: Path) -> set[int]:
    return {path.stat().st_ino for path in folder.rglob("*~*") if path.suffix != ".json"}


def bring(local: LocalStorage, multipart_id: str, number: int, data: bytes) -> str:
    writer = local.open_part(KEY, multipart_id, number, size_bytes=len(data), checksum=None)
    writer.write(data)
    return writer.commit()


def make_old(path: Path) -> None:
    then = time.time() - LEFTOVER_S - 60
    os.utime(path, (then, then))


async def test_parts_and_objects_are_there_after_reopening(folder: Path, local: LocalStorage) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    etags = [bring(local, multipart_id, number, data) for number, data in [(1, BIG), (2, SMALL)]]
    await local.put_bytes(ASSET + "poster.jpg", SMALL, "image/jpeg")
    again = open_folder(folder)
    assert [part.etag for part in await again.list_parts(KEY, multipart_id)] == etags
    await again.complete_multipart(KEY, multipart_id, [(1, etags[0], None), (2, etags[1], None)])
    assert await local.read_bytes(KEY) == BIG + SMALL
    assert await again.list_keys(ASSET) == [ASSET + "poster.jpg", KEY]
    await again.close()


async def test_an_erased_prefix_leaves_no_file_behind(folder: Path, local: LocalStorage) -> None:
    await local.put_bytes(ASSET + "v/720.m4s", SMALL, "video/mp4")
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    bring(local, multipart_id, 1, SMALL)
    (folder / "objects" / ASSET / "playable.mp4~crashed").write_bytes(SMALL)
    [begun] = await local.list_multiparts(ASSET)
    assert timedelta(0) <= now() - begun.begun_at < timedelta(minutes=1)
    held = await local.held(ASSET)
    assert (held.keys, held.versions, held.multiparts) == ((ASSET + "v/720.m4s",), 2, 1)
    await local.delete_prefix(ASSET)
    assert files_in(folder) == []
    assert (await local.held(ASSET)).is_nothing


async def test_a_completed_multipart_leaves_only_its_object(folder: Path, local: LocalStorage) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    for data in (SMALL, SMALL[::-1], SMALL):
        etag = bring(local, multipart_id, 1, data)
    await local.complete_multipart(KEY, multipart_id, [(1, etag, None)])
    data_file, sidecar = files_in(folder)
    assert sidecar.endswith("source.bin~.json") or data_file.endswith("source.bin~.json")


async def bring_both(local: LocalStorage) -> str:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    named = [(number, bring(local, multipart_id, number, data), None) for number, data in [(1, BIG), (2, SMALL)]]
    await local.complete_multipart(KEY, multipart_id, named)
    return multipart_id


async def test_parts_become_an_object_without_being_written_again(folder: Path, local: LocalStorage) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    named = [(number, bring(local, multipart_id, number, data), None) for number, data in [(1, BIG), (2, SMALL)]]
    brought = data_files(folder / "multiparts")
    await local.complete_multipart(KEY, multipart_id, named)
    assert data_files(folder / "objects") == brought
    assert list((folder / "multiparts").iterdir()) == []


async def test_parts_are_copied_where_a_file_has_one_name_only(
    folder: Path, local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", _fail)
    await bring_both(local)
    assert await local.read_bytes(KEY) == BIG + SMALL
    assert len(files_in(folder)) == 3


@pytest.mark.parametrize("first", [0, len(BIG) - 2, len(BIG), len(BIG) + len(SMALL) - 1, len(BIG) + len(SMALL)])
async def test_what_was_joined_is_read_from_anywhere(local: LocalStorage, first: int) -> None:
    await bring_both(local)
    file, info = local.open_object(KEY)
    with file:
        file.seek(first)
        assert file.read(3) == (BIG + SMALL)[first : first + 3]
        assert file.seek(0, os.SEEK_END) == info.size_bytes


async def test_what_was_joined_and_is_erased_meanwhile_is_never_read_short(local: LocalStorage) -> None:
    await bring_both(local)
    file, _ = local.open_object(KEY)
    with file:
        await local.delete_keys([KEY])
        with pytest.raises(FileNotFoundError):
            file.read()


async def test_an_object_replaced_leaves_no_old_bytes(folder: Path, local: LocalStorage) -> None:
    for data in (BIG, SMALL):
        await local.put_bytes(KEY, data, "video/mp4")
    assert len(files_in(folder)) == 2


async def test_a_reader_keeps_the_bytes_it_opened(local: LocalStorage) -> None:
    await local.put_bytes(KEY, BIG, "video/mp4")
    file, info = local.open_object(KEY)
    with file:
        await local.put_bytes(KEY, SMALL, "video/mp4")
        await local.delete_keys([KEY])
        assert file.read() == BIG
        assert info.size_bytes == len(BIG)


async def test_what_a_crash_left_is_not_seen(folder: Path, local: LocalStorage) -> None:
    await local.put_bytes(KEY, SMALL, "video/mp4")
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    (folder / "incoming" / "half").write_bytes(BIG)
    (folder / "objects" / ASSET / "playable.mp4~0000").write_bytes(BIG)
    (folder / "multiparts" / multipart_id / "00001~0000").write_bytes(BIG)
    (folder / "multiparts" / ("0" * 32)).mkdir()
    again = open_folder(folder)
    assert await again.list_keys(ASSET) == [KEY]
    assert await again.head(ASSET + "playable.mp4") is None
    assert await again.list_parts(KEY, multipart_id) == []
    with pytest.raises(NoSuchMultipart):
        await again.list_parts(KEY, "0" * 32)
    await again.close()


async def test_leftovers_are_swept_when_nobody_can_still_write_them(folder: Path, local: LocalStorage) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    for path in (folder / "incoming" / "old", folder / "incoming" / "young"):
        path.write_bytes(SMALL)
    ended = folder / "multiparts" / ("0" * 32)
    ended.mkdir()
    for path in (folder / "incoming" / "old", ended, folder / "multiparts" / multipart_id):
        make_old(path)
    await local.ensure()
    assert [path.name for path in (folder / "incoming").iterdir()] == ["young"]
    assert [path.name for path in (folder / "multiparts").iterdir()] == [multipart_id]


async def test_an_upload_that_nobody_finished_is_forgotten_after_a_fortnight(folder: Path, local: LocalStorage) -> None:
    kept, abandoned = [await local.create_multipart(KEY, "video/mp4", checksum=False) for _ in range(2)]
    for multipart_id, days in ((kept, 13), (abandoned, 15)):
        at = time.time() - days * 24 * 3600
        os.utime(folder / "multiparts" / multipart_id, (at, at))
    await local.tidy()
    assert await local.list_parts(KEY, kept) == []
    with pytest.raises(NoSuchMultipart):
        await local.list_parts(KEY, abandoned)


async def test_a_completion_cut_short_is_completed_by_the_next(
    folder: Path, local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    etag = bring(local, multipart_id, 1, SMALL)
    with monkeypatch.context() as crash:
        crash.setattr(Path, "rename", _fail)
        with pytest.raises(StorageUnavailable):
            await local.complete_multipart(KEY, multipart_id, [(1, etag, None)])
    assert await local.head(KEY) is None
    assert list((folder / "incoming").iterdir()) == []
    await local.complete_multipart(KEY, multipart_id, [(1, etag, None)])
    assert await local.read_bytes(KEY) == SMALL


def _fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


async def test_two_that_complete_at_once_make_one_object(folder: Path, local: LocalStorage) -> None:
    other = open_folder(folder)
    for _ in range(10):
        multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
        named = [(n, bring(local, multipart_id, n, data), None) for n, data in [(1, BIG), (2, SMALL)]]
        stores = (local, other)
        answers = await asyncio.gather(
            *(store.complete_multipart(KEY, multipart_id, named) for store in stores), return_exceptions=True
        )
        assert None in answers
        assert all(answer is None or isinstance(answer, NoSuchMultipart) for answer in answers), answers
        assert await local.read_bytes(KEY) == BIG + SMALL
    await other.close()


async def test_a_part_that_ends_after_its_multipart_is_told(local: LocalStorage, folder: Path) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    writer = local.open_part(KEY, multipart_id, 1, size_bytes=len(SMALL), checksum=None)
    writer.write(SMALL)
    await local.abort_multipart(KEY, multipart_id)
    with pytest.raises(NoSuchMultipart):
        writer.commit()
    writer.discard()
    assert files_in(folder) == []


async def test_a_part_has_the_bytes_it_announced(local: LocalStorage, folder: Path) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    writer = local.open_part(KEY, multipart_id, 1, size_bytes=4, checksum=None)
    writer.write(b"123")
    with pytest.raises(PartRefused):
        writer.commit()
    with pytest.raises(PartRefused):
        writer.write(b"45")
    writer.discard()
    assert await local.list_parts(KEY, multipart_id) == []
    assert list((folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("number", [0, -1, 10_001])
async def test_a_part_has_a_number_s3_would_take(local: LocalStorage, number: int) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    with pytest.raises(PartRefused):
        local.open_part(KEY, multipart_id, number, size_bytes=1, checksum=None)


async def test_a_multipart_belongs_to_its_key(local: LocalStorage) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    with pytest.raises(NoSuchMultipart):
        await local.list_parts(ASSET + "playable.mp4", multipart_id)
    await local.abort_multipart(ASSET + "playable.mp4", multipart_id)
    assert await local.list_parts(KEY, multipart_id) == []


@pytest.mark.parametrize("named", [[2, 1], [1, 1]])
async def test_parts_are_named_once_and_in_order(local: LocalStorage, named: list[int]) -> None:
    multipart_id = await local.create_multipart(KEY, "video/mp4", checksum=False)
    etags = {number: bring(local, multipart_id, number, SMALL) for number in (1, 2)}
    with pytest.raises(PartRefused):
        await local.complete_multipart(KEY, multipart_id, [(number, etags[number], None) for number in named])


async def test_many_writers_of_one_key_leave_one_whole_object(local: LocalStorage, folder: Path) -> None:
    bodies = [bytes([n]) * 4096 for n in range(24)]
    await asyncio.gather(*(local.put_bytes(KEY, body, "video/mp4") for body in bodies))
    assert await local.read_bytes(KEY) in bodies
    await local.delete_prefix(ASSET)
    assert files_in(folder) == []


async def test_readers_meet_a_whole_object_while_it_is_replaced(local: LocalStorage) -> None:
    bodies = [bytes([n]) * 100_000 for n in range(40)]
    await local.put_bytes(KEY, bodies[0], "video/mp4")
    done = threading.Event()
    wrong: list[bytes] = []

    def read() -> None:
        while not done.is_set():
            file, info = local.open_object(KEY)
            with file:
                data = file.read()
            if data not in bodies or len(data) != info.size_bytes:
                wrong.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    for body in bodies:
        await local.put_bytes(KEY, body, "video/mp4")
    done.set()
    reader.join()
    assert wrong == []


async def test_a_folder_that_cannot_be_written_is_told(local: LocalStorage, folder: Path) -> None:
    (folder / "incoming").rmdir()
    (folder / "incoming").write_text("in the way")
    [problem] = await local.check()
    assert str(folder) in problem
    with pytest.raises(StorageUnavailable):
        await local.put_bytes(KEY, SMALL, "video/mp4")


async def test_a_folder_that_is_gone_does_not_answer(local: LocalStorage, folder: Path) -> None:
    (folder / "objects").rmdir()
    with pytest.raises(StorageUnavailable):
        await local.ping()
    await local.ensure()
    await local.ping()


async def test_a_sidecar_tells_what_an_operator_may_ask(local: LocalStorage, folder: Path) -> None:
    await local.put_bytes(KEY, BIG, "video/mp4")
    facts = json.loads((folder / "objects" / f"{KEY}~.json").read_text())
    assert facts["size_bytes"] == MIN_PART_BYTES
    assert facts["content_type"] == "video/mp4"
    [data] = facts["data"]
    assert (folder / "objects" / ASSET / data).stat().st_size == MIN_PART_BYTES
