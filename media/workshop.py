"""One video at work: its source, the folder of its job, and how a process is run there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from media import ffmpeg
from media.binaries import Tools
from media.facts import Limits, Probe
from media.probe import probe as probe_file
from media.problems import MediaProblem

Progress = Callable[[float], None]

MIB = 1 << 20
NO_LIMITS = Limits(max_bytes=1 << 62, max_duration_ms=1 << 62)
OURS = ("timed_out", "out_of_space", "out_of_memory")


@dataclass(frozen=True)
class Work:
    source: Path
    probe: Probe
    folder: Path
    tools: Tools

    async def run(
        self, argv: list[str], *, file_bytes: int | None = None, progress: Progress | None = None
    ) -> ffmpeg.Finished:
        """`file_bytes`: what one output may hold; by default what the caps of the ladder allow, and then some."""
        lasts_ms = self.probe.duration_ms
        allowed = file_bytes or max(2 * self.probe.size_bytes, lasts_ms * 2 * MIB // 1000) + 64 * MIB

        def on_progress(done_ms: int) -> None:
            if progress:
                progress(min(1.0, done_ms / max(1, lasts_ms)))

        return await ffmpeg.run_with_progress(
            [self.tools.binaries.ffmpeg, *argv],
            folder=self.folder,
            bounds=ffmpeg.encoding(lasts_ms, allowed),
            on_progress=on_progress,
        )

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
