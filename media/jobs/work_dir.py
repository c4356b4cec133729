"""Each worker's own folder, so that two on one data folder do not clear away what the other works on."""

import asyncio
import fcntl
import os
import shutil
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

PREFIX = "worker-"
PATIENCE = 100
POLL_S = 0.02


@asynccontextmanager
async def own_folder(work_dir: Path) -> AsyncGenerator[Path]:
    """Remove what dead workers left, and make a folder that is known to be alive as long as this process is."""
    folder, descriptor = await asyncio.to_thread(_claim, work_dir)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        os.close(descriptor)


def _claim(work_dir: Path) -> tuple[Path, int]:
    work_dir.mkdir(parents=True, exist_ok=True)
    # One at a time: a folder that was just made is not locked yet, and looks dead.
    with (work_dir / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for left in work_dir.glob(f"{PREFIX}*"):
            _remove_if_dead(left)
        folder = Path(mkdtemp(prefix=PREFIX, dir=work_dir))
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, descriptor


def _remove_if_dead(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # its worker has just ended
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        _remove(folder)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    """Again where a stray that is just dying has still written something."""
    for _ in range(PATIENCE):
        _end_strays(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(POLL_S)


def _end_strays(folder: Path) -> None:
    """End what a worker that was killed has left at work in its folder: an ffmpeg outlives it, and goes on encoding."""
    for process in Path("/proc").glob("[0-9]*"):  # where there is none, its limits end it
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder.resolve()):
                os.kill(int(process.name), signal.SIGKILL)
