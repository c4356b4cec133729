"""From the reply to `complete` until the commit that makes it play, against the bare remux of the same file."""

import asyncio
import statistics
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from media.binaries import find_binaries
from media.sample import make_sample
from tests.bench.figures import Figure
from tests.bench.running import House, house

ROUNDS = 7
ALLOWED_MS = 300.0


def first_playable() -> list[Figure]:
    with TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    video = folder / "talk.mp4"
    await make_sample(video, find_binaries())
    ours, bare = [], []
    async with house(folder) as running:
        for _ in range(ROUNDS):
            ours.append(await _one(running, video.read_bytes()))
            bare.append(await asyncio.to_thread(_remux, video, folder))
    return _figures(statistics.median(ours), statistics.median(bare))


async def _one(running: House, content: bytes) -> float:
    """Return the milliseconds from the reply to the commit, as the database saw it."""
    asset = await running.upload(content)
    replied = datetime.now(UTC)
    await _rest(running, asset)
    played = await running.owner.fetchval("SELECT at FROM bench_playable WHERE id = $1", UUID(asset["id"]))
    return float((played - replied).total_seconds() * 1000)


async def _rest(running: House, asset: Any) -> None:
    """Let the ladder end, so that the next round has the machine for itself."""
    while asset["state"] != "ready":
        if asset["problem"]:
            raise RuntimeError(f"The video failed: {asset['problem']}")
        await asyncio.sleep(0.2)
        asset = await running.speaker.get(f"/v1/assets/{asset['id']}")


def _remux(video: Path, folder: Path) -> float:
    output = folder / "bare.mp4"
    argv = [find_binaries().ffmpeg, "-v", "error", "-y", "-i", str(video), "-c", "copy", "-movflags", "+faststart"]
    started = time.perf_counter()
    subprocess.run([*argv, str(output)], check=True)
    return (time.perf_counter() - started) * 1000


def _figures(ours: float, bare: float) -> list[Figure]:
    bound = 1.3 * bare + ALLOWED_MS
    target = f"<= 1.3 x the remux + {ALLOWED_MS:.0f} ms ({bound:.0f} ms)"
    return [Figure("complete to playable", ours, "ms", bare, ours / bare, target, ours <= bound)]
