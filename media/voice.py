"""A voice without a picture: it plays over a still of its waveform, so that every player plays it."""

from collections.abc import Sequence
from pathlib import Path

from media.commands import Still
from media.facts import Probe, Voice

WIDTH, HEIGHT = 1280, 720
FRAME_RATE = 5.0
GROUND = bytes((20, 26, 38))
BAR = bytes((122, 162, 247))
BARS = 128
PITCH = WIDTH // BARS
GAP = 4
LEAST_HEIGHT, MOST_HEIGHT = 8, 440


def as_video(voice: Voice) -> Probe:
    """Describe it as the video it becomes."""
    return Probe(
        container=voice.container,
        size_bytes=voice.size_bytes,
        duration_ms=voice.duration_ms,
        video_ms=voice.duration_ms,
        video_index=-1,
        codec="",
        width=WIDTH,
        height=HEIGHT,
        coded_width=WIDTH,
        coded_height=HEIGHT,
        frames=round(voice.duration_ms * FRAME_RATE / 1000),
        frame_rate=FRAME_RATE,
        audio=voice.audio,
        has_location=voice.has_location,
    )


def draw(peaks: Sequence[int], probe: Probe, folder: Path) -> Still:
    """`still.rgb`: bars across the picture, the loudest as tall as any, about its middle."""
    path = folder / "still.rgb"
    heights = bar_heights(peaks)
    rows = {away: _row(heights, away) for away in range(HEIGHT // 2 + 1)}
    path.write_bytes(b"".join(rows[abs(line - HEIGHT // 2)] for line in range(HEIGHT)))
    return Still(path, WIDTH, HEIGHT, FRAME_RATE, probe.duration_ms / 1000)


def bar_heights(peaks: Sequence[int]) -> list[int]:
    """In pixels, of each bar: the loudest of its share of the time, beside the loudest of all."""
    loudest = max(peaks, default=0) or 1
    count = len(peaks)
    shares = [
        peaks[place * count // BARS : max((place + 1) * count // BARS, place * count // BARS + 1)]
        for place in range(BARS)
    ]
    return [max(LEAST_HEIGHT, max(share, default=0) * MOST_HEIGHT // loudest) for share in shares]


def _row(heights: Sequence[int], away: int) -> bytes:
    return b"".join((BAR if 2 * away <= height else GROUND) * (PITCH - GAP) + GROUND * GAP for height in heights)
