"""A rendition while it is being made: as soon as a part of it is whole, that can be played."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from media.climb import MAX_INIT_BYTES, Rendition
from media.facts import Probe
from media.ladder import Rung, constant_rate
from media.playlists import AUDIO, Picture, rendition_index
from media.workshop import Work

LOOK_S = 0.05

Grown = tuple[Rendition, ...]
"""A rung and its sound, if it has any: what is whole of each, in files that are still written to."""
Tell = Callable[[Grown], Awaitable[None]]


@asynccontextmanager
async def followed(work: Work, rung: Rung, tell: Tell) -> AsyncGenerator[None]:
    """Tell, while the block makes them, each time that there is more of the rung and its sound than before.

    What is being told when the block ends is told to its end; what came last is not told any more.
    """
    stop = asyncio.Event()
    following = asyncio.create_task(_follow(work, rung, tell, stop))
    try:
        yield
        stop.set()
        await following
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _follow(work: Work, rung: Rung, tell: Tell, stop: asyncio.Event) -> None:
    told = 0
    while not await _within(stop, LOOK_S):
        grown = await asyncio.to_thread(look, work.folder, work.probe, rung)
        if (count := _segments(grown)) > told:
            told = count
            await tell(grown)


async def _within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False


def look(folder: Path, probe: Probe, rung: Rung) -> Grown:
    """Return what is there by now; nothing until there is something of both."""
    names = [rung.name, AUDIO] if probe.audio else [rung.name]
    texts = [_read(folder / f"{name}.m3u8") for name in names]
    if not all("#EXTINF" in text for text in texts):
        return ()
    rate = constant_rate(probe) or probe.frame_rate
    picture = Picture(rung.width, rung.height, round(rate, 3))
    return tuple(
        _so_far(folder / f"{name}.m4s", name, text, picture if name == rung.name else None)
        for name, text in zip(names, texts, strict=True)
    )


def _so_far(path: Path, name: str, playlist: str, picture: Picture | None) -> Rendition:
    with path.open("rb") as file:
        index = rendition_index(playlist, file.read(MAX_INIT_BYTES), picture, growing=True)
    return Rendition(name, path, index, index.width, index.height)


def _read(path: Path) -> str:
    """Return it whole: ffmpeg puts each state of a playlist in place of the one before."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _segments(grown: Grown) -> int:
    return sum(len(one.index.segments) for one in grown)
