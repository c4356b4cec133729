"""The worker as a process of its own: ended by a signal, and killed."""

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from api.embedded import EmbeddedPostgres, Urls
from tests.factories.jobs import FAST, House, eventually, long_clip, own_database
from tests.processes import running


@pytest.fixture(scope="module")
def own_urls(cluster: EmbeddedPostgres) -> Urls:
    return own_database(cluster, "of_the_process")


@pytest.fixture
def settings(house: House, tmp_path: Path) -> dict[str, str]:
    return {
        "data_dir": str(tmp_path),
        "database_url": house.context.database_url,
        "store_url": f"file:{tmp_path / 'store'}",
        "secret_key": "a secret of the process, 32 bytes or more",
    }


def ladder_in(folder: Path) -> Callable[[], Awaitable[list[Path]]]:
    """Return what tells of renditions that are being written."""

    async def read() -> list[Path]:
        with suppress(FileNotFoundError):  # a folder that is just being removed
            return await asyncio.to_thread(lambda: list((folder / "work").rglob("*.m4s")))
        return []

    return read


async def test_a_signal_ends_it_in_time_and_its_job_waits_for_the_next(
    house: House, settings: dict[str, str], tmp_path: Path
) -> None:
    id_ = await house.upload(long_clip())
    with running("worker", tmp_path, settings) as process:
        await eventually(ladder_in(tmp_path), bool, "a ladder")
        started = time.monotonic()
        process.terminate()
        assert await _ended(process) == 0
        assert time.monotonic() - started < 20
    assert await house.statuses() == [("make_ladder", "todo", 0)]
    assert (await house.state(id_), await ladder_in(tmp_path)()) == ("playable", [])


async def test_the_job_of_a_worker_that_was_killed_is_done_by_the_next(
    house: House, settings: dict[str, str], tmp_path: Path
) -> None:
    id_ = await house.upload(long_clip())
    with running("worker", tmp_path, settings) as process:
        await eventually(ladder_in(tmp_path), bool, "a ladder")
        process.kill()
        await _ended(process)
    assert await house.statuses() == [("make_ladder", "doing", 0)]
    context = replace(house.context, max_duration_ms=600_000)
    async with house.working(context, pace=replace(FAST, heartbeat_s=0.2, stalled_s=1.0)):
        await eventually(house.statuses, [("make_ladder", "doing", 1)].__eq__)
        assert len(list(context.work_dir.glob("worker-*"))) == 1
        await house.set(id_, state="deleted")


async def _ended(process: subprocess.Popen[bytes]) -> int:
    return await asyncio.to_thread(process.wait, 30)
