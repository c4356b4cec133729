"""What the packets of a file say, read without decoding: where it truly ends, and where its keyframes are."""

from __future__ import annotations  # array[float] is a type only in names before 3.12

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from media import ffmpeg
from media.binaries import Binaries
from media.commands import packets_args
from media.problems import MediaProblem

MAX_PACKETS = 5_000_000  # two hours of 60 fps with sound are one million


@dataclass
class Track:
    """Packets of one stream in decoding order; times in seconds on the file's own clock."""

    pts: array[float] = field(default_factory=lambda: array("d"))
    keyframes: array[float] = field(default_factory=lambda: array("d"))
    end_s: float = 0.0
    size_bytes: int = 0
    open_gop: bool = False
    encrypted: bool = False

    def add(self, pts: float, duration: float, size: int, *, keyframe: bool) -> None:
        if keyframe:
            self.keyframes.append(pts)
        elif self.keyframes and pts < self.keyframes[-1]:
            self.open_gop = True  # a picture before its keyframe: it refers to the group before
        self.end_s = max(self.end_s, pts + duration)
        self.pts.append(pts)
        self.size_bytes += size

    @property
    def start_s(self) -> float:
        return min(self.pts, default=0.0)

    def frame_s(self) -> float:
        """The usual distance of two frames; 0 of fewer than two."""
        return median(self._gaps() or [0.0])

    def frame_rate(self) -> float:
        span = max(self.pts) - self.start_s if len(self.pts) > 1 else 0.0
        return (len(self.pts) - 1) / span if span > 0 else 0.0

    def is_variable(self) -> bool:
        gaps, usual = self._gaps(), self.frame_s()
        odd = sum(abs(gap - usual) > usual / 4 for gap in gaps)
        return odd > len(gaps) / 20

    def longest_gop_s(self) -> float:
        marks = [*self.keyframes, max(self.end_s, self.keyframes[-1])] if self.keyframes else [0.0, self.end_s]
        return max((after - before for before, after in pairwise(marks)), default=0.0)

    def _gaps(self) -> list[float]:
        return [after - before for before, after in pairwise(sorted(self.pts))]


@dataclass
class Packets:
    """Tracks by stream index. `tail` is what the demuxer complained of."""

    tracks: dict[int, Track]
    tail: str = ""

    def track(self, index: int) -> Track:
        return self.tracks.get(index) or Track()


async def scan(path: Path, binaries: Binaries) -> Packets:
    tracks: dict[int, Track] = {}
    finished = await ffmpeg.run(
        [binaries.ffprobe, *packets_args(path)],
        folder=path.parent,
        bounds=ffmpeg.SCANNING,
        on_line=_reader(tracks),
    )
    return Packets(tracks, finished.tail)


def _reader(tracks: dict[int, Track]) -> Callable[[str], None]:
    count = 0

    def on_line(line: str) -> None:
        nonlocal count
        facts = dict(fact.split("=", 1) for fact in line.split("|") if "=" in fact)
        pts = _seconds(facts.get("pts_time")) if "stream_index" in facts else None
        flags = facts.get("flags", "")
        if pts is None or "D" in flags:  # D: before the edit list's beginning, never shown
            return
        count += 1
        if count > MAX_PACKETS:
            raise MediaProblem("corrupt", f"more than {MAX_PACKETS} packets")
        track = tracks.setdefault(int(facts["stream_index"]), Track())
        track.encrypted |= "Encryption info" in line
        track.add(pts, _seconds(facts.get("duration_time")) or 0.0, int(facts.get("size", 0)), keyframe="K" in flags)

    return on_line


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
