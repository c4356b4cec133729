"""How soon a job starts after the commit that deferred it: on an idle worker, and while every ladder slot is busy."""

import asyncio
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from media import queue
from media.binaries import find_binaries
from media.sample import make_sample
from models.database import Database
from models.ids import new_id
from tests.bench.figures import Figure
from tests.bench.running import House, house, share

IDLE_JOBS, REMUXES = 60, 20
IDLE_MS, BUSY_MS = 20.0, 100.0
STARTED = """
SELECT extract(epoch FROM started_at - committed_at) * 1000 AS ms FROM bench_job
WHERE task = $1 AND id > $2 AND started_at IS NOT NULL
"""


def job_starts() -> list[Figure]:
    with TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    video, long_video = folder / "talk.mp4", folder / "long.mp4"
    binaries = find_binaries()
    await make_sample(video, binaries)
    repeated = ["-v", "error", "-stream_loop", "60", "-i", str(video), "-c", "copy", str(long_video)]
    await asyncio.to_thread(subprocess.run, [binaries.ffmpeg, *repeated], check=True)
    async with house(folder) as running:
        idle = await _idle(running)
        busy = await _busy(running, video.read_bytes(), long_video.read_bytes())
    return [
        *_figures("job start after commit, idle", idle, IDLE_MS),
        *_figures("remux start after commit, ladders busy", busy, BUSY_MS),
    ]


async def _idle(running: House) -> list[float]:
    """Defer jobs that find nothing to do, each when the one before is over."""
    org_id: UUID = await running.owner.fetchval("SELECT id FROM org LIMIT 1")
    database = Database(running.urls.app)
    for _ in range(IDLE_JOBS):
        async with database.tenant(org_id) as session:
            await queue.defer(session, "delete_asset", queue="quick", asset_id=str(new_id()))
        await asyncio.sleep(0.1)
    await database.dispose()
    return await _started(running, "delete_asset", 0, IDLE_JOBS)


async def _busy(running: House, video: bytes, long_video: bytes) -> list[float]:
    """Bring videos, each when the one before plays, while a ladder is made that takes longer than all of it."""
    asset = await running.upload(long_video)
    while not await _ladders(running):  # noqa: ASYNC110  # another process does it
        await asyncio.sleep(0.05)
    last = await running.owner.fetchval("SELECT max(id) FROM bench_job")
    for _ in range(REMUXES):
        await _plays(running, await running.upload(video))
    if not await _ladders(running):
        raise RuntimeError(f"The ladder of {asset['id']} was made before the last remux had begun.")
    return await _started(running, "process_asset", last, REMUXES)


async def _ladders(running: House) -> int:
    query = "SELECT count(*) FROM queue.procrastinate_jobs WHERE queue_name = 'long' AND status = 'doing'"
    return int(await running.owner.fetchval(query))


async def _plays(running: House, asset: Any) -> None:
    while asset["state"] not in ("playable", "ready"):
        await asyncio.sleep(0.05)
        asset = await running.speaker.get(f"/v1/assets/{asset['id']}")


async def _started(running: House, task: str, last: int, count: int) -> list[float]:
    while len(rows := await running.owner.fetch(STARTED, task, last)) < count:  # noqa: ASYNC110  # likewise
        await asyncio.sleep(0.05)
    return [float(row["ms"]) for row in rows]


def _figures(name: str, taken: list[float], most: float) -> list[Figure]:
    p95 = share(taken, 95)
    return [
        Figure(f"{name}, p50", share(taken, 50), "ms"),
        Figure(f"{name}, p95", p95, "ms", target=f"<= {most:.0f} ms", met=p95 <= most),
    ]
