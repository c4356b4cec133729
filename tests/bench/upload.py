"""2 GiB through the embedded store, part after part, against `dd` that syncs to the same disk."""

import asyncio
import http.client
import os
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from tests.bench.figures import Figure
from tests.bench.running import House, house
from tests.bench.watching import Peak, child, resident_mib

SIZE = int(os.environ.get("BENCH_UPLOAD_BYTES", str(2 * 1024**3)))
AT_LEAST, MOST_GROWTH_MIB = 0.5, 32.0
URLS_AT_ONCE = 64


def upload() -> list[Figure]:
    with TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Figure]:
    async with house(folder) as running:
        await running.upload(b"no video, but it warms up all that an upload needs")
        api = child(running.pid, "serve")
        theirs = [await asyncio.to_thread(_dd, folder)]
        before = resident_mib(api)
        with Peak(api) as peak:
            ours = await _bring(running)
        theirs.append(await asyncio.to_thread(_dd, folder))
    rival = sum(theirs) / len(theirs)
    growth = peak.mib - before
    size = f"{SIZE / 1024**3:.2g} GiB"
    return [
        Figure(f"upload of {size}", ours, "MB/s", rival, ours / rival, f">= {AT_LEAST} x dd", ours / rival >= AT_LEAST),
        Figure(
            f"upload of {size}, growth of the API's memory",
            growth,
            "MiB",
            target=f"<= {MOST_GROWTH_MIB:.0f} MiB",
            met=growth <= MOST_GROWTH_MIB,
        ),
    ]


async def _bring(running: House) -> float:
    """Return the MB/s from the first byte of the first part to the reply to `complete`."""
    made = await running.begin_upload(SIZE)
    content = os.urandom(made["part_size_bytes"])
    left, numbers, started = SIZE, list(range(1, made["part_count"] + 1)), time.perf_counter()
    path = f"/v1/uploads/{made['id']}"
    for first in range(0, len(numbers), URLS_AT_ONCE):
        wanted = [{"part_number": number} for number in numbers[first : first + URLS_AT_ONCE]]
        items = (await running.speaker.post(f"{path}/part-urls", {"parts": wanted}))["items"]
        bodies = [content[: min(left - place * len(content), len(content))] for place in range(len(items))]
        await asyncio.to_thread(_put_all, items, bodies)
        left -= sum(map(len, bodies))
    await running.speaker.post(f"{path}/complete", {})
    return SIZE / 1e6 / (time.perf_counter() - started)


def _put_all(items: list[Any], bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection(urlsplit(items[0]["url"]).netloc)
    for item, body in zip(items, bodies, strict=True):
        parts = urlsplit(item["url"])
        connection.request("PUT", f"{parts.path}?{parts.query}", body, item["headers"])
        answer = connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"A part was refused: {answer.status} {said[:300]!r}")
    connection.close()


def _dd(folder: Path) -> float:
    block = 8 * 1024**2
    output = folder / "dd"
    command = ["dd", "if=/dev/zero", f"of={output}", f"bs={block}", f"count={SIZE // block}", "conv=fsync"]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    taken = time.perf_counter() - started
    output.unlink()
    return SIZE // block * block / 1e6 / taken
