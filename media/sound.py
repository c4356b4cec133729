"""What the sound of a video is like, measured once: how loud, how lively, and its shape over time."""

import asyncio
import re

import msgspec

from media import commands, speech
from media.speech import SpeechMeasures
from media.waveform import waveform
from media.workshop import MIB, Work

TARGET_LUFS = -16.0
SILENCE_LUFS = -70.0
MAX_GAIN_DB = 30.0  # a whisper across a room; beyond that there is more of the room than of the voice


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """Of the source; without sound all None or empty. `gain_db` is what brings it to where speech is easy to hear.

    `waveform` holds ten peaks a second, 0 to 100. Where it was read again and not measured, that and `speech` are gone.
    """

    loudness_lufs: float | None = None
    loudness_range_lu: float | None = None
    gain_db: float = 0.0
    waveform: tuple[int, ...] = ()
    speech: SpeechMeasures | None = None


async def measure(work: Work) -> Sound:
    """By one decode of the sound alone. Raises MediaProblem."""
    if work.probe.audio is None:
        return Sound()
    wave = work.folder / "wave.pcm"
    argv = commands.loudness(work.source, work.probe.audio.index, wave.name)
    said = await work.run(argv, file_bytes=work.probe.duration_ms * 32 + 16 * MIB)
    loudness_lufs, range_lu = _summed_up(said.tail, "I", "LUFS"), _summed_up(said.tail, "LRA", "LU")
    if loudness_lufs is not None:
        loudness_lufs = max(loudness_lufs, SILENCE_LUFS)
    made = Sound(
        loudness_lufs=loudness_lufs,
        loudness_range_lu=range_lu,
        gain_db=gain_for(loudness_lufs),
        waveform=await asyncio.to_thread(waveform, wave),
        speech=await asyncio.to_thread(speech.measure, wave, loudness_range_lu=range_lu),
    )
    wave.unlink()
    return made


def gain_for(loudness_lufs: float | None) -> float:
    """In dB, to where speech is easy to hear; nothing for silence, which would only become noise."""
    if loudness_lufs is None or loudness_lufs <= SILENCE_LUFS:
        return 0.0
    return min(TARGET_LUFS - loudness_lufs, MAX_GAIN_DB)


def _summed_up(said: str, name: str, unit: str) -> float | None:
    # The last one: what a file says of itself, which may imitate it, comes before.
    found = re.findall(rf"\b{name}:\s+(-?[\d.]+|-inf) {unit}\b", said)
    return float(found[-1]) if found else None
