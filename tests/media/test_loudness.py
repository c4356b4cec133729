"""Quiet and loud voices come out as loud as each other, and never too loud."""

import re
from pathlib import Path

import pytest

import media.sample
from media.facts import Probe
from media.pipeline import make_first, make_ladder
from media.playlists import AUDIO
from media.probe import probe
from tests.clips import TOOLS, ffmpeg, ffmpeg_says

VOICE = Path(media.sample.__file__).parent / "voice.m4a"


def loudness(path: Path) -> tuple[float, float]:
    """Return LUFS (EBU R128) and the true peak in dBTP."""
    said = ffmpeg_says("-i", str(path), "-map", "0:a", "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-")
    integrated, peak = re.findall(r"I:\s+(-?[\d.]+) LUFS", said)[-1], re.findall(r"Peak:\s+(-?[\d.]+) dBFS", said)[-1]
    return float(integrated), float(peak)


def voice_at(lufs: float, folder: Path, codec: str) -> Path:
    """A real voice, brought to a loudness; what is then too loud for its format is clipped, as recorders do."""
    now, _ = loudness(VOICE)
    path = folder / "source.mov"
    picture = ["-f", "lavfi", "-i", "color=s=64x48:r=5:d=8", "-c:v", codec, "-preset", "ultrafast"]
    drive = f"volume={lufs - now + (4 if lufs > -10 else 0)}dB,asoftclip=type=hard"
    ffmpeg("-t", "8", "-i", str(VOICE), *picture, "-af", drive, "-c:a", "pcm_s16le", "-shortest", str(path))
    return path


async def facts(path: Path) -> Probe:
    return await probe(path, binaries=TOOLS.binaries)


@pytest.mark.parametrize("lufs", [-40.0, -5.0])
async def test_the_sound_of_a_ladder_is_at_minus_16_lufs(lufs: float, tmp_path: Path) -> None:
    source = voice_at(lufs, tmp_path, "libx264")
    assert loudness(source)[0] == pytest.approx(lufs, abs=1.5)
    climbed = await make_ladder(source, await facts(source), tmp_path, TOOLS)
    assert climbed.renditions[-1].name == AUDIO
    for path in (climbed.renditions[-1].path, climbed.progressive):
        made, peak = loudness(path)
        assert made == pytest.approx(-16, abs=1)
        assert peak < -1
    assert climbed.sound.loudness_range_lu is not None
    assert 1 < climbed.sound.loudness_range_lu < 20


async def test_so_is_what_plays_first_where_it_had_to_be_encoded(tmp_path: Path) -> None:
    source = voice_at(-40, tmp_path, "mpeg4")
    made = await make_first(source, await facts(source), tmp_path, TOOLS)
    found, peak = loudness(made.playable)
    assert found == pytest.approx(-16, abs=1)
    assert peak < -1
