"""What the packets of a file say, read without decoding: where it truly ends, and where its keyframes are."""

from __future__ import annotations  # array[float] is a type only in names before 3.12

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from pathlib import Path
from statistics import median

from media import ffmpeg
from media.binaries import Binaries
from media.commands import packets_args
from media.problems import MediaProblem

MAX_PACKETS = 1_500_000  # two hours of 120 fps with sound are 1.2 million
ONE_MOMENT_S = 0.0015  # nearer than that, one of two is never shown: encoders keep it to refer to


@dataclass
class Track:
    """Packets of one stream in decoding order; times in seconds on the file's own clock.

    `hidden` counts those before the beginning that an edit list gives it: what was trimmed on a phone.
    """

    pts: array[float] = field(default_factory=lambda: array("d"))
    keyframes: array[float] = field(default_factory=lambda: array("d"))
    end_s: float = 0.0
    size_bytes: int = 0
    hidden: int = 0
    untimed: bool = False
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

    def frames(self) -> int:
        """How many are shown."""
        return len(self._moments())

    def frame_s(self) -> float:
        """The usual distance of two frames; 0 of fewer than two."""
        return median(self._gaps() or [0.0])

    def frame_rate(self) -> float:
        moments = self._moments()
        span = moments[-1] - moments[0] if len(moments) > 1 else 0.0
        return (len(moments) - 1) / span if span > 0 else 0.0

    def is_variable(self) -> bool:
        gaps, usual = self._gaps(), self.frame_s()
        odd = sum(abs(gap - usual) > usual / 4 for gap in gaps)
        return odd > len(gaps) / 20

    def is_reordered(self) -> bool:
        """Whether frames are stored in another order than they are shown in."""
        return any(after < before for before, after in pairwise(self.pts))

    def longest_gop_s(self) -> float:
        marks = [*self.keyframes, max(self.end_s, self.keyframes[-1])] if self.keyframes else [0.0, self.end_s]
        return max((after - before for before, after in pairwise(marks)), default=0.0)

    def _gaps(self) -> list[float]:
        return [after - before for before, after in pairwise(self._moments())]

    def _moments(self) -> list[float]:
        times = sorted(self.pts)
        return [time for time, next_one in zip(times, [*times[1:], inf], strict=True) if next_one - time > ONE_MOMENT_S]


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
        if "stream_index" not in facts:
            return
        count += 1
        if count > MAX_PACKETS:
            raise MediaProblem("too_many_frames", f"more than {MAX_PACKETS} packets")
        track = tracks.setdefault(int(facts["stream_index"]), Track())
        track.encrypted |= "Encryption info" in line
        flags, time_s = facts.get("flags", ""), _time(track, facts)
        if "D" in flags:
            track.hidden += 1
        elif time_s is not None:
            duration_s = _seconds(facts.get("duration_time")) or 0.0
            track.add(time_s, duration_s, int(facts.get("size", 0)), keyframe="K" in flags)

    return on_line


def _time(track: Track, facts: Mapping[str, str]) -> float | None:
    """When it is shown; in an AVI, which does not say for each, when it is decoded."""
    pts = _seconds(facts.get("pts_time"))
    track.untimed |= pts is None
    return _seconds(facts.get("dts_time")) if track.untimed else pts


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None
