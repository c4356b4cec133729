"""What a voice does, measured from its sound: made-up voices over made-up noise, and a real recording."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from media.speech import SpeechMeasures, measure
from tests.clips import ffmpeg

RATE = 8000
SAID = ((1.0, 5.0), (8.0, 12.0), (13.0, 17.0), (22.0, 24.0))
LASTS_S = 25
SPOKEN_MS = 14_000
PAUSES_S = ((5.0, 8.0), (17.0, 22.0))
VOICE = Path(__file__).parents[2] / "media" / "sample" / "voice.m4a"

Samples = NDArray[np.float64]


def voice(said: Sequence[tuple[float, float]], lasts_s: int, level_db: float) -> Samples:
    """Harmonics in syllables, four a second, as loud as this while they sound."""
    at = np.arange(lasts_s * RATE) / RATE
    sound = sum(np.sin(2 * np.pi * hz * at) / place for place, hz in enumerate((140, 280, 420, 700, 1100, 2200), 1))
    sound = sound * (1 - np.cos(2 * np.pi * 4 * at)) / 2
    speaks = np.zeros(len(at), dtype=bool)
    for start_s, end_s in said:
        speaks[round(start_s * RATE) : round(end_s * RATE)] = True
    scale = 10 ** (level_db / 20) / np.sqrt((sound[speaks] ** 2).mean())
    found: Samples = np.where(speaks, sound * scale, 0.0)
    return found


def noise(lasts_s: float, level_db: float) -> Samples:
    return np.random.default_rng(7).normal(size=round(lasts_s * RATE)) * 10 ** (level_db / 20)


def hum(lasts_s: int, level_db: float) -> Samples:
    found: Samples = np.sin(2 * np.pi * 50 * np.arange(lasts_s * RATE) / RATE) * 10 ** (level_db / 20)
    return found


def measured(folder: Path, sound: Samples) -> SpeechMeasures:
    path = folder / "wave.pcm"
    path.write_bytes((np.clip(sound, -1, 1) * 32_767).astype(np.int16).tobytes())
    return measure(path, loudness_range_lu=4.5)


def check(found: SpeechMeasures, *, within_ms: int = 120) -> None:
    assert found.spoken_ms == pytest.approx(SPOKEN_MS, abs=4 * within_ms)
    assert found.speaking_share == pytest.approx(found.spoken_ms / LASTS_S / 1000, abs=0.001)
    assert len(found.pauses) == len(PAUSES_S)
    for (start_ms, end_ms), (start_s, end_s) in zip(found.pauses, PAUSES_S, strict=True):
        assert start_ms == pytest.approx(start_s * 1000, abs=within_ms)
        assert end_ms == pytest.approx(end_s * 1000, abs=within_ms)


@pytest.mark.parametrize("level_db", [-12, -26, -40])
@pytest.mark.parametrize("above_db", [60, 30, 20, 12, 6])
def test_speech_and_pauses_are_found_however_quiet_and_however_noisy(
    tmp_path: Path, level_db: float, above_db: float
) -> None:
    check(measured(tmp_path, voice(SAID, LASTS_S, level_db) + noise(LASTS_S, level_db - above_db)))


def test_the_hum_of_the_mains_is_not_speech(tmp_path: Path) -> None:
    check(measured(tmp_path, voice(SAID, LASTS_S, -30) + hum(LASTS_S, -20) + noise(LASTS_S, -60)))


def test_a_fan_that_begins_in_the_middle_is_not_speech(tmp_path: Path) -> None:
    quiet = voice(SAID, LASTS_S, -25) + noise(LASTS_S, -65)
    loud = voice(SAID, LASTS_S, -25) + noise(LASTS_S, -37)
    found = measured(tmp_path, np.concatenate([quiet, loud]))
    assert found.spoken_ms == pytest.approx(2 * SPOKEN_MS, rel=0.12)
    starts = [start_ms for start_ms, _ in found.pauses]
    assert [starts[0], starts[1], starts[-1]] == pytest.approx([5000, 17_000, 42_000], abs=150)


def test_a_door_that_falls_shut_hides_no_voice_and_is_none(tmp_path: Path) -> None:
    sound = voice(SAID, LASTS_S, -40) + noise(LASTS_S, -70)
    sound[6 * RATE : 6 * RATE + RATE // 20] += 0.9
    check(measured(tmp_path, sound))


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("silence", np.zeros(10 * RATE)),
        ("noise", noise(10, -30)),
        ("hum", hum(10, -10)),
        ("a tone", np.sin(2 * np.pi * 440 * np.arange(10 * RATE) / RATE) / 4),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_voice_speaks_at_no_time(tmp_path: Path, name: str, sound: Samples) -> None:
    found = measured(tmp_path, sound)
    assert (found.spoken_ms, found.speaking_share, found.pauses) == (0, 0.0, ()), name


def test_who_never_rests_speaks_all_the_time(tmp_path: Path) -> None:
    found = measured(tmp_path, voice([(0.0, 20.0)], 20, -20) + noise(20, -60))
    assert found.speaking_share > 0.98
    assert found.pauses == ()


def test_silence_before_the_first_word_and_after_the_last_is_no_pause(tmp_path: Path) -> None:
    found = measured(tmp_path, voice([(5.0, 8.0)], 16, -20) + noise(16, -60))
    assert found.pauses == ()
    assert found.spoken_ms == pytest.approx(3000, abs=200)


def test_two_seconds_are_no_pause_yet(tmp_path: Path) -> None:
    found = measured(tmp_path, voice([(1.0, 4.0), (5.9, 9.0), (11.3, 14.0)], 15, -20) + noise(15, -70))
    assert [round(start_ms, -3) for start_ms, _ in found.pauses] == [9000]


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x00\x01" * 100], ids=["nothing", "half a sample", "a moment"])
def test_of_next_to_nothing_nothing_is_said(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "wave.pcm"
    path.write_bytes(data)
    expected = SpeechMeasures(speaking_share=0.0, spoken_ms=0, pauses=(), loudness_range_lu=None)
    assert measure(path, loudness_range_lu=None) == expected


def test_a_real_recording_in_any_loudness_speaks_in_its_five_sentences(tmp_path: Path) -> None:
    found = {}
    for gain_db in (0, -24):
        path = tmp_path / f"{-gain_db}.pcm"
        ffmpeg("-i", str(VOICE), "-af", f"volume={gain_db}dB", "-ac", "1", "-ar", "8000", "-f", "s16le", str(path))
        found[gain_db] = measure(path, loudness_range_lu=2.0)
    assert found[0].speaking_share == pytest.approx(0.89, abs=0.03)
    assert found[0].pauses == ()
    assert found[-24].speaking_share == pytest.approx(found[0].speaking_share, abs=0.04)
    assert found[0].loudness_range_lu == 2.0
