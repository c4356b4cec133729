"""What a voice does in a recording: how much of the time it speaks, and where it pauses. Measured from the sound alone.

A frame is spoken where its power, between the hum of the mains and the hiss above a voice, stands out from the noise
around it. The threshold lies between the two, wherever they are, so neither the microphone's gain nor a fan matters.
"""

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float64]
Mask = NDArray[np.bool_]
Range = tuple[int, int]

SAMPLES_PER_S = 8000
FRAME_MS = 20
FRAME_SAMPLES = SAMPLES_PER_S * FRAME_MS // 1000
FRAMES_PER_S = 1000 // FRAME_MS
FRAMES_AT_ONCE = 60 * FRAMES_PER_S
FULL_SCALE = 32_768

VOICE_HZ = (200, 3400)
QUIETEST_DB = -75.0  # below full scale; nothing below is told apart from silence
FLOOR_PERCENTILE = 10.0  # a voice that never rests dips between its syllables as often as that
FLOOR_WITHIN_S = 10
LOUD_SHARE, LOUD_LEAST_S = 0.01, 0.4  # a voice is heard for so long, or it is not one
LEAST_CONTRAST_DB = 6.0  # steady noise wavers by less
PLACE = 0.35  # of the threshold, between noise and voice
LEAST_ABOVE_DB = 3.0

BRIDGED_MS = 300  # between words, not a silence
SHORTEST_MS = 120  # a click is none
PAUSE_MS = 2000


class SpeechMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """`speaking_share` is of the whole recording, 0 to 1. `pauses` are silences of over 2 s between what is said."""

    speaking_share: float
    spoken_ms: int
    pauses: tuple[Range, ...]
    loudness_range_lu: float | None


def measure(wave: Path, *, loudness_range_lu: float | None) -> SpeechMeasures:
    """Of 8 kHz mono 16-bit samples in this machine's byte order. `loudness_range_lu` is passed on. Takes CPU time."""
    levels = _levels(wave)
    spoken = _spoken(levels) if len(levels) else []
    spoken_ms = sum(end_ms - start_ms for start_ms, end_ms in spoken)
    return SpeechMeasures(
        speaking_share=round(spoken_ms / (len(levels) * FRAME_MS), 3) if len(levels) else 0.0,
        spoken_ms=spoken_ms,
        pauses=tuple(_silences(spoken, PAUSE_MS)),
        loudness_range_lu=loudness_range_lu,
    )


def _levels(wave: Path) -> Levels:
    """Of each frame, in dB below full scale, of the voice's band only."""
    window = np.hanning(FRAME_SAMPLES)
    first, last = (hz * FRAME_SAMPLES // SAMPLES_PER_S for hz in VOICE_HZ)
    blocks = []
    with wave.open("rb") as file:
        while block := file.read(2 * FRAME_SAMPLES * FRAMES_AT_ONCE):
            samples = np.frombuffer(block[: len(block) // (2 * FRAME_SAMPLES) * 2 * FRAME_SAMPLES], dtype=np.int16)
            frames = samples.reshape(-1, FRAME_SAMPLES) / FULL_SCALE
            spectrum = np.abs(np.fft.rfft(frames * window, axis=1)[:, first:last]) ** 2
            power = 2 * spectrum.sum(axis=1) / (FRAME_SAMPLES * (window**2).sum())
            blocks.append(10 * np.log10(np.maximum(power, 10 ** (QUIETEST_DB / 10))))
    return _smoothed(np.concatenate(blocks)) if blocks else np.empty(0)


def _smoothed(levels: Levels) -> Levels:
    """Over three frames: noise wavers less, and no syllable is that short."""
    if len(levels) < 3:
        return levels
    padded = np.pad(levels, 1, mode="edge")
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3


def _spoken(levels: Levels) -> list[Range]:
    loud = _loud(levels)
    floors = _floors(levels)
    contrast = loud - floors
    above = np.maximum(LEAST_ABOVE_DB, PLACE * contrast)
    heard = (levels > floors + above) & (contrast >= LEAST_CONTRAST_DB)
    joined = _joined(_ranges(heard))
    return [(start_ms, end_ms) for start_ms, end_ms in joined if end_ms - start_ms >= SHORTEST_MS]


def _loud(levels: Levels) -> float:
    """What the recording reaches for long enough to be a voice: a door that falls shut does not count."""
    frames = min(len(levels), round(max(LOUD_LEAST_S * FRAMES_PER_S, LOUD_SHARE * len(levels))))
    return float(np.partition(levels, -frames)[-frames])


def _floors(levels: Levels) -> Levels:
    """Of each frame: the noise of the seconds around it, for a fan may begin in the middle."""
    seconds = range(0, len(levels), FRAMES_PER_S)
    reach = FLOOR_WITHIN_S * FRAMES_PER_S
    found = [np.percentile(levels[max(0, at - reach) : at + FRAMES_PER_S + reach], FLOOR_PERCENTILE) for at in seconds]
    return np.repeat(found, FRAMES_PER_S)[: len(levels)]


def _ranges(heard: Mask) -> list[Range]:
    edges = np.flatnonzero(np.diff(heard.astype(np.int8), prepend=0, append=0)).tolist()
    return [(start * FRAME_MS, end * FRAME_MS) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _joined(ranges: list[Range]) -> list[Range]:
    joined: list[Range] = []
    for start_ms, end_ms in ranges:
        if joined and start_ms - joined[-1][1] <= BRIDGED_MS:
            joined[-1] = (joined[-1][0], end_ms)
        else:
            joined.append((start_ms, end_ms))
    return joined


def _silences(spoken: list[Range], over_ms: int) -> list[Range]:
    between = [(before[1], after[0]) for before, after in pairwise(spoken)]
    return [(start_ms, end_ms) for start_ms, end_ms in between if end_ms - start_ms > over_ms]
