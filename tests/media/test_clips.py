from pathlib import Path

import pytest

from media.clips import Clip, Range, make_clip
from media.pipeline import make_ladder
from media.playlists import AUDIO
from media.probe import probe
from tests.clips import TOOLS, beeps_ms, clip, frames_luma

FRAME_MS = 40


async def cut(folder: Path, *ranges: Range) -> Clip:
    return await make_clip(ranges, folder, TOOLS)


async def shows(made: Path, source: Path, start_ms: int, end_ms: int) -> None:
    """The very frames of that range: each differs so much from those beside it that one off would show."""
    expected = frames_luma(source)[start_ms // FRAME_MS : end_ms // FRAME_MS]
    assert frames_luma(made) == pytest.approx(expected, abs=8)


async def test_a_clip_is_exact_to_the_frame(tmp_path: Path) -> None:
    source = clip("counted.mp4")
    made = await cut(tmp_path, Range(source, 1480, 3000))
    await shows(made.path, source, 1480, 3000)
    assert made.facts.duration_ms == 1520
    assert beeps_ms(made.path) == pytest.approx([520], abs=5)
    assert made.poster.stat().st_size > 0


async def test_a_clip_of_renditions_keeps_the_sound_in_step(tmp_path: Path) -> None:
    source = clip("counted.mp4")
    climbed = await make_ladder(source, await probe(source, binaries=TOOLS.binaries), tmp_path, TOOLS)
    video, audio = climbed.renditions[0].path, climbed.renditions[-1].path
    assert climbed.renditions[-1].name == AUDIO
    made = await cut(tmp_path, Range(video, 1480, 3000, audio))
    assert len(frames_luma(made.path)) == 38
    assert beeps_ms(made.path) == pytest.approx([520], abs=5)
    again = await cut(tmp_path, Range(climbed.progressive, 1480, 3000))
    await shows(again.path, climbed.progressive, 1480, 3000)


async def test_ranges_follow_one_another(tmp_path: Path) -> None:
    source = clip("counted.mp4")
    made = await cut(tmp_path, Range(source, 2480, 3480), Range(source, 1000, 1520))
    luma = frames_luma(source)
    assert frames_luma(made.path) == pytest.approx([*luma[62:87], *luma[25:38]], abs=8)
    assert beeps_ms(made.path) == pytest.approx([520, 1000], abs=25)


async def test_videos_of_another_shape_and_without_sound_can_be_joined(tmp_path: Path) -> None:
    made = await cut(tmp_path, Range(clip("plain.mp4"), 0, 1000), Range(clip("portrait.mp4"), 0, 520),
                     Range(clip("silent.mp4"), 480, 1000))  # fmt: skip
    assert (made.facts.width, made.facts.height) == (320, 240)
    assert made.facts.audio is not None
    assert abs(made.facts.duration_ms - 2040) < FRAME_MS


async def test_a_clip_of_a_silent_video_is_silent(tmp_path: Path) -> None:
    made = await cut(tmp_path, Range(clip("silent.mp4"), 200, 1000))
    assert made.facts.audio is None
    assert made.facts.duration_ms == 800


async def test_an_upright_clip_comes_of_a_video_that_lies(tmp_path: Path) -> None:
    made = await cut(tmp_path, Range(clip("portrait.mp4"), 0, 1000))
    assert (made.facts.width, made.facts.height) == (240, 320)
    assert made.facts.upright


async def test_an_end_just_beyond_the_video_is_its_end(tmp_path: Path) -> None:
    made = await cut(tmp_path, Range(clip("counted.mp4"), 3000, 4200))
    assert made.facts.duration_ms == 1000


@pytest.mark.parametrize(("start_ms", "end_ms"), [(-1, 1000), (1000, 1000), (2000, 1000), (0, 9000)])
async def test_a_range_outside_its_video_is_an_error_of_the_caller(start_ms: int, end_ms: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no range"):
        await cut(tmp_path, Range(clip("counted.mp4"), start_ms, end_ms))
