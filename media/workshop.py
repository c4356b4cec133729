"""One video at work: its source, the folder of its job, and how a process is run there."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from media import ffmpeg
from media.binaries import Tools
from media.costs import cost_s
from media.facts import Limits, Probe
from media.probe import probe as probe_file
from media.problems import MediaProblem

Progress = Callable[[float], None]
T = TypeVar("T")
U = TypeVar("U")

MIB = 1 << 20
ALL_WAYS = 2
NO_LIMITS = Limits(max_bytes=1 << 62, max_duration_ms=1 << 62)
OURS = ("timed_out", "out_of_space", "out_of_memory")


@dataclass(frozen=True)
class Work:
    source: Path
    probe: Probe
    folder: Path
    tools: Tools
    begun: float = field(default_factory=time.monotonic)

    async def run(
        self, argv: list[str], *, file_bytes: int | None = None, progress: Progress | None = None
    ) -> ffmpeg.Finished:
        """`file_bytes`: what one output may hold; by default what the caps of the ladder allow, and then some.

        What fails may be tried in other ways: all of them together may take twice what one may.
        """
        lasts_ms = self.probe.duration_ms
        allowed = file_bytes or max(2 * self.probe.size_bytes, lasts_ms * 2 * MIB // 1000) + 64 * MIB

        def on_progress(done_ms: int) -> None:
            if progress:
                progress(min(1.0, done_ms / max(1, lasts_ms)))

        return await ffmpeg.run_with_progress(
            [self.tools.binaries.ffmpeg, *argv],
            folder=self.folder,
            bounds=self._bounds(allowed),
            on_progress=on_progress,
        )

    def _bounds(self, file_bytes: int) -> ffmpeg.Bounds:
        one = ffmpeg.encoding(cost_s(self.probe), file_bytes)
        left_s = self.begun + ALL_WAYS * one.wall_s - time.monotonic()
        return replace(one, wall_s=max(0.0, min(one.wall_s, left_s)))

    def media(self, name: str) -> Path:
        return self.folder / f"{name}.m4s"


@contextmanager
def another_way() -> Iterator[None]:
    """What the file does to us may be met another way; a full disk or a lack of time may not."""
    try:
        yield
    except MediaProblem as problem:
        if problem.code in OURS:
            raise


async def all_of(*works: Coroutine[Any, Any, T]) -> list[T]:
    """Await them at once. When one fails the others are broken off, and its error is raised, as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def both(one: Coroutine[Any, Any, T], other: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """As `all_of`, of two that give different things."""
    made: list[Any] = await all_of(one, other)
    return made[0], made[1]


def existing(path: Path) -> Path:
    if not path.exists() or path.stat().st_size == 0:
        raise MediaProblem("corrupt", f"nothing came of it: no {path.name}")
    return path


async def probe_output(path: Path, tools: Tools) -> Probe:
    """What we made ourselves is held to no limit, only to being readable and whole."""
    try:
        return await probe_file(existing(path), binaries=tools.binaries, limits=NO_LIMITS)
    except MediaProblem as problem:
        raise MediaProblem("corrupt", f"what was made of it: {problem}") from problem
