"""Kinds of sound that phones and browsers record, each to a video that plays; and those whose readers stay shut."""

from pathlib import Path
from random import Random

import pytest

from media.pipeline import make_voice
from media.probe import probe_voice
from media.problems import MediaProblem
from media.voice import as_video
from tests.clips import TOOLS, ffmpeg

TONE = ["-f", "lavfi", "-i", "sine=f=440:r=48000:d=2"]
AMR = ["-c:a", "libopencore_amrnb", "-ac", "1", "-ar", "8000"]
# How each is made, and what its sound is in.
TAKEN = {
    "memo.m4a": (["-c:a", "aac"], "aac"),
    "lossless.m4a": (["-c:a", "alac"], "alac"),
    "memo.aac": (["-c:a", "aac", "-f", "adts"], "aac"),
    "memo.mp3": (["-c:a", "libmp3lame"], "mp3"),
    "memo.amr": (AMR, "amr_nb"),
    "memo.3gp": (AMR, "amr_nb"),
    "memo.wav": (["-c:a", "pcm_s16le"], "pcm_s16le"),
    "memo.flac": (["-c:a", "flac"], "flac"),
    "flac.ogg": (["-c:a", "flac"], "flac"),
    "memo.opus": (["-c:a", "libopus"], "opus"),
    "memo.ogg": (["-c:a", "libvorbis"], "vorbis"),
    "memo.webm": (["-c:a", "libopus", "-f", "webm", "-live", "1"], "opus"),
    "memo.mka": (["-c:a", "libopus"], "opus"),
    "memo.mov": (["-c:a", "pcm_s16le"], "pcm_s16le"),
}
NOT_TAKEN = {
    "a.aiff": [],
    "a.caf": [],
    "a.au": [],
    "a.ac3": [],
    "a.wma": ["-c:a", "wmav2"],
    "a.w64": [],
    "a.tta": [],
    "a.wv": [],
    "a.voc": [],
}
WIDE_BAND_BYTES = 17  # of a frame of 20 ms at 6.60 kbps, behind the byte that says so


def wide_band(path: Path) -> None:
    """By hand, for want of an encoder: what a phone stores of a hiss."""
    noise = Random(3)
    frames = (b"\x04" + noise.randbytes(WIDE_BAND_BYTES) for _ in range(100))
    path.write_bytes(b"#!AMR-WB\n" + b"".join(frames))


async def plays(path: Path, codec: str) -> None:
    found = await probe_voice(path, binaries=TOOLS.binaries)
    assert found.audio.codec == codec
    assert found.duration_ms == pytest.approx(2000, abs=120)
    made = await make_voice(path, as_video(found), path.parent, TOOLS)
    assert made.facts.audio is not None
    assert (made.facts.codec, made.facts.audio.codec) == ("h264", "aac")
    assert made.facts.duration_ms == pytest.approx(2000, abs=200)
    assert made.sound is not None
    assert made.sound.loudness_lufs is not None
    assert max(made.sound.waveform) > 0


@pytest.mark.parametrize("name", TAKEN)
async def test_what_a_phone_or_a_browser_records_plays(name: str, tmp_path: Path) -> None:
    options, codec = TAKEN[name]
    ffmpeg(*TONE, *options, str(tmp_path / name))
    await plays(tmp_path / name, codec)


async def test_the_wide_band_of_telephones_plays(tmp_path: Path) -> None:
    wide_band(tmp_path / "memo.awb")
    await plays(tmp_path / "memo.awb", "amr_wb")


async def test_a_flac_that_was_streamed_does_not_say_how_long_it_is_and_is_believed(tmp_path: Path) -> None:
    (tmp_path / "memo.flac").write_bytes(ffmpeg(*TONE, "-c:a", "flac", "-f", "flac", "-"))
    await plays(tmp_path / "memo.flac", "flac")


async def test_half_of_a_flac_that_says_how_long_it_is_is_no_sound(tmp_path: Path) -> None:
    whole = ffmpeg(*TONE, "-c:a", "flac", str(tmp_path / "whole.flac")) or (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "half.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaProblem) as raised:
        await probe_voice(tmp_path / "half.flac", binaries=TOOLS.binaries)
    assert raised.value.code == "truncated"


@pytest.mark.parametrize("name", NOT_TAKEN)
async def test_other_kinds_of_sound_are_not_opened(name: str, tmp_path: Path) -> None:
    ffmpeg(*TONE, *NOT_TAKEN[name], str(tmp_path / name))
    with pytest.raises(MediaProblem) as raised:
        await probe_voice(tmp_path / name, binaries=TOOLS.binaries)
    assert raised.value.code in ("unsupported_container", "not_media")
