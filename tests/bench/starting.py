"""How long it takes to be ready: from a clone with a warm package cache, the first time, and again."""

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

from api.demo.command import free_port, start_up, stop
from api.up import wait_until_ready
from tests.bench.figures import Figure
from tests.clusters import folder_for_clusters

SECOND_START_S, CLONE_S = 3.0, 60.0
ROOT = Path(__file__).parents[2]


def _seconds_to_ready(data_dir: Path) -> float:
    base_url = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    process = start_up(data_dir, base_url)
    try:
        asyncio.run(wait_until_ready(base_url))
        return time.monotonic() - started
    finally:
        stop(process)


def second_start() -> list[Figure]:
    with folder_for_clusters() as folder:
        first, second = (_seconds_to_ready(folder / "data") for _ in range(2))
    met = second <= SECOND_START_S
    return [
        Figure("first start, ready after", first, "s"),
        Figure("second start, ready after", second, "s", target=f"<= {SECOND_START_S} s", met=met),
    ]


def clone_to_ready() -> list[Figure]:
    """Clone what is committed, and `make run` until it is ready; this checkout's own set-up has filled the cache."""
    with folder_for_clusters() as folder:
        taken = _clone(folder / "clone")
    target = f"<= {CLONE_S:.0f} s"
    return [Figure("clone to ready, warm package cache", taken, "s", target=target, met=taken <= CLONE_S)]


def _clone(folder: Path) -> float:
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOWME_")}
    settings = {"SHOWME_PORT": str(port), "SHOWME_DATA_DIR": str(folder / "data")}
    started = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)  # noqa: S607  # as one types it
    with (folder.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "run"],  # noqa: S607  # likewise
            cwd=folder,
            env=kept | settings,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        asyncio.run(wait_until_ready(f"http://127.0.0.1:{port}", seconds=600))
        return time.monotonic() - started
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
