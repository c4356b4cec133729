"""Clusters that root has to keep beside all others, since their account cannot enter the folders of tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from api import embedded_home
from api.embedded_home import WHOSE, Home
from api.embedded_server import end, find_server


def remove_clusters(within: Path) -> list[Path]:
    """Remove those of data folders within this one, which need not be there any more, and return where they were.

    A server that a failed test has left running is ended first. Those of others are let be.
    """
    removed = []
    for note in sorted(embedded_home.ELSEWHERE.glob(f"*/{WHOSE}")):
        with suppress(FileNotFoundError):  # another session has just removed its own
            if Path(os.fsdecode(note.read_bytes())).is_relative_to(within.resolve()):
                removed.append(note.parent)
    for folder in removed:
        home = Home(folder)
        if server := find_server(home):
            end(server.pid, home, None)
        rmtree(folder, ignore_errors=True)
    return removed


@contextmanager
def folder_for_clusters() -> Iterator[Path]:
    """Make a folder that goes at the end, with the clusters of all data folders in it."""
    with TemporaryDirectory() as name:
        try:
            yield Path(name)
        finally:
            remove_clusters(Path(name))
