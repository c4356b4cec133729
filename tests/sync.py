"""When flashes are seen and beeps are heard in a file, measured by decoding it: how far picture and sound are apart."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.clips import ffmpeg

APART_S = 0.3  # what is nearer belongs to the same flash or beep
LUMA = "scale=8:8:flags=area,format=gray,signalstats,metadata=mode=print:key=lavfi.signalstats.YAVG:file=-"
PEAK = (
    "asetnsamples=n=96:p=0,astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level,"
    "ametadata=mode=print:key=lavfi.astats.Overall.Peak_level:file=-"
)


@dataclass(frozen=True)
class Seen:
    """Seconds on the clock of the file: two files that are played together share one."""

    flashes: tuple[float, ...]
    beeps: tuple[float, ...]
    frames: int

    @property
    def apart_s(self) -> float:
        """How much later the first beep is than the first flash."""
        return self.beeps[0] - self.flashes[0]

    def errors_ms(self, apart_s: float) -> list[int]:
        """How much later beeps are than they should be, those that have a flash to be held against."""
        late = [min((beep - flash - apart_s for flash in self.flashes), key=abs) for beep in self.beeps]
        return [round(1000 * one) for one in late if abs(one) < APART_S]


def see(video: Path, sound: Path | None = None) -> Seen:
    """Times are those that stand in the file (`-copyts`), by which players line up pictures and sound."""
    lit = _values(video, "0:v:0", ["-fps_mode", "passthrough", "-vf", LUMA])
    loud = _values(sound or video, "0:a:0", ["-af", PEAK])
    return Seen(tuple(_onsets(lit)), tuple(_onsets([(at, 10 ** (peak / 20)) for at, peak in loud])), len(lit))


def count_frames(video: Path) -> int:
    crcs = ffmpeg("-i", str(video), "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framecrc", "-")
    return sum(not line.startswith(b"#") for line in crcs.splitlines())


def _values(path: Path, stream: str, filters: list[str]) -> list[tuple[float, float]]:
    said = ffmpeg("-copyts", "-i", str(path), "-map", stream, *filters, "-f", "null", "-").decode()
    times = [float(at) for at in re.findall(r"pts_time:(-?[\d.]+)", said)]
    values = [max(-120.0, float(value)) for value in re.findall(r"=(-?(?:[\d.]+|inf))$", said, re.MULTILINE)]
    return list(zip(times, values, strict=True))


def _onsets(values: Sequence[tuple[float, float]]) -> list[float]:
    most = max((value for _, value in values), default=0.0)
    least = min((value for _, value in values), default=0.0)
    above = [at for at, value in values if value > (most + least) / 2]
    return above[:1] + [after for before, after in pairwise(above) if after - before > APART_S]
