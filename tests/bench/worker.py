"""A worker at work: the memory it takes, what it keeps of a video, how long a short take waits behind ten long ones."""

import asyncio
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from media.binaries import find_binaries
from media.sample import DURATION_MS, make_sample
from tests.bench.figures import Figure
from tests.bench.running import House, house
from tests.bench.watching import Peak, child, resident_with_children_mib

LONG_S, SHORT_S, LONG_ONES = 240, 6, 10


def worker() -> list[Figure]:
    with TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    binaries = find_binaries()
    talk = folder / "talk.mp4"
    await make_sample(talk, binaries)
    long_take, short_take = (_still(binaries.ffmpeg, folder, seconds) for seconds in (LONG_S, SHORT_S))
    async with house(folder) as running:
        pid = child(running.pid, "worker")
        before = _stored(running)
        with Peak(pid, resident_with_children_mib) as peak:
            await _ready(running, await running.upload(talk.read_bytes()))
        kept, sent = (size * 60_000 / DURATION_MS / 1e6 for size in (_stored(running) - before, talk.stat().st_size))
        alone = await _behind(running, [], short_take.read_bytes())
        behind = await _behind(running, [long_take.read_bytes()] * LONG_ONES, short_take.read_bytes())
    return [
        Figure("worker and its processes, most memory", peak.mib, "MiB"),
        Figure(
            "bytes kept of a minute of video, source and all", kept, "MB", sent, kept / sent, "beside what was sent"
        ),
        Figure("a short take alone, ready after", alone[0], "s"),
        Figure(
            f"a short take behind {LONG_ONES} long ones, ready after",
            behind[0],
            "s",
            behind[1],
            behind[0] / behind[1],
            "first come, first served: after all of them",
        ),
    ]


def _stored(running: House) -> int:
    """Return the bytes of all that is in the embedded store."""
    return sum(path.stat().st_size for path in (running.folder / "data" / "store" / "objects").rglob("*~*"))


def _still(ffmpeg: str, folder: Path, seconds: int) -> Path:
    """Return a take of so many seconds that costs little to make ready: a picture that moves slowly."""
    path = folder / f"{seconds}.mp4"
    picture = f"gradients=s=320x180:r=30:d={seconds}:speed=0.005"
    argv = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast", "-g", "300"]
    subprocess.run([*argv, "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


async def _behind(running: House, long_takes: list[bytes], short_take: bytes) -> tuple[float, float]:
    """Return the seconds from when the short one has come until it is ready, and until all are."""
    others = [await running.upload(content) for content in long_takes]
    started = time.perf_counter()
    await _ready(running, await running.upload(short_take))
    short_s = time.perf_counter() - started
    for other in others:
        await _ready(running, other)
    return short_s, time.perf_counter() - started


async def _ready(running: House, asset: Any) -> None:
    while asset["state"] != "ready":
        if asset["problem"]:
            raise RuntimeError(f"The video failed: {asset['problem']}")
        await asyncio.sleep(0.1)
        asset = await running.speaker.get(f"/v1/assets/{asset['id']}")
