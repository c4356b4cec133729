"""From the reply to `complete` until the commit that makes it play, against the bare remux of the same file.

On the embedded store, and on S3, there without the transfers: as long as the same three take by themselves.
"""

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
from media.keys import source
from media.sample import make_sample
from media.storage import open_storage
from models.ids import new_id
from tests.bench.figures import Figure
from tests.bench.running import House, house
from tests.s3_shim import running_s3

ROUNDS = 7
ALLOWED_MS = 300.0


def first_playable() -> list[Figure]:
    with TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    video = folder / "talk.mp4"
    await make_sample(video, find_binaries())
    (folder / "embedded").mkdir()
    async with house(folder / "embedded") as running:
        figures = _figures("complete to playable", *await _rounds(running, video))
    (folder / "s3").mkdir()
    with running_s3() as s3:
        async with house(folder / "s3", SHOWME_STORE_URL=s3.store_url) as running:
            ours, bare = await _rounds(running, video)
        moved = await _transfers(s3.store_url, video, folder)
    figures += _figures(f"complete to playable on S3, without {moved:.0f} ms of transfers", ours - moved, bare)
    return figures


async def _rounds(running: House, video: Path) -> tuple[float, float]:
    """Return the medians of ours and of the bare remux, in milliseconds, taken in turns."""
    ours, bare, content = [], [], _bytes(video)
    for _ in range(ROUNDS):
        ours.append(await _one(running, content))
        bare.append(await asyncio.to_thread(_remux, video, running.folder))
    return statistics.median(ours), statistics.median(bare)


async def _transfers(store_url: str, video: Path, folder: Path) -> float:
    """Return how long it takes to fetch the source and to bring the file that plays and its poster: milliseconds."""
    store, key = open_storage(store_url, secret=b"", public_url=""), source(new_id(), new_id())
    poster = _poster(video, folder)
    taken = []
    for _ in range(ROUNDS):
        await store.upload(video, key, "video/mp4")
        started = time.perf_counter()
        await store.download(key, folder / "fetched", sha256=True)
        await store.upload(video, key, "video/mp4")
        await store.upload(poster, key, "image/jpeg")
        taken.append((time.perf_counter() - started) * 1000)
    await store.close()
    return statistics.median(taken)


def _bytes(video: Path) -> bytes:
    return video.read_bytes()


def _poster(video: Path, folder: Path) -> Path:
    """Return a file as large as a poster is."""
    path = folder / "poster.jpg"
    path.write_bytes(video.read_bytes()[:60_000])
    return path


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


def _figures(name: str, ours: float, bare: float) -> list[Figure]:
    bound = 1.3 * bare + ALLOWED_MS
    target = f"<= 1.3 x the remux + {ALLOWED_MS:.0f} ms ({bound:.0f} ms)"
    return [Figure(name, ours, "ms", bare, ours / bare, target, ours <= bound)]
