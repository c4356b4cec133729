"""What a ladder costs and how it looks, and how soon a video plays, beside two others that make the same rungs.

CPU is of all processes that were started, user and system. A rung's VMAF is measured against the source, on its own
size. The first that plays is, of ours, from the probe to the file and its poster, or to the first segments of the first
rung and its sound, which grows from there on; of PeerTube the largest rung, which it makes first; of MediaCMS the
smallest.
"""

import asyncio
import json
import resource
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from media import pipeline
from media.binaries import Tools, find_binaries
from media.ladder import planned
from media.pipeline import Wanted
from media.probe import probe
from media.sample import make_sample
from media.sound import Sound
from tests.bench.figures import Figure
from tests.bench.rivals.encoders import Clip, Rival, mediacms, peertube

SECONDS = 12.0
SIDES = (1080, 720, 360)
CPU_SHARE, SOONER = 0.8, {"H.264": 10.0, "HEVC": 3.0}
RIVALS: dict[str, Rival] = {"PeerTube": peertube, "MediaCMS": mediacms}


@dataclass
class Cost:
    """`files` by the side of the rung; seconds of CPU, and from the start until something plays."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    first_s: float = 0.0
    size_bytes: int = 0
    files: dict[str, Path] = field(default_factory=dict)


def media() -> list[Figure]:
    tools = Tools(find_binaries())
    with TemporaryDirectory() as name:
        folder = Path(name)
        return [
            figure
            for kind, clip in asyncio.run(_clips(folder, tools)).items()
            for figure in _measure(kind, clip, folder / kind, tools)
        ]


async def _clips(folder: Path, tools: Tools) -> dict[str, Clip]:
    """Return what a phone records, upright 1080p at 30 frames: H.264 of 12 Mbit/s, and HEVC of 7."""
    talk = folder / "talk.mp4"
    await make_sample(talk, tools.binaries, duration_ms=round(SECONDS * 1000))
    # Grain, without which a drawing would tell nothing of how a camera's picture fares.
    grain = "scale=1080:1920:flags=bicubic,noise=alls=5:allf=t,format=yuv420p"
    larger = ["-i", str(talk), "-vf", grain, "-c:a", "copy"]
    h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "12000k", "-maxrate", "13000k", "-bufsize", "13000k"]
    hevc = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=30", "-b:v", "7000k"]
    made = {}
    for kind, options in {"H.264": [*h264, "-g", "30"], "HEVC": [*hevc, "-tag:v", "hvc1"]}.items():
        path = folder / f"{kind}.mp4"
        _run([tools.binaries.ffmpeg, "-v", "error", *larger, *options, str(path)])
        made[kind] = Clip(path, 30, SIDES)
    return made


def _measure(kind: str, clip: Clip, folder: Path, tools: Tools) -> list[Figure]:
    ours = _ours(clip, folder / "ours", tools)
    seen = _vmaf(ours, clip, tools)
    figures = []
    for name, rival in RIVALS.items():
        theirs = _theirs(rival, clip, folder / name, tools)
        figures += _beside(kind, name, ours, theirs)
        for side, score in _vmaf(theirs, clip, tools).items():
            least = f">= {name}'s" if name == "PeerTube" else ""
            met = round(seen[side], 1) >= round(score, 1) if least else None
            title = f"{kind}, VMAF of {side}"
            figures.append(Figure(title, seen[side], "", score, seen[side] / score, least or name, met))
    return figures


def _beside(kind: str, name: str, ours: Cost, theirs: Cost) -> list[Figure]:
    """Return the figures of both, a minute of source."""
    per_minute = 60 / SECONDS
    cpu, sooner = ours.cpu_s / theirs.cpu_s, theirs.first_s / ours.first_s
    strict = name == "PeerTube"
    return [
        Figure(
            f"{kind}, CPU of the ladder a minute",
            ours.cpu_s * per_minute,
            "s",
            theirs.cpu_s * per_minute,
            cpu,
            f"<= {CPU_SHARE} x {name}" if strict else name,
            cpu <= CPU_SHARE if strict else None,
        ),
        Figure(
            f"{kind}, until all is there, a minute",
            ours.wall_s * per_minute,
            "s",
            theirs.wall_s * per_minute,
            ours.wall_s / theirs.wall_s,
            name,
        ),
        Figure(
            f"{kind}, bytes of the ladder a minute",
            ours.size_bytes * per_minute / 1e6,
            "MB",
            theirs.size_bytes * per_minute / 1e6,
            ours.size_bytes / theirs.size_bytes,
            name,
        ),
        Figure(
            f"{kind}, first playable after",
            ours.first_s * 1000,
            "ms",
            theirs.first_s * 1000,
            sooner,
            f">= {SOONER[kind]:.0f} x sooner than {name}",
            sooner >= SOONER[kind],
        ),
    ]


def _ours(clip: Clip, folder: Path, tools: Tools) -> Cost:
    """Measure all of what a worker does: probe, the first that plays, then the rest of the ladder."""
    cost = Cost()
    _fresh(folder)

    async def first() -> None:
        first_s, (made, cost.first_s) = await _timed(lambda: _first(clip, folder, tools))
        rest_s, result = await _timed(lambda: _rest(clip, folder, tools, made))
        cost.wall_s = first_s + rest_s
        renditions = {one.name.removesuffix("p"): one.path for one in (*made.renditions, *result.renditions)}
        cost.files = {side: renditions[side] for side in map(str, clip.sides)}
        cost.size_bytes = sum(path.stat().st_size for path in renditions.values())

    cost.cpu_s = _cpu(lambda: asyncio.run(first()))
    return cost


async def _first(clip: Clip, folder: Path, tools: Tools) -> tuple[pipeline.Made, float]:
    """Return with it after how many seconds something played."""
    started = time.perf_counter()
    shown: list[float] = []

    async def show(_: pipeline.Start) -> None:
        shown.append(time.perf_counter() - started)

    found = await probe(clip.path, binaries=tools.binaries)
    made = await pipeline.copy_playable(clip.path, found, folder, tools)
    made = made or await pipeline.make_first(clip.path, found, folder, tools, show=show)
    await show(pipeline.Start(renditions=made.renditions, sound=Sound(), poster=made.poster))
    return made, shown[0]


async def _rest(clip: Clip, folder: Path, tools: Tools, made: pipeline.Made) -> pipeline.LadderResult:
    found = await probe(clip.path, binaries=tools.binaries)
    there = {one.name.removesuffix("p") for one in made.renditions}
    names = frozenset(planned(found, made.how, data_saver=False)) - there
    wanted = Wanted(names=names, how=made.how, there=made.renditions, sound=made.sound)
    return await pipeline.make_ladder(clip.path, found, folder, tools, wanted=wanted)


def _theirs(rival: Rival, clip: Clip, folder: Path, tools: Tools) -> Cost:
    cost = Cost()
    processes = rival(tools.binaries.ffmpeg, clip, _fresh(folder))
    started = time.perf_counter()

    def all_of_them() -> None:
        for side, argv in processes:
            _run(argv)
            if side:
                cost.first_s = cost.first_s or time.perf_counter() - started

    cost.cpu_s = _cpu(all_of_them)
    cost.wall_s = time.perf_counter() - started
    for side in map(str, clip.sides):
        found = [path for path in (folder / f"{side}.m4s", folder / f"{side}.mp4") if path.exists()]
        cost.files[side] = found[0]
    cost.size_bytes = sum(path.stat().st_size for path in cost.files.values())
    return cost


def _vmaf(cost: Cost, clip: Clip, tools: Tools) -> dict[str, float]:
    """Of each rung, every fifth frame, beside the source brought to its size."""
    return {str(side): _score(cost.files[str(side)], clip, side, tools) for side in clip.sides}


def _score(rung: Path, clip: Clip, side: int, tools: Tools) -> float:
    log = rung.with_suffix(".json")
    # Frame by frame: the clocks of the files begin at different times.
    alike = f"scale={side}:{side * 16 // 9}:flags=bicubic,setpts=N/{clip.frame_rate}/TB"
    graph = (
        f"[0:v]{alike}[made];[1:v]{alike}[source];"
        f"[made][source]libvmaf=n_threads=2:n_subsample=5:log_fmt=json:log_path={log.name}"
    )
    argv = [tools.binaries.ffmpeg, "-v", "error", "-i", str(rung), "-i", str(clip.path), "-lavfi", graph]
    _run([*argv, "-f", "null", "-"], folder=log.parent)
    found: dict[str, Any] = json.loads(log.read_text())
    return float(found["pooled_metrics"]["vmaf"]["mean"])


def _fresh(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(argv: list[str], folder: Path | None = None) -> None:
    subprocess.run(argv, check=True, cwd=folder, stdin=subprocess.DEVNULL)


def _cpu(work: Callable[[], object]) -> float:
    """Return the seconds that the processes it starts take."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def _timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    started = time.perf_counter()
    made = await work()
    return time.perf_counter() - started, made
