"""From the reply to `complete` until it plays, against the bare remux of the same file."""

import asyncio
import statistics
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from api.demo.command import free_port, start_up, stop, wait_until_up
from api.demo.org import ADMIN, SLUG, Speaker, demo_password, token
from media.binaries import find_binaries
from media.sample import make_sample
from tests.bench.figures import Figure

ROUNDS = 7
ALLOWED_MS = 300.0


def first_playable() -> list[Figure]:
    with TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    video = folder / "talk.mp4"
    await make_sample(video, find_binaries())
    base_url = f"http://127.0.0.1:{free_port()}"
    process = start_up(folder / "data", base_url)
    try:
        await wait_until_up(process, base_url, folder / "data")
        async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
            speaker = Speaker(client, await token(client, SLUG, ADMIN, demo_password(folder / "data")))
            taken = [await _one(client, speaker, video.read_bytes()) for _ in range(ROUNDS)]
    finally:
        stop(process)
    return _figures(statistics.median(taken), statistics.median(_remux(video, folder) for _ in range(ROUNDS)))


async def _one(client: httpx.AsyncClient, speaker: Speaker, content: bytes) -> float:
    """Return the milliseconds from the reply until the asset says that it was playable."""
    body = {"filename": "talk.mp4", "content_type": "video/mp4", "size_bytes": len(content), "purpose": "prompt"}
    upload = await speaker.post("/v1/uploads", body)
    path = f"/v1/uploads/{upload['id']}"
    [item] = (await speaker.post(f"{path}/part-urls", {"parts": [{"part_number": 1}]}))["items"]
    (await client.put(item["url"], content=content, headers=item["headers"])).raise_for_status()
    asset = await speaker.post(f"{path}/complete", {})
    replied = time.perf_counter()
    while asset["state"] not in ("playable", "ready"):
        await asyncio.sleep(0.005)
        asset = await speaker.get(f"/v1/assets/{asset['id']}")
    playable_ms = (time.perf_counter() - replied) * 1000
    await _rest(speaker, asset)
    return playable_ms


async def _rest(speaker: Speaker, asset: Any) -> None:
    """Let the ladder end, so that the next round has the machine for itself."""
    while asset["renditions_pending"]:
        await asyncio.sleep(0.2)
        asset = await speaker.get(f"/v1/assets/{asset['id']}")


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
