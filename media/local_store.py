"""The embedded store: objects in a folder on this machine, with the verbs of S3.

`objects/` holds each object under its key, `multiparts/<id>/` what an upload has brought so far, `incoming/` what is
being written. Several processes may use one folder at once.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from media import blob_files, keys
from media.blob_files import CHUNK_BYTES
from media.local_multipart import Multiparts, PartWriter, new_file, sync
from media.metrics import counted
from media.signing import CHECKSUM_HEADER, Grant, LocalSigner, round_down, step_s
from media.verbs import (
    ABANDONED_DAYS,
    Clock,
    FoundObject,
    Held,
    NoSuchKey,
    ObjectInfo,
    OpenMultipart,
    PartRefused,
    PartToJoin,
    SignedRequest,
    StorageUnavailable,
    StoredObject,
    StoredPart,
)

DAY_S = 24 * 3600
LEFTOVER_S = DAY_S
THREADS = 8

R = TypeVar("R")


@counted
class LocalStorage:
    """A `Storage` in a folder; `api.local_store` serves it to clients."""

    def __init__(self, folder: Path, *, secret: bytes, public_url: str, clock: Clock = time.time) -> None:
        self.folder = folder
        self.clock = clock
        self.signer = LocalSigner(secret, public_url)
        self._objects = folder / "objects"
        self._incoming = folder / "incoming"
        self._multiparts = Multiparts(folder / "multiparts", self._incoming)
        self._executor = ThreadPoolExecutor(THREADS, "local-store")
        self._make_folders()

    # The verbs

    async def create_multipart(self, key: str, content_type: str, *, checksum: bool) -> str:
        return await self._run(self._multiparts.create, keys.checked(key), content_type, checksum=checksum)

    async def list_parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        return await self._run(self._multiparts.parts, keys.checked(key), multipart_id)

    async def complete_multipart(self, key: str, multipart_id: str, parts: Sequence[PartToJoin]) -> None:
        await self._run(self._complete, keys.checked(key), multipart_id, parts)

    async def abort_multipart(self, key: str, multipart_id: str) -> None:
        await self._run(self._multiparts.forget, keys.checked(key), multipart_id)

    async def head(self, key: str) -> ObjectInfo | None:
        return await self._run(self._head, keys.checked(key))

    async def download(self, key: str, path: Path, *, sha256: bool = False) -> str | None:
        return await self._run(self._download, keys.checked(key), path, sha256=sha256)

    async def upload(self, path: Path, key: str, content_type: str) -> None:
        await self._run(self._upload, path, keys.checked(key), content_type)

    async def put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        await self._run(self._put_bytes, keys.checked(key), data, content_type)

    async def read_bytes(self, key: str) -> bytes:
        return await self._run(self._read_bytes, keys.checked(key))

    async def list_keys(self, prefix: str) -> list[str]:
        return await self._run(self._list_keys, keys.checked_prefix(prefix))

    async def list_objects(self, prefix: str) -> list[StoredObject]:
        return await self._run(self._list_objects, keys.checked_prefix(prefix))

    async def walk(self, prefix: str) -> AsyncIterator[Sequence[FoundObject]]:
        folders = self._walk(keys.checked_prefix(prefix))
        while found := await self._run(next, folders, None):
            yield found

    async def list_multiparts(self, prefix: str) -> list[OpenMultipart]:
        return await self._run(self._open_multiparts, keys.checked_prefix(prefix))

    async def held(self, prefix: str) -> Held:
        return await self._run(self._held, keys.checked_prefix(prefix))

    async def delete_prefix(self, prefix: str) -> list[str]:
        return await self._run(self._delete_prefix, keys.checked_prefix(prefix))

    async def delete_keys(self, keys_: Sequence[str]) -> None:
        await self._run(self._delete_keys, [keys.checked(key) for key in keys_])

    async def ping(self) -> None:
        await self._run(self._ping)

    async def check(self) -> list[str]:
        try:
            await self._run(self._try_writing)
        except StorageUnavailable as error:
            return [f"The store folder {self.folder} cannot be written ({error}): give this user the right to."]
        return []

    async def ensure(self) -> None:
        await self._run(self._make_folders)
        await self.tidy()

    async def tidy(self) -> None:
        await self._run(self._sweep)

    async def close(self) -> None:
        self._executor.shutdown(wait=False)

    def sign_get(
        self, key: str, *, expires_in_s: int, content_type: str | None = None, download_name: str | None = None
    ) -> str:
        grant = Grant("GET", keys.checked(key), content_type=content_type or "", download_name=download_name or "")
        begins = round_down(self.clock(), expires_in_s)
        return self.signer.sign(grant, expires_at=begins + step_s(expires_in_s) + expires_in_s)

    def sign_part(
        self,
        key: str,
        multipart_id: str,
        part_number: int,
        *,
        size_bytes: int,
        checksum_sha256: str | None = None,
        expires_in_s: int,
    ) -> SignedRequest:
        expires_at = int(self.clock()) + expires_in_s
        grant = Grant("PUT", keys.checked(key), multipart_id, part_number, size_bytes, checksum_sha256 or "")
        headers = {CHECKSUM_HEADER: checksum_sha256} if checksum_sha256 else {}
        url = self.signer.sign(grant, expires_at=expires_at)
        return SignedRequest(url, "PUT", datetime.fromtimestamp(expires_at, UTC), headers)

    # What only the server of this store calls; both block

    def open_part(
        self, key: str, multipart_id: str, part_number: int, *, size_bytes: int, checksum: str | None
    ) -> PartWriter:
        """Raises `NoSuchMultipart`, `PartRefused`."""
        return self._multiparts.open_part(key, multipart_id, part_number, size_bytes=size_bytes, checksum=checksum)

    def open_object(self, key: str) -> tuple[BinaryIO, ObjectInfo]:
        """Open an object for reading; the caller closes it. Raises `NoSuchKey`."""
        opened = blob_files.open_data(*self._place_of(key))
        if opened is None:
            raise NoSuchKey(f"There is no object {key}.")
        return opened[0], _info(opened[1])

    # What blocks, in threads

    async def _run(self, function: Callable[..., R], *args: Any, **options: Any) -> R:
        call = partial(function, *args, **options)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        except OSError as error:
            raise StorageUnavailable(error.strerror or str(error)) from error

    def _make_folders(self) -> None:
        for folder in (self._objects, self._incoming, self._multiparts.folder):
            blob_files.make_folder(folder)

    def _place_of(self, key: str) -> tuple[Path, str]:
        folder, _, name = key.rpartition("/")
        return self._objects / folder, name

    def _put(self, path: Path, key: str, size_bytes: int, etag: str, content_type: str) -> None:
        """Move a file, already synced, from `incoming` to its key."""
        folder, name = self._place_of(key)
        blob_files.make_folder(folder)
        blob_files.place(path, folder, name, _facts(size_bytes, etag, content_type))

    def _complete(self, key: str, multipart_id: str, parts: Sequence[PartToJoin]) -> None:
        joined = self._multiparts.join(key, multipart_id, parts)
        folder, name = self._place_of(key)
        blob_files.make_folder(folder)
        facts = _facts(joined.size_bytes, joined.etag, joined.content_type)
        try:
            blob_files.place_joined(joined.paths, folder, name, facts)
        except FileNotFoundError as error:
            self._multiparts.parts(key, multipart_id)  # raises when it has ended
            raise PartRefused("A part was replaced while the parts were joined.") from error
        self._multiparts.forget(key, multipart_id)

    def _head(self, key: str) -> ObjectInfo | None:
        facts = blob_files.read(*self._place_of(key))
        return None if facts is None else _info(facts)

    def _download(self, key: str, path: Path, *, sha256: bool) -> str | None:
        digest = hashlib.sha256()
        source, _ = self.open_object(key)
        with source:
            try:
                with path.open("wb") as target:
                    if not sha256:
                        shutil.copyfileobj(source, target, CHUNK_BYTES)
                        return None
                    while chunk := source.read(CHUNK_BYTES):
                        digest.update(chunk)
                        target.write(chunk)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        return base64.b64encode(digest.digest()).decode()

    def _upload(self, path: Path, key: str, content_type: str) -> None:
        with path.open("rb") as source:
            self._store(source, key, content_type)

    def _put_bytes(self, key: str, data: bytes, content_type: str) -> None:
        self._store(BytesIO(data), key, content_type)

    def _store(self, source: BinaryIO, key: str, content_type: str) -> None:
        digest, size_bytes = hashlib.md5(usedforsecurity=False), 0
        path, target = new_file(self._incoming)
        try:
            with target:
                while chunk := source.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size_bytes += target.write(chunk)
                sync(target)
            self._put(path, key, size_bytes, f'"{digest.hexdigest()}"', content_type)
        finally:
            path.unlink(missing_ok=True)

    def _read_bytes(self, key: str) -> bytes:
        source, _ = self.open_object(key)
        with source:
            return source.read()

    def _list_keys(self, prefix: str) -> list[str]:
        return sorted(prefix + name for name in blob_files.names(self._objects / prefix))

    def _list_objects(self, prefix: str) -> list[StoredObject]:
        found = [(key, self._head(key)) for key in self._list_keys(prefix)]
        return [StoredObject(key, info.size_bytes, info.etag) for key, info in found if info]

    def _walk(self, prefix: str) -> Iterator[list[FoundObject]]:
        for base, folders, files in os.walk(self._objects / prefix):
            folders.sort()
            folder = Path(base)
            inner = folder.relative_to(self._objects).as_posix()
            names = sorted(file.removesuffix(blob_files.SIDECAR) for file in files if file.endswith(blob_files.SIDECAR))
            if found := [one for name in names if (one := _found(folder, inner, name))]:
                yield found

    def _open_multiparts(self, prefix: str) -> list[OpenMultipart]:
        return sorted(self._multiparts.under(prefix), key=lambda one: (one.key, one.multipart_id))

    def _held(self, prefix: str) -> Held:
        found = self._list_keys(prefix)
        # What crashes left beside the objects are bytes of theirs as well.
        strays = blob_files.strays(self._objects / prefix)
        return Held(tuple(found), len(found) + strays, len(self._open_multiparts(prefix)))

    def _delete_prefix(self, prefix: str) -> list[str]:
        for one in self._multiparts.under(prefix):
            self._multiparts.forget(one.key, one.multipart_id)
        found = self._list_keys(prefix)
        for key in found:
            blob_files.remove(*self._place_of(key))
        # With what crashes left there; files written meanwhile are under the prefix as well.
        shutil.rmtree(self._objects / prefix, ignore_errors=True)
        return found

    def _delete_keys(self, found: Sequence[str]) -> None:
        for key in found:
            blob_files.remove(*self._place_of(key))

    def _ping(self) -> None:
        if not self._objects.is_dir():
            raise StorageUnavailable(f"The folder {self._objects} is not there.")

    def _try_writing(self) -> None:
        path, file = new_file(self._incoming)
        file.close()
        path.unlink()

    def _sweep(self) -> None:
        """Remove what a crash left half written, once nobody can still be writing it, and abandoned multiparts."""
        before = time.time() - LEFTOVER_S
        for path in list(self._incoming.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()
        self._multiparts.sweep(before, abandoned_before=time.time() - ABANDONED_DAYS * DAY_S)


def _found(folder: Path, inner: str, name: str) -> FoundObject | None:
    """Return an object as a walk meets it, unless it was erased in this moment."""
    facts = blob_files.read(folder, name)
    if facts is None:
        return None
    with contextlib.suppress(FileNotFoundError):
        written = (folder / (name + blob_files.SIDECAR)).stat().st_mtime
        return FoundObject(f"{inner}/{name}", facts["size_bytes"], datetime.fromtimestamp(written, UTC))
    return None


def _facts(size_bytes: int, etag: str, content_type: str) -> blob_files.Facts:
    return {"size_bytes": size_bytes, "etag": etag, "content_type": content_type}


def _info(facts: blob_files.Facts) -> ObjectInfo:
    return ObjectInfo(facts["size_bytes"], facts["etag"], facts["content_type"])
