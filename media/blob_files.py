"""Files that appear whole or not at all: data beside a small JSON sidecar that names it.

`name~.json` holds the facts and the names of the data files, `name~<random>`, whose bytes one after the other are the
content; renaming the sidecar into place is the one moment of change. A data file no sidecar names is what a crash left,
and nobody sees it. No key holds a tilde.
"""

import contextlib
import io
import json
import os
import secrets
import shutil
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

SIDECAR = "~.json"
_ATTEMPTS = 5
CHUNK_BYTES = 1024 * 1024

Facts = dict[str, Any]


def sync_folder(folder: Path) -> None:
    """Make renames within a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, lastingly."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        sync_folder(folder.parent)


def write_json(path: Path, facts: Facts) -> None:
    """Write or replace a small JSON file at once."""
    temporary = path.with_name(f"{path.name}~{secrets.token_hex(4)}")
    try:
        with temporary.open("x") as file:
            json.dump(facts, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def place(source: Path, folder: Path, name: str, facts: Facts) -> None:
    """Move a file, already synced, into an existing folder under a name, in place of what was there.

    Raises:
        FileNotFoundError: the folder is gone.
    """
    data = _data_name(name)
    source.rename(folder / data)
    _name(folder, name, [data], facts)


def place_joined(sources: Sequence[Path], folder: Path, name: str, facts: Facts) -> None:
    """As `place`, with the bytes of several files as one content. The files stay where they are too: no byte is copied.

    Raises:
        FileNotFoundError: the folder, or one of the files, is gone.
    """
    data: list[str] = []
    try:
        for source in sources:
            data.append(_data_name(name))
            _link(source, folder / data[-1])
    except BaseException:
        _unlink(folder, data)
        raise
    _name(folder, name, data, facts)


def _data_name(name: str) -> str:
    return f"{name}~{secrets.token_hex(8)}"


def _name(folder: Path, name: str, data: Sequence[str], facts: Facts) -> None:
    """Have the sidecar name these files from now on, and drop those it named before."""
    before = read(folder, name)
    try:
        write_json(folder / (name + SIDECAR), {**facts, "data": data})
    except BaseException:
        _unlink(folder, data)
        raise
    if before is not None:
        _unlink(folder, before["data"])


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:  # some file systems have no second names
        with source.open("rb") as file, target.open("xb") as copy:
            shutil.copyfileobj(file, copy, CHUNK_BYTES)
            copy.flush()
            os.fsync(copy.fileno())


def _unlink(folder: Path, data: Sequence[str]) -> None:
    for one in data:
        (folder / one).unlink(missing_ok=True)


def read_json(path: Path) -> Facts | None:
    try:
        facts: Facts = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts


def read(folder: Path, name: str) -> Facts | None:
    return read_json(folder / (name + SIDECAR))


def open_data(folder: Path, name: str) -> tuple[BinaryIO, Facts] | None:
    """Open what stands under a name now; one file stays readable when it is replaced or erased meanwhile."""
    for _ in range(_ATTEMPTS):
        facts = read(folder, name)
        if facts is None:
            return None
        paths = [folder / one for one in facts["data"]]
        with contextlib.suppress(FileNotFoundError):  # replaced in between: look again
            return (paths[0].open("rb") if len(paths) == 1 else io.BufferedReader(Joined(paths), CHUNK_BYTES)), facts
    return None


class Joined(io.RawIOBase):
    """Several files read as one. Each is opened when its turn comes: there may be thousands.

    Raises FileNotFoundError from `read` when what it reads was erased in the meantime.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        sizes = [path.stat().st_size for path in paths]
        self._paths = paths
        self._starts = list(accumulate(sizes, initial=0))
        self._at = 0
        self._number = -1
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._starts[-1]:
            return 0
        number = bisect_right(self._starts, self._at) - 1
        file = self._opened(number)
        file.seek(self._at - self._starts[number])
        data = file.read(min(len(buffer), self._starts[number + 1] - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _opened(self, number: int) -> BinaryIO:
        if self._file is None or number != self._number:
            self._shut()
            self._file, self._number = self._paths[number].open("rb"), number
        return self._file

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def close(self) -> None:
        self._shut()
        super().close()


def remove(folder: Path, name: str) -> bool:
    """Erase what stands under a name: the sidecar first, so that nobody meets half of it."""
    facts = read(folder, name)
    if facts is None:
        return False
    (folder / (name + SIDECAR)).unlink(missing_ok=True)
    _unlink(folder, facts["data"])
    return True


def names(folder: Path) -> Iterator[str]:
    """Walk a folder and those within it, and yield the names that stand, as paths from it."""
    for base, _, files in os.walk(folder):
        inner = Path(base).relative_to(folder)
        for file in files:
            if file.endswith(SIDECAR):
                yield (inner / file.removesuffix(SIDECAR)).as_posix()


def strays(folder: Path) -> int:
    """Count the files in a folder and those within it that belong to nothing that stands."""
    there, named = set(), set()
    for base, _, files in os.walk(folder):
        for file in files:
            path = Path(base) / file
            if file.endswith(SIDECAR):
                named |= {path.parent / one for one in (read_json(path) or {"data": []})["data"]}
            else:
                there.add(path)
    return len(there - named)
