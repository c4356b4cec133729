"""Kinds of video that are in no folder of clips: upright, whole and in step, by each way a person may see them.

The rest of KINDS, and every real clip, go the same way in `make clips`.
"""

from pathlib import Path

import pytest

from tests.kinds import kind
from tests.sync import see
from tests.verdicts import wrong_with_kind
from tests.whole import make_whole

QUICK = [
    *["upright.mov", "mirrored.mp4", "located.mov", "uneven.mp4", "trimmed.mp4", "late_picture.mp4", "recorded.webm"],
    *["fragments.mp4", "drifting.mkv", "mpeg4.avi", "two_pictures.mov", "large.mov"],
]


@pytest.mark.parametrize("name", QUICK)
async def test_what_becomes_of_it_is_upright_whole_and_in_step(name: str, tmp_path: Path) -> None:
    assert await wrong_with_kind(name, tmp_path) == []


async def test_a_picture_that_stays_behind_its_sound_is_noticed() -> None:
    """The measure itself: a sound that comes 700 ms late."""
    assert round(see(kind("late_sound.mp4")).apart_s, 1) == 0.7
    assert see(kind("drifting.mkv")).errors_ms(0) != [0, 0, 0, 0]


async def test_a_clip_of_what_is_only_heard_holds_the_last_picture(tmp_path: Path) -> None:
    whole = await make_whole(kind("long_sound.mp4"), tmp_path)
    for path, clip in (await whole.cut(4500, 5500)).items():
        assert abs(clip.facts.duration_ms - 1000) < 50, path
        assert clip.facts.frames > 0, path


async def test_a_clip_of_less_than_a_frame_shows_the_frame_that_is_there(tmp_path: Path) -> None:
    whole = await make_whole(kind("tiny.mp4"), tmp_path)
    for path, clip in (await whole.cut(290, 318)).items():
        assert clip.facts.frames == 1, path
