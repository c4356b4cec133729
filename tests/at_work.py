"""Processes of the tests, found by the folder they run in."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


def at_work(folder: Path) -> set[int]:
    """Those in this folder or below; in a namespace a process knows neither its own number here nor its child's."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # a zombie, too, is nowhere
            if (process / "cwd").readlink().is_relative_to(folder):
                found.add(int(process.name))
    return found


async def gone(folder: Path) -> bool:
    deadline = time.monotonic() + 5
    while at_work(folder) and time.monotonic() < deadline:  # noqa: ASYNC110 - the kernel sends no event for it
        await asyncio.sleep(0.02)
    return not at_work(folder)
