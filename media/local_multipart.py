"""Parts of the embedded store, and how they become one file. Everything here blocks: call it in a thread."""

import base64
import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from media import blob_files
from media.verbs import MAX_PARTS, MIN_PART_BYTES, NoSuchMultipart, OpenMultipart, PartRefused, PartToJoin, StoredPart

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_FACTS = "multipart.json"


def new_file(folder: Path) -> tuple[Path, BinaryIO]:
    """Open a fresh file for writing. The caller closes it and moves or removes it."""
    path = folder / secrets.token_hex(16)
    return path, path.open("xb")


def sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _part_name(part_number: int) -> str:
    return f"{part_number:05}"


@dataclass(frozen=True, slots=True)
class Joined:
    """The files of the parts of a completed multipart, in order, still to be put under its key."""

    paths: list[Path]
    size_bytes: int
    etag: str
    content_type: str


class PartWriter:
    """Takes the bytes of one part; nothing is kept unless `commit` returns."""

    def __init__(self, incoming: Path, folder: Path, part_number: int, size_bytes: int, checksum: str | None) -> None:
        self._folder = folder
        self._part_number = part_number
        self._expected_bytes = size_bytes
        self._checksum = checksum
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._written_bytes = 0
        self._path, self._file = new_file(incoming)

    def write(self, chunk: bytes) -> None:
        """Raises `PartRefused` on a byte more than was announced."""
        self._written_bytes += len(chunk)
        if self._written_bytes > self._expected_bytes:
            raise PartRefused("The part is longer than its Content-Length.")
        self._file.write(chunk)
        self._md5.update(chunk)
        if self._checksum is not None:
            self._sha256.update(chunk)

    def commit(self) -> str:
        """Keep the part and return its etag, quoted.

        Raises:
            PartRefused: bytes are missing, or are not those of the checksum.
            NoSuchMultipart: it ended while the part was on its way.
        """
        if self._written_bytes != self._expected_bytes:
            raise PartRefused("The part is shorter than its Content-Length.")
        if self._checksum is not None and self._checksum != base64.b64encode(self._sha256.digest()).decode():
            raise PartRefused("The bytes of the part do not have the checksum that was signed.")
        sync(self._file)
        self._file.close()
        etag = f'"{self._md5.hexdigest()}"'
        facts = {"size_bytes": self._written_bytes, "etag": etag, "checksum_sha256": self._checksum}
        try:
            blob_files.place(self._path, self._folder, _part_name(self._part_number), facts)
        except FileNotFoundError as error:
            raise NoSuchMultipart("This multipart has ended.") from error
        return etag

    def discard(self) -> None:
        """Drop what was not committed. Quick, and harmless when it was."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class Multiparts:
    """Unfinished uploads: a folder each, with its parts in it."""

    def __init__(self, folder: Path, incoming: Path) -> None:
        self.folder = folder
        self._incoming = incoming

    def create(self, key: str, content_type: str, *, checksum: bool) -> str:
        multipart_id = secrets.token_hex(16)
        folder = self.folder / multipart_id
        folder.mkdir()
        facts = {"key": key, "content_type": content_type, "checksum": checksum}
        blob_files.write_json(folder / _FACTS, facts)
        blob_files.sync_folder(self.folder)
        return multipart_id

    def open_part(
        self, key: str, multipart_id: str, part_number: int, *, size_bytes: int, checksum: str | None
    ) -> PartWriter:
        """Raises `NoSuchMultipart`, `PartRefused` for a number or a checksum that cannot be."""
        folder, facts = self._find(key, multipart_id)
        if not 1 <= part_number <= MAX_PARTS:
            raise PartRefused(f"A part's number is between 1 and {MAX_PARTS}.")
        if facts["checksum"] != (checksum is not None):
            raise PartRefused(
                "Every part of this multipart needs a checksum." if facts["checksum"] else "This multipart has none."
            )
        return PartWriter(self._incoming, folder, part_number, size_bytes, checksum)

    def parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        folder, _ = self._find(key, multipart_id)
        found = [(name, blob_files.read(folder, name)) for name in blob_files.names(folder)]
        return sorted(
            (StoredPart(int(name), f["size_bytes"], f["etag"], f["checksum_sha256"]) for name, f in found if f),
            key=lambda part: part.part_number,
        )

    def join(self, key: str, multipart_id: str, wanted: Sequence[PartToJoin]) -> Joined:
        """Return the parts, in order, as what they become. Raises `NoSuchMultipart`, `PartRefused`."""
        folder, facts = self._find(key, multipart_id)
        stored = {part.part_number: part for part in self.parts(key, multipart_id)}
        try:
            chosen = _chosen(stored, wanted, checksum=facts["checksum"])
        except PartRefused:
            self._find(key, multipart_id)  # its parts go when it ends
            raise
        digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in chosen)
        etag = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(chosen)}"'
        paths = [path for part in chosen for path in self._files(folder, part)]
        return Joined(paths, sum(part.size_bytes for part in chosen), etag, facts["content_type"])

    def _files(self, folder: Path, part: StoredPart) -> list[Path]:
        facts = blob_files.read(folder, _part_name(part.part_number))
        if facts is None:
            raise NoSuchMultipart("This multipart ended while its parts were joined.")
        if facts["etag"] != part.etag:
            raise PartRefused(f"Part {part.part_number} was replaced while the parts were joined.")
        return [folder / name for name in facts["data"]]

    def forget(self, key: str, multipart_id: str) -> None:
        try:
            folder, _ = self._find(key, multipart_id)
        except NoSuchMultipart:
            return
        self._remove(folder)

    def under(self, prefix: str) -> Iterator[OpenMultipart]:
        """Yield the multiparts whose key begins with the prefix."""
        for folder in list(self.folder.iterdir()):
            facts = blob_files.read_json(folder / _FACTS)
            if facts is not None and facts["key"].startswith(prefix):
                with contextlib.suppress(FileNotFoundError):  # it has ended by now
                    begun_at = datetime.fromtimestamp((folder / _FACTS).stat().st_mtime, UTC)
                    yield OpenMultipart(facts["key"], folder.name, begun_at)

    def sweep(self, before: float, *, abandoned_before: float) -> None:
        """Remove folders whose multipart has ended, or never quite began, and that rest since `before`.

        Those that are open still, and rest since `abandoned_before`, go as well, as a bucket's lifecycle has it.
        """
        for folder in list(self.folder.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                is_open = blob_files.read_json(folder / _FACTS) is not None
                if folder.stat().st_mtime < (abandoned_before if is_open else before):
                    self._remove(folder)

    def _remove(self, folder: Path) -> None:
        # The facts first: a multipart without them is gone, however far the rest of the folder is.
        (folder / _FACTS).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def _find(self, key: str, multipart_id: str) -> tuple[Path, blob_files.Facts]:
        folder = self.folder / multipart_id
        facts = blob_files.read_json(folder / _FACTS) if _ID.fullmatch(multipart_id) else None
        if facts is None or facts["key"] != key:
            raise NoSuchMultipart("There is no such multipart; it may have been completed or aborted.")
        return folder, facts


def _chosen(stored: dict[int, StoredPart], wanted: Sequence[PartToJoin], *, checksum: bool) -> list[StoredPart]:
    """Return the parts asked for. Raises `PartRefused` where S3 would."""
    numbers = [number for number, _, _ in wanted]
    if not numbers or numbers != sorted(set(numbers)):
        raise PartRefused("Name at least one part, each once, by ascending number.")
    chosen = []
    for number, etag, sha256 in wanted:
        part = stored.get(number)
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise PartRefused(f"Part {number} is not there, or is another than the one named.")
        if checksum and sha256 != part.checksum_sha256:
            raise PartRefused(f"Part {number} needs the checksum it was brought with.")
        chosen.append(part)
    small = [part.part_number for part in chosen[:-1] if part.size_bytes < MIN_PART_BYTES]
    if small:
        raise PartRefused(f"Part {small[0]} is under 5 MiB, which only the last may be.")
    return chosen
