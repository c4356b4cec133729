"""Files that appear whole or not at all: data beside a small JSON sidecar that names it.

`name~.json` holds the facts and the name of the data file, `name~<random>`; renaming the sidecar into place is the one
moment of change. A data file no sidecar names is what a crash left, and nobody sees it. No key holds a tilde.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

SIDECAR = "~.json"
_ATTEMPTS = 5

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
    before = read(folder, name)
    data = f"{name}~{secrets.token_hex(8)}"
    source.rename(folder / data)
    try:
        write_json(folder / (name + SIDECAR), {**facts, "data": data})
    except BaseException:
        (folder / data).unlink(missing_ok=True)
        raise
    if before is not None:
        (folder / str(before["data"])).unlink(missing_ok=True)


def read_json(path: Path) -> Facts | None:
    try:
        facts: Facts = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts


def read(folder: Path, name: str) -> Facts | None:
    return read_json(folder / (name + SIDECAR))


def open_data(folder: Path, name: str) -> tuple[BinaryIO, Facts] | None:
    """Open what stands under a name now; it stays readable when it is replaced or erased meanwhile."""
    for _ in range(_ATTEMPTS):
        facts = read(folder, name)
        if facts is None:
            return None
        with contextlib.suppress(FileNotFoundError):  # replaced in between: look again
            return (folder / str(facts["data"])).open("rb"), facts
    return None


def remove(folder: Path, name: str) -> bool:
    """Erase what stands under a name: the sidecar first, so that nobody meets half of it."""
    facts = read(folder, name)
    if facts is None:
        return False
    (folder / (name + SIDECAR)).unlink(missing_ok=True)
    (folder / str(facts["data"])).unlink(missing_ok=True)
    return True


def names(folder: Path) -> Iterator[str]:
    """Walk a folder and those within it, and yield the names that stand, as paths from it."""
    for base, _, files in os.walk(folder):
        inner = Path(base).relative_to(folder)
        for file in files:
            if file.endswith(SIDECAR):
                yield (inner / file.removesuffix(SIDECAR)).as_posix()
