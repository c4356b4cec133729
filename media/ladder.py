"""Which renditions a video becomes: pure, from its Probe."""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from media.facts import LATE_MS, Probe

RUNGS = ((360, 800_000), (720, 3_000_000), (1080, 5_000_000))  # short side, most bits a second: faces need few
LEAST_STEP = Fraction(6, 5)  # a rung nearer to the one above is not worth its cost
MAX_LONG_SIDE = 4096
MAX_COPY_BITS = 8_000_000
MAX_COPY_GOP_MS = 4_000
MAX_COPY_LEVEL = 51  # 5.1: players refuse by the level a playlist states
MAX_FRAME_RATE = 60
FAST_SHORT_SIDE = 720

BROWSER_PROFILES = ("Constrained Baseline", "Baseline", "Main", "High", "Constrained High", "Progressive High")

TILES = 50
TILE_WIDTH = 160
MIN_TILE_MS = 2000

How = Literal["copy", "encode"]


@dataclass(frozen=True)
class Rung:
    """`name` is the short side with a p; `max_bit_rate` in bits a second."""

    name: str
    width: int
    height: int
    how: How
    max_bit_rate: int

    @property
    def plain(self) -> str:
        """Its name among renditions, where that with the p is an MP4's."""
        return self.name.removesuffix("p")

    def encoded(self) -> "Rung":
        return replace(self, how="encode", max_bit_rate=max_bit_rate(min(self.width, self.height)))


@dataclass(frozen=True)
class Streams:
    """How each stream of the playable file is made; no audio is None."""

    video: How
    audio: How | None


def playable_streams(probe: Probe) -> Streams:
    """What browsers play is copied, what they do not is encoded: for the sound alone that costs next to nothing."""
    audio: How | None = None
    if probe.audio:
        audio = "copy" if probe.audio.codec == "aac" else "encode"
    return Streams("copy" if _browsers_show(probe) else "encode", audio)


def remux_playable(probe: Probe) -> bool:
    """Whether browsers play the streams as they are: H.264 8-bit 4:2:0, with AAC or without sound."""
    streams = playable_streams(probe)
    return streams.video == "copy" and streams.audio != "encode"


def _browsers_show(probe: Probe) -> bool:
    return (
        probe.codec == "h264"
        and probe.pix_fmt in ("yuv420p", "yuvj420p")
        and probe.profile in BROWSER_PROFILES
        and probe.transfer == "sdr"
        and not probe.interlaced
    )


def rungs(probe: Probe, *, may_copy: bool = True) -> tuple[Rung, ...]:
    """From the largest down. Never above the source; a smaller source than all rungs gets one of its own size."""
    top = min(even(probe.short_side), RUNGS[-1][0])
    sides = [top, *(side for side, _ in reversed(RUNGS) if side * LEAST_STEP <= top)]
    made = [_rung(probe, side, "encode") for side in sides]
    if may_copy and copyable(probe):
        made[0] = _rung(probe, top, "copy")
    return tuple(made)


def copyable(probe: Probe) -> bool:
    """Whether the source itself can be the top rung, beside others cut at the same keyframes."""
    return (
        _browsers_show(probe)
        and probe.upright
        and probe.square_pixels
        and probe.short_side <= RUNGS[-1][0]
        and (probe.width, probe.height) == (even(probe.width), even(probe.height))
        and probe.bit_rate <= MAX_COPY_BITS
        and probe.longest_gop_ms <= MAX_COPY_GOP_MS
        and probe.closed_gops
        and not probe.reordered
        and probe.level <= MAX_COPY_LEVEL
        and probe.start_ms <= LATE_MS
        and not (probe.trimmed or probe.holds_last)
        and constant_rate(probe) is None
    )


def constant_rate(probe: Probe) -> float | None:
    """The frame rate to bring a very fast video down to; None leaves its frames alone, however irregular they come."""
    return MAX_FRAME_RATE if probe.frame_rate > MAX_FRAME_RATE * 1.02 else None


def first_rung(probe: Probe) -> Rung:
    """The one that is made first, and at once, of what no remux makes playable: the rest of the ladder lines up."""
    return rungs(probe, may_copy=False)[-1]


def progressive_rung(made: tuple[Rung, ...]) -> Rung:
    """The best one no larger than 720p, for the MP4 that is downloaded and cut; else the smallest."""
    return next((rung for rung in made if min(rung.width, rung.height) <= FAST_SHORT_SIDE), made[-1])


def files(made: tuple[Rung, ...], how: How, *, data_saver: bool) -> tuple[Rung, ...]:
    """The rungs that are served as an MP4 as well, the best first.

    Where the pictures had to be encoded, the first file that plays is the smallest rung already.
    """
    best, least = progressive_rung(made), made[-1]
    wanted = (best, least) if data_saver and best != least else (best,)
    return tuple(rung for rung in wanted if how == "copy" or rung != least)


def planned(probe: Probe, how: How, *, data_saver: bool) -> tuple[str, ...]:
    """The names of the renditions that are wanted beside the first file: `720` a rung, `720p` its MP4, `audio`."""
    made = rungs(probe, may_copy=how == "copy")
    sound = ("audio",) if probe.audio else ()
    # A voice has all its rungs at once, so what plays first is the best there is.
    mp4s = () if probe.is_voice else files(made, how, data_saver=data_saver)
    return (*(rung.plain for rung in made), *sound, *(rung.name for rung in mp4s))


def is_file(name: str) -> bool:
    """Whether a rendition of this name is an MP4, muxed of others, which takes no encode."""
    return name.endswith("p")


def fit(probe: Probe, short_side: int) -> tuple[int, int]:
    """Upright width and height, even, of this short side."""
    scale = min(Fraction(short_side, probe.short_side), Fraction(MAX_LONG_SIDE, max(probe.width, probe.height)))
    return nearest_even(probe.width * scale), nearest_even(probe.height * scale)


def even(side: int) -> int:
    return max(2, side // 2 * 2)


def nearest_even(side: Fraction) -> int:
    return max(2, round(side / 2) * 2)


def _rung(probe: Probe, short_side: int, how: How) -> Rung:
    width, height = fit(probe, short_side)
    bits = probe.bit_rate if how == "copy" else max_bit_rate(short_side)
    return Rung(f"{short_side}p", width, height, how, bits)


def max_bit_rate(short_side: int) -> int:
    """Between the rungs on the straight line, below the least in proportion."""
    (low_side, low_bits), *_ = RUNGS
    if short_side <= low_side:
        return max(150_000, low_bits * short_side // low_side)
    for (below, below_bits), (above, above_bits) in pairwise(RUNGS):
        if short_side <= above:
            return below_bits + (above_bits - below_bits) * (short_side - below) // (above - below)
    return RUNGS[-1][1]


@dataclass(frozen=True)
class Tiles:
    """A storyboard's layout: `count` pictures, one each `interval_ms`, row by row."""

    interval_ms: int
    count: int
    columns: int
    rows: int
    width: int
    height: int


def tiles(probe: Probe) -> Tiles:
    interval_ms = max(MIN_TILE_MS, -(-probe.duration_ms // TILES))
    count = max(1, -(-probe.duration_ms // interval_ms))
    columns = min(count, 10)
    height = nearest_even(Fraction(probe.height * TILE_WIDTH, probe.width))
    return Tiles(interval_ms, count, columns, -(-count // columns), TILE_WIDTH, height)
