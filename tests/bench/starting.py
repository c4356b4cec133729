"""How long `showme up` takes to be ready, the first time and again."""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from api.demo.command import free_port, start_up, stop
from api.up import wait_until_ready
from tests.bench.figures import Figure

SECOND_START_S = 3.0


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
    with TemporaryDirectory() as folder:
        first, second = (_seconds_to_ready(Path(folder) / "data") for _ in range(2))
    met = second <= SECOND_START_S
    return [
        Figure("first start, ready after", first, "s"),
        Figure("second start, ready after", second, "s", target=f"<= {SECOND_START_S} s", met=met),
    ]
