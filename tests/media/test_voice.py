"""A voice without a picture plays over a still of its waveform."""

from pathlib import Path

import pytest

from media.facts import Audio, Limits, Voice
from media.pipeline import Made, make_voice
from media.playlists import AUDIO
from media.probe import probe_voice
from media.problems import MediaProblem
from media.voice import BARS, HEIGHT, LEAST_HEIGHT, MOST_HEIGHT, WIDTH, as_video, bar_heights, draw
from tests.clips import TOOLS, clip, ffmpeg, mean_colour
from tests.media.test_pipeline import box_order, picture_size

VOICE = Voice(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    size_bytes=1000,
    duration_ms=2500,
    audio=Audio(index=0, codec="aac", channels=1, sample_rate=48_000),
)


async def voice_over(name: str, folder: Path) -> tuple[Voice, Made]:
    found = await probe_voice(clip(name), binaries=TOOLS.binaries)
    return found, await make_voice(clip(name), as_video(found), folder, TOOLS)


async def code_of(path: Path, **limits: int) -> str:
    with pytest.raises(MediaProblem) as raised:
        await probe_voice(path, binaries=TOOLS.binaries, limits=Limits(**limits))
    return raised.value.code


def test_bars_are_as_tall_as_the_voice_is_loud_beside_its_loudest() -> None:
    heights = bar_heights([0, 25, 50, 25] * BARS)
    assert heights == [MOST_HEIGHT] * BARS
    rising = bar_heights(range(BARS))
    assert rising == sorted(rising)
    assert (rising[0], rising[-1], len(rising)) == (LEAST_HEIGHT, MOST_HEIGHT, BARS)


@pytest.mark.parametrize("peaks", [(), (0,), (0, 0, 0), (7,)])
def test_there_are_bars_for_a_sound_of_a_moment_and_for_silence(peaks: tuple[int, ...]) -> None:
    assert len(bar_heights(peaks)) == BARS


def test_a_still_is_a_picture_of_its_size(tmp_path: Path) -> None:
    still = draw([3, 90, 20], as_video(VOICE), tmp_path)
    data = still.path.read_bytes()
    assert len(data) == WIDTH * HEIGHT * 3
    line = WIDTH * 3
    assert data[:line] == data[-line:]
    middle = data[HEIGHT // 2 * line : (HEIGHT // 2 + 1) * line]
    assert middle != data[:line]


def test_what_becomes_of_a_voice_is_told_from_what_was_a_video() -> None:
    assert as_video(VOICE).is_voice
    assert as_video(VOICE).duration_ms == 2500


@pytest.mark.parametrize("name", ["audio.m4a", "cover.m4a"])
async def test_a_voice_becomes_a_video_with_all_its_rungs_at_once(name: str, tmp_path: Path) -> None:
    found, made = await voice_over(name, tmp_path)
    assert found.duration_ms == pytest.approx(2000, abs=30)
    assert (made.how, made.facts.codec, made.facts.width, made.facts.height) == ("encode", "h264", WIDTH, HEIGHT)
    assert made.facts.audio is not None
    assert made.facts.duration_ms == pytest.approx(found.duration_ms, abs=200)
    assert [one.name for one in made.renditions] == ["720p", "360p", AUDIO]
    assert picture_size(made.poster) == (WIDTH, HEIGHT)
    assert box_order(made.playable).index("moov") < box_order(made.playable).index("mdat")
    assert made.sound is not None
    assert made.sound.speech is not None


async def test_the_picture_is_there_from_the_beginning_to_the_end(tmp_path: Path) -> None:
    _, made = await voice_over("audio.m4a", tmp_path)
    ground = mean_colour(made.playable)
    last = tmp_path / "last.mkv"
    ffmpeg("-sseof", "-0.4", "-i", str(made.playable), "-frames:v", "1", "-c:v", "ffv1", str(last))
    assert mean_colour(last) == pytest.approx(ground, abs=3)


async def test_a_voice_is_held_against_the_same_limits() -> None:
    assert await code_of(clip("audio.m4a"), max_duration_ms=1000) == "too_long"
    assert await code_of(clip("text.mp4")) == "not_media"
    assert await code_of(clip("empty.mp4")) == "empty_file"


async def test_half_a_voice_is_no_voice(tmp_path: Path) -> None:
    whole = tmp_path / "whole.m4a"
    ffmpeg("-i", str(clip("audio.m4a")), "-c", "copy", "-movflags", "+faststart", str(whole))
    half = tmp_path / "half.m4a"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert await code_of(half) == "truncated"


async def test_a_container_that_does_not_say_how_long_it_is_is_believed(tmp_path: Path) -> None:
    bare = tmp_path / "bare.aac"
    ffmpeg("-i", str(clip("audio.m4a")), "-c", "copy", str(bare))
    assert (await probe_voice(bare, binaries=TOOLS.binaries)).duration_ms == pytest.approx(2000, abs=50)
